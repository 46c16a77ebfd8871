"""Doors that close and slam: the leaf against its frame, the air it pushes, the latch."""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import RATE, Hit, Signal
from engine.foley.sound.filters import add, bandpass, decay, dynamics, fade, lowpass, samples, seconds, tilt
from engine.foley.sound.modal import MATERIALS, blow, body
from engine.foley.sound.noise import burst


def close(hit: Hit) -> Signal:
    """A door drawn shut: a soft knock of the leaf, then the latch springs in. Opened: the other way about."""
    out = np.zeros(samples(0.8))
    if hit.character.kind == "open":  # the latch is drawn, and the leaf comes off its seal
        add(out, 0.45 * _latch(hit), 0)
        away = samples(hit.random.uniform(0.07, 0.11))
        add(out, 0.45 * _leaf(hit, 0.25), away)
        add(out, 0.25 * lowpass(burst(samples(0.6), hit.random, 0.05), 900.0, order=1), away)
        return dynamics(tilt(fade(out, end=0.05), hit.character.brightness), hit.force, 0.1)
    add(out, 0.9 * _leaf(hit, 0.45), 0)
    seal = lowpass(burst(samples(0.1), hit.random, 0.009), 500.0, order=1)
    add(out, 0.25 * seal, 0)
    add(out, 0.30 * _latch(hit), samples(hit.random.uniform(0.018, 0.03)))
    return dynamics(tilt(fade(out, start=0.0005, end=0.05), hit.character.brightness), hit.force, 0.1)


def slam(hit: Hit) -> Signal:
    """A door thrown shut: leaf and frame meet over their whole length, the room's air is struck, the latch rattles.

    A car's is sheet metal lined with felt, over a tight box of air: short, low and dull.
    """
    random = hit.random
    car = hit.character.kind == "car"
    force = 0.45 + 0.55 * hit.force
    heavy = hit.character.weight
    out = np.zeros(samples(1.4))
    add(out, 1.6 * force * _leaf(hit, force, held=0.035 if car else 0.3), 0)
    length = samples(0.9)
    boom_hz = (
        (82.0 if car else 62.0) * 1.6 ** (0.5 - heavy) * 1.4 ** (0.5 - hit.character.size) * random.uniform(0.92, 1.08)
    )
    glide = boom_hz * (1 + 0.5 * np.exp(-seconds(length) / 0.03))
    boom = np.sin(2 * np.pi * np.cumsum(glide) / RATE) * decay(length, 0.028 + 0.03 * heavy)
    air = lowpass(burst(length, random, 0.05), 240.0, order=2)
    add(out, force * (0.3 + 0.35 * heavy) * (0.7 * boom + 1.2 * air), 0)
    add(
        out,
        1.5
        * force
        * lowpass(
            burst(length, random, 0.016), (900.0 if car else 2600.0) * 1.6 ** (0.5 - hit.character.bulk), order=1
        ),
        0,
    )
    rattle = random.exponential(0.045, 2 if car else 6) + 0.008
    for after in rattle:
        knock = 0.25 * _leaf(hit, 0.6, held=0.04)
        add(knock, _latch(hit), 0)
        add(out, force * random.uniform(0.12, 0.35) * np.exp(-after / 0.09) * knock, samples(after))
    return dynamics(fade(tilt(out, hit.character.brightness), start=0.0005, end=0.1), hit.force, 1.0)


def _leaf(hit: Hit, force: float, held: float = 0.3) -> Signal:
    """The door's own plate: large, so low."""
    material = MATERIALS[hit.character.material or "wood"]
    plate = body(material, 0.5 + 0.48 * hit.character.bulk, hit.detail, hit.nature())
    # Its edge meets the frame, a line of contacts hardly in one instant: softer than the wood itself.
    out = np.zeros(samples(7 * held + 0.05))
    for after in (0.0, *hit.random.uniform(0.001, 0.009, 2)):
        add(out, 0.8 * blow(plate, hit.random, force, 0.5, 0.9, held), round(after * RATE))
    return fade(out, end=0.2 * held)


def _latch(hit: Hit) -> Signal:
    """A sprung piece of metal falling into its plate: two small clicks."""
    piece = body(MATERIALS["metal"], 0.02 + 0.2 * hit.character.bulk, hit.detail, hit.nature(), most=20)
    tone = blow(piece, hit.random, 0.5, 0.9, 0.2, held=0.012)
    tone /= max(float(np.max(np.abs(tone))), 1e-9)
    out = np.zeros(samples(0.12))
    add(out, tone, 0)
    add(out, 0.5 * tone, samples(hit.random.uniform(0.007, 0.013)))
    out += 0.3 * bandpass(burst(out.size, hit.random, 0.002), 1500.0, 7000.0, order=1)
    return out
