"""Phi on tensors: the feature maps of `fourier`, in whole blocks."""

from typing import Any

from .._compute import ArraySpace, Tensor, largest_in


def fourier_tensor(space: ArraySpace, X: Tensor, random_weights: Tensor, n_components: int, scale: float) -> Tensor:
    """Evaluate bounded trigonometric features; see :func:`fourier_features`.

    Parameters
    ----------
    space : ArraySpace
        Of the rows.
    X : tensor of shape (n_samples, n_features)
        Rows.
    random_weights : tensor of shape (n_features, n_frequencies)
        Frequency vectors, in the dtype of `X`.
    n_components : int
        Number of columns: twice the frequencies, or one less.
    scale : float
        Factor of all entries.

    Returns
    -------
    tensor of shape (n_samples, n_components)
        Every cosine beside its sine.
    """
    xp, n_pairs = space.xp, n_components // 2
    phases = X @ random_weights
    cosines, sines = xp.cos(phases), xp.sin(phases[:, :n_pairs])
    if scale != 1.0:
        cosines, sines = scale * cosines, scale * sines
    pairs = xp.reshape(xp.stack([cosines[:, :n_pairs], sines], axis=2), (X.shape[0], 2 * n_pairs))
    return xp.concat([pairs, cosines[:, n_pairs:]], axis=1) if n_components % 2 else pairs


def arc_cosine_tensor(
    space: ArraySpace, X: Tensor, random_weights: Tensor, offset: Tensor, degree: int, scale: float
) -> Tensor:
    """Evaluate arc-cosine features; see :func:`arc_cosine_features`.

    Parameters
    ----------
    space : ArraySpace
        Of the rows.
    X : tensor of shape (n_samples, n_features)
        Rows.
    random_weights : tensor of shape (n_features, n_components)
        Directions, in the dtype of `X`.
    offset : tensor of shape (n_components,)
        Added to the projections.
    degree : {0, 1, 2}
        Step, ReLU or squared ReLU.
    scale : float
        Factor of all entries.

    Returns
    -------
    tensor of shape (n_samples, n_components)
        The features.
    """
    xp, projected = space.xp, X @ random_weights + offset
    if degree == 0:
        return scale * (0.5 * xp.sign(projected) + 0.5)
    positive = xp.clip(projected, 0.0, None)
    return scale * positive if degree == 1 else scale * positive * positive


def check_tensor_range(space: ArraySpace, X: Tensor, random_weights: Tensor, length_scale: Any) -> None:
    """Refuse rows whose projections overflow.

    Parameters
    ----------
    space : ArraySpace
        Of the rows.
    X : tensor of shape (n_samples, n_features)
        Finite rows.
    random_weights : tensor of shape (n_features, n_frequencies)
        What they are multiplied by.
    length_scale : object
        The parameter, for the message.

    Raises
    ------
    ValueError
        If a projection might not be finite, or its square.
    """
    xp, largest = space.xp, largest_in(space, X)
    weight = float(xp.max(xp.sum(xp.abs(random_weights), axis=0)))
    if not largest * weight < float(xp.finfo(X.dtype).max) ** 0.5:
        raise ValueError(
            f"X holds values up to {largest:.3g}, which overflow {X.dtype} at length_scale={length_scale!r}; rescale X "
            "or fit with a larger length_scale."
        )
