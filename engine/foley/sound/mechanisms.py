"""Small mechanisms: switch, lock, typewriter, camera, zip. Each is a score of little blows, in its order and timing.

Each part is a modal body (van den Doel and Pai 1998) set off by the next; Farnell, "Designing Sound", MIT Press 2010,
part IV, takes such machines apart the same way.
"""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import RATE, Hit, Signal
from engine.foley.sound.filters import add, bandpass, dynamics, fade, lowpass, samples, seconds, tilt
from engine.foley.sound.modal import MATERIALS, Body, blow, body, clatter, ring
from engine.foley.sound.noise import burst, wander

_LINE = 34  # letters between two bells of a typewriter


def _part(hit: Hit, material: str, size: float, most: int = 24) -> Body:
    return body(MATERIALS[material], size, hit.detail, hit.nature(), most)


def _tock(hit: Hit, part: Body, hardness: float, tau: float, force: float = 0.6) -> Signal:
    """One part struck, held so that it is gone in `tau`; peak 1."""
    tone = blow(part, hit.random, force, hardness, 0.2, held=tau)
    return tone / max(float(np.max(np.abs(tone))), 1e-9)


def switch(hit: Hit) -> Signal:
    """A light switch: the rocker tips over its spring, snaps, and the box in the wall knocks."""
    character, random = hit.character, hit.random
    rocker = _part(hit, character.material or "plastic", 0.16 + 0.2 * character.bulk)
    box = _part(hit, "wood", 0.42 + 0.2 * character.bulk)
    out = np.zeros(samples(0.28))
    tip = samples(random.uniform(0.010, 0.016))
    add(out, 0.18 * _tock(hit, rocker, 0.86, 0.004), 0)
    add(out, 0.9 * _tock(hit, rocker, 0.93, 0.010), tip)
    add(out, 0.7 * _tock(hit, box, 0.70, 0.022), tip + samples(0.0008))
    snap = bandpass(burst(samples(0.03), random, 0.0016), 1200.0, 6500.0, order=1)
    add(out, 0.5 * snap, tip)
    add(out, 0.25 * _tock(hit, rocker, 0.9, 0.005), tip + samples(random.uniform(0.014, 0.02)))
    return dynamics(tilt(fade(out, end=0.05), character.brightness), hit.force)


def lock(hit: Hit) -> Signal:
    """A key: it goes in over the pins, turns with a scrape, and the bolt is thrown into the frame."""
    character, random = hit.character, hit.random
    pins = _part(hit, "metal", 0.02 + 0.16 * character.bulk, 14)
    case = _part(hit, "metal", 0.50 + 0.25 * character.bulk, 30)
    leaf = _part(hit, character.surface or "wood", 0.68, 30)
    slow = 1.5 ** (0.5 - character.speed)
    out = np.zeros(samples(1.35 * slow + 0.3))
    at = 0.0
    for _ in range(5):
        add(out, random.uniform(0.18, 0.32) * _tock(hit, pins, 0.95, 0.006), round(at * RATE))
        at += 0.026 * slow * random.uniform(0.8, 1.25)
    at += 0.10 * slow
    turn = samples(0.2 * slow)
    scrape = bandpass(burst(turn, random, 10.0), 1800.0, 5200.0, order=1) * np.sin(np.pi * np.linspace(0, 1, turn))
    add(out, 0.06 * scrape * (1 + 0.8 * wander(turn, 40.0, RATE, random)), round(at * RATE))
    at += 0.19 * slow * random.uniform(0.9, 1.1)
    for after, level in ((0.0, 0.45), (random.uniform(0.05, 0.075) * slow, 1.0)):
        start = round((at + after) * RATE)
        add(out, level * 0.8 * _tock(hit, case, 0.92, 0.028), start)
        add(out, level * 0.25 * _tock(hit, leaf, 0.62, 0.020), start)
        add(out, level * 0.3 * bandpass(burst(samples(0.02), random, 0.002), 1500.0, 7000.0, order=1), start)
    return dynamics(tilt(fade(out, end=0.1), character.brightness), hit.force)


def typewriter(hit: Hit) -> Signal:
    """A type bar thrown on to paper and platen, its linkage before, the carriage's step after; at a line's end, more.

    Near the end of a line the bell rings, and at the end the carriage is pushed back over its ratchet.
    """
    character, random = hit.character, hit.random
    bar, frame, platen = (
        _part(hit, "metal", 0.08 + 0.24 * character.bulk, 20),
        _part(hit, "metal", 0.51 + 0.3 * character.bulk, 30),
        _part(hit, "rubber", 0.30, 12),
    )
    place = hit.turn % _LINE
    out = np.zeros(samples(1.6 if place >= _LINE - 6 else 0.4))
    add(out, 0.14 * _tock(hit, bar, 0.9, 0.006), 0)
    strike = samples(random.uniform(0.010, 0.015))
    add(out, 0.85 * _tock(hit, bar, 0.90, 0.010, 0.8), strike)
    add(out, 0.55 * _tock(hit, platen, 0.55, 0.018), strike)
    add(out, 0.45 * _tock(hit, frame, 0.82, 0.045), strike)
    smack = bandpass(burst(samples(0.04), random, 0.003), 900.0, 7500.0, order=1)
    add(out, 0.5 * smack, strike)
    add(out, 0.28 * _tock(hit, frame, 0.90, 0.012), strike + samples(random.uniform(0.045, 0.06)))
    add(out, 0.12 * _tock(hit, bar, 0.9, 0.008), strike + samples(random.uniform(0.075, 0.1)))
    if place == _LINE - 6:
        cup = 2350.0 * hit.nature().uniform(0.92, 1.08) * np.array([1.0, 1.006, 2.71, 5.2])
        bell = ring(cup, np.array([0.5, 0.45, 0.18, 0.07]), np.array([0.6, 0.4, 0.35, 0.2]), samples(1.4))
        add(out, 0.5 * fade(bell, start=0.0004, end=0.3), strike + samples(0.03))
    if place == _LINE - 1:
        at = np.cumsum(np.linspace(0.022, 0.012, 30) * random.uniform(0.9, 1.1, 30)) + 0.2
        out += 0.35 * clatter([bar], at * RATE, random.uniform(0.5, 1.0, at.size), random, 0.93, out.size, 0.008)
        add(out, 0.9 * _tock(hit, frame, 0.8, 0.06), round(at[-1] * RATE) + samples(0.02))
    return (0.35 + 0.65 * hit.force) * random.uniform(0.85, 1.1) * tilt(fade(out, end=0.05), character.brightness)


def camera_shutter(hit: Hit) -> Signal:
    """A reflex camera: the mirror slaps up, the curtains run, the mirror comes down; a large one is slower."""
    character, random = hit.character, hit.random
    shell = _part(hit, character.material or "plastic", 0.20 + 0.5 * character.bulk, 24)
    curtain = _part(hit, "metal", 0.02 + 0.3 * character.bulk, 16)
    high = 1.6 ** (0.5 - character.bulk)
    slow = 1.5 ** (character.bulk - character.speed)
    out = np.zeros(samples(0.5))
    for at, mirror, blades in ((0.0, 0.75, 0.2), (0.034, 0.1, 0.8), (0.098, 0.2, 0.6), (0.112, 1.0, 0.3)):
        start = samples(at * slow * random.uniform(0.94, 1.06)) if at else 0
        add(out, mirror * _tock(hit, shell, 0.62, 0.016), start)
        add(out, 0.6 * blades * _tock(hit, curtain, 0.94, 0.005), start)
        rustle = bandpass(burst(samples(0.03), random, 0.005), 3500.0 * high, 12_000.0 * high, order=1)
        add(out, 0.28 * blades * rustle, start)
    length = samples(0.05 * slow)
    whirr = bandpass(burst(length, random, 10.0), 1800.0, 5000.0, order=1)
    add(out, 0.07 * whirr * np.hanning(length), samples(0.045 * slow))
    return dynamics(tilt(fade(out, end=0.05), character.brightness), hit.force)


def zip_(hit: Hit) -> Signal:
    """A slider over its teeth: each clicks, so the buzz is as high as the hand is fast; it ends at the stop."""
    character, random = hit.character, hit.random
    lasting = random.uniform(0.45, 0.65) * 2.2 ** (0.5 - character.speed) * (0.7 + 0.6 * character.bulk)
    points = 300
    place = np.linspace(0.0, 1.0, points)
    hand = np.sin(np.pi * np.clip(0.12 + 0.80 * place ** random.uniform(0.8, 1.3), 0.0, 1.0))
    hand *= 1.0 + 0.10 * wander(points, 7.0, points / lasting, random)
    rate = (70.0 + 330.0 * (0.6 + 0.8 * character.speed) * hand) * 1.5 ** (0.5 - character.bulk)
    passed = np.cumsum(rate) * lasting / points
    at = np.interp(np.arange(0.0, passed[-1]), passed - passed[0], place * lasting)
    at = at + random.normal(0.0, 0.00025, at.size)
    strength = (0.25 + 0.75 * np.interp(at / lasting, place, hand)) * np.exp(0.25 * random.standard_normal(at.size))
    plastic = character.material in ("plastic", "rubber")
    tooth = _part(hit, "plastic" if plastic else "metal", 0.01 + (0.16 if plastic else 0.12) * character.bulk, 12)
    slider = _part(hit, "metal", 0.20, 14)
    length = samples(lasting + 0.2)
    out = 0.5 * clatter([tooth], at * RATE, strength, random, 0.93, length, 0.0015)
    high = 1.7 ** (0.5 - character.bulk)
    ground = bandpass(burst(length, random, 10.0), 2200.0 * high, 9000.0 * high, order=1)
    time = seconds(length)
    moved = np.interp(time, place * lasting, hand, right=0.0) * (time < lasting)
    out += 0.05 * ground * moved
    out += 0.25 * bandpass(out, 700.0 * high, 1600.0 * high, order=1)  # the cloth it is sewn to
    add(out, 0.35 * _tock(hit, slider, 0.92, 0.010), samples(lasting))
    return dynamics(tilt(fade(out, start=0.002, end=0.05), character.brightness), hit.force)


def stapler(hit: Hit) -> Signal:
    """A stapler pressed: the spring gives, the blade drives the staple through, the arm jumps back."""
    character, random = hit.character, hit.random
    arm, blade = _part(hit, "metal", 0.48 + 0.2 * character.bulk, 24), _part(hit, "metal", 0.16, 14)
    base = _part(hit, character.surface or "wood", 0.5, 20)
    out = np.zeros(samples(0.6))
    add(out, 0.30 * _tock(hit, arm, 0.78, 0.012), 0)
    drive = samples(random.uniform(0.025, 0.04))
    add(out, 0.9 * _tock(hit, blade, 0.93, 0.010), drive)
    add(out, 0.35 * _tock(hit, base, 0.66, 0.02), drive)
    crunch = bandpass(burst(samples(0.06), random, 0.008), 1500.0, 7000.0, order=1)
    add(out, 0.6 * crunch, drive)
    back = drive + samples(random.uniform(0.11, 0.16))
    add(out, 0.40 * _tock(hit, arm, 0.86, 0.030), back)
    add(out, 0.18 * lowpass(burst(samples(0.05), random, 0.006), 2500.0), back)
    return dynamics(tilt(fade(out, end=0.1), character.brightness), hit.force)
