"""The child of `jobs.media.sandbox`: `python -m jobs.media LIFELINE MEMORY_BYTES CPU_SECONDS`.

Reads a pickled (function, arguments) from standard input and writes a pickled (outcome, value) to standard output:
("returned", result), ("raised", a MediaError) or ("failed", a traceback).
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import resource
import sys
import threading
import traceback

from jobs.media.errors import MediaError, NoSpace, TooLarge

FILE_BYTES = 8 * 1024**3
"""No single file we write is larger than this."""


def main(lifeline: int, memory_bytes: int, cpu_seconds: int) -> None:
    _die_with_parent(lifeline)
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get into the answer
    function, args = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our parent
    try:
        outcome = ("returned", function(*args))
    except MediaError as error:
        outcome = ("raised", error)
    except Exception as error:
        outcome = ("raised", known) if (known := _known(error)) else ("failed", traceback.format_exc())
    pickle.dump(outcome, answer)
    answer.close()


def _known(error: Exception) -> MediaError | None:
    code = getattr(error, "errno", None)
    if isinstance(error, MemoryError) or code == errno.ENOMEM:
        return TooLarge("This file takes more memory than one job may have. Export the clip smaller.")
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoSpace("There is no room left on the disk for the result. Nothing was lost; try again later.")
    return None


def _die_with_parent(lifeline: int) -> None:
    """End this process when the other end of the pipe closes, which the parent's death does, however it died."""

    def wait() -> None:
        os.read(lifeline, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _limit(kind: int, amount: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # a system that doesn't know the limit, or a stricter one in force
        resource.setrlimit(kind, (amount, amount))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
