"""People without words: breath, snoring, the murmur of a crowd.

Speech at a distance is syllables, three to five a second (Houtgast and Steeneken, "A review of the MTF concept in room
acoustics", J. Acoust. Soc. Am. 77, 1985), over the long-term spectrum of talk: level from 200 to 600 Hz, then falling
by about 9 dB an octave (Byrne et al., "An international comparison of long-term average speech spectra", J. Acoust.
Soc. Am. 96, 1994).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from engine.foley.sound.brief import RATE, Bed, Signal
from engine.foley.sound.filters import add, fade, lowpass, samples, stretch, tilt
from engine.foley.sound.noise import coloured, paint, wander
from engine.foley.sound.tones import formants, voice

_VOWELS = np.array(
    [[730, 1090, 2440, 3400], [530, 1840, 2480, 3500], [270, 2290, 3010, 3600], [570, 840, 2410, 3300],
     [300, 870, 2240, 3300], [640, 1190, 2390, 3400], [490, 1350, 1690, 3300]]
)  # fmt: skip
"""Formants in Hz of a man's vowels (Peterson and Barney, J. Acoust. Soc. Am. 24, 1952)."""


def breath(bed: Bed) -> Signal:
    """In and out: in thin and bright through the teeth, out longer, darker and open; faster and harder when spent."""
    character, random = bed.character, bed.random
    spent = np.clip(0.5 * (character.speed + character.intensity), 0.0, 1.0)
    cycle = 60.0 / (15.0 * 3.2 ** (2.0 * (character.speed - 0.5)))
    length = max(64, int(bed.seconds * 100))
    bands = np.geomspace(100.0, 14_000.0, 48)
    small = 1.25 ** (0.5 - character.size)
    inward = formants(bands, small * np.array([900.0, 1700.0, 2900.0, 4300.0]), small * np.array([500, 500, 600, 800]))
    inward = inward * (bands / 1000.0) ** 0.9 / (1 + (bands / 5200.0) ** 2.0)
    outward = formants(bands, small * np.array([560.0, 1250.0, 2500.0, 3500.0]), small * np.array([260, 300, 400, 600]))
    outward = outward * (bands / 1000.0) ** 0.2 / (1 + (bands / 2600.0) ** 1.6)
    # Air that rubs along teeth and lips is heard above the last formant, as far up as one hears.
    hiss = (bands / 5000.0) / (1 + (bands / 5000.0) ** 2)
    inward, outward = inward + 0.06 * inward.max() * hiss, outward + 0.012 * outward.max() * hiss
    inward, outward = (part / np.sqrt(np.mean(part**2)) for part in (inward, outward))
    time = np.linspace(0.0, bed.seconds, length)
    levels = np.zeros((length, bands.size))
    start = min(0.08, 0.02 * bed.seconds) - 0.1 * cycle * random.random()
    while start < bed.seconds:
        own = cycle * random.uniform(0.88, 1.14)
        taken, given = 0.38 * own, 0.46 * own
        for first, lasting, colour, level in (
            (start, taken, inward, 0.75),
            (start + taken + 0.05 * own, given, outward, 1.0),
        ):
            place = np.clip((time - first) / lasting, 0.0, 1.0)
            swell = np.sin(np.pi * place ** (0.85 if colour is inward else 0.55)) ** 1.4
            levels += (level * random.uniform(0.8, 1.2) * swell)[:, None] * colour
        start += own
    levels *= (1 + 0.10 * wander(length, 12.0, 100.0, random))[:, None]
    activity = np.interp(np.linspace(0, 1, length), np.linspace(0, 1, bed.activity.size), bed.activity)
    near = paint(levels * activity[:, None], bands, bed.length, random)
    own_sides = [paint(levels * activity[:, None], bands, bed.length, random) for _ in range(2)]
    out = np.stack([near + 0.35 * side for side in own_sides], axis=1)
    return tilt((0.5 + spent) * out, character.brightness)


def snore(bed: Bed) -> Signal:
    """A sleeper: the soft palate flutters some forty times a second as breath goes in, and sighs as it goes out.

    Pevernagie, Aarts and De Meyer, "The acoustics of snoring", Sleep Medicine Reviews 14, 2010.
    """
    character, random = bed.character, bed.random
    cycle = 3.6 * 1.9 ** (0.5 - character.speed)
    out = np.zeros((bed.length, 2))
    start = min(0.1, 0.02 * bed.seconds)
    tract = 1.3 ** (0.5 - character.size) * np.array(
        [[330, 900, 1500, 2500], [480, 1150, 1700, 2700], [420, 1000, 1600, 2600]]
    )
    while start < bed.seconds:
        own = cycle * random.uniform(0.9, 1.12)
        length = samples(0.45 * own)
        place = np.linspace(0.0, 1.0, length)
        flutter = 42.0 * 1.9 ** (0.5 - character.size) * random.uniform(0.9, 1.1)
        pitch = flutter * (0.85 + 0.35 * place) * (1 + 0.06 * wander(length, 18.0, RATE, random))
        rasp = voice(pitch, tract, 0.8, 0.35, bed.detail.of(90, least=24))
        level = np.sin(np.pi * place**1.5) ** 0.8 * (1 + 0.25 * wander(length, 10.0, RATE, random))
        # Each time the palate opens, air rushes through.
        rush = coloured({250: -6, 800: 0, 2500: -5, 6000: -14, 12_000: -28}, length, random)
        rush *= (0.5 + 0.5 * np.cos(2 * np.pi * np.cumsum(pitch) / RATE)) ** 2
        rasp = rasp / np.std(rasp) + 0.35 * rush
        add(out, (fade(rasp * level, 0.03, 0.05))[:, None] * np.ones(2), samples(start))
        sigh_length = samples(0.38 * own)
        sigh = coloured({200: -12, 500: 0, 1300: -3, 2800: -9, 7000: -24}, sigh_length, random)
        sigh *= np.sin(np.pi * np.linspace(0, 1, sigh_length) ** 0.6) ** 2
        add(out, (0.10 * sigh)[:, None] * np.ones(2), samples(start + 0.53 * own))
        start += own
    return tilt(out * stretch(bed.activity, bed.length)[:, None], character.brightness)


def crowd_murmur(bed: Bed) -> Signal:
    """Many people talking at once, no word of it to be made out: near voices over the wash of far ones."""
    character, random = bed.character, bed.random
    most = 8 + round(20 * character.intensity)
    voices = 10
    pace = 4.3 * 1.5 ** (character.speed - 0.5)
    spoken = [_syllables(np.random.default_rng(seed), character.size) for seed in random.integers(2**32, size=voices)]
    sides = random.uniform(0.03, 0.97, most)
    levels = random.uniform(0.25, 1.0, most) ** 1.5
    out = np.zeros((bed.length, 2))
    seeds = random.integers(2**32, size=most)
    for talker in range(bed.detail.of(most, least=6)):
        own = np.random.default_rng([int(seeds[talker]), talker])
        bank = spoken[talker % voices]
        gains = np.sqrt([1 - sides[talker], sides[talker]]) * levels[talker]
        at = own.uniform(-1.5, 0.8)
        while at < bed.seconds:
            sentence = int(own.integers(3, 16))
            for index in range(sentence):  # the voice sinks towards the end of what it says
                part = bank[int(own.integers(len(bank)))]
                fall = 1.0 - 0.45 * index / sentence
                if at > 0:
                    add(out, part[:, None] * (gains * fall * own.uniform(0.45, 1.0)), samples(at))
                at += own.uniform(0.7, 1.35) / pace
            at += own.exponential(0.9) + 0.25
    out = lowpass(out, 3400.0 * (0.6 + 0.8 * character.brightness), order=1)
    out /= max(float(np.std(out)), 1e-9)
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    centres = np.array([100.0, 160.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0])
    spectrum = 10 ** (np.array([-16.0, -6.0, 0.0, 0.0, -8.0, -15.0, -22.0, -30.0]) / 20)
    for side in range(2):
        course = np.exp(0.30 * wander(points, 3.5, rate, random))[:, None]
        lilt = np.exp(0.25 * wander(points, 2.0, rate, random))[:, None] ** np.linspace(-1, 1, centres.size)
        out[:, side] += 0.9 * paint(course * lilt * spectrum, centres, bed.length, random)
    return tilt(out * stretch(bed.activity, bed.length)[:, None], character.brightness)


def _syllables(random: Generator, size: float) -> list[Signal]:
    """Half a dozen syllables of one voice: a vowel that slides into another, at its pitch; no consonants, no sense."""
    low = random.random() < 0.55
    pitch = (118.0 if low else 205.0) * 1.3 ** (0.5 - size) * random.uniform(0.85, 1.2)
    tract = (1.0 if low else 1.16) * random.uniform(0.95, 1.05)
    bank = []
    for _ in range(6):
        length = samples(random.uniform(0.14, 0.28))
        first, last = _VOWELS[random.integers(len(_VOWELS), size=2)]
        course = np.linspace(random.uniform(0.95, 1.25), random.uniform(0.8, 1.05), length)
        tone = voice(pitch * course, tract * np.stack([first, last]), 0.9, 1.15, int(3800 / pitch))
        tone *= np.sin(np.pi * np.linspace(0, 1, length)) ** 0.9
        bank.append(tone / max(float(np.std(tone)), 1e-9))
    return bank
