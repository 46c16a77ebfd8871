"""The whole model on small networks: every parameter, every kind of clip, and what is kept between takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.mmaudio.model import MMAudio, advice
from engine.mmaudio.networks import Networks
from engine.mmaudio.settings import Settings
from engine.model import SAMPLE_RATE, BadInput
from tests import clips
from tests.engine.mmaudio.small import counted, generate

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "ball.mp4"
    clips.bouncing_ball(path, fps=30.0, seconds=1.6, width=96, height=64)
    return path


@pytest.mark.parametrize("duration", [1.0, 1.37, 8.0, 30.0])
def test_sound_from_words_is_as_long_as_asked(model: MMAudio, duration: float) -> None:
    samples = generate(model, None, duration=duration).samples
    assert samples.shape == (round(duration * SAMPLE_RATE), 2)
    assert samples.dtype == np.float32
    assert 0 < np.abs(samples).max() <= 1.0


@pytest.mark.parametrize("fps", [12.0, 24.0, 25.0, 29.97, 60.0, "variable"])
def test_the_clips_length_is_kept_at_any_frame_rate(model: MMAudio, tmp_path: Path, fps: clips.FrameRate) -> None:
    path = tmp_path / "clip.mp4"
    clips.film(path, clips.textured(64, 48), fps=fps, seconds=2.0)
    length = len(generate(model, path, duration=2.0).samples) / SAMPLE_RATE
    assert length == pytest.approx(2.0, abs=1e-6 if fps != "variable" else 1 / 15)


def test_a_clip_too_short_for_one_look_still_gets_its_sound(model: MMAudio, tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    clips.film(path, clips.textured(64, 48), fps=25.0, seconds=0.4)
    assert len(generate(model, path, duration=8.0).samples) == round(0.4 * SAMPLE_RATE)


def test_a_first_picture_that_comes_late_is_the_start(model: MMAudio, clip: Path, tmp_path: Path) -> None:
    def moved(ticks: int) -> Path:
        path = tmp_path / f"{ticks}.mkv"
        with av.open(str(clip)) as source, av.open(str(path), "w") as target:
            (picture,) = source.streams.video
            track = target.add_stream_from_template(picture)
            for packet in source.demux(picture):
                if packet.pts is not None and packet.dts is not None:
                    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                    packet.stream = track
                    target.mux(packet)
        return path

    on_time, late = moved(0), moved(clips.TIME_BASE.denominator // 2)
    with av.open(str(late)) as file:
        assert next(file.decode(video=0)).time == pytest.approx(0.5, abs=0.1)
    np.testing.assert_array_equal(generate(model, late).samples, generate(model, on_time).samples)


def test_the_timing_encoder_sees_the_middle_of_the_picture_or_all_of_it(
    networks: Networks, clip: Path, tmp_path: Path
) -> None:
    square = tmp_path / "square.mp4"
    clips.film(square, clips.textured(64, 64), fps=25.0, seconds=1.0)
    for path, alike in ((clip, False), (square, True)):
        crop, squeeze = (
            generate(MMAudio(networks, Settings(device="cpu", edges=edges)), path, focus_on_subject=True).samples
            for edges in ("crop", "squeeze")
        )
        assert np.array_equal(crop, squeeze) == alike


def test_the_same_seed_gives_the_same_samples_and_another_seed_another_take(model: MMAudio, clip: Path) -> None:
    first, again, other = (generate(model, clip, seed=seed).samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize(
    "change",
    [
        {"negative_prompt": "music"},
        {"quality_steps": 8},
        {"prompt_strength": 9.0},
        {"prompt_strength": 0.0},
        {"focus_on_subject": True},
    ],
    ids=lambda change: "-".join(change),
)
def test_every_parameter_counts(model: MMAudio, clip: Path, change: dict[str, Any]) -> None:
    assert not np.array_equal(generate(model, clip).samples, generate(model, clip, **change).samples)


def test_focus_on_subject_takes_from_the_picture_when_it_moves_but_not_what_it_shows(
    networks: Networks, clip: Path
) -> None:
    blind = replace(networks)
    blind.clip.see, seeing = lambda pictures: torch.randn(len(pictures), 64), blind.clip.see  # type: ignore[method-assign]
    try:
        without, focused = (
            generate(MMAudio(blind, Settings(device="cpu")), clip, focus_on_subject=focus).samples
            for focus in (False, True)
        )
    finally:
        blind.clip.see = seeing  # type: ignore[method-assign]
    model = MMAudio(networks, Settings(device="cpu"))
    np.testing.assert_array_equal(focused, generate(model, clip, focus_on_subject=True).samples)
    assert not np.array_equal(without, generate(model, clip).samples)
    assert not np.array_equal(focused, generate(model, None, duration=1.0).samples)


def test_another_take_of_a_clip_does_not_look_at_it_again(model: MMAudio, clip: Path, tmp_path: Path) -> None:
    generate(model, clip)
    copy = tmp_path / "under-another-name.mp4"
    copy.write_bytes(clip.read_bytes())
    with counted(model.networks.clip.vision) as pictures, counted(model.networks.synchformer) as segments:
        generate(model, copy, seed=8)
        assert (pictures, segments) == ([], [])
        generate(model, copy, duration=1.6)
        assert pictures
        assert segments


def test_pictures_that_are_alike_are_looked_at_once(model: MMAudio, tmp_path: Path) -> None:
    path = tmp_path / "still.mkv"
    clips.film(path, clips.plain(64, 48), fps=25.0, seconds=1.0)
    with counted(model.networks.clip.vision) as pictures:
        generate(model, path)
    assert pictures == [1]


def test_a_file_without_a_picture_is_refused_with_a_sentence(model: MMAudio, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not a clip")
    with pytest.raises(BadInput, match="not a video"):
        generate(model, path)


def test_the_result_says_whose_weights_made_it_and_what_it_is_like(model: MMAudio) -> None:
    understood = generate(model, None).understood
    assert "CC-BY-NC" in understood["licence"]
    assert 0 <= understood["voice_likeness"] <= 1
    assert 0 <= understood["music_likeness"] <= 1


def test_what_the_network_is_known_for_is_told_with_a_remedy() -> None:
    assert advice(0.2, 0.2, 8.0, "") == []
    (voice,) = advice(0.9, 0.2, 8.0, "wind")
    assert "like a voice" in voice
    assert "“voice, speech” as negative prompt" in voice
    (music,) = advice(0.2, 0.9, 8.0, "Music, wind")
    assert "like music" in music
    assert "another seed" in music
    (long,) = advice(0.0, 0.0, 12.0, "")
    assert "beyond that its quality falls" in long
    (short,) = advice(0.0, 0.0, 1.5, "")
    assert "poorer" in short
