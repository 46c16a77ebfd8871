"""Signals made to be heard: horns, alarms, sirens.

A car's horn is two diaphragms about a major third apart, near 420 and 510 Hz, that strike their stops: harmonics up to
several kHz. A ship's is low by rule: 70 to 200 Hz over 200 m, 250 to 700 Hz below 75 m (COLREGS, annex III). An
evacuation alarm sounds three pulses of half a second and pauses (ISO 8201, temporal pattern three). Sirens of the road
wail 10 to 30 times a minute or yelp 150 to 250 times, over an octave or more between 650 and 2000 Hz (SAE J1849), or
alternate two notes a fourth apart (DIN 14610).
"""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import add, bandpass, fade, samples, seconds, stretch, tilt
from engine.foley.sound.noise import wander
from engine.foley.sound.tones import harmonics


def horn(hit: Hit) -> Signal:
    """A toot: two notes of a car, a deep one of a ship; longer for the large and the slow."""
    character, random, nature = hit.character, hit.random, hit.nature()
    large = max(0.0, 2.0 * character.size - 1.0)
    lasting = (0.42 + 2.6 * large**1.5) * 2.2 ** (0.5 - character.speed) * random.uniform(0.9, 1.1)
    length = samples(lasting + 0.06 + 0.25 * large)
    time = seconds(length)
    low = 415.0 * 2.6 ** (0.5 - character.size) * 0.55**large * nature.uniform(0.95, 1.05)
    attack, release = 0.012 + 0.12 * large, 0.018 + 0.08 * large
    blown = (1 - np.exp(-time / attack)) * np.where(time > lasting, np.exp(-(time - lasting) / release), 1.0)
    out = np.zeros(length)
    partials = np.arange(1.0, hit.detail.of(36, least=8) + 1)
    # The diaphragm answers best a few times above its note; a ship's long trumpet keeps the lowest partials strong.
    peak = 2600.0 * (1 - large) + 420.0 * large
    for interval, level in ((1.0, 1.0), (nature.uniform(1.19, 1.27), 0.8 * (1 - 0.7 * large))):
        pitch = low * interval
        body = (1.0 + (partials * pitch / peak) ** 2) ** -0.9 * (0.35 + np.exp(-(np.log(partials * pitch / peak) ** 2)))
        drift = 1 + 0.002 * wander(length, 7.0, RATE, random) - 0.02 * np.exp(-time / attack)
        out += level * harmonics(pitch * drift, body, float(random.uniform(0, 2 * np.pi)))
    air = bandpass(random.standard_normal(length), 0.8 * peak, 3.0 * peak, order=1)
    out = (out / np.std(out) + 0.05 * air) * blown
    return (0.4 + 0.6 * hit.force) * 0.4 * tilt(fade(out, start=0.003, end=0.02), character.brightness)


def alarm(bed: Bed) -> Signal:
    """Three pulses and a pause: the piezo shriek of a small detector, the square buzz of a large sounder."""
    character, random = bed.character, bed.random
    pitch = 1450.0 * 4.4 ** (0.5 - character.size) * 1.4 ** (character.brightness - 0.5) * random.uniform(0.96, 1.04)
    pulse = 0.5 * 6.0 ** (0.5 - character.speed) * random.uniform(0.96, 1.04)
    time = seconds(bed.length)
    turn = (time + pulse * random.uniform(-0.1, 0.0)) / pulse
    place = np.mod(turn, 8.0)  # on, off, on, off, on, and a pause of three
    on = (place < 6.0) & (np.mod(place, 2.0) < 1.0) & (turn > 0)
    edge = np.hanning(samples(0.006) | 1)
    gate = np.convolve(on, edge / edge.sum(), mode="same")
    # Odd harmonics, as of a square wave, and a housing that rings near 3 kHz.
    number = np.arange(1.0, bed.detail.of(24, least=6) + 1)
    levels = np.where(number % 2 == 1, 1.0, 0.18) / number
    levels *= 0.5 + np.exp(-(np.log(number * pitch / 3100.0) ** 2))
    drift = pitch * (1 + 0.0008 * stretch(wander(bed.activity.size, 3.0, 100.0, random), bed.length))
    tone = harmonics(drift, levels, float(random.uniform(0, 2 * np.pi))) * gate
    mono = tone * stretch(bed.activity, bed.length)
    # A wall's answer on each side, a little apart, sets it in a place.
    sides = [mono.copy() for _ in range(2)]
    for side, late in zip(sides, (0.0071, 0.0113), strict=True):
        add(side, 0.3 * mono, samples(late))
    return tilt(fade(np.stack(sides, axis=1), start=0.004, end=0.01), character.brightness)


def siren(bed: Bed) -> Signal:
    """A wail that climbs fast and sinks slowly; a yelp where it is fast, two notes in turn where it is regular."""
    character, random = bed.character, bed.random
    time = seconds(bed.length)
    pace = random.uniform(0.95, 1.05)
    turn = time + random.uniform(0.0, 10.0)
    if character.regularity > 0.9:
        low, high = 440.0, 586.0
        step = np.mod(turn * pace * 0.95 * 2.5 ** (character.speed - 0.5), 1.0) < 0.5
        edge = np.hanning(samples(0.02) | 1)
        course = np.convolve(np.pad(step.astype(float), len(edge) // 2, mode="edge"), edge / edge.sum(), mode="valid")
    else:
        yelping = character.speed > 0.65
        low, high = 650.0, 1550.0
        cycles = 3.2 if yelping else 0.22 * 3.0 ** (2.0 * (character.speed - 0.5))
        place = np.mod(turn * pace * cycles, 1.0)
        risen = 0.4
        up = (1 - np.exp(-2.2 * place / risen)) / (1 - np.exp(-2.2))
        down = (np.exp(-1.6 * (place - risen) / (1 - risen)) - np.exp(-1.6)) / (1 - np.exp(-1.6))
        course = np.where(place < risen, up, down)
    points = bed.activity.size
    drift = 1 + 0.0015 * wander(points, 0.3, points / max(bed.seconds, 1e-3), random)
    scale = 1.7 ** (0.5 - character.size) * random.uniform(0.97, 1.03)
    pitch = scale * low * (high / low) ** course * stretch(drift, bed.length)
    number = np.arange(1.0, bed.detail.of(24, least=4) + 1)
    tone = harmonics(pitch, np.where(number % 2 == 1, 1.0, 0.55) / number, float(random.uniform(0, 2 * np.pi)))
    # A pressure chamber and its horn pass the middle; the fronts of houses send it back from both sides.
    horn_speaker = bandpass(tone, 550.0, 3800.0, order=1)
    out = np.stack([horn_speaker, horn_speaker], axis=1)
    for late, level, side in ((0.017, 0.30, 0), (0.029, 0.28, 1), (0.061, 0.16, 0), (0.083, 0.13, 1)):
        add(out[:, side], level * horn_speaker, samples(late * random.uniform(0.8, 1.2)))
    return tilt(out * stretch(bed.activity, bed.length)[:, None], character.brightness)
