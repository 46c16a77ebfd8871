"""Living things: a dog, birds, crickets, a heart, people clapping.

Voices are a source and a filter: pulses of the vocal folds through the resonances of a tract whose length goes with the
body (Fitch, "Vocal tract length and formant frequency dispersion", J. Acoust. Soc. Am. 102, 1997; barks: Riede and
Fitch, J. Exp. Biol. 202, 1999).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import add, bandpass, decay, fade, resonate, samples, saturate, seconds, stretch, tilt
from engine.foley.sound.grains import arrivals
from engine.foley.sound.noise import burst


def bark(hit: Hit) -> Signal:
    """One bark: pitch and mouth open and close within a fifth of a second."""
    size = hit.character.size
    random = hit.random
    lasting = (0.13 + 0.12 * size) * random.uniform(0.9, 1.15)
    length = samples(lasting)
    place = np.linspace(0.0, 1.0, length)
    pitch = 700.0 * 4.5 ** (-size) * random.uniform(0.93, 1.08) * (0.72 + 0.55 * np.sin(np.pi * place**0.75) ** 0.8)
    rough = 1 + 0.02 * np.repeat(random.standard_normal(length // 200 + 1), 200)[:length]
    phase = 2 * np.pi * np.cumsum(pitch * rough) / RATE
    source = np.zeros(length)
    for harmonic in range(1, hit.detail.of(40, least=8) + 1):
        audible = np.clip((16_000.0 - harmonic * pitch) / 2000.0, 0.0, 1.0)
        source += audible * np.sin(harmonic * phase) / harmonic**1.1
    source += 0.35 * random.standard_normal(length) * (0.4 + 0.6 * np.abs(np.sin(phase / 2)))
    tract = 0.10 + 0.12 * size  # metres
    voice = np.zeros(length)
    for number, level in ((1, 1.0), (3, 0.8), (5, 0.4), (7, 0.2)):
        voice += level * resonate(source, min(343.0 * number / (4 * tract) * 1.15, 9000.0), 3.5 + number)
    course = (1 - np.exp(-seconds(length) / 0.004)) * np.cos(0.5 * np.pi * place**2.2)
    return (0.35 + 0.65 * hit.force) * tilt(fade(saturate(voice, 2.0) * course, end=0.02), hit.character.brightness)


def _calls(bed: Bed, makers: int, gap: float) -> list[tuple[float, int]]:
    """Instants at which each of some callers calls, at its own pace."""
    calls: list[tuple[float, int]] = []
    for maker in range(makers):
        at = float(bed.random.uniform(0.0, gap)) if maker else 0.05
        while at < bed.seconds:
            calls.append((at, maker))
            at += gap * float(bed.random.uniform(0.6, 1.6))
    return calls


def birds(bed: Bed) -> Signal:
    """Small birds, each with its own phrase and perch: whistles that sweep and trill."""
    most = 3 + round(5 * bed.character.intensity)
    out = np.zeros((bed.length, 2))
    natures = [np.random.default_rng(seed) for seed in bed.random.integers(2**32, size=most)]
    phrases = [_phrase(nature, bed.character.size) for nature in natures]
    perches = bed.random.uniform(0.08, 0.92, most)
    levels = bed.random.uniform(0.2, 1.0, most)
    for at, bird in _calls(bed, bed.detail.of(most, least=2), 2.6 * 2.5 ** (0.5 - bed.character.speed)):
        sides = np.sqrt([1 - perches[bird], perches[bird]])
        add(out, phrases[bird][:, None] * sides * levels[bird], samples(at))
    return tilt(out * stretch(bed.activity, bed.length)[:, None], bed.character.brightness)


def _phrase(random: Generator, size: float) -> Signal:
    """One bird's phrase: two or three motifs of a few like notes: whistles that glide, trills, chirps, buzzes.

    Songs are made of repeated notes in groups, of 50 to 200 ms whistled or 10 to 30 a second trilled, between 2 and 9
    kHz and lower for large birds (Catchpole and Slater, "Bird Song", 2008, chapters 1 and 4).
    """
    base = random.uniform(2400.0, 5200.0) * 2.6 ** (0.5 - size)
    out = np.zeros(samples(2.8))
    start = 0.0
    for _ in range(int(random.integers(2, 4))):
        kind = random.choice(["whistle", "trill", "chirp", "buzz"], p=[0.40, 0.25, 0.25, 0.10])
        centre = base * random.uniform(0.8, 1.3)
        lasting, gap, notes = {
            "whistle": (random.uniform(0.09, 0.22), 1.35, random.integers(1, 4)),
            "trill": (random.uniform(0.025, 0.05), 1.5, random.integers(6, 14)),
            "chirp": (random.uniform(0.04, 0.08), 2.2, random.integers(2, 6)),
            "buzz": (random.uniform(0.12, 0.2), 1.3, random.integers(1, 3)),
        }[str(kind)]
        sweep, bend = random.uniform(-0.35, 0.35), random.uniform(-0.3, 0.3)
        sweep *= 2.0 if kind == "chirp" else 1.0
        rattle = random.uniform(60.0, 110.0)
        for _note in range(int(notes)):
            length = samples(lasting * random.uniform(0.93, 1.07))
            place = np.linspace(0.0, 1.0, length)
            curve = centre * (
                1 + sweep * (place - 0.5) + bend * np.sin(np.pi * place) + 0.012 * random.standard_normal()
            )
            if kind == "buzz":
                curve = curve * (1 + 0.13 * np.sin(2 * np.pi * rattle * seconds(length)))
            phase = 2 * np.pi * np.cumsum(np.clip(curve, 700.0, 8500.0)) / RATE
            tone = np.sin(phase) + 0.10 * np.sin(2 * phase)
            add(out, tone * np.sin(np.pi * place) ** 0.8 * random.uniform(0.8, 1.0), samples(start))
            start += lasting * gap
        start += random.uniform(0.03, 0.12)
        if start > 2.0:
            break
    return fade(out[: samples(start + 0.05)], end=0.005)


def crickets(bed: Bed) -> Signal:
    """Chirps of three or four pulses near 4.5 kHz, each insect at its own pace.

    Bennet-Clark, J. Exp. Biol. 128, 1987.
    """
    most = 8
    out = np.zeros((bed.length, 2))
    for insect in range(bed.detail.of(most, least=2)):
        random = np.random.default_rng([int(bed.random.integers(2**32)), insect])
        pitch = random.uniform(3900.0, 5200.0)
        pulse = samples(0.017)
        one = np.sin(2 * np.pi * pitch * seconds(pulse)) * np.sin(np.pi * np.linspace(0, 1, pulse)) ** 0.7
        chirp = np.zeros(samples(0.14))
        for index in range(int(random.integers(3, 5))):
            add(chirp, one * (0.6 + 0.2 * index), samples(0.031 * index))
        gap = random.uniform(0.32, 0.6)
        place, level = random.uniform(0.05, 0.95), random.uniform(0.15, 1.0)
        at = random.uniform(0.0, gap)
        while at < bed.seconds:
            add(out, chirp[:, None] * np.sqrt([1 - place, place]) * level, samples(at))
            at += gap * random.uniform(0.96, 1.04)
    return tilt(out * stretch(bed.activity, bed.length)[:, None], bed.character.brightness)


def heartbeat(bed: Bed) -> Signal:
    """Lub and dub: two dull thumps a third of a beat apart; 66 a minute, to 150 when fast."""
    beat = 60.0 / (66.0 * 2.6 ** max(2 * (bed.character.speed - 0.5), -0.4))
    out = np.zeros(bed.length)
    length = samples(0.3)
    time = seconds(length)
    for at in np.arange(min(0.15, 0.1 * bed.seconds), bed.seconds, beat):
        for after, pitch, level in ((0.0, 52.0, 1.0), (0.30 * min(beat, 1.0), 68.0, 0.65)):
            glide = pitch * (1 + 0.5 * np.exp(-time / 0.02)) * bed.random.uniform(0.98, 1.02)
            thump = np.sin(2 * np.pi * np.cumsum(glide) / RATE) * decay(length, 0.045) * (1 - np.exp(-time / 0.004))
            thump += 0.12 * bandpass(burst(length, bed.random, 0.02), 90.0, 320.0, order=1)
            add(out, level * thump, samples(at + after * bed.random.uniform(0.97, 1.03)))
    mono = out * stretch(bed.activity, bed.length)
    return tilt(np.stack([mono, mono], axis=1), bed.character.brightness)


def applause(bed: Bed) -> Signal:
    """Many pairs of hands, each with its own cup and pace.

    Repp, "The sound of two hands clapping", J. Acoust. Soc. Am. 81, 1987.
    """
    people = int(10 + 90 * bed.character.intensity)
    claps, sides, levels = [], [], []
    random = bed.random
    for _ in range(people):
        hollow = random.uniform(700.0, 2600.0)
        clap = resonate(burst(samples(0.045), random, 0.006), hollow, 1.6)
        clap += 0.4 * bandpass(burst(samples(0.045), random, 0.0025), 1500.0, 9000.0, order=1)
        claps.append(clap / max(float(np.max(np.abs(clap))), 1e-9))
        sides.append(random.uniform(0.02, 0.98))
        levels.append(random.uniform(0.15, 1.0) ** 1.5)
    out = np.zeros((bed.length, 2))
    for person in range(bed.detail.of(people, least=4)):
        beats = int(bed.seconds * random.uniform(3.2, 4.6)) + 1
        at = np.sort(arrivals(beats, np.full(16, 1.0), bed.length, random))
        regular = (np.arange(beats) + random.random()) * bed.length / beats
        for start in 0.25 * at + 0.75 * regular:
            part = claps[person][:, None] * np.sqrt([1 - sides[person], sides[person]])
            add(out, part * levels[person] * random.uniform(0.6, 1.0), int(start))
    return tilt(out * stretch(bed.activity, bed.length)[:, None], bed.character.brightness)
