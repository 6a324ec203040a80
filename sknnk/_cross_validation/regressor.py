"""BundledNetworkRegressorCV: a regression network, its number of features and penalty by cross-validation."""

from typing import Any

from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.metrics import make_scorer
from sklearn.utils.validation import _make_indexable

from .._compute import Floats
from .._integration import reports_progress
from .._networks import BundledNetworkRegressor, LossTargets, NumericTargets, explained_share
from .curves import SearchedRows
from .raw_tables import encoded_rows
from .scorers import Labelled
from .search import CountSearch

# Losses that are scored by another one.
_SCORED = {"huber": "absolute_error"}


class BundledNetworkRegressorCV(CallbackSupportMixin, MultiOutputMixin, RegressorMixin, CountSearch):
    """Regression network whose number of features and penalty are cross-validated in one pass.

    One pass over the rows gives the scores for all numbers of features, all penalties and all folds. There are two
    reasons: a smaller network uses the first features of a larger one, and the sums of a training set are the sums of
    all rows minus those of its test set. :class:`~sklearn.model_selection.GridSearchCV` finds the same scores, but fits
    a :class:`BundledNetworkRegressor` for each candidate and fold.

    Parameters
    ----------
    n_components : int or array-like of int, default=(128, 256, 512, 1024, 2048)
        Numbers of random features to compare.
    loss : {"squared_error", "huber", "absolute_error", "quantile", "poisson", "gamma"}, default="squared_error"
        As in :class:`BundledNetworkRegressor`. With other losses than squared errors one pass is not enough: each
        candidate takes up to 12 passes over its training set, as in a grid search.
    quantile : float or array-like of float, default=0.5
        Level, or levels, of ``loss="quantile"``.
    alphas : "auto", float or array-like, default="auto"
        Penalties to compare, for features of norm one. If several have equal scores, the first is chosen. ``"auto"``
        takes powers of ten from 100 to 1e-5, times the weight of one row, so a common factor of the weights changes
        nothing. With other losses than squared errors they are multiplied by the mean curvature of the loss.
    activations : "auto", str, callable, or list or tuple of these, default="gaussian"
        Activation of the layer, which determines the kernel. A list or tuple adds an axis to the grid, and each value
        costs one pass over the rows. ``"auto"`` chooses on each training set and needs ``preprocessing="fold"``.
    length_scales : "scale", "auto", float, or list or tuple, default="scale"
        Distance, in transformed inputs, over which the kernel falls. ``"scale"`` is the distance at which the kernel of
        two typical rows is ``1 / e``; if another parameter of the kernel is ``"auto"``, it means ``"auto"``. ``"auto"``
        chooses on each training set and needs ``preprocessing="fold"``. A list or tuple adds an axis to the grid, and
        each value costs one pass over the rows. An entry of a list may be an array with one scale for each column.
    directions : {"auto", "gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="orthogonal"
        How random directions are drawn, as in :class:`URFSampler`. ``"auto"`` chooses on each training set and needs
        ``preprocessing="fold"``.
    frequencies : {"auto", "isotropic", "coordinatewise"}, default="isotropic"
        As in :class:`BundledNetworkRegressor`. ``"auto"`` chooses on each training set and needs
        ``preprocessing="fold"``.
    preprocessing : {"once", "fold"}, default="once"
        Which rows are used to fill missing values, to find rare categories, and to fit the input transform and
        ``length_scales="scale"``. ``"once"`` uses all rows of `X`, and never `y`; its scores on folds in the order of
        time are too good. ``"fold"`` uses each training set by itself, and takes one pass over the rows for each. A
        parameter of the kernel that is ``"auto"`` is chosen by the targets, and therefore needs ``"fold"``. The direct
        link is always scaled by the training set. With other losses than squared errors, the input transform is always
        fitted to the training set, too.
    cv : int, splitter or iterable of (train, test), default=None
        As in :class:`~sklearn.model_selection.GridSearchCV`. None is five folds, which are stratified for classes.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in :class:`~sklearn.model_selection.GridSearchCV`. None is R2. With other losses than squared errors, None is
        the explained share (D2) of the deviance or of the pinball loss. With ``"huber"`` it is the explained share of
        the absolute error, because a few wild targets in the test rows would decide R2.
    refit : bool, str or callable, default=True
        Whether to fit the chosen candidate to all rows. With several scores: the name of the score that decides. A
        function gets `cv_results_` and returns the position of the chosen candidate. With False there is no fitted
        network, only results.
    selection : {"best", "one_standard_error"}, default="best"
        ``"best"`` chooses the candidate of the best mean score. ``"one_standard_error"`` prefers small networks: among
        all candidates at most one standard error below the best mean score, it chooses the one with fewest features,
        then the one with the largest penalty. The standard error is computed from the scores of the best candidate on
        all splits.
    return_train_score : bool, default=False
        Whether training sets are scored, too.
    input_transform : {"auto", "quantile", "robust", "standard"} or None, default="auto"
        As in :class:`BundledNetworkRegressor`. ``"auto"`` is ``"quantile"`` but for tables of almost nothing but zeros.
    direct_link : bool, default=True
        Whether the transformed inputs are features, too, next to random features. With kernels and targets that are
        numbers: whether a straight line may be added, if columns drift in the order of the rows, such as time.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        As in :class:`BundledNetworkRegressor`. Categories of more than 40 values are encoded as means of the targets,
        and therefore need ``preprocessing="fold"``.
    batch_size : "auto" or int, default="auto"
        Most rows whose features are in memory at one time. ``"auto"`` is fastest. Results differ only by rounding.
    n_jobs : int, optional
        Number of threads. None uses as many as scikit-learn's own compiled code. With 1, a fit also keeps BLAS to one
        thread; otherwise BLAS has its own number. Results differ only by rounding.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random, except for the splits of `cv`.
    verbose : int, default=0
        A positive number prints a line when a stage of the search begins or ends, and for each kernel. From 2 on, a bar
        shows the progress of a stage.

    Attributes
    ----------
    cv_results_ : dict
        Parameters, scores, ranks and times of every candidate, with the keys of GridSearchCV. The time of a pass over
        the rows is divided equally among its candidates.
    best_params_ : dict
        Parameters of the chosen candidate.
    best_score_ : float
        Mean test score of the chosen candidate. It is missing if `refit` is a function.
    best_index_ : int
        Position of the chosen candidate in `cv_results_`.
    best_estimator_ : BundledNetworkRegressor
        The chosen network, fitted to all rows. This estimator also has the methods and fitted attributes of the
        network.
    n_components_ : int
        Chosen number of features.
    alpha_ : float or ndarray of shape (n_targets,)
        Chosen penalty, for each target.
    scorer_ : callable or dict of callables
        The scorers.
    multimetric_ : bool
        Whether there are several scores.
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
        The layer with random features.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, when `X` has string column names.

    See Also
    --------
    BundledNetworkRegressor : The network itself. Its defaults take kernels, and learn length scales; those here do not.
    FeatureCountDisplay : The scores against the number of features, as a figure.

    Notes
    -----
    As in GridSearchCV, weights count in the fit, and in the scores that take weights. With up to one and a half rows
    for each column, the features of all rows are kept in memory. With more rows only one Gram matrix for each fold is
    kept. Squared errors and R2 are then computed from a single pass over the rows. Other scores take a second pass over
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

    _parameter_constraints: dict = {
        **CountSearch._parameter_constraints,
        **{name: BundledNetworkRegressor._parameter_constraints[name] for name in ("loss", "quantile")},
    }
    _network_class = BundledNetworkRegressor

    def __init__(
        self,
        n_components=(128, 256, 512, 1024, 2048),
        *,
        loss="squared_error",
        quantile=0.5,
        alphas="auto",
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
        categorical_features="from_dtype",
        batch_size="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.loss, self.quantile = loss, quantile
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
        self.categorical_features = categorical_features
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _default_scoring(self) -> Any:
        """R2, or how much of the loss is explained."""
        if self.loss == "squared_error":
            return "r2"
        return make_scorer(explained_share, loss=_SCORED.get(self.loss, self.loss), quantile=self.quantile)

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
            `groups` for the splitter. With metadata routing, also everything that the splitter and the scorers request.

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
        routed = self._routed("fit", sample_weight, params)
        described, rows, table = encoded_rows(self, X, y, sample_weight, {"multi_output": True, "y_numeric": True})
        if self.loss == "squared_error":
            targets = NumericTargets.of(rows.y, rows.X.dtype)
        else:
            targets = LossTargets.for_loss(rows.y, rows.X.dtype, self.loss, self.quantile)
        X, y = _make_indexable(X), _make_indexable(y)
        splits = self._splits(X, y, rows.sample_weight, routed.splitter.split)
        Y, weight = targets.encode(rows.y, rows.X.dtype), rows.sample_weight
        task = SearchedRows(rows.X, Y, weight, lambda train: weight, True, Labelled(X, y), splits, table)
        self._search(task, targets, described, sample_weight, routed.scorer.score)
        return self

    def predict(self, X: Any, return_std: bool = False, return_interval: float | None = None) -> Any:
        """Predict targets with the chosen network, and on request their standard deviations or intervals.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Whether to return the standard deviation of new targets around the prediction, too.
        return_interval : float, optional
            Confidence level of the intervals to return, too: those of `predict_interval`, through a pipeline.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        std : ndarray of the same shape
            Standard deviations, in units of the target; only with ``return_std=True``.
        interval : ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper ends, in units of the target; only with `return_interval`.
        """
        return self._chosen().predict(X, return_std, return_interval)

    def score(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> float:
        """Score the chosen network by what it was chosen by, as GridSearchCV does.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows, for scorers that take them.
        **params : dict
            With metadata routing, whatever the scorer requests.

        Returns
        -------
        float
            The score by `scoring`, of several the one that `refit` names. Where `scoring` is None, or `refit` a
            function that chose by several, it is the default score.
        """
        return self._score(X, y, sample_weight, params)

    def predict_interval(self, X: Any, confidence_level: float = 0.9) -> Floats:
        """Predict intervals that hold new targets with a given probability, by the chosen network.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        confidence_level : float, default=0.9
            Share of new targets that should lie inside, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper ends, in units of the target.
        """
        return self._chosen().predict_interval(X, confidence_level)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss in ("poisson", "gamma")
        return tags
