"""Footsteps: heel, roll and toe on hard floors, and the grains of loose ones.

The two-humped course of the ground's reaction over one step (heel strike, push-off) shapes what is heard: Farnell,
"Designing Sound", MIT Press 2010, chapter 38; Turchet, "Footstep sounds synthesis", Applied Acoustics 107, 2016. Such
a course driving physical models: Fontana and Bresin, "Physics-based sound synthesis and control: crushing, walking and
running by crumpling sounds", Proc. Colloquium on Musical Informatics, 2003. Hard floors answer as plates to two
contacts, as bright as the sole is hard; gravel, snow and leaves as crowds of grains driven by the force (Cook 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.foley.sound.brief import RATE, Hit, Signal
from engine.foley.sound.filters import HIGHEST, add, bandpass, decay, fade, lowpass, samples, seconds, tilt
from engine.foley.sound.grains import arrivals, heavy_tailed, scatter
from engine.foley.sound.modal import MATERIALS, blow, body, contact, ring
from engine.foley.sound.noise import burst
from engine.foley.sound.water import bubbles_rising

_MOST_GRAINS = 900


@dataclass(frozen=True)
class Floor:
    """What a shoe meets.

    `ring` is how much the floor itself sounds, `thump` the dull weight of the body, `click` the heel's edge. `grains`
    is the loudness of loose matter: how many of them (of the most), between which frequencies (Hz), how long each (s),
    how unequal (log-normal spread), over how long (s).
    """

    ring: float
    thump: float
    click: float
    grains: float = 0.0
    crowd: float = 0.0
    low: float = 1000.0
    high: float = 6000.0
    tau: float = 0.001
    spread: float = 1.0
    lasting: float = 0.25


FLOORS: dict[str, Floor] = {
    "concrete": Floor(0.16, 0.42, 1.10, grains=0.10, crowd=0.10, low=2500, high=9000, tau=0.0006, lasting=0.16),
    "stone": Floor(0.30, 0.38, 1.20, grains=0.06, crowd=0.06, low=2500, high=9000, tau=0.0006, lasting=0.14),
    "wood": Floor(1.10, 0.75, 0.35, grains=0.03, crowd=0.04, low=900, high=4000, tau=0.001, lasting=0.16),
    "metal": Floor(1.00, 0.30, 0.55, grains=0.03, crowd=0.03, low=2500, high=9000, tau=0.002, lasting=0.16),
    "plastic": Floor(0.35, 0.60, 0.50, grains=0.04, crowd=0.04, low=1500, high=6000, tau=0.0008, lasting=0.14),
    "ceramic": Floor(0.35, 0.40, 1.00, grains=0.04, crowd=0.04, low=3000, high=9000, tau=0.0006, lasting=0.12),
    "glass": Floor(0.55, 0.40, 0.80, grains=0.03, crowd=0.04, low=3000, high=9000, tau=0.001, lasting=0.12),
    "gravel": Floor(
        0.00, 0.28, 0.08, grains=1.00, crowd=0.42, low=1600, high=9500, tau=0.0012, spread=0.95, lasting=0.30
    ),
    "snow": Floor(0.00, 0.30, 0.00, grains=0.90, crowd=0.90, low=500, high=3800, tau=0.0022, spread=0.55, lasting=0.36),
    "sand": Floor(0.00, 0.45, 0.00, grains=0.70, crowd=1.00, low=900, high=5500, tau=0.0005, spread=0.60, lasting=0.30),
    "leaves": Floor(
        0.00, 0.25, 0.00, grains=1.00, crowd=0.50, low=2200, high=11000, tau=0.0006, spread=1.30, lasting=0.38
    ),
    "grass": Floor(
        0.00, 0.50, 0.00, grains=0.45, crowd=0.80, low=1500, high=9000, tau=0.0004, spread=0.70, lasting=0.28
    ),
    "dirt": Floor(0.00, 0.95, 0.03, grains=0.30, crowd=0.25, low=700, high=4000, tau=0.0010, spread=0.90, lasting=0.24),
    "carpet": Floor(
        0.00, 0.90, 0.00, grains=0.16, crowd=0.60, low=700, high=3000, tau=0.0005, spread=0.50, lasting=0.18
    ),
    "cardboard": Floor(0.70, 0.50, 0.15, grains=0.25, crowd=0.20, low=1200, high=6000, tau=0.0008, lasting=0.24),
}


@dataclass(frozen=True)
class Shoe:
    """What meets the floor. `hardness` 0..1 is its sole's, `hollow` its heel's lowest mode in Hz.

    `click` is how much the heel itself sounds, `slap` the flat of the sole, `thump` the weight on it, `toe` how much of
    the step the forefoot is, `after` how long after the heel it comes (beside a walking shoe's).
    """

    hardness: float
    hollow: float
    click: float
    slap: float
    thump: float
    toe: float
    after: float = 1.0


SHOES: dict[str, Shoe] = {
    "": Shoe(0.66, 820.0, 1.0, 0.45, 0.8, 1.0),
    "boot": Shoe(0.58, 430.0, 0.85, 0.75, 1.5, 1.5, 1.15),
    "sneaker": Shoe(0.34, 330.0, 0.16, 0.75, 0.9, 1.3, 0.8),
    "heel": Shoe(0.90, 1900.0, 1.7, 0.12, 0.16, 1.3, 0.75),
    "barefoot": Shoe(0.14, 210.0, 0.0, 0.85, 1.1, 1.2, 0.7),
    "slipper": Shoe(0.30, 520.0, 0.10, 1.0, 0.35, 1.8, 0.9),
}
"""By `Character.kind`; "" is a walking shoe."""

# A heel is a short hollow block: modes as measured of no shoe in particular, each pair's own drawn from its nature.
_HEEL = np.array([1.0, 1.62, 2.45, 3.6, 5.3, 7.4])


def footstep(hit: Hit) -> Signal:
    """One step on `character.surface` (or material): concrete when neither is named or it is nothing to walk on."""
    character = hit.character
    floor = FLOORS.get(character.surface) or FLOORS.get(character.material) or FLOORS["concrete"]
    name = next(key for key, value in FLOORS.items() if value is floor)
    shoe = SHOES.get(character.kind, SHOES[""])
    force = min(1.0, 0.15 + 0.85 * hit.force)
    pace = character.speed
    toe_after = (0.13 - 0.07 * pace) * shoe.after * hit.random.uniform(0.9, 1.1)
    toe_share = min(0.9, (0.10 + 0.26 * pace) * shoe.toe * hit.random.uniform(0.75, 1.25))
    foot = 1.0 + 0.05 * (hit.turn % 2)  # one shoe is not the other
    out = np.zeros(samples(toe_after + max(floor.lasting + 0.1, 0.25) + (1.8 if name == "metal" else 0.35)))
    for at, share in ((0.0, 1.0), (toe_after, toe_share)):
        add(out, _sole(hit, floor, name, shoe, force * share, foot, heel=at == 0.0), samples(at) if at else 0)
    if floor.grains:
        add(out, _loose(hit, floor, force, toe_after, toe_share), 0)
    if character.wetness > 0:
        add(out, _wet(hit, force, toe_after), 0)
    return tilt(fade(out, start=0.0004, end=0.03), character.brightness)


def _sole(hit: Hit, floor: Floor, name: str, shoe: Shoe, force: float, foot: float, heel: bool) -> Signal:
    """Heel or toe meeting the floor: the body's thump, the heel's knock, the sole's slap, the floor's ring."""
    character = hit.character
    random = hit.random
    length = samples(0.25)
    heavy = 0.5 + character.weight
    small = 1.6 ** (0.5 - character.size)
    stiff = shoe.hardness * (0.55 + 0.45 * MATERIALS[name].hardness) + 0.15 * (character.brightness - 0.5)
    pulse = contact(stiff if heel else stiff - 0.15, force, character.weight)
    thump_hz = (88.0 if heel else 135.0) * small * foot * 1.5 ** (0.5 - character.weight) * random.uniform(0.88, 1.12)
    glide = thump_hz * (1.0 + 0.8 * np.exp(-seconds(length) / 0.010))
    thump = np.sin(2 * np.pi * np.cumsum(glide) / RATE) * decay(length, 0.013 + 0.014 * character.weight)
    dull = lowpass(burst(length, random, 0.010 + 0.006 * character.weight), 420.0, order=1)
    out = shoe.thump * floor.thump * heavy * force * (0.42 * thump + 0.20 * dull)
    if shoe.click and floor.click:
        modes = shoe.hollow * small * foot * _HEEL * (1.0 + 0.06 * hit.nature().standard_normal(_HEEL.size))
        modes = np.minimum(modes * (1.0 if heel else 1.35) * random.uniform(0.96, 1.05), HIGHEST)
        level = np.exp(0.45 * random.standard_normal(_HEEL.size)) * random.choice([-1.0, 1.0], _HEEL.size)
        knock = np.convolve(ring(modes, 0.0075 / (modes / modes[0]) ** 0.7, level, samples(0.06)), pulse)
        add(out, 0.30 * shoe.click * floor.click * force**1.3 * knock, 0)
    # The sole's flat comes down over some milliseconds: a burst as bright as the contact is hard.
    bright = (900.0 + 5200.0 * stiff) * small * foot * random.uniform(0.9, 1.12) * 1.5 ** (character.brightness - 0.5)
    slap = bandpass(burst(length, random, 0.004 if heel else 0.009), 0.25 * bright, min(2.2 * bright, 12_000), order=1)
    out += 0.42 * shoe.slap * (0.25 + 0.75 * floor.click) * force**1.2 * slap
    if floor.ring:
        plate = body(MATERIALS[name], 0.62, hit.detail, hit.nature())
        tone = blow(plate, random, force, stiff, character.weight, held=0.25)
        whole = np.zeros(max(len(out), len(tone)))
        add(whole, out, 0)
        add(whole, 0.40 * floor.ring * force * tone, 0)
        out = whole
    return out if heel else fade(out, start=0.008, end=0.0)  # the forefoot rolls on, it does not strike


def _loose(hit: Hit, floor: Floor, force: float, toe_after: float, toe_share: float) -> Signal:
    """Grains set off as the foot presses in, and again as it pushes off."""
    random = hit.random
    most = int(_MOST_GRAINS * floor.crowd)
    length = samples(floor.lasting + toe_after + 0.1)
    time = seconds(length)
    press = np.exp(-time / (0.28 * floor.lasting)) * (1 - np.exp(-time / 0.0015))
    late = time - toe_after
    push = np.where(
        late > 0, np.exp(-np.maximum(late, 0) / (0.30 * floor.lasting)) * (1 - np.exp(-np.maximum(late, 0) / 0.02)), 0
    )
    course = press + 0.8 * toe_share * push
    at = arrivals(most, course, length, random)
    bright = 1.6 ** (hit.character.brightness - 0.5)
    frequency = bright * np.exp(random.uniform(np.log(floor.low), np.log(floor.high), most))
    tau = floor.tau * np.exp(0.4 * random.standard_normal(most)) * (floor.low * 2 / frequency) ** 0.3
    amplitude = heavy_tailed(most, random, floor.spread) * random.choice([-1.0, 1.0], most)
    amplitude *= 0.05 + 0.95 * course[np.minimum(at.astype(int), length - 1)]
    kept = hit.detail.of(most, least=12)
    loudness = np.sqrt(0.42 * 378 / max(kept, 1)) * np.exp(-0.5 * floor.spread**2)
    grains = scatter(at[:kept], frequency[:kept], tau[:kept], amplitude[:kept], length)
    return float(0.28 * floor.grains * force**1.1 * loudness * (0.0012 / floor.tau) ** 0.25) * grains


def _wet(hit: Hit, force: float, toe_after: float) -> Signal:
    """The splash of a sole on water and the bubbles it leaves."""
    length = samples(0.5)
    out = bandpass(burst(length, hit.random, 0.03), 900.0, 7000.0, order=1) * (1 - decay(length, 0.002))
    lift = bandpass(burst(length, hit.random, 0.04), 1500.0, 9000.0, order=1)
    whole = 0.22 * out
    add(whole, 0.12 * lift, samples(toe_after))
    add(whole, 0.25 * bubbles_rising(14, 0.35, (500.0, 2600.0), hit.random, hit.detail), samples(0.02))
    return hit.character.wetness * force * whole
