"""What moves from one frame to the next: dense optical flow, less the camera's own motion, with its stops.

Speeds are in picture diagonals per second, so that they mean the same in every size of picture.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.foley.ahead import ahead
from engine.frames import Frame, Gray

Field = NDArray[np.float32]

CELL = 8
"""Pixels to a side of the grid on which stops are remembered."""

HELD = 0.1
"""Seconds for which an unchanged frame is taken for a repeated one (screen recordings, 24 frames shown as 60)."""

DETAIL = 20
"""Grey levels by which a picture varies around a point, for its flow there to say something."""

UNLIKE = 4.0
"""Grey levels by which a picture differs from what its motion would make of the one before, where it is unexplained."""

RESTED = 0.06
"""Seconds of repeated frames, at least two: longer than films shown at a higher rate repeat theirs."""

CLEARLY = 4.0
"""How many times its noise a picture must change for something else to be there."""

BROAD = 1 / 3
"""Of the picture, at least: less that is lit at once is no flash, but something bright that appears."""

PAGE = 0.25
"""Of the picture, at least: with less detail it is no page, but a thing before something bare."""

LOST = 0.05
"""Of the picture: if more is unexplained, flow may have lost its way."""


@dataclass(frozen=True)
class Glimpse:
    """What happened between two frames, `start` and `end` seconds.

    `speed` is the mean over the picture of how fast things move by themselves, `x` the place of that motion from 0
    (left) to 1. Of each cell of the picture `stops` is the velocity that was lost at the instant `start` (see `watch`)
    and `moves` the velocity, both of shape (rows, columns, 2), `speeds` how fast it moves, and `changes` the share of
    it in which the picture is clearly another. `brightening` is the mean rise in grey levels (0..255) that motion does
    not explain. `cut` says that the two frames belong to different shots, or to one whose picture has jumped, as a page
    does that is scrolled; `rested` that the first was repeated for a while before the second.
    """

    start: float
    end: float
    speed: float
    x: float
    stops: Field
    moves: Field
    speeds: Field
    changes: Field
    brightening: float
    cut: bool
    rested: bool


@dataclass(frozen=True)
class _Pair:
    """Two frames that follow each other; `rested` as in `Glimpse`."""

    last: Frame
    frame: Frame
    rested: bool = False


@dataclass(frozen=True)
class _Change:
    """What two frames say by themselves.

    `velocity` is the motion less the camera's in diagonals per second, `drift` all of it in pixels; both are None where
    no motion can be told: across a cut, in a flash, in too small a picture.
    """

    pair: _Pair
    velocity: Field | None = None
    drift: Field | None = None
    changes: Field | None = None
    brightening: float = 0.0
    cut: bool = False


def watch(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Glimpse | None]]:
    """Each frame but repeated ones, in order, with the glimpse that it ends: None for the first.

    Flow: DIS (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016). The camera's motion is the
    similarity that most of the picture agrees on (RANSAC) and is taken away.

    A stop is the speed that a point loses along its own direction from one frame to the next, as in the impact
    envelope of Davis and Agrawala, "Visual Rhythm and Beat" (SIGGRAPH 2018), but followed along the flow. What strikes
    mostly strikes downwards, and what is lifted ends its motion gently: stops count by direction (`weight`).
    """
    before: _Change | None = None
    for change in ahead(_change, _pairs(frames)):
        yield change.pair.frame, _glimpse(before, change) if before else None
        before = change


def _pairs(frames: Iterable[Frame]) -> Iterator[_Pair]:
    """Each frame with the one before it, the first with itself; without those that only repeat the one before."""
    last: Frame | None = None
    repeated = 0
    for frame in frames:
        if last and frame.time - last.time < HELD and int(cv2.absdiff(last.image, frame.image).max()) <= 2:
            repeated += 1
            continue
        yield _Pair(last or frame, frame, repeated > 1 and last is not None and frame.time - last.time > RESTED)
        last, repeated = frame, 0


def _change(pair: _Pair) -> _Change:
    last, frame = pair.last, pair.frame
    height, width = frame.image.shape
    if last is frame or min(height, width) < 2 * CELL:
        return _Change(pair)
    drift = np.asarray(_flow.dis.calc(last.image, frame.image, None), np.float32)  # type: ignore[call-overload]
    unexplained = _unexplained(last.image, frame.image, drift)
    if float(np.mean(np.abs(unexplained) > UNLIKE)) > LOST:
        shift = _shift(last.image, frame.image)
        if _better(shift, last.image, frame.image, unexplained):
            return _Change(pair, cut=True)
    broad = float(np.mean(unexplained > UNLIKE)) > BROAD
    brightening = float(unexplained.mean()) if broad else 0.0
    cut = bool(np.abs(unexplained).mean() > 9 and _likeness(last.image, frame.image) < 0.5)
    if cut or brightening > 8:
        return _Change(pair, brightening=0.0 if cut else brightening, cut=cut)
    difference = cv2.absdiff(last.image, frame.image)
    noise = max(2.0, 3.0 * median(difference))
    blurred = cv2.blur(difference, (5, 5))
    _, changed = cv2.threshold(blurred, noise, 255, cv2.THRESH_BINARY)
    changes = _means(np.asarray(blurred > CLEARLY * noise, np.float32))
    own = cv2.copyTo(drift - _camera(drift), changed)
    step = frame.time - last.time
    velocity: Field = np.asarray(own / np.float32(step * np.hypot(height, width)), np.float32)
    return _Change(pair, velocity, drift, changes)


def _unexplained(before: Gray, after: Gray, drift: Field) -> Field:
    """The rise in grey levels (height, width), taken together over cells, that is left when the picture has drifted."""
    warped = _follow(before.astype(np.float32), -drift)
    return np.asarray(cv2.blur(after.astype(np.float32) - warped, (CELL, CELL)), np.float32)


def _shift(before: Gray, after: Gray) -> Field:
    """The picture's motion if all of it moves alike, however far: by phase correlation (Kuglin and Hines, 1975)."""
    height, width = after.shape
    half = width // 2, height // 2
    one, other = (cv2.resize(image, half, interpolation=cv2.INTER_AREA).astype(np.float32) for image in (before, after))
    (x, y), _ = cv2.phaseCorrelate(one, other, cv2.createHanningWindow(half, cv2.CV_32F))
    return np.full((height, width, 2), (2 * x, 2 * y), np.float32)


def _better(shift: Field, before: Gray, after: Gray, unexplained: Field) -> bool:
    """Whether a shift explains what flow leaves unexplained: a page that is scrolled by more than its lines are apart.

    What stays in its place on such a page, and what comes into sight, is explained by neither.
    """
    detailed = _detailed(after)
    if float(np.hypot(*shift[0, 0])) < 1.0 or float(np.mean(detailed)) < PAGE:
        return False
    flow, shifted = (
        float(np.mean(np.abs(each[detailed]) > UNLIKE)) for each in (unexplained, _unexplained(before, after, shift))
    )
    return shifted < min(1 / 3, 0.8 * flow)


def _detailed(image: Gray) -> NDArray[np.bool]:
    """Where a picture has detail, of its shape: where it is bare its flow says nothing."""
    return np.asarray(cv2.morphologyEx(image, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > DETAIL)


def _glimpse(before: _Change, after: _Change) -> Glimpse:
    start, end, rested = after.pair.last.time, after.pair.frame.time, after.pair.rested
    if after.velocity is None or after.changes is None:
        shape = after.pair.frame.image.shape
        speeds, stops = (_cells(np.zeros((*shape, *each), np.float32)) for each in ((), (2,)))
        return Glimpse(start, end, 0.0, 0.5, stops, stops, speeds, speeds, after.brightening, after.cut, rested)
    speed = length(*parts(after.velocity))
    stops = np.zeros_like(after.velocity)
    if before.velocity is not None and before.drift is not None:
        stops = _stops(_follow(before.velocity, -before.drift), after.velocity)
    total, width = float(speed.sum()), speed.shape[1]
    x = float((speed.sum(0) @ np.arange(width)) / total / max(1, width - 1)) if total > 0 else 0.5
    stops, moves, speeds = _cells(stops), _cells(after.velocity), _cells(speed)
    return Glimpse(start, end, float(speed.mean()), x, stops, moves, speeds, after.changes, 0.0, False, rested)


class _Flow(threading.local):
    """The flow's workings, for each thread its own."""

    def __init__(self) -> None:
        self.dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)


_flow = _Flow()


def weight(down: Field) -> Field:
    """How much a stop counts by the sine of its direction: 1 straight down, 0.5 sideways, 0.25 straight up."""
    return np.asarray(0.5 + np.where(down > 0, np.float32(0.5), np.float32(-0.25)) * down**2, np.float32)


def median(image: cv2.typing.MatLike) -> float:
    """The median of a picture's grey levels, by counting them: many times as fast as by ordering them."""
    counted = np.cumsum(cv2.calcHist([image], [0], None, [256], [0, 256]))
    low, high = np.searchsorted(counted, [(image.size + 1) // 2, image.size // 2 + 1])
    return float(low + high) / 2


def _stops(before: Field, after: Field) -> Field:
    stops = np.zeros_like(after)
    moving = np.flatnonzero(before.view(np.uint64))  # most of the picture rests, and what rests can't stop
    x, y = np.ascontiguousarray(before.reshape(-1, 2)[moving].T)
    next_x, next_y = np.ascontiguousarray(after.reshape(-1, 2)[moving].T)
    speed = length(x, y) + np.float32(1e-9)
    along = (x * next_x + y * next_y) / speed
    lost = np.minimum(np.maximum(speed - along, 0), 2 * speed)
    share = lost * weight(y / speed) / speed
    stops.reshape(-1, 2)[moving] = np.stack((x * share, y * share), axis=-1)
    return stops


def parts(field: Field) -> tuple[Field, Field]:
    """A field's x and y parts, each of its own: arithmetic on every other number of an array is slow."""
    x, y = cv2.split(field)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def length(x: Field, y: Field) -> Field:
    """The lengths of vectors by their parts. The last bit of `cv2.magnitude` changes with where memory lies."""
    return np.asarray(np.sqrt(x * x + y * y), np.float32)


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> Field:
    """The x and the y of every pixel, of shape (height, width, 2)."""
    return np.ascontiguousarray(np.indices((height, width), np.float32)[::-1].transpose(1, 2, 0))


def _follow(values: Field, drift: Field) -> Field:
    """`values` of shape (height, width, ...) taken from where each point was: at its place plus `drift` pixels."""
    places = _grid(*values.shape[:2]) + drift
    followed = cv2.remap(values, places, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(followed, np.float32)


def _camera(drift: Field) -> Field:
    """The part of the flow that is the camera's: a similarity most of the picture agrees on; none where few agree."""
    grid, some = _grid(*drift.shape[:2]), slice(CELL // 2, None, CELL)
    here = grid[some, some].reshape(-1, 2)
    there = here + drift[some, some].reshape(-1, 2)
    found, agree = cv2.estimateAffinePartial2D(
        here, there, method=cv2.RANSAC, ransacReprojThreshold=0.5, maxIters=200, confidence=0.99
    )
    if found is None or agree.mean() < 0.25:
        return np.zeros_like(drift)
    return np.asarray(cv2.transform(grid, found - np.eye(2, 3)), np.float32)


def _likeness(one: Gray, other: Gray) -> float:
    """The correlation of two pictures' coarse structure: 1 the same, about 0 different scenes."""
    a, b = (cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32) for image in (one, other))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 1.0


def _cells(values: Field) -> Field:
    """Means over cells of the picture, softened over the neighbours."""
    return np.asarray(cv2.GaussianBlur(_means(values), (0, 0), 1), np.float32)


def _means(values: Field) -> Field:
    """Means over cells of the picture."""
    height, width = values.shape[:2]
    size = (max(1, width // CELL), max(1, height // CELL))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
