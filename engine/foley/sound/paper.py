"""Paper: crumpled, leafed through, torn, written on.

Crumpling paper clicks: its facets buckle one by one, each a short pulse, with energies that follow a power law over
several decades (Houle and Sethna, "Acoustic emission from crumpling paper", Phys. Rev. E 54, 1996). A tear is the
same with fibres, one after another as fast as the hand goes.
"""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import bandpass, dynamics, fade, samples, seconds, stretch, tilt
from engine.foley.sound.grains import arrivals, scatter
from engine.foley.sound.noise import burst, paint, wander


def _clicks(count: int, random: np.random.Generator) -> Signal:
    """Amplitudes of buckling facets: energy E with density E^-1.5 over four decades; mean square 1."""
    low, high = 1e-4, 1.0
    energy = (low**-0.5 + random.random(count) * (high**-0.5 - low**-0.5)) ** -2.0
    return np.asarray(np.sqrt(energy / 0.01) * random.choice([-1.0, 1.0], count))


def paper(bed: Bed) -> Signal:
    """Paper handled: crackle in bursts as the hand closes, over a thin rustle. Strong is crumpling, soft leafing."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    hand = np.exp(0.9 * wander(points, 2.0 + 3.0 * character.speed, rate, random) - 0.4) * bed.activity
    count = round(bed.seconds * (140 + 900 * character.intensity))
    most = max(8, count)
    at = arrivals(most, stretch(hand, bed.length), bed.length, random)
    stiff = 2.2 ** (0.5 - character.bulk)
    frequency = stiff * np.exp(random.uniform(np.log(1500.0), np.log(11_000.0), most))
    tau = 0.0007 * np.exp(0.5 * random.standard_normal(most)) * (3000.0 / frequency) ** 0.4
    amplitude = _clicks(most, random)
    side = random.random(most)
    kept = min(bed.detail.of(most, least=8), at.size)
    grain = (at[:kept], frequency[:kept], tau[:kept])
    sides = []
    centres = np.array([400.0, 1200.0, 2600.0, 5000.0, 9000.0, 15_000.0])
    shape = np.array([0.02, 0.2, 0.6, 1.0, 0.9, 0.4])
    for place in (1.0 - side, side):
        crackle = scatter(*grain, (amplitude * np.sqrt(place))[:kept], bed.length) * np.sqrt(most / max(kept, 1))
        rub = np.exp(0.7 * wander(points, 14.0, rate, random)) * hand
        sides.append(0.16 * crackle + 0.075 * paint(rub[:, None] * shape, centres, bed.length, random))
    return tilt(np.stack(sides, axis=1), character.brightness)


def tear(hit: Hit) -> Signal:
    """A sheet torn: fibres snap as fast as the hand goes, so the rip rises and ends at the edge.

    Most are too many to be told apart and hiss; the strong ones are heard one by one over it.
    """
    character, random = hit.character, hit.random
    lasting = 0.60 * 2.2 ** (0.5 - character.speed) * (0.7 + 0.6 * character.size) * random.uniform(0.85, 1.2)
    length = samples(lasting)
    points = 160
    place = np.linspace(0.0, 1.0, points)
    hand = (0.30 + 0.70 * place**1.3) * (1.0 + 0.22 * wander(points, 8.0, points / lasting, random))
    hand *= np.clip(place / 0.02, 0.0, 1.0) * np.clip((1.0 - place) / 0.03, 0.0, 1.0)
    centres = np.geomspace(500.0, 16_000.0, 18)
    peak = (2300.0 + 4200.0 * hand)[:, None] * 1.7 ** (0.5 - character.bulk)
    hiss = paint(hand[:, None] * np.exp(-0.5 * (np.log2(centres / peak) / 1.0) ** 2), centres, length, random)
    flow = stretch(hand, length)
    most = round(lasting * 1100)
    at = arrivals(most, flow, length, random)
    speed = flow[at.astype(int)]
    frequency = np.exp(random.uniform(np.log(1500.0), np.log(9000.0), most)) * (0.6 + 0.6 * np.clip(speed, 0.0, 1.2))
    amplitude = np.exp(0.7 * random.standard_normal(most)) * random.choice([-1.0, 1.0], most) * speed
    kept = hit.detail.of(most, least=20)
    snaps = scatter(at[:kept], frequency[:kept], np.full(kept, 0.0004), amplitude[:kept], length)
    out = 0.35 * hiss + 0.12 * np.sqrt(most / kept) * snaps
    return dynamics(tilt(fade(out, start=0.001, end=0.01), character.brightness), hit.force)


def writing(bed: Bed) -> Signal:
    """A pencil on paper: short strokes, each a hiss as high as it is fast, the table faintly under it."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    pen = np.zeros(points)
    at = 0.0
    while at < bed.seconds:
        lasting = random.uniform(0.07, 0.19) * 1.6 ** (0.5 - character.speed)
        first, last = int(at * rate), min(points, int((at + lasting) * rate) + 1)
        if last - first > 1:
            bow = np.sin(np.pi * np.linspace(0.06, 0.94, last - first))
            pen[first:last] = bow * random.uniform(0.5, 1.0)
        at += lasting + random.uniform(0.015, 0.07) + (random.uniform(0.2, 0.5) if random.random() < 0.12 else 0.0)
    speed = np.clip(pen * bed.activity, 0.0, 1.0)
    centres = np.geomspace(150.0, 15_000.0, 16)
    corner = 1.6 ** (0.5 - character.bulk) * (2200.0 + 3800.0 * speed * (0.6 + 0.8 * character.speed))[:, None]
    hump = np.exp(-0.5 * (np.log2(centres / corner) / 0.9) ** 2) + 0.12 * np.exp(
        -0.5 * (np.log2(centres / 420.0) / 0.6) ** 2
    )
    levels = (0.4 + 1.2 * character.intensity) * (speed**0.9)[:, None] * hump
    grain = stretch(np.exp(0.5 * wander(points * 4, 160.0, rate * 4, random)), bed.length)
    stroke = paint(levels, centres, bed.length, random) * grain
    apart = paint(levels, centres, bed.length, random)
    return tilt(np.stack([stroke + 0.25 * apart, stroke - 0.25 * apart], axis=1), character.brightness)


def page(hit: Hit) -> Signal:
    """A page turned: lifted, swept over through the air, laid down flat."""
    character, random = hit.character, hit.random
    lasting = random.uniform(0.42, 0.6) * 1.6 ** (0.5 - character.speed)
    length = samples(lasting)
    time = seconds(length)
    sweep = np.exp(-0.5 * ((time - 0.42 * lasting) / (0.20 * lasting)) ** 2)
    flutter = np.exp(0.6 * wander(length, 28.0, RATE, random))
    centre = np.geomspace(250.0, 9000.0, 12)
    points = 120
    place = np.linspace(0.0, 1.0, points)
    high = 1.7 ** (0.5 - character.bulk)
    peak = high * (700.0 + 1500.0 * np.exp(-0.5 * ((place - 0.42) / 0.2) ** 2))[:, None]
    hiss = paint(np.exp(-0.5 * (np.log2(centre / peak) / 0.9) ** 2), centre, length, random)
    out = 0.5 * hiss * sweep * flutter
    most = 60
    at = arrivals(most, np.exp(-time / 0.03) + 0.6 * sweep, length, random)
    frequency = np.exp(random.uniform(np.log(1500.0), np.log(7000.0), most))
    out += 0.25 * scatter(at, frequency, np.full(most, 0.0005), _clicks(most, random), length)
    late = np.maximum(time - 0.78 * lasting, 0.0)
    flat = bandpass(burst(length, random, 10.0), 300.0, 2200.0, order=1)
    out += 0.7 * flat * np.exp(-late / 0.012) * (late > 0) * np.clip(late / 0.002, 0.0, 1.0)
    return dynamics(tilt(fade(out, start=0.001, end=0.04), character.brightness), hit.force)
