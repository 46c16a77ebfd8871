"""What every result is, whatever was asked for; and that no clip is too odd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.foley.sound import TEXTURES
from engine.foley.sound.brief import Bed, Character, Detail
from engine.model import BadInput, Sound
from tests import clips
from tests.engine.foley.listening import generate, level, loudness, onsets, true_peak

MIXED = {
    "wooden knocks with rain and wind": -23.0,
    "footsteps on gravel, birds and a distant car engine": -23.0,
    "metal hits in a cave with dripping water": -23.0,
    "explosion and a crackling fire": -23.0,
}
SPARSE = ("mouse click, dry", "plastic hits", "a gunshot", "typing on a keyboard")


@pytest.fixture(scope="module")
def ball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "ball.mp4"
    clips.bouncing_ball(path)
    return path


@pytest.fixture(scope="module")
def sounds(ball: Path) -> dict[str, Sound]:
    return {prompt: generate(prompt, ball) for prompt in (*MIXED, *SPARSE)}


@pytest.mark.parametrize("name", TEXTURES)
def test_what_follows_the_movement_bears_that_nothing_moves(name: str) -> None:
    """For most of the time, as in a still shot that ends with a start."""
    activity = np.zeros(51)
    activity[-5:] = 1.0
    out = TEXTURES[name](Bed(Character(), 0.5, activity, np.random.default_rng(1), Detail(25)))
    assert np.isfinite(out).all()


def test_a_layer_that_follows_the_movement_is_silent_in_a_still(tmp_path: Path) -> None:
    path = tmp_path / "still.mp4"
    clips.film(path, clips.plain(64, 48), fps=25.0, seconds=1.0)
    for prompt in ("wind in the trees when he moves", "heavy rain when he moves"):
        assert_sound(generate(prompt, path))


def assert_sound(sound: Sound) -> None:
    samples = sound.samples
    assert samples.dtype == np.float32
    assert samples.ndim == 2
    assert samples.shape[1] == 2
    assert np.isfinite(samples).all()
    assert np.abs(samples).max(initial=0.0) <= 10 ** (-1 / 20)


@pytest.mark.parametrize("prompt", MIXED)
def test_mixed_scenes_have_the_house_loudness(sounds: dict[str, Sound], prompt: str) -> None:
    assert loudness(sounds[prompt].samples) == pytest.approx(MIXED[prompt], abs=0.6)


@pytest.mark.parametrize("prompt", SPARSE)
def test_sparse_clicks_are_near_it_but_never_louder(sounds: dict[str, Sound], prompt: str) -> None:
    """Their peaks would have to be crushed to bring them all the way."""
    assert -33 < loudness(sounds[prompt].samples) < -22.5


@pytest.mark.parametrize("prompt", [*MIXED, *SPARSE])
def test_peaks_stay_below_the_ceiling_between_the_samples_too(sounds: dict[str, Sound], prompt: str) -> None:
    assert_sound(sounds[prompt])
    assert true_peak(sounds[prompt].samples) <= -1.0


@pytest.mark.parametrize("prompt", [*MIXED, *SPARSE])
def test_there_is_no_dc_and_no_click_at_the_ends(sounds: dict[str, Sound], prompt: str) -> None:
    samples = sounds[prompt].samples.astype(np.float64)
    peak = np.abs(samples).max()
    assert np.abs(samples.mean(axis=0)).max() < 0.001 * peak
    for end in (samples[:24], samples[::-1][:24]):
        assert np.abs(end[0]).max() < 0.001 * peak
        assert np.abs(np.diff(end, axis=0)).max() < 0.02 * peak


def test_a_sound_that_is_cut_off_ends_softly() -> None:
    samples = generate("a church bell", duration=1.0).samples
    assert level(samples[-48:]) < level(samples[-4800:-2400]) - 30


def black(width: int, height: int) -> clips.Picture:
    return lambda time: np.zeros((height, width, 3), np.uint8)


def blinking(width: int, height: int) -> clips.Picture:
    return lambda time: np.full((height, width, 3), 255 * (time % 0.5 < 0.25), np.uint8)


ODD: dict[str, tuple[Callable[[int, int], clips.Picture], int, int, dict[str, Any]]] = {
    "one frame": (clips.textured, 320, 180, {"seconds": 0.03}),
    "two frames": (clips.textured, 320, 180, {"seconds": 0.066}),
    "one pixel": (black, 1, 1, {"seconds": 1.0, "fps": 10}),
    "four pixels that blink": (blinking, 2, 2, {"seconds": 1.0, "fps": 10}),
    "a thin strip": (clips.textured, 640, 4, {"seconds": 1.0, "fps": 10}),
    "black": (black, 320, 180, {"seconds": 1.0}),
    "nothing but flicker": (blinking, 320, 180, {"seconds": 1.5}),
    "static": (clips.textured, 320, 180, {"seconds": 1.0}),
    "one frame a second": (clips.busy, 320, 180, {"seconds": 4.0, "fps": 1}),
    "120 frames a second": (clips.busy, 160, 90, {"seconds": 1.0, "fps": 120}),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("prompt", ["metal hits, a car engine, whooshes and wind", "zorbing"])
def test_no_clip_is_too_odd(tmp_path: Path, name: str, prompt: str) -> None:
    picture, width, height, made = ODD[name]
    clip = tmp_path / "clip.mkv"
    clips.film(clip, picture(width, height), codec="ffv1", **made)
    for focus in (False, True):
        sound = generate(prompt, clip, focus_on_subject=focus)
        assert_sound(sound)
        assert level(sound.samples) > -60


def test_a_portrait_that_is_stored_on_its_side_is_seen_upright(tmp_path: Path) -> None:
    """Stored, the ball bounces off the right edge; seen, off the floor: near the bottom."""
    clip = tmp_path / "clip.mp4"
    impacts = [0.5, 1.2, 1.7, 2.5]
    where = clips.bounces(impacts, 290, 60, 90)

    def picture(time: float) -> clips.Image:
        upright = clips.plain(180, 320)(time)
        clips.draw_ball(upright, where(time), 14, (40, 200, 250))
        return np.ascontiguousarray(np.rot90(upright))  # counter-clockwise: players turn it back

    clips.film(clip, picture, seconds=3.0, rotate=90)
    sound = generate("wooden knocks", clip)
    assert [event.time for event in sound.events] == pytest.approx(impacts, abs=0.04)
    assert all(event.y > 0.75 for event in sound.events)
    assert len(onsets(sound.samples)) == len(impacts)


def test_a_variant_that_is_asked_of_the_only_one_is_refused() -> None:
    with pytest.raises(BadInput, match="leave the variant out"):
        generate("rain", None, variant="small_16k")


@pytest.mark.parametrize("content", [b"", b"not a video", b"\x00" * 4096])
def test_what_is_no_clip_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(content)
    with pytest.raises(BadInput, match=r"\.$") as refused:
        generate("rain", clip)
    assert refused.value.kind == "unsupported_video_format"
