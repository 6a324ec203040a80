import pytest

from sknnk import ArcCosineSampler, BundledNetworkClassifierCV, BundledNetworkRegressor
from sknnk._integration.saved_files import FILE_FORMAT


@pytest.mark.parametrize("kind", [ArcCosineSampler, BundledNetworkClassifierCV, BundledNetworkRegressor])
def test_every_estimator_has_all_of_it(kind):
    assert kind().__getstate__()["_sknnk_format"] == FILE_FORMAT
    assert kind()._get_doc_link() == ""
    with pytest.raises(ValueError, match=kind.__name__):
        kind().set_params(verbosity=1)
