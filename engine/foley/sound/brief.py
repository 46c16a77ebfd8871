"""What a sound family is asked for: one event (`Hit`) or a stretch of time (`Bed`), and how fine to make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engine.model import SAMPLE_RATE

Signal = NDArray[np.float64]

Role = Literal["event", "motion", "ambient"]
"""Whether a sound answers to events, follows the movement, or is always there."""

RATE: Final = SAMPLE_RATE
"""Hz."""

MOST_STEPS: Final = 50


@dataclass(frozen=True)
class Character:
    """How something sounds, from the words of the prompt. Each quality runs 0..1, 0.5 being neither one nor the other.

    `material` is what the thing is made of, `surface` what it meets, `kind` which of its family's kinds it is (of
    footsteps: "boot"); "" where nothing is said.
    """

    material: str = ""
    surface: str = ""
    kind: str = ""
    size: float = 0.5
    weight: float = 0.5
    intensity: float = 0.5
    distance: float = 0.2
    speed: float = 0.5
    brightness: float = 0.5
    wetness: float = 0.0
    regularity: float = 0.5

    @property
    def bulk(self) -> float:
        """The size, more for what is heavy and less for what is light: of one material, weight is size."""
        return min(max(self.size + 0.3 * (self.weight - 0.5), 0.0), 1.0)


@dataclass(frozen=True)
class Detail:
    """How finely to synthesise: what Quality Steps sets.

    Steps scale the number of partials of every resonating body, of grains in every granular texture, of bands in every
    shaped noise and of echoes per second in every room. A family draws the random numbers of its finest version and
    renders the leading part of them, so that fewer steps give a coarser copy of the same take.
    """

    steps: int = 25

    @property
    def share(self) -> float:
        """How much of the finest version is rendered: 0.08 at 4 steps, 1 at 50."""
        return min(max(self.steps, 1), MOST_STEPS) / MOST_STEPS

    def of(self, most: int, least: int = 1) -> int:
        """How many of `most` parts to render, at least `least`; grows with the steps."""
        return max(least, round(most * self.share))


@dataclass(frozen=True)
class Hit:
    """One event. `force` 0..1 is how hard; `size` 0..1 how much of the picture moved (0: unknown).

    `random` is this event's own, `nature` gives the same numbers for all events of a layer: what the thing is. `turn`
    counts the events of the layer (left foot, right foot).
    """

    character: Character
    force: float
    random: Generator
    nature: Callable[[], Generator]
    detail: Detail
    turn: int = 0
    size: float = 0.0


@dataclass(frozen=True)
class Bed:
    """A stretch of continuous sound: `activity` 0..1 at `CURVE_RATE` says how lively it is at each moment."""

    character: Character
    seconds: float
    activity: Signal
    random: Generator
    detail: Detail

    @property
    def length(self) -> int:
        """In samples."""
        return round(self.seconds * RATE)


Strike = Callable[[Hit], Signal]
"""One event as mono samples of shape (n,), its onset at the first. Louder is harder; 1.0 is a firm one's peak."""

Texture = Callable[[Bed], Signal]
"""A bed as stereo samples of shape (bed.length, 2)."""
