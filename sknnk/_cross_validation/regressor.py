"""BundledNetworkRegressorCV: a regression network, its number of features and penalty by cross-validation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import _make_indexable

from .._integration import reports_progress
from .._networks import BundledNetworkRegressor, NumericTargets, checked_rows
from .curves import SearchedRows
from .scorers import Labelled
from .search import CountSearch


class BundledNetworkRegressorCV(CallbackSupportMixin, MultiOutputMixin, RegressorMixin, CountSearch):
    """Regression network whose number of features and penalty are cross-validated in one pass.

    The features of a smaller network are the first of those of a larger one, and sums over rows can be taken apart: one
    pass over the rows answers for all numbers of features, all penalties and all folds. The scores are those that
    :class:`~sklearn.model_selection.GridSearchCV` finds for :class:`BundledNetworkRegressor`, without its refits.

    Parameters
    ----------
    n_components : int or array-like of int, default=(128, 256, 512, 1024, 2048)
        Numbers of random features to compare.
    alphas : float or array-like, default=(100.0, 10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5)
        Penalties to compare, for features of norm one. Of equal scores the one of the first counts.
    activations : "auto", str, callable, or list or tuple of these, default="gaussian"
        Activation of the bundled layer; several are a further axis of the grid, at the cost of one pass each.
    length_scales : "scale", "auto", float, or list or tuple, default="scale"
        Distance between transformed inputs over which features vary; several are a further axis of the grid, at the
        cost of one pass each. ``"scale"`` is the distance at which the kernel of two typical rows is ``1 / e``; where
        the kernel is ``"auto"``, so is its length scale. An entry of a list may be an array with one scale per column.
    directions : {"auto", "gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="orthogonal"
        Coupling of the random directions.
    frequencies : {"auto", "isotropic", "coordinatewise"}, default="isotropic"
        Coupling of the frequencies.
    preprocessing : {"once", "fold"}, default="once"
        Where the input transform and ``length_scales="scale"`` are fitted: ``"once"`` on all rows of `X`, never on `y`;
        ``"fold"`` on each training set, at the cost of one pass each. A kernel that is ``"auto"`` is chosen by the
        targets, and therefore needs ``"fold"``. In either case the direct link is scaled by each training set.
    cv : int, splitter or iterable of (train, test), default=None
        As in :class:`~sklearn.model_selection.GridSearchCV`; None is five folds.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in :class:`~sklearn.model_selection.GridSearchCV`; None is R2.
    refit : bool, str or callable, default=True
        With several scores the name of the one to choose by; or a function of `cv_results_` that returns the position
        of the chosen candidate. With False the search ends with its results.
    selection : {"best", "one_standard_error"}, default="best"
        ``"one_standard_error"`` chooses, among the candidates that the best one does not beat by more than the standard
        error of its mean over the splits, the one with fewest features, then the one with the largest penalty.
    return_train_score : bool, default=False
        Whether training sets are scored, too.
    input_transform : {"auto", "quantile", "robust"} or None, default="auto"
        As in :class:`BundledNetworkRegressor`.
    direct_link : bool, default=True
        Whether the transformed inputs reach the output matrix themselves, next to the random features.
    batch_size : "auto" or int, default="auto"
        Rows whose features are held at one time. Results do not depend on it but for rounding.
    n_jobs : int, optional
        Number of threads. None means as many as scikit-learn's own compiled code would use. Results do not depend on
        it but for rounding.
    random_state : int, RandomState instance or None, default=None
        Source of everything random, but for that of `cv`.
    verbose : int, default=0
        One line per kernel when positive.

    Attributes
    ----------
    cv_results_ : dict
        Parameters, scores, ranks and times of every candidate, as GridSearchCV has them. The time of what candidates
        share, the pass over the rows above all, is divided equally among them.
    best_params_ : dict
        Parameters of the chosen candidate, for :class:`BundledNetworkRegressor`.
    best_score_ : float
        Its mean test score; not with a callable `refit`.
    best_index_ : int
        Its position in `cv_results_`.
    best_estimator_ : BundledNetworkRegressor
        The chosen network, fitted to all rows; this estimator has its methods and its fitted attributes, too.
    n_components_ : int
        Chosen number of features.
    alpha_ : float or ndarray of shape (n_targets,)
        Chosen penalty, for each target.
    scorer_ : callable or dict of callables
        The scorers.
    multimetric_ : bool
        Whether there are several.
    n_splits_ : int
        Number of splits.
    refit_time_ : float
        Seconds that the final fit took.
    output_coef_ : ndarray of shape (n_columns,) or (n_targets, n_columns)
        The output matrix.
    intercept_ : float or ndarray of shape (n_targets,)
        The intercept.
    effective_dof_, noise_variance_ : float or ndarray of shape (n_targets,)
        As in :class:`BundledNetworkRegressor`.
    samplers_ : tuple of URFSampler
        The bundled layer.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, when `X` has string column names.

    See Also
    --------
    BundledNetworkRegressor : The network itself; its automatic choices are another way to the kernel and penalty.
    FeatureCountDisplay : The scores against the number of features, as a figure.

    Notes
    -----
    Weights count in the fit and, for scores that take weights, in the scores, as in GridSearchCV.
    Up to one and a half rows per column the features of all rows are held; beyond, only moments: squared errors and R2
    then take a single pass over the rows, in memory for one Gram matrix per fold, and other scores a second pass over
    the test rows.

    References
    ----------
    Sehanobish et al., "Scalable Neural Network Kernels", ICLR 2024, arXiv 2310.13225, section 4 (the explicit
    optimum); Stone, "Cross-validatory choice and assessment of statistical predictions", JRSS B 1974.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sknnk import BundledNetworkRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = BundledNetworkRegressorCV((32, 64, 128), random_state=0).fit(X, y)
    >>> len(model.cv_results_["params"]), sorted(model.best_params_)
    (24, ['alpha', 'n_components'])
    >>> model.predict(X[:2]).shape
    (2,)
    """

    __module__ = "sknnk"

    _parameter_constraints: dict = CountSearch._parameter_constraints
    _network_class = BundledNetworkRegressor
    _default_scoring = "r2"

    def __init__(
        self,
        n_components=(128, 256, 512, 1024, 2048),
        *,
        alphas=(100.0, 10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5),
        activations="gaussian",
        length_scales="scale",
        directions="orthogonal",
        frequencies="isotropic",
        preprocessing="once",
        cv=None,
        scoring=None,
        refit=True,
        selection="best",
        return_train_score=False,
        input_transform="auto",
        direct_link=True,
        batch_size="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.alphas = alphas
        self.activations = activations
        self.length_scales = length_scales
        self.directions = directions
        self.frequencies = frequencies
        self.preprocessing = preprocessing
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.selection = selection
        self.return_train_score = return_train_score
        self.input_transform = input_transform
        self.direct_link = direct_link
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @reports_progress(n_parts=2)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> "BundledNetworkRegressorCV":
        """Cross-validate every candidate, and fit the chosen network to all rows.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.
        **params : dict
            `groups` for the splitter; with metadata routing, whatever the splitter and the scorers request.

        Returns
        -------
        BundledNetworkRegressorCV
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If the data or a split cannot be used, or a parameter does not fit them.
        """
        self._validate_params()
        routed = self._routed(sample_weight, params)
        described, rows = checked_rows(self, X, y, sample_weight, {"multi_output": True, "y_numeric": True})
        targets = NumericTargets.of(rows.y, rows.X.dtype)
        X, y = _make_indexable(X), _make_indexable(y)
        splits = self._splits(X, y, rows.sample_weight, routed.splitter.split)
        Y, weight = targets.encode(rows.y, rows.X.dtype), rows.sample_weight
        task = SearchedRows(rows.X, Y, weight, lambda train: weight, True, Labelled(X, y), splits)
        self._search(task, targets, described, sample_weight, routed.scorer.score)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict targets with the chosen network, with their uncertainty if asked for.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Whether to return the standard deviation of new targets around the prediction as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        std : ndarray of the same shape
            Standard deviations, in units of the target; only with ``return_std=True``.
        """
        return self._chosen().predict(X, return_std)

    def predict_interval(self, X: Any, confidence_level: float = 0.9) -> NDArray[np.floating]:
        """Predict intervals that hold new targets with a given probability, by the chosen network.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        confidence_level : float, default=0.9
            Share of new targets that shall lie inside, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper ends, in units of the target.
        """
        return self._chosen().predict_interval(X, confidence_level)
