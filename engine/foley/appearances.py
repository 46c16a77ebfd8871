"""Choosing the instants at which something is there at once where nothing moves: a letter, a window, a button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from engine.foley.motion import Glimpse
from engine.model import Event

NEAR = 0.25
"""Of the picture's width: what has changed so near just before or after moves, it doesn't appear."""

SMALLEST = 0.0004
"""Of the picture: less that changes is noise in any clip."""

FAINTEST = 0.3
"""The least strength: a letter is typed no less firmly than a window opens."""


def appearances(glimpses: Sequence[Glimpse]) -> list[Event]:
    """The changes of the picture that last from one frame to the next alone, in order of time: when they are seen."""
    found = [_event(*glimpses[index - 1 : index + 2]) for index in range(1, len(glimpses) - 1)]
    largest = max((event.size for event in found), default=0.0)
    return [
        replace(event, strength=max(FAINTEST, float(np.sqrt(event.size / largest))))
        for event in found
        if event.size >= SMALLEST
    ]


def _event(before: Glimpse, here: Glimpse, after: Glimpse) -> Event:
    """What appears in `here`, of the size of all that does: 0 where what changes there moves before or after."""
    rows, columns = here.changes.shape
    reach = 2 * round(NEAR * columns) + 1
    around = np.full((rows, columns), before.cut or after.cut, np.float32)
    for each, rested in ((before, here.rested), (after, after.rested)):
        if not rested:
            around += cv2.resize(each.changes, (columns, rows))
    moving = cv2.dilate(around, np.ones((reach, reach), np.uint8)) > 0
    new = np.where(moving, 0, here.changes)
    total = max(float(new.sum()), 1e-9)
    x, y = (float(new.sum(axis) @ (np.arange(count) + 0.5)) / total for axis, count in ((0, columns), (1, rows)))
    return Event(here.end, strength=1.0, kind="appearance", x=x / columns, y=y / rows, size=float(new.mean()))
