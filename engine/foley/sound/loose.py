"""Loose things that strike one another: keys, chains, dishes, dice, what rattles in a box, a coin that spins.

Collisions come at random, as often as the energy left allows (Cook, "Physically Informed Sonic Modeling (PhISM)",
Computer Music Journal 21(3), 1997), and each makes one of the things ring. A thing let fall bounces with a coefficient
of restitution e: times between bounces and their speeds shrink as e^n (Warren and Verbrugge, "Auditory perception of
breaking and bouncing events", J. Exp. Psychol. 10(5), 1984).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import add, bandpass, dynamics, fade, highpass, samples, seconds, stretch, tilt
from engine.foley.sound.grains import arrivals, heavy_tailed
from engine.foley.sound.modal import MATERIALS, Body, Material, blow, body, clatter, ring
from engine.foley.sound.noise import burst


def _things(hit: Hit, material: Material, count: int, low: float, high: float, most: int) -> list[Body]:
    """A handful of things of one material, of sizes between two."""
    nature = hit.nature()
    return [body(material, size, hit.detail, nature, most) for size in nature.uniform(low, high, count)]


def _shaken(lasting: float, shakes: float, random: np.random.Generator) -> Signal:
    """The energy of something shaken: at once up with each jerk, then dying away; one jerk at the start."""
    time = seconds(samples(lasting))
    energy = np.exp(-time / 0.09)
    at = 0.0
    while (at := at + random.uniform(0.7, 1.4) / shakes) < 0.75 * lasting:
        late = time - at
        energy += np.where(late > 0, random.uniform(0.4, 1.0) * np.exp(-np.maximum(late, 0.0) / 0.09), 0.0)
    return energy * np.clip((lasting - time) / (0.3 * lasting), 0.0, 1.0)


def keys(hit: Hit) -> Signal:
    """A bunch of keys on a ring: small bright bars, thrown together a few times."""
    character, random = hit.character, hit.random
    bunch = _things(hit, MATERIALS["metal"], 6, 0.02, 0.14 + 0.2 * character.bulk, 14)
    lasting = random.uniform(0.5, 0.8) * 1.4 ** (0.5 - character.speed)
    energy = _shaken(lasting, 4.0 + 4.0 * character.speed, random)
    count = round((26 + 26 * character.intensity) * random.uniform(0.85, 1.2))
    length = energy.size + samples(0.25)
    at = np.concatenate([[0.0], arrivals(count, energy, energy.size, random)])
    strength = heavy_tailed(count + 1, random, 0.7) * (0.25 + 0.75 * np.interp(at, np.arange(energy.size), energy))
    strength[0] = max(1.2, strength[0])
    out = 0.5 * clatter(bunch, at, strength, random, 0.97, length, 0.07)
    return dynamics(tilt(fade(highpass(out, 2600.0), end=0.1), character.brightness), hit.force)


def chain(hit: Hit) -> Signal:
    """Links of a chain running over one another: many, quick, and lower the heavier it is."""
    character, random = hit.character, hit.random
    big = 0.30 + 0.25 * character.bulk + 0.2 * (character.weight - 0.5)
    links = _things(hit, MATERIALS["metal"], 4, big - 0.06, big + 0.10, 18)
    lasting = random.uniform(0.7, 1.0)
    time = seconds(samples(lasting))
    run = np.exp(-0.5 * ((time - 0.35 * lasting) / (0.30 * lasting)) ** 2) + 0.4 * np.exp(-time / 0.03)
    count = round(90 * random.uniform(0.85, 1.15))
    length = time.size + samples(0.3)
    at = np.concatenate([[0.0], arrivals(count, run, time.size, random)])
    strength = heavy_tailed(count + 1, random, 0.55)
    out = 0.30 * clatter(links, at, strength, random, 0.88, length, 0.022)
    rub = bandpass(burst(time.size, random, 10.0), 1500.0, 6500.0, order=1) * run
    add(out, 0.05 * rub * (0.6 + 0.4 * np.sin(2 * np.pi * 24.0 * time) ** 2), 0)
    return dynamics(tilt(fade(out, end=0.12), character.brightness), hit.force)


def dishes(hit: Hit) -> Signal:
    """Plates and bowls set down on one another, a fork or two among them."""
    character, random = hit.character, hit.random
    material = MATERIALS[character.material or "ceramic"]
    pile = _things(hit, material, 3, 0.30 + 0.2 * character.bulk, 0.50 + 0.3 * character.bulk, 26)
    forks = _things(hit, MATERIALS["metal"], 2, 0.10, 0.25, 16)
    count = random.integers(3, 6)
    at = np.concatenate([[0.0], np.sort(random.uniform(0.05, 0.42, count))]) * RATE
    strength: Signal = np.concatenate([[1.0], random.uniform(0.25, 0.8, count)])
    length = samples(0.9)
    out = 0.9 * clatter(pile, at, strength, random, 0.90, length, 0.12)
    # Set down, a plate rocks on its foot: ever quicker, ever softer.
    rock = np.cumsum(0.055 * 0.8 ** np.arange(9) * random.uniform(0.9, 1.1, 9)) + random.uniform(0.05, 0.15)
    out += 0.5 * clatter(pile[:1], np.asarray(rock * RATE), 0.45 * 0.75 ** np.arange(9.0), random, 0.88, length, 0.07)
    late = random.uniform(0.0, 0.4, 4) * RATE
    out += 0.16 * clatter(forks, late, random.uniform(0.3, 1.0, 4), random, 0.95, length, 0.12)
    return dynamics(tilt(fade(out, end=0.15), character.brightness), hit.force, 0.25)


def clink(hit: Hit) -> Signal:
    """Two glasses meet: both ring, each a pure tone or two that beats, and touch again at once."""
    character, random = hit.character, hit.random
    stuff = MATERIALS[character.material or "glass"]
    if character.material in ("", "glass"):  # held by the stem, a thin cup of good glass rings longer than a bottle
        stuff = replace(stuff, damping=1.5, loss=0.0005)
    glasses = _things(hit, stuff, 2, 0.28 + 0.25 * character.bulk, 0.36 + 0.3 * character.bulk, 36)
    length = samples(2.2)
    out = np.zeros(length)
    for touch, level in ((0.0, 1.0), (random.uniform(0.011, 0.03), random.uniform(0.15, 0.45))):
        for glass in glasses:
            ringing = blow(glass, random, 0.4 + 0.6 * hit.force, 0.98, 0.1, held=0.8)
            add(out, level * ringing, samples(touch) if touch else 0)
    add(out, 0.15 * bandpass(burst(samples(0.02), random, 0.0012), 3000.0, 12_000.0, order=1), 0)
    return dynamics(tilt(fade(out, start=0.0003, end=0.4), character.brightness), hit.force, 0.25)


def dice(hit: Hit) -> Signal:
    """Dice thrown on a table: each tumbles over its edges, slower than it would bounce, and stops."""
    character, random = hit.character, hit.random
    small = 0.06 + 0.2 * character.bulk
    cubes = _things(hit, MATERIALS[character.material or "plastic"], 3, small, small + 0.08, 10)
    table = body(MATERIALS[character.surface or "wood"], 0.62, hit.detail, hit.nature(), most=30)
    length = samples(1.1)
    out = np.zeros(length)
    for number, cube in enumerate(cubes[: random.integers(2, 4)]):
        at, gap, level = 0.02 * number * random.uniform(0.5, 1.5), random.uniform(0.09, 0.14), 1.0
        for _ in range(random.integers(6, 10)):
            tick = blow(cube, random, 0.6, 0.86, 0.1, held=0.01)
            knock = blow(table, random, 0.5, 0.80, 0.1, held=0.024)
            add(out, level * tick, round(at * RATE))
            add(out, 0.30 * level * knock, round(at * RATE))
            at += gap
            gap *= random.uniform(0.68, 1.0)
            level *= random.uniform(0.55, 0.95)
    return dynamics(tilt(fade(out, end=0.1), character.brightness), hit.force)


def _coin(hit: Hit) -> Body:
    """A coin: a small free disc, whose lowest mode lies as high as 5 kHz (a doubloon) to 12 kHz (a cent)."""
    minted = replace(MATERIALS["metal"], shape="disc", pitch=1900.0, damping=7.0)
    return body(minted, 0.02 + 0.25 * hit.character.bulk, hit.detail, hit.nature(), most=14)


def coin(hit: Hit) -> Signal:
    """A coin dropped: it rings, bounces ever sooner, and wobbles down on its rim."""
    character, random = hit.character, hit.random
    disc = _coin(hit)
    table = body(MATERIALS[character.surface or "wood"], 0.55, hit.detail, hit.nature(), most=24)
    restitution = random.uniform(0.58, 0.7)
    gap = random.uniform(0.17, 0.26)
    bounces = np.concatenate([[0.0], np.cumsum(gap * restitution ** np.arange(6) * random.uniform(0.85, 1.15, 6))])
    levels = np.concatenate([[1.0], restitution ** np.arange(1, 7) * random.uniform(0.7, 1.2, 6)])
    wobble = bounces[-1] + np.cumsum(np.linspace(0.034, 0.013, 16) * random.uniform(0.9, 1.1, 16))
    at = np.asarray(np.concatenate([bounces, wobble]) * RATE)
    strength = np.concatenate([levels, 0.22 * np.linspace(1.0, 0.35, 16) * random.uniform(0.7, 1.2, 16)])
    length = samples(float(at[-1]) / RATE + 0.5)
    out = 0.9 * clatter([disc], at, strength, random, 0.97, length, 0.10)
    out += 0.20 * clatter([table], at, strength, random, 0.84, length, 0.03)
    return dynamics(tilt(fade(out, end=0.2), character.brightness), hit.force)


def coin_spin(hit: Hit) -> Signal:
    """A coin spun on a table: it hums on its edge, leans over, and rattles ever faster until it stops dead.

    The contact of a leaning disc runs round at a rate that grows as (time left)^-n, n about 1/6 where air stops it and
    more where rolling does (Moffatt, "Euler's disk and its finite-time singularity", Nature 404, 2000).
    """
    character, random = hit.character, hit.random
    lasting = random.uniform(1.5, 2.1) * (0.7 + 0.6 * character.bulk)
    disc = _coin(hit)
    table = body(MATERIALS[character.surface or "wood"], 0.55, hit.detail, hit.nature(), most=24)
    place = np.linspace(0.0, 1.0, 400, endpoint=False)
    rate = random.uniform(9.0, 12.0) * (1.0 - place) ** -0.42
    turns = np.cumsum(rate) * lasting / place.size
    count = int(turns[-1])
    at = np.interp(np.arange(1, count), turns, place * lasting)
    left = 1.0 - at / lasting
    # Leaning further, it falls less far each time round: softer, while the rattle grows denser.
    strength = (0.25 + 0.75 * left**0.35) * np.exp(0.22 * random.standard_normal(at.size)) * np.clip(left * 30, 0.3, 1)
    at = np.concatenate([[0.0], at])
    strength = np.concatenate([[1.3], 0.8 * strength])
    length = samples(lasting + 0.25)
    out = 0.6 * clatter([disc], at * RATE, strength, random, 0.95, length, 0.06)
    out += 0.25 * clatter([table], at * RATE, strength, random, 0.86, length, 0.03)
    return dynamics(tilt(fade(out, end=0.15), character.brightness), hit.force)


def rattle(bed: Bed) -> Signal:
    """Loose metal in a box, a toolbox or a shaken can: the pieces' clinks, and under each the box."""
    character, random = bed.character, bed.random
    nature = np.random.default_rng(random.integers(2**32))
    inside = [
        body(MATERIALS["metal"], size, bed.detail, nature, 14)
        for size in nature.uniform(0.25, 0.55, 5) + 0.3 * (character.bulk - 0.5)
    ]
    box = body(MATERIALS[character.material or "metal"], 0.62 + 0.25 * character.bulk, bed.detail, nature, 40)
    jerks = 0.5 + 0.5 * np.sin(
        2 * np.pi * (2.2 + 3.0 * character.speed) * np.linspace(0, bed.seconds, bed.activity.size)
    )
    energy = stretch(bed.activity * (0.12 + jerks**3), bed.length)
    count = max(1, round(bed.seconds * (20 + 50 * character.intensity)))
    at = arrivals(count, energy, bed.length, random)
    strength = heavy_tailed(at.size, random, 0.8) * (0.2 + 0.8 * energy[at.astype(int)])
    sides = []
    for pan in (0.75, 0.35):
        near = random.uniform(pan - 0.3, pan + 0.25, at.size)
        clinks = clatter(inside, at, strength * near, random, 0.9, bed.length, 0.05)
        sides.append(clinks + 1.4 * clatter([box], at, strength, random, 0.72, bed.length, 0.05))
    return tilt(np.stack(sides, axis=1), character.brightness)


def chime(bed: Bed) -> Signal:
    """Wind chimes: hanging tubes of a five-tone scale, struck softly when the wind swings the clapper.

    A tube rings as a free bar: 1, 2.756, 5.404, 8.933 times its lowest mode (Fletcher and Rossing, "The Physics of
    Musical Instruments", 1998, chapters 2 and 19).
    """
    character, random = bed.character, bed.random
    ratios = np.array([1.0, 2.756, 5.404, 8.933, 13.34])[: bed.detail.of(5, least=2)]
    scale = np.array([0, 2, 4, 7, 9, 12, 14, 16])[: 6 + int(2 * random.random())]
    lowest = 620.0 * 3.0 ** (1.0 - 2.0 * character.bulk) * random.uniform(0.93, 1.07)
    tubes = lowest * 2 ** ((scale + 0.12 * random.standard_normal(scale.size)) / 12)
    wood = character.material in ("wood", "cardboard")
    lasting = 0.09 if wood else 1.6
    wind = bed.activity * (0.25 + 0.75 * np.abs(np.sin(np.cumsum(random.standard_normal(bed.activity.size)) * 0.035)))
    count = max(2, round(bed.seconds * (1.2 + 4.0 * character.intensity)))
    at = arrivals(count, stretch(wind, bed.length), bed.length, random)
    at[: 1 + count // 8] *= 0.1  # the wind has set them going
    at = np.concatenate([at, at[: count // 3] + random.uniform(0.04, 0.16, at[: count // 3].size) * RATE])
    out = np.zeros((bed.length, 2))
    for start in at:
        tube = random.integers(tubes.size)
        frequency = tubes[tube] * ratios
        heard = frequency < 17_000
        tau = lasting * ratios**-0.9 * (700.0 / tubes[tube]) ** 0.3
        level = random.uniform(0.3, 1.0) * ratios**-0.75 * np.abs(np.sin(random.uniform(0.6, 1.4) * np.sqrt(ratios)))
        tone = ring(frequency[heard], tau[heard], level[heard], samples(min(5.0, 6 * tau[0])))
        knock = 0.05 * bandpass(burst(samples(0.02), random, 0.002), 2000.0, 9000.0, order=1)
        add(tone, knock, 0)
        tone = fade(tone, start=0.0006, end=0.2 if not wood else 0.02)
        side = (tube + 0.5) / tubes.size
        add(out, tone[:, None] * np.sqrt([1 - side, side]), int(start))
    return tilt(out, character.brightness)
