"""BundledNetworkRegressor: a regression network with one matrix to learn, in closed form."""

from typing import Any

from sklearn.base import MultiOutputMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.metaestimators import available_if

from .._integration import reports_progress
from .numeric_network import NumericNetwork, adds_up, check_request


class BundledNetworkRegressor(CallbackSupportMixin, MultiOutputMixin, NumericNetwork):
    """Regression network of bundled layers, fitted in closed form.

    The layers compute features from each row, and one matrix maps the features of the last layer to predictions. `fit`
    finds this output matrix by least squares, without gradients, learning rate or epochs. By default each feature is
    the value of a kernel: it says how alike the row and a training row are. The fit is then kernel ridge regression,
    with a kernel that is learned from the table. Random features (:class:`URFSampler`) are the other kind.

    Parameters
    ----------
    n_components : "auto", int or tuple of int, default="auto"
        Number of random features. ``"auto"`` takes 1024 for up to 2000 rows, and 2048 for more. A tuple gives one
        number for each layer. With ``feature_map="kernel"`` it is the number of landmarks (see `block_size`):
        ``"auto"`` takes 1000 with blocks, and 3000 without.
    loss : {"squared_error", "huber", "absolute_error", "quantile", "poisson", "gamma"}, default="squared_error"
        The errors that `fit` minimises, together with the penalty. ``"squared_error"``, ``"poisson"`` (for counts and
        rates) and ``"gamma"`` (for positive numbers) predict means. The last two fit a network to the logarithm of the
        mean. ``"absolute_error"`` predicts medians, and ``"quantile"`` quantiles. With ``"huber"`` outliers have little
        influence, and targets more than twenty standard deviations of the residuals away have none. For losses other
        than squared errors, the features are first chosen with squared errors. Then up to 12 weighted least-squares
        problems are solved.
    quantile : float or array-like of float, default=0.5
        Level for ``loss="quantile"``, such as 0.9; other losses ignore it. With several levels, predictions have one
        column for each, and a higher level never has a lower prediction.
    activation : "auto", str or callable, default="auto"
        Function of the layers, as in :class:`URFSampler`. It determines the kernel. ``"auto"`` chooses it by
        cross-validation.
    length_scale : "auto", float or array-like of shape (n_features,), default="auto"
        Distance, in transformed inputs, over which the kernel falls: much closer rows count as alike, and rows much
        farther apart as different. One number, or one for each column. ``"auto"`` chooses it by cross-validation.
    directions : {"auto", "gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="auto"
        How random directions of the first layer are drawn, as in :class:`URFSampler`. Only random features use it.
    frequencies : {"auto", "isotropic", "coordinatewise"}, default="auto"
        With ``"isotropic"`` the kernel depends on the distance between two rows. With ``"coordinatewise"`` it is a
        product of one kernel for each column. All parameters of the kernel that are ``"auto"`` are chosen together, by
        cross-validation on up to 3000 rows with kernels and 4000 with random features.
    alpha : "auto", float, or array-like, default="auto"
        Penalty on the squared entries of the output matrix, as in ``Ridge``, for features of norm one. ``"auto"``
        starts from the penalty that the cross-validation of the kernel found. With random features it then chooses one
        for each target, by generalised cross-validation on all rows. With kernels it refines one for all targets, by
        cross-validation. An array of shape (n_alphas,) lists penalties to choose from. An array of shape (1, n_targets)
        gives the penalty of each target, and needs random features.
    solver : {"auto", "primal", "dual", "cg"}, default="auto"
        How the linear system is solved with random features; kernels have a solver of their own. ``"primal"`` uses the
        Gram matrix of the features, summed over batches of rows. ``"dual"`` uses the Gram matrix of the rows, and is
        cheaper with fewer rows than features. Both give the same solution. ``"cg"`` is an iteration without a Gram
        matrix, for many thousands of features. It needs a single penalty, and its effective degrees of freedom and
        standard deviations are approximate. ``"auto"`` takes the solver of least estimated cost. `partial_fit` always
        uses ``"primal"``.
    tol : float, default=1e-4
        Relative residual at which ``"cg"`` stops.
    max_iter : int, default=200
        Largest number of passes over the rows that ``"cg"`` makes.
    feature_map : {"auto", "random", "kernel"}, default="auto"
        Kind of features. ``"random"``: waves along random directions (:class:`URFSampler`). ``"kernel"``: the kernel
        between the row and training rows, as in an infinitely wide layer. ``"auto"`` takes kernels for at least 8 rows
        and at most 1000 columns after encoding, if `n_components`, `directions` and `solver` are ``"auto"``. A sparse
        table must also have at most 256 MiB when it is dense.
    block_size : "auto", int or None, default="auto"
        Number of rows in a block, with kernels. Blocks hold neighbouring rows. Inside a block the kernel is exact. Rows
        of different blocks are compared through landmarks: `n_components` training rows drawn at random. With one block
        the fit is exact kernel ridge regression. None takes only landmarks. ``"auto"`` takes one block for up to 12,000
        rows, blocks of 3000 to 12,000 rows for more, and only landmarks if `n_components` is a number.
    feature_learning : {"auto", "agop", "resample", "both"} or None, default="auto"
        What `fit` learns about the columns. ``"agop"`` learns one length scale for each column, on up to 1000 rows. In
        each round it fits a network, and shortens the length scales of columns with large squared slopes. The round of
        least held-out error is kept. With isotropic frequencies it then tries axes, which are combinations of columns,
        and keeps them if they lower the error of rows set apart. In classifiers with kernels, scales and axes must
        lower this error by a quarter. ``"resample"`` learns random frequencies: in up to ten rounds on up to 3000 rows,
        it draws the frequencies of the last layer again, near those of large coefficients. The round of least error on
        rows set apart is kept. With it, ``feature_map="auto"`` takes random features. ``"both"`` does one after the
        other, and None nothing. ``"auto"`` does what suits the table if `activation` and `n_components` are ``"auto"``,
        and else nothing. If you set one of them, pass ``"agop"`` to learn length scales. A `length_scale` that you set
        is kept. Tables of over 1000 columns get no axes. Where networks of kernels learn length scales, they change all
        of them together in the end: along the gradient of the leave-one-out error, if other rows gain by it, too.
    input_transform : {"auto", "quantile", "robust", "standard"} or None, default="auto"
        How the input columns are scaled. ``"quantile"`` gives each column a normal shape. ``"robust"`` keeps its shape:
        it subtracts the median, divides by the distance between the quartiles, and moves extreme values towards a limit
        of three. ``"standard"`` subtracts the mean, divides by the standard deviation, and moves only outliers towards
        a limit. All three are constant outside the range of the training rows. None does not change the columns.
        ``"auto"`` is ``"quantile"``, or for kernels without a given `length_scale` the transform of least held-out
        error. For tables of almost only zeros, such as counts of words, ``"auto"`` is None, or ``"robust"`` if few
        columns outweigh all others; kernels compare these two.
    direct_link : bool, default=True
        Whether the transformed inputs are features, too, next to random features. With kernels and targets that are
        numbers: whether a straight line may be added, if columns drift in the order of the rows, such as time.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns of categories, as a mask, positions or names. ``"from_dtype"`` takes the columns of text, categories and
        enumerations of a data frame. With None there are none, and text is an error. Missing values are filled in any
        case.
    batch_size : "auto" or int, default="auto"
        Most rows whose features are in memory at one time. ``"auto"`` is fastest. Results differ only by rounding.
    n_jobs : int, optional
        Number of threads. None uses as many as scikit-learn's own compiled code. With 1, a fit also keeps BLAS to one
        thread; otherwise BLAS has its own number. Results differ only by rounding.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random. The same integer gives the same model. A network with more components then begins
        with the features of a smaller one.
    verbose : int, default=0
        A positive number prints a line when a stage of the fit begins or ends, and for each solution. From 2 on, a bar
        shows the progress of a stage.

    Attributes
    ----------
    output_coef_ : ndarray of shape (n_columns,) or (n_targets, n_columns)
        The output matrix: one coefficient for each column of `transform`. First come the input columns of the direct
        link, as numbers, then the ``n_components`` features of the last layer.
    intercept_ : float or ndarray of shape (n_targets,)
        The intercept.
    alpha_ : float or ndarray of shape (n_targets,)
        The penalty in use.
    effective_dof_ : float or ndarray of shape (n_targets,)
        Effective degrees of freedom: about how many coefficients the fit really uses, not counting the intercept.
    noise_variance_ : float or ndarray of shape (n_targets,)
        Estimated variance of the targets around the fit. With losses other than squared errors, these are the targets
        of the last weighted least-squares problem.
    samplers_ : tuple of URFSampler
        The layers with random features; none with kernels.
    n_components_ : tuple of int
        Number of random features of each layer.
    activation_, directions_, frequencies_, length_scale_ : str, callable, float or ndarray
        The kernel of the first layer, chosen or given; `directions_` is None with kernels.
    feature_map_ : {"random", "kernel"}
        Kind of features in use.
    input_transform_ : {"quantile", "robust", "standard", None}
        The transform in use.
    kernels_ : tuple of Kernel
        The kernels whose sum is used, with their length scales and axes; only with kernels.
    trend_coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Slopes of the straight line that is added to the kernels. If the line follows only the columns that drift, those
        of the others are zero. Only if there is a line. Each column of numbers that a category becomes has a slope,
        too. A prediction is ``transform(X) @ output_coef_ + intercept_`` plus this line, which is zero at the mean row.
    landmarks_, block_sizes_ : ndarray
        The landmarks, as transformed rows, and the numbers of rows in the blocks; only with several blocks.
    feature_importances_ : ndarray of shape (n_features,)
        A share for each column of the table, from squared inverse length scales, or from squared slopes if no length
        scales were learned. If a category was encoded as several columns, their shares are added.
    search_history_ : list of tuple
        Every kernel that was compared on the transformed inputs, with the numbers of rows and features, and its
        cross-validated squared error divided by the variance of the targets.
    solver_ : {"primal", "dual", "cg", "blocks"}
        The solver in use.
    solver_costs_ : dict of str to float
        Estimated cost of each solver that could be used, in operations of a matrix product; only with random features.
    n_iter_ : int
        Number of passes of ``"cg"`` over the rows, or of weighted least-squares problems. Otherwise it is one.
    moments_ : Moments
        Sums over all rows so far; only after `partial_fit`.
    n_samples_seen_ : int
        Number of rows of positive weight in the fit.
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
    >>> from sknnk import BundledNetworkRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = BundledNetworkRegressor(random_state=0).fit(X, y)
    >>> mean, std = model.predict(X[:2], return_std=True)
    >>> mean.shape, std.shape, model.predict_interval(X[:2]).shape
    ((2,), (2,), (2, 2))
    """

    __module__ = "sknnk"

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
            Non-negative weights. A row of weight two counts as two rows. Automatic choices ignore a common factor.

        Returns
        -------
        BundledNetworkRegressor
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If the data hold infinity, have no row of positive weight, or a parameter does not fit them.
        """
        self._fit_rows(X, y, sample_weight)
        return self

    @available_if(adds_up)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BundledNetworkRegressor":
        """Add rows to the fit.

        While there are up to 255 rows, all are kept, and each call makes a new fit to them. The first call sets
        categories and medians for good. The call that brings the total to 256 rows or more sets the input transform,
        the automatic choices and the random features for good. After `fit` these are set already. From then on the
        result is the same as after one fit to all rows with these choices, for any order and chunks. For intervals, a
        thousand rows drawn from all are kept. ``feature_map="auto"`` takes random features here. Kernels keep their
        landmarks, and solve all blocks again with the new rows.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. A row of weight two counts as two rows. Automatic choices ignore a common factor.

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

    def predict(self, X: Any, return_std: bool = False, return_interval: float | None = None) -> Any:
        """Predict targets, and on request their standard deviations or intervals.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Whether to return the standard deviation of new targets around the prediction, too. With random features,
            and with landmarks only, it is the standard deviation of Bayesian ridge regression: noise and uncertainty of
            the output matrix. Otherwise it comes from held-out residuals, as in `predict_interval`.
        return_interval : float, optional
            Confidence level. If it is given, the intervals of `predict_interval` are returned, too, also through a
            pipeline.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions, in the dtype of `X` (float64 or float32).
        std : ndarray of the same shape
            Standard deviations, in units of the target; only with ``return_std=True``.
        interval : ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper ends, in units of the target; only with `return_interval`.

        Raises
        ------
        ValueError
            If `X` does not fit, if both deviations and intervals are asked for, or with either of them for
            ``bundle(..., method="analytic")``, which saw no rows.
        """
        check_request(return_std, return_interval)
        fitted, targets, X, mean = self._means(X, "predict")
        if return_std:
            targets.check_intervals()
            return targets.decode(mean), targets.decode(fitted.deviation(X, self._execution()))
        if return_interval is not None:
            return targets.decode(mean), self._interval(fitted, targets, X, mean, return_interval)
        return targets.decode(mean)
