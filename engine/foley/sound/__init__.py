"""How each family sounds. One small module per family or close kin; this table is where a new one is entered."""

from __future__ import annotations

from engine.foley.sound.brief import Strike, Texture
from engine.foley.sound.footsteps import footstep
from engine.foley.sound.impact import impact, knock
from engine.foley.sound.water import boil, drip, splash, stream, waves

STRIKES: dict[str, Strike] = {
    "drip": drip,
    "footsteps": footstep,
    "impact": impact,
    "knock": knock,
    "splash": splash,
}
"""Families of events: one call, one event."""

TEXTURES: dict[str, Texture] = {
    "bubbles": boil,
    "water": stream,
    "waves": waves,
}
"""Families that last: one call, the whole stretch."""
