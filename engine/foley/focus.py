"""Focus on Subject: what is left of a picture when only its subject counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from engine.foley.bodies import Body
from engine.foley.motion import Field, Glimpse

SAME_SIZE = 1.5
"""How far the radii of two stretches of the subject's path may be apart."""

LIVELY = 0.35
"""Of the speed in the liveliest part of the picture: what moves less is not the subject."""


def subject(things: Sequence[Body]) -> list[Body]:
    """The body that travels furthest, with the other stretches of its path where it was lost from sight in between."""
    if not things:
        return []
    kept = [things[0]]
    for thing in things[1:]:
        alike = 1 / SAME_SIZE < thing.radius / kept[0].radius < SAME_SIZE
        if alike and all(thing.times[0] > other.times[-1] or thing.times[-1] < other.times[0] for other in kept):
            kept.append(thing)
    return kept


def only_bodies(glimpse: Glimpse, things: Sequence[Body]) -> Glimpse:
    """A glimpse in which nothing but the subject moves, and no light changes."""
    still = replace(glimpse, speed=0.0, stops=np.zeros_like(glimpse.stops), brightening=0.0)
    for thing in things:
        if thing.times[0] <= glimpse.start and glimpse.end <= thing.times[-1] + 1e-6:
            ends = np.array([glimpse.start, glimpse.end])
            x, y = (np.interp(ends, thing.times, along) for along in thing.places.T)
            speed = float(np.hypot(x[1] - x[0], y[1] - y[0])) / (glimpse.end - glimpse.start) / thing.diagonal
            share = np.pi * thing.radius**2 / (thing.picture[0] * thing.picture[1])
            return replace(still, speed=speed * float(share), x=float(x.mean()) / thing.picture[1])
    return still


def only_liveliest(glimpses: Sequence[Glimpse]) -> list[Glimpse]:
    """Glimpses in which only the part of the picture moves that moves most, all the time taken together."""
    shapes = {glimpse.speeds.shape for glimpse in glimpses}
    if len(shapes) != 1:
        return list(glimpses)
    mean = np.mean([glimpse.speeds for glimpse in glimpses], axis=0)
    if mean.max() <= 0:
        return list(glimpses)
    _, labels = cv2.connectedComponents((mean >= LIVELY * mean.max()).astype(np.uint8), connectivity=8)
    part: Field = (labels == labels[np.unravel_index(int(np.argmax(mean)), mean.shape)]).astype(np.float32)
    columns = (np.arange(mean.shape[1]) + 0.5) / mean.shape[1]
    kept = []
    for glimpse in glimpses:
        speeds = glimpse.speeds * part
        total = float(speeds.sum())
        x = float(speeds.sum(axis=0) @ columns) / total if total > 0 else 0.5
        kept.append(replace(glimpse, stops=glimpse.stops * part, speeds=speeds, speed=float(speeds.mean()), x=x))
    return kept
