"""Living things: a dog, birds, crickets, a heart, people clapping.

Voices are a source and a filter: pulses of the vocal folds through the resonances of a tract whose length goes with the
body (Fitch, "Vocal tract length and formant frequency dispersion", J. Acoust. Soc. Am. 102, 1997; a dog's tract and its
weight: Riede and Fitch, J. Exp. Biol. 202, 1999).
"""

from __future__ import annotations

import numpy as np

from engine.foley.sound.birdcalls import CALLS, sung
from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import add, bandpass, decay, fade, resonate, samples, saturate, seconds, stretch, tilt
from engine.foley.sound.grains import arrivals
from engine.foley.sound.noise import burst, wander
from engine.foley.sound.tones import breath, course, voice

_TAKES = 2  # of each bird's phrase


def bark(hit: Hit) -> Signal:
    """One bark: pitch and mouth open and close within a fifth of a second.

    From tonal, high and changing in play to harsh, low, even and longer at a stranger (Yin and McCowan, "Barking in
    domestic dogs", Animal Behaviour 68, 2004): the more intense, the harsher.
    """
    if hit.character.kind in ("growl", "howl"):
        return _drawn_out(hit)
    size = hit.character.bulk
    random = hit.random
    fierce = hit.character.intensity
    lasting = (0.11 + 0.12 * size + 0.04 * fierce) * random.uniform(0.9, 1.15)
    length = samples(lasting)
    place = np.linspace(0.0, 1.0, length)
    pitch = 700.0 * 4.5 ** (-size) * random.uniform(0.93, 1.08) * 1.25 ** (0.5 - fierce)
    pitch = pitch * (0.72 + 0.09 * fierce + (0.70 - 0.3 * fierce) * np.sin(np.pi * place**0.75) ** 0.8)
    rough = 1 + (0.01 + 0.03 * fierce) * np.repeat(random.standard_normal(length // 200 + 1), 200)[:length]
    phase = 2 * np.pi * np.cumsum(pitch * rough) / RATE
    source = np.zeros(length)
    for harmonic in range(1, hit.detail.of(40, least=8) + 1):
        audible = np.clip((16_000.0 - harmonic * pitch) / 2000.0, 0.0, 1.0)
        source += audible * np.sin(harmonic * phase) / harmonic**1.1
    source += (0.1 + 0.6 * fierce) * random.standard_normal(length) * (0.4 + 0.6 * np.abs(np.sin(phase / 2)))
    tract = 0.10 + 0.12 * size  # metres
    voice = np.zeros(length)
    for number, level in ((1, 1.0), (3, 0.8), (5, 0.4), (7, 0.2)):
        voice += level * resonate(source, min(343.0 * number / (4 * tract) * 1.15, 9000.0), 3.5 + number)
    course = (1 - np.exp(-seconds(length) / 0.004)) * np.cos(0.5 * np.pi * place**2.2)
    return (0.35 + 0.65 * hit.force) * tilt(fade(saturate(voice, 2.0) * course, end=0.02), hit.character.brightness)


def _drawn_out(hit: Hit) -> Signal:
    """A growl: folds that beat slowly and unevenly; or a howl: nearly a pure tone that rises, stays and sinks.

    Growls: Riede and Fitch, J. Exp. Biol. 202, 1999; howls between 150 and 780 Hz: Theberge and Falls, "Howling as a
    means of communication in timber wolves", Amer. Zool. 7, 1967.
    """
    character, random = hit.character, hit.random
    size = character.bulk
    howls = character.kind == "howl"
    length = samples((2.6 if howls else 1.5) * 1.4 ** (0.5 - character.speed) * random.uniform(0.85, 1.2))
    tract = 343.0 / (4 * (0.10 + 0.12 * size)) * np.array([[1.0, 3.0, 5.0, 7.0]])
    if howls:
        top = 480.0 * 1.8 ** (0.5 - size) * random.uniform(0.92, 1.1)
        pitch = top * course(((0.0, 0.55), (0.18, 0.95), (0.3, 1.0), (0.75, 0.95), (1.0, 0.6)), length)
        pitch *= 1 + 0.008 * wander(length, 6.0, RATE, random)
        tone, slope, air = voice(pitch, 0.8 * tract, 0.7, 2.0, 16), 0.0, 0.03
    else:
        pitch = (
            92.0
            * 2.2 ** (0.5 - size)
            * random.uniform(0.92, 1.1)
            * course(((0.0, 1.0), (0.5, 1.12), (1, 0.95)), length)
        )
        pitch *= 1 + 0.06 * wander(length, 30.0, RATE, random)
        tone, slope, air = voice(pitch, tract, 1.0, 0.7, hit.detail.of(60, least=16)), 0.5, 0.35
    noise = breath(tract, np.ones(2), length, random)
    out = tone / np.std(tone) + air * noise / max(float(np.std(noise)), 1e-9)
    out *= 1.0 + slope * np.clip(wander(length, 40.0, RATE, random), -1.2, 1.5)
    out *= course(((0.0, 0.0), (0.12, 0.8), (0.5, 1.0), (0.85, 0.8), (1.0, 0.0)), length)
    return (0.35 + 0.65 * hit.force) * 0.25 * tilt(fade(out, start=0.005, end=0.05), character.brightness)


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
    """Small birds, each with its own phrase and perch: whistles that sweep and trill; or what is known by its call."""
    character = bed.character
    call = CALLS.get(character.kind)
    most = call.most if call else 3 + round(5 * character.intensity)
    gap = (call.gap if call else 2.6) * 2.5 ** (0.5 - character.speed)
    out = np.zeros((bed.length, 2))
    seeds = bed.random.integers(2**32, size=most)
    perches = bed.random.uniform(0.08, 0.92, most)
    levels = bed.random.uniform(0.2, 1.0, most)
    if call:
        levels /= levels.max()
    heard = bed.detail.of(most, least=min(most, 2))
    phrases = [[_phrase_of(bed, int(seed), take) for take in range(_TAKES)] for seed in seeds[:heard]]
    for at, bird in _calls(bed, heard, gap):
        sides = np.sqrt([1 - perches[bird], perches[bird]])
        phrase = phrases[bird][int(bed.random.integers(_TAKES))]
        add(out, phrase[:, None] * sides * levels[bird] * bed.random.uniform(0.75, 1.0), samples(at))
    return tilt(out * stretch(bed.activity, bed.length)[:, None], character.brightness)


def _phrase_of(bed: Bed, seed: int, take: int) -> Signal:
    if bed.character.kind in CALLS:
        return sung(bed.character.kind, seed, take, bed.character.size, bed.detail)
    return _phrase(seed, take, bed.character.size)


def _phrase(seed: int, take: int, size: float) -> Signal:
    """One bird's phrase: two or three motifs of a few like notes: whistles that glide, trills, chirps, buzzes.

    Another `take` has the same motifs, its notes and pauses a little different.

    Songs are made of repeated notes in groups, of 50 to 200 ms whistled or 10 to 30 a second trilled, between 2 and 9
    kHz and lower for large birds (Catchpole and Slater, "Bird Song", 2008, chapters 1 and 4).
    """
    random, now = np.random.default_rng(seed), np.random.default_rng([seed, take])
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
            length = samples(lasting * now.uniform(0.93, 1.07))
            place = np.linspace(0.0, 1.0, length)
            curve = centre * (1 + sweep * (place - 0.5) + bend * np.sin(np.pi * place) + 0.012 * now.standard_normal())
            if kind == "buzz":
                curve = curve * (1 + 0.13 * np.sin(2 * np.pi * rattle * seconds(length)))
            phase = 2 * np.pi * np.cumsum(np.clip(curve, 700.0, 8500.0)) / RATE
            tone = np.sin(phase) + 0.10 * np.sin(2 * phase)
            add(out, tone * np.sin(np.pi * place) ** 0.8 * now.uniform(0.8, 1.0), samples(start))
            start += lasting * gap * now.uniform(0.97, 1.03)
        start += random.uniform(0.03, 0.12) * now.uniform(0.85, 1.15)
        if start > 2.0:
            break
    return fade(out[: samples(start + 0.05)], end=0.005)


def crickets(bed: Bed) -> Signal:
    """Chirps of three to five pulses near 4.5 kHz, each insect at its own pace.

    A field cricket's pulses last 10 to 30 ms and come 25 to 35 times a second, the first the softest; two to four
    chirps a second when it is warm, fewer when it is cold (Ragge and Reynolds, "The Songs of the Grasshoppers and
    Crickets of Western Europe", 1998). The wing's resonance keeps the pitch; small insects sing higher (Bennet-Clark,
    "Resonators in insect sound production", J. Exp. Biol. 202, 1999).
    """
    most = 8
    out = np.zeros((bed.length, 2))
    for insect in range(bed.detail.of(most, least=2)):
        random = np.random.default_rng([int(bed.random.integers(2**32)), insect])
        pitch = random.uniform(3900.0, 5200.0) * 2.0 ** (0.5 - bed.character.size)
        warmth = 2.2 ** (bed.character.speed - 0.5)
        pulse = samples(0.019 / warmth**0.5)
        one = np.sin(2 * np.pi * pitch * seconds(pulse)) * np.sin(np.pi * np.linspace(0, 1, pulse)) ** 0.7
        period = random.uniform(0.029, 0.038) / warmth**0.5
        chirp = np.zeros(samples(0.25))
        for index in range(int(random.integers(3, 6))):
            add(chirp, one * min(0.55 + 0.2 * index, 1.0) * random.uniform(0.92, 1.0), samples(period * index))
        gap = random.uniform(0.32, 0.6) / warmth
        place, level = random.uniform(0.05, 0.95), random.uniform(0.15, 1.0)
        at = random.uniform(0.0, gap)
        while at < bed.seconds:
            add(out, chirp[:, None] * np.sqrt([1 - place, place]) * level, samples(at))
            at += gap * random.uniform(0.96, 1.04)
    return tilt(out * stretch(bed.activity, bed.length)[:, None], bed.character.brightness)


def heartbeat(bed: Bed) -> Signal:
    """Lub and dub: two dull thumps a third of a beat apart; 66 a minute, to 150 when fast.

    No two beats of a healthy heart are as far apart: by some 30 ms at rest (Task Force of the European Society of
    Cardiology, "Heart rate variability", Circulation 93, 1996).
    """
    beat = 60.0 / (66.0 * 2.6 ** max(2 * (bed.character.speed - 0.5), -0.4))
    uneven = 0.03 * 4.0 ** (1.0 - 2.0 * bed.character.regularity)
    pitched, second = bed.random.uniform(0.88, 1.14), bed.random.uniform(0.45, 0.7)
    out = np.zeros(bed.length)
    length = samples(0.3)
    time = seconds(length)
    at = min(0.15, 0.1 * bed.seconds)
    while at < bed.seconds:
        for after, pitch, level in ((0.0, 52.0, 1.0), (0.30 * min(beat, 1.0), 68.0, second)):
            glide = pitched * pitch * (1 + 0.5 * np.exp(-time / 0.02)) * bed.random.uniform(0.97, 1.03)
            thump = np.sin(2 * np.pi * np.cumsum(glide) / RATE) * decay(length, 0.045) * (1 - np.exp(-time / 0.004))
            thump += 0.12 * bandpass(burst(length, bed.random, 0.02), 90.0, 320.0, order=1)
            add(out, level * thump, samples(at + after * bed.random.uniform(0.97, 1.03)))
        at += beat * float(np.clip(1.0 + uneven * bed.random.standard_normal(), 0.6, 1.6))
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
        across = sides[person] - 0.5
        gains = levels[person] * np.sqrt([0.5 - across, 0.5 + across])
        late = samples(0.0006 * abs(across)) * (np.array([across, -across]) > 0)  # the far ear hears it later
        for start in 0.25 * at + 0.75 * regular:
            force = random.uniform(0.6, 1.0)
            for ear in range(2):
                add(out[:, ear], force * gains[ear] * claps[person], int(start) + int(late[ear]))
    return tilt(out * stretch(bed.activity, bed.length)[:, None], bed.character.brightness)
