"""How a fit runs: on how many threads, in which blocks, and who is told of its progress."""

from dataclasses import dataclass, field

from .progress import NO_PROGRESS, Task


@dataclass(frozen=True, eq=False)
class Execution:
    """Circumstances of a computation; they change no result but for rounding.

    Parameters
    ----------
    threads : int, default=1
        Number of threads.
    batch_size : int, optional
        Upper bound on the rows of a block.
    progress : Task, optional
        The fit, of which the computation is a part.
    """

    threads: int = 1
    batch_size: int | None = None
    progress: Task = field(default=NO_PROGRESS)
