"""BundledNetworkRegressor: a regression network with one matrix to learn, in closed form."""

from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.callback import CallbackSupportMixin

from .._data import Dataset
from .._integration import reports_progress
from .estimator import BundledNetwork
from .targets import ClassTargets, NumericTargets
from .validation import CheckedRows


class BundledNetworkRegressor(CallbackSupportMixin, MultiOutputMixin, RegressorMixin, BundledNetwork):
    """Regression network of bundled layers, fitted in closed form.

    Each layer is rewritten as a dot product of random features (:class:`URFSampler`), so all its parameters sit in one
    matrix, and so do those of the whole network: what is left to learn is a linear map of the features of the last
    layer, with an explicit least-squares optimum. One pass over the rows, no gradients, no learning rate, no epochs.
    Memory is that of the Gram matrix plus one block of rows.

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
        frequencies it goes on to the axes along which rows are compared, combinations of the columns, where that
        lowers the error of rows set apart. ``"resample"`` draws the random frequencies of the last layer again near
        those of large amplitude, in up to ten rounds on up to 3000 rows, and keeps the best by rows set apart; with
        `feature_map` ``"auto"`` it means random columns. ``"both"`` does one after the other, and ``"auto"`` what the
        columns allow when `activation` and `n_components` are ``"auto"``. A `length_scale` that is given stays.
    input_transform : {"auto", "quantile", "robust"} or None, default="auto"
        ``"quantile"`` maps every input column to a standard normal shape. ``"robust"`` keeps its shape: units from the
        median in which the quartiles are one apart, bent towards three far out. Both are constant beyond the values
        seen, so that neither units nor outliers matter. None takes the inputs as they are. ``"auto"`` is
        ``"quantile"``, but ``"robust"`` for landmarks whose errors on 500 rows it lowers by a twentieth, unless
        `length_scale` is given.
    direct_link : bool, default=True
        Whether the transformed inputs reach the output matrix themselves, next to the random features.
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
    coef_ : ndarray of shape (n_columns,) or (n_targets, n_columns)
        The output matrix: one coefficient per column of `transform`, that is ``n_features_in_`` of the direct link,
        then ``n_components`` of the last layer.
    intercept_ : float or ndarray of shape (n_targets,)
        The intercept.
    alpha_ : float or ndarray of shape (n_targets,)
        The penalty in use.
    effective_dof_ : float or ndarray of shape (n_targets,)
        Effective degrees of freedom of the fit, the intercept not counted.
    noise_variance_ : float or ndarray of shape (n_targets,)
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
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, when `X` has string column names.

    See Also
    --------
    BundledNetworkClassifier : The same for classes.
    URFSampler : The feature map alone, for pipelines.

    References
    ----------
    Sehanobish et al., "Scalable Neural Network Kernels", ICLR 2024, arXiv 2310.13225, section 4 (bundling and the
    explicit optimum).

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> from sknnk import BundledNetworkRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = BundledNetworkRegressor(random_state=0).fit(X, y)
    >>> mean, std = model.predict(X[:2], return_std=True)
    >>> mean.shape, std.shape
    ((2,), (2,))
    """

    __module__ = "sknnk"

    _target_checks: dict = {"multi_output": True, "y_numeric": True}

    @reports_progress(n_parts=2)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BundledNetworkRegressor":
        """Fit the output matrix in closed form.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. An integer weight is the same as repeating the row, and a common factor changes what
            is automatic nowhere; a penalty that is given counts against the weighted squares, as in ``Ridge``.

        Returns
        -------
        BundledNetworkRegressor
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If the data hold NaN or infinity, have no row of positive weight, or a parameter does not fit them.
        """
        self._fit_rows(X, y, sample_weight)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BundledNetworkRegressor":
        """Add rows to the fit.

        The first call fixes what all chunks share: the input transform, the automatic choices and the random features.
        From then on the result is that of one fit to all rows, in whatever order and chunks they come. A first call
        with ``feature_map="auto"`` takes random features, which stream; landmarks stay those of the first rows, and the
        exact feature map takes each new row as a centre, up to 12,000 in all. Each call solves
        for the output matrix once, so chunks of at least as many rows as there are features are the efficient ones.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights, in the same unit as those of the first chunk, which says what counts as a row.

        Returns
        -------
        BundledNetworkRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            As `fit`, and if the number of columns or targets differs from that of earlier rows.
        """
        self._extend_rows(X, y, sample_weight)
        return self

    def _encoded(
        self, targets: NumericTargets | ClassTargets | None, rows: CheckedRows, **known: Any
    ) -> tuple[NumericTargets, Dataset]:
        if not isinstance(targets, NumericTargets):
            targets = NumericTargets.of(rows.y, rows.X.dtype)
        return targets, Dataset.of(rows.X, targets.encode(rows.y, rows.X.dtype), rows.sample_weight)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict targets, with their uncertainty if asked for.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Whether to return the standard deviation of new targets around the prediction: that of the noise and of the
            output matrix, in the Bayesian reading of ridge regression. The exact feature map keeps no factor of its
            system, and takes the deviation from held-out residuals instead, as `predict_interval` does.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions, in the dtype of `X` (float64 or float32).
        std : ndarray of the same shape
            Standard deviations, in units of the target; only with ``return_std=True``.

        Raises
        ------
        ValueError
            If `X` holds NaN, infinity or another number of columns than in `fit`, or if ``return_std=True`` and the
            network comes from ``bundle(..., method="analytic")``, which saw no rows.
        """
        fitted, X = self._fitted_for(X)
        mean = fitted.targets.decode(fitted.scores(X, self._execution()))
        if not return_std:
            return mean
        return mean, fitted.targets.decode(fitted.deviation(X, self._execution()).astype(X.dtype))

    def predict_interval(self, X: Any, confidence_level: float = 0.9) -> np.ndarray:
        """Predict intervals that hold new targets with a given probability.

        Up to a thousand training rows tell how far targets lie from the predictions of a fit without them. The typical
        size of these residuals is learned as a function of the inputs, so that intervals are wide where targets
        scatter; its multiple is the quantile of the residuals in units of the size that the other rows predict.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        confidence_level : float, default=0.9
            Share of new targets that shall lie inside, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper ends, in units of the target; infinite, with a warning, where there were too few rows.

        Raises
        ------
        ValueError
            If `confidence_level` is not between 0 and 1, or as `predict` with ``return_std=True``.

        Notes
        -----
        New rows must come from the same distribution as the training rows. As for the jackknife of Barber et al.
        (2021), coverage is that of the level up to the influence of single rows; it is tested, not guaranteed.

        References
        ----------
        Barber, Candes, Ramdas and Tibshirani, "Predictive inference with the jackknife+", Annals of Statistics 2021.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sknnk import BundledNetworkRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = BundledNetworkRegressor(random_state=0).fit(X[:300], y[:300])
        >>> lower, upper = model.predict_interval(X[300:], confidence_level=0.9).T
        >>> bool(0.8 < ((lower <= y[300:]) & (y[300:] <= upper)).mean() < 1.0)
        True
        """
        if not 0.0 < confidence_level < 1.0:
            raise ValueError(f"confidence_level={confidence_level!r} must lie between 0 and 1, e.g. 0.9.")
        fitted, X = self._fitted_for(X)
        mean = fitted.scores(X, self._execution())
        half = fitted.interval_half_width(X, confidence_level, self._execution()).astype(X.dtype)
        return fitted.targets.decode(np.stack([mean - half, mean + half], axis=-1))
