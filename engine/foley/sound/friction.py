"""Things that rub: scraping, cloth, and the stick and slip of a hinge or a chair.

Scraping: the roughness of a surface read off at the speed of the movement drives the modes of the bodies (van den Doel,
Kry and Pai, "FoleyAutomatic", SIGGRAPH 2001). Creaking: a joint under load sticks until the force has built up, then
slips at once (Serafin, "The Sound of Friction", Stanford 2004; Avanzini, Serafin and Rocchesso, "Interactive simulation
of rigid body interaction with friction-induced sound generation", IEEE Trans. Speech Audio Process. 13, 2005): a train
of slips whose rate wanders with the speed and load, ringing in the wood.
"""

from __future__ import annotations

import numpy as np
from scipy import signal as dsp

from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import add, bandpass, fade, samples, stretch, tilt
from engine.foley.sound.modal import MATERIALS, body, contact, strike
from engine.foley.sound.noise import paint, wander


def scrape(bed: Bed) -> Signal:
    """One thing drawn over another: brighter and louder the faster it moves, coloured by what it is drawn over."""
    character = bed.character
    random = bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    material = MATERIALS[character.surface or character.material or "stone"]
    thing = body(material, 0.35 + 0.4 * character.bulk, bed.detail, random)
    centres = np.geomspace(60.0, 16_000.0, 18)
    speed = np.clip(bed.activity, 0.0, 1.0) * (0.4 + 1.2 * character.speed)
    press = 0.4 + 1.2 * character.intensity
    corner = (500.0 + 6500.0 * speed * (0.4 + 0.6 * material.hardness))[:, None] * 1.8 ** (1.0 - 2.0 * character.bulk)
    sides = []
    # The drawn thing's weight evens out what is coarse; what is fine grates, faster than a frame of noise shows.
    shared = np.exp((0.10 + 0.20 * material.grit) * wander(points, 16.0, rate, random))
    fine = max(64, round(bed.seconds * 500))
    grating = np.exp((0.10 + 0.25 * material.grit) * wander(fine, 110.0, fine / max(bed.seconds, 1e-3), random))
    grating = stretch(grating, bed.length)
    for _ in range(2):
        # Fractal roughness: the spectrum falls slowly up to what the speed lets through, fast beyond.
        levels = (press * speed**1.1 * shared)[:, None] * (centres / 300.0) ** -0.25 / (1.0 + (centres / corner) ** 2)
        sides.append(paint(levels, centres, bed.length, random) * grating)
    rough = np.stack(sides, axis=1)
    response = strike(thing, thing.struck_at(0.23, 0.31), contact(material.hardness, 0.5), longest=0.8)
    response /= max(float(np.sqrt(np.sum(response**2))), 1e-9)
    sung = np.stack([dsp.oaconvolve(side, response)[: bed.length] for side in sides], axis=1)
    share = 0.25 + 0.5 * (1.0 - material.grit)
    return tilt((1 - share) * rough + share * sung, character.brightness)


def cloth(bed: Bed) -> Signal:
    """Fabric rubbed or shaken: fibres catch and let go by the thousand, in gusts as the folds pass over one another.

    Fine stuff hisses high, heavy stuff is duller. Fast and strong, a loose edge begins to flap.
    """
    character = bed.character
    random = bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    quick = 1.6 ** (2 * (character.speed - 0.5))
    centres = np.geomspace(180.0, 15_000.0, 14)
    folds = np.exp(0.75 * wander(points, 5.0 * quick, rate, random))
    drive = 0.1 * bed.activity * (0.4 + 1.2 * character.intensity)
    corner = 3600.0 * 2.2 ** (1.0 - 2.0 * character.bulk) * (0.7 + 0.5 * bed.activity)
    flap = np.clip((bed.activity - 0.55) / 0.45, 0.0, 1.0) * np.clip(character.intensity, 0.2, 1.0)
    beat = stretch(
        np.cumsum((9.0 + 7.0 * bed.activity) * quick * (1 + 0.2 * wander(points, 3.0, rate, random))), bed.length
    )
    snaps = stretch(flap, bed.length) * np.maximum(np.sin(2 * np.pi * beat / rate), 0.0) ** 6
    fine = max(64, round(bed.seconds * 400))
    sides = []
    for _ in range(2):
        rub = folds * np.exp(0.4 * wander(points, 16.0 * quick, rate, random))
        shift = np.exp(0.25 * wander(points, 6.0, rate, random))
        apart = np.log2(centres / (corner * shift)[:, None])
        levels = (drive * rub)[:, None] * np.exp(-0.5 * (apart / np.where(apart < 0, 1.7, 0.9)) ** 2)
        hiss = paint(levels, centres, bed.length, random)
        # The catching of threads, faster than a frame of painted noise shows.
        catch = stretch(np.exp(0.55 * wander(fine, 75.0 * quick, fine / max(bed.seconds, 1e-3), random)), bed.length)
        sides.append(hiss * catch * (1.0 + 1.6 * snaps))
    return tilt(np.stack(sides, axis=1), character.brightness)


def creak(hit: Hit) -> Signal:
    """A hinge or a board under load: about a second, longer when slow; starts with its first slip."""
    character = hit.character
    random = hit.random
    lasting = 1.1 * 2.6 ** (0.5 - character.speed) * random.uniform(0.85, 1.2)
    points = 200
    place = np.linspace(0.0, 1.0, points)
    high = 130.0 * 2.6 ** (character.brightness - character.bulk) * random.uniform(0.8, 1.25)
    # The joint is set in motion, gives, and comes to rest: slips quicken and slow down again, with a wavering hand.
    hand = np.sin(np.pi * np.clip(place, 0.02, 0.98)) ** 0.7
    rate = high * (0.18 + hand) * np.exp(0.22 * wander(points, 4.0, points / lasting, random))
    slips = np.cumsum(rate) * lasting / points
    count = max(4, int(slips[-1]))
    at = np.interp(np.arange(count), slips - slips[0], place * lasting)
    at[1:] += random.normal(0.0, 0.015, count - 1) / np.interp(at[1:] / lasting, place, rate)
    held = np.diff(at, prepend=-1.0 / float(rate[0]))
    # The longer it stuck, the more is let go.
    strength = np.clip(held * np.interp(at / lasting, place, rate), 0.2, 2.5) * np.exp(
        0.12 * random.standard_normal(count)
    )
    strength *= 0.35 + 0.65 * np.interp(at / lasting, place, hand)
    strength[0] = max(strength[0], 1.2)  # the joint breaks free
    length = samples(lasting)
    train = np.zeros(length)
    np.add.at(train, np.clip(at * RATE, 0, length - 1).astype(int), strength)
    name = character.material or "wood"
    panel = body(MATERIALS[name], 0.35 + 0.4 * character.bulk, hit.detail, hit.nature())
    hinge = body(MATERIALS["metal"], 0.15 + 0.3 * character.bulk, hit.detail, hit.nature(), most=16)
    wood = strike(panel, panel.struck_at(0.1, 0.2), contact(0.72, 0.5, 0.3), longest=0.2)
    iron = strike(hinge, hinge.struck_at(0.2, 0.3), contact(0.8, 0.5, 0.2), longest=0.05)
    out = dsp.oaconvolve(train, wood / np.sqrt(np.sum(wood**2)))
    squeal = dsp.oaconvolve(train, iron / np.sqrt(np.sum(iron**2)))
    whole = np.zeros(max(out.size, squeal.size))
    whole[: out.size] += out
    whole[: squeal.size] += 0.5 * squeal
    whole += 0.35 * bandpass(whole, 900.0, 3200.0, order=1)
    return 0.5 * hit.force * tilt(fade(whole, end=0.02), character.brightness)


def chair_scrape(hit: Hit) -> Signal:
    """A chair pushed back: its legs judder over the floor, stick and slip some tens of times a second, and stop.

    The slips come as fast as the chair moves over how far it springs (Serafin 2004), so the growl rises and falls
    with the push; a heavy chair is slower and rougher. Four legs, two of which carry most, never judder together.
    """
    character = hit.character
    random = hit.random
    lasting = random.uniform(0.5, 0.75) * 1.7 ** (0.5 - character.speed)
    points = 240
    place = np.linspace(0.0, 1.0, points)
    push = np.clip(place / 0.08, 0.0, 1.0) ** 0.5 * np.clip((1.0 - place) / 0.25, 0.0, 1.0) ** 0.6
    push *= np.exp(0.25 * wander(points, 6.0, points / lasting, random))
    length = samples(lasting)
    train = np.zeros(length)
    spring = 105.0 * 1.7 ** (0.5 - character.weight) * 1.4 ** (0.5 - character.size)
    for level in (1.0, 0.7, 0.3):
        rate = spring * (0.35 + 0.9 * push) * random.uniform(0.85, 1.2)
        slips = np.cumsum(rate) * lasting / points
        at = np.interp(np.arange(slips[0], slips[-1]), slips, place * lasting)
        at = at + random.normal(0.0, 0.0012, at.size)
        strength = level * np.interp(at / lasting, place, push) * np.exp(0.35 * random.standard_normal(at.size))
        np.add.at(train, np.clip(at * RATE, 0, length - 1).astype(int), strength)
    train[0] = 1.5  # what it stood on gives
    floor = body(MATERIALS[character.surface or "wood"], 0.50 + 0.32 * character.bulk, hit.detail, hit.nature())
    seat = body(MATERIALS[character.material or "wood"], 0.22 + 0.4 * character.bulk, hit.detail, hit.nature(), most=30)
    low = strike(floor, floor.struck_at(0.2, 0.3), contact(0.60, 0.5, 0.3), longest=0.18)
    high = strike(seat, seat.struck_at(0.1, 0.3), contact(0.80, 0.5, 0.2), longest=0.10)
    out = np.zeros(length + samples(0.25))
    for response, level in ((low, 1.0), (high, 0.4)):
        add(out, level * dsp.oaconvolve(train, response / np.sqrt(np.sum(response**2))), 0)
    centres = np.geomspace(300.0, 9000.0, 12)
    grit = 1100.0 * 2.0 ** (1.0 - character.size - character.weight)
    grind = paint(push[:, None] * np.exp(-0.5 * (np.log2(centres / grit) / 0.8) ** 2), centres, length, random)
    add(out, 0.20 * grind, 0)
    return 0.4 * (0.3 + 0.7 * hit.force) * tilt(fade(out, start=0.001, end=0.1), character.brightness)
