"""Memory that is freed goes back to the system, in a process that lives long and works in threads."""

from __future__ import annotations

import ctypes

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h
_LARGE = 1 << 20  # bytes; a sound is larger, a picture that is looked at smaller


def give_back() -> None:
    """Let blocks of a megabyte and more go back to the system as soon as they are freed.

    glibc raises this bound by itself with what is freed, up to 32 MB (mallopt(3)): each thread then keeps for itself
    what its last sound took. With another C library nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
