"""The engine as it ships, with the foley model: a clip in, its sound out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.clips import bouncing_ball
from tests.engine.running import VIDEO, RunningEngine, engine

IMPACTS = (0.5, 1.2, 1.7, 2.5)


@pytest.fixture(scope="module")
def foley(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with engine(tmp_path_factory.mktemp("foley"), model="engine.foley.model:Foley") as started:
        yield started


def upload(foley: RunningEngine, content: bytes) -> str:
    initiated = foley.http.post("/storage/upload/initiate", json={"file_name": "clip.mp4"}).json()
    assert httpx.put(initiated["upload_url"], content=content).status_code == 200
    address: str = initiated["file_url"]
    return address


def samples(wav: bytes) -> NDArray[np.float64]:
    """The samples of a stereo WAV, shape (frames, 2), -1..1."""
    with av.open(io.BytesIO(wav), "r") as container:
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(blocks, axis=1).reshape(-1, 2).astype(np.float64) / 2.0**31


def test_a_clip_gets_the_sound_of_what_happens_in_it(foley: RunningEngine, tmp_path: Path) -> None:
    bouncing_ball(tmp_path / "clip.mp4", impacts=IMPACTS, seconds=3)
    content = (tmp_path / "clip.mp4").read_bytes()
    wanted = {"prompt": "wooden knocks", "duration": 8, "seed": 11, "cfg_strength": 3}
    submitted = foley.submit(VIDEO, video_url=upload(foley, content), **wanted)
    status = foley.wait(submitted)
    result = foley.result(submitted).json()
    fractions = [entry["labels"]["progress"] for entry in status["logs"]]
    assert len(fractions) > 2
    assert fractions == sorted(fractions)
    assert result["duration"] == pytest.approx(3, abs=0.05), "no longer than the clip"
    assert [event["time"] for event in result["events"]] == pytest.approx(list(IMPACTS), abs=0.04)
    assert result["seed"] == 11
    assert result["understood"]
    wav = httpx.get(result["audio"]["url"]).content
    sound = samples(wav)
    assert len(sound) == round(result["duration"] * 48_000)
    assert 0.05 < np.abs(sound).max() <= 10 ** (-1 / 20)
    again = foley.run(VIDEO, video_url=upload(foley, content), **wanted)
    assert httpx.get(again["audio"]["url"]).content == wav
    with av.open(io.BytesIO(httpx.get(result["video"]["url"], timeout=60).content), "r") as video:
        assert {stream.type for stream in video.streams} == {"video", "audio"}


def test_words_alone_make_a_sound(foley: RunningEngine) -> None:
    result = foley.run(prompt="rain on a tin roof", duration=2)
    sound = samples(httpx.get(result["audio"]["url"]).content)
    assert len(sound) == 2 * 48_000
    assert np.sqrt(np.mean(sound**2)) > 0.003


@pytest.mark.parametrize("content", [b"", b"This is not a video.", b"#EXTM3U\nfile:///etc/passwd\n"])
def test_what_is_no_video_is_refused_with_a_sentence(foley: RunningEngine, content: bytes) -> None:
    response = foley.result(foley.submit(VIDEO, video_url=upload(foley, content)))
    assert response.status_code == 422
    (detail,) = response.json()["detail"]
    assert detail["loc"] == ["body", "video_url"]
    assert detail["type"] == "unsupported_video_format"
    assert detail["msg"].endswith(".")
