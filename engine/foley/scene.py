"""What the foley model knows of a picture: the one thing that passes from seeing to sounding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.model import Event

Curve = NDArray[np.float64]

Moment = Literal["contact", "start", "appearance"]
"""What a sound answers to: something stops or turns back at once, begins to move at once, or is there at once too."""

CURVE_RATE = 100.0
"""Hz; the motion curves of a scene are sampled at this rate, whatever the clip's frame rate."""

_SAME = 0.15
"""Seconds between a flash and a start within which both are one shot."""


@dataclass(frozen=True)
class Pointer:
    """Which of the things in the picture is meant, as far as words say; None where they don't.

    `x` is 0 on the left, 0.5 in the middle and 1 on the right, `y` 0 at the top and 1 at the bottom, `size` 0 for the
    smallest thing (or what is far, in the background) and 1 for the largest.
    """

    x: float | None = None
    y: float | None = None
    size: float | None = None

    def away(self, x: float, y: float, size: float) -> float:
        """How badly a thing at this place and of this size fits, 0 (as well as can be) to 3."""
        asked = ((self.x, x), (self.y, y), (self.size, size))
        return sum(abs(wanted - found) for wanted, found in asked if wanted is not None)


@dataclass(frozen=True)
class Scene:
    """A clip as the foley model sees it.

    All times are seconds from the first frame. The curves have `round(duration * CURVE_RATE) + 1` points. `motion` is
    the motion energy 0..1 (1: as lively as the clip gets, 0: still), `liveliness` the absolute level of motion in the
    whole clip 0..1 (a still clip and a wild one differ), `pan` where the motion is, 0 (left) to 1 (right). `cadence` is
    the rate of periodic motion in Hz, None where there is none. `events` are the contacts and flashes, `starts` the
    instants at which a movement begins at once, `appearances` those at which the picture changes at once where nothing
    moves; all are sorted by time.
    """

    duration: float
    events: tuple[Event, ...] = ()
    starts: tuple[Event, ...] = ()
    appearances: tuple[Event, ...] = ()
    motion: Curve = field(default_factory=lambda: np.zeros(1))
    pan: Curve = field(default_factory=lambda: np.full(1, 0.5))
    liveliness: float = 0.0
    cadence: float | None = None

    def instants(self, moment: Moment) -> tuple[Event, ...]:
        """What a sound of this moment answers to, by time.

        Where no movement begins at once, contacts have to do. A key is pressed by a finger in one clip and by no one in
        a recording of the screen: what answers to appearances answers to contacts too.
        """
        if moment == "appearance":
            return tuple(sorted([*self.events, *self.appearances], key=lambda event: event.time))
        if moment == "contact" or not self.starts:
            return self.events
        flashes = [event for event in self.events if event.kind == "flash"]
        starts = [start for start in self.starts if all(abs(start.time - flash.time) > _SAME for flash in flashes)]
        return tuple(sorted([*starts, *flashes], key=lambda event: event.time))


def blank(duration: float) -> Scene:
    """The scene of a request without a clip: nothing to see for `duration` seconds."""
    points = round(duration * CURVE_RATE) + 1
    return Scene(duration=duration, motion=np.zeros(points), pan=np.full(points, 0.5))
