"""Wind and what moves through air: gusts, howling gaps, whooshes.

Turbulence gives a falling broadband spectrum that brightens with speed; an edge or a gap sings at f = 0.2 U / d
(Strouhal; Farnell, "Designing Sound", 2010, chapter 41), ever louder with speed. A swung thing does the same for an
instant.
"""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import Bed, Signal
from engine.foley.sound.filters import lowpass, stretch, tilt
from engine.foley.sound.noise import paint, wander, whistle

_CENTRES = np.array([35.0, 80.0, 180.0, 400.0, 900.0, 2000.0, 4500.0, 10000.0])
_MOST_GAPS = 6


def wind(bed: Bed) -> Signal:
    """A breeze is low and soft, a gale brighter, gustier, and howls."""
    strength = bed.character.intensity
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    gust = wander(points, 0.22, rate, bed.random) + 0.5 * wander(points, 0.9, rate, bed.random)
    speed = np.clip(0.25 + 0.75 * strength + (0.10 + 0.16 * strength) * gust, 0.05, 1.4) * bed.activity
    sides = []
    for _ in range(2):
        own = np.clip(speed * (1 + 0.10 * wander(points, 1.5, rate, bed.random)), 0.0, 1.6)
        # The corner where the spectrum starts to fall moves up with the speed: 120 Hz in a breeze, 900 Hz in a gale.
        corner = 110.0 + 800.0 * own[:, None] ** 1.5
        levels = own[:, None] ** 1.6 / (1.0 + (_CENTRES / corner) ** 1.35)
        levels[:, 0] *= 0.6
        sides.append(paint(levels, _CENTRES, bed.length, bed.random))
    out = np.stack(sides, axis=1)
    howl = np.clip((strength - 0.35) / 0.65, 0.0, 1.0) * (0.4 + 1.2 * bed.character.brightness)
    gaps = bed.random.uniform(0.55, 2.1, _MOST_GAPS)
    places = bed.random.uniform(0.2, 0.8, _MOST_GAPS)
    for gap, place in list(zip(gaps, places, strict=True))[: bed.detail.of(_MOST_GAPS, least=1)]:
        turn = speed * (1 + 0.04 * wander(points, 2.0, rate, bed.random))
        tone = whistle(430.0 * gap * (0.55 + 0.6 * turn), 14.0, bed.length, bed.random)
        level = 0.22 * howl * stretch(np.clip(turn - 0.35, 0.0, 1.0) ** 2.2, bed.length)
        out += tone[:, None] * level[:, None] * np.sqrt([1 - place, place])
    return tilt(out, bed.character.brightness)


def whoosh(bed: Bed) -> Signal:
    """Air pushed aside: pitch goes with speed, level with about its third power; small things hiss, large ones rush."""
    speed = np.clip(bed.activity, 0.0, 1.0)
    points = speed.size
    rate = points / max(bed.seconds, 1e-3)
    scale = 3.2 ** (0.5 - bed.character.size) * (0.7 + 0.6 * bed.character.speed)
    centres = np.geomspace(60.0, 14_000.0, bed.detail.of(40, least=12))
    sides = []
    shared = 1 + 0.06 * wander(points, 5.0, rate, bed.random)
    for _ in range(2):
        flutter = shared * (1 + 0.04 * wander(points, 9.0, rate, bed.random))
        peak = (160.0 + 1900.0 * speed**1.2) * scale * flutter
        apart = np.log2(centres[None, :] / peak[:, None])
        # A hump 1.6 octaves wide, steeper below than above, over a faint rush.
        hump = np.exp(-0.5 * (apart / np.where(apart < 0, 0.75, 1.15)) ** 2)
        level = (speed**1.9)[:, None] * (hump + 0.10 * hump**0.25)
        sides.append(paint(level, centres, bed.length, bed.random))
    return tilt(np.stack(sides, axis=1), bed.character.brightness)


def cloth(bed: Bed) -> Signal:
    """Fabric or leaves: many small rubs, bright and dry, in step with the movement."""
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    centres = np.array([150.0, 400.0, 1000.0, 2200.0, 4500.0, 8000.0, 14_000.0])
    shape = np.array([0.25, 0.5, 0.8, 1.0, 0.8, 0.45, 0.15])
    sides = []
    shared = np.exp(0.8 * wander(points, 8.0, rate, bed.random))
    for _ in range(2):
        rub = shared * np.exp(0.6 * wander(points, 20.0, rate, bed.random))
        tone = np.exp(0.35 * wander(points, 6.0, rate, bed.random))[:, None] ** np.linspace(-1, 1, centres.size)
        sides.append(paint((bed.activity * rub)[:, None] * shape * tone, centres, bed.length, bed.random))
    out = np.stack(sides, axis=1)
    if bed.character.weight > 0.6:
        out = lowpass(out, 3500.0, order=1)
    return tilt(out, bed.character.brightness)
