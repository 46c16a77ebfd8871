"""Tools at work: hammer, saw, drill, scissors, ratchet.

A nail is a bar held at one end: the less of it stands out, the higher it sings, as one over its length squared
(Fletcher and Rossing, "The Physics of Musical Instruments", 1998, chapter 2). Saws and drills: noise and tones at the
rate of the teeth, the motor's turns and its gears, through what they cut (Farnell, "Designing Sound", MIT Press 2010,
"Machines").
"""

from __future__ import annotations

import numpy as np
from scipy import signal as dsp

from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import HIGHEST, add, bandpass, dynamics, fade, samples, stretch, tilt
from engine.foley.sound.modal import MATERIALS, blow, body, ring
from engine.foley.sound.noise import burst, paint, wander

_BLOWS = 6  # to drive a nail home


def hammer(hit: Hit) -> Signal:
    """A nail driven: the head rings shortly, the nail sings higher with every blow, the wood takes the weight."""
    character, random = hit.character, hit.random
    force = 0.3 + 0.7 * hit.force
    board = body(MATERIALS[character.surface or character.material or "wood"], 0.6, hit.detail, hit.nature())
    head = body(MATERIALS["metal"], 0.10 + 0.24 * character.bulk, hit.detail, hit.nature(), most=16)
    length = samples(0.6)
    out = np.zeros(length)
    add(out, 1.1 * force * blow(board, random, force, 0.74, 0.7, held=0.1), 0)
    add(out, 1.1 * force * blow(head, random, force, 0.93, 0.4, held=0.035), 0)
    sunk = (hit.turn % _BLOWS + random.uniform(0.0, 0.6)) / _BLOWS
    first = 1150.0 / (1.0 - 0.45 * sunk) ** 2 * 1.5 ** (0.5 - character.bulk)
    nail = first * np.array([1.0, 2.93, 5.4, 8.4])
    nail = nail[nail < HIGHEST]
    tau = (0.05 - 0.028 * sunk) / np.sqrt(nail / nail[0])
    add(out, 0.5 * force * ring(nail, tau, random.uniform(0.4, 1.0, nail.size) / np.sqrt(nail.size), samples(0.45)), 0)
    out += 0.7 * force * bandpass(burst(length, random, 0.0018), 1500.0, 9000.0, order=1)
    return dynamics(tilt(fade(out, start=0.0003, end=0.1), character.brightness), hit.force, 1.0)


def saw(bed: Bed) -> Signal:
    """A hand saw: the push cuts and the pull hardly does; teeth pass as fast as the blade, the board hums."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    strokes = (1.0 + 1.6 * character.speed) * (1.0 + 0.06 * wander(points, 0.8, rate, random))
    phase = np.cumsum(strokes) / rate + random.random()
    swing = np.sin(2 * np.pi * phase)
    speed = np.abs(swing) ** 0.8 * bed.activity
    press = np.where(swing > 0, 1.0, 0.38) * (0.5 + character.intensity)
    material = MATERIALS[character.surface or character.material or "wood"]
    teeth = stretch(110.0 + 520.0 * speed, bed.length) * 1.5 ** (0.5 - character.bulk)
    beat = 2 * np.pi * np.cumsum(teeth) / RATE
    bite = 0.35 + 0.65 * (0.5 + 0.5 * np.cos(beat + 0.7 * stretch(wander(points, 30.0, rate, random), bed.length))) ** 2
    centres = np.geomspace(150.0, 15_000.0, 20)
    peak = (
        (1300.0 + (1400.0 + 1800.0 * character.speed) * speed)[:, None]
        * 1.9 ** (0.5 - character.bulk)
        * (1.35 if material.loss < 0.01 else 1.0)
    )
    hump = np.exp(-0.5 * (np.log2(centres / peak) / 1.15) ** 2)
    levels = (speed * press)[:, None] * hump
    board = body(material, 0.45 + 0.3 * character.bulk, bed.detail, random)
    response = blow(board, random, 0.5, 0.75, held=0.05)
    response /= max(float(np.sqrt(np.sum(response**2))), 1e-9)
    sides = []
    for _ in range(2):
        cut = paint(levels, centres, bed.length, random) * bite
        sides.append(cut + 0.5 * dsp.oaconvolve(cut, response)[: bed.length])
    return tilt(np.stack(sides, axis=1), character.brightness)


def drill(bed: Bed) -> Signal:
    """A power drill: its motor runs up and whines through its gears, and growls where it bites.

    The speed follows the activity with the inertia of the rotor; where it is loaded it drops by a fifth.
    """
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    drive = np.clip(bed.activity, 0.0, 1.0)
    b = 1.0 - np.exp(-1.0 / (0.13 * rate))
    turning = dsp.lfilter([b], [1.0, b - 1.0], drive)
    load = np.clip(0.5 + 0.5 * wander(points, 0.5, rate, random), 0.0, 1.0) * drive
    shaft = (90.0 + 330.0 * turning) * (1.0 - 0.2 * load) * 1.9 ** (0.5 - character.bulk)
    shaft *= (0.8 + 0.4 * character.speed) * (1.0 + 0.004 * wander(points, 7.0, rate, random))
    turn = 2 * np.pi * np.cumsum(stretch(shaft, bed.length)) / RATE
    strong = stretch(turning, bed.length)
    gears = random.choice([6.0, 7.0, 9.0])
    orders = np.concatenate([[0.5, 1.0, 2.0, 3.0, 4.0], gears * np.array([1.0, 2.0, 3.0, 4.0])])
    levels = np.concatenate([[0.15, 0.4, 0.3, 0.2, 0.12], np.array([1.0, 0.55, 0.3, 0.15])])
    count = bed.detail.of(orders.size, least=5)
    chosen = np.argsort(-levels, kind="stable")[:count]
    highest = float(shaft.max(initial=1.0))
    whine = np.zeros(bed.length)
    for index in chosen:
        if orders[index] * highest < HIGHEST:
            whine += levels[index] * np.sin(orders[index] * turn + random.uniform(0.0, 2 * np.pi))
    centres = np.geomspace(100.0, 14_000.0, 14)
    rush = turning[:, None] * (centres / 2500.0) ** 0.3 / (1.0 + (centres / 5000.0) ** 2)
    material = MATERIALS[character.surface or character.material or "wood"]
    bitten = (turning * load)[:, None] * np.exp(
        -0.5 * (np.log2(centres / (900.0 + 1400.0 * material.hardness)) / 1.0) ** 2
    )
    chatter = 0.6 + 0.4 * np.cos(turn / gears * 2.0)
    sides = []
    for _ in range(2):
        air = paint(rush, centres, bed.length, random)
        cut = paint(bitten, centres, bed.length, random) * chatter
        sides.append(0.55 * strong**1.2 * whine + 0.22 * air + (0.3 + 1.2 * character.intensity) * cut)
    return tilt(np.stack(sides, axis=1), character.brightness)


def scissors(hit: Hit) -> Signal:
    """Blades drawn along each other, ever nearer to their tips, and closed: a rising hiss, a snip."""
    character, random = hit.character, hit.random
    lasting = random.uniform(0.13, 0.2) * 1.8 ** (0.5 - character.speed) * (0.7 + 0.6 * character.bulk)
    length = samples(lasting)
    place = np.linspace(0.0, 1.0, 60)[:, None]
    centres = np.geomspace(800.0, 17_000.0, 24)
    slide = (2600.0 + 4200.0 * place**1.3) * 1.7 ** (0.5 - character.bulk)
    levels = (0.15 + 0.85 * place) * (
        np.exp(-0.5 * (np.log2(centres / slide) / 0.35) ** 2)
        + 0.6 * np.exp(-0.5 * (np.log2(centres / (1.9 * slide)) / 0.3) ** 2)
    )
    out = np.zeros(length + samples(0.3))
    hiss = paint(levels, centres, length, random) * (0.7 + 0.3 * wander(length, 60.0, RATE, random))
    add(out, 0.4 * fade(hiss, start=0.004, end=0.006), 0)
    blade = body(MATERIALS["metal"], 0.04 + 0.36 * character.bulk, hit.detail, hit.nature(), most=18)
    add(out, 0.9 * blow(blade, random, 0.6, 0.95, 0.1, held=0.03), length)
    snip = bandpass(burst(samples(0.02), random, 0.002), 2500.0, 11_000.0, order=1)
    add(out, 0.35 * snip, length)
    return dynamics(tilt(fade(out, start=0.002, end=0.05), character.brightness), hit.force)


def ratchet(hit: Hit) -> Signal:
    """A pawl falling from tooth to tooth, evenly, as something is wound."""
    character, random = hit.character, hit.random
    count = round(random.uniform(9, 14))
    gap = 0.055 * 2.2 ** (0.5 - character.speed) * random.uniform(0.9, 1.1)
    pawl = body(
        MATERIALS[character.material or "metal"], 0.10 + 0.25 * character.bulk, hit.detail, hit.nature(), most=16
    )
    frame = body(MATERIALS["metal"], 0.60, hit.detail, hit.nature(), most=20)
    out = np.zeros(samples(count * gap * 1.15 + 0.2))
    at = 0.0
    for number in range(count):
        tick = blow(pawl, random, 0.6, 0.93, 0.1, held=0.008)
        case = blow(frame, random, 0.5, 0.80, 0.2, held=0.012)
        level = random.uniform(0.75, 1.0)
        add(out, level * tick, round(at * RATE))
        add(out, 0.35 * level * case, round(at * RATE))
        at += gap * (1.0 + 0.12 * np.sin(np.pi * number / count)) * random.uniform(0.96, 1.04)
    return dynamics(tilt(fade(out, end=0.05), character.brightness), hit.force)
