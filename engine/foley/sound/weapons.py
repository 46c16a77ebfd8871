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
    """Loosed: the string's twang, the limbs' thump; then the flight's hiss past the ear; then it sticks and quivers."""
    character, random = hit.character, hit.random
    force = 0.35 + 0.65 * hit.force
    flight = random.uniform(0.26, 0.42) * 1.6 ** (0.5 - character.speed)
    out = np.zeros(samples(flight + 1.0))
    pitch = 118.0 * 1.6 ** (0.5 - character.bulk) * random.uniform(0.94, 1.06)
    harmonic = np.arange(1.0, hit.detail.of(18, least=5) + 1)
    pluck = np.abs(np.sin(np.pi * harmonic * random.uniform(0.42, 0.5))) / harmonic**0.9
    string = ring(pitch * harmonic * np.sqrt(1 + 0.002 * harmonic**2), 0.075 / harmonic**0.5, pluck, samples(0.5))
    add(out, 0.55 * force * fade(string, start=0.0006, end=0.1), 0)
    length = samples(0.2)
    limbs = lowpass(burst(length, random, 0.014), 700.0, order=1) + 0.4 * bandpass(
        burst(length, random, 0.006), 900.0, 3500.0, order=1
    )
    add(out, 0.7 * force * limbs, 0)
    whole = samples(flight)
    place = np.linspace(0.0, 1.0, 60)[:, None]
    centres = np.geomspace(300.0, 12_000.0, 20)
    peak = 4200.0 * 0.4**place  # past and away: pitch and level fall
    levels = np.exp(-0.5 * ((place - 0.45) / 0.22) ** 2) * np.exp(-0.5 * (np.log2(centres / peak) / 0.55) ** 2)
    hiss = paint(levels, centres, whole, random) * (1.0 + 0.4 * wander(whole, 55.0, RATE, random))
    add(out, 0.25 * force * fade(hiss, start=0.02, end=0.02), samples(0.02))
    target = body(MATERIALS[character.surface or character.material or "wood"], 0.5, hit.detail, hit.nature())
    add(out, 1.5 * force * blow(target, random, force, 0.66, 0.25, held=0.07), whole)
    point = bandpass(burst(samples(0.05), random, 0.004), 700.0, 6000.0, order=1)
    add(out, 0.8 * force * point, whole)
    quiver = seconds(samples(0.6))
    shaft = random.uniform(33.0, 46.0)
    wobble = np.sin(2 * np.pi * shaft * quiver) ** 2 * np.exp(-quiver / 0.12)
    buzz = np.sin(2 * np.pi * 6.27 * shaft * quiver) + 0.5 * np.sin(2 * np.pi * 17.5 * shaft * quiver)
    add(out, 0.30 * force * fade(buzz * wobble, start=0.004, end=0.1), whole + samples(0.006))
    return dynamics(tilt(fade(out, end=0.1), character.brightness), hit.force, 1.0)


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
