"""Where the HTML representation of an estimator links to, once the documentation has a public address."""

from importlib.metadata import PackageNotFoundError, metadata


def documentation_address() -> str | None:
    """Address that the installed package names for its documentation, under ``Documentation`` in its project URLs.

    Returns
    -------
    str or None
        Without a slash at the end; None where there is none, as long as the documentation is not published.
    """
    try:
        urls = metadata("sknnk").get_all("Project-URL", [])
    except PackageNotFoundError:
        return None
    for url in urls:
        label, _, address = url.partition(",")
        if label.strip().lower() == "documentation":
            return str(address).strip().rstrip("/")
    return None


class LinkedEstimator:
    """Estimator whose HTML representation links to its page in these pages, and to none while they have no address."""

    def _get_doc_link(self) -> str:
        """Address of the page of this class; scikit-learn asks for it, and leaves an empty one out."""
        address = documentation_address()
        if address is None:
            return ""
        package = "sknnk.dask" if type(self).__module__.startswith("sknnk.dask") else "sknnk"
        return f"{address}/generated/{package}.{type(self).__name__}.html"
