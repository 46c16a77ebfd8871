"""How each family sounds. One small module per family or close kin; these tables are where a new one is entered."""

from __future__ import annotations

from engine.foley.sound import (
    bell,
    blast,
    door,
    engine,
    fire,
    footsteps,
    friction,
    impact,
    keys,
    living,
    rain,
    struck,
    water,
    wind,
)
from engine.foley.sound.brief import Strike, Texture

STRIKES: dict[str, Strike] = {
    "ball": struck.ball,
    "beep": keys.beep,
    "bell": bell.bell,
    "chop": struck.chop,
    "click": keys.click,
    "coin": struck.coin,
    "dog": living.bark,
    "door": door.close,
    "door_creak": friction.creak,
    "door_slam": door.slam,
    "drip": water.drip,
    "drum": struck.drum,
    "explosion": blast.explosion,
    "footsteps": footsteps.footstep,
    "glass_break": struck.glass_break,
    "gunshot": blast.gunshot,
    "impact": impact.impact,
    "knock": impact.knock,
    "punch": struck.punch,
    "splash": water.splash,
    "thunder": blast.thunder,
    "typing": keys.keystroke,
}
"""Families of events: one call, one event."""

TEXTURES: dict[str, Texture] = {
    "applause": living.applause,
    "birds": living.birds,
    "bubbles": water.boil,
    "clock": keys.clock,
    "cloth": wind.cloth,
    "crickets": living.crickets,
    "engine": engine.engine,
    "fire": fire.fire,
    "heartbeat": living.heartbeat,
    "machinery": engine.machinery,
    "rain": rain.rain,
    "rumble": engine.rumble,
    "scrape": friction.scrape,
    "siren": engine.siren,
    "water": water.stream,
    "waves": water.waves,
    "whoosh": wind.whoosh,
    "wind": wind.wind,
}
"""Families that last: one call, the whole stretch."""
