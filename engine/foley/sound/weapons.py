"""Blades, bows and whips.

A blade rings as a long free bar: bending modes as (2n + 1)^2, and twisting ones as n (Fletcher and Rossing, "The
Physics of Musical Instruments", 1998, chapter 2); so it clangs in no key. A bow's string, loaded and let go, hums for
an instant and the limbs thump; an arrow that sticks quivers as a bar held at its tip.
"""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import RATE, Hit, Signal
from engine.foley.sound.filters import HIGHEST, add, bandpass, dynamics, fade, highpass, lowpass, samples, seconds, tilt
from engine.foley.sound.modal import MATERIALS, blow, body, contact, ring
from engine.foley.sound.noise import burst, paint, wander

_MOST_BENDING, _MOST_TWISTING = 24, 20


def sword(hit: Hit) -> Signal:
    """Two blades meet edge to edge, ring, and slide a little along each other."""
    character, random = hit.character, hit.random
    force = 0.3 + 0.7 * hit.force
    out = np.zeros(samples(2.2))
    nature = hit.nature()
    for level in (1.0, 0.8):
        add(out, level * _blade(hit, nature, force), 0)
    clash = highpass(burst(samples(0.08), random, 0.006), 2200.0, order=1)
    add(out, 0.45 * force * clash, 0)
    length = samples(random.uniform(0.16, 0.30))
    place = np.linspace(0.0, 1.0, 50)[:, None]
    centres = np.geomspace(1500.0, 17_000.0, 24)
    along = 3200.0 * 2.0 ** (place * random.choice([-0.6, 0.9]) + 0.3)
    levels = np.sin(np.pi * np.clip(place, 0.05, 1.0)) * np.exp(-0.5 * (np.log2(centres / along) / 0.30) ** 2)
    shing = paint(levels, centres, length, random) * (1.0 + 0.5 * wander(length, 45.0, RATE, random))
    add(out, 0.30 * force * fade(shing, start=0.01, end=0.03), samples(0.012))
    return dynamics(tilt(fade(out, start=0.0003, end=0.5), character.brightness), hit.force, 1.0)


def _blade(hit: Hit, nature: np.random.Generator, force: float) -> Signal:
    """One blade struck somewhere along it; held in a hand, so its lowest modes are soon gone."""
    size = hit.character.bulk
    n = np.arange(1.0, _MOST_BENDING + 1)
    bending = 95.0 * 2.4 ** (1.0 - 2.0 * size) * nature.uniform(0.9, 1.1) * ((2 * n + 1) / 3.0011) ** 1.9
    m = np.arange(1.0, _MOST_TWISTING + 1)
    twisting = 830.0 * 1.8 ** (1.0 - 2.0 * size) * nature.uniform(0.88, 1.12) * m**1.02
    frequency = np.concatenate([bending, twisting]) * (
        1 + 0.006 * nature.standard_normal(_MOST_BENDING + _MOST_TWISTING)
    )
    at = hit.random.uniform(0.2, 0.5)
    shape = np.concatenate([np.abs(np.cos(np.pi * n * at)), 0.7 * np.abs(np.cos(np.pi * m * at))]) + 0.05
    shape *= np.exp(0.3 * hit.random.standard_normal(shape.size))
    order = np.argsort(np.concatenate([n, m]), kind="stable")[: hit.detail.of(shape.size, least=8)]
    order = order[frequency[order] < HIGHEST]
    frequency, shape = frequency[order], shape[order]
    tau = 1.0 / (1.4 + np.pi * 0.0007 * frequency + 30.0 * np.exp(-frequency / 350.0))
    tone = ring(frequency, tau, shape / np.sqrt(shape.size), samples(2.0))
    return 0.8 * force * np.convolve(tone, contact(0.97, force, 0.2))


def arrow(hit: Hit) -> Signal:
    """Loosed: the string's twang, the limbs' thump; then its flight past the ear; then it sticks and quivers.

    The string's push bends the shaft, which flutters on its way at 60 to 90 Hz, ever less (Kooi and Sparenberg, "On the
    mechanics of the arrow: archer's paradox", J. Eng. Math. 31, 1997). Behind it eddies are shed at 0.2 u / d, u the
    speed and d the shaft's width (Strouhal's number of a cylinder), and the feathers hiss. As it passes, its tone falls
    by Doppler. In the target it is a bar held at its tip: modes at 1, 6.27, 17.5, 34.4 and 56.8 times the lowest
    (Fletcher and Rossing 1998, chapter 2), soon damped by what holds them.
    """
    character, random = hit.character, hit.random
    force = 0.35 + 0.65 * hit.force
    speed = 55.0 * 1.5 ** (character.speed - 0.5) * (0.8 + 0.2 * force)  # metres a second
    flight = 18.0 / speed * random.uniform(0.85, 1.2)
    whole = samples(flight)
    out = np.zeros(whole + samples(0.9))
    add(out, 0.55 * force * _loosed(hit), 0)
    add(out, 0.42 * force * _flight(hit, speed, whole), samples(0.004))
    target = body(MATERIALS[character.surface or character.material or "wood"], 0.55, hit.detail, hit.nature())
    add(out, 1.4 * force * blow(target, random, force, 0.60, 0.35, held=0.035), whole)
    time = seconds(samples(0.3))
    give = 150.0 * 1.5 ** (0.5 - character.bulk) * random.uniform(0.88, 1.14) * (1.0 + 0.5 * np.exp(-time / 0.006))
    thud = np.sin(2 * np.pi * np.cumsum(give) / RATE) * np.exp(-time / 0.020)
    point = bandpass(burst(time.size, random, 0.005), 600.0, 7000.0, order=1)
    add(out, force * (0.8 * thud + 0.9 * point) * np.clip(time / 0.0005, 0.0, 1.0), whole)
    shaft = 34.0 * 1.5 ** (0.5 - character.bulk) * random.uniform(0.8, 1.25)
    modes = shaft * np.array([6.27, 17.5, 34.4, 56.8]) * (1 + 0.03 * random.standard_normal(4))
    heard = slice(0, hit.detail.of(4, least=2))
    level = (np.array([1.0, 0.8, 0.5, 0.3]) * np.exp(0.3 * random.standard_normal(4)))[heard]
    quiver = ring(modes[heard], np.array([0.055, 0.038, 0.024, 0.016])[heard], level, samples(0.5))
    swing = 0.55 + 0.45 * np.cos(2 * np.pi * shaft * seconds(quiver.size))
    add(out, 0.30 * force * fade(quiver * swing, start=0.003, end=0.1), whole + samples(0.002))
    return dynamics(tilt(fade(out, end=0.1), character.brightness), hit.force, 1.0)


def _loosed(hit: Hit) -> Signal:
    """The bow: its string plucked and at once stopped by the limbs, which thump."""
    random = hit.random
    out = np.zeros(samples(0.4))
    pitch = 125.0 * 1.6 ** (0.5 - hit.character.bulk) * random.uniform(0.92, 1.08)
    harmonic = np.arange(1.0, hit.detail.of(18, least=5) + 1)
    pluck = np.abs(np.sin(np.pi * harmonic * random.uniform(0.42, 0.5))) / harmonic**0.8
    pluck *= np.exp(0.3 * random.standard_normal(18)[: harmonic.size])
    stiff = harmonic * np.sqrt(1 + 0.002 * harmonic**2)
    string = ring(pitch * stiff, 0.045 / harmonic**0.4, pluck, samples(0.35))
    add(out, 0.5 * fade(string, start=0.0006, end=0.1), 0)
    length = samples(0.15)
    add(out, bandpass(burst(length, random, 0.012), 90.0, 600.0, order=1), 0)
    add(out, 0.7 * bandpass(burst(length, random, 0.005), 900.0, 4500.0, order=1), 0)
    return out


def _flight(hit: Hit, speed: float, length: int) -> Signal:
    """The whoosh of a slim body that comes past: nearest somewhat after the middle."""
    random = hit.random
    place = np.linspace(0.0, 1.0, 80)
    ahead = speed * length / RATE * (random.uniform(0.5, 0.7) - place)  # metres to where it is nearest
    away = np.hypot(ahead, 1.8)
    doppler = 1.0 / (1.0 - speed / 343.0 * ahead / away)
    width = 0.0075 * 1.8 ** (hit.character.bulk - 0.5)
    eddies = 0.2 * speed / width * doppler[:, None]
    centres = np.geomspace(200.0, 16_000.0, 26)
    tone = np.exp(-0.5 * (np.log2(centres / eddies) / 0.22) ** 2)
    feathers = 0.55 * np.exp(-0.5 * (np.log2(centres / (3.6 * eddies)) / 0.9) ** 2)
    levels = (tone + feathers) / (away**1.1)[:, None]
    flutter = 75.0 * 1.5 ** (0.5 - hit.character.bulk) * random.uniform(0.85, 1.15)
    bend = 0.75 * np.exp(-seconds(length) / 0.18) * np.cos(2 * np.pi * flutter * seconds(length))
    air = paint(levels, centres, length, random) * (1.0 + bend + 0.25 * wander(length, 40.0, RATE, random))
    return fade(air * 2.2, start=0.025, end=0.006)


def whip(hit: Hit) -> Signal:
    """A whip: a rush that rises, and the tip breaks the sound barrier: an N-shaped shock, then its echo off the lash.

    The tip's shock: Goriely and McMillen, "Shape of a cracking whip", Phys. Rev. Lett. 88, 2002.
    """
    character, random = hit.character, hit.random
    lead = random.uniform(0.035, 0.055) * 1.6 ** (0.5 - character.speed)  # short: the eye waits for the crack
    before = samples(lead)
    out = np.zeros(before + samples(0.5))
    place = np.linspace(0.0, 1.0, 40)[:, None]
    centres = np.geomspace(250.0, 9000.0, 18)
    peak = 500.0 * 8.0**place
    rush = paint(place**2.5 * np.exp(-0.5 * (np.log2(centres / peak) / 0.8) ** 2), centres, before, random)
    add(out, 0.22 * fade(rush, start=0.004, end=0.001), 0)
    n = samples(0.0009 * (0.7 + 0.6 * character.bulk) * random.uniform(0.85, 1.15))
    shock = np.linspace(1.0, -1.0, n + 2)[1:-1]
    crack = lowpass(np.concatenate([shock, np.zeros(samples(0.004))]), 14_000.0, order=2)
    add(out, 1.4 * crack, before)
    tail = bandpass(burst(samples(0.4), random, 0.018), 900.0, 9000.0, order=1)
    add(out, 0.35 * tail, before + samples(0.0012))
    return dynamics(tilt(fade(out, end=0.1), character.brightness), hit.force, 0.35)
