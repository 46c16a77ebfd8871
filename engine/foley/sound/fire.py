"""Fire: flames that lap, embers that hiss, wood that cracks. Farnell, "Designing Sound", 2010, chapter 34."""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import Bed, Signal
from engine.foley.sound.filters import stretch, tilt
from engine.foley.sound.grains import arrivals, heavy_tailed, scatter
from engine.foley.sound.noise import paint, wander


def fire(bed: Bed) -> Signal:
    """A candle flutters, a campfire crackles, a blaze roars: by intensity and size."""
    character = bed.character
    strength = character.intensity
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    centres = np.array([40.0, 90.0, 200.0, 450.0, 1100.0, 3000.0, 7000.0, 13_000.0])
    roar = np.array([0.7, 1.0, 0.8, 0.36, 0.13, 0.06, 0.03, 0.01]) * (0.4 + 1.2 * strength)
    hiss = np.array([0.0, 0.0, 0.0, 0.005, 0.02, 0.07, 0.09, 0.05])
    shared = wander(points, 6.0, rate, bed.random)
    snaps = _cracks(bed, 3.0 + 6.0 * strength, (500.0, 3500.0), 0.0022, 1.1)
    sides = []
    for _ in range(2):
        lap = np.exp(0.35 * shared + 0.30 * wander(points, 11.0, rate, bed.random)) * bed.activity
        sizzle = np.exp(0.7 * wander(points, 3.0, rate, bed.random)) * bed.activity
        bed_of_it = paint(lap[:, None] * roar + sizzle[:, None] * hiss, centres, bed.length, bed.random)
        fine = _cracks(bed, 28.0 + 50.0 * strength, (1800.0, 9500.0), 0.0006, 1.2)
        sides.append(0.30 * bed_of_it + 0.5 * fine)
    out = np.stack(sides, axis=1) + 1.1 * snaps[:, None] * stretch(bed.activity, bed.length)[:, None]
    return tilt(out, character.brightness)


def _cracks(bed: Bed, per_second: float, band: tuple[float, float], tau: float, spread: float) -> Signal:
    """Steam bursting out of wood: instants that come in clusters, strengths over a wide range."""
    random = bed.random
    most = max(4, int(per_second * bed.seconds))
    points = bed.activity.size
    clusters = np.exp(1.3 * wander(points, 2.5, points / max(bed.seconds, 1e-3), random)) * bed.activity
    at = arrivals(most, clusters, bed.length, random)
    if at.size == 0:
        return np.zeros(bed.length)
    strength = np.minimum(heavy_tailed(most, random, spread), 12.0)
    # Each crack is a handful of grains at once: broad, not a note.
    parts = 5
    frequency = np.exp(random.uniform(np.log(band[0]), np.log(band[1]), (most, parts)))
    decay = tau * np.exp(0.5 * random.standard_normal((most, parts)))
    sign = random.choice([-1.0, 1.0], (most, parts))
    kept = bed.detail.of(most, least=3)
    amplitude = 0.05 * np.sqrt(most / kept) * strength[:, None] * sign
    chosen = slice(0, kept)
    return scatter(
        np.repeat(at[chosen], parts),
        frequency[chosen].ravel(),
        decay[chosen].ravel(),
        amplitude[chosen].ravel(),
        bed.length,
    )
