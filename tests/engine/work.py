"""Running a piece of work that yields its progress to the end."""

from __future__ import annotations

from collections.abc import Generator

from engine.model import Progress, Result


def done(work: Generator[Progress, None, Result]) -> Result:
    """The result; the progress on the way to it must rise from 0 to 1."""
    fraction = 0.0
    while True:
        try:
            progress = next(work)
        except StopIteration as finished:
            result: Result = finished.value
            return result
        assert fraction <= progress.fraction <= 1.0
        fraction = progress.fraction
