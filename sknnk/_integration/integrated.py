"""What every estimator of this package has beside its own."""

from .documentation import LinkedEstimator
from .parameters import SuggestedParameters
from .saved_files import VersionedState


class IntegratedEstimator(VersionedState, LinkedEstimator, SuggestedParameters):
    """Estimator whose files know their version, whose picture has a link, and that knows wrong names of parameters."""
