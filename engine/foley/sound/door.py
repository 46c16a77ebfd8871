"""Doors that close and slam: the leaf against its frame, the air it pushes, the latch."""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import RATE, Hit, Signal
from engine.foley.sound.filters import add, bandpass, decay, fade, lowpass, samples, seconds, tilt
from engine.foley.sound.modal import MATERIALS, body, contact, strike
from engine.foley.sound.noise import burst


def close(hit: Hit) -> Signal:
    """A door drawn shut: a soft knock of the leaf, then the latch springs in."""
    out = np.zeros(samples(0.8))
    add(out, 0.45 * _leaf(hit, 0.45), 0)
    add(out, 0.55 * _latch(hit), samples(hit.random.uniform(0.018, 0.03)))
    return hit.force * tilt(out, hit.character.brightness)


def slam(hit: Hit) -> Signal:
    """A door thrown shut: leaf and frame meet over their whole length, the room's air is struck, the latch rattles."""
    random = hit.random
    force = 0.45 + 0.55 * hit.force
    heavy = hit.character.weight
    out = np.zeros(samples(1.4))
    add(out, 1.8 * force * _leaf(hit, force), 0)
    length = samples(0.9)
    boom_hz = 58.0 * 1.6 ** (0.5 - heavy)
    glide = boom_hz * (1 + 0.5 * np.exp(-seconds(length) / 0.03))
    boom = np.sin(2 * np.pi * np.cumsum(glide) / RATE) * decay(length, 0.07 + 0.06 * heavy)
    add(out, force * (0.3 + 0.35 * heavy) * fade(boom, end=0.2), 0)
    add(out, 1.5 * force * lowpass(burst(length, random, 0.016), 2600.0, order=1), 0)
    for after in (0.012, 0.047 * random.uniform(0.8, 1.3), 0.09 * random.uniform(0.8, 1.3)):
        add(out, force * random.uniform(0.15, 0.4) * np.exp(-after / 0.06) * _latch(hit), samples(after))
    return fade(tilt(out, hit.character.brightness), end=0.1)


def _leaf(hit: Hit, force: float) -> Signal:
    """The door's own plate: large, so low."""
    material = MATERIALS[hit.character.material or "wood"]
    plate = body(
        material, min(0.98, 0.62 + 0.3 * hit.character.size + 0.1 * hit.character.weight), hit.detail, hit.nature()
    )
    tone = strike(plate, plate.struck_at(0.06, hit.random.uniform(0.2, 0.5)), contact(0.5, force, 0.9), longest=1.2)
    return 1.2 * tone / float(np.sqrt(plate.frequency.size))


def _latch(hit: Hit) -> Signal:
    """A sprung piece of metal falling into its plate: two small clicks."""
    piece = body(MATERIALS["metal"], 0.12, hit.detail, hit.nature(), most=20)
    tone = strike(piece, piece.struck_at(*hit.random.uniform(0.1, 0.4, 2)), contact(0.9, 0.5, 0.2), longest=0.08)
    tone *= decay(tone.size, 0.012) / max(float(np.max(np.abs(tone))), 1e-9)
    out = np.zeros(samples(0.12))
    add(out, tone, 0)
    add(out, 0.5 * tone, samples(hit.random.uniform(0.007, 0.013)))
    out += 0.3 * bandpass(burst(out.size, hit.random, 0.002), 1500.0, 7000.0, order=1)
    return out
