"""What scikit-learn and file formats ask of an estimator: progress, links to the documentation, saved files.

Nothing here computes a number. A new callback, a new file format or a new link of the HTML representation goes here.
"""

from .documentation import LinkedEstimator
from .persistence import trusted_types
from .progress import NO_PROGRESS, Step, Task, ignore_step, reports_progress

__all__ = [
    "NO_PROGRESS",
    "LinkedEstimator",
    "Step",
    "Task",
    "ignore_step",
    "reports_progress",
    "trusted_types",
]
