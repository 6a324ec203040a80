"""BundledNetworkClassifierCV: a classification network, its number of features and penalty by cross-validation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _make_indexable

from .._compute import Array, Floats, Indices
from .._integration import reports_progress
from .._networks import BundledNetworkClassifier, ClassTargets
from .curves import SearchedRows
from .raw_tables import encoded_rows
from .scorers import Labelled
from .search import CountSearch, of_best


class BundledNetworkClassifierCV(CallbackSupportMixin, ClassifierMixin, CountSearch):
    """Classification network whose number of features and penalty are cross-validated in one pass.

    :class:`BundledNetworkRegressorCV` explains the search. Here each class is one target, which is 1 for rows of the
    class and -1 for others (one-vs-rest). The scores are the same as in a
    :class:`~sklearn.model_selection.GridSearchCV` over :class:`BundledNetworkClassifier`.

    Parameters
    ----------
    n_components : int or array-like of int, default=(128, 256, 512, 1024, 2048)
        Numbers of random features to compare.
    loss : {"squared", "log_loss"}, default="squared"
        As in :class:`BundledNetworkClassifier`. With ``"log_loss"`` one pass is not enough: each candidate takes up to
        12 passes over its training set, as in a grid search.
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
        As in :class:`~sklearn.model_selection.GridSearchCV`. None is accuracy, or ``"neg_log_loss"`` with
        ``loss="log_loss"``. With a `class_weight`, the score of None counts each row with the weight of its class,
        because plain accuracy would choose a network that ignores these weights. Values that differ by less than 1e-7
        then count as equal. ``"accuracy"`` counts all rows alike.
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
    class_weight : "balanced", dict or None, default=None
        Weights of the classes in the fit, multiplied with `sample_weight`, and in the default score. Other scores do
        not use them. ``"balanced"`` depends on each training set and takes one pass over the rows for each.
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
    best_estimator_ : BundledNetworkClassifier
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
    output_coef_ : ndarray of shape (n_targets, n_columns)
        The output matrix.
    intercept_ : ndarray of shape (n_targets,)
        The intercept.
    effective_dof_, noise_variance_ : ndarray of shape (n_targets,)
        As in :class:`BundledNetworkRegressor`.
    samplers_ : tuple of URFSampler
        The layer with random features.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    inverse_temperature_ : float
        Factor of the scores inside the softmax. A larger factor makes the probabilities more certain.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, when `X` has string column names.

    See Also
    --------
    BundledNetworkClassifier : The network itself. Its defaults take kernels, and learn length scales; those here do
        not.
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
    >>> from sklearn.datasets import load_wine
    >>> from sknnk import BundledNetworkClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> model = BundledNetworkClassifierCV((32, 64, 128), scoring="neg_log_loss", random_state=0).fit(X, y)
    >>> model.n_components_ in (32, 64, 128)
    True
    >>> model.predict_proba(X[:2]).shape
    (2, 3)
    """

    __module__ = "sknnk"

    _parameter_constraints: dict = {
        **CountSearch._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "loss": BundledNetworkClassifier._parameter_constraints["loss"],
    }
    _network_class = BundledNetworkClassifier
    inverse_temperature_ = of_best("inverse_temperature_")
    # One row in ten million. If weights are further apart, a light row would decide although all heavy rows are right.
    _least_difference = 1e-7

    def __init__(
        self,
        n_components=(128, 256, 512, 1024, 2048),
        *,
        loss="squared",
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
        class_weight=None,
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
        self.categorical_features = categorical_features
        self.loss, self.class_weight = loss, class_weight
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @property
    def _default_scoring(self) -> str:
        return "accuracy" if self.loss == "squared" else "neg_log_loss"

    @reports_progress(n_parts=2)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> "BundledNetworkClassifierCV":
        """Cross-validate every candidate, and fit the chosen network to all rows.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels, at least two different ones.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.
        **params : dict
            `groups` for the splitter. With metadata routing, also everything that the splitter and the scorers request.

        Returns
        -------
        BundledNetworkClassifierCV
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If the data or a split cannot be used, or a parameter does not fit them.
        """
        self._validate_params()
        routed = self._routed("fit", sample_weight, params)
        described, rows, table = encoded_rows(self, X, y, sample_weight)
        check_classification_targets(rows.y)
        targets = ClassTargets.of(rows.y, self.class_weight)
        X, y = _make_indexable(X), _make_indexable(y)
        splits = self._splits(X, y, rows.sample_weight, routed.splitter.split)
        weights = _FitWeights(targets, rows.y, rows.sample_weight)
        task = SearchedRows(
            *(rows.X, targets.encode(rows.y), rows.sample_weight, weights.of_training_set),
            self.class_weight != "balanced",
            Labelled(X, y),
            splits,
            table,
        )
        params = self._score_params(routed.scorer.score, weights)
        self._search(task, targets, described, sample_weight, params)
        return self

    def _score_params(self, params: dict[str, Any], weights: "_FitWeights") -> dict[str, Any]:
        """Parameters of the scorers, with the weights of classes where the score is ours to choose."""
        if self.scoring is not None or self.class_weight is None:
            return params
        of_classes = weights.of_classes(np.flatnonzero(weights.sample_weight > 0.0))
        return {**params, "sample_weight": of_classes * params.get("sample_weight", np.ones(len(of_classes)))}

    def decision_function(self, X: Any) -> Floats:
        """Give least-squares scores of the chosen network: the larger, the more likely is the class.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes)
            Estimates from -1 (another class) to 1 (this class). For two classes this is the second one.
        """
        return self._chosen().decision_function(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the class of the largest score of the chosen network.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        return self._chosen().predict(X)

    def predict_proba(self, X: Any) -> Floats:
        """Predict class probabilities with the chosen network.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to one; columns in the order of `classes_`.
        """
        return self._chosen().predict_proba(X)

    def predict_log_proba(self, X: Any) -> NDArray[np.floating]:
        """Predict logarithms of class probabilities, finite where a probability rounds to zero.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            At most zero; columns in the order of `classes_`.
        """
        return self._chosen().predict_log_proba(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> float:
        """Score the chosen network by what it was chosen by, as GridSearchCV does.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Class labels.
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


@dataclass(frozen=True, eq=False)
class _FitWeights:
    """Weights of rows in a fit, those of their classes included.

    Parameters
    ----------
    targets : ClassTargets
        Says how classes are weighted.
    y : ndarray of shape (n_samples,)
        Labels.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the rows alone.
    """

    targets: ClassTargets
    y: NDArray[Any]
    sample_weight: Array

    def of_classes(self, rows: Indices) -> Array:
        """Weight of each row's class, as some rows of positive weight set it."""
        weights = self.targets.weights_of_classes(self.y[rows], self.sample_weight[rows])
        return np.asarray(weights[self.targets.positions(self.y)])

    def of_training_set(self, train: Indices) -> Array:
        """Weights of all rows, for a training set."""
        if self.targets.class_weight is None:
            return self.sample_weight
        return self.sample_weight * self.of_classes(train[self.sample_weight[train] > 0.0])
