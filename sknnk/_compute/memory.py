"""How much memory the machine has, and the refusal of what does not fit."""

import os


def machine_memory() -> float:
    """Bytes of physical memory, infinite where the system does not say.

    Returns
    -------
    float
        Positive.

    Examples
    --------
    >>> machine_memory() > 0
    True
    """
    if not hasattr(os, "sysconf"):
        return float("inf")
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def refuse_beyond_memory(what: str, n_bytes: float, remedy: str, available: float | None = None) -> None:
    """Refuse an array that the machine cannot hold, before it is allocated.

    Parameters
    ----------
    what : str
        The parameter, its value and what is to be held, for the message.
    n_bytes : float
        Bytes that it needs.
    remedy : str
        What the user can do.
    available : float, optional
        Bytes there; default: :func:`machine_memory`.

    Raises
    ------
    ValueError
        If it needs more than there is.

    Examples
    --------
    >>> refuse_beyond_memory("n_components=100", 800.0, "use fewer n_components")
    """
    available = machine_memory() if available is None else available
    if n_bytes > available:
        raise ValueError(
            f"{what} needs {1e-9 * n_bytes:.3g} GB, and the machine has {1e-9 * available:.3g} GB; {remedy}."
        )
