"""The hidden part of a bundled network: what is "auto" is chosen on a sample of the rows, and the layers are drawn."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from scipy.linalg import norm as vector_norm

from .._compute import Array, Floats, Indices, one_blas_thread
from .._data import (
    distinct_rows,
    fitted_input_map,
    quantile_rows,
    sampled_rows,
    transform_inputs,
    unit_rows,
    with_a_say,
)
from .._features import Candidate, RandomMap, build_samplers, frequencies, own_frequencies, with_frequencies
from .._integration import NO_PROGRESS, Step, Task
from .._kernels import column_deviations, spectrum_of, typical_length_scale
from .kernel_features import EXACT_ROWS, SAMPLE_ROWS
from .resampling import MOST_ROUNDS, resampled
from .search import MIN_ROWS, kernel_families, kernels_tried, learned_kernels
from .successive_halving import Choice, candidates, halving_search, n_comparisons
from .trials import Fit, SearchTask, spread_of
from .wide_tables import is_wide, learns_columns, row_coordinates

# Up to this many rows, 1024 columns are as good as 2048.
_FEW_ROWS = 2000
# Largest number of rows on which the kernel is chosen.
_SEARCH_ROWS = 4000
# Length scales to compare, in units of the typical one.
_LENGTH_FACTORS = (1.0, 0.5, 2.0, 0.25, 4.0)
# The same for learned length scales. Random features may need shorter ones than the kernel itself.
_LEARNED_FACTORS = (1.0, 0.5)
# Directions whose distribution does not depend on the basis.
_TURNABLE = ("gaussian", "orthogonal")
# Largest number of rows on which frequencies are drawn again.
_RESAMPLED_ROWS = 3000
# Least number of them. With fewer rows, held-out errors are too uncertain.
_FEWEST_RESAMPLED = 200


def layer_sizes(n_components: Any, n_effective: float) -> tuple[int, ...]:
    """Columns of every bundled layer.

    Parameters
    ----------
    n_components : "auto", int, or sequence of int
        What the user gave.
    n_effective : float
        Number of rows, or the sum of their weights if that is larger.

    Returns
    -------
    tuple of int
        One number per layer.

    Raises
    ------
    ValueError
        If that is not one positive integer per layer.

    Examples
    --------
    >>> layer_sizes("auto", 1e5), layer_sizes((512, 1024), 1e5)
    ((2048,), (512, 1024))
    """
    if isinstance(n_components, str):
        return (1024,) if n_effective <= _FEW_ROWS else (2048,)
    sizes = (n_components,) if isinstance(n_components, Integral) else tuple(n_components)
    if not sizes or any(not isinstance(n, Integral) or isinstance(n, bool) or n < 1 for n in sizes):
        raise ValueError(
            f"n_components={n_components!r} must be 'auto', a positive integer, or one positive integer per bundled "
            "layer, e.g. (512, 1024)."
        )
    return tuple(int(n) for n in sizes)


def prepare_layers(
    X: Any,
    Y: Array,
    sample_weight: Array,
    kernel: Candidate,
    n_components: tuple[int, ...],
    input_transform: str | None,
    direct_link: bool,
    seed: int,
    penalty_given: bool = False,
    threads: int = 1,
    learning: Collection[str] = (),
    progress: Task = NO_PROGRESS,
    common_unit: bool = False,
) -> tuple[RandomMap, Choice]:
    """Choose what is "auto" on a sample of the rows and draw the layers.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Training rows.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    kernel : Candidate
        What the user fixed; every other entry is ``"auto"``.
    n_components : tuple of int
        Columns of every layer.
    input_transform : {"auto", "quantile", "robust", "standard", None}
        Transform of the inputs.
    direct_link : bool
        Whether the transformed inputs reach the output matrix themselves.
    seed : int
        Seed of everything random; the layers of a wider network begin with those of a narrower one.
    penalty_given : bool, default=False
        Whether there is no penalty to choose. If the kernel is fixed, too, there is no search.
    threads : int, default=1
        Threads for the search.
    learning : collection of {"agop", "resample"}, default=()
        Whether length scales and axes are learned, and compared with equal length scales; whether frequencies of the
        last layer are drawn again near those that matter.
    progress : Task, optional
        The fit, of which the choice is a part.
    common_unit : bool, default=False
        Whether all targets have the same unit, as classes have.

    Returns
    -------
    layers : RandomMap
        Fitted.
    choice : Choice
        The kernel, its cross-validated penalty, the history of the search, and the transform of the inputs.
    """
    row_rng, fold_rng, learning_rng, resampling_rng = np.random.default_rng(seed).spawn(4)
    seeds = tuple(int(word >> 1) for word in np.random.SeedSequence(seed).generate_state(len(n_components)))
    transform, input_map = fitted_input_map(X, sample_weight, input_transform, row_rng)
    rows = sampled_rows(X.shape[0], _SEARCH_ROWS, row_rng)
    inputs = transform_inputs(input_map, X[rows])
    deviations = column_deviations(inputs, sample_weight[rows])
    link_scale = 1.0 / (vector_norm(deviations) or 1.0) if direct_link else None

    def features(candidate: Candidate, inputs: Floats, size: int) -> Floats:
        sizes = tuple(min(size, n) for n in n_components)
        stack = RandomMap(None, link_scale, build_samplers(candidate, sizes, inputs, seeds))
        return stack.columns(inputs)

    distinct, targets, weight, groups = distinct_rows(inputs, Y[rows], sample_weight[rows])
    sample = distinct, targets, with_a_say(weight), groups
    options = _options(kernel, deviations)
    if len(options) == 1 and penalty_given and not learning:
        samplers = build_samplers(options[0], n_components, sample[0], seeds)
        return RandomMap(input_map, link_scale, samplers), Choice(options[0], None, [], transform)
    learned, searched = _possible(learning, sample[0].shape), _for_search(options, sample[0])
    spread = spread_of(*sample[1:3], common_unit)
    # Errors relative to the variance of each target become errors relative to the mean variance.
    shares = spread_of(*sample[1:3]) ** 2 if common_unit and spread.any() else None
    with progress.part("choose-kernel", _n_choices(kernel, len(options), learned, X.shape[1])) as done:
        if "agop" in learned:
            options += _learned_options(kernel, sample[:3], learning_rng, threads, done, spread)
        choice = halving_search(options, features, searched, *sample[1:], fold_rng, threads, done, shares)
        choice = replace(choice, input_transform=transform)
        layers = RandomMap(input_map, link_scale, build_samplers(choice.candidate, n_components, sample[0], seeds))
        if "resample" in learning:
            layers, choice = _resampled_layers(layers, choice, sample, resampling_rng, done, spread)
    return layers, choice


def _possible(learning: Collection[str], shape: tuple[int, int]) -> set[str]:
    """What can be learned of rows of this shape."""
    return set(learning) if learns_columns(*shape) else set(learning) - {"agop"}


def _for_search(options: Sequence[Candidate], inputs: Any) -> Any:
    """Rows that the options are compared on: of many columns, coordinates in the space of the rows.

    Dense directions are the same in every orthonormal basis, and so are penalties on a direct link.
    """
    n_samples, n_features = inputs.shape
    turnable = all(
        each.directions in _TURNABLE and each.frequencies == "isotropic" and isinstance(each.length_scale, float)
        for each in options
    )
    if not turnable or n_samples >= n_features or learns_columns(n_samples, n_features):
        return inputs
    return row_coordinates(inputs).astype(inputs.dtype)


def _resampled_layers(
    layers: RandomMap,
    choice: Choice,
    sample: tuple[Any, Array, Array, Indices],
    rng: np.random.Generator,
    done: Step,
    spread: Array,
) -> tuple[RandomMap, Choice]:
    """The layers with frequencies of the last one drawn again, where rows that are left out gain by it."""
    inputs, Y, sample_weight, groups = sample
    n_groups = int(groups[-1]) + 1 if groups.size else 0
    if n_groups < _FEWEST_RESAMPLED or choice.alpha is None:
        return layers, choice
    # Rows with equal inputs are neighbours, so that at most one of them is on both sides of the last third.
    rows = np.argsort(rng.permutation(n_groups)[groups], kind="stable")[:_RESAMPLED_ROWS]
    task = SearchTask.of(inputs[rows], Y[rows], sample_weight[rows], spread=spread)
    *front, last = layers.samplers
    axes = None if front else choice.candidate.axes
    stack, alpha = replace(layers, input_map=None), float(np.exp(np.mean(np.log(choice.alpha))))

    def drawn(n: int) -> Array:
        plan = {"scale_quantile": last.spectrum_.scales, "directions": last.directions, "coupling": last.frequencies}
        return frequencies(last.n_features_in_, n, rng=rng, **plan)

    def placed(vectors: Array) -> RandomMap:
        return replace(stack, samplers=(*front, with_frequencies(last, vectors, axes)))

    found = resampled(
        own_frequencies(last, axes),
        drawn,
        lambda vectors: placed(vectors).columns(task.X),
        *(task.Y, task.sample_weight, alpha, rng, layers.n_linked, done),
    )
    history = [(choice.candidate, len(rows), last.n_components, error) for error in found.errors]
    changed = replace(placed(found.frequencies), input_map=layers.input_map)
    return changed, replace(choice, alpha=choice.alpha * (found.alpha / alpha), history=choice.history + history)


def _n_choices(kernel: Candidate, n_options: int, learning: Collection[str], n_features: int) -> int:
    """Kernels and frequencies that are tried at most, those that are learned included."""
    rounds = (MOST_ROUNDS + 1) * ("resample" in learning)
    if "agop" not in learning:
        return rounds + n_comparisons(n_options)
    n_families = len(kernel_families(kernel.activation, kernel.frequencies, n_features))
    learned = (2 * n_families + 1) * len(_LEARNED_FACTORS)
    return rounds + kernels_tried(n_families, True, True, decide=False) + n_comparisons(n_options + learned)


def rows_looked_at(
    n_samples: int, input_transform: str | None, seed: int, with_kernels: bool = False
) -> tuple[Any, Any]:
    """Positions of the rows that a search looks at. They do not depend on the values of the rows.

    Parameters
    ----------
    n_samples : int
        Number of training rows.
    input_transform : {"auto", "quantile", "robust", "standard", None}
        Transform of the inputs.
    seed : int
        The seed that `prepare_layers` or `prepare_kernel` is given.
    with_kernels : bool, default=False
        Whether `prepare_kernel` searches, which keeps more rows.

    Returns
    -------
    quantile_rows, search_rows : slice or ndarray of int
        Increasing positions, ``slice(None)`` for all rows; the first is None without an input transform.

    Examples
    --------
    >>> rows_looked_at(100, None, seed=0)
    (None, slice(None, None, None))
    """
    rng = np.random.default_rng(seed).spawn(3)[0]
    for_quantiles = None if input_transform is None else quantile_rows(n_samples, rng)
    size = max(SAMPLE_ROWS, EXACT_ROWS) if with_kernels else _SEARCH_ROWS
    return for_quantiles, sampled_rows(n_samples, size, rng)


def _options(kernel: Candidate, deviations: Array) -> list[Candidate]:
    """Kernels to compare, with length scales around the typical one unless it is fixed."""

    def length_scales(activation: Any, directions: str, frequencies: str) -> list[Any]:
        if not isinstance(kernel.length_scale, str):
            return [kernel.length_scale]
        typical = typical_length_scale(deviations, spectrum_of(activation), directions, frequencies)
        return [factor * typical for factor in _LENGTH_FACTORS]

    found = candidates(*kernel[:3], length_scales)
    if not is_wide(deviations.size):
        return found
    # Only what was asked for, or the first family: of so many columns, single ones and products tell nothing more.
    return [each for each in found if each[:3] == found[0][:3]]


def _learned_options(
    kernel: Candidate,
    sample: tuple[Any, Array, Array],
    rng: np.random.Generator,
    threads: int,
    done: Step,
    spread: Array,
) -> list[Candidate]:
    """Kernels with one learned length scale per column."""
    X, Y, sample_weight = sample
    if len(Y) < MIN_ROWS:
        return []
    X = X if isinstance(X, np.ndarray) else X.toarray()
    rows = unit_rows(X, Y, sample_weight, rng)
    families = kernel_families(kernel.activation, kernel.frequencies, X.shape[1])
    with one_blas_thread():  # for many small factorisations
        fits = learned_kernels(SearchTask.of(*rows, None, threads, done, spread), families, rng)
    deviations = column_deviations(X, sample_weight)
    return [each for fit in fits for each in _as_candidates(kernel.directions, fit, deviations)]


def _as_candidates(directions: str, fit: Fit, deviations: Array) -> list[Candidate]:
    """A learned kernel as layers of random features: along dense directions and, by columns, along sparse ones."""
    learned = fit.kernels[0]
    dense = "orthogonal" if learned.frequencies == "isotropic" else "gaussian"
    if learned.projection is not None:
        # Sparse directions see columns, which axes mix.
        own = dense if directions in ("auto", "sparse") else directions
        axes = learned.scales[:, None] * learned.projection
        return [Candidate(learned.activation, own, "isotropic", factor, axes) for factor in _LEARNED_FACTORS]
    along = [directions] if directions != "auto" else [dense, "sparse"][: 1 if dense == "orthogonal" else 2]
    spectrum, coupling = spectrum_of(learned.activation), learned.frequencies
    units = [typical_length_scale(deviations * learned.scales, spectrum, each, coupling) for each in (dense, *along)]
    return [
        Candidate(learned.activation, each, coupling, factor * unit / units[0] / learned.scales)
        for each, unit in zip(along, units[1:], strict=True)
        for factor in _LEARNED_FACTORS
    ]
