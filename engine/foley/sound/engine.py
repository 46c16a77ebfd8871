"""Engines and machinery: pulses of combustion through pipes, hum, whine and beat of machines.

Farnell, "Designing Sound", 2010, chapter 45: a four-stroke fires each cylinder every other turn; no two cylinders are
quite alike and no two firings, which gives the half orders and the roughness that make an engine sound alive.
"""

from __future__ import annotations

import numpy as np
from scipy import signal as dsp

from engine.foley.sound.brief import RATE, Bed, Signal
from engine.foley.sound.filters import add, bandpass, highpass, lowpass, samples, seconds, stretch, tilt
from engine.foley.sound.modal import MATERIALS, body, contact, strike
from engine.foley.sound.noise import coloured, paint, wander


def engine(bed: Bed) -> Signal:
    """Revs follow the activity, with the inertia of a flywheel; exhaust, intake and block are heard, by load."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    size = character.size
    cylinders = 1 if size < 0.2 else 2 if size < 0.4 else 4 if size < 0.75 else 6
    idle = 820.0 * 1.9 ** (0.5 - size)
    top = 5200.0 * 2.2 ** (0.5 - size) * (0.55 + 0.9 * character.speed)
    inertia = 1.0 / (rate * (0.12 + 0.3 * size))
    load = dsp.lfilter([inertia], [1, inertia - 1], bed.activity - bed.activity[0]) + bed.activity[0]
    load = np.clip(load, 0.0, 1.0)
    hunting = 0.010 * wander(points, 3.0, rate, random) + 0.012 * (1 - load) * wander(points, 1.1, rate, random)
    revs = (idle + (top - idle) * load**1.2) * (1 + hunting)
    cycle = np.cumsum(stretch(revs, bed.length)) / 120.0 / RATE + random.random()
    cycle *= 1 + random.uniform(-0.02, 0.02)
    push = stretch(0.5 + 0.8 * load, bed.length)
    exhaust, breathed, ignited = np.zeros((3, bed.length))
    pipes = _exhaust(bed, cylinders)
    uneven = 1.0 + 0.14 * random.standard_normal(cylinders)
    for cylinder in range(cylinders):
        turn = cycle + (cylinder + 0.04 * random.standard_normal()) / cylinders
        fired = uneven[cylinder] * (1.0 + 0.10 * random.standard_normal(int(turn[-1]) + 1))[turn.astype(int)]
        place = np.mod(turn, 1.0)
        blown = np.interp(place, _CRANK, _BLOWDOWN) * fired * push
        exhaust += dsp.oaconvolve(blown, pipes[cylinder])[: bed.length]
        breathed += np.interp(np.mod(place + 0.5, 1.0), _CRANK, _INTAKE)
        ignited += np.interp(place, _CRANK, _KNOCK) * fired
    # Closed, the throttle leaves the soft part of the exhaust; open, all of it.
    opened = stretch(0.25 + 0.75 * load, bed.length)
    soft = lowpass(exhaust, 420.0 * 1.5 ** (0.5 - size), order=1)
    tone = highpass(soft + opened * (exhaust - soft), 22.0)
    tone /= max(float(np.std(tone)), 1e-9)
    breathed /= max(float(np.mean(breathed)), 1e-9)
    # The block answers to each ignition: valves tick in a small one, a diesel's charge knocks.
    rough = ignited * random.standard_normal(bed.length)
    block = bandpass(rough, 700.0, 3800.0, order=1) + 0.5 * bandpass(rough, 3200.0, 8000.0, order=1)
    block /= max(float(np.std(block)), 1e-9)
    knocking = 0.05 + (0.30 if size > 0.7 else 0.0)
    sides = []
    air = (0.05 + 0.16 * opened) * breathed
    for _ in range(2):
        rush = coloured({60: -14, 200: -5, 500: 0, 1500: -4, 4000: -13, 12000: -28}, bed.length, random)
        sides.append(tone + air * rush + knocking * block)
    loud = 0.45 + 0.55 * stretch(load, bed.length)
    return tilt(np.stack(sides, axis=1) * loud[:, None], character.brightness)


_CRANK = np.linspace(0.0, 1.0, 1441)
"""One cycle of a four-stroke: two turns of the crank, half a degree apart."""
_OPENING = 0.5 - 0.5 * np.cos(np.pi * np.clip(_CRANK / 0.022, 0.0, 1.0))
_BLOWDOWN = _OPENING * np.exp(-_CRANK / 0.045) + 0.22 * np.sin(np.pi * np.clip((_CRANK - 0.06) / 0.25, 0.0, 1.0)) ** 2
"""The flow past an exhaust valve: pressure let go at once, then what the piston pushes out."""
_INTAKE = np.sin(np.pi * np.clip(_CRANK / 0.28, 0.0, 1.0)) ** 2
_KNOCK = np.clip(_CRANK / 0.004, 0.0, 1.0) * np.exp(-_CRANK / 0.02)


def _exhaust(bed: Bed, cylinders: int) -> list[Signal]:
    """What a pulse at each cylinder's valve becomes at the tailpipe, as impulse responses.

    Each has a header of its own length, closed at the valve, then all share the pipe, open at its end, and the chambers
    of the muffler side by side: waveguides, whose travelling waves come back from each end (Baldan, Lachambre, Delle
    Monache and Boussard, "Physically informed car engine sound synthesis for virtual and augmented environments", IEEE
    SIVE, 2015).
    """
    random, size = bed.random, bed.character.size
    length = samples(0.25)
    impulse = np.zeros(length)
    impulse[0] = 1.0
    pipe = _waveguide(impulse, (1.1 + 2.2 * size) * random.uniform(0.9, 1.1), -0.72, 1900.0)
    chambers = 0.12 * (1 + size) * random.uniform(0.6, 2.2, 8)
    kept = bed.detail.of(8, least=2)
    muffled = sum((_waveguide(pipe, metres, 0.62, 2600.0) for metres in chambers[:kept]), start=np.zeros(length)) / kept
    muffled = 0.7 * muffled + 0.3 * pipe
    headers = (0.35 + 0.35 * size) * random.uniform(0.85, 1.2, cylinders)
    return [_waveguide(muffled, metres, -0.45, 3200.0) for metres in headers]


def _waveguide(signal: Signal, metres: float, returned: float, hz: float) -> Signal:
    """A pipe: what enters comes again after each way there and back, `returned` times as strong, duller above `hz`."""
    delay = max(2, round(2 * metres / 343.0 * RATE))
    pole = float(np.exp(-2 * np.pi * hz / RATE))
    # y = x + returned * lowpass(y delayed), as one filter: (1 - p z) y = (1 - p z) x + returned (1 - p) z^delay y.
    feedback = np.zeros(delay + 1)
    feedback[:2] = 1.0, -pole
    feedback[delay] -= returned * (1.0 - pole)
    return np.asarray(dsp.lfilter([1.0, -pole], feedback, signal))


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


def rumble(bed: Bed) -> Signal:
    """Heavy things far below hearing's middle: the ground shaking, a train beneath."""
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    centres = np.array([22.0, 45.0, 90.0, 180.0, 400.0, 1200.0, 5000.0])
    shape = np.array([0.7, 1.0, 0.7, 0.25, 0.06, 0.01, 0.001])
    shared = np.exp(0.35 * wander(points, 1.5, rate, bed.random))
    sides = [
        paint(
            (bed.activity * shared * np.exp(0.25 * wander(points, 7.0, rate, bed.random)))[:, None] * shape,
            centres * 2.0 ** (0.5 - bed.character.bulk), bed.length, bed.random,
        )
        for _ in range(2)
    ]  # fmt: skip
    return tilt(np.stack(sides, axis=1), bed.character.brightness)
