"""Choosing the instants of contact from the stops in the flow and the kinks in the paths of bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from engine.foley.bodies import Body, Kink
from engine.foley.motion import CELL, HELD, Glimpse
from engine.foley.scene import CURVE_RATE
from engine.model import Event

SPREAD = 0.04
"""Seconds (standard deviation) over which the parts of one stop are taken together, whatever the frame rate."""

APART = 0.12
"""Seconds between two contacts, at least."""

FAINTEST = 0.03
"""Diagonals per second: a smaller loss of speed is noise in any clip."""

ROAMING = 0.25
"""Picture diagonals that a body travels at least, to be asked before the flow is."""

FAR = 1.5
"""The same for one that may strike nothing at all: something that swings."""

SHARE = 0.35
"""Of the clip's own strong contacts: a weaker stop is no contact."""


FAINT = 0.12
"""The same for bodies, whose paths are known better."""


@dataclass(frozen=True)
class _Sign:
    """Something that may be a contact, and how far its evidence stands out."""

    evidence: float
    event: Event


def contacts(glimpses: Sequence[Glimpse], things: Sequence[Body], duration: float) -> list[Event]:
    """The impacts in order of time: stops that stand out from the motion around them and among the clip's own.

    Where a body says what happened, by the kinks in its path, the flow around it is not asked.
    """
    kinks = [_Sign(kink.evidence, _kinked(kink, thing)) for thing in things for kink in thing.kinks()]
    stops = _stops([_without(glimpse, things) for glimpse in glimpses], duration)
    chosen: list[Event] = []
    for sign in sorted([*_outstanding(kinks, FAINT), *_outstanding(stops, SHARE)], key=lambda each: -each.evidence):
        if all(abs(sign.event.time - other.time) >= APART for other in chosen):
            chosen.append(sign.event)
    return sorted(chosen, key=lambda event: event.time)


def _outstanding(signs: Sequence[_Sign], share: float) -> list[_Sign]:
    """The signs of at least `share` of the strong ones of their sort: kinks and stops don't measure alike.

    By the same measure an event's strength is told.
    """
    if not signs:
        return []
    strong = float(np.percentile([sign.evidence for sign in signs], 90))
    return [
        replace(sign, event=replace(sign.event, strength=float(np.clip(sign.evidence / strong, 0.05, 1.0))))
        for sign in signs
        if sign.evidence >= max(FAINTEST, share * strong)
    ]


def speaking(glimpses: Sequence[Glimpse], found: Sequence[Body]) -> list[Body]:
    """The bodies that matter: whose contacts are a fair part of the strongest the flow shows, or which go far."""
    most = max((float(glimpse.stops.max()) for glimpse in glimpses), default=0.0)
    return [
        thing
        for thing in roaming(found)
        if thing.way >= FAR or max((kink.evidence for kink in thing.kinks()), default=0.0) >= SHARE * most
    ]


def roaming(found: Sequence[Body]) -> list[Body]:
    """The bodies that travel far enough to be told from what trembles."""
    return [thing for thing in found if thing.way >= ROAMING]


def _kinked(kink: Kink, thing: Body) -> Event:
    height, width = thing.picture
    size = min(1.0, np.pi * thing.radius**2 / (height * width))
    return Event(time=kink.time, strength=1.0, x=kink.place[0] / width, y=kink.place[1] / height, size=float(size))


def _without(glimpse: Glimpse, things: Sequence[Body]) -> Glimpse:
    """The glimpse without the stops around the bodies."""
    stops = glimpse.stops
    rows, columns = np.mgrid[: stops.shape[0], : stops.shape[1]]
    for thing in things:
        near = (thing.times >= glimpse.start - HELD) & (thing.times <= glimpse.end + HELD)
        for x, y in thing.places[near]:
            away = np.hypot((columns + 0.5) * CELL - x, (rows + 0.5) * CELL - y)
            stops = np.where(away > thing.radius + 3 * CELL, stops, np.float32(0))
    return replace(glimpse, stops=stops)


def _stops(glimpses: Sequence[Glimpse], duration: float) -> list[_Sign]:
    if len(glimpses) < 2:
        return []
    evidence = np.array([float(glimpse.stops.max()) for glimpse in glimpses])
    times = np.array([glimpse.start for glimpse in glimpses])
    points = round(duration * CURVE_RATE) + 1
    curve = np.zeros(points)
    np.add.at(curve, np.clip(np.round(times * CURVE_RATE).astype(int), 0, points - 1), evidence)
    sigma = SPREAD * CURVE_RATE
    curve = gaussian_filter1d(curve, sigma, mode="constant") * sigma * np.sqrt(2 * np.pi)
    usual = median_filter(curve, min(2 * round(0.5 * CURVE_RATE) + 1, 2 * (points // 2) + 1), mode="reflect")
    standing = curve - usual
    peaks = [i for i in range(1, points - 1) if curve[i - 1] < curve[i] >= curve[i + 1] and standing[i] > 0]
    return [_Sign(float(standing[peak]), _event(glimpses, times, peak / CURVE_RATE)) for peak in peaks]


def _event(glimpses: Sequence[Glimpse], times: NDArray[np.float64], about: float) -> Event:
    """The event near `about`, its instant found between the frames.

    A body that is struck between two frames shows its change of speed in two shares, before and after, in proportion
    to how near each frame is: their centre of gravity is the instant.
    """
    near = int(np.argmin(np.abs(times - about)))
    near = max(range(max(0, near - 1), min(len(glimpses), near + 2)), key=lambda i: float(glimpses[i].stops.max()))
    cells = glimpses[near].stops
    row, column = np.unravel_index(int(np.argmax(cells)), cells.shape)
    around = range(max(0, near - 1), min(len(glimpses), near + 2))
    shares = np.array([float(glimpses[i].stops[row, column]) for i in around])
    shares = np.maximum(shares - shares.min(), 0) + 1e-12
    return Event(
        time=float((shares @ times[list(around)]) / shares.sum()),
        strength=1.0,
        x=float((column + 0.5) / cells.shape[1]),
        y=float((row + 0.5) / cells.shape[0]),
        size=float(np.mean(cells > 0.3 * cells.max())),
    )
