"""What scikit-learn and file formats ask of an estimator: progress, links to the documentation, saved files.

Nothing here computes a number. A new callback, a new file format or a new link of the HTML representation goes here.
"""

from .drafts import draft_of, replace_attributes
from .execution import Execution
from .integrated import IntegratedEstimator
from .persistence import trusted_types
from .progress import current_progress, reports_progress
from .saved_files import VersionedState, explain_files_of_format_1
from .tasks import NO_PROGRESS, Step, Task, ignore_step

__all__ = [
    "NO_PROGRESS",
    "Execution",
    "IntegratedEstimator",
    "Step",
    "Task",
    "VersionedState",
    "current_progress",
    "draft_of",
    "explain_files_of_format_1",
    "ignore_step",
    "replace_attributes",
    "reports_progress",
    "trusted_types",
]
