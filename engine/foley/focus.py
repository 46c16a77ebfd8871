"""Focus on Subject: what is left of a picture when only its subject counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from engine.foley.bodies import Body
from engine.foley.motion import Field, Glimpse
from engine.foley.scene import Pointer

SAME_SIZE = 1.5
"""How far the radii of two stretches of the subject's path may be apart."""

LIVELY = 0.35
"""Of the speed in the liveliest part of the picture: what moves less is not the subject."""

FAR = 1.5
"""Picture diagonals that a body travels at least, to be the subject though it strikes nothing: what swings."""

MOVES = 0.1
"""The same for what words may point at: what moves less is still."""

MISSED = 0.5
"""How badly a body may fit a pointer at most: half a picture away, it is not what is meant."""

ABOUT = 0.1
"""What fits a pointer worse than the best by no more than this may be meant as well."""


def subject(things: Sequence[Body], pointer: Pointer) -> list[Body]:
    """The body that is meant, with the other stretches of its path where it was lost from sight in between.

    Of those that fit the pointer about as well, it is the one that travels furthest. Empty where no body is where the
    pointer points: what is meant is then no body.
    """
    fits = dict(zip(map(id, things), _misfits(things, pointer), strict=True))
    best = min(fits.values(), default=np.inf)
    if best > MISSED:
        return []
    meant = next(thing for thing in things if fits[id(thing)] <= best + ABOUT)
    kept = [meant]
    for thing in things:
        alike = 1 / SAME_SIZE < thing.radius / meant.radius < SAME_SIZE and fits[id(thing)] <= MISSED
        if alike and all(thing.times[0] > other.times[-1] or thing.times[-1] < other.times[0] for other in kept):
            kept.append(thing)
    return kept


def candidates(things: Sequence[Body], glimpses: Sequence[Glimpse]) -> list[Body]:
    """The bodies that may be the subject: what they do is a fair part of what happens, or they go far."""
    most = max((float(np.hypot(*np.moveaxis(glimpse.stops, -1, 0)).max()) for glimpse in glimpses), default=0.0)
    return [
        thing
        for thing in things
        if thing.way >= FAR or max((kink.evidence for kink in thing.kinks()), default=0.0) >= LIVELY * most
    ]


def _misfits(things: Sequence[Body], pointer: Pointer) -> list[float]:
    """How badly each body fits a pointer: sizes beside one another, places on the screen."""
    radii = np.array([thing.radius for thing in things])
    least, most = (float(radii.min()), float(radii.max())) if things else (0.0, 0.0)
    alike = most < SAME_SIZE * least
    misfits = []
    for thing in things:
        x, y = thing.places.mean(axis=0) / thing.picture[::-1]
        size = 0.5 if alike else (thing.radius - least) / (most - least)
        misfits.append(pointer.away(float(x), float(y), float(size)))
    return misfits


def only_bodies(glimpse: Glimpse, things: Sequence[Body]) -> Glimpse:
    """A glimpse in which nothing but the subject moves, and no light changes."""
    nothing = np.zeros_like(glimpse.changes)
    still = replace(glimpse, speed=0.0, stops=np.zeros_like(glimpse.stops), changes=nothing, brightening=0.0)
    for thing in things:
        if thing.times[0] <= glimpse.start and glimpse.end <= thing.times[-1] + 1e-6:
            ends = np.array([glimpse.start, glimpse.end])
            x, y = (np.interp(ends, thing.times, along) for along in thing.places.T)
            speed = float(np.hypot(x[1] - x[0], y[1] - y[0])) / (glimpse.end - glimpse.start) / thing.diagonal
            share = np.pi * thing.radius**2 / (thing.picture[0] * thing.picture[1])
            return replace(still, speed=speed * float(share), x=float(x.mean()) / thing.picture[1])
    return still


def only_liveliest(glimpses: Sequence[Glimpse], pointer: Pointer) -> list[Glimpse]:
    """Glimpses in which only the part of the picture moves that moves most, all the time taken together.

    Where a pointer says where or how large, it is the part that fits best among those that move at all.
    """
    shapes = {glimpse.speeds.shape for glimpse in glimpses}
    if len(shapes) != 1:
        return list(glimpses)
    mean = np.mean([glimpse.speeds for glimpse in glimpses], axis=0)
    if mean.max() <= 0:
        return list(glimpses)
    part = _part(mean, pointer)
    columns = (np.arange(mean.shape[1]) + 0.5) / mean.shape[1]
    kept = []
    for glimpse in glimpses:
        speeds = glimpse.speeds * part
        total = float(speeds.sum())
        x = float(speeds.sum(axis=0) @ columns) / total if total > 0 else 0.5
        stops = glimpse.stops * part[..., None]
        changes = glimpse.changes * part
        kept.append(replace(glimpse, stops=stops, speeds=speeds, changes=changes, speed=float(speeds.mean()), x=x))
    return kept


def _part(mean: Field, pointer: Pointer) -> Field:
    """1 where the meant part of the picture is, 0 elsewhere, from how fast each cell moves on the whole.

    Each part is a summit of the speed with what around it is at least `LIVELY` as fast, and at least `MOVES` of the
    fastest of all; the livelier of two that touch keeps what they share.
    """
    height, width = mean.shape
    left = mean.copy()
    parts: list[tuple[float, Field]] = []
    while float(left.max()) >= MOVES * float(mean.max()):
        summit = np.unravel_index(int(np.argmax(left)), left.shape)
        _, labels = cv2.connectedComponents((left >= LIVELY * left[summit]).astype(np.uint8), connectivity=8)
        inside = labels == labels[summit]
        parts.append((float(inside.sum()), inside.astype(np.float32)))
        left = np.where(inside, np.float32(0), left)
    largest = max(size for size, _ in parts)
    rows, columns = np.mgrid[:height, :width]
    misfits = []
    for size, inside in parts:
        weights = mean * inside
        x, y = (float((weights * (at + 0.5)).sum() / weights.sum()) for at in (columns, rows))
        misfits.append(pointer.away(x / width, y / height, size / largest))
    best = min(misfits)
    return next(inside for (_, inside), misfit in zip(parts, misfits, strict=True) if misfit <= best + ABOUT)
