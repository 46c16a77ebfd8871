"""What is heard is heard when it is seen: onsets in the sound against the true instants of made clips."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from scipy.io import wavfile

from engine.model import SAMPLE_RATE
from jobs.media.sample import SAMPLE_IMPACTS, SAMPLE_PROMPT, make_sample
from tests import clips
from tests.clips import FrameRate
from tests.engine.foley.listening import generate, matched, onsets

SHARED = Path(__file__).resolve().parents[3].parent / "shared"

Background = Literal["plain", "textured"]

TOLERANCE = 0.04
RATES: tuple[FrameRate, ...] = (12.0, 24.0, 25.0, 29.97, 30.0, 60.0, "variable")
IMPACTS = (0.43, 0.91, 1.37, 1.98, 2.41, 3.13)


def assert_in_sync(clip: Path, impacts: Sequence[float], prompt: str) -> None:
    found = onsets(generate(prompt, clip).samples)
    hits = matched(found, impacts, TOLERANCE)
    assert hits == len(impacts), f"heard {found}, seen {impacts}"
    assert len(found) - hits <= 1, f"heard {found}, seen {impacts}"


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("background", "prompt"),
    [("plain", "wooden knocks"), ("textured", "metal hits"), ("plain", "footsteps on concrete")],
)
def test_a_ball_is_heard_as_it_bounces(tmp_path: Path, rate: FrameRate, background: Background, prompt: str) -> None:
    clip = tmp_path / "clip.mp4"
    seen = clips.bouncing_ball(
        clip, fps=rate, impacts=IMPACTS, seconds=3.6, drift=0.05, background=background, noise=2.0
    )
    assert_in_sync(clip, seen, prompt)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("scene", [clips.falling_blocks, clips.drumstick])
def test_things_are_heard_as_they_strike(tmp_path: Path, rate: FrameRate, scene: Callable[..., list[float]]) -> None:
    clip = tmp_path / "clip.mkv"
    assert_in_sync(clip, scene(clip, fps=rate, noise=1.0), "wooden knocks")


def test_every_ball_of_several_is_heard(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    each = clips.several_balls(clip, impacts=((0.5, 1.5, 2.5), (0.9, 1.9), (1.2, 2.2)))
    assert_in_sync(clip, sorted(time for ball in each for time in ball), "wooden knocks")


def test_everything_in_the_sample_is_heard(tmp_path: Path) -> None:
    """The first clip most people try: bounces, a rolling ball that knocks a block, a block that fells a slab."""
    make_sample(tmp_path / "sample.mp4")
    assert_in_sync(tmp_path / "sample.mp4", SAMPLE_IMPACTS, SAMPLE_PROMPT)


def test_a_sound_comes_from_where_it_is_seen(tmp_path: Path) -> None:
    clips.bouncing_ball(tmp_path / "left.mp4", x=0.15)
    clips.bouncing_ball(tmp_path / "right.mp4", x=0.85)
    left, right = (
        generate("wooden knocks, dry", tmp_path / f"{side}.mp4").samples.std(axis=0) for side in ("left", "right")
    )
    assert left[0] > 1.5 * left[1]
    assert right[1] > 1.5 * right[0]


def test_neither_a_moving_camera_nor_a_cut_is_an_event(tmp_path: Path) -> None:
    clips.pan(tmp_path / "pan.mp4")
    clips.cuts(tmp_path / "cuts.mp4")
    assert generate("wooden knocks", tmp_path / "pan.mp4").events == ()
    assert generate("wooden knocks", tmp_path / "cuts.mp4").events == ()


def test_a_flash_is_an_explosion_when_one_is_asked_for(tmp_path: Path) -> None:
    clips.flash(tmp_path / "clip.mp4", at=(1.0,), seconds=2.0)
    sound = generate("explosion", tmp_path / "clip.mp4")
    assert [event.kind for event in sound.events] == ["flash"]
    assert onsets(sound.samples)[0] == pytest.approx(1.0, abs=TOLERANCE)


def test_steps_follow_the_rhythm_of_a_movement_without_contacts(tmp_path: Path) -> None:
    """What sways once a second, all of it gently, strikes nothing; footsteps fall in with its two swings a second."""
    clip = tmp_path / "clip.mp4"
    behind = clips.textured(320, 180)

    def picture(time: float) -> clips.Image:
        image = behind(time)
        clips.draw_ball(image, (160 + 60 * math.sin(2 * math.pi * time), 90), 20, (40, 200, 250))
        return image

    clips.film(clip, picture, seconds=4.0)
    sound = generate("footsteps on concrete", clip)
    assert sound.events == ()
    assert np.median(np.diff(onsets(sound.samples))) == pytest.approx(0.5, abs=TOLERANCE)


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "clips" / "sync").exists(), reason="the reference clips are not here")
def test_real_footage_is_in_sync(tmp_path: Path) -> None:
    """Each clip with its own prompt and the usual parameters; docs/engine.md has the table, clip by clip."""
    truth = SHARED / "clips" / "sync" / "truth.json"
    for name, facts in json.loads(truth.read_text()).items():
        if facts["sync_grade"] != "C":
            sound = generate(facts["prompt"], truth.parent / name, duration=facts["duration"])
            wavfile.write(tmp_path / f"{Path(name).stem}.wav", SAMPLE_RATE, sound.samples)
    command = [sys.executable, str(SHARED / "tools" / "sync_score.py"), str(truth), str(tmp_path), "--json"]
    scores = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert scores["mean"]["lift"] >= 0.38, scores
