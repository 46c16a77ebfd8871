"""Air under pressure: a whistle, a cork, a spray can.

A whistle's tone comes from the jet on its edge and the little chamber behind; the pea, carried round, shuts the outlet
some thirty times a second, so that pitch and level trill together. A bottle's neck and body are a Helmholtz resonator,
f = c/2pi sqrt(A / V L) (Fletcher and Rossing, "The Physics of Musical Instruments", 1998, chapter 8), whose note rises
as the cork leaves the neck.
"""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import RATE, Hit, Signal
from engine.foley.sound.filters import (
    HIGHEST,
    add,
    bandpass,
    decay,
    dynamics,
    fade,
    highpass,
    lowpass,
    samples,
    seconds,
    tilt,
)
from engine.foley.sound.noise import burst, paint, wander


def whistle(hit: Hit) -> Signal:
    """A referee's whistle with its pea: blown hard, shrill and trilling, cut off by the tongue."""
    character, random = hit.character, hit.random
    lasting = random.uniform(0.45, 0.7) * 2.0 ** (0.5 - character.speed)
    length = samples(lasting)
    time = seconds(length)
    blown = np.clip(time / 0.03, 0.0, 1.0) * np.clip((lasting - time) / 0.035, 0.0, 1.0)
    blown = blown * (0.9 + 0.1 * wander(length, 5.0, RATE, random))
    trill = 2 * np.pi * np.cumsum(34.0 * (0.6 + 0.4 * blown) * (1 + 0.05 * wander(length, 6.0, RATE, random))) / RATE
    trill = trill + random.uniform(0, 2 * np.pi)
    pitch = (
        2700.0 * 1.7 ** (0.5 - character.size) * 1.35 ** (character.brightness - 0.5) * hit.nature().uniform(0.94, 1.06)
    )
    pitch = pitch * (0.93 + 0.07 * blown) * random.uniform(0.985, 1.015)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.022 * np.sin(trill))) / RATE
    wave = np.zeros(length)
    highest = float(pitch.max()) * 1.03
    for partial, level in ((1.0, 1.0), (1.055, 0.45), (2.0, 0.16), (3.0, 0.07), (4.0, 0.03)):
        if partial * highest < HIGHEST:
            wave += level * np.sin(partial * phase + random.uniform(0, 2 * np.pi))
    shut = 0.35 + 0.65 * (0.5 + 0.5 * np.cos(trill)) ** 0.7
    breath = bandpass(burst(length, random, 100.0), 1800.0, 9000.0, order=1)
    out = (wave + 0.10 * breath) * shut * blown**1.3
    return (0.35 + 0.65 * hit.force) * 0.6 * fade(out, start=0.004, end=0.01)


def cork(hit: Hit) -> Signal:
    """A cork pulled: a squeak of the neck, the pop that glides up as the neck opens, and the gas that follows."""
    character, random = hit.character, hit.random
    length = samples(0.9)
    time = seconds(length)
    pitch = 520.0 * 2.2 ** (1.0 - 2.0 * character.size) * hit.nature().uniform(0.85, 1.18) * random.uniform(0.84, 1.18)
    opens = 1.0 - np.exp(-time / random.uniform(0.008, 0.016))
    glide = pitch * (1.0 + random.uniform(0.6, 1.1) * opens)
    phase = 2 * np.pi * np.cumsum(glide) / RATE
    # How far the cork is out when it lets go decides how long the air in the neck swings, and how much of it is noise.
    pop = np.sin(phase) * decay(length, random.uniform(0.012, 0.030))
    pop += random.uniform(0.1, 0.5) * np.sin(2.6 * phase) * decay(length, 0.008)
    out = pop * np.clip(time / 0.0006, 0.0, 1.0)
    out += random.uniform(0.6, 1.1) * lowpass(burst(length, random, 0.006), 3500.0, order=1)
    gas = highpass(burst(length, random, 0.10 + 0.14 * character.intensity), 3500.0, order=1)
    out += 0.05 * (0.4 + 1.2 * character.intensity) * gas * (1.0 - decay(length, 0.02))
    return dynamics(tilt(fade(out, start=0.0004, end=0.3), character.brightness), hit.force, 0.35)


def spray(hit: Hit) -> Signal:
    """A spray can: the valve clicks open, gas and droplets hiss, the valve shuts."""
    character, random = hit.character, hit.random
    lasting = random.uniform(0.45, 0.75) * 1.8 ** (0.5 - character.speed)
    length = samples(lasting)
    centres = np.array([300.0, 900.0, 2200.0, 4500.0, 8000.0, 12_000.0, 17_000.0])
    shape = np.array([0.06, 0.12, 0.35, 0.8, 1.0, 0.9, 0.5])
    place = np.linspace(0.0, 1.0, 80)
    course = np.clip(place * lasting / 0.018, 0.0, 1.0) * np.clip((1.0 - place) * lasting / 0.05, 0.0, 1.0)
    course = course * (1.0 - 0.25 * place) * (1.0 + 0.05 * wander(80, 12.0, 80 / lasting, random))
    drift = 1.35 ** (0.5 - character.size) * (1.0 - 0.1 * place)[:, None]
    levels = course[:, None] * np.stack([np.interp(centres / shift, centres, shape) for shift in drift[:, 0]])
    out = np.zeros(length + samples(0.1))
    add(out, 0.38 * fade(paint(levels, centres, length, random), start=0.008, end=0.02), 0)
    for at, level in ((0, 0.5), (length - samples(0.02), 0.25)):
        add(out, level * bandpass(burst(samples(0.03), random, 0.0025), 1200.0, 6000.0, order=1), at)
    return dynamics(tilt(fade(out, start=0.0005, end=0.03), character.brightness), hit.force)
