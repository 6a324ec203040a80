"""What scikit-learn and file formats ask of an estimator: progress, links to the documentation, saved files.

Nothing here computes a number. A new callback, a new file format or a new link of the HTML representation goes here.
"""

from .documentation import LinkedEstimator
from .execution import Execution
from .persistence import trusted_types
from .progress import UNWATCHED, Step, Task, no_step, watched

__all__ = [
    "UNWATCHED",
    "Execution",
    "LinkedEstimator",
    "Step",
    "Task",
    "no_step",
    "trusted_types",
    "watched",
]
