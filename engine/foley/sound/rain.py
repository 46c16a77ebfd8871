"""Rain: the hiss of the many drops far away, and the single ones near by on whatever they fall on.

Farnell, "Designing Sound", 2010, chapter 35. A drop's tick is short and broad on hard ground, rings on sheet metal, is
dull on leaves and cloth, and on water leaves a bubble (Pumphrey, Crum and Bjørnø, "Underwater sound produced by
individual drop impacts and rainfall", J. Acoust. Soc. Am. 85, 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.foley.sound.brief import RATE, Bed, Signal
from engine.foley.sound.filters import lowpass, stretch, tilt
from engine.foley.sound.grains import arrivals, heavy_tailed, scatter
from engine.foley.sound.noise import coloured, wander
from engine.foley.sound.water import bubbles


@dataclass(frozen=True)
class Roof:
    """What drops fall on: the band (Hz) and decay (s) of their ticks, and how much of them are bubbles."""

    low: float
    high: float
    tau: float
    bubbling: float = 0.0


GROUND = Roof(1800.0, 9500.0, 0.00045, 0.10)
HARD = Roof(900.0, 6500.0, 0.0012)
ROOFS = {
    "metal": Roof(900.0, 6500.0, 0.0060),
    "glass": Roof(1800.0, 8000.0, 0.0016),
    "plastic": Roof(700.0, 4500.0, 0.0016),
    "wood": Roof(500.0, 3500.0, 0.0018),
    "leaves": Roof(900.0, 5000.0, 0.0006),
    "grass": Roof(1500.0, 7000.0, 0.0003),
    "cardboard": Roof(500.0, 3000.0, 0.0014),
    "flesh": Roof(400.0, 2200.0, 0.0010),
}


def rain(bed: Bed) -> Signal:
    """From drizzle to downpour by intensity."""
    character = bed.character
    strength = character.intensity
    roof = ROOFS.get(character.surface or character.material, GROUND)
    bubbling = max(roof.bubbling, 0.8 * character.wetness)
    points = bed.activity.size
    sides = []
    for _ in range(2):
        course = bed.activity * np.exp(0.12 * wander(points, 0.4, points / max(bed.seconds, 1e-3), bed.random))
        near = _drops(bed, roof, bubbling, course)
        body = {90: -26 + 10 * strength, 300: -17 + 6 * strength, 1000: -8, 2500: -3, 5500: 0, 10000: -3, 16000: -12}
        far = coloured({float(hz): float(level) for hz, level in body.items()}, bed.length, bed.random)
        if roof is not GROUND:
            far = 0.7 * lowpass(far, roof.high, order=1)
        sides.append((near * (1.15 - 0.65 * strength) + far * (0.10 + 0.9 * strength)) * stretch(course, bed.length))
    return tilt(np.stack(sides, axis=1), character.brightness)


def _drops(bed: Bed, roof: Roof, bubbling: float, course: Signal) -> Signal:
    """The single drops near by: one side's.

    Diameters as Marshall and Palmer found, exp(-4.1 R^-0.21 D) for D in mm and R mm of rain an hour ("The distribution
    of raindrops with size", J. Meteorology 5, 1948), each at its terminal speed, 9.65 - 10.3 exp(-0.6 D) m/s (Atlas,
    Srivastava and Sekhon, Rev. Geophys. 11, 1973). A tick is as short as the drop takes to flatten, D / v, and grows
    with its size, though less than its momentum does: rain is heard as a crowd, not as its few largest drops. They lie
    all about, none of them at the ear.
    """
    random = bed.random
    strength = bed.character.intensity
    most = max(8, int((50.0 + 850.0 * strength**1.3) * bed.seconds))
    at = arrivals(most, course, bed.length, random)
    hourly = 0.8 * 100.0**strength  # mm: drizzle to cloudburst
    diameters = np.linspace(0.4, 5.0, 64)
    falling = 9.65 - 10.3 * np.exp(-0.6 * diameters)
    flux = np.cumsum(np.exp(-4.1 * hourly**-0.21 * diameters) * falling)
    diameter = np.interp(random.random(most), flux / flux[-1], diameters)
    speed = 9.65 - 10.3 * np.exp(-0.6 * diameter)
    # Small drops at the top of what the ground lets through, large ones at its foot, each where it happens to fall.
    flattening = np.log(diameter / speed / (0.4 / 1.55)) / np.log(2.4)
    place = np.clip(0.75 - 0.45 * flattening + 0.22 * random.standard_normal(most), 0.0, 1.0)
    frequency = roof.low * (roof.high / roof.low) ** place
    tau = roof.tau * (diameter / 1.5) ** 0.4 * np.exp(0.35 * random.standard_normal(most))
    away = np.sqrt(random.uniform(2.5**2, 5.0**2, most))
    blow = (diameter / 1.5) ** 1.5 * speed
    amplitude = blow / away * random.choice([-1.0, 1.0], most)
    bubble = random.random(most) < bubbling
    rise = random.uniform(0.0, 0.2, most)
    kept = min(bed.detail.of(most, least=8), at.size)
    dry, wet = np.flatnonzero(~bubble[:kept]), np.flatnonzero(bubble[:kept])
    out = scatter(at[dry], frequency[dry], tau[dry], amplitude[dry], bed.length)
    if wet.size:
        pitch = np.clip(3.26 / (0.0009 * diameter[wet]), 1100.0, 5000.0)  # the bubble a drop drags under
        out += 0.5 * bubbles(at[wet], pitch, amplitude[wet], rise[wet], bed.length)
    return out / max(float(np.sqrt(np.mean(out**2))), 1e-9)


def hail(bed: Bed) -> Signal:
    """Stones of ice: each strikes hard, rings what it meets, and hops twice or thrice; larger: fewer and deeper."""
    character, random = bed.character, bed.random
    ground = ROOFS.get(character.surface or character.material, HARD)
    size = character.size
    per_second = (16.0 + 110.0 * character.intensity**1.3) * 2.2 ** (0.5 - size)
    most = max(6, int(per_second * bed.seconds))
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    course = bed.activity * np.exp(0.35 * wander(points, 0.9, rate, random))
    out = np.zeros((bed.length, 2))
    low, high = ground.low * 1.8 ** (0.5 - size), ground.high * 1.5 ** (0.5 - size)
    kept = bed.detail.of(most, least=6)
    for side in range(2):
        at = arrivals(most, course, bed.length, random)[:kept]
        if at.size == 0:
            continue
        # A stone of diameter D strikes with the momentum of D^3 at the speed sqrt(D): few large ones among many small.
        force = np.minimum(heavy_tailed(most, random, 0.8)[:kept], 7.0)
        hop = random.uniform(0.035, 0.11, kept)
        starts = np.concatenate([at, at + hop * RATE, at + 1.45 * hop * RATE])
        levels = np.concatenate([force, 0.30 * force, 0.12 * force])
        modes = 3
        tone = np.exp(random.uniform(np.log(low), np.log(high), (kept, modes)))
        tones = np.tile(tone, (3, 1))
        taus = 1.6 * ground.tau * np.exp(0.4 * random.standard_normal((3 * kept, modes))) * (1800.0 / tones) ** 0.3
        signs = random.choice([-1.0, 1.0], (3 * kept, modes))
        inside = starts < bed.length
        out[:, side] = scatter(
            np.repeat(starts[inside], modes),
            tones[inside].ravel(),
            taus[inside].ravel(),
            (levels[:, None] * signs)[inside].ravel(),
            bed.length,
        )
        thud = scatter(
            at, random.uniform(120.0, 320.0, kept) * 1.6 ** (0.5 - size), np.full(kept, 0.008), 0.5 * force, bed.length
        )
        out[:, side] += (0.3 + 0.7 * size) * thud
    out /= max(float(np.std(out)), 1e-9)
    far = [coloured({200: -14, 800: -5, 2500: 0, 6000: -2, 12_000: -10}, bed.length, random) for _ in range(2)]
    veil = stretch(course, bed.length)[:, None] * np.stack(far, axis=1)
    return tilt(out + (0.03 + 0.22 * character.intensity**2) * veil, character.brightness)
