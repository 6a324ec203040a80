"""Networks of other losses than squares: columns that squares chose, and repeated weighted solutions with them.

`fitting` plans a fit: `guides` has squares choose the columns, `penalties` tries penalties on `samples`, and `solving`
repeats weighted solutions with all `rows`. `recipes` knows the losses by name, and `targets` what outputs mean.
"""

from .fitting import LossColumns, fit_any_loss, mean_curvature
from .rows import ColumnsHere
from .scores import explained_share
from .targets import LossTargets

__all__ = ["ColumnsHere", "LossColumns", "LossTargets", "explained_share", "fit_any_loss", "mean_curvature"]
