"""BundledNetworkClassifier: a classification network with one matrix to learn, in closed form."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from .._data import Dataset
from .._integration import reports_progress
from .class_weighted import ClassWeightedNetwork
from .fitted import FittedNetwork
from .targets import ClassTargets, NumericTargets
from .validation import CheckedRows


def _classes_weigh_the_same_in_every_chunk(network: "BundledNetworkClassifier") -> bool:
    if network.class_weight == "balanced":
        raise AttributeError(
            'partial_fit is not available with class_weight="balanced", which depends on all rows; '
            "pass a dict of weights, {label: weight}."
        )
    return True


class BundledNetworkClassifier(CallbackSupportMixin, ClassifierMixin, ClassWeightedNetwork):
    """Classification network of bundled layers, fitted in closed form.

    One-vs-rest least squares on targets of -1 and 1 (:class:`BundledNetworkRegressor` explains the network), one column
    per class at the cost of one Gram matrix. Probabilities are a softmax of the scores whose temperature is fitted on
    scores corrected for each row's own influence.

    Parameters
    ----------
    n_components : "auto", int or tuple of int, default="auto"
        Number of random features, or one number per bundled layer: a tuple makes the network deep. ``"auto"`` is 1024
        up to 2000 rows and 2048 beyond.
    activation : "auto", str or callable, default="auto"
        Activation of the bundled layers, as in :class:`URFSampler`.
    length_scale : "auto", float or array-like of shape (n_features,), default="auto"
        Distance between transformed inputs over which the first layer varies.
    directions : {"auto", "gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="auto"
        Coupling of the random directions of the first layer.
    frequencies : {"auto", "isotropic", "coordinatewise"}, default="auto"
        Coupling of the frequencies of the first layer. Everything left on ``"auto"`` is chosen together, by
        cross-validation on up to 4000 rows.
    alpha : "auto", float, or array-like, default="auto"
        Penalty on the output matrix, for features of norm one. ``"auto"`` starts from the cross-validation above and
        refines by generalised cross-validation on all rows, for each target. An array of shape (n_alphas,) holds
        candidates for generalised cross-validation, one of shape (1, n_targets) the penalty of each target.
    solver : {"auto", "primal", "dual", "cg"}, default="auto"
        ``"primal"`` diagonalises the Gram matrix of the columns, accumulated over blocks of rows; ``"dual"`` that of
        the rows, the cheaper one when there are fewer rows than columns. The solution is the same. ``"cg"`` never forms
        a Gram matrix and iterates over the rows, for many thousands of features; it needs a single penalty, and knows
        effective degrees of freedom and standard deviations only approximately. ``"auto"`` takes the one of least
        predicted cost. `partial_fit` always sums into ``"primal"``.
    tol : float, default=1e-4
        Relative residual at which ``"cg"`` stops.
    max_iter : int, default=200
        Largest number of passes over the rows of ``"cg"``.
    feature_map : {"auto", "random", "landmarks"}, default="auto"
        Columns of the layer: ``"random"`` ones (:class:`URFSampler`), which stream, or ``"landmarks"``, kernels of the
        same activation with rows of the table, more accurate for heavy-tailed kernels. With `n_components` ``"auto"``
        or at least the number of distinct rows, landmarks are exact: kernel ridge regression, the infinitely wide
        layer. ``"auto"`` takes landmarks for dense tables of 8 to 12,000 different rows and at most 1000 columns
        when `n_components`, `directions` and `solver` are left on ``"auto"`` as well.
    feature_learning : {"auto", "agop", "resample", "both"} or None, default="auto"
        ``"agop"`` learns one length scale per column on up to 1000 rows, in rounds of closed-form fits: scales follow
        the mean squared slopes of the fitted function, and the round of least held-out error is kept. With isotropic
        frequencies it goes on to the axes along which rows are compared, combinations of the columns. With landmarks,
        both must lower the error of more rows by a quarter. ``"resample"`` draws the random frequencies of the last
        layer again near those of large amplitude, in up to ten rounds on up to 3000 rows, and keeps the best by rows
        set apart; with `feature_map` ``"auto"`` it means random columns. ``"both"`` does one after the other, and
        ``"auto"`` what the columns allow when `activation` and `n_components` are ``"auto"``. A `length_scale` that is
        given stays.
    input_transform : {"auto", "quantile", "robust"} or None, default="auto"
        ``"quantile"`` maps every input column to a standard normal shape. ``"robust"`` keeps its shape: units from the
        median in which the quartiles are one apart, bent towards three far out. Both are constant beyond the values
        seen, so that neither units nor outliers matter. None takes the inputs as they are. ``"auto"`` is
        ``"quantile"``, but ``"robust"`` for landmarks whose errors on 500 rows it lowers by a twentieth, unless
        `length_scale` is given.
    direct_link : bool, default=True
        Whether the transformed inputs reach the output matrix themselves, next to the random features.
    class_weight : "balanced", dict or None, default=None
        Weights of the classes, multiplied with `sample_weight`. ``"balanced"`` gives all classes the same total weight;
        it depends on all rows, so `partial_fit` is not available with it.
    batch_size : "auto" or int, default="auto"
        Rows whose features are held at one time. Results do not depend on it but for rounding.
    n_jobs : int, optional
        Number of threads. None means as many as scikit-learn's own compiled code would use. Results do not depend on
        it but for rounding.
    random_state : int, RandomState instance or None, default=None
        Source of everything random. The same integer gives the same model; a network with more components then begins
        with the features of a smaller one.
    verbose : int, default=0
        One line per solution when positive.

    Attributes
    ----------
    coef_ : ndarray of shape (n_targets, n_columns)
        The output matrix: one coefficient per column of `transform`, that is ``n_features_in_`` of the direct link,
        then ``n_components`` of the last layer.
    intercept_ : ndarray of shape (n_targets,)
        The intercept.
    alpha_ : ndarray of shape (n_targets,)
        The penalty in use.
    effective_dof_ : ndarray of shape (n_targets,)
        Effective degrees of freedom of the fit, the intercept not counted.
    noise_variance_ : ndarray of shape (n_targets,)
        Estimated variance of the targets around the fit.
    samplers_ : tuple of URFSampler
        The bundled layers.
    n_components_ : tuple of int
        Number of random features of each layer.
    activation_, directions_, frequencies_, length_scale_ : str, callable, float or ndarray
        The kernel of the first layer, chosen or given.
    feature_map_ : {"random", "landmarks"}
        The columns in use.
    input_transform_ : {"quantile", "robust", None}
        The transform in use.
    kernels_ : tuple of Kernel
        Summands of the kernel, with their length scales and axes; only with landmarks.
    feature_importances_ : ndarray of shape (n_features,)
        Shares of the columns in the squared inverse length scales that were learned; only with landmarks.
    search_history_ : list of tuple
        Every kernel that was compared on the transformed inputs, with the rows and features used and its
        cross-validated squared error relative to the variance of the targets.
    solver_ : {"primal", "dual", "cg"}
        The solver in use.
    solver_costs_ : dict of str to float
        Predicted cost of each solver that could serve, in operations of a matrix product.
    n_iter_ : int
        Passes over the rows; one for the direct solvers.
    moments_ : Moments
        Sums over the rows seen; only after `partial_fit`.
    n_samples_seen_ : int
        Number of rows of positive weight that the fit rests on.
    classes_ : ndarray of shape (n_classes,)
        Class labels. ``n_targets`` is ``n_classes``, or one for two classes.
    inverse_temperature_ : float
        Factor of the scores inside the softmax.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, when `X` has string column names.

    See Also
    --------
    BundledNetworkRegressor : The same for numbers.

    References
    ----------
    Sehanobish et al., "Scalable Neural Network Kernels", ICLR 2024, arXiv 2310.13225, section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sknnk import BundledNetworkClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> model = BundledNetworkClassifier(random_state=0).fit(X, y)
    >>> model.predict_proba(X[:2]).shape
    (2, 3)
    """

    __module__ = "sknnk"

    @reports_progress(n_parts=2)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BundledNetworkClassifier":
        """Fit the output matrix in closed form, one column of -1 and 1 per class.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels, at least two different ones.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. An integer weight is the same as repeating the row, and a common factor changes what
            is automatic nowhere; a penalty that is given counts against the weighted squares, as in ``Ridge``.

        Returns
        -------
        BundledNetworkClassifier
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If the data hold NaN or infinity, `y` is no classification target or has one class, or a parameter does not
            fit the data.
        """
        self._fit_rows(X, y, sample_weight)
        return self

    @available_if(_classes_weigh_the_same_in_every_chunk)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "BundledNetworkClassifier":
        """Add rows to the fit.

        The first call fixes what all chunks share: the classes, the input transform, the automatic choices and the
        random features. Probabilities are calibrated on the rows of the latest call.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), optional
            All labels that any chunk will hold; needed in the first call.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights, in the same unit as those of the first chunk, which says what counts as a row.

        Returns
        -------
        BundledNetworkClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            As `fit`, and if `classes` is missing in the first call, or a label is not among them.
        """
        self._extend_rows(X, y, sample_weight, classes=classes)
        return self

    def _encoded(
        self, targets: NumericTargets | ClassTargets | None, rows: CheckedRows, **known: Any
    ) -> tuple[ClassTargets, Dataset]:
        check_classification_targets(rows.y)
        earlier = targets if isinstance(targets, ClassTargets) else None
        targets = ClassTargets.agreed(earlier, known.get("classes", rows.y if earlier is None else None))
        targets = replace(targets, class_weight=self.class_weight)
        Y, weight = targets.encode(rows.y), targets.weighted(rows.y, rows.sample_weight)
        return targets, Dataset.of(rows.X, Y, weight)

    def _calibrated(self, fitted: FittedNetwork, data: Dataset) -> FittedNetwork:
        return fitted.with_probabilities(data, self._execution())

    def decision_function(self, X: Any) -> np.ndarray:
        """Give least-squares scores: how much each class is preferred.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes)
            Estimates of -1 (another class) to 1 (this class; the second of two).
        """
        fitted, X = self._fitted_for(X)
        scores = fitted.scores(X, self._execution())
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of the largest score.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        fitted, X = self._fitted_for(X)
        return fitted.targets.decode(fitted.scores(X, self._execution()))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict class probabilities: a softmax of the scores, its temperature fitted on held-out scores.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to one; columns in the order of `classes_`.
        """
        fitted, X = self._fitted_for(X)
        assert isinstance(fitted.targets, ClassTargets)
        return fitted.targets.probabilities(fitted.scores(X, self._execution()))
