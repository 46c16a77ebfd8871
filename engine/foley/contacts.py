"""Choosing the instants of contact from the stops in the flow and the kinks in the paths of bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from engine.foley.bodies import Body, Kink
from engine.foley.evidence import Times, standing_out, strong, weakest
from engine.foley.motion import CELL, HELD, Field, Glimpse, length, parts
from engine.model import Event

APART = 0.12
"""Seconds between two contacts, at least."""

FAINTEST = 0.03
"""Diagonals per second: a smaller loss of speed is noise in any clip."""

ROAMING = 0.15
"""Picture diagonals that a body travels at least, to be asked before the flow is, and"""

LASTING = 0.5
"""seconds for which it is followed."""

NEAR = 5.0
"""Of the sum of two bodies' radii: what is further apart is not of one thing, even if it moves as one."""

SHARE = 0.5
"""Of the clip's own strong stops: a weaker one is no contact."""

NEARBY = 0.3
"""Of the picture's width and height (standard deviation): how far apart blows at one thing are seen."""

ALONE = 0.2
"""How much a stop counts that is like no other, beside the one that is most like the others."""

PART = 0.2
"""Of the largest share of a stop: a smaller one does not belong to it."""

FAINT = 0.2
"""The same for bodies, whose paths are known better."""

AWAY = 0.25
"""Of the picture's width: no thing is further from where it was two frames ago."""

EDGE = 2
"""Cells of the picture's edge in which what moves inwards may have come from outside."""

PAUSE = 0.06
"""Seconds for which what moves may seem to rest, as a frame is repeated."""


@dataclass(frozen=True)
class _Sign:
    """Something that may be a contact: its evidence, the speed lost in it, the direction (x, y) in which it struck."""

    evidence: float
    lost: float
    event: Event
    way: tuple[float, float] = (0.0, 0.0)


def contacts(glimpses: Sequence[Glimpse], things: Sequence[Body], duration: float) -> list[Event]:
    """The impacts in order of time: stops that stand out from the motion around them and among the clip's own.

    Where a body says what happened, by the kinks in its path, the flow around it is not asked.
    """
    kinks: list[_Sign] = []
    for thing in things:
        kinks += _counting([_kinked(kink, thing) for kink in thing.kinks()], FAINT)
    stopped = [_without(_known(glimpse), things) for glimpse in _lasting(glimpses)]
    stops = _counting(_again(_stops(stopped, duration)), SHARE)
    chosen: list[Event] = []
    for sign in sorted([*_weighed(kinks), *_weighed(stops)], key=lambda each: -each.evidence):
        if all(abs(sign.event.time - other.time) >= APART for other in chosen):
            chosen.append(sign.event)
    return sorted(chosen, key=lambda event: event.time)


def _counting(signs: Sequence[_Sign], share: float) -> list[_Sign]:
    """The signs that count among their sort."""
    least = weakest(np.array([sign.evidence for sign in signs]), share)
    return [sign for sign in signs if sign.evidence >= least and sign.lost >= FAINTEST]


def _weighed(signs: Sequence[_Sign]) -> list[_Sign]:
    """The signs with the strength of their events, beside the strong of their sort: kinks and stops aren't alike."""
    strongly = max(strong(np.array([sign.evidence for sign in signs])), 1e-9)
    strengths = [float(np.clip(sign.evidence / strongly, 0.05, 1.0)) for sign in signs]
    return [
        replace(sign, event=replace(sign.event, strength=strength))
        for sign, strength in zip(signs, strengths, strict=True)
    ]


def _again(signs: Sequence[_Sign]) -> list[_Sign]:
    """The signs with their evidence weighed by how much of the others' speaks for the same thing.

    What strikes mostly strikes again, in the same direction and the same part of the picture; it is lifted in another.
    """
    if not signs:
        return []
    evidence = np.array([sign.evidence for sign in signs])
    places = np.array([(sign.event.x, sign.event.y) for sign in signs])
    ways = np.array([sign.way for sign in signs])
    times = np.array([sign.event.time for sign in signs])
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    alike = np.exp(-0.5 * (apart / NEARBY) ** 2) * np.maximum(ways @ ways.T, 0) ** 2
    alike[np.abs(times[:, None] - times) < APART] = 0
    support = alike @ evidence
    weights = ALONE + support / max(float(support.max()), 1e-12)
    return [replace(sign, evidence=float(each)) for sign, each in zip(signs, evidence * weights, strict=True)]


def speaking(found: Sequence[Body]) -> list[Body]:
    """The bodies that are followed long and far enough to be told from what trembles or flickers, each once.

    Those that move as one side by side are parts of something larger: what moves by less than its own size shows at its
    edges alone, whose places say little. That is left to the flow. `found` begins with what travels furthest.
    """
    followed = [thing for thing in found if thing.way >= ROAMING and thing.times[-1] - thing.times[0] >= LASTING]
    return [
        thing
        for index, thing in enumerate(followed)
        if not any(_same(thing, other) for other in followed[:index])
        and not any(_parted(thing, other) for other in followed if other is not thing)
    ]


def _same(thing: Body, other: Body) -> bool:
    apart = thing.beside(other)
    return apart is not None and apart < (thing.radius + other.radius) / 2


def _parted(thing: Body, other: Body) -> bool:
    apart, size = thing.beside(other), thing.radius + other.radius
    return apart is not None and size / 2 <= apart < NEAR * size


def _kinked(kink: Kink, thing: Body) -> _Sign:
    height, width = thing.picture
    event = Event(
        time=kink.time,
        strength=1.0,
        x=kink.place[0] / width,
        y=kink.place[1] / height,
        size=float(min(1.0, np.pi * thing.radius**2 / (height * width))),
    )
    return _Sign(kink.evidence, kink.evidence, event)


def _lasting(glimpses: Sequence[Glimpse]) -> list[Glimpse]:
    """The glimpses without the stops of what moved from one frame to the next and neither before nor after.

    That is no movement, but a picture that has changed at once: a window opens, a letter is typed. Frames may be
    repeated in between, so what moved a little earlier moved before; just after a cut or a jump nothing is known of it.
    """
    kept = []
    for index, glimpse in enumerate(glimpses):
        last = glimpses[max(0, index - 1)]
        earlier = [each for each in glimpses[max(0, index - 4) : max(0, index - 1)] if last.start - each.end < PAUSE]
        columns, rows = glimpse.speeds.shape[::-1]
        moved = np.zeros((rows, columns), np.float32)
        if not any(each.cut for each in [*earlier, last]):
            for each in earlier:
                moved += cv2.resize(each.speeds, (columns, rows))
        reach = 2 * round(AWAY * columns) + 1
        near = cv2.dilate(moved, np.ones((reach, reach), np.uint8)) > 0
        kept.append(replace(glimpse, stops=np.asarray(np.where(near[..., None], glimpse.stops, 0), np.float32)))
    return kept


def _known(glimpse: Glimpse) -> Glimpse:
    """The glimpse without the stops of what comes into the picture at its edges: where it was can't be known."""
    stops = glimpse.stops.copy()
    for across, along in ((stops, 0), (stops.swapaxes(0, 1), 1)):
        for edge, inwards in ((across[:, :EDGE], 1), (across[:, -EDGE:], -1)):
            edge[inwards * edge[..., along] > 0.5 * np.hypot(edge[..., 0], edge[..., 1])] = 0
    return replace(glimpse, stops=stops)


def _without(glimpse: Glimpse, things: Sequence[Body]) -> Glimpse:
    """The glimpse without the stops around the bodies."""
    stops = glimpse.stops
    rows, columns = np.indices(stops.shape[:2], np.float32)
    for thing in things:
        near = (thing.times >= glimpse.start - HELD) & (thing.times <= glimpse.end + HELD)
        x, y = thing.places[near].T.astype(np.float32)[..., None, None]
        away = np.hypot((columns + 0.5) * CELL - x, (rows + 0.5) * CELL - y).min(axis=0, initial=np.inf)
        stops = np.where((away > thing.radius + 3 * CELL)[..., None], stops, np.float32(0))
    return replace(glimpse, stops=stops)


def _lost(glimpse: Glimpse) -> Field:
    """How much speed was lost, in cells of the picture."""
    return length(*parts(glimpse.stops))


def _stops(glimpses: Sequence[Glimpse], duration: float) -> list[_Sign]:
    lost = [_lost(glimpse) for glimpse in glimpses]
    times = np.array([glimpse.start for glimpse in glimpses])
    evidence = np.array([float(cells.max()) for cells in lost])
    return [_sign(glimpses, lost, times, peak, standing) for peak, standing in standing_out(times, evidence, duration)]


def _sign(glimpses: Sequence[Glimpse], lost: Sequence[Field], times: Times, about: float, standing: float) -> _Sign:
    """The stop near `about`, its instant found between the frames.

    A body that is struck between two frames shows its change of speed in two shares, before and after, in proportion
    to how near each frame is: their centre of gravity is the instant. What is stopped more softly, over several
    frames, sounds at the end: of its shares the largest counts and those after it. What goes on the same way right
    after has not stopped: the flow had only lost it for a frame.
    """
    near = int(np.argmin(np.abs(times - about)))
    near = max(range(max(0, near - 1), min(len(lost), near + 2)), key=lambda i: float(lost[i].max()))
    cells = lost[near]
    row, column = np.unravel_index(int(np.argmax(cells)), cells.shape)
    around = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
    largest = float(cells[row, column])
    first = last = near
    while (
        last + 1 < len(lost)
        and times[last + 1] - times[near] < APART
        and float(lost[last + 1][around].max()) >= PART * largest
    ):
        last += 1
    if last == near:
        first = max(0, near - 1)
    span = slice(first, last + 1)
    shares = np.array([float(each[around].max()) for each in lost[span]])
    x, y = glimpses[near].stops[row, column] / max(float(cells[row, column]), 1e-9)
    event = Event(
        time=float((shares @ times[span]) / max(float(shares.sum()), 1e-12)),
        strength=1.0,
        x=float((column + 0.5) / cells.shape[1]),
        y=float((row + 0.5) / cells.shape[0]),
        size=float(np.mean(cells > 0.3 * cells.max())),
    )
    way = np.array([x, y])
    goes = [float((each.moves[around] @ way).max()) for each in glimpses[max(0, near - 1) : near + 3]]
    came = goes.pop(0)
    lasting = 1 - max(goes[1:], default=0.0) / max(came, 1e-9)
    return _Sign(standing * float(np.clip(lasting, 0, 1)), standing, event, (float(x), float(y)))
