"""The input transform of a network on tensors."""

import numpy as np

from .._compute import ArraySpace, Tensor, interpolated
from .quantiles import QuantileMap


class TensorInputs:
    """A transform of the inputs whose knots are on a device.

    Parameters
    ----------
    space : ArraySpace
        Of the rows.
    input_map : QuantileMap or None
        The transform.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.externals.array_api_compat import numpy
    >>> from sknnk._data import fit_quantile_map
    >>> inputs = TensorInputs(ArraySpace(numpy, "cpu"), fit_quantile_map(np.array([[1.0, 10.0, 1e6]])))
    >>> inputs(np.array([[10.0], [1e9]])).round(3).ravel()
    array([0.   , 1.225])
    """

    def __init__(self, space: ArraySpace, input_map: QuantileMap | None) -> None:
        self._space, self._columns = space, None
        if input_map is not None:
            self._columns = [self._placed(*each) for each in zip(input_map.knots, input_map.scores, strict=True)]

    def _placed(self, knots: np.ndarray, scores: np.ndarray) -> tuple[Tensor, ...]:
        if len(knots) == 1:
            # A column that had one value: as a map of two knots that does not rise.
            knots, scores = np.append(knots, knots + 1.0), np.append(scores, scores)
        slopes = np.diff(scores) / np.maximum(np.diff(knots), np.finfo(np.float64).tiny)
        wide = (self._space.wide_tensor(each) for each in (knots, scores, slopes))
        return tuple(wide)

    def __call__(self, X: Tensor) -> Tensor:
        """Transformed rows, of the shape and dtype of `X`."""
        if self._columns is None:
            return X
        xp = self._space.xp
        wide = xp.astype(X, self._space.wide)
        columns = [interpolated(self._space, wide[:, j], *each) for j, each in enumerate(self._columns)]
        return xp.astype(xp.stack(columns, axis=1), X.dtype)
