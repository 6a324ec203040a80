"""Networks fitted to Dask collections: larger than memory, on one machine or on many.

Needs the extra ``dask``. The networks of :mod:`sknnk` are fitted to sums over rows, and a sum does not depend on where
its rows are. So the fit to a collection is the fit to its rows, and the size of the partitions does not matter. Kernels
with rows of the table are solved in blocks of neighbours: rows go to their blocks once, and what blocks say is a sum,
too.
"""

try:
    import dask.array
    import dask.dataframe  # noqa: F401
    import distributed  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"sknnk.dask needs Dask with its arrays, data frames and scheduler ({error}); install them with "
        "`python -m pip install 'dask[array,dataframe]>=2025.1' 'distributed>=2025.1'`, or sknnk with its extra 'dask'."
    ) from error

from ._classification import DaskBundledNetworkClassifier
from ._regression import DaskBundledNetworkRegressor

__all__ = ["DaskBundledNetworkClassifier", "DaskBundledNetworkRegressor"]
