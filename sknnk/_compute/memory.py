"""How much memory the machine has."""

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
