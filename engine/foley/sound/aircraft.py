"""What flies on rotors: helicopter, propeller, quadcopter.

A propeller of B blades at n turns a second sounds at m B n: the blades' steady load, carried round, gives harmonics
that fall like a Bessel function of the tip's Mach number (Gutin, "On the sound field of a rotating propeller", NACA TM
1195, 1948). A helicopter's blades cut the vortices of those before them, which makes a slap of each passage
(blade-vortex interaction: Widnall, "Helicopter noise due to blade-vortex interaction", J. Acoust. Soc. Am. 50, 1971).
"""

from __future__ import annotations

import numpy as np
from scipy import signal as dsp
from scipy.special import jv

from engine.foley.sound.brief import RATE, Bed, Signal
from engine.foley.sound.filters import samples, seconds, stretch, tilt
from engine.foley.sound.noise import coloured, wander
from engine.foley.sound.tones import harmonics, phase_of


def gutin(blades: int, tip: float, most: int) -> Signal:
    """Amplitudes of the first `most` harmonics of a propeller seen from the side: m B J_mB(0.8 m B M), first at 1."""
    order = np.arange(1, most + 1) * blades
    levels = order * jv(order, 0.8 * order * tip)
    return np.asarray(levels / levels[0])


def helicopter(bed: Bed) -> Signal:
    """Slaps of the main rotor, some eleven a second; the tail rotor's tone, the turbine's whine, chopped air."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    passing = 12.5 * 1.8 ** (0.5 - character.size) * 1.5 ** (character.speed - 0.5) * random.uniform(0.94, 1.06)
    steady = stretch(1 + 0.008 * wander(points, 0.4, rate, random), bed.length)
    turn = np.cumsum(passing * steady) / RATE + random.random()
    count = int(turn[-1])
    at = np.interp(np.arange(1, count + 1), turn, np.arange(bed.length))
    train = np.zeros(bed.length)
    pair = 1.0 + 0.12 * (np.arange(count) % 2) + 0.10 * random.standard_normal(count)
    swing = np.exp(0.3 * wander(count + 2, 0.5, passing, random)[:count])  # how squarely the vortex is met
    np.add.at(train, np.minimum(at + 0.0008 * RATE * random.standard_normal(count), bed.length - 1).astype(int), pair)
    slap_train = np.zeros(bed.length)
    np.add.at(slap_train, np.minimum(at, bed.length - 1).astype(int), pair * swing)
    width = samples(0.05)
    small = 1.8 ** (0.5 - character.size)
    time = (seconds(width) - 0.012) * small
    # The thump of thickness and load (slow), and the slap of the vortex (a doublet of a few milliseconds).
    thump = -time / 0.006 * np.exp(-0.5 * (time / 0.006) ** 2)
    slap = -time / 0.0011 * np.exp(-0.5 * (time / 0.0011) ** 2)
    near = 1.0 - character.distance
    pulses = (
        dsp.oaconvolve(train, thump)[: bed.length]
        + (0.25 + 0.9 * near) * (0.5 + 0.8 * character.intensity) * dsp.oaconvolve(slap_train, slap)[: bed.length]
    )
    tail = harmonics(passing * 7.6 * steady, [0.5, 1.0, 0.6, 0.45, 0.3, 0.22, 0.15, 0.1, 0.07, 0.05])
    whine = harmonics(2300.0 * 1.5 ** (0.5 - character.size) * steady, [1.0, 0.5, 0.25])
    chop = 0.35 + 0.65 * (0.5 + 0.5 * np.cos(2 * np.pi * (turn - 0.1))) ** 3
    sides = []
    for _ in range(2):
        air = {50: -6, 150: 0, 500: -4, 1500: -9, 5000: -20, 12_000: -34}
        wash = coloured({small * hz: level for hz, level in air.items()}, bed.length, random)
        sides.append(1.2 * pulses + 0.10 * tail + (0.004 + 0.02 * near) * whine + 0.30 * wash * chop)
    return tilt(np.stack(sides, axis=1) * stretch(bed.activity, bed.length)[:, None], character.brightness)


def propeller(bed: Bed) -> Signal:
    """A light aeroplane: the propeller's drone, its engine's beneath, and slow swells as the air carries it.

    What the ground sends back comes a few thousandths of a second late: a comb over all of it, that wanders.
    """
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    turns = 40.0 * 1.7 ** (0.5 - character.size) * 1.5 ** (character.speed - 0.5) * random.uniform(0.94, 1.06)
    drift = 1 + 0.010 * wander(points, 0.25, rate, random) + 0.05 * (bed.activity - bed.activity.mean())
    pitch = stretch(turns * drift, bed.length)
    blades = 2
    load = gutin(blades, 0.86, bed.detail.of(30, least=6))
    propel = harmonics(blades * pitch, load, float(random.uniform(0, 2 * np.pi)))
    # Four cylinders of a four-stroke: two firings a turn, with half orders where they differ.
    number = np.arange(1.0, bed.detail.of(60, least=12) + 1)
    orders = np.where(number % 4 == 0, 1.0, 0.22) * number**-0.55 / (1 + (number * turns / 2 / 900.0) ** 2)
    orders *= np.exp(0.35 * random.standard_normal(60)[: number.size])
    fire = harmonics(0.5 * pitch * 1.004, orders, float(random.uniform(0, 2 * np.pi)))
    course = stretch(np.exp(0.22 * wander(points, 0.35, rate, random)), bed.length)
    beat = 0.75 + 0.25 * np.cos(blades * phase_of(pitch))
    sides = []
    for _ in range(2):
        rush = coloured({80: -4, 250: 0, 900: -6, 2500: -14, 7000: -26}, bed.length, random)
        colour = stretch(1 + 0.25 * wander(points, 0.6, rate, random), bed.length)
        plane = (propel / np.std(propel) + 0.4 * colour * fire / np.std(fire) + 0.22 * rush * beat) * course
        late = stretch(0.0035 * (1 + 0.35 * wander(points, 0.12, rate, random)), bed.length) * RATE
        steps = np.arange(bed.length)
        sides.append(plane + 0.75 * np.interp(steps - late, steps, plane))
    return tilt(np.stack(sides, axis=1) * stretch(bed.activity, bed.length)[:, None], character.brightness)


def drone(bed: Bed) -> Signal:
    """A quadcopter: four small rotors, none quite like the next, ever corrected; a nasal, beating whine."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    passing = 225.0 * 3.0 ** (0.5 - character.size) * random.uniform(0.95, 1.05)
    lift = 1 + 0.16 * (bed.activity - 0.6) + 0.25 * (character.speed - 0.5)
    shared = 0.018 * wander(points, 1.6, rate, random)
    out = np.zeros((bed.length, 2))
    number = np.arange(1.0, bed.detail.of(44, least=10) + 1)
    for rotor in range(4):
        own = 1 + 0.03 * random.standard_normal() + 0.014 * wander(points, 3.0, rate, random) + shared
        own = own * (1 + 0.003 * wander(points, 14.0, rate, random))
        levels = number**-0.75 * (0.45 + np.exp(-(np.log(number * passing / 2600.0) ** 2)))
        levels *= np.exp(0.45 * random.standard_normal(44)[: number.size])
        levels[1::2] *= 0.75
        tone = harmonics(stretch(passing * lift * own, bed.length), levels, float(random.uniform(0, 2 * np.pi)))
        side = (0.2, 0.4, 0.6, 0.8)[rotor]
        out += tone[:, None] * np.sqrt([1 - side, side])
    out /= max(float(np.std(out)), 1e-9)
    for channel in range(2):
        hiss = coloured({300: -18, 1200: -6, 3500: 0, 7000: -3, 14_000: -14}, bed.length, random)
        out[:, channel] += 0.22 * hiss
    return tilt(out * stretch(bed.activity, bed.length)[:, None], character.brightness)
