from sknnk import BundledNetworkRegressor
from sknnk._integration.tasks import NO_PROGRESS, ignore_step


def test_no_progress_takes_everything_and_does_nothing():
    assert ignore_step() is None
    with NO_PROGRESS.part("sum-rows", 3) as done, NO_PROGRESS.fit_of(BundledNetworkRegressor(), "refit"):
        assert done is NO_PROGRESS
        assert done() is None
