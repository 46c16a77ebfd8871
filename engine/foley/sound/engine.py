"""Engines and machinery: pulses of combustion through pipes, hum, whine and beat of machines.

Farnell, "Designing Sound", 2010, chapter 45: a four-stroke fires each cylinder every other turn; no two cylinders are
quite alike and no two firings, which gives the half orders and the roughness that make an engine sound alive.
"""

from __future__ import annotations

import numpy as np
from scipy import signal as dsp

from engine.foley.sound.brief import RATE, Bed, Signal
from engine.foley.sound.filters import add, bandpass, lowpass, samples, seconds, stretch, tilt
from engine.foley.sound.modal import MATERIALS, body, contact, ring, strike
from engine.foley.sound.noise import coloured, paint, wander


def engine(bed: Bed) -> Signal:
    """Revs follow the activity, with the inertia of a flywheel."""
    character = bed.character
    random = bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    cylinders = 1 if character.size < 0.2 else 2 if character.size < 0.4 else 4 if character.size < 0.75 else 6
    idle = 820.0 * 1.9 ** (0.5 - character.size)
    top = 5200.0 * 2.2 ** (0.5 - character.size) * (0.55 + 0.9 * character.speed)
    inertia = 1.0 / (rate * (0.12 + 0.3 * character.size))
    load = dsp.lfilter([inertia], [1, inertia - 1], bed.activity - bed.activity[0]) + bed.activity[0]
    revs = idle + (top - idle) * np.clip(load, 0, 1) ** 1.2
    revs = revs * (1 + 0.010 * wander(points, 3.0, rate, random))
    firing = np.cumsum(stretch(revs, bed.length)) / 60.0 * cylinders / 2 / RATE
    count = int(firing[-1])
    if count < 1:
        return np.zeros((bed.length, 2))
    at = np.interp(np.arange(1, count + 1), firing, np.arange(bed.length))
    at = at + random.normal(0.0, 0.012, count) * np.gradient(at) if count > 1 else at
    cylinder = np.arange(count) % cylinders
    uneven = 1.0 + 0.16 * random.standard_normal(cylinders)
    pulse = (
        uneven[cylinder]
        * (1.0 + 0.10 * random.standard_normal(count))
        * (0.5 + 0.8 * np.interp(at, np.linspace(0, bed.length, points), np.clip(load, 0, 1)))
    )
    at = np.clip(at, 0, bed.length - 2)
    whole = at.astype(int)
    part = at - whole
    train = np.zeros(bed.length)
    np.add.at(train, whole, pulse * (1 - part))
    np.add.at(train, whole + 1, pulse * part)
    exhaust = _pipes(bed)
    tone = dsp.oaconvolve(train, exhaust)[: bed.length]
    tone /= max(float(np.sqrt(np.mean(tone**2))), 1e-9)
    beat = dsp.oaconvolve(train, np.exp(-np.arange(samples(0.02)) / (0.0035 * RATE)))[: bed.length]
    beat /= max(float(beat.mean()), 1e-9)
    sides = []
    air = 0.10 + 0.30 * stretch(np.clip(load, 0, 1), bed.length) + 0.10 * (character.size > 0.7)
    for _ in range(2):
        rush = coloured({60: -10, 200: -3, 700: 0, 2000: -5, 5000: -14, 12000: -26}, bed.length, random)
        sides.append(tone + 0.55 * air * beat * rush)
    out = np.stack(sides, axis=1)
    if character.size > 0.7:  # diesel knock: each ignition is a hammer blow inside the block
        block = ring(
            np.array([820.0, 1450.0, 2300.0, 3400.0]), np.full(4, 0.002), np.array([1, 0.8, 0.6, 0.3]), samples(0.03)
        )
        knock = dsp.oaconvolve(train, block)[: bed.length]
        out += 0.35 * (knock / max(float(np.sqrt(np.mean(knock**2))), 1e-9))[:, None]
    return tilt(out * (0.45 + 0.55 * stretch(np.clip(load, 0, 1), bed.length))[:, None], character.brightness)


def _pipes(bed: Bed) -> Signal:
    """What a combustion pulse becomes on its way out: a soft pressure pulse and the resonances of pipe and body."""
    longest = 0.9 + 1.6 * bed.character.size  # metres of pipe, closed at the valve: odd quarter waves
    modes = bed.detail.of(14, least=4)
    n = np.arange(modes, dtype=np.float64)
    frequency = 343.0 / (4 * longest) * (2 * n + 1) * (1 + 0.03 * bed.random.standard_normal(14)[:modes])
    tau = 0.030 / (1 + 0.25 * n)
    response = ring(frequency, tau, 1.0 / (1 + n) ** 0.45, samples(0.16))
    pulse = contact(0.62 - 0.25 * bed.character.size, 0.6)
    return np.asarray(dsp.oaconvolve(response, pulse))


def machinery(bed: Bed) -> Signal:
    """An electric motor's hum and whine, gears that mesh, and something that goes round with a beat."""
    character = bed.character
    random = bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    time = seconds(bed.length)
    hum_hz = 100.0 * 1.6 ** (0.5 - character.size)
    turn = 14.0 * 2.2 ** (character.speed - 0.5) * 1.8 ** (0.5 - character.size)
    drift = 1 + 0.003 * wander(points, 0.7, rate, random)
    phase = 2 * np.pi * np.cumsum(stretch(drift, bed.length)) / RATE
    out = np.zeros(bed.length)
    for harmonic in range(1, bed.detail.of(16, least=4) + 1):
        out += np.sin(harmonic * hum_hz * phase + harmonic) / harmonic**1.3 * (1.4 if harmonic % 2 == 0 else 1.0)
    teeth = random.integers(29, 47)
    wobble = 1 + 0.35 * np.sin(turn * phase)
    for harmonic, level in ((1, 0.16), (2, 0.09), (3, 0.05)):
        out += level * wobble * np.sin(harmonic * teeth * turn * phase)
    beat = 60.0 / (95.0 * 2.5 ** (character.speed - 0.5))
    part = body(MATERIALS["metal"], 0.72, bed.detail, random, most=24)
    clunk = strike(part, part.struck_at(0.3, 0.2), contact(0.55, 0.5), longest=0.35)
    clunk /= max(float(np.max(np.abs(clunk))), 1e-9)
    start = beat * random.uniform(0.2, 0.8)
    strokes = np.zeros(bed.length)
    for index, at in enumerate(np.arange(start, max(bed.seconds, start + 1e-3), beat / 2)):
        strong = 1.0 if index % 2 == 0 else 0.55
        add(strokes, strong * random.uniform(0.85, 1.1) * clunk, samples(at))
    rush = [coloured({60: -4, 200: 0, 800: -6, 2500: -12, 8000: -24}, bed.length, random) for _ in range(2)]
    loudness = 0.4 + character.intensity
    sides = [0.32 * out + loudness * 0.8 * strokes + 0.35 * side * (1 + 0.2 * np.sin(turn * phase)) for side in rush]
    activity = stretch(bed.activity, time.size)[:, None]
    return tilt(np.stack(sides, axis=1) * activity, character.brightness)


def siren(bed: Bed) -> Signal:
    """A wailing siren: a bright tone that climbs and falls, slower for a large one."""
    time = seconds(bed.length)
    rate = 0.36 * 4.0 ** (bed.character.speed - 0.5) * bed.random.uniform(0.9, 1.1)
    course = 0.5 - 0.5 * np.cos(2 * np.pi * (rate * time + bed.random.random()))
    frequency = 1.7 ** (0.5 - bed.character.size) * bed.random.uniform(0.95, 1.05) * (560.0 + 860.0 * course**0.8)
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    out = np.zeros(bed.length)
    for harmonic in range(1, bed.detail.of(9, least=2) + 1):
        out += np.sin(harmonic * phase) / harmonic**1.2
    horn = bandpass(out, 500.0, 4500.0, order=1)
    air = lowpass(bed.random.standard_normal(bed.length), 3000.0) * 0.02
    mono = (horn + air) * stretch(bed.activity, bed.length)
    return tilt(np.stack([mono, np.roll(mono, 11)], axis=1), bed.character.brightness)


def rumble(bed: Bed) -> Signal:
    """Heavy things far below hearing's middle: the ground shaking, a train beneath."""
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    centres = np.array([22.0, 45.0, 90.0, 180.0, 400.0, 1200.0])
    shape = np.array([0.7, 1.0, 0.7, 0.25, 0.06, 0.01])
    shared = np.exp(0.35 * wander(points, 1.5, rate, bed.random))
    sides = [
        paint(
            (bed.activity * shared * np.exp(0.25 * wander(points, 7.0, rate, bed.random)))[:, None] * shape,
            centres, bed.length, bed.random,
        )
        for _ in range(2)
    ]  # fmt: skip
    return tilt(np.stack(sides, axis=1), bed.character.brightness)
