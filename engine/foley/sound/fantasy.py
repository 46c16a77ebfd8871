"""What nobody has heard: rays, the hum of a ship between the stars, magic. Farnell, "Designing Sound", 2010, part V."""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import add, decay, fade, highpass, samples, seconds, stretch, tilt
from engine.foley.sound.grains import arrivals
from engine.foley.sound.modal import ring
from engine.foley.sound.noise import burst, paint, wander
from engine.foley.sound.tones import harmonics


def laser(hit: Hit) -> Signal:
    """A bolt: a bright tone that plunges several octaves within a fifth of a second, as a struck spring's waves do.

    A long spring carries high frequencies faster than low, so that a blow arrives as a falling chirp.
    """
    character, random, nature = hit.character, hit.random, hit.nature()
    lasting = 0.20 * 2.6 ** (character.size - 0.5) * 2.0 ** (0.5 - character.speed) * random.uniform(0.9, 1.1)
    length = samples(2.2 * lasting)
    time = seconds(length)
    top = 5200.0 * 2.2 ** (0.5 - character.size) * nature.uniform(0.85, 1.15) * random.uniform(0.94, 1.06)
    floor = 160.0 * 1.8 ** (0.5 - character.size) * nature.uniform(0.8, 1.2)
    pitch = floor + (top - floor) * np.exp(-time / (0.26 * lasting))
    wobble = 1 + 0.05 * np.sin(2 * np.pi * nature.uniform(55.0, 90.0) * time)
    partials = hit.detail.of(16, least=4)
    levels = np.arange(1.0, partials + 1) ** -1.15
    bolt = harmonics(pitch * wobble, levels)
    twin = harmonics(1.007 * pitch * wobble, levels, float(random.uniform(0, 2 * np.pi)))
    course = (1 - np.exp(-time / 0.0015)) * np.exp(-((time / (1.15 * lasting)) ** 1.6))
    crack = highpass(burst(length, random, 0.012), 1800.0, order=1)
    out = 0.6 * (bolt + 0.7 * twin) * course + 0.18 * crack
    return (0.4 + 0.6 * hit.force) * 0.8 * tilt(fade(out, start=0.0005, end=0.3 * lasting), character.brightness)


def sci_fi_hum(bed: Bed) -> Signal:
    """A drive at rest: low beating tones, a slow pulse, bands of high tones that come and go."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    base = 58.0 * 2.0 ** (1.0 - 2.0 * character.size) * random.uniform(0.92, 1.08)
    breathing = 0.55 * 3.0 ** (character.speed - 0.5)
    time = seconds(bed.length)
    pulse = 0.72 + 0.28 * np.sin(2 * np.pi * breathing * time + random.uniform(0, 2 * np.pi))
    glow = highpass(0.5 + 0.5 * stretch(wander(points, 0.25, rate, random), bed.length), 0.02, order=1)
    partials = bed.detail.of(72, least=12)
    sides = []
    for side in range(2):
        tone = np.zeros(bed.length)
        for detune in (-0.9, 0.0, 1.3):
            pitch = base + detune * random.uniform(0.6, 1.2) + 0.05 * stretch(
                wander(points, 0.5, rate, random), bed.length
            )  # fmt: skip
            # A comb of levels that differs from voice to voice: every third partial strong, a hump near 12.
            number = np.arange(1.0, partials + 1)
            comb = number**-0.9 * (0.35 + 0.65 * np.cos(np.pi * (number + side) / 3.0) ** 2)
            comb += 0.10 * np.exp(-0.5 * ((number - 12.0 - random.uniform(-2, 2)) / 2.0) ** 2)
            comb *= np.exp(-number / 12.0)  # it dies away upwards, and ends nowhere
            tone += harmonics(pitch, comb, float(random.uniform(0, 2 * np.pi)))
        for ratio in (15.02, 22.6, 31.1, 44.7)[: bed.detail.of(4, least=1)]:
            swell = np.clip(stretch(wander(points, 0.4, rate, random), bed.length), 0.0, None) ** 2
            tone += 0.05 * swell * np.sin(2 * np.pi * base * ratio * random.uniform(0.99, 1.01) * time)
        sides.append(tone * pulse * (1 + 0.1 * glow))
    return tilt(np.stack(sides, axis=1) * stretch(bed.activity, bed.length)[:, None], character.brightness)


def magic_shimmer(bed: Bed) -> Signal:
    """Fairy dust: crowds of tiny bells that run upwards, sweep after sweep, over a glitter of high air."""
    character, random = bed.character, bed.random
    sweep = 2.4 * 2.2 ** (0.5 - character.speed)
    most = max(24, int((26.0 + 50.0 * character.intensity) * bed.seconds))
    points = bed.activity.size
    at = arrivals(most, bed.activity, bed.length, random)
    if at.size == 0:
        return np.zeros((bed.length, 2))
    place = np.mod(at / RATE / sweep + random.uniform(0.0, 0.2), 1.0)
    low = 2100.0 * 1.7 ** (0.5 - character.size)
    # Steps of a whole-tone scale, which has no key, a little off: bells, not a melody.
    step = np.round((place + 0.09 * random.standard_normal(most)) * 11.0)
    pitch = np.clip(low * 2.0 ** (step / 6.0) * np.exp(0.012 * random.standard_normal(most)), 900.0, 9000.0)
    level = np.exp(0.5 * random.standard_normal(most)) * (0.4 + np.sin(np.pi * np.clip(place, 0.0, 1.0)))
    side = np.clip(place + 0.25 * random.standard_normal(most), 0.03, 0.97)
    kept = bed.detail.of(most, least=12)
    out = np.zeros((bed.length, 2))
    partial = np.array([1.0, 2.756, 5.404])  # of a free bar
    for index in range(kept):
        hz = pitch[index] * partial[pitch[index] * partial < 16_000.0]
        grain = ring(hz, 0.16 / (1.0 + 2.2 * np.arange(hz.size)), 0.5 ** np.arange(hz.size), samples(0.7))
        grain *= level[index] * (1 - decay(grain.size, 0.0008))
        add(out, grain[:, None] * np.sqrt([1 - side[index], side[index]]), int(at[index]))
    out *= float(np.sqrt(most / kept))
    time = np.linspace(0.0, bed.seconds, points)
    centres = np.array([2000.0, 4000.0, 6500.0, 9000.0, 12_000.0, 16_000.0])
    glitter = (0.25 + 0.75 * np.mod(time / sweep, 1.0)) * bed.activity
    top = np.array([0.0, 0.1, 0.5, 1.0, 0.8, 0.3])
    air = [paint(glitter[:, None] * top, centres, bed.length, random) for _ in range(2)]
    return tilt(out + 0.06 * np.stack(air, axis=1), character.brightness)
