"""What to do where memory does not suffice: less at once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from engine.model import BadInput

TOO_LARGE = "This request needs more memory than there is. Ask for a shorter sound, or choose a smaller variant."


def in_parts(work: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """`work` of a batch; where memory does not suffice for it, of its halves, one after the other, and so on.

    Raises what PyTorch raises where it does not suffice for one.
    """
    try:
        return work(batch)
    except (RuntimeError, MemoryError) as error:
        if len(batch) == 1 or not is_out_of_memory(error):
            raise
    release()  # after the error, whose trace holds what was in memory
    return torch.cat([in_parts(work, half) for half in batch.tensor_split(2)])


def is_out_of_memory(error: Exception) -> bool:
    """Whether that is what an error tells: on a processor PyTorch has no name for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)


def release() -> None:
    """Give back what PyTorch keeps of a GPU's memory for later, and what is kept of the machine's."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim()


def trim() -> None:
    """Give back what the C library keeps of the machine's memory for later, where it is one that can (glibc)."""
    if malloc_trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        malloc_trim(0)


@contextmanager
def refusing() -> Iterator[None]:
    """Raises `BadInput`, with a sentence, where memory does not suffice for what is done in it."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise BadInput(TOO_LARGE) from error
