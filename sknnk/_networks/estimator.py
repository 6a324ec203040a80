"""What all bundled networks share: parameters, validation, and the one place where fitted attributes are written."""

from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._compute import ArraySpace, blas_threads_of, is_tensor, n_threads, tensor_space
from .._data import Dataset, TableEncoder, is_valid_already
from .._features import COUPLINGS, DIRECTIONS
from .._integration import Execution, IntegratedEstimator, current_progress, draft_of, replace_attributes
from .._kernels import ACTIVATIONS
from .access import fitted_network, table_encoder
from .fitted import FittedNetwork
from .losses import fit_any_loss
from .raw_tables import encoded_inputs, fitted_table, later_rows
from .specification import NetworkSpec
from .streaming import extend_network, warn_of_overlooked_columns
from .targets import ClassTargets, NumericTargets
from .tensor_rows import placed_attributes, refuse_tensors, same_space, tensor_rows_of
from .validation import DESCRIPTION, CheckedRows, checked_rows, description_of


class BundledNetwork(IntegratedEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A bundled network. Subclasses say what the targets mean."""

    _parameter_constraints: dict = {
        "n_components": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), tuple, list],
        "activation": [StrOptions({"auto", *ACTIVATIONS}), callable],
        "length_scale": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither"), "array-like"],
        "directions": [StrOptions({"auto", *DIRECTIONS})],
        "frequencies": [StrOptions({"auto", *COUPLINGS})],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left"), "array-like"],
        "solver": [StrOptions({"auto", "primal", "dual", "cg"})],
        "feature_map": [StrOptions({"auto", "random", "kernel"})],
        "block_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), None],
        "feature_learning": [StrOptions({"auto", "agop", "resample", "both"}), None],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "input_transform": [StrOptions({"auto", "quantile", "robust", "standard"}), None],
        "direct_link": ["boolean"],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # What scikit-learn checks of the targets.
    _target_checks: dict = {}

    def __init__(
        self,
        n_components="auto",
        *,
        activation="auto",
        length_scale="auto",
        directions="auto",
        frequencies="auto",
        alpha="auto",
        solver="auto",
        tol=1e-4,
        max_iter=200,
        feature_map="auto",
        block_size="auto",
        feature_learning="auto",
        input_transform="auto",
        direct_link=True,
        categorical_features="from_dtype",
        batch_size="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.activation = activation
        self.length_scale = length_scale
        self.directions = directions
        self.frequencies = frequencies
        self.alpha = alpha
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.feature_map = feature_map
        self.block_size = block_size
        self.feature_learning = feature_learning
        self.input_transform = input_transform
        self.direct_link = direct_link
        self.categorical_features = categorical_features
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def transform(self, X: Any) -> np.ndarray:
        """Evaluate the network up to its output matrix.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            The direct link, if there is one, and the features of the last bundled layer:
            ``transform(X) @ output_coef_.T + intercept_`` is the prediction.
        """
        fitted, X = self._fitted_for(X, "transform")
        return fitted.columns(X, self._execution())

    @property
    def feature_importances_(self) -> np.ndarray:
        """Shares of the input columns in what was learned, for scikit-learn's selection of features."""
        check_is_fitted(self)
        state: dict[str, Any] = self.__dict__  # from one dictionary, as in `_fitted_for`
        fitted, table = state["_fitted"], state.get("_table")
        return fitted.importances if table is None else table.summed(fitted.importances)

    def __sklearn_is_fitted__(self) -> bool:
        return "_fitted" in vars(self)

    def _fitted_for(self, X: Any, method: str) -> tuple[FittedNetwork, Any]:
        """Validate rows that a method was given, and give the network that they were validated for.

        A fit in another thread replaces the dictionary of attributes. So attributes from one dictionary belong
        together.
        """
        check_is_fitted(self)
        state: dict[str, Any] = self.__dict__
        fitted: FittedNetwork = state["_fitted"]
        table: TableEncoder | None = state.get("_table")
        if type(X) is not np.ndarray or type(state["output_coef_"]) is not np.ndarray:
            space = same_space(X, draft_of(self, state), method)
            if space is not None:
                return fitted, tensor_rows_of(draft_of(self, state), X, fitted, space)
        if is_valid_already(X, _n_unnamed_columns(state)):
            X = X if table is None else table(X)
        else:
            known = fitted.known_rows(X)
            X = encoded_inputs(draft_of(self, state), X, table) if known is None else known
        fitted.feature_map.check_range(X)
        return fitted, X

    def _execution(self, space: ArraySpace | None = None) -> Execution:
        """Give threads and blocks as the parameters say, the callbacks of the fit that runs, and where rows live."""
        batch_size = None if isinstance(self.batch_size, str) else int(self.batch_size)
        return Execution(n_threads(self.n_jobs), batch_size, current_progress(), space)

    def _check_params(self) -> None:
        """Refuse values that no parameter allows; a value of an earlier version with what to write now."""
        if self.feature_map == "landmarks":
            raise ValueError(
                "feature_map='landmarks' has another name now: write feature_map='kernel'. Its landmarks are "
                "n_components, and block_size=None keeps to landmarks alone."
            )
        self._validate_params()

    def _seed_of_folds(self) -> int:
        return NetworkSpec.of(self.get_params(deep=False)).seed()

    def _spec(self, targets: NumericTargets | ClassTargets, table: TableEncoder | None) -> NetworkSpec:
        spec = NetworkSpec.of(self.get_params(deep=False), targets.learned_gain)
        scale = spec.length_scale if table is None else table.spread(spec.length_scale, "length_scale")
        return replace(spec, length_scale=scale)

    def _fit_rows(self, X: Any, y: Any, sample_weight: Any) -> None:
        """Validate, fit and publish."""
        self._check_params()
        description, rows = checked_rows(self, X, y, sample_weight, self._target_checks)
        targets, data = self._encoded(None, rows)
        table, data = fitted_table(rows, data, self._seed_of_folds)
        execution = self._execution(rows.space)
        with blas_threads_of(execution.threads):
            fitted = fit_any_loss(self._spec(targets, table), data, targets, execution)
            fitted = self._calibrated(fitted, data, execution)
        self._publish(fitted, {**description, "_table": table}, rows.space)

    def _extend_rows(self, X: Any, y: Any, sample_weight: Any, **known: Any) -> None:
        """Validate, add to the fit and publish; `known` is what the targets are told beside `y`."""
        self._check_params()
        earlier = vars(self).get("_fitted")
        description, rows = checked_rows(self, X, y, sample_weight, self._target_checks, reset=earlier is None)
        refuse_tensors(rows.space, "partial_fit")
        targets, data = self._encoded(None if earlier is None else earlier.targets, rows, **known)
        table: TableEncoder | None
        if earlier is None:
            table, data = fitted_table(rows, data, self._seed_of_folds)
        else:
            table, data = later_rows(table_encoder(self), data)
            names = description.get("feature_names_in_")
            warn_of_overlooked_columns(earlier, data.X, names if table is None else table.names_of_columns(names))
        execution = self._execution()
        with blas_threads_of(execution.threads):
            fitted = extend_network(earlier, self._spec(targets, table), data, targets, execution)
            fitted = self._calibrated(fitted, None, execution)
        self._publish(fitted, {**description, "_table": table})

    def _encoded(
        self, targets: NumericTargets | ClassTargets | None, rows: CheckedRows, **known: Any
    ) -> tuple[NumericTargets | ClassTargets, Dataset]:
        """Targets of the network, and rows of positive weight; a subclass says how."""
        raise NotImplementedError

    def _calibrated(self, fitted: FittedNetwork, data: Dataset | None, execution: Execution) -> FittedNetwork:
        """The network with what its targets learn from the fit, or from the rows that it keeps; nothing here."""
        return fitted

    def _publish(
        self, fitted: FittedNetwork, description: dict[str, Any], space: ArraySpace | None = None, quiet: bool = False
    ) -> None:
        """Replace all fitted attributes at once, as arrays of NumPy or of a device.

        No other method writes them. So a fit that is interrupted earlier leaves the estimator as it was. What a
        subclass or a user has written stays.
        """
        earlier: FittedNetwork | None = vars(self).get("_fitted")
        written = {"_fitted", *DESCRIPTION, *(earlier.attributes() if earlier is not None else ())}
        kept = {name: value for name, value in vars(self).items() if name not in written}
        attributes = placed_attributes(fitted.attributes(), space)
        state = {**kept, **attributes, **description, "_fitted": fitted}
        if self.verbose and not quiet and fitted.solver is not None:
            print(
                f"[{type(self).__name__}] {fitted.n_samples} rows, {fitted.feature_map.n_columns} columns, "
                f"solver={fitted.solver}, alpha={state['alpha_']}, effective_dof={state['effective_dof_']}"
            )
        replace_attributes(self, state)

    @property
    def _n_features_out(self) -> int:
        return fitted_network(self).feature_map.n_columns

    def __sklearn_array_api_convert__(self, converter: Any) -> "BundledNetwork":
        """Return the same network with its fitted arrays in another library or on another device."""
        moved = draft_of(self)
        if "_fitted" in vars(moved):
            probe = converter(np.zeros(1))
            space = tensor_space(probe) if is_tensor(probe) else None
            moved._publish(fitted_network(moved), description_of(moved), space, quiet=True)
        return moved

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def as_estimator(estimator: Any, fitted: FittedNetwork, description: dict[str, Any]) -> Any:
    """Make an estimator the owner of a network that was fitted elsewhere.

    Parameters
    ----------
    estimator : BundledNetwork
        With the parameters of the network.
    fitted : FittedNetwork
        The network.
    description : dict of str to object
        `n_features_in_` and perhaps `feature_names_in_`.

    Returns
    -------
    BundledNetwork
        The same estimator, fitted.
    """
    estimator._publish(fitted, description)
    return estimator


def _n_unnamed_columns(state: dict[str, Any]) -> int | None:
    """Number of columns, if the columns of the fit had no names. Then nothing else has to be checked."""
    return None if "feature_names_in_" in state else state.get("n_features_in_")
