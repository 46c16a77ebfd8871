"""Animals: cat, cow, sheep, horse, frogs, flying insects, wings.

Calls are a source and a filter: pulses of the vocal folds through a tract whose resonances go with its length (Fitch,
"Vocal tract length and formant frequency dispersion", J. Acoust. Soc. Am. 102, 1997).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import HIGHEST, add, bandpass, fade, lowpass, samples, seconds, stretch, tilt
from engine.foley.sound.noise import burst, paint, wander
from engine.foley.sound.tones import breath, course, harmonics, phase_of, voice


def _jitter(length: int, share: float, hertz: float, random: Generator) -> Signal:
    return 1.0 + share * wander(length, hertz, RATE, random)


def cat(hit: Hit) -> Signal:
    """A miaow: the mouth opens and closes over a pitch that rises and sinks.

    Near 600 Hz, two thirds of a second long; rising and falling when asking, rather falling in distress (Schötz, van de
    Weijer and Eklund, "Context effects on duration, fundamental frequency, and intonation in human-directed domestic
    cat meows", Appl. Anim. Behav. Sci. 270, 2024).
    """
    if hit.character.kind == "purr":
        return _purr(hit)
    character, random, nature = hit.character, hit.random, hit.nature()
    lasting = 0.72 * 1.6 ** (0.5 - character.speed) * random.uniform(0.8, 1.25)
    length = samples(lasting)
    base = 560.0 * 2.2 ** (0.5 - character.bulk) * nature.uniform(0.9, 1.1) * random.uniform(0.94, 1.06)
    peak = random.uniform(0.25, 0.5)
    pitch = base * course([(0, 0.82), (peak, 1.18), (0.75, 1.0), (1, 0.72 + 0.15 * random.random())], length)
    pitch *= _jitter(length, 0.006, 30.0, random)
    short = 1.45 ** (0.5 - character.bulk)
    opened = np.array(
        [[450, 2700, 4300, 7200], [1050, 2300, 4200, 7000], [1250, 1900, 4100, 6800], [600, 1250, 3900, 6600]]
    )
    tract = short * opened * nature.uniform(0.95, 1.05, 4)
    out = voice(pitch, tract, 0.9, 1.15, hit.detail.of(32, least=8))
    level = course([(0, 0.0), (0.08, 0.5), (peak, 1.0), (0.75, 0.75), (1, 0.0)], length)
    air = breath(tract, stretch(level, 64), length, random)
    out = out / np.std(out) * level + 0.10 * air / max(float(np.std(air)), 1e-9) * level
    return (0.35 + 0.65 * hit.force) * 0.3 * tilt(fade(out, start=0.01, end=0.04), character.brightness)


def _purr(hit: Hit) -> Signal:
    """A purr: breath out and in, chopped some 25 times a second by the larynx, a little faster and softer breathing in.

    Schötz and Eklund, "A comparative acoustic analysis of purring in four cats", TMH-QPSR 51, 2011.
    """
    character, random, nature = hit.character, hit.random, hit.nature()
    parts = []
    chops = 24.5 * 1.2 ** (0.5 - character.bulk) * nature.uniform(0.92, 1.08)
    centres = 1.3 ** (0.5 - character.bulk) * np.array([[240.0, 900.0, 2100.0, 4300.0]])
    for level, faster in ((1.0, 1.0), (0.7, 1.06)):
        length = samples(random.uniform(0.9, 1.15))
        turn = phase_of(chops * faster * _jitter(length, 0.03, 4.0, random))
        chopped = np.exp(-5.0 * (0.5 - 0.5 * np.cos(turn))) * (1.0 + 0.25 * wander(length, 25.0, RATE, random))
        air = breath(centres, np.ones(2), length, random)
        low = lowpass(random.standard_normal(length), 260.0)
        mixed = air / max(float(np.std(air)), 1e-9) + 2.2 * low / max(float(np.std(low)), 1e-9)
        shape = course(((0.0, 0.0), (0.15, 0.9), (0.6, 1.0), (1.0, 0.0)), length)
        parts.append(level * mixed * chopped * shape)
    return (0.35 + 0.65 * hit.force) * 0.2 * tilt(fade(np.concatenate(parts), end=0.02), character.brightness)


def cow(hit: Hit) -> Signal:
    """A moo: hummed behind closed lips, then open, the folds rough.

    Near 80 Hz closed, 150 Hz called out (Padilla de la Torre et al., Appl. Anim. Behav. Sci. 163, 2015).
    """
    character, random, nature = hit.character, hit.random, hit.nature()
    lasting = 1.5 * 1.4 ** (0.5 - character.speed) * random.uniform(0.85, 1.2)
    length = samples(lasting)
    base = 132.0 * 1.7 ** (0.5 - character.bulk) * nature.uniform(0.92, 1.08) * random.uniform(0.95, 1.05)
    pitch = base * course([(0, 0.68), (0.3, 0.82), (0.55, 1.18), (0.85, 1.1), (1, 0.8)], length)
    pitch *= _jitter(length, 0.010, 22.0, random) * _jitter(length, 0.012, 60.0, random)
    long = 1.35 ** (0.5 - character.bulk)
    opened = np.array(
        [[190, 700, 1500, 2300, 3300], [230, 750, 1500, 2300, 3300], [520, 950, 1750, 2600, 3500],
         [640, 1050, 1900, 2700, 3600], [420, 850, 1700, 2500, 3400]]
    )  # fmt: skip
    tract = long * opened * nature.uniform(0.95, 1.05, 5)
    out = voice(pitch, tract, 0.85, 1.0, hit.detail.of(48, least=12))
    half = 1.0 + 0.3 * course([(0, 0), (0.5, 0.3), (0.7, 1.0), (1, 0.2)], length) * np.cos(0.5 * phase_of(pitch))
    level = course([(0, 0.0), (0.06, 0.32), (0.32, 0.42), (0.55, 1.0), (0.85, 0.8), (1, 0.0)], length)
    air = breath(tract, stretch(level, 64), length, random)
    out = (out / np.std(out) * half + 0.08 * air / max(float(np.std(air)), 1e-9)) * level
    return (0.35 + 0.65 * hit.force) * 0.3 * tilt(fade(out, start=0.02, end=0.12), character.brightness)


def sheep(hit: Hit) -> Signal:
    """A bleat: a hard, nasal tone that trembles eight to ten times a second; higher for lambs and goats.

    Searby and Jouventin, "Mother-lamb acoustic recognition in sheep", Proc. R. Soc. B 270, 2003.
    """
    character, random, nature = hit.character, hit.random, hit.nature()
    lasting = 0.85 * 1.5 ** (0.5 - character.speed) * random.uniform(0.85, 1.2)
    length = samples(lasting)
    base = 215.0 * 2.3 ** (0.5 - character.bulk) * nature.uniform(0.92, 1.08) * random.uniform(0.95, 1.05)
    tremble = 2 * np.pi * np.cumsum(nature.uniform(8.0, 10.5) * _jitter(length, 0.08, 3.0, random)) / RATE
    pitch = base * course([(0, 0.9), (0.15, 1.12), (0.7, 1.02), (1, 0.86)], length)
    pitch *= (1 + 0.035 * np.sin(tremble)) * _jitter(length, 0.012, 60.0, random)
    short = 1.4 ** (0.5 - character.bulk)
    opened = np.array(
        [[380, 1500, 2900, 3900], [720, 1750, 2850, 3900], [760, 1700, 2800, 3900], [650, 1600, 2750, 3800]]
    )
    tract = short * opened * nature.uniform(0.95, 1.05, 4)
    out = voice(pitch, tract, 0.9, 0.75, hit.detail.of(64, least=12))
    level = course([(0, 0.0), (0.07, 0.7), (0.2, 1.0), (0.75, 0.75), (1, 0.0)], length)
    level = level * (1 - 0.42 * (0.5 - 0.5 * np.sin(tremble + 0.6)))
    air = breath(tract, stretch(level, 64), length, random)
    out = out / np.std(out) * level + 0.16 * air / max(float(np.std(air)), 1e-9) * level
    return (0.35 + 0.65 * hit.force) * 0.3 * tilt(fade(out, start=0.01, end=0.05), character.brightness)


def horse(hit: Hit) -> Signal:
    """A whinny: a squeal that shakes as it falls, a second voice beside the first, and a snort of breath at the end.

    Two frequencies at once, not in a whole ratio (Briefer et al., "Segregation of information about emotional arousal
    and valence in horse whinnies", Sci. Rep. 4, 2015).
    """
    character, random, nature = hit.character, hit.random, hit.nature()
    lasting = 1.55 * 1.4 ** (0.5 - character.speed) * random.uniform(0.9, 1.15)
    length = samples(lasting)
    scale = 1.5 ** (0.5 - character.bulk) * nature.uniform(0.94, 1.06) * random.uniform(0.96, 1.04)
    shake = 2 * np.pi * np.cumsum(nature.uniform(9.0, 12.0) * course([(0, 1.15), (1, 0.8)], length)) / RATE
    depth = course([(0, 0.0), (0.2, 0.02), (0.35, 0.10), (0.8, 0.13), (1, 0.06)], length)
    high = scale * course([(0, 900), (0.12, 1500), (0.3, 1450), (0.7, 950), (1, 620)], length)
    high *= (1 + depth * np.sin(shake)) * _jitter(length, 0.008, 40.0, random)
    low = scale * course([(0, 420), (0.15, 640), (0.4, 560), (0.75, 420), (1, 260)], length)
    low *= (1 + 0.7 * depth * np.sin(shake + 0.3)) * _jitter(length, 0.012, 50.0, random)
    tract = 1.3 ** (0.5 - character.bulk) * np.array(
        [[600, 1400, 2400, 3600], [900, 1700, 2800, 3900], [850, 1500, 2600, 3700], [500, 1100, 2200, 3400]]
    )
    partials = hit.detail.of(24, least=6)
    squeal, body = voice(high, tract, 0.6, 1.1, partials), voice(low, tract, 0.8, 0.85, partials)
    lead = course([(0, 1.0), (0.5, 0.9), (0.8, 0.3), (1, 0.05)], length)
    level = course([(0, 0.0), (0.05, 0.6), (0.25, 1.0), (0.7, 0.7), (0.9, 0.4), (1, 0.0)], length)
    level = level * (1 - 4.0 * depth * (0.5 - 0.5 * np.sin(shake + 1.0)))
    air = breath(tract, course([(0, 0.3), (0.6, 0.35), (0.85, 1.0), (1, 0.0)], 64), length, random)
    out = (lead * squeal / np.std(squeal) + (1.1 - 0.6 * lead) * body / np.std(body)) * level
    out += (
        0.30 * air / max(float(np.std(air)), 1e-9) * np.maximum(level, 0.25 * np.sin(np.pi * np.linspace(0, 1, length)))
    )
    return (0.35 + 0.65 * hit.force) * 0.3 * tilt(fade(out, start=0.01, end=0.08), character.brightness)


def frogs(bed: Bed) -> Signal:
    """A pond: each frog with its own call, trains of pulses on a carrier its throat sets; large ones croak low.

    Gerhardt, "The evolution of vocalization in frogs and toads", Annu. Rev. Ecol. Syst. 25, 1994.
    """
    character = bed.character
    most = 7
    out = np.zeros((bed.length, 2))
    seeds = bed.random.integers(2**32, size=most)
    for frog in range(bed.detail.of(most, least=2)):
        random = np.random.default_rng([int(seeds[frog]), frog])
        calls = [_croak(random, character.bulk, index) for index in range(3)]
        gap = random.uniform(0.85, 1.7) * 2.2 ** (0.5 - character.speed) / (0.6 + 0.8 * character.intensity)
        side, level = random.uniform(0.05, 0.95), 1.0 if frog == 0 else random.uniform(0.12, 0.75)
        at = 0.06 if frog == 0 else random.uniform(0.1, 1.0 + gap)
        left = int(random.integers(3, 9))
        while at < bed.seconds:
            call = calls[int(random.integers(3))]
            add(out, call[:, None] * np.sqrt([1 - side, side]) * level * random.uniform(0.8, 1.1), samples(at))
            at += gap * random.uniform(0.85, 1.2)
            left -= 1
            if left == 0:  # a bout is over; the others go on
                left = int(random.integers(3, 9))
                at += gap * random.uniform(0.8, 2.5)
    return tilt(out * stretch(bed.activity, bed.length)[:, None], character.brightness)


def _croak(random: Generator, size: float, take: int) -> Signal:
    """One call: two syllables ("rib-bit") of a pulse train, each pulse a burst of the carrier and its double."""
    carrier = 900.0 * 3.2 ** (0.5 - size) * random.uniform(0.75, 1.35)
    pulses = random.uniform(38.0, 75.0)
    out = np.zeros(samples(0.75))
    start = 0.0
    for syllable in range(int(random.integers(1, 3))):
        lasting = random.uniform(0.13, 0.26)
        count = max(4, int(lasting * pulses))
        rise = 1.0 + random.uniform(0.08, 0.3)
        for index in range(count):
            share = index / count
            length = samples(min(0.024, 0.95 / pulses))
            time = seconds(length)
            hz = carrier * (1 + (rise - 1) * share) * (1.12 if syllable else 1.0)
            pulse = np.sin(2 * np.pi * hz * time) + 0.55 * np.sin(4 * np.pi * hz * time + 1.0)
            pulse += 0.22 * np.sin(6 * np.pi * hz * time) * (3 * hz < HIGHEST)
            pulse *= np.sin(np.pi * np.arange(length) / length) ** 0.6 * np.exp(-time / 0.007)
            add(out, pulse * (0.35 + 0.65 * np.sin(np.pi * (share + 0.15) / 1.2)), samples(start + index / pulses))
        start += lasting + random.uniform(0.03, 0.07)
    return out * (1.0, 0.85, 0.95)[take]


def insect_buzz(bed: Bed) -> Signal:
    """A fly or bee that circles: the beat of its wings and harmonics, nearer and further, left and right.

    Wingbeats: a bumblebee's 150, a honeybee's 230, a mosquito's 500 a second and more (Sotavalta, "The flight-tone of
    insects", Acta Entomol. Fenn. 4, 1947).
    """
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    wings = 205.0 * 7.0 ** (0.5 - character.bulk) * random.uniform(0.93, 1.07)
    drive = np.clip(bed.activity, 0.0, 1.0)
    pace = 2.0 ** (character.speed - 0.5)
    effort = 1 + 0.035 * wander(points, 1.4 * pace, rate, random) + 0.010 * wander(points, 9.0, rate, random)
    effort = effort * (0.92 + 0.12 * drive)
    # A flight about the listener: the way in two axes, in metres; close passes are loud and bend the pitch.
    x = 0.8 * wander(points, 0.45 * pace, rate, random)
    y = 0.35 + 0.5 * np.abs(wander(points, 0.4 * pace, rate, random))
    away = np.hypot(x, y)
    closing = -np.gradient(away) * rate
    pitch = wings * effort * (1 + np.clip(closing, -12.0, 12.0) / 343.0)
    number = np.arange(1.0, bed.detail.of(40, least=8) + 1)
    levels = number**-1.0 * (0.5 + np.exp(-(np.log(number * wings / 900.0) ** 2)))
    levels *= np.exp(0.35 * random.standard_normal(40)[: number.size])
    fine = stretch(pitch, bed.length) * (1 + 0.004 * wander(bed.length, 45.0, RATE, random))
    tone = harmonics(fine, levels, float(random.uniform(0, 2 * np.pi)))
    air = lowpass(random.standard_normal(bed.length), 3500.0, order=1)
    flap = 0.5 + 0.5 * np.cos(phase_of(fine))
    loud = stretch(drive / (0.25 + away) ** 1.1, bed.length)
    place = stretch(0.5 + 0.42 * np.clip(x / away, -1, 1), bed.length)
    mono = (tone / np.std(tone) + 0.10 * air * flap) * loud
    out = mono[:, None] * np.sqrt(np.stack([1 - place, place], axis=1))
    return tilt(out, character.brightness)


def wings(bed: Bed) -> Signal:
    """A bird's wings: for each beat a soft rush of air down, a shorter one up, feathers that rattle.

    A pigeon beats about seven times a second, a large bird two or three (Pennycuick, "Wingbeat frequency of birds in
    steady cruising flight", J. Exp. Biol. 199, 1996: falling with size).
    """
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    drive = np.clip(bed.activity, 0.0, 1.0)
    beat = 6.0 * 5.0 ** (0.5 - character.bulk) * 1.6 ** (character.speed - 0.5)
    turn = np.cumsum(beat * (0.75 + 0.35 * drive) * (1 + 0.05 * wander(points, 1.2, rate, random))) / rate
    place = np.mod(turn, 1.0)
    down = np.exp(-0.5 * ((place - 0.28) / 0.09) ** 2)
    up = 0.35 * np.exp(-0.5 * ((place - 0.75) / 0.07) ** 2)
    uneven = np.exp(0.25 * random.standard_normal(int(turn[-1]) + 2))[turn.astype(int)]
    scale = 1.8 ** (0.5 - character.bulk)
    centres = np.array([70.0, 160.0, 350.0, 800.0, 1800.0, 4000.0, 8000.0, 14_000.0])
    air = np.array([0.6, 1.0, 1.0, 0.5, 0.2, 0.08, 0.03, 0.01])
    sides = []
    fine = 4 * points  # the beats are short: paint them on noise by hand, finer than its frames
    for side in range(2):
        rush = paint(np.interp(centres / scale, centres, air)[None, :], centres, bed.length, random)
        dry = bandpass(random.standard_normal(bed.length), 1800.0 * scale, 7000.0 * scale, order=1)
        rattle = np.clip(wander(fine, 45.0, 4 * rate, random), 0.0, None) ** 2
        late = np.roll(down, 1 if side else 0)
        sides.append(
            rush * stretch((late + up) * uneven, bed.length)
            + 0.06 * dry * stretch(late * uneven, bed.length) * stretch(rattle, bed.length)
        )
    out = np.stack(sides, axis=1)
    clap = lowpass(burst(samples(0.06), random, 0.008), 1400.0 * scale)
    for index in range(int(turn[-1]) + 1):
        at = int(np.searchsorted(turn, index + 0.30) / rate * RATE)
        add(out, (0.35 * uneven[min(int(at / RATE * rate), points - 1)] * clap)[:, None] * np.ones(2), at)
    return tilt(out * stretch(drive, bed.length)[:, None], character.brightness)
