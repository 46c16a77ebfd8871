"""Choosing the instants at which a movement begins at once: the jerk of a head that barks, the recoil of a gun."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from engine.foley.evidence import standing_out, strong, weakest
from engine.foley.motion import Glimpse
from engine.model import Event

APART = 0.2
"""Seconds between two starts, at least: what barks or fires is at rest again before it does once more."""

FAINTEST = 0.001
"""Diagonals per second, the mean over the picture: a smaller rise of the motion is noise in any clip."""

SHARE = 0.35
"""Of the clip's own strong starts: a weaker one makes no sound."""


def starts(glimpses: Sequence[Glimpse], duration: float) -> list[Event]:
    """The sudden rises of the motion in the whole picture, in order of time."""
    changes = list(pairwise(glimpses))
    times = np.array([after.start for _, after in changes])
    gains = np.array([_gain(before, after) for before, after in changes])
    found = standing_out(times, gains, duration)
    evidence = np.array([standing for _, standing in found])
    least, strongly = weakest(evidence, SHARE), strong(evidence)
    chosen: list[Event] = []
    for time, standing in sorted(found, key=lambda each: -each[1]):
        if standing >= max(least, FAINTEST) and all(abs(time - other.time) >= APART for other in chosen):
            chosen.append(_event(time, standing / strongly, changes[int(np.argmin(np.abs(times - time)))]))
    return sorted(chosen, key=lambda event: event.time)


def _gain(before: Glimpse, after: Glimpse) -> float:
    """How much livelier the picture is than just before; after a cut or a flash nothing is known of that."""
    if any(each.cut or each.brightening > 0 for each in (before, after)):
        return 0.0
    return max(0.0, after.speed - before.speed)


def _event(time: float, strength: float, change: tuple[Glimpse, Glimpse]) -> Event:
    before, after = change
    faster = np.maximum(after.speeds - before.speeds, 0)
    _, most, _, (column, row) = cv2.minMaxLoc(faster)
    rows, columns = faster.shape
    return Event(
        time=time,
        strength=float(np.clip(strength, 0.05, 1.0)),
        kind="start",
        x=(column + 0.5) / columns,
        y=(row + 0.5) / rows,
        size=float(np.mean(faster > 0.3 * most)),
    )
