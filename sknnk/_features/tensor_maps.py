"""Maps from rows to columns on a device: the counterparts of `RandomMap`, `KernelMap` and `BlockMap`.

A counterpart copies what it needs to the device once. Rows come as tensors. They are transformed together, because that
takes many small steps, and their columns are computed in blocks that the caller cuts.
"""

from functools import singledispatch
from typing import Any

import numpy as np

from .._compute import ArraySpace, Indices, Tensor, stacked_rows, stacks_of, tensor_rows, wide_on_host
from .._data import TensorInputs
from .._kernels import TensorKernels, in_coordinates
from .block_map import BlockedKernel, BlockMap
from .kernel_map import KernelMap
from .random_map import RandomMap
from .tensor_features import check_tensor_range, fourier_tensor


class TensorRandomMap:
    """Layers of random features on a device, in the dtype of the rows.

    Parameters
    ----------
    space : ArraySpace
        Of the rows.
    layers : RandomMap
        Of NumPy.
    precision : {"float64", "float32"}
        Of the rows.
    """

    def __init__(self, space: ArraySpace, layers: RandomMap, precision: str) -> None:
        self.space, self.dtype, self.n_columns = space, space.dtype(precision), layers.n_columns
        self.inputs = TensorInputs(space, layers.input_map)
        self._layers = layers
        self._weights = [space.tensor(each.random_weights_, self.dtype) for each in layers.samplers]

    @property
    def score_width(self) -> int:
        """Columns of a row that are in memory while scores are computed."""
        return self.n_columns

    def check_range(self, X: Tensor) -> None:
        """Refuse rows whose projections overflow, where no input transform bounds them."""
        if self._layers.input_map is None:
            check_tensor_range(self.space, X, self._weights[0], self._layers.samplers[0].length_scale)

    def transformed(self, X: Tensor) -> Tensor:
        """Inputs of the first layer, in the dtype of the features."""
        return self.inputs(self.space.xp.astype(X, self.dtype, copy=False))

    def raw_columns(self, inputs: Tensor) -> Tensor:
        """Columns of transformed rows without `column_scale`, of shape (n_samples, n_columns)."""
        hidden = inputs
        link = [] if self._layers.link_scale is None else [float(self._layers.link_scale) * hidden]
        scale = 1.0
        for sampler, weights in zip(self._layers.samplers, self._weights, strict=True):
            is_last = sampler is self._layers.samplers[-1]
            scale = 1.0 if is_last else float(np.sqrt(2.0 / sampler.n_components))
            hidden = fourier_tensor(self.space, hidden, weights, sampler.n_components, scale)
        return self.space.xp.concat([*link, hidden], axis=1) if link else hidden

    def scores(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Products of raw columns and an output matrix of shape (n_columns, n_targets)."""
        return self.raw_columns(inputs) @ self.space.xp.astype(weights, self.dtype, copy=False)


class TensorKernelMap:
    """Kernels with rows of the table on a device; float32 only where the kernel map says that it is harmless.

    Parameters
    ----------
    space : ArraySpace
        Of the rows.
    centred : KernelMap
        Of NumPy.
    precision : {"float64", "float32"}
        Of the rows, which these columns do not depend on.
    """

    def __init__(self, space: ArraySpace, centred: KernelMap, precision: str) -> None:
        self.space, self.n_columns, self.dtype = space, centred.n_columns, space.wide
        self.inputs = TensorInputs(space, centred.input_map)
        self._kernels = TensorKernels(space, centred.kernels, "float32" if centred.single else "float64")
        self._centres = self._kernels.coordinates(space.wide_tensor(centred.centres))
        self._whitening = None if centred.whitening is None else space.wide_tensor(centred.whitening)

    @property
    def score_width(self) -> int:
        """Columns of a row that are in memory while scores are computed."""
        return self.n_columns

    def check_range(self, X: Tensor) -> None:
        """Accept every finite row: kernels do not overflow."""

    def transformed(self, X: Tensor) -> Tensor:
        """Inputs of the kernel, in the highest precision."""
        return self.inputs(self.space.xp.astype(X, self.space.wide))

    def raw_columns(self, inputs: Tensor) -> Tensor:
        """Columns of transformed rows, of shape (n_samples, n_columns)."""
        values = self._kernels.values(self._kernels.coordinates(inputs), self._centres)
        return values if self._whitening is None else values @ self._whitening

    def scores(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Products of raw columns and an output matrix of shape (n_columns, n_targets)."""
        columns = self.raw_columns(inputs)
        return columns @ self.space.xp.astype(weights, columns.dtype)


class TensorBlockMap:
    """Landmarks, and kernels with the rows of the own block, on a device.

    Parameters
    ----------
    space : ArraySpace
        Of the rows.
    blocks : BlockMap
        Of NumPy.
    precision : {"float64", "float32"}
        Of the rows, which these columns do not depend on.
    """

    def __init__(self, space: ArraySpace, blocks: BlockMap, precision: str) -> None:
        self.space, self.n_columns, self.dtype = space, blocks.n_columns, space.wide
        self.inputs = TensorInputs(space, blocks.input_map)
        self._kernels = TensorKernels(space, blocks.kernels, "float32" if blocks.single else "float64")
        self._map, self._starts = blocks, blocks.kernel.starts
        self._rows, self._landmarks = (
            self._kernels.coordinates(space.wide_tensor(rows)) for rows in (blocks.kernel.rows, blocks.kernel.landmarks)
        )
        self._local, self._overlap = space.wide_tensor(blocks.local), space.wide_tensor(blocks.overlap)

    @property
    def score_width(self) -> int:
        """Numbers of a row that are in memory while scores are computed: its kernels are, by blocks, for few rows."""
        return self._map.kernel.rows.shape[1] + self._local.shape[1]

    def check_range(self, X: Tensor) -> None:
        """Accept every finite row: kernels do not overflow."""

    def transformed(self, X: Tensor) -> Tensor:
        """Inputs of the kernel, in the highest precision."""
        return self.inputs(self.space.xp.astype(X, self.space.wide))

    def raw_columns(self, inputs: Tensor) -> Tensor:
        """Kernels with the landmarks and what the own block adds, of shape (n_samples, n_columns)."""
        xp = self.space.xp

        def columns(shared: Tensor, near: Tensor, overlap: Tensor) -> Tensor:
            shared = xp.astype(shared, self.dtype)
            return xp.concat([shared, near - shared @ overlap], axis=2)

        return self._by_block(inputs, columns)

    def scores(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Products of raw columns and an output matrix of shape (n_columns, n_targets)."""
        n_landmarks, xp = self._map.kernel.n_landmarks, self.space.xp
        shared_weights, own = weights[:n_landmarks, :], weights[n_landmarks:, :]

        def products(shared: Tensor, near: Tensor, overlap: Tensor) -> Tensor:
            coef = shared_weights - overlap @ own
            return xp.astype(shared @ xp.astype(coef, shared.dtype), self.dtype) + near @ own

        return self._by_block(inputs, products)

    def _near(self, a: list[Tensor], blocks: Indices) -> Tensor:
        """What the rows of the own blocks say, for stacks of coordinates, one for each block."""
        xp, (positions, is_own) = self.space.xp, stacked_rows(self._starts[blocks], self._starts[blocks + 1])
        places = self.space.tensor(positions)
        values = self._kernels.values(a, [_stack(xp, each, places) for each in self._rows])
        local = _stack(xp, self._local, places) * self.space.wide_tensor(is_own)[:, :, None]
        return xp.astype(values @ xp.astype(local, values.dtype), self.dtype)

    def _by_block(self, inputs: Tensor, function: Any) -> Tensor:
        """What a function gives for the rows of each block, in the order of the rows; many blocks at a time.

        The function gets stacks: kernels with the landmarks, what the own blocks say, and their overlap.
        """
        xp, a = self.space.xp, self._kernels.coordinates(inputs)
        # The tree is walked where it was grown, so that a row at a threshold falls on the same side.
        found = self._map.kernel.tree.block_of(in_coordinates(self._map.kernels[0], wide_on_host(inputs)))
        order, width = np.argsort(found, kind="stable"), max(self._map.kernel.n_landmarks, *np.diff(self._starts))
        most = tensor_rows(width)
        cuts = np.flatnonzero(np.diff(found[order], prepend=-1))
        pieces = [range(*pair, most) for pair in zip(cuts, np.append(cuts[1:], len(order)), strict=True)]
        starts = np.concatenate(pieces)
        stops = np.minimum(starts + most, np.concatenate([[each.stop] * len(each) for each in pieces]))
        blocks, results, rows = found[order[starts]], [], []
        for stack in stacks_of((stops - starts) * width):
            positions, is_own = stacked_rows(starts[stack], stops[stack])
            places = self.space.tensor(order[positions])
            stacks = [_stack(xp, each, places) for each in a]
            flat = [xp.reshape(each, (-1, each.shape[2])) for each in stacks]
            shared = xp.reshape(
                self._kernels.values(flat, self._landmarks), (*positions.shape, self._map.kernel.n_landmarks)
            )
            overlap = xp.take(self._overlap, self.space.tensor(blocks[stack]), axis=0)
            values = function(shared, self._near(stacks, blocks[stack]), overlap)
            results.append(xp.reshape(values, (-1, values.shape[2])))
            rows.append(np.where(is_own, order[positions], len(order)).ravel())
        # Rows that only fill up stacks come last.
        back = np.argsort(np.concatenate(rows), kind="stable")[: len(order)]
        return xp.take(xp.concat(results, axis=0), self.space.tensor(back), axis=0)


def _stack(xp: Any, rows: Tensor, places: Tensor) -> Tensor:
    """Rows at positions of shape (n_stacks, n_rows), with the shape of these in front."""
    return xp.reshape(xp.take(rows, xp.reshape(places, (-1,)), axis=0), (*places.shape, rows.shape[1]))


TensorMap = TensorRandomMap | TensorKernelMap | TensorBlockMap


@singledispatch
def tensor_map(feature_map: RandomMap | KernelMap | BlockMap, space: ArraySpace, precision: str) -> TensorMap:
    """Copy a map to a device.

    Parameters
    ----------
    feature_map : RandomMap, KernelMap or BlockMap
        Of NumPy.
    space : ArraySpace
        Where rows come from.
    precision : {"float64", "float32"}
        Of the rows.

    Returns
    -------
    TensorRandomMap, TensorKernelMap or TensorBlockMap
        The same columns.
    """
    raise TypeError(f"no map for tensors is known for {type(feature_map).__name__}.")


@tensor_map.register
def _(feature_map: RandomMap, space: ArraySpace, precision: str) -> TensorMap:
    return TensorRandomMap(space, feature_map, precision)


@tensor_map.register
def _(feature_map: KernelMap, space: ArraySpace, precision: str) -> TensorMap:
    return TensorKernelMap(space, feature_map, precision)


@tensor_map.register
def _(feature_map: BlockMap, space: ArraySpace, precision: str) -> TensorMap:
    return TensorBlockMap(space, feature_map, precision)


class TensorKernelRows:
    """Rows of a table on a device, whose kernel with each other can be computed; the counterpart of `SymmetricKernel`.

    Parameters
    ----------
    space : ArraySpace
        Where the kernel is computed.
    kernels : tuple of Kernel
        Summands of the kernel.
    rows : ndarray of shape (n_rows, n_features)
        Transformed rows.
    """

    def __init__(self, space: ArraySpace, kernels: Any, rows: np.ndarray) -> None:
        self.space, self.n_rows = space, len(rows)
        self._kernels, self._rows = tuple(kernels), space.wide_tensor(rows)

    def kernel_tensor(self, rows: slice, columns: slice, precision: str) -> Tensor:
        """The kernel of some rows with others, of shape (n_rows, n_columns), in new memory."""
        kernels = TensorKernels(self.space, self._kernels, precision)
        a, b = (kernels.coordinates(self._rows[some, :]) for some in (rows, columns))
        return kernels.values(a, b)


class TensorBlockedRows:
    """Rows in blocks on a device, and the columns that the blocks share; the counterpart of `BlockedKernel`.

    Parameters
    ----------
    space : ArraySpace
        Where the kernel is computed.
    kernel : BlockedKernel
        Of NumPy.
    """

    def __init__(self, space: ArraySpace, kernel: BlockedKernel) -> None:
        self.space, self.blocks, self.n_landmarks = space, kernel.blocks, kernel.n_landmarks
        self._rows, self._factor = space.wide_tensor(kernel.rows), space.wide_tensor(kernel.factor)
        self._kernels = {name: TensorKernels(space, kernel.kernels, name) for name in ("float32", "float64")}
        self._landmarks = self._kernels["float64"].coordinates(space.wide_tensor(kernel.landmarks))

    def _coordinates(self, positions: Tensor, precision: str) -> list[Tensor]:
        return self._kernels[precision].coordinates(_stack(self.space.xp, self._rows, positions))

    def shared_tensor(self, positions: Tensor) -> Tensor:
        """Columns of rows whose products are the kernel between blocks, in the highest precision.

        Of shape (n_blocks, n_rows, n_landmarks), for positions of shape (n_blocks, n_rows).
        """
        rows = [self.space.xp.reshape(each, (-1, each.shape[2])) for each in self._coordinates(positions, "float64")]
        columns = self.space.solve_lower(self._factor, self._kernels["float64"].values(rows, self._landmarks).T).T
        return self.space.xp.reshape(columns, (*positions.shape, self.n_landmarks))

    def among_tensor(self, positions: Tensor, precision: str) -> Tensor:
        """The kernel among the rows of each block, of shape (n_blocks, n_rows, n_rows), in new memory."""
        rows = self._coordinates(positions, precision)
        return self._kernels[precision].values(rows, rows)
