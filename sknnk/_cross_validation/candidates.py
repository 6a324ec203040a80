"""The networks that a search compares: what they share, prepared once for each kernel."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from sklearn.base import clone

from .._compute import Array
from .._data import Dataset, transform_inputs
from .._features import Candidate, RandomMap
from .._integration import Execution
from .._kernel_learning import prepare_layers
from .._kernels import ACTIVATIONS, column_deviations, spectrum_of, typical_length_scale
from .._networks import (
    BundledNetwork,
    ClassTargets,
    FittedNetwork,
    HeldOutRows,
    NetworkSpec,
    NumericTargets,
    PreparedNetwork,
    as_estimator,
    prepare_network,
)
from .._ridge import Penalty, RidgeSystem, solve_system


def check_activations(given: Any, values: Iterable[Any]) -> None:
    """Refuse names of no activation, before a layer of a name that the user did not write refuses them.

    Parameters
    ----------
    given : object
        The parameter `activations`, for the message.
    values : iterable
        What it holds.

    Raises
    ------
    ValueError
        If a name is unknown.

    Examples
    --------
    >>> check_activations("gelu", ["gelu"])
    """
    for value in values:
        if isinstance(value, str) and value not in {"auto", *ACTIVATIONS}:
            raise ValueError(
                f"activations={given!r} holds {value!r}, which is no activation; there are "
                f"{', '.join(sorted(ACTIVATIONS))}, and functions of yours."
            )


@dataclass(frozen=True, eq=False)
class SearchPlan:
    """A kernel to search with, before any row is looked at.

    Parameters
    ----------
    estimator : BundledNetwork
        Not fitted, with the parameters of the kernel, the largest number of features and an integer seed.
    targets : NumericTargets or ClassTargets
        What the targets mean.
    description : dict of str to object
        `n_features_in_` and perhaps `feature_names_in_`.
    execution : Execution
        Threads, blocks and progress.
    """

    estimator: BundledNetwork
    targets: NumericTargets | ClassTargets
    description: dict[str, Any]
    execution: Execution

    @property
    def spec(self) -> NetworkSpec:
        """The parameters as a value."""
        return NetworkSpec.of(self.estimator.get_params(deep=False), self.targets.learned_gain)

    def candidate(self, count: int, alpha: float) -> BundledNetwork:
        """Give the estimator of one candidate, not fitted."""
        return clone(self.estimator).set_params(n_components=count, alpha=alpha)

    def with_length_scale(self, data: Dataset) -> "SearchPlan":
        """Turn the length scale ``"scale"`` into the distance at which the kernel of two typical rows is ``1 / e``.

        Parameters
        ----------
        data : Dataset
            Rows that may be looked at; their targets play no part.

        Returns
        -------
        SearchPlan
            This one where the length scale is a number or automatic already.
        """
        spec = self.spec
        if not (isinstance(spec.length_scale, str) and spec.length_scale == "scale"):
            return self
        kernel = (spec.activation, spec.directions, spec.frequencies)
        if any(isinstance(choice, str) and choice == "auto" for choice in kernel):
            return self._with_parameters(length_scale="auto")
        plan = (Candidate(*kernel, 1.0), (1,), spec.input_transform, False, 0)
        layers, _ = prepare_layers(data.X, data.Y, data.sample_weight, *plan, penalty_given=True)
        deviations = column_deviations(transform_inputs(layers.input_map, data.X), data.sample_weight)
        scale = typical_length_scale(deviations, spectrum_of(spec.activation), spec.directions, spec.frequencies)
        return self._with_parameters(length_scale=scale)

    def _with_parameters(self, **parameters: Any) -> "SearchPlan":
        return replace(self, estimator=clone(self.estimator).set_params(**parameters))

    def prepared(self, data: Dataset) -> "PreparedPlan":
        """Fix the units, the layers and what is automatic.

        Parameters
        ----------
        data : Dataset
            Rows that may be looked at.

        Returns
        -------
        PreparedPlan
            Ready to be solved.
        """
        plan = self.with_length_scale(data)
        spec, units = plan.spec, data.units
        # Every candidate has a penalty that is given.
        penalty, sizes = Penalty(np.ones((1, 1))), (int(spec.n_components),)
        scaled = data.in_units(units)
        prepared = prepare_network(spec, scaled, units, sizes, penalty, plan.execution)
        prepared.feature_map.check_range(data.X)
        return PreparedPlan(plan, prepared)


@dataclass(frozen=True, eq=False)
class PreparedPlan:
    """A kernel with its columns, for any number of features up to the largest.

    Parameters
    ----------
    plan : SearchPlan
        The parameters.
    network : PreparedNetwork
        With the largest number of features.
    """

    plan: SearchPlan
    network: PreparedNetwork

    @property
    def feature_map(self) -> RandomMap:
        """Columns of the largest network."""
        feature_map = self.network.feature_map
        assert isinstance(feature_map, RandomMap)
        return feature_map

    @property
    def target_units(self) -> Array:
        """Powers of two by which targets are divided."""
        return self.network.target_units

    def weighted_as(self, data: Dataset) -> Self:
        """Take the unit of the weights of other rows, or of other weights of the same ones."""
        return replace(self, network=replace(self.network, weight_unit=data.weight_unit))

    def penalties(self, alphas: Array) -> Array:
        """Penalties of the user, of shape (n_alphas,), in the unit of the weights."""
        penalty = replace(self.plan.spec, alpha=alphas).penalty(1, self.network.weight_unit)
        assert penalty.candidates is not None
        return penalty.candidates[:, 0]

    def solved(self, feature_map: RandomMap, system: RidgeSystem, alpha: float, dtype: Any) -> FittedNetwork:
        """Complete a network with a solution.

        Parameters
        ----------
        feature_map : RandomMap
            The columns, or the first of their features.
        system : RidgeSystem
            The diagonalised problem for these columns.
        alpha : float
            Penalty, in the unit of the weights.
        dtype : dtype
            Of the rows.

        Returns
        -------
        FittedNetwork
            The network.
        """
        count = feature_map.samplers[-1].n_components
        choice = replace(self.network.choice, n_components=(count,))
        network = replace(self.network, feature_map=feature_map, choice=choice)
        solver = "primal" if system.basis.shape[1] == feature_map.n_columns else "dual"
        return network.completed(solve_system(system, Penalty(np.array([[alpha]]))), self.plan.targets, dtype, solver)

    def completed(self, fitted: FittedNetwork, data: Dataset) -> FittedNetwork:
        """Add what intervals or probabilities need.

        Parameters
        ----------
        fitted : FittedNetwork
            What `solved` gave.
        data : Dataset
            Its training rows, targets in their own units.

        Returns
        -------
        FittedNetwork
            The network.
        """
        held_out = HeldOutRows.sample(data.in_units(self.target_units), self.network.choice.seed)
        complete = replace(fitted, held_out=held_out)
        if isinstance(fitted.targets, ClassTargets):
            return complete.with_probabilities(data, self.plan.execution)
        return complete

    def as_candidate(self, fitted: FittedNetwork) -> BundledNetwork:
        """Give the estimator of a fitted network."""
        (count,), alpha = fitted.choice.n_components, float(fitted.solution.alpha[0] * fitted.weight_unit)
        return as_estimator(self.plan.candidate(count, alpha), fitted, self.plan.description)


def leading_features(layers: RandomMap, count: int, link_scale: float | None) -> RandomMap:
    """Keep only the first features of the last layer.

    Parameters
    ----------
    layers : RandomMap
        Of one bundled layer with an integer seed.
    count : int
        Number of features.
    link_scale : float or None
        Factor of the direct link.

    Returns
    -------
    RandomMap
        What a network of that many components has.
    """
    [sampler] = layers.samplers
    # Drawing again costs little. The length scale is a number, so `fit` does not depend on the row.
    row = np.zeros((1, sampler.n_features_in_), dtype=sampler.random_weights_.dtype)
    narrow = clone(sampler).set_params(n_components=count).fit(row)
    return replace(layers, link_scale=link_scale, samplers=(narrow,))


def link_scale_of(prepared: PreparedPlan, data: Dataset) -> float | None:
    """Factor that a network fitted to some rows would give the direct link.

    Parameters
    ----------
    prepared : PreparedPlan
        Gives the kernel.
    data : Dataset
        Rows whose inputs are transformed already.

    Returns
    -------
    float or None
        None without a direct link.
    """
    choice = prepared.network.choice
    kernel = Candidate(choice.activation, str(choice.directions), choice.frequencies, 1.0)
    plan = (kernel, (1,), None, True, choice.seed)
    layers, _ = prepare_layers(data.X, data.Y, data.sample_weight, *plan, penalty_given=True)
    return layers.link_scale
