"""What a file of a fitted estimator may hold: the types that `skops.io` should be told to trust."""

_TYPES = (
    "sknnk._arc_cosine_sampler.ArcCosineSampler",
    "sknnk._cholesky.PenalisedMoments",
    "sknnk._classifier.BundledNetworkClassifier",
    "sknnk._classifier_cv.BundledNetworkClassifierCV",
    "sknnk._estimation_theory.Split",
    "sknnk._hadamard.HadamardProjection",
    "sknnk._intervals.ResidualSpread",
    "sknnk._kernel_layers.HeldOut",
    "sknnk._kernel_layers.KernelStack",
    "sknnk._kernel_layers.KernelTask",
    "sknnk._kernel_search.KernelChoice",
    "sknnk._kernel_trials.Fit",
    "sknnk._kernels.Kernel",
    "sknnk._layer_stack.LayerStack",
    "sknnk._moments.Moments",
    "sknnk._partial_bundling.PartlyBundledClassifier",
    "sknnk._partial_bundling.PartlyBundledRegressor",
    "sknnk._quantiles.QuantileMap",
    "sknnk._regressor.BundledNetworkRegressor",
    "sknnk._regressor_cv.BundledNetworkRegressorCV",
    "sknnk._ridge.RidgeSystem",
    "sknnk._samplers.URFSampler",
    "sknnk._spectra.AnalyticSpectrum",
    "sknnk._spectra.SeriesSpectrum",
    "sknnk._trained_layers.DenseLayer",
    "sknnk._tuning.Candidate",
    "sknnk._unbiased_features.UnbiasedMap",
    "sknnk._unbiased_spectra.UnbiasedSpectrum",
    # The default scores of the cross-validated networks.
    "sklearn.metrics._classification.accuracy_score",
    "sklearn.metrics._regression.r2_score",
    "sklearn.metrics._scorer._Scorer",
)


def trusted_types() -> list[str]:
    """List the types that fitted estimators of this package consist of, for ``skops.io.load``.

    skops loads a file without running code that came with it: whatever is not a plain part of NumPy, SciPy or
    scikit-learn must be trusted by name. These types hold arrays, numbers and names. What a user puts into an
    estimator, such as an activation of their own or a scorer, is not among them, and skops will ask for it.

    Returns
    -------
    list of str
        The names, a new list on every call.

    References
    ----------
    https://skops.readthedocs.io/en/stable/persistence.html

    Examples
    --------
    >>> from sknnk import trusted_types
    >>> "sknnk._samplers.URFSampler" in trusted_types()
    True

    With skops installed, ``skops.io.load("model.skops", trusted=trusted_types())`` loads a network.
    """
    return list(_TYPES)
