"""Bodies: compact things that move as one before a camera that rests, followed from frame to frame.

Dense flow loses what is small and moves further between two frames than it is wide: a ball at twelve frames a second.
Such a thing stands out from the picture without it, which is the median of the shot's frames; it is followed by its
place there, and where it passes other movers by its looks (normalised cross-correlation). Its path between contacts is
a parabola; a contact is a kink in it.

Places and lengths are in pixels of the frames that are looked at, in the order x, y.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from engine.foley.ahead import ahead
from engine.foley.motion import CELL, median, weight
from engine.frames import Frame, Gray
from engine.model import Progress

Places = NDArray[np.float64]

FASTEST = 4.0
"""Picture diagonals per second; nothing is looked for further away than this allows."""

COMPACT = 0.75
"""Of its convex hull: what fills less is no one thing, but limbs or a crowd."""

MOST = 8
"""Bodies followed at a time."""

SHORTEST = 6
"""Frames in which a thing must be seen to count as a body; and a fifth of a second."""

ALIKE = 0.7
"""The least correlation with its earlier looks by which a body is known again."""

KINK = 0.15
"""Of the strongest kink in a body's path: a weaker one is no contact."""

ROUGH = 0.12
"""Of a path's high speed (its 90th percentile): where velocity changes by more from place to place, no thing moves."""

RESTING = 0.1
"""Of the same: what is slower rests."""

TOGETHER = 0.3
"""Seconds for which two bodies are seen at least, to be told to move as one, and"""

STRAYING = 0.6
"""of how far they move: how much their distance may change (standard deviations) while they do."""

_LARGEST = 0.08  # of the picture
_SMALLEST = 28  # pixels
_SAMPLES = 25  # frames that make the picture without bodies
_TIGHT = 1.12  # a blob's area beside its body's, when it is the body alone
_LOOSE = 1.33  # and at most
_GAIN = 6.0  # diagonals per second squared: more than what falls gains
_SLACK = 6.0  # pixels
_PACE = 1 / 30  # seconds
_LOST = 2  # frames in a row after which a body is given up, and
_AWAY = 0.15  # seconds
_TELL = 30  # frames between two words of progress


@dataclass(frozen=True)
class Kink:
    """A sudden change of a body's velocity at `time`; `evidence` is in the measure of the flow's stops."""

    time: float
    place: tuple[float, float]
    evidence: float


@dataclass(frozen=True)
class Body:
    """A thing's path: `places` (n, 2) at `times` (n,), and its radius. `picture` is the shape of the frames."""

    times: Places
    places: Places
    radius: float
    picture: tuple[int, int]

    @property
    def diagonal(self) -> float:
        return float(np.hypot(*self.picture))

    @property
    def way(self) -> float:
        """How far it travelled, in diagonals, by where it was every tenth of a second: trembling is no travel."""
        instants = np.arange(self.times[0], self.times[-1], 0.1)
        x, y = (np.interp(instants, self.times, along) for along in self.places.T)
        return float(np.hypot(np.diff(x), np.diff(y)).sum()) / self.diagonal

    def beside(self, other: Body) -> float | None:
        """How many pixels the two are apart (the median) while they move as one; None where they don't."""
        begin, end = max(self.times[0], other.times[0]), min(self.times[-1], other.times[-1])
        if end - begin < TOGETHER:
            return None
        instants = np.arange(begin, end, _PACE)
        one, two = (
            np.stack([np.interp(instants, each.times, along) for along in each.places.T]) for each in (self, other)
        )
        strays, *moves = (float(np.hypot(*along.std(axis=1))) for along in (one - two, one, two))
        return float(np.median(np.hypot(*(one - two)))) if strays < STRAYING * min(moves) else None

    @property
    def flies(self) -> bool:
        """Whether it moves evenly outside contacts, as a thing does and a limb does not."""
        course = self._course()
        return course.steps >= SHORTEST - 3 and course.noise < ROUGH * course.fast

    def kinks(self) -> list[Kink]:
        """The contacts on its path.

        Between contacts the velocity changes by a steady acceleration (gravity), by one that is alike from frame to
        frame (what swings, what is led by a hand), or not at all (what rests). A blow between two frames shows its
        change of velocity in two shares, the larger at the nearer frame: their centre of gravity is the instant.
        """
        course = self._course()
        velocity, change, span, noise = course.velocity, course.change, course.span, course.noise
        times, places = (each[1:] for each in self._spaced())
        size = np.hypot(*change.T)
        found: list[tuple[float, Kink]] = []
        for k in range(len(size)):
            around = slice(max(0, k - 1), k + 2)
            if size[k] < max(float(size[around].max()), 3 * noise, 1e-9):
                continue
            along = change @ (change[k] / size[k])
            if float(along[around].sum()) < 0.5 * size[k]:
                continue  # there and back: one frame's place was wrong
            other = max((j for j in (k - 1, k + 1) if 0 <= j < len(size)), key=lambda j: float(along[j]))
            share = max(0.0, float(along[other]) - noise)
            whole = float(size[k]) + share
            if whole * float(span[k]) < 1.0 or whole < 6 * noise:
                continue
            at = (float(size[k]) * times[k] + share * times[other]) / whole
            came = velocity[min(k, other) if share else k]
            down = np.float32(came[1] / max(float(np.hypot(*came)), 1e-9))
            seen = 1 - np.exp(-0.5 * (self.radius / CELL) ** 2)  # what the flow's cells would show of it
            evidence = whole / self.diagonal * float(weight(np.asarray(down))) * float(seen)
            found.append((whole, Kink(float(at), (float(places[k, 0]), float(places[k, 1])), evidence)))
        strongest = max((whole for whole, _ in found), default=0.0)
        return [kink for whole, kink in found if whole >= KINK * strongest]

    def _spaced(self) -> tuple[Places, Places]:
        """Times and places at no more than about 30 a second: closer ones turn a pixel's trembling into velocity."""
        kept = [0]
        for index, time in enumerate(self.times):
            if time - self.times[kept[-1]] >= 0.8 * _PACE:
                kept.append(index)
        return self.times[kept], self.places[kept]

    def _course(self) -> _Course:
        times, places = self._spaced()
        steps = np.diff(times)
        velocity = np.diff(places, axis=0) / steps[:, None]
        speed = np.hypot(*velocity.T)
        fast = float(np.percentile(speed, 90))
        moving = (speed[:-1] > RESTING * fast) & (speed[1:] > RESTING * fast)
        span = (steps[:-1] + steps[1:]) / 2
        held = np.diff(velocity, axis=0)
        if not moving.any():
            return _Course(velocity, held, span, fast, np.inf, 0)
        pull = held / span[:, None]
        steady = np.median(pull[moving], axis=0)
        nearby = median_filter(pull, (5, 1), mode="nearest")
        ways = np.stack([held, held - steady * span[:, None], held - nearby * span[:, None]])
        change = ways[np.argmin(np.hypot(ways[..., 0], ways[..., 1]), axis=0), np.arange(len(held))]
        noise = 1.48 * float(np.median(np.hypot(*change[moving].T)))  # by the median: the large changes are contacts
        return _Course(velocity, change, span, fast, noise, int(moving.sum()))


@dataclass(frozen=True)
class _Course:
    """A path's velocities (n, 2) in pixels per second, and the changes (n - 1, 2) from one to the next but gravity's.

    `span` are the seconds of each change, `fast` is the 90th percentile of the speed, `noise` the standard deviation of
    the small changes and `steps` how many of them happen in motion.
    """

    velocity: Places
    change: Places
    span: Places
    fast: float
    noise: float
    steps: int


@dataclass
class _Track:
    looks: Gray
    area: float
    shade: float
    times: list[float] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)
    lost: int = 0

    def furthest(self, time: float, diagonal: float) -> float:
        """How far it may be from where it was, by the speed of all things."""
        return float(np.clip(FASTEST * diagonal * (time - self.times[-1]), _SLACK, 0.3 * diagonal))

    def reach(self, time: float, diagonal: float) -> float:
        """How far it may be from where it was, by its recent speed and what it may gain."""
        furthest, step = self.furthest(time, diagonal), time - self.times[-1]
        if len(self.places) < 3:
            return furthest
        speeds = np.hypot(*np.diff(self.places[-4:], axis=0).T) / np.diff(self.times[-4:])
        return min(furthest, 1.5 * float(speeds.max()) * step + _GAIN * diagonal * step**2 + _SLACK)

    def at(self, time: float, place: tuple[float, float]) -> None:
        self.lost = 0
        self.times.append(time)
        self.places.append(place)

    def gone(self, time: float) -> bool:
        return self.lost > _LOST or (self.lost > 0 and time - self.times[-1] > _AWAY)

    def expected(self, time: float) -> tuple[float, float]:
        (x, y), count = self.places[-1], len(self.places)
        if count < 2:
            return x, y
        ahead = (time - self.times[-1]) / (self.times[-1] - self.times[-2])
        return x + ahead * (x - self.places[-2][0]), y + ahead * (y - self.places[-2][1])


@dataclass(frozen=True)
class _Blob:
    x: float
    y: float
    area: float
    shade: float
    box: tuple[int, int, int, int]
    moved: float


def bodies(shot: Sequence[Frame]) -> Generator[Progress, None, list[Body]]:
    """Follow the bodies of a shot; yield progress (0..1) and return them, the one that travels furthest first.

    There are none where the camera moves, or where all is one mass.
    """
    if len(shot) < SHORTEST:
        return []
    chosen = np.unique(np.linspace(0, len(shot) - 1, _SAMPLES).astype(int))
    without: Gray = np.median(np.stack([shot[i].image for i in chosen]), axis=0).astype(np.uint8)
    height, width = without.shape
    diagonal = float(np.hypot(height, width))
    active: list[_Track] = []
    ended: list[_Track] = []
    seen = ahead(lambda pair: _blobs(pair[1].image, without, pair[0].image), pairwise(shot))
    for index, (frame, blobs) in enumerate(zip(shot[1:], seen, strict=True)):
        if index % _TELL == 0:
            yield Progress(index / len(shot), "Following what moves")
        for track in active:
            _follow(track, frame, blobs, track.reach(frame.time, diagonal))
        for track in active:
            if track.lost:
                _find_again(track, frame, blobs, track.furthest(frame.time, diagonal))
        ended += [track for track in active if track.gone(frame.time)]
        active = [track for track in active if not track.gone(frame.time)]
        for blob in sorted(blobs, key=lambda each: -each.moved * each.area)[: MOST - len(active)]:
            if blob.moved > 8 and not any(_inside(track.places[-1], blob) for track in active):
                left, top, wide, high = blob.box
                looks = frame.image[top : top + high, left : left + wide].copy()
                active.append(_Track(looks, blob.area, blob.shade, [frame.time], [(blob.x, blob.y)]))
    found = [
        Body(np.array(track.times), np.array(track.places), float(np.sqrt(track.area / np.pi)), (height, width))
        for track in ended + active
        if len(track.times) >= SHORTEST and track.times[-1] - track.times[0] >= 0.2
    ]
    return sorted((body for body in found if body.flies), key=lambda body: -body.way)


def _blobs(image: Gray, without: Gray, before: Gray) -> list[_Blob]:
    """What stands out from the picture without bodies and is compact: balls, blocks, sticks; no limbs, no crowds."""
    apart = cv2.absdiff(image, without)
    mask = (apart > 12 + 3 * median(apart)).astype(np.uint8)
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, centres = cv2.connectedComponentsWithStats(closed, connectivity=8, ltype=cv2.CV_16U)
    height, width = image.shape
    changed = cv2.absdiff(image, before)
    found = []
    for index in range(1, count):
        left, top, wide, high, area = (int(value) for value in stats[index])
        whole = left > 0 and top > 0 and left + wide < width and top + high < height
        if not whole or not _SMALLEST <= area < _LARGEST * image.size:
            continue
        box = slice(top, top + high), slice(left, left + wide)
        here = labels[box] == index
        if area > COMPACT * _hull(here):
            shade, moved = float(image[box][here].mean()), float(changed[box][here].mean())
            x, y = centres[index]
            found.append(_Blob(float(x), float(y), float(area), shade, (left, top, wide, high), moved))
    return found


def _hull(mask: NDArray[np.bool]) -> float:
    """The area of the convex hull of a mask's pixels, their own extent included."""
    outline, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(outline))
    return cv2.contourArea(hull) + 0.5 * cv2.arcLength(hull, True) + 1


def _inside(place: tuple[float, float], blob: _Blob) -> bool:
    left, top, wide, high = blob.box
    return left - 1 <= place[0] <= left + wide and top - 1 <= place[1] <= top + high


def _follow(track: _Track, frame: Frame, blobs: list[_Blob], reach: float) -> None:
    """Find a track's body in the next frame, taking its blob from the list; or count the frame as lost.

    A blob of the same size is the body itself. One that is larger or smaller is the body touching or passing another
    mover: then its looks say better where it is.
    """
    here = track.places[-1]
    there = track.expected(frame.time)
    near = _alike(track, blobs, reach, _LOOSE)
    near.sort(key=lambda each: float(np.hypot(each.x - there[0], each.y - there[1])))
    itself = next((blob for blob in near if 1 / _TIGHT < blob.area / track.area < _TIGHT), None)
    place = (itself.x, itself.y) if itself else _by_looks(track.looks, frame.image, here, reach)
    blob = itself or (near[0] if near and place is None else None)
    if blob is not None:
        _is(track, frame, blobs, blob)
    elif place is not None:
        track.at(frame.time, place)
    else:
        track.lost += 1


def _alike(track: _Track, blobs: list[_Blob], reach: float, ratio: float) -> list[_Blob]:
    """The blobs within reach of where a track's body was, of its shade, and of its size but for a factor of `ratio`."""
    x, y = track.places[-1]
    return [
        blob
        for blob in blobs
        if np.hypot(blob.x - x, blob.y - y) <= reach
        and 1 / ratio < blob.area / track.area < ratio
        and abs(blob.shade - track.shade) < 30
    ]


def _find_again(track: _Track, frame: Frame, blobs: list[_Blob], reach: float) -> None:
    """Find a body that is lost, as it is when struck harder than ever: what is of its size and shade, and no one's."""
    here = track.places[-1]
    if alike := _alike(track, blobs, reach, _TIGHT):
        _is(track, frame, blobs, min(alike, key=lambda each: float(np.hypot(each.x - here[0], each.y - here[1]))))


def _is(track: _Track, frame: Frame, blobs: list[_Blob], blob: _Blob) -> None:
    """Take a blob from the list for a track's body."""
    blobs.remove(blob)
    track.area, track.shade = 0.9 * track.area + 0.1 * blob.area, 0.9 * track.shade + 0.1 * blob.shade
    left, top, wide, high = blob.box
    track.looks = frame.image[top : top + high, left : left + wide].copy()
    track.at(frame.time, (blob.x, blob.y))


def _by_looks(looks: Gray, image: Gray, here: tuple[float, float], reach: float) -> tuple[float, float] | None:
    """Where in the picture something looks as it did, within reach of where it was; None where nothing does."""
    high, wide = looks.shape
    top, left = (max(0, round(at - size / 2 - reach)) for at, size in ((here[1], high), (here[0], wide)))
    part = image[top : round(here[1] + high / 2 + reach), left : round(here[0] + wide / 2 + reach)]
    if min(high, wide) < 3 or part.shape[0] < high or part.shape[1] < wide or float(cv2.meanStdDev(looks)[1][0, 0]) < 4:
        return None
    likeness = np.asarray(cv2.matchTemplate(part, looks, cv2.TM_CCOEFF_NORMED), np.float32)
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    if best < ALIKE:
        return None
    return left + x + _summit(likeness[y], x) + (wide - 1) / 2, top + y + _summit(likeness[:, x], y) + (high - 1) / 2


def _summit(values: NDArray[np.float32], at: int) -> float:
    """How far from `at` the summit of the parabola through it and its neighbours lies, -0.5..0.5."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, here, after = (float(value) for value in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
