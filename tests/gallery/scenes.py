"""The scenes of the gallery: clips that are drawn here, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.media.sample import SAMPLE_PROMPT, make_sample
from tests import clips


@dataclass(frozen=True)
class Scene:
    """A clip's name, how it is drawn into a file, and the prompt."""

    name: str
    draw: Callable[[Path], Any]
    prompt: str


def _ball(path: Path) -> None:
    clips.bouncing_ball(path, width=640, height=360, background="textured", drift=0.06)


def _balls(path: Path) -> None:
    clips.several_balls(path, impacts=((0.5, 1.5, 2.5), (0.9, 1.9), (1.2, 2.2)), width=640, height=360)


def _blocks(path: Path) -> None:
    clips.falling_blocks(path, width=640, height=360)


def _stick(path: Path) -> None:
    clips.drumstick(path, width=640, height=360)


def _flashes(path: Path) -> None:
    clips.flash(path, at=(0.8, 2.2), seconds=4.0, width=640, height=360)


def _street(path: Path) -> None:
    clips.film(path, clips.busy(640, 360), seconds=5.0)


SCENES = (
    Scene("The studio’s sample", make_sample, SAMPLE_PROMPT),
    Scene("A ball on stone", _ball, "a rubber ball bounces on stone, birds in the distance, park"),
    Scene("Three balls", _balls, "glass hits in a cathedral"),
    Scene("Falling blocks", _blocks, "heavy metal hits, quiet machinery in the background, warehouse"),
    Scene("A drumstick", _stick, "a drum, applause in the background, hall"),
    Scene("Two flashes", _flashes, "thunder, heavy rain and wind throughout"),
    Scene("A crowd", _street, "footsteps on gravel, distant traffic, birds, outdoors"),
)
