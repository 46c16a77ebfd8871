"""Fire: flames that lap, vapour that hisses, wood that cracks (Farnell, "Designing Sound", 2010, chapter 34).

Flames over a hearth of a width D puff 1.5 / sqrt(D) times a second (Cetegen and Ahmed, "Experiments on the periodic
instability of buoyant plumes and pool fires", Combustion and Flame 93, 1993), and their roar falls as f^-5/2 in power
above some hundred Hz (Clavin and Siggia, "Turbulent premixed flames and sound generation", Combust. Sci. Technol. 78,
1991). Cracks come in all sizes, few large ones among many small, after a power law (Sethna, Dahmen and Myers,
"Crackling noise", Nature 410, 2001): a large pocket of steam bursts lower and for longer.
"""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import RATE, Bed, Signal
from engine.foley.sound.filters import add, bandpass, samples, stretch, tilt
from engine.foley.sound.grains import arrivals
from engine.foley.sound.noise import burst, paint, wander

_CENTRES = np.array([30.0, 70.0, 130.0, 250.0, 500.0, 1000.0, 2500.0, 6000.0, 14_000.0])
_HISS = np.array([0.0, 0.0, 0.0, 0.0, 0.02, 0.35, 0.9, 1.0, 0.5])
_SLOPE = 1.25  # of the roar's amplitude
_KINDS, _OF_EACH = 5, 6  # cracks of as many sizes, each an octave stronger than the one before, and of each so many
_TAIL = 1.5  # exponent of the cracks' strengths: one in 2^1.5 is twice as strong


def fire(bed: Bed) -> Signal:
    """A candle flutters, a campfire crackles, a blaze roars: by intensity and size. What fries has no flames."""
    character, random = bed.character, bed.random
    fries = character.kind == "fry"
    strength, size = character.intensity, character.size
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    puffs = 1.5 / np.sqrt(0.03 * 60.0**size)  # a second; over 3 cm to 1.8 m
    corner = 130.0 * 2.0 ** (0.5 - size) * (0.7 + 0.6 * strength)
    roar = (_CENTRES / corner) ** 0.8 / (1.0 + (_CENTRES / corner) ** 2) ** (0.5 * (0.8 + _SLOPE))
    shared = wander(points, puffs, rate, random)
    sides = []
    for _ in range(2):
        lap = np.exp(0.40 * shared + 0.25 * wander(points, 11.0, rate, random)) * bed.activity
        # Vapour comes in sudden bursts with silence between: the fourth power of a slow curve.
        hiss = (0.15 + 0.06 * np.minimum(wander(points, 1.6, rate, random) ** 4, 12.0)) * bed.activity
        levels = (0.0 if fries else 0.25 + 1.1 * strength) * lap[:, None] * roar
        levels += (0.5 if fries else 0.05) * hiss[:, None] * _HISS
        sides.append(paint(levels, _CENTRES, bed.length, random))
    out = 0.27 * np.stack(sides, axis=1)
    wood = np.clip((size - 0.05) / 0.25, 0.0, 1.0)  # a candle has none
    out += (
        _cracks(bed, 400.0 if fries else wood * (30.0 + 70.0 * strength), 1 if fries else _KINDS)
        * stretch(bed.activity, bed.length)[:, None]
    )
    return tilt(out, character.brightness)


def _cracks(bed: Bed, per_second: float, sizes: int) -> Signal:
    """Cracks of the least so many `sizes` in clusters, as (n, 2): each somewhere between the sides."""
    random = bed.random
    points = bed.activity.size
    most = int(per_second * bed.seconds)
    clusters = np.exp(1.2 * wander(points, 1.8, points / max(bed.seconds, 1e-3), random)) * bed.activity
    at = arrivals(most, clusters, bed.length, random).astype(int)
    strength = np.minimum(random.random(most) ** (-1.0 / _TAIL), 2.0**sizes)
    turned = random.integers(_OF_EACH, size=most)
    angle = 0.5 * np.pi * random.uniform(0.1, 0.9, most)
    kinds = [[_crack(bed, kind) for _ in range(_OF_EACH)] for kind in range(sizes)]
    kept = bed.detail.of(most, least=min(most, 3))
    loud = 0.075 * np.sqrt(most / max(kept, 1))
    out = np.zeros((bed.length, 2))
    for index in range(min(kept, at.size)):
        kind = min(int(np.log2(strength[index])), sizes - 1)
        sides = np.array([np.cos(angle[index]), np.sin(angle[index])])
        add(out, loud * strength[index] ** 0.7 * kinds[kind][turned[index]][:, None] * sides, int(at[index]))
    return out


def _crack(bed: Bed, kind: int) -> Signal:
    """One crack of a size, 0 the least, its peak 1: noise that starts at once and is gone in a few milliseconds."""
    random = bed.random
    tau = 0.00045 * 1.45**kind * random.uniform(0.8, 1.3)
    low = 2600.0 * 1.6**-kind * random.uniform(0.75, 1.3) * 1.5 ** (0.5 - bed.character.size)
    noise = burst(samples(7 * tau + 0.001), random, tau)
    noise[: max(2, round(0.00012 * RATE))] += 2.5 * random.choice([-1.0, 1.0])  # the wall gives: one push, then hiss
    crack = bandpass(noise, low, 6.5 * low + 3000.0, order=1)
    return crack / max(float(np.max(np.abs(crack))), 1e-9)
