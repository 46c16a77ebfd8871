"""Birds that are known by their call: crow, owl, gull, duck, goose, cock, hen, dove, cuckoo, hawk, magpie, woodpecker.

A syrinx and a tract, as `tones.voice` has them: nearly pure where the tract follows the pitch (owl, dove, cuckoo), many
harmonics under resonances else, rough where the syrinx vibrates unevenly. Notes, pitches and pace after the sections on
voice in Cramp and others, "Handbook of the Birds of Europe, the Middle East and North Africa", 1977-1994; a woodpecker
drums 10 to 20 times a second, ever faster and softer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.foley.sound.brief import RATE, Detail, Signal
from engine.foley.sound.filters import add, fade, samples
from engine.foley.sound.modal import MATERIALS, blow, body
from engine.foley.sound.noise import wander
from engine.foley.sound.tones import breath, course, harmonics, voice

_PURE = (1.0, 0.10, 0.03, 0.01)  # levels of harmonics
_PARTIALS = 36


@dataclass(frozen=True)
class Note:
    """A note of a call: when it begins and how long it lasts in seconds, its pitch in Hz by place (0..1), its level."""

    at: float
    lasting: float
    pitch: tuple[tuple[float, float], ...]
    level: float = 1.0


@dataclass(frozen=True)
class Call:
    """What a bird calls, every `gap` seconds; `most` birds are heard at once.

    `tract` are its resonances in Hz (none: a pure tone), `slope` how its harmonics fall at the source, `rough` 0..1 how
    unevenly it vibrates.
    """

    notes: tuple[Note, ...]
    gap: float
    most: int = 2
    tract: tuple[float, ...] = ()
    slope: float = 1.0
    rough: float = 0.0


def _series(count: int, every: float, note: Note, fall: float = 1.0, drop: float = 1.0) -> tuple[Note, ...]:
    """A note again and again, each `fall` times as loud and `drop` times as high as the one before."""
    return tuple(
        Note(
            note.at + every * index,
            note.lasting,
            tuple((place, hz * drop**index) for place, hz in note.pitch),
            note.level * fall**index,
        )
        for index in range(count)
    )


_HOOT = ((0.0, 330.0), (0.3, 360.0), (1.0, 335.0))

CALLS: dict[str, Call] = {
    "crow": Call(
        _series(3, 0.52, Note(0.0, 0.30, ((0.0, 430.0), (0.25, 520.0), (1.0, 400.0)))),
        2.8, tract=(1250.0, 1900.0, 3300.0, 5200.0), slope=0.5, rough=0.8,
    ),
    "owl": Call(
        (Note(0.0, 0.38, _HOOT), Note(0.62, 0.16, _HOOT, 0.7), Note(0.84, 0.22, _HOOT, 0.9), Note(1.45, 0.42, _HOOT)),
        4.2, most=1,
    ),
    "gull": Call(
        _series(4, 0.40, Note(0.0, 0.33, ((0.0, 780.0), (0.25, 1080.0), (0.6, 960.0), (1.0, 700.0))), 0.92),
        2.6, most=4, tract=(1500.0, 2600.0, 4200.0), slope=0.5, rough=0.15,
    ),
    "duck": Call(
        _series(5, 0.23, Note(0.0, 0.17, ((0.0, 230.0), (0.2, 265.0), (1.0, 205.0))), 0.84, 0.97),
        2.4, most=3, tract=(1150.0, 1900.0, 2900.0, 4300.0), slope=0.35, rough=0.35,
    ),
    "goose": Call(
        (
            Note(0.0, 0.14, ((0.0, 330.0), (1.0, 390.0)), 0.7),
            Note(0.15, 0.28, ((0.0, 560.0), (0.3, 620.0), (1.0, 520.0))),
        ),
        1.1, most=4, tract=(900.0, 1700.0, 2800.0), slope=0.5, rough=0.3,
    ),
    "cock": Call(
        (
            Note(0.0, 0.22, ((0.0, 430.0), (0.4, 560.0), (1.0, 520.0)), 0.7),
            Note(0.26, 0.16, ((0.0, 620.0), (1.0, 690.0)), 0.8),
            Note(0.44, 0.42, ((0.0, 700.0), (0.3, 880.0), (1.0, 820.0))),
            Note(0.88, 0.95, ((0.0, 760.0), (0.15, 860.0), (0.6, 720.0), (1.0, 430.0)), 0.95),
        ),
        4.5, most=1, tract=(1500.0, 2500.0, 3900.0), slope=0.6, rough=0.2,
    ),
    "hen": Call(
        _series(4, 0.27, Note(0.0, 0.09, ((0.0, 420.0), (0.3, 470.0), (1.0, 290.0))), 1.0),
        1.6, most=3, tract=(1000.0, 2100.0, 3400.0), slope=0.7, rough=0.3,
    ),
    "dove": Call(
        (
            Note(0.0, 0.28, ((0.0, 430.0), (0.5, 470.0), (1.0, 450.0)), 0.7),
            Note(0.34, 0.46, ((0.0, 460.0), (0.3, 520.0), (1.0, 480.0))),
            Note(0.92, 0.30, ((0.0, 450.0), (1.0, 430.0)), 0.7),
        ),
        1.9, most=2, rough=0.12,
    ),
    "cuckoo": Call(
        (Note(0.0, 0.15, ((0.0, 640.0), (0.3, 675.0), (1.0, 660.0))), Note(0.33, 0.22, ((0.0, 535.0), (1.0, 520.0)))),
        1.25, most=1,
    ),
    "hawk": Call(
        (Note(0.0, 1.6, ((0.0, 2300.0), (0.12, 3300.0), (0.4, 2950.0), (1.0, 1900.0))),),
        4.0, most=1, tract=(3000.0, 5200.0), slope=0.8, rough=0.5,
    ),
    "magpie": Call(
        _series(9, 0.085, Note(0.0, 0.06, ((0.0, 1250.0), (1.0, 1050.0))), 0.97),
        2.4, most=2, tract=(2600.0, 3900.0, 5600.0), slope=0.4, rough=0.9,
    ),
    "woodpecker": Call((), 3.6, most=1),
}  # fmt: skip
"""By the `kind` that the lexicon gives them."""


def sung(kind: str, seed: int, take: int, size: float, detail: Detail) -> Signal:
    """One call of one bird (`seed`), mono, its peak near 1; another `take` is the same call a little different."""
    bird, now = np.random.default_rng(seed), np.random.default_rng([seed, take])
    scale = 1.8 ** (0.5 - size) * bird.uniform(0.92, 1.09)
    out = _drummed(now, size, detail) if kind == "woodpecker" else _called(CALLS[kind], now, scale, detail)
    return out / max(float(np.max(np.abs(out))), 1e-9)


def _called(call: Call, random: np.random.Generator, scale: float, detail: Detail) -> Signal:
    ends = max(note.at + note.lasting for note in call.notes)
    out = np.zeros(samples(1.15 * ends + 0.1))
    pace = random.uniform(0.93, 1.08)
    for note in call.notes:
        length = samples(note.lasting * pace * random.uniform(0.94, 1.06))
        pitch = scale * random.uniform(0.98, 1.02) * course(note.pitch, length)
        pitch *= 1.0 + (0.004 + 0.03 * call.rough) * wander(length, 45.0, RATE, random)
        level = course(((0.0, 0.0), (0.10, 0.8), (0.4, 1.0), (0.8, 0.75), (1.0, 0.0)), length)
        if call.tract:
            tract = scale * np.array([call.tract])
            tone = voice(pitch, tract, 1.0, call.slope, detail.of(_PARTIALS, least=8))
            air = breath(tract, np.ones(2), length, random)
            tone = tone / np.std(tone) + (0.05 + 0.7 * call.rough) * air / max(float(np.std(air)), 1e-9)
        else:
            tone = harmonics(pitch, _PURE)
        shaken = 1.0 + call.rough * np.clip(wander(length, 80.0, RATE, random), -1.0, 1.5)
        add(out, note.level * fade(tone * level * shaken, start=0.004, end=0.01), samples(note.at * pace))
    return out


def _drummed(random: np.random.Generator, size: float, detail: Detail) -> Signal:
    """A beak on a hollow trunk."""
    trunk = body(MATERIALS["wood"], 0.15 + 0.4 * size, detail, random, most=24)
    out = np.zeros(samples(1.1))
    at = 0.0
    for stroke in range(int(random.integers(10, 16))):
        strength = (1.0 - 0.045 * stroke) * random.uniform(0.9, 1.0)
        add(out, strength * blow(trunk, random, 0.7, 0.8, 0.1, held=0.02), round(at * RATE))
        at += 0.058 * 0.975**stroke * random.uniform(0.97, 1.03)
    return out
