"""From a queued row to published files, with an engine that behaves, and with engines that don't."""

from __future__ import annotations

import errno
import json
import os
import wave
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.files.storage import FileSystemStorage

from jobs import lifecycle, pipeline
from jobs.backends import egress, registry
from jobs.models import Clip, Generation, JobEvent, Stage, Status
from tests.jobs.conftest import Ask, drive, step
from tests.jobs.pretend_engine import PretendEngine, after, pretend_engine, reply
from tests.jobs.sounds import RATE, wav

RUBBISH = "The sound engine sent an answer we could not read. Try again; if it stays so, tell your administrator."


@pytest.fixture
def engine(settings: Any) -> Iterator[PretendEngine]:
    with pretend_engine() as engine:
        engine.behave(wav(1.5), events=[{"time": 0.5, "strength": 0.9}], understood={"summary": "Knocks on wood."})
        settings.ENGINE_URL, settings.ENGINE_KEY = engine.url, "the-key"
        registry.client.cache_clear()
        yield engine
        registry.client("engine", ()).close()
        registry.client.cache_clear()


def stored_files(settings: Any) -> set[str]:
    root = Path(settings.MEDIA_ROOT)
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_clip_comes_back_with_sound(engine: PretendEngine, clip: Clip, ask: Ask) -> None:
    generation = drive(ask(clip, duration=8))
    assert generation.status == Status.SUCCEEDED, generation.error
    assert generation.video
    assert generation.audio
    with wave.open(generation.audio.path) as audio:
        assert (audio.getframerate(), audio.getsampwidth()) == (RATE, 3)
        assert audio.getnframes() == round(clip.duration * RATE)
    assert generation.events == [{"time": 0.5, "strength": 0.9}]
    assert generation.understood == {"summary": "Knocks on wood."}
    assert max(high for _, high in generation.peaks) > 0.2
    hashes = {
        name: sha256(Path(getattr(generation, name).path).read_bytes()).hexdigest() for name in ("audio", "video")
    }
    assert generation.job_events.get(kind="succeeded").data == {"sha256": hashes}
    assert generation.loudness is not None
    assert -40 < generation.loudness < -5
    assert set(generation.timings) == {"preparing", "generating", "muxing", "publishing"}


def test_text_to_audio_sends_no_clip_and_makes_no_video(engine: PretendEngine, ask: Ask) -> None:
    engine.behave(wav(2.0))
    generation = drive(ask(duration=2))
    assert generation.status == Status.SUCCEEDED, generation.error
    assert not generation.video
    assert engine.asked("initiate") == 0
    assert engine.requests[0][1].endswith("/fal-ai/mmaudio-v2/text-to-audio")


def test_every_parameter_is_sent_under_its_wire_name(engine: PretendEngine, clip: Clip, ask: Ask) -> None:
    drive(
        ask(
            clip,
            prompt="gravel",
            negative_prompt="wind",
            duration=1.2,
            quality_steps=30,
            prompt_strength=6.5,
            focus_on_subject=True,
            seed=99,
        )
    )
    body = next(json.loads(body) for name, _, body, _ in engine.requests if name == "submit")
    assert body == {
        "video_url": f"{engine.url}/file",
        "prompt": "gravel",
        "negative_prompt": "wind",
        "duration": 1.2,
        "num_steps": 30,
        "cfg_strength": 6.5,
        "mask_away_clip": True,
        "seed": 99,
    }


def test_the_engine_gets_the_very_bytes_of_a_small_clip(engine: PretendEngine, clip: Clip, ask: Ask) -> None:
    drive(ask(clip))
    sent = next(body for name, _, body, _ in engine.requests if name == "upload")
    assert sent == Path(clip.file.path).read_bytes()


def test_a_large_clip_goes_as_a_small_copy(
    engine: PretendEngine, clip: Clip, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "LARGEST_ORIGINAL_BYTES", 1000)
    generation = drive(ask(clip))
    assert generation.status == Status.SUCCEEDED, generation.error
    sent = next(body for name, _, body, _ in engine.requests if name == "upload")
    facts = JobEvent.objects.get(generation=generation, kind="proxy").data
    assert facts["sent_bytes"] == len(sent)
    assert facts["original_bytes"] == clip.file.size


def test_the_key_goes_to_the_engine_and_not_with_the_upload(engine: PretendEngine, clip: Clip, ask: Ask) -> None:
    drive(ask(clip))
    keys = {name: headers.get("Authorization") for name, _, _, headers in engine.requests}
    assert keys["submit"] == keys["status"] == keys["result"] == "Key the-key"
    assert keys["upload"] is None
    assert keys["file"] is None


def test_the_ticket_is_stored_before_the_first_poll(engine: PretendEngine, ask: Ask) -> None:
    generation = ask(duration=1.5)
    step(generation)
    assert generation.remote["request_id"] == "r1"
    assert engine.asked("status") == 0
    assert generation.stage == Stage.GENERATING


def test_a_worker_killed_after_the_submission_resumes_the_same_request(engine: PretendEngine, ask: Ask) -> None:
    generation = ask(duration=1.5)
    step(generation)
    Generation.objects.filter(pk=generation.pk).update(leased_by="dead:1:x", leased_until=generation.created_at)
    assert drive(generation).status == Status.SUCCEEDED
    assert engine.asked("submit") == 1


def test_the_engine_s_progress_and_words_reach_the_page(engine: PretendEngine, ask: Ask) -> None:
    entry = {"message": "Synthesising rain", "labels": {"progress": 0.5}}
    engine.answers["status"] = reply({"status": "IN_PROGRESS", "logs": [entry]}, 202)
    generation = ask(duration=1.5)
    step(generation)
    step(generation)
    assert generation.message == "Synthesising rain"
    assert 40 <= generation.progress <= 50


def test_a_cancel_reaches_the_engine(engine: PretendEngine, ask: Ask) -> None:
    engine.answers["status"] = reply({"status": "IN_PROGRESS", "logs": []}, 202)
    generation = ask(duration=1.5)
    step(generation)
    lifecycle.request_cancel(generation)
    assert drive(generation, steps=1).status == Status.CANCELLED
    assert engine.asked("cancel") == 1


def test_an_engine_that_was_restarted_gets_the_job_again(engine: PretendEngine, ask: Ask) -> None:
    good = engine.answers["status"]
    engine.answers["status"] = reply({"status": "NOT_FOUND"}, 404)
    generation = ask(duration=1.5)
    step(generation)
    step(generation)
    assert generation.remote == {}
    engine.answers["status"] = good
    assert drive(generation).status == Status.SUCCEEDED
    assert engine.asked("submit") == 2


def test_a_busy_engine_is_asked_again_when_it_says(engine: PretendEngine, ask: Ask) -> None:
    good = engine.answers["submit"]
    engine.answers["submit"] = reply({"detail": "queue full"}, 429, Retry_After="7")
    generation = ask(duration=1.5)
    assert step(generation) == 7.0
    engine.answers["submit"] = good
    assert drive(generation).status == Status.SUCCEEDED


def test_an_engine_that_is_down_for_a_moment_costs_nothing(engine: PretendEngine, ask: Ask) -> None:
    good = engine.answers["submit"]
    engine.answers["submit"] = reply(b"oops", 503)
    generation = ask(duration=1.5)
    assert step(generation) == pipeline.RETRY_SECONDS
    assert generation.message == "Waiting for the sound engine"
    engine.answers["submit"] = good
    assert drive(generation).status == Status.SUCCEEDED
    generation.refresh_from_db()
    assert generation.trouble_since is None


def test_an_engine_that_stays_down_fails_the_job_with_a_sentence(settings: Any, ask: Ask) -> None:
    settings.ENGINE_URL, settings.BACKEND_PATIENCE_SECONDS = "http://127.0.0.1:9", 0
    registry.client.cache_clear()
    generation = drive(ask())
    registry.client.cache_clear()
    assert generation.status == Status.FAILED
    assert generation.error == "The sound engine can’t be reached. Try again in a moment."


def test_an_engine_that_never_answers_fails_the_job_with_a_sentence(
    engine: PretendEngine, settings: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress, "TIMEOUT", httpx.Timeout(0.2))
    settings.BACKEND_PATIENCE_SECONDS = 0
    engine.answers["submit"] = after(0.6, reply({}))
    assert drive(ask()).error == "The sound engine takes too long to answer. Try again in a moment."


def test_an_engine_that_never_finishes_runs_into_the_deadline(engine: PretendEngine, settings: Any, ask: Ask) -> None:
    settings.GENERATION_TIMEOUT_SECONDS = 0
    engine.answers["status"] = reply({"status": "IN_PROGRESS", "logs": []}, 202)
    generation = drive(ask())
    assert generation.error.startswith("The sound engine did not finish within")
    assert engine.asked("cancel") == 1


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("submit", reply(b"<html>hello</html>")),
        ("submit", reply([1, 2, 3])),
        ("submit", reply({"request_id": "r1"})),
        ("submit", reply({"request_id": "r1", "status_url": 5, "response_url": "x", "cancel_url": "x"})),
        ("status", reply(b"\xff\xfe not json")),
        ("status", reply({"status": 5})),
        ("status", reply(b'"' + b"x" * 3_000_000 + b'"')),
        ("result", reply({"audio": "not a file"})),
        ("result", reply({"video": {"url": "ftp://127.0.0.1/x"}})),
        ("result", reply({"audio": {"url": "http://169.254.169.254/latest/meta-data"}})),
        ("result", reply({"audio": {"url": "file:///etc/passwd"}})),
    ],
)
def test_rubbish_from_the_engine_fails_the_job_with_a_sentence(
    engine: PretendEngine, ask: Ask, what: str, answer: Any
) -> None:
    engine.answers[what] = answer
    generation = drive(ask(duration=1.5))
    assert generation.status == Status.FAILED
    assert generation.error == RUBBISH


def test_addresses_of_another_host_in_the_ticket_get_neither_key_nor_call(engine: PretendEngine, ask: Ask) -> None:
    with pretend_engine() as stranger:
        stranger.behave(wav(1.5))
        engine.answers["submit"] = stranger.answers["submit"]
        assert drive(ask(duration=1.5)).error == RUBBISH
        assert stranger.requests == []


@pytest.mark.parametrize(
    ("audio", "sentence"),
    [
        (b"this is no audio", None),
        (b"", None),
        (wav(1.5, level=0.0), "silen"),
    ],
)
def test_audio_that_is_no_sound_fails_the_job_and_stores_nothing(
    engine: PretendEngine, ask: Ask, settings: Any, audio: bytes, sentence: str | None
) -> None:
    engine.behave(audio)
    generation = drive(ask(duration=1.5))
    assert generation.status == Status.FAILED
    assert generation.error
    if sentence:
        assert sentence in generation.error
    assert stored_files(settings) == set()


def test_mono_at_another_rate_is_brought_to_the_house_format(engine: PretendEngine, ask: Ask) -> None:
    engine.behave(wav(2.0, rate=44_100, channels=1))
    generation = drive(ask(duration=2))
    with wave.open(generation.audio.path) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getnframes()) == (RATE, 1, 2 * RATE)


def test_audio_shorter_than_asked_is_padded_and_said(engine: PretendEngine, ask: Ask) -> None:
    engine.behave(wav(1.0))
    generation = drive(ask(duration=2))
    with wave.open(generation.audio.path) as audio:
        assert audio.getnframes() == 2 * RATE
    assert any("shorter" in note for note in generation.notes)


def test_a_model_s_complaint_is_shown(engine: PretendEngine, ask: Ask) -> None:
    detail = [{"loc": ["body", "video_url"], "msg": "The clip has no picture.", "type": "unsupported_video_format"}]
    engine.answers["result"] = reply({"detail": detail}, 422)
    assert "The clip has no picture." in drive(ask()).error


def test_an_engine_s_own_failure_is_a_calm_sentence(engine: PretendEngine, ask: Ask) -> None:
    engine.answers["result"] = reply(
        {"detail": "worker died", "error_type": "internal_server_error"}, 500, X_Fal_Error_Type="internal_server_error"
    )
    assert drive(ask()).error == "The sound engine failed on this job. Try again; another clip or prompt may work."


def test_a_full_disk_on_publishing_is_said_and_leaves_nothing_behind(
    engine: PretendEngine, clip: Clip, ask: Ask, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored_files(settings)
    save = FileSystemStorage.save

    def full(self: FileSystemStorage, name: str, content: Any, max_length: int | None = None) -> str:
        if name.endswith(".wav"):
            return save(self, name, content, max_length)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FileSystemStorage, "save", full)
    generation = drive(ask(clip))
    assert generation.status == Status.FAILED
    assert generation.error == pipeline.DISK_FULL
    assert stored_files(settings) == before


def test_the_unexpected_is_logged_with_the_id_and_shown_as_a_sentence(
    engine: PretendEngine, ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        try:
            raise ValueError("a secret detail".upper())
        except ValueError as cause:
            raise RuntimeError(str(cause)) from cause

    monkeypatch.setattr(pipeline, "_publish", broken)
    generation = drive(ask(duration=1.5))
    assert generation.status == Status.FAILED
    assert generation.public_id in generation.error
    assert "secret detail" not in generation.error.lower()
    assert generation.public_id in caplog.text
    assert "A SECRET DETAIL" in caplog.text
    traceback = generation.job_events.get(kind="failed").data["traceback"]
    assert "ValueError\n" in traceback
    assert traceback.endswith("RuntimeError")
    assert "A SECRET DETAIL" not in traceback


def test_a_lease_lost_while_publishing_leaves_no_files_behind(
    engine: PretendEngine, ask: Ask, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = ask(duration=1.5)
    succeed = lifecycle.succeed

    def too_late(late: Generation, **results: Any) -> None:
        Generation.objects.filter(pk=late.pk).update(leased_by="someone else")
        succeed(late, **results)

    monkeypatch.setattr(lifecycle, "succeed", too_late)
    with pytest.raises(lifecycle.LeaseLost):
        drive(generation)
    assert stored_files(settings) == set()
