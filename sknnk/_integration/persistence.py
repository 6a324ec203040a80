"""What a file of a fitted estimator may hold: the types that `skops.io` should be told to trust."""

_TYPES = (
    "sknnk.ArcCosineSampler",
    "sknnk.BundledNetworkClassifier",
    "sknnk.BundledNetworkClassifierCV",
    "sknnk.BundledNetworkRegressor",
    "sknnk.BundledNetworkRegressorCV",
    "sknnk.URFSampler",
    "sknnk._bundling.partial.PartlyBundledClassifier",
    "sknnk._bundling.partial.PartlyBundledRegressor",
    "sknnk._bundling.trained_networks.DenseLayer",
    "sknnk._data.category_columns.CategoryColumns",
    "sknnk._data.dataset.Dataset",
    "sknnk._data.quantiles.QuantileMap",
    "sknnk._data.table_encoder.TableEncoder",
    "sknnk._data.table_reader.TableReader",
    "sknnk._features.block_map.BlockMap",
    "sknnk._features.block_map.BlockedKernel",
    "sknnk._features.block_tree.BlockTree",
    "sknnk._features.hadamard.HadamardProjection",
    "sknnk._features.kernel_map.KernelMap",
    "sknnk._features.layer_spec.Candidate",
    "sknnk._features.random_map.RandomMap",
    "sknnk._features.unbiased.features.UnbiasedMap",
    "sknnk._features.unbiased.spectra.UnbiasedSpectrum",
    "sknnk._features.unbiased.variance.Split",
    "sknnk._kernel_learning.kernel_features.KernelTask",
    "sknnk._kernel_learning.search.KernelChoice",
    "sknnk._kernel_learning.trend.Trend",
    "sknnk._kernel_learning.trials.Fit",
    "sknnk._kernels.kernels.Kernel",
    "sknnk._kernels.spectra.AnalyticSpectrum",
    "sknnk._kernels.spectra.SeriesSpectrum",
    "sknnk._losses.counts.Gamma",
    "sknnk._losses.counts.Poisson",
    "sknnk._losses.robust.Huber",
    "sknnk._losses.robust.Pinball",
    "sknnk._networks.choice.NetworkChoice",
    "sknnk._networks.fitted.FittedNetwork",
    "sknnk._networks.held_out.HeldOutRows",
    "sknnk._networks.intervals.ResidualSpread",
    "sknnk._networks.losses.scores.explained_share",
    "sknnk._networks.losses.targets.LossTargets",
    "sknnk._networks.targets.ClassTargets",
    "sknnk._networks.targets.NumericTargets",
    "sknnk._ridge.moments.Moments",
    "sknnk._ridge.solution.BareSolution",
    "sknnk._ridge.solution.GivenSolution",
    "sknnk._ridge.solvers.cholesky.MomentsSolution",
    "sknnk._ridge.solvers.eigen.EigenSolution",
    "sknnk._ridge.solvers.eigen.RidgeSystem",
    "sknnk._ridge.solvers.exact.ExactSolution",
    "sknnk._ridge.solvers.iterative.IterativeSolution",
    # Of imputers, encoders and column transformers in front of a network: what skops does not know of scikit-learn.
    "numpy.dtype",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.impute._iterative.IterativeImputer",
    "sklearn.impute._iterative._ImputerTriplet",
    # The default scores of the cross-validated networks.
    "sklearn.metrics._classification.accuracy_score",
    "sklearn.metrics._classification.log_loss",
    "sklearn.metrics._regression.r2_score",
    "sklearn.metrics._scorer._Scorer",
)


def trusted_types() -> list[str]:
    """List the types in fitted estimators of this package, for ``skops.io.load``.

    skops loads a file without running code from it. Types that are not plain parts of NumPy, SciPy or scikit-learn must
    be trusted by name. The types in this list hold only arrays, numbers and names. Those of scikit-learn's imputers,
    encoders and column transformers are in it, too. Objects that a user puts into an estimator, such as an activation
    of their own or a scorer, are not, and skops asks for them.

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
    >>> "sknnk.URFSampler" in trusted_types()
    True

    With skops installed, ``skops.io.load("model.skops", trusted=trusted_types())`` loads a network.
    """
    return list(_TYPES)
