"""How a fit is carried out: threads, rows at a time, and who is told of its progress."""

from dataclasses import dataclass
from typing import Any

from .tasks import NO_PROGRESS, Task


@dataclass(frozen=True, eq=False)
class Execution:
    """What changes the time and the memory of a fit, and its results by rounding alone.

    Parameters
    ----------
    threads : int, default=1
        Threads that compute features and factors; BLAS has its own.
    batch_size : int, optional
        Upper bound on the rows of a block; None for the number that is fastest.
    progress : Task, optional
        The fit, of which the work is a part; by default nobody watches.
    space : ArraySpace, optional
        Library and device where work that grows with the rows is done; None for NumPy.

    Examples
    --------
    >>> execution = Execution(threads=2)
    >>> execution.threads, execution.batch_size
    (2, None)
    >>> with execution.progress.part("sum-rows", n_steps=1) as done:
    ...     done()
    """

    threads: int = 1
    batch_size: int | None = None
    progress: Task = NO_PROGRESS
    space: Any = None
