"""Electricity: arcs, sparks, motors.

An arc on the mains strikes anew with each half-wave, a hundred times a second: a buzz of even harmonics, rough because
no strike comes quite when the last did. A spark is a hot channel that expands at once, a blast wave in small, tens of
microseconds long (Wright and Medendorp, "Acoustic radiation from a finite line source with N-wave excitation", J.
Acoust. Soc. Am. 43, 1968).
"""

from __future__ import annotations

import numpy as np
from scipy import signal as dsp

from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import bandpass, decay, fade, highpass, samples, stretch, tilt
from engine.foley.sound.grains import arrivals, heavy_tailed
from engine.foley.sound.noise import coloured, wander
from engine.foley.sound.tones import harmonics, phase_of


def _snaps(at: Signal, strength: Signal, length: int, tau: float, ringing: float) -> Signal:
    """Sparks at instants (samples): each up at once and gone within `tau` seconds, the electrodes ringing after it."""
    train = np.zeros(length)
    np.add.at(train, np.clip(at, 0, length - 1).astype(int), strength)
    count = samples(0.012)
    wave = decay(count, tau) - 0.5 * decay(count, 2 * tau)
    body = sum(
        (np.sin(2 * np.pi * hz * np.arange(count) / RATE) * decay(count, ringing) for hz in (2300.0, 4100.0, 6700.0)),
        start=np.zeros(count),
    )
    return np.asarray(dsp.oaconvolve(train, wave + 0.22 * body)[:length])


def electricity(bed: Bed) -> Signal:
    """A mains hum, an arc that buzzes in fits, crackling."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    strength = character.intensity
    mains = 100.0 * random.uniform(0.99, 1.01)
    pitch = np.full(bed.length, mains) * stretch(1 + 0.0008 * wander(points, 0.5, rate, random), bed.length)
    number = np.arange(1.0, bed.detail.of(40, least=8) + 1)
    hum = harmonics(pitch, number**-1.1 * np.exp(0.5 * random.standard_normal(40)[: number.size]))
    # The arc: bursts of strikes, one to a half-wave, that hold for a second or a tenth of one.
    lit = np.clip(0.25 + 0.5 * strength + 0.8 * wander(points, 1.6, rate, random), 0.0, 1.0)
    lit = lit * np.clip(1.0 + 0.6 * wander(points, 9.0, rate, random), 0.0, 1.5) * bed.activity
    count = int(bed.seconds * mains)
    at = (np.arange(count) + 0.5 + 0.09 * random.standard_normal(count)) * RATE / mains
    arc = _snaps(
        at,
        np.interp(at, np.linspace(0, bed.length, points), lit) * heavy_tailed(count, random, 0.5),
        bed.length,
        0.00018,
        0.0012,
    )
    most = max(8, int((14.0 + 60.0 * strength) * bed.seconds))
    course = bed.activity * np.exp(1.2 * wander(points, 4.0, rate, random))
    kept = bed.detail.of(most, least=6)
    sides = []
    for _ in range(2):
        crackle = np.zeros(bed.length)
        instants = arrivals(most, course, bed.length, random)[:kept]
        if instants.size:
            force = np.minimum(heavy_tailed(most, random, 0.9), 8.0)[:kept] * np.sqrt(most / kept)
            crackle = _snaps(instants, force, bed.length, 0.00006, 0.0007)
        # Corona: the air about the wires hisses with every half-wave, whether or not it strikes.
        corona = coloured({800: -24, 2500: -8, 6000: 0, 16_000: -6}, bed.length, random)
        corona *= stretch(bed.activity, bed.length) * (1.0 - 0.6 * np.cos(phase_of(pitch)))
        sides.append(1.5 * arc + 0.45 * crackle + 0.02 * corona)
    out = highpass(np.stack(sides, axis=1), 250.0, order=1)
    loud = stretch(bed.activity, bed.length)
    return tilt(out + (0.16 - 0.08 * strength) * (hum * loud)[:, None], character.brightness)


def spark(hit: Hit) -> Signal:
    """A discharge: one hard snap, then a stutter of smaller ones that dies within a tenth of a second."""
    character, random = hit.character, hit.random
    size = character.size
    lasting = 0.05 + 0.16 * size
    length = samples(2.5 * lasting + 0.05)
    most = 60
    at = np.sort(random.exponential(0.35 * lasting, most)) * RATE
    at[0] = 0.0
    strength = np.minimum(heavy_tailed(most, random, 0.8), 5.0) * np.exp(-at / RATE / (0.6 * lasting)) * 0.35
    strength[0] = 1.4
    chosen = np.concatenate([[0], 1 + random.permutation(most - 1)])[: hit.detail.of(most, least=10)]
    snaps = _snaps(at[chosen], strength[chosen], length, 0.00004 + 0.00016 * size, 0.0006 + 0.0016 * size)
    fizz = bandpass(random.standard_normal(length), 3500.0, 12_000.0, order=1) * decay(length, 0.4 * lasting)
    out = highpass(snaps, 500.0 - 300.0 * size, order=1) + 0.06 * fizz
    return (0.35 + 0.65 * hit.force) * tilt(fade(out, end=0.02), character.brightness)


def motor(bed: Bed) -> Signal:
    """An electric motor: a whine that climbs with its speed, slots and brushes over it, no beat of combustion."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    lag = 1.0 / (rate * (0.08 + 0.35 * character.size))
    drive = dsp.lfilter([lag], [1, lag - 1], bed.activity - bed.activity[0]) + bed.activity[0]
    drive = np.clip(drive, 0.0, 1.0)
    full = 118.0 * 3.4 ** (0.5 - character.size) * 2.0 ** (character.speed - 0.5) * random.uniform(0.93, 1.07)
    turns = full * (0.25 + 0.75 * drive**0.8) * (1 + 0.006 * wander(points, 2.5, rate, random))
    pitch = stretch(turns, bed.length)
    poles = 7 + int(random.integers(0, 3)) * 2
    number = np.arange(1.0, bed.detail.of(64, least=14) + 1)
    levels = 0.20 * number**-0.8 * np.exp(0.4 * random.standard_normal(64)[: number.size])
    for multiple, level in ((poles, 1.0), (2 * poles, 0.75), (3 * poles, 0.35), (4 * poles, 0.22), (6 * poles, 0.12)):
        if multiple <= number.size:
            levels[multiple - 1] += level
    whine = harmonics(pitch, levels, float(random.uniform(0, 2 * np.pi)))
    once = 1 + 0.18 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE / 2)
    sides = []
    for _ in range(2):
        brush = coloured({200: -22, 900: -8, 2500: 0, 6000: -2, 12_000: -12}, bed.length, random)
        sides.append(whine + 0.28 * brush * once)
    loud = stretch((0.2 + 0.8 * drive**1.2) * np.clip(bed.activity * 8.0, 0.0, 1.0), bed.length)
    return tilt(np.stack(sides, axis=1) * loud[:, None], character.brightness)
