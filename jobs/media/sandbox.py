"""Work on files that strangers uploaded, in a process of its own: a file that crashes or hangs a decoder costs one job.

The child is a fresh Python that imports only the function's module: no Django, no settings, no secrets in its
environment. It has bounded time and memory, and dies with its parent.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, TypeVarTuple, cast

from jobs.media.errors import MediaCrash, MediaError, MediaTimeout

DEFAULT_MEMORY_BYTES = 3 * 1024**3
"""Address space: room for 8K pictures and the threads of the coders, far from what a decompression bomb asks for."""

_ROOT = Path(__file__).resolve().parents[2]
_KEPT_ENVIRONMENT = ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH")

logger = logging.getLogger(__name__)

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


def run(
    function: Callable[[*Arguments], Result],
    *args: *Arguments,
    timeout_seconds: float,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> Result:
    """Call a module-level function in a child process and return its result, or raise its `MediaError`.

    Arguments and result travel pickled. Whatever else happens to the child is a `MediaError` too: `MediaTimeout` after
    `timeout_seconds`, `TooLarge` when memory ran out, `NoSpace` when the disk did, `MediaCrash` for the rest.
    """
    read_end, lifeline = os.pipe()  # its closing, by whatever end this process comes to, ends the child
    try:
        child = _start(read_end, memory_bytes, _cpu_limit(timeout_seconds))
        try:
            answer, _ = child.communicate(pickle.dumps((function, args)), timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            raise MediaTimeout(
                f"Working on this file took more than {timeout_seconds:g} s and was stopped. Try a shorter clip."
            ) from None
        finally:
            _end(child)
    finally:
        os.close(lifeline)
    return cast(Result, _result(answer, child.returncode, function.__name__))


def _start(read_end: int, memory_bytes: int, cpu_seconds: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-P", "-m", "jobs.media", str(read_end), str(memory_bytes), str(cpu_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            pass_fds=[read_end],
            start_new_session=True,
        )
    finally:
        os.close(read_end)


def _result(answer: bytes, exit_status: int, name: str) -> object:
    if exit_status == 0:
        outcome, value = pickle.loads(answer)  # noqa: S301 - written by our own code, run by the same user
        if outcome == "returned":
            return value
        if isinstance(value, MediaError):
            raise value
        logger.error("%s failed in its process:\n%s", name, value)
        raise MediaCrash("This file could not be worked on. Export it again, best as MP4 (H.264).")
    logger.error("%s ended its process with status %s", name, exit_status)
    if exit_status == -signal.SIGXCPU:
        raise MediaTimeout("Working on this file took too long and was stopped. Try a shorter clip.")
    raise MediaCrash("This file makes the decoder crash: it is damaged. Export it again, best as MP4 (H.264).")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that still runs, with all it started: they share a session of their own."""
    with child:  # closes the pipes, waits
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)


def _cpu_limit(timeout_seconds: float) -> int:
    """Seconds of processor time, over all cores, that the time-out allows: the backstop when nobody is left to kill."""
    return math.ceil(timeout_seconds * (os.cpu_count() or 1)) + 1


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return kept | {"PYTHONPATH": str(_ROOT), "OPENBLAS_NUM_THREADS": "1"}
