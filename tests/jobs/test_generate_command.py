"""The pipeline from a terminal, as a user types it: a real process, the real engine, a fresh data folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import av
import pytest

from tests.clips import bouncing_ball
from tests.jobs.backends.servers import FAL_KEY, fal_server

ROOT = Path(__file__).resolve().parents[2]


def generate(data: Path, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {
        "DATA_DIR": str(data),
        "PORT": "9",
        **settings,
    }  # nothing answers beside port 9: the command starts its own engine
    return subprocess.run(
        [sys.executable, "manage.py", "generate", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_clip_becomes_a_clip_with_sound_and_a_wav(tmp_path: Path, data: Path) -> None:
    clip = tmp_path / "ball.mp4"
    impacts = bouncing_ball(clip, seconds=2.0, impacts=(0.6, 1.3))
    out = tmp_path / "out"
    done = generate(data, clip, "--prompt", "knocks on wood", "--seed", "5", "--output", out, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["status"] == "succeeded"
    assert result["seed"] == 5
    assert result["duration"] == pytest.approx(2.0, abs=0.05)
    assert set(result["timings"]) == {"preparing", "generating", "muxing", "publishing"}
    assert sorted(path.name for path in out.iterdir()) == ["ball-seed5.mp4", "ball-seed5.wav"]
    with wave.open(result["audio"]) as audio:
        assert audio.getnframes() == round(result["duration"] * 48_000)
    with av.open(result["video"]) as video:
        assert [stream.type for stream in video.streams] == ["video", "audio"]
    for impact in impacts:
        assert any(abs(event["time"] - impact) <= 0.04 for event in result["events"])


def test_without_a_clip_it_makes_a_sound_effect(tmp_path: Path, data: Path) -> None:
    done = generate(data, "--prompt", "rain", "--duration", "1.5", "--output", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["video"] is None
    with wave.open(result["audio"]) as audio:
        assert audio.getnframes() == 72_000


def test_a_hosted_backend_makes_the_sound_and_its_cost_is_told(tmp_path: Path, data: Path) -> None:
    asked = ("--prompt", "rain", "--duration", "2", "--backend", "fal", "--output", tmp_path / "out", "--json")
    with fal_server() as fal:
        done = generate(data, *asked, FAL_KEY=FAL_KEY, FAL_QUEUE_URL=fal.url, FAL_REST_URL=fal.url)
        assert done.returncode == 0, done.stderr
        assert len(fal.purchases) == 1
    result = json.loads(done.stdout)
    assert (result["backend"], result["cost"]) == ("fal", "0.0020")
    with wave.open(result["audio"]) as audio:
        assert audio.getnframes() == 96_000
    assert FAL_KEY not in (data / "generate.log").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{text}", "--prompt", "rain"], "video"),
        (["missing.mp4", "--prompt", "rain"], "can't be read"),
        (["--prompt", "rain", "--duration", "31"], "--duration"),
        (["--prompt", "rain", "--duration", "nan"], "--duration"),
        (["--prompt", "rain", "--seed", "70000"], "--seed"),
        (["--prompt", "  "], "--prompt is empty"),
        (["--prompt", "rain", "--backend", "scenario"], "SCENARIO_API_KEY"),
    ],
)
def test_a_failure_is_one_sentence_and_writes_nothing(
    tmp_path: Path, data: Path, arguments: list[str], sentence: str
) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video at all")
    out = tmp_path / "out"
    filled = [argument.format(text=text) for argument in arguments]
    done = generate(data, *filled, "--output", out, "--json")
    assert done.returncode != 0
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert json.loads(done.stdout) == {"status": "failed", "error": done.stderr.strip()}
    assert not out.exists()
