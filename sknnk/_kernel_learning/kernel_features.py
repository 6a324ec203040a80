"""Rows as they are compared by a kernel: transformed, merged where equal, and with the kernel chosen for them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._compute import Array, one_blas_thread
from .._data import (
    QuantileMap,
    dense_inputs,
    distinct_rows,
    fitted_input_maps,
    sampled_rows,
    unit_rows,
    with_a_say,
)
from .._features import Candidate
from .._integration import NO_PROGRESS, Task
from .._kernels import numeric_length_scale
from .search import MIN_ROWS, KernelChoice, kernel_families, kernels_tried, search_kernel
from .trials import SearchTask, spread_of
from .wide_tables import learns_columns, row_coordinates, sees_distances_alone

# Up to this many distinct rows, all of them are centres, and the whole kernel matrix is factored.
EXACT_ROWS = 12_000
# Largest number of rows from which landmarks and the kernel are chosen.
SAMPLE_ROWS = 50_000


@dataclass(frozen=True, eq=False)
class KernelTask:
    """Distinct transformed rows in random order, and the kernel chosen for them.

    Parameters
    ----------
    input_map : QuantileMap or None
        Transform of the inputs.
    X, Y, sample_weight : ndarray
        The rows.
    choice : KernelChoice
        The kernel and its penalty.
    complete : bool
        Whether these are all rows of the table, not a sample of them.
    input_transform : {"quantile", "robust", "standard", None}
        Which transform it is.
    spread : ndarray of shape (n_targets,)
        Standard deviations by which errors of the targets are divided.
    """

    input_map: QuantileMap | None
    X: Array
    Y: Array
    sample_weight: Array
    choice: KernelChoice
    complete: bool
    input_transform: str | None
    spread: Array


def prepare_kernel(
    X: Any,
    Y: Array,
    sample_weight: Array,
    kernel: Candidate,
    alphas: Any,
    input_transform: str | None,
    learn_features: bool,
    seed: int,
    threads: int,
    progress: Task = NO_PROGRESS,
    learned_gain: float = 0.0,
    common_unit: bool = False,
) -> KernelTask:
    """Transform the rows, merge equal ones and choose the kernel on a sample of them.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Training rows.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    kernel : Candidate
        What the user fixed; every other entry is ``"auto"``. Directions do not matter.
    alphas : sequence of float or None
        Penalties to choose from.
    input_transform : {"auto", "quantile", "robust", "standard", None}
        Transform of the inputs.
    learn_features : bool
        Whether length scales of the columns, and axes, are learned.
    seed : int
        Seed of everything random.
    threads : int
        Threads of the search.
    progress : Task, optional
        The fit, of which the choice is a part.
    learned_gain : float, default=0.0
        Share of the error that learned length scales must gain over equal ones.
    common_unit : bool, default=False
        Whether all targets have the same unit, as classes have.

    Returns
    -------
    KernelTask
        Rows and kernel.
    """
    row_rng, order_rng, search_rng = np.random.default_rng(seed).spawn(3)
    families = kernel_families(kernel.activation, kernel.frequencies, X.shape[1])
    learn_features = learn_features and learns_columns(*X.shape)
    length_scale = numeric_length_scale(kernel.length_scale, X.shape[1])
    # A given length scale is in the unit of the first transform.
    first_only = length_scale is not None
    named = fitted_input_maps(X, sample_weight, input_transform, row_rng, first_only)
    transforms, maps = list(named), list(named.values())
    rows = sampled_rows(X.shape[0], max(SAMPLE_ROWS, EXACT_ROWS), row_rng)
    raw = X[rows]
    raw = np.asarray(raw if isinstance(raw, np.ndarray) else raw.toarray(), dtype=np.float64)
    # Equal rows are merged before the transform, so that every transform gives the same rows in the same order.
    inputs, targets, weight, groups = distinct_rows(raw, Y[rows], sample_weight[rows])
    places, drawn_targets, drawn_weight = unit_rows(np.arange(len(inputs)), targets, with_a_say(weight), search_rng)
    if len(inputs) < MIN_ROWS:
        families, learn_features, maps = families[:1], False, maps[:1]
    n_tried = kernels_tried(len(families), length_scale is None, learn_features, n_inputs=len(maps))
    compact = sees_distances_alone(families, length_scale, learn_features, (len(places), X.shape[1]))
    spread = spread_of(drawn_targets, drawn_weight, common_unit)
    with progress.part("choose-kernel", n_tried) as done:
        tasks = []
        for each in maps:
            mapped = dense_inputs(each, inputs[places])
            compared = row_coordinates(mapped, groups[places]) if compact else mapped
            tasks.append(SearchTask.of(compared, drawn_targets, drawn_weight, alphas, threads, done, spread))
        # There are many small factorisations. Threads of BLAS would mostly wait for each other, and use the cores
        # meanwhile.
        with one_blas_thread():
            choice = search_kernel(tasks, families, length_scale, learn_features, search_rng, learned_gain)
    if compact:
        choice = choice.with_equal_scales(X.shape[1])
    order, input_map, chosen = order_rng.permutation(len(inputs)), maps[choice.place], transforms[choice.place]
    inputs = dense_inputs(input_map, inputs[order])
    complete = isinstance(rows, slice)
    return KernelTask(input_map, inputs, targets[order], weight[order], choice, complete, chosen, spread)
