"""BundledNetworkClassifier: a classification network with one matrix to learn, in closed form."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.metaestimators import available_if

from .._integration import reports_progress
from .class_network import ClassNetwork, adds_up_by_classes
from .targets import ClassTargets


class BundledNetworkClassifier(CallbackSupportMixin, ClassifierMixin, ClassNetwork):
    """Classification network of bundled layers, fitted in closed form.

    :class:`BundledNetworkRegressor` explains the network. Here each class is one target, which is 1 for rows of the
    class and -1 for others (one-vs-rest). All classes share one Gram matrix. Probabilities are a softmax of the scores.
    Its temperature is fitted on scores that are corrected for the influence of each row on its own score: of up to 1000
    rows with kernels, and of all rows with random features.

    Parameters
    ----------
    n_components : "auto", int or tuple of int, default="auto"
        Number of random features: ``"auto"`` takes 1024 for up to 2000 rows, and 2048 for more. A tuple gives one
        number for each bundled layer. With ``feature_map="kernel"`` it is the number of landmarks: ``"auto"`` takes
        1000 with blocks, and 3000 without.
    loss : {"squared", "log_loss"}, default="squared"
        What is minimised, together with the penalty. ``"log_loss"`` is that of logistic regression: scores are logits,
        and their softmax gives the probabilities. It takes up to 12 weighted least-squares solutions, with features
        that squared errors chose.
    activation : "auto", str or callable, default="auto"
        Activation of the bundled layers, as in :class:`URFSampler`. ``"auto"`` chooses it by cross-validation.
    length_scale : "auto", float or array-like of shape (n_features,), default="auto"
        Distance between transformed inputs over which the first layer varies. ``"auto"`` chooses it likewise.
    directions : {"auto", "gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="auto"
        How the random directions of the first layer are coupled. ``"auto"`` chooses it likewise.
    frequencies : {"auto", "isotropic", "coordinatewise"}, default="auto"
        How the frequencies of the first layer are coupled. ``"auto"`` chooses it likewise. All parameters that are
        ``"auto"`` are chosen together, by cross-validation on up to 3000 rows with kernels and 4000 with random
        features.
    alpha : "auto", float, or array-like, default="auto"
        Penalty on the squared entries of the output matrix, for features of norm one. ``"auto"`` starts from the
        penalty that this cross-validation found. With random features it then chooses one for each target, by
        generalised cross-validation on all rows. With kernels it refines one for all targets, by cross-validation. An
        array of shape (n_alphas,) holds candidates. An array of shape (1, n_targets) holds the penalty of each target,
        and needs random features.
    solver : {"auto", "primal", "dual", "cg"}, default="auto"
        ``"primal"`` adds up the Gram matrix of the features over batches of rows, and solves with it. ``"dual"`` solves
        with the Gram matrix of the rows, which is cheaper when there are fewer rows than features. Both give the same
        solution. ``"cg"`` iterates over the rows and forms no Gram matrix. It serves many thousands of features and
        needs a single penalty; effective degrees of freedom and standard deviations are then approximate. ``"auto"``
        takes the solver of least estimated cost. `partial_fit` always uses ``"primal"``, and kernels have a solver of
        their own, whatever is given.
    tol : float, default=1e-4
        Relative residual at which ``"cg"`` stops.
    max_iter : int, default=200
        Largest number of passes over the rows that ``"cg"`` makes.
    feature_map : {"auto", "random", "kernel"}, default="auto"
        Kind of features. ``"random"`` takes random features (:class:`URFSampler`). ``"kernel"`` takes kernels of the
        same activation with rows of the table: an infinitely wide layer. ``"auto"`` takes kernels for tables of at
        least 8 rows and at most 1000 columns after encoding, if `n_components`, `directions` and `solver` are
        ``"auto"``; a sparse table is made dense for that if it then has at most 256 MiB.
    block_size : "auto", int or None, default="auto"
        Rows of a block with kernels. Inside blocks of neighbours the kernel is exact; between blocks it goes through
        `n_components` landmarks, which are rows that all others are compared with. One block is exact kernel ridge
        regression; None takes only landmarks. ``"auto"`` takes one block for up to 12,000 rows, blocks of 12,000 down
        to 3000 for more, and only landmarks where `n_components` is a number.
    feature_learning : {"auto", "agop", "resample", "both"} or None, default="auto"
        ``"agop"`` learns one length scale for each column on up to 1000 rows, in rounds of closed-form fits. The scales
        follow the mean squared slopes of the fitted function, and the round of least held-out error is kept. With
        isotropic frequencies it then learns axes, which are combinations of the columns, if they lower the error of
        rows set apart. With kernels for classes, scales and axes must lower that error by a quarter. ``"resample"``
        draws the random frequencies of the last layer again near those of large amplitude, in up to ten rounds on up to
        3000 rows, and keeps the round of least error on rows set apart. With it, `feature_map` ``"auto"`` means random
        features. ``"both"`` does one after the other. ``"auto"`` does what the columns allow if `activation` and
        `n_components` are ``"auto"``, else nothing: if you set one of them, pass ``"agop"`` to learn length scales. A
        `length_scale` that you set is kept. Over 1000 columns have no axes.
    input_transform : {"auto", "quantile", "robust", "standard"} or None, default="auto"
        ``"quantile"`` maps every input column to a standard normal shape. ``"robust"`` keeps its shape: the median
        becomes zero, the distance between the quartiles becomes one, and extreme values move towards a limit of three.
        ``"standard"`` subtracts the mean and divides by the standard deviation, and moves only outliers towards a
        limit. All are constant outside the range of the training rows, so units and outliers do not matter. None takes
        the inputs as they are. ``"auto"`` is ``"quantile"``. For kernels without a given `length_scale`, it is the one
        of least held-out error. Where hardly any entry differs from zero, as in counts of words, ``"auto"`` is None, or
        ``"robust"`` where few columns outweigh all others; kernels compare these two.
    direct_link : bool, default=True
        Whether the output matrix also takes the transformed inputs themselves, together with the random features. With
        kernels and targets that are numbers, whether a straight line follows columns that drift in the order of the
        rows, such as time.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns of categories, as a mask, positions or names. ``"from_dtype"`` takes those of text, categories and
        enumerations in a data frame. None takes none, so that text is an error. Missing values are filled in any case.
    class_weight : "balanced", dict or None, default=None
        Weights of the classes, multiplied with `sample_weight`. ``"balanced"`` gives all classes the same total weight.
        This depends on all rows, so `partial_fit` is not available with it. Weights of classes are costs: unlike a
        sample weight of two, one of two is no second copy of the row.
    batch_size : "auto" or int, default="auto"
        Most rows whose features are in memory at one time. ``"auto"`` is the fastest. Only rounding depends on it.
    n_jobs : int, optional
        Number of threads. None uses as many as scikit-learn's own compiled code. With 1, a fit keeps BLAS to one thread
        as well; otherwise BLAS has its own. Only rounding depends on it.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random. The same integer gives the same model, and a network with more components then begins
        with the features of a smaller one.
    verbose : int, default=0
        A positive number prints lines as stages of a fit begin and end, and one for each solution. From 2 on, a bar
        shows how far a stage is.

    Attributes
    ----------
    output_coef_ : ndarray of shape (n_targets, n_columns)
        The output matrix. It has one coefficient for each column of `transform`: first the input columns, as numbers,
        of the direct link, then the ``n_components`` of the last layer.
    intercept_ : ndarray of shape (n_targets,)
        The intercept.
    alpha_ : ndarray of shape (n_targets,)
        The penalty in use.
    effective_dof_ : ndarray of shape (n_targets,)
        Effective degrees of freedom of the fit, the intercept not counted.
    noise_variance_ : ndarray of shape (n_targets,)
        Estimated variance of the targets around the fit; for losses other than squared errors, of the targets of the
        last weighted solution.
    samplers_ : tuple of URFSampler
        The bundled layers; none with kernels.
    n_components_ : tuple of int
        Number of random features of each layer.
    activation_, directions_, frequencies_, length_scale_ : str, callable, float or ndarray
        The kernel of the first layer, chosen or given; `directions_` is None with kernels.
    feature_map_ : {"random", "kernel"}
        Kind of columns in use.
    input_transform_ : {"quantile", "robust", "standard", None}
        The transform in use.
    kernels_ : tuple of Kernel
        Summands of the kernel, with their length scales and axes; only with kernels.
    landmarks_, block_sizes_ : ndarray
        Transformed rows that are landmarks, and numbers of rows in the blocks; only with several blocks.
    feature_importances_ : ndarray of shape (n_features,)
        Share of each column in the squared inverse length scales, or in the squared slopes if none were learned. If a
        category was encoded as several columns, their shares are added.
    search_history_ : list of tuple
        Every kernel that was compared on the transformed inputs, with the numbers of rows and features, and its
        cross-validated squared error relative to the variance of the targets.
    solver_ : {"primal", "dual", "cg", "blocks"}
        The solver in use.
    solver_costs_ : dict of str to float
        Estimated cost of each solver that could be used, in operations of a matrix product; only with random features.
    n_iter_ : int
        Number of passes over the rows, or of weighted solutions. It is one for squared errors by a direct solver.
    moments_ : Moments
        Sums over all rows so far; only after `partial_fit`.
    n_samples_seen_ : int
        Number of rows of positive weight in the fit.
    classes_ : ndarray of shape (n_classes,)
        Class labels. ``n_targets`` is ``n_classes``, or one for two classes.
    inverse_temperature_ : float
        Factor of the scores inside the softmax. A larger factor makes the probabilities more certain.
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
        """Fit the output matrix in closed form, with one target of -1 and 1 for each class.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels, at least two different ones.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. A whole weight repeats the row, and a common factor changes nothing automatic.

        Returns
        -------
        BundledNetworkClassifier
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If the data hold infinity, `y` is no classification target or has one class, or a parameter does not fit the
            data.
        """
        self._fit_rows(X, y, sample_weight)
        return self

    @available_if(adds_up_by_classes)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "BundledNetworkClassifier":
        """Add rows to the fit.

        As :meth:`BundledNetworkRegressor.partial_fit`. The first call sets the classes as well, and probabilities are
        calibrated on a thousand rows drawn from all.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), optional
            All labels that any chunk will hold; needed in the first call.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. A whole weight repeats the row, and a common factor changes nothing automatic.

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

    def decision_function(self, X: Any) -> np.ndarray:
        """Give the scores of the classes: the larger, the more likely is the class.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes)
            Estimates from -1 (another class) to 1 (this class), or logits with ``loss="log_loss"``. For two classes
            this is the second one.
        """
        fitted, X = self._fitted_for(X, "decision_function")
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
        fitted, X = self._fitted_for(X, "predict")
        return fitted.targets.decode(fitted.scores(X, self._execution()))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict class probabilities: a softmax of the scores, with the fitted temperature.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to one; columns in the order of `classes_`.
        """
        fitted, X = self._fitted_for(X, "predict_proba")
        assert isinstance(fitted.targets, ClassTargets)
        return fitted.targets.probabilities(fitted.scores(X, self._execution()))
