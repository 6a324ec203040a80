from email.message import Message
from importlib.metadata import PackageNotFoundError

import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sknnk import ArcCosineSampler, BundledNetworkClassifierCV, BundledNetworkRegressor, URFSampler
from sknnk._integration import documentation
from sknnk._integration.documentation import documentation_address

ADDRESS = "https://example.org/sknnk/"


@pytest.fixture
def urls(monkeypatch):
    """Make the installed package name these addresses."""

    def named(*values):
        message = Message()
        for value in values:
            message["Project-URL"] = value
        monkeypatch.setattr(documentation, "metadata", lambda name: message)

    return named


def test_the_address_is_the_one_that_the_package_names(urls):
    urls("Source, https://example.org/code", f"Documentation, {ADDRESS}")
    assert documentation_address() == ADDRESS.rstrip("/")
    urls("Source, https://example.org/code")
    assert documentation_address() is None


def test_a_package_that_is_not_installed_has_no_address(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(documentation, "metadata", missing)
    assert documentation_address() is None


@pytest.mark.parametrize("kind", [BundledNetworkRegressor, BundledNetworkClassifierCV, URFSampler, ArcCosineSampler])
def test_the_picture_links_to_the_page_of_its_class(urls, kind):
    urls(f"Documentation, {ADDRESS}")
    assert f'href="{ADDRESS}generated/sknnk.{kind.__name__}.html"' in kind()._repr_html_()


def test_the_networks_on_dask_have_pages_of_their_own(urls):
    dask = pytest.importorskip("sknnk.dask", exc_type=ImportError)
    urls(f"Documentation, {ADDRESS}")
    network = dask.DaskBundledNetworkRegressor()
    assert network._get_doc_link() == f"{ADDRESS}generated/sknnk.dask.DaskBundledNetworkRegressor.html"


def test_without_an_address_nothing_of_ours_is_linked(urls):
    urls()
    pipeline = make_pipeline(URFSampler(), Ridge())
    assert "generated/sknnk" not in pipeline._repr_html_()
    assert URFSampler()._get_doc_link() == ""
