"""The parameters of networks for classes."""

from sklearn.utils._param_validation import StrOptions

from .estimator import BundledNetwork


class ClassWeightedNetwork(BundledNetwork):
    """The parameters of a classification network."""

    _parameter_constraints: dict = {
        **BundledNetwork._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

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
        feature_learning="auto",
        input_transform="auto",
        direct_link=True,
        class_weight=None,
        batch_size="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            n_components,
            activation=activation,
            length_scale=length_scale,
            directions=directions,
            frequencies=frequencies,
            alpha=alpha,
            solver=solver,
            tol=tol,
            max_iter=max_iter,
            feature_map=feature_map,
            feature_learning=feature_learning,
            input_transform=input_transform,
            direct_link=direct_link,
            batch_size=batch_size,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight
