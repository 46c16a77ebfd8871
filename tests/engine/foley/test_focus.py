"""Focus on Subject follows words of place and size: what a pointer picks out of several things that move."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from engine.foley.scene import Pointer, Scene
from engine.foley.see import see
from tests import clips
from tests.engine.foley.listening import matched
from tests.engine.work import done

BALLS = {"left": (0.5, 1.1, 1.7, 2.3, 2.9), "middle": (0.9, 1.5, 2.1, 2.7), "right": (0.7, 1.3, 1.9, 2.5)}
RADII = {"left": 14, "middle": 7, "right": 22}


def scene(clip: Path, focus: Pointer | None) -> Scene:
    return done(see(clip, 3.0, focus))


@pytest.fixture(scope="module")
def balls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three balls of different sizes bounce side by side, each at its own instants."""
    clip = tmp_path_factory.mktemp("balls") / "clip.mp4"
    behind = clips.textured(320, 180)
    paths = [
        clips.bounces(impacts, 165 - radius, 15 + radius, x)
        for (impacts, radius, x) in zip(BALLS.values(), RADII.values(), (60, 160, 260), strict=True)
    ]

    def picture(time: float) -> clips.Image:
        image = behind(time)
        for path, radius in zip(paths, RADII.values(), strict=True):
            clips.draw_ball(image, path(time), radius, (40, 200, 250))
        return image

    clips.film(clip, picture, seconds=3.0)
    return clip


@pytest.mark.parametrize(
    ("pointer", "meant"),
    [
        (Pointer(x=0.0), "left"),
        (Pointer(x=0.5), "middle"),
        (Pointer(x=1.0), "right"),
        (Pointer(size=0.0), "middle"),
        (Pointer(size=1.0), "right"),
        (Pointer(x=0.0, size=0.5), "left"),
    ],
)
def test_a_pointer_picks_one_ball_of_three(balls: Path, pointer: Pointer, meant: str) -> None:
    found = [event.time for event in scene(balls, pointer).events]
    assert matched(found, BALLS[meant], 0.04) == len(found) == len(BALLS[meant])


@pytest.mark.parametrize(("pointer", "late"), [(Pointer(x=1.0), 0.2), (Pointer(x=0.0), 0.0)])
def test_a_pointer_picks_a_part_of_the_picture_where_no_body_is_made_out(
    tmp_path: Path, pointer: Pointer, late: float
) -> None:
    """Two sticks strike in turn at either side, the left one larger and livelier."""
    clip = tmp_path / "sticks.mp4"
    behind = clips.textured(320, 180)

    def picture(time: float) -> clips.Image:
        image = behind(time)
        for x, swing, high, wide, start in ((0, 0.5, 40, 120, 0.0), (250, 0.25, 24, 50, 0.2)):
            tip = round(150 - 180 * swing * abs(math.sin(math.pi * (time - start) / 0.6)))
            image[tip - high : tip, x : x + wide] = clips.texture(wide, high, 3)
        return image

    clips.film(clip, picture, seconds=3.0)
    meant, other = ([start + 0.6 * turn for turn in range(1, 5)] for start in (late, 0.2 - late))
    found = [event.time for event in scene(clip, pointer).events]
    assert matched(found, meant, 0.04) == len(meant)
    assert matched(found, other, 0.04) == 0


def test_a_pointer_moves_the_motion_to_what_it_means(balls: Path) -> None:
    assert scene(balls, Pointer(x=0.0)).pan.mean() < 0.35
    assert scene(balls, Pointer(x=1.0)).pan.mean() > 0.65
