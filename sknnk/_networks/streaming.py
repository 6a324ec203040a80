"""Networks of rows that come chunk by chunk."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from .._data import Dataset
from .._integration import Execution
from .._ridge import Penalty, check_memory
from .fitted import FittedNetwork
from .fitting import PreparedNetwork, prepare_network, solved_sums
from .held_out import HeldOutRows
from .kernel_fitting import extend_kernel_network, fit_kernel_network
from .row_sums import summed_rows
from .specification import NetworkSpec
from .targets import ClassTargets, NumericTargets

# Rows of which all are kept, and everything is chosen anew: too few for quantiles, length scales and penalties that
# shall serve for ever. Each choice costs a search, which more rows would make too slow for chunks of single rows.
FEW_ROWS = 256


def extend_network(
    fitted: FittedNetwork | None,
    spec: NetworkSpec,
    data: Dataset,
    targets: NumericTargets | ClassTargets,
    execution: Execution,
) -> FittedNetwork:
    """Add rows to a network, or begin one that more rows can be added to.

    While a stream has few rows, all are kept, and every chunk makes a new network of them. Then the layers stay as they
    are, and sums over the rows are kept, with a sample of the rows for intervals and probabilities.

    Parameters
    ----------
    fitted : FittedNetwork or None
        The network so far; it is not changed.
    spec, data, targets, execution
        As in :func:`fit_network`.

    Returns
    -------
    FittedNetwork
        The network of all rows.

    Raises
    ------
    ValueError
        As :func:`fit_network`, or if the network keeps nothing that rows could be added to.
    """
    if fitted is not None and fitted.first_rows is None:
        data = data.in_weight_unit(fitted.weight_unit)
    penalty = spec.penalty(data.n_targets, data.weight_unit)
    if fitted is None or fitted.first_rows is not None:
        seed = spec.seed() if fitted is None else fitted.choice.seed
        rows = data if fitted is None or fitted.first_rows is None else fitted.first_rows.followed_by(data)
        begun = _begun(spec, rows, targets, spec.penalty(rows.n_targets, rows.weight_unit), execution, seed)
        # Copied, because the caller's array may change afterwards.
        return replace(begun, first_rows=rows.rows(np.arange(len(rows))) if len(rows) < FEW_ROWS else None)
    if fitted.kernel_rows is not None:
        return extend_kernel_network(fitted, data, targets, execution)
    choice = fitted.choice
    prepared = PreparedNetwork(
        fitted.feature_map, choice, fitted.target_units, replace(penalty, centre=choice.centre), fitted.weight_unit
    )
    sums = fitted.sums or fitted.solution.moments().scaled(1.0 / fitted.feature_map.column_scale)
    scaled = data.in_units(prepared.target_units)
    held_out = fitted.held_out
    if held_out is not None:
        held_out = held_out.joined(scaled, fitted.n_samples, choice.seed)
    sums = sums + summed_rows(prepared.feature_map, scaled, execution)
    return solved_sums(prepared, sums, targets, data.X.dtype, keep_sums=True, held_out=held_out)


def _begun(
    spec: NetworkSpec,
    data: Dataset,
    targets: NumericTargets | ClassTargets,
    penalty: Penalty,
    execution: Execution,
    seed: int,
) -> FittedNetwork:
    """A network of all rows so far, to which rows can be added: random columns, unless landmarks are asked for."""
    if spec.feature_map == "kernel":
        fitted = fit_kernel_network(spec, data, targets, penalty, execution, seed)
        return fitted if fitted.kernel_rows is not None else replace(fitted, sums=fitted.solution.moments())
    sizes = spec.layer_sizes(float(data.sample_weight.sum()))
    check_memory(spec.n_components, sizes, spec.n_linked(data.X.shape[1]), data.X.shape, "primal")
    scaled = data.in_units(data.units)
    prepared = prepare_network(spec, scaled, data.units, sizes, penalty, execution, seed)
    prepared.feature_map.check_range(data.X)
    sums = summed_rows(prepared.feature_map, scaled, execution)
    held_out = HeldOutRows.sample(scaled, seed)
    return solved_sums(prepared, sums, targets, data.X.dtype, keep_sums=True, held_out=held_out)


def warn_of_overlooked_columns(fitted: FittedNetwork, X: Any, names: Any = None) -> None:
    """Say which columns of new rows the input transform cannot tell apart, as they had one value when it was learned.

    Parameters
    ----------
    fitted : FittedNetwork
        The network so far.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        New rows.
    names : ndarray of shape (n_features,), optional
        Names of the columns.
    """
    input_map = fitted.feature_map.input_map
    if input_map is None or fitted.first_rows is not None:
        return
    columns = input_map.newly_varying(X)
    if columns.size:
        named = columns.tolist() if names is None else [str(names[j]) for j in columns]
        warnings.warn(
            f"Columns {named} had one value each in the first rows, so the network ignores their new values; start a "
            "new network with rows in which these columns vary, or use input_transform=None.",
            UserWarning,
            stacklevel=4,
        )
