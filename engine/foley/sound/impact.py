"""Things of wood, metal, glass, stone, plastic ... struck, tapped, dropped, knocked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.foley.sound.brief import Hit, Signal
from engine.foley.sound.filters import add, bandpass, fade, samples, tilt
from engine.foley.sound.modal import MATERIALS, MOST_MODES, Material, Shape, body, contact, strike
from engine.foley.sound.noise import burst


@dataclass(frozen=True)
class _Form:
    """How a thing's form changes what its material does as a plate: its modes, its pitch, how freely it rings."""

    shape: Shape | None = None
    pitch: float = 1.0
    damping: float = 1.0

    def of(self, material: Material) -> Material:
        return replace(
            material,
            shape=self.shape or material.shape,
            pitch=material.pitch * self.pitch,
            damping=material.damping * self.damping,
        )


_PLATE = _Form()
_SHAPES = {
    "pipe": _Form("bar", 1.7, 0.8),
    "vessel": _Form("shell", 1.5, 2.5),  # held up by its walls: higher, and damped by what it stands on
    "anvil": _Form("bar", 4.5, 4.0),
}
"""By `Character.kind`."""


def impact(hit: Hit) -> Signal:
    """One blow: the body struck, what it lies on (duller), and the roughness of their contact.

    Harder blows are shorter in contact and so brighter; each falls on another place, so no two have the same partials.
    """
    character = hit.character
    struck = _SHAPES.get(character.kind, _PLATE).of(MATERIALS[character.material or character.surface or "wood"])
    size = _size(hit)
    first = _blow(hit, struck, size, mass=character.weight)
    if character.surface and character.surface != character.material and character.material:
        under = _blow(hit, MATERIALS[character.surface], min(1.0, size + 0.2), mass=character.weight)
        longest = np.zeros(max(len(first), len(under)))
        add(longest, first, 0)
        add(longest, 0.35 * under, 0)
        first = longest
    return tilt(fade(first, start=0.0003), character.brightness)


def knock(hit: Hit) -> Signal:
    """Knuckles on a door: a soft, small striker on a wide, thin, well-damped plate, so the low modes carry it."""
    struck = MATERIALS[hit.character.material or hit.character.surface or "wood"]
    sound = _blow(hit, struck, 0.35 + 0.5 * hit.character.size, mass=0.75, softness=0.18)
    return tilt(fade(sound, start=0.0003), hit.character.brightness)


def _size(hit: Hit) -> float:
    """The size the words say; where they don't, what moved on screen speaks a little."""
    said = hit.character.size
    seen = 0.25 + 0.5 * min(1.0, (hit.size * 4.0) ** 0.5) if hit.size > 0 else 0.5
    return said if said != 0.5 else 0.5 * said + 0.5 * seen


def _blow(hit: Hit, material: Material, size: float, mass: float, softness: float = 0.0) -> Signal:
    thing = body(material, size, hit.detail, hit.nature())
    force = min(1.0, 0.08 + 0.92 * hit.force)
    stiff = material.hardness - softness - 0.15 * (1.0 - force) + 0.3 * (hit.character.brightness - 0.5)
    pulse = contact(min(stiff, 1.0), force, mass)
    x, y = hit.random.uniform(0.12, 0.42, 2)
    spread = np.exp(0.25 * hit.random.standard_normal(MOST_MODES))[: thing.frequency.size]
    tone = strike(thing, thing.struck_at(x, y) * spread, pulse)
    tone /= max(float(np.sqrt(np.sum(thing.struck_at(0.3, 0.3) ** 2))), 1.0)
    return np.asarray(force**1.3 * (tone + _roughness(hit, material, size, len(tone), force)))


def _roughness(hit: Hit, material: Material, size: float, length: int, force: float) -> Signal:
    """The unvoiced part of a contact: surfaces grinding into each other for a few milliseconds."""
    count = min(length, samples(0.03))
    top = 1500.0 + 9000.0 * material.hardness * (0.5 + 0.5 * force)
    grind = burst(count, hit.random, 0.0012 + 0.004 * material.grit) * (0.08 + 0.5 * material.grit)
    low = min(300.0 * 4 ** (1 - 2 * size), top / 3)
    out = np.zeros(length)
    out[:count] = 0.5 * bandpass(grind, low, top, order=1)
    return out
