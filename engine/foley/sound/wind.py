"""Wind and what moves through air: gusts, howling gaps, whooshes.

Turbulence gives a falling broadband spectrum that brightens with speed; an edge or a gap sings at f = 0.2 U / d
(Strouhal; Farnell, "Designing Sound", 2010, chapter 41), ever louder with speed. A swung thing does the same for an
instant.
"""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import Bed, Signal
from engine.foley.sound.filters import stretch, tilt
from engine.foley.sound.grains import arrivals, heavy_tailed, scatter
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


def foliage(bed: Bed) -> Signal:
    """Wind in leaves: no wind is heard, only thousands of leaves that strike each other, in gusts that wander across.

    Broad noise that peaks at 2 to 4 kHz and rises steeply with the wind (Fégeant, "Wind-induced vegetation noise",
    Acustica 85, 1999); needles whistle higher and softer than broad leaves.
    """
    character, random = bed.character, bed.random
    strength = character.intensity
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    centres = np.array([150.0, 400.0, 900.0, 1800.0, 3200.0, 5500.0, 9000.0, 15_000.0])
    shape = np.array([0.05, 0.14, 0.36, 0.8, 1.0, 0.7, 0.36, 0.10])
    shift = 1.5 ** (0.5 - character.size)
    gust = wander(points, 0.16, rate, random) + 0.5 * wander(points, 0.55, rate, random)
    late = round(0.35 * rate)  # a gust takes its time from one side to the other
    most = max(16, int((25.0 + 240.0 * strength) * bed.seconds))
    sides = []
    for side in range(2):
        own = np.roll(gust, side * late)
        own[: side * late] = gust[0]
        own = own + 0.25 * wander(points, 1.6, rate, random)
        speed = np.clip(0.35 + 0.5 * strength + (0.16 + 0.14 * strength) * own, 0.04, 1.6) * bed.activity
        bright = (np.maximum(speed, 0.01)[:, None] / 0.6) ** np.linspace(-0.3, 0.35, centres.size)
        flutter = np.exp(0.20 * wander(points, 13.0, rate, random))
        levels = (speed**2 * flutter)[:, None] * bright * np.interp(centres / shift, centres, shape)
        rustle = paint(levels, centres, bed.length, random)
        at = arrivals(most, speed**2, bed.length, random)
        if at.size:
            kept = bed.detail.of(most, least=8)
            tone = np.exp(random.uniform(np.log(1200.0), np.log(7000.0), most))[:kept] * shift
            force = heavy_tailed(most, random, 0.7)[:kept] * float(np.sqrt(most / kept))
            taps = scatter(at[:kept], tone, np.full(kept, 0.0006), force, bed.length)
            rustle += 0.10 * taps * (0.3 + strength)
        sides.append(rustle)
    return tilt(np.stack(sides, axis=1), character.brightness)


def steam(bed: Bed) -> Signal:
    """A jet of steam or gas: a hiss that peaks at f = 0.2 U / D, for a nozzle of millimetres far up (Lighthill, 1952).

    The valve is never quite steady, and drops that form in it spit.
    """
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    pressure = np.clip(bed.activity, 0.0, 1.0) * (0.45 + 0.55 * character.intensity)
    peak = 7800.0 * 2.6 ** (0.5 - character.size)
    centres = np.geomspace(200.0, 17_500.0, bed.detail.of(40, least=14))
    shared = 1 + 0.05 * wander(points, 3.0, rate, random)
    sides = []
    for _ in range(2):
        jet = pressure * shared * (1 + 0.06 * wander(points, 16.0, rate, random))
        apart = np.log2(centres / (peak * (0.75 + 0.35 * jet[:, None])))
        # A jet's noise rises by 6 dB an octave (pressure) to its peak and falls slowly above.
        hump = 1.0 / (np.exp2(-1.15 * apart) + np.exp2(0.5 * apart))
        sides.append(paint((jet**1.6)[:, None] * hump, centres, bed.length, random))
    most = max(4, int(7.0 * bed.seconds))
    at = arrivals(most, bed.activity, bed.length, random)
    out = np.stack(sides, axis=1)
    if at.size:
        spits = scatter(
            at, random.uniform(1500.0, 5000.0, most), random.uniform(0.0005, 0.003, most),
            0.5 * np.minimum(heavy_tailed(most, random, 0.8), 4.0), bed.length,
        )  # fmt: skip
        out += float(np.std(out)) * spits[:, None]
    return tilt(out, character.brightness)
