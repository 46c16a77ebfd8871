"""Memory that was freed goes back to the system, in a process that lives long and works in threads."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Give what this process has freed back to the system: to be called when a stage that took much is over.

    Each thread keeps for itself what it has freed, for what it needs next (glibc's arenas, malloc_trim(3)): pictures
    that are done with would lie beside the sound. With another C library nothing happens.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
