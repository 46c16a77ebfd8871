"""Everyday blows that are more than one body struck: chops, drums, balls, punches, falls, breaking glass and wood."""

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
    saturate,
    seconds,
    tilt,
)
from engine.foley.sound.grains import arrivals, heavy_tailed, scatter
from engine.foley.sound.modal import MATERIALS, blow, body, ring
from engine.foley.sound.noise import burst, wander

# Zeros of the Bessel functions over the first: the modes of an ideal membrane (Fletcher and Rossing 1998, table 3.1).
_MEMBRANE = np.array([
    1.0, 1.594, 2.136, 2.296, 2.653, 2.918, 3.156, 3.501, 3.600, 3.652, 4.060, 4.154, 4.230, 4.601, 4.610, 4.832,
    4.904, 5.132, 5.412, 5.541, 5.651, 5.977,
])  # fmt: skip

# Zeros of the derivatives of the spherical Bessel functions: the modes of the air in a sphere (Russell 2010).
_SPHERE = np.array([2.0816, 3.3421, 4.4934, 4.5141, 5.6467, 5.9404, 6.7565, 7.2899, 7.7253, 7.8511])


def chop(hit: Hit) -> Signal:
    """A blade through something crisp, on to a board."""
    random = hit.random
    force = 0.3 + 0.7 * hit.force
    board = body(
        MATERIALS[hit.character.surface or hit.character.material or "wood"],
        0.35 + 0.4 * hit.character.bulk,
        hit.detail,
        hit.nature(),
    )
    out = np.zeros(samples(0.7))
    add(out, 0.9 * force * blow(board, random, force, 0.66, 0.6), 0)
    length = samples(0.12)
    most = 110
    at = arrivals(most, decay(length, 0.022), length, random)
    frequency = np.exp(random.uniform(np.log(1500.0), np.log(8000.0), most))
    amplitude = 0.07 * heavy_tailed(most, random, 0.8) * random.choice([-1.0, 1.0], most)
    kept = hit.detail.of(most, least=10)
    add(out, force * scatter(at[:kept], frequency[:kept], np.full(kept, 0.0008), amplitude[:kept], length), 0)
    blade = body(MATERIALS["metal"], 0.22 + 0.4 * hit.character.bulk, hit.detail, hit.nature(), most=20)
    add(out, 0.14 * force * blow(blade, random, force, 0.9, 0.2, held=0.05), 0)
    return dynamics(tilt(fade(out, end=0.05), hit.character.brightness), hit.force, 1.0)


def drum(hit: Hit) -> Signal:
    """A skin over a shell; very bright ones are cymbals."""
    character = hit.character
    if character.brightness > 0.85:
        return _cymbal(hit)
    random = hit.random
    force = 0.25 + 0.75 * hit.force
    snare = character.kind == "snare"
    pitch = (185.0 if snare else 120.0) * 3.4 ** (2 * (0.5 - character.bulk)) * hit.nature().uniform(0.95, 1.05)
    modes = hit.detail.of(_MEMBRANE.size, least=4)
    frequency = pitch * _MEMBRANE[:modes] * (1 + 0.006 * hit.nature().standard_normal(_MEMBRANE.size)[:modes])
    tau = (0.16 + 0.16 * character.bulk) / _MEMBRANE[:modes] ** 0.9 * (0.45 if snare else 1.0)
    # Away from the middle the higher modes answer, each to its own side; and the hand's own damping is never the same.
    place = random.uniform(0.15, 0.85)
    amplitude = np.cos(np.pi * place * np.arange(modes) * 0.7) * _MEMBRANE[:modes] ** (-0.9 + 0.8 * force)
    amplitude = amplitude * np.exp(0.3 * random.standard_normal(_MEMBRANE.size)[:modes])
    tone = ring(frequency, tau, amplitude, samples(min(1.8, 7 * tau[0])))
    # The tension of a deep blow raises the pitch for an instant (Fletcher and Rossing 1998, chapter 18).
    length = tone.size
    glide = pitch * random.uniform(0.985, 1.015) * (1 + 0.12 * force * np.exp(-seconds(length) / 0.03))
    deep = np.sin(2 * np.pi * np.cumsum(glide) / RATE) * decay(length, tau[0])
    slap = bandpass(burst(length, random, 0.006), 500.0, 2500.0 + 5000.0 * character.brightness, order=1)
    if snare:  # wires under the lower skin, thrown off it and falling back
        wires = bandpass(burst(length, random, 0.075), 1800.0, 9000.0, order=1)
        slap = slap + 1.1 * wires * (1.0 + 0.4 * wander(length, 300.0, RATE, random))
    out = 0.6 * tone + random.uniform(0.35, 0.6) * deep + (0.25 + 0.5 * character.brightness) * force * slap
    rise = samples(0.0008)
    out[:rise] *= np.linspace(0, 1, rise)
    return force * tilt(fade(out, end=0.05), character.brightness)


def _cymbal(hit: Hit) -> Signal:
    """Hundreds of modes of a thin plate, heard as a shimmer."""
    most = 160
    modes = hit.detail.of(most, least=16)
    nature = hit.nature()
    frequency = np.exp(nature.uniform(np.log(350.0), np.log(HIGHEST), most))[:modes]
    tau = (
        (0.14 + 0.5 * hit.character.bulk)
        * np.exp(0.4 * nature.standard_normal(most))[:modes]
        * (3000 / frequency) ** 0.2
    )
    amplitude = (frequency / 6000.0) ** 0.35 * np.exp(0.5 * hit.random.standard_normal(most))[:modes]
    phase = hit.random.uniform(0, 2 * np.pi, most)[:modes]
    out = ring(frequency, tau, amplitude, samples(1.6), phase) / np.sqrt(modes)
    out += 0.6 * highpass(burst(out.size, hit.random, 0.02), 4000.0)
    return (0.3 + 0.7 * hit.force) * fade(highpass(out, 300.0), start=0.0005, end=0.3)


def ball(hit: Hit) -> Signal:
    """A hollow rubber ball: the shell's slap, the air inside that sings for a moment, and the floor.

    The air in a sphere of radius a rings at c z / (2 pi a), z the zeros of the spherical Bessel functions' derivatives;
    a basketball's first at about 950 Hz (Russell, "Basketballs as spherical acoustic cavities", Am. J. Phys. 78, 2010).
    """
    random = hit.random
    size = hit.character.bulk
    force = 0.25 + 0.75 * hit.force
    length = samples(0.45)
    time = seconds(length)
    radius = 0.12 * 3.4 ** (2 * (size - 0.5))
    cavity = 343.0 * _SPHERE / (2 * np.pi * radius) * hit.nature().uniform(0.94, 1.06)
    heard = cavity < 15_000
    level = np.exp(0.3 * random.standard_normal(_SPHERE.size)) * random.choice([-1.0, 1.0], _SPHERE.size)
    tau = 0.030 * (radius / 0.12) ** 0.5 / (_SPHERE / _SPHERE[0])
    air = ring(cavity[heard], tau[heard], (level / _SPHERE**1.2)[heard], length)
    low = 92.0 * 2.6 ** (2 * (0.5 - size)) * random.uniform(0.9, 1.1) * hit.nature().uniform(0.85, 1.18)
    give = np.sin(2 * np.pi * np.cumsum(low * (1 + 0.5 * np.exp(-time / 0.007))) / RATE)
    out = 0.6 * give * decay(length, 0.016 + 0.02 * size) + 0.22 * air
    slap = bandpass(burst(length, random, 0.0045), 250.0, 1400.0 + 2600.0 * force * (1.3 - size), order=1)
    out += (0.5 + 0.5 * force) * slap
    floor = body(MATERIALS[hit.character.surface or "wood"], 0.75, hit.detail, hit.nature(), most=24)
    add(out, 0.5 * blow(floor, random, force, 0.35, size, held=0.1), 0)
    return force * tilt(fade(out, start=0.001, end=0.05), hit.character.brightness)


def punch(hit: Hit) -> Signal:
    """Fist on body, as films have it: a slap over a heavy thump, a little cloth."""
    random = hit.random
    force = 0.35 + 0.65 * hit.force
    heavy = hit.character.weight
    length = samples(0.4)
    time = seconds(length)
    glide = (64.0 + 90.0 * np.exp(-time / 0.014)) * 1.4 ** (0.5 - heavy) * 1.3 ** (0.5 - hit.character.size)
    glide = glide * random.uniform(0.85, 1.18)
    thump = np.sin(2 * np.pi * np.cumsum(glide) / RATE) * decay(length, 0.015 + 0.014 * heavy)
    chest = bandpass(burst(length, random, 0.028), 75.0, 240.0, order=1)
    smack = bandpass(burst(length, random, 0.006), 800.0, 4500.0, order=1)
    flesh = bandpass(burst(length, random, 0.016), 200.0, 1100.0, order=1)
    rub = highpass(burst(length, random, 0.05), 2500.0, order=1) * (1 - decay(length, 0.02))
    out = saturate(0.9 * thump + 1.8 * chest + force * (0.9 * smack + 1.2 * flesh) + 0.05 * rub, 1.0)
    return force * tilt(fade(out, start=0.0006, end=0.08), hit.character.brightness)


def glass_break(hit: Hit) -> Signal:
    """The pane cracks, and its pieces fall and ring: large ones first, splinters after."""
    random = hit.random
    size = hit.character.bulk
    force = 0.4 + 0.6 * hit.force
    length = samples(1.3 + 0.7 * size)
    out = np.zeros(length)
    pane = body(MATERIALS["glass"], 0.35 + 0.5 * size, hit.detail, hit.nature())
    add(out, force * blow(pane, random, force, 0.97, 0.3, held=0.08), 0)
    crack = bandpass(burst(samples(0.12), random, 0.014), 1800.0, 15_000.0, order=1)
    add(out, 0.9 * force * crack, 0)
    time = seconds(length)
    falling = (
        np.exp(-time / 0.05)
        + 0.9 * np.exp(-0.5 * ((time - 0.34) / 0.13) ** 2) * (1 + size)
        + 0.25 * np.exp(-time / 0.5)
    )
    most = int(420 * (0.5 + size))
    at = arrivals(most, falling, length, random)
    frequency = 1.8 ** (0.5 - size) * np.exp(random.uniform(np.log(2200.0), np.log(13_000.0), most))
    tau = 0.012 * np.exp(0.6 * random.standard_normal(most)) * (4000.0 / frequency) ** 0.6
    amplitude = 0.09 * np.minimum(heavy_tailed(most, random, 1.0), 8.0) * np.exp(-at / RATE / 0.6)
    kept = hit.detail.of(most, least=12)
    loud = np.sqrt(most / kept)
    out += force * scatter(at[:kept], frequency[:kept], np.minimum(tau[:kept], 0.05), loud * amplitude[:kept], length)
    thud = lowpass(burst(length, random, 0.01), 900.0, order=1)
    return dynamics(
        tilt(fade(out + 0.25 * force * thud, start=0.0003, end=0.3), hit.character.brightness), hit.force, 1.0
    )


def fall(hit: Hit) -> Signal:
    """A body falls: knee, hip, shoulder and arm one after another, heavy and dull, on the floor, in clothes."""
    character, random = hit.character, hit.random
    force = 0.35 + 0.65 * hit.force
    heavy = character.weight
    floor = body(MATERIALS[character.surface or "wood"], 0.9, hit.detail, hit.nature(), most=30)
    out = np.zeros(samples(1.2))
    small = 1.8 ** (0.5 - character.bulk)
    limbs = ((0.0, 0.45, 1.35), (0.10, 1.0, 0.85), (0.19, 0.8, 1.0), (0.33, 0.35, 1.9))
    for after, level, high in limbs:
        at = samples(after * random.uniform(0.75, 1.25) * 1.3 ** (0.5 - character.speed)) if after else 0
        level = force * level * random.uniform(0.8, 1.15)
        length = samples(0.45)
        time = seconds(length)
        pitch = (
            58.0
            * high
            * 1.5 ** (0.5 - heavy)
            * 1.3 ** (0.5 - character.size)
            * (1.0 + 0.7 * np.exp(-time / 0.018))
            * random.uniform(0.93, 1.07)
        )
        thump = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * decay(length, 0.022 + 0.018 * heavy)
        trunk = bandpass(burst(length, random, 0.030 + 0.02 * heavy), 55.0 * small, 190.0 * small, order=1)
        flesh = bandpass(burst(length, random, 0.016), 120.0 * small, (900.0 + 600.0 * force) * small, order=1)
        add(out, level * (0.6 * thump + 1.6 * trunk + 1.3 * flesh) * np.clip(time / 0.003, 0.0, 1.0), at)
        add(out, 0.9 * level * blow(floor, random, force, 0.28, 0.9, held=0.08), at)
        rub = bandpass(burst(length, random, 0.06), 1800.0, 6000.0, order=1) * (1.0 - decay(length, 0.015))
        add(out, 0.07 * level * rub, at)
    return tilt(fade(out, start=0.001, end=0.2), character.brightness)


def wood_crack(hit: Hit) -> Signal:
    """Wood that breaks: fibres give one by one, then all at once, and the splinters after; both halves ring shortly."""
    character, random = hit.character, hit.random
    force = 0.4 + 0.6 * hit.force
    branch = body(MATERIALS["wood"], 0.20 + 0.55 * character.bulk, hit.detail, hit.nature(), most=40)
    out = np.zeros(samples(0.9))
    low = 1.6 ** (0.5 - character.bulk)
    before = random.uniform(0.05, 0.11) * (0.6 + 0.8 * character.size)
    near = before * (1.0 - np.abs(random.standard_normal(12)) * 0.33)
    cracks = np.concatenate([[0.0], near[near > 0.004], [before], before + random.exponential(0.06, 14)])
    levels = np.concatenate([[0.35], random.uniform(0.1, 0.4, cracks.size - 16), [1.6], 0.5 * random.random(14) ** 2])
    for at, level in zip(cracks, levels, strict=True):
        start = round(at * RATE)
        if level > 0.02:
            add(out, 0.6 * force * level * blow(branch, random, force, 0.84, 0.15, held=0.012), start)
            sharp = bandpass(burst(samples(0.03), random, 0.0016 + 0.003 * level), 900.0 * low, 6000.0 * low, order=1)
            add(out, 0.8 * force * level * sharp, start)
    return dynamics(tilt(fade(out, start=0.0004, end=0.2), character.brightness), hit.force, 1.0)
