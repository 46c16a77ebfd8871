"""The pitfalls of hosted MM Audio, each against both providers, from the row in the database to the published files."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from jobs.backends import registry
from jobs.models import Clip, Generation, Status
from tests.jobs.backends.carriers import mono_mp3, video_with_mono_aac, video_without_sound
from tests.jobs.backends.servers import (
    FAL_KEY,
    HANG_UP,
    SCENARIO_KEY,
    SCENARIO_SECRET,
    FalServer,
    Reply,
    ScenarioServer,
    fal_server,
    scenario_server,
)
from tests.jobs.conftest import Ask, drive, step
from tests.jobs.sounds import RATE, wav
from webapp.accounts.models import Team


@dataclass
class Provider:
    """One of the two, and how it calls what both have."""

    name: str
    server: FalServer | ScenarioServer
    status: str
    refusal: Reply

    def sent_clips(self) -> list[bytes]:
        return [asked.body for what in ("upload", "part") for asked in self.server.calls(what) if asked.body]

    def fail_by_policy(self) -> None:
        if isinstance(self.server, FalServer):
            detail = [{"loc": ["body", "prompt"], "msg": "Flagged: blood", "type": "content_policy_violation"}]
            self.server.fail_next(Reply({"detail": detail}, 422))
        else:
            self.server.fail_next(error="Flagged by moderation: blood")


@pytest.fixture(params=["fal", "scenario"])
def provider(request: pytest.FixtureRequest, settings: Any, team: Team) -> Iterator[Provider]:
    team.default_backend = request.param
    team.save()
    registry.client.cache_clear()
    if request.param == "fal":
        with fal_server() as fal:
            settings.FAL_KEY, settings.FAL_QUEUE_URL, settings.FAL_REST_URL = FAL_KEY, fal.url, fal.url
            yield Provider("fal", fal, "status", Reply({"detail": "x"}, 401))
    else:
        with scenario_server() as scenario:
            settings.SCENARIO_API_KEY, settings.SCENARIO_API_SECRET = SCENARIO_KEY, SCENARIO_SECRET
            settings.SCENARIO_BASE_URL = scenario.url
            yield Provider("scenario", scenario, "job", Reply({"message": "x"}, 401))
    registry.client.cache_clear()


def succeeded(generation: Generation) -> Generation:
    drive(generation)
    assert generation.status == Status.SUCCEEDED, generation.error
    return generation


def frames(path: str) -> list[bytes]:
    """The compressed pictures of a clip."""
    with av.open(path) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def test_the_clip_s_length_is_always_sent_or_eight_seconds_would_be_assumed(
    provider: Provider, clip: Clip, ask: Ask
) -> None:
    succeeded(ask(clip, duration=30))
    assert provider.server.purchases[0]["duration"] == clip.duration


def test_a_duration_beyond_the_clip_is_not_asked_for(provider: Provider, clip: Clip, ask: Ask) -> None:
    generation = succeeded(ask(clip, duration=8))
    assert provider.server.purchases[0]["duration"] == generation.effective_duration == clip.duration


def test_a_re_encoded_video_is_a_carrier_of_sound_for_the_untouched_original(
    provider: Provider, clip: Clip, ask: Ask
) -> None:
    generation = succeeded(ask(clip))
    assert frames(generation.video.path) == frames(clip.file.path)
    with wave.open(generation.audio.path) as audio:
        assert (audio.getframerate(), audio.getsampwidth(), audio.getnchannels()) == (RATE, 3, 1)
        assert audio.getnframes() == round(clip.duration * RATE)


def test_text_to_audio_in_another_format_becomes_the_house_s(provider: Provider, ask: Ask) -> None:
    generation = succeeded(ask(duration=2))
    with wave.open(generation.audio.path) as audio:
        assert (audio.getframerate(), audio.getsampwidth(), audio.getnframes()) == (RATE, 3, 2 * RATE)
    assert max(high for _, high in generation.peaks) > 0.2


@pytest.mark.parametrize("claimed", ["application/octet-stream", "text/html", "image/png"])
def test_a_wrong_content_type_is_not_believed(provider: Provider, ask: Ask, claimed: str) -> None:
    provider.server.file_type = claimed
    succeeded(ask(duration=2))


def test_sound_shorter_than_the_picture_is_padded_and_said(provider: Provider, clip: Clip, ask: Ask) -> None:
    provider.server.carrier = video_with_mono_aac(1.5, 0.8)
    generation = succeeded(ask(clip))
    with wave.open(generation.audio.path) as audio:
        assert audio.getnframes() == round(clip.duration * RATE)
    assert any("shorter" in note for note in generation.notes)


def test_sound_a_little_longer_than_asked_is_cut(provider: Provider, ask: Ask) -> None:
    provider.server.carrier = mono_mp3(2.011)
    generation = succeeded(ask(duration=2))
    with wave.open(generation.audio.path) as audio:
        assert audio.getnframes() == 2 * RATE
    assert generation.notes == []


def test_a_small_silent_copy_is_all_that_leaves(provider: Provider, clip: Clip, ask: Ask, tmp_path: Path) -> None:
    """Small: the model sees no more. Silent: it looks at the picture alone, and what people said stays here."""
    succeeded(ask(clip))
    (sent,) = provider.sent_clips()
    assert sent != Path(clip.file.path).read_bytes()
    (tmp_path / "sent.mp4").write_bytes(sent)
    with av.open(str(tmp_path / "sent.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.streams.video[0].average_rate == 25


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_is_no_result(provider: Provider, ask: Ask, level: float) -> None:
    provider.server.carrier = wav(2.0, level=level)
    generation = drive(ask(duration=2))
    assert (generation.status, generation.error_kind) == (Status.FAILED, "silent")


def test_a_file_without_sound_is_no_result(provider: Provider, clip: Clip, ask: Ask) -> None:
    provider.server.carrier = video_without_sound(1.5)
    generation = drive(ask(clip))
    assert (generation.status, generation.error_kind) == (Status.FAILED, "no_audio")


def test_sounds_to_exclude_are_sent(provider: Provider, ask: Ask) -> None:
    succeeded(ask(duration=2, negative_prompt="speech, music"))
    bought = provider.server.purchases[0]
    assert bought.get("negative_prompt", bought.get("negativePrompt")) == "speech, music"


def test_a_failure_that_looks_like_a_success_is_none(provider: Provider, ask: Ask) -> None:
    if isinstance(provider.server, FalServer):
        provider.server.fail_next(Reply({"detail": "x", "error_type": "runner_server_error"}, 500), error="x")
    else:
        provider.server.fail_next(error="It broke.")
    generation = drive(ask(duration=2))
    assert (generation.status, generation.error_kind) == (Status.FAILED, "job_failed")
    assert len(provider.server.purchases) == 1


def test_polls_that_are_refused_end_the_job(provider: Provider, ask: Ask) -> None:
    generation = ask(duration=2)
    step(generation)
    provider.server.always_say(provider.status, provider.refusal)
    drive(generation, steps=1)
    assert (generation.status, generation.error_kind) == (Status.FAILED, "bad_key")


@pytest.mark.parametrize("trouble", [Reply(b"", 500), Reply(b"<html>", 503), HANG_UP])
def test_polls_in_trouble_back_off_and_the_job_goes_on(provider: Provider, ask: Ask, trouble: Reply) -> None:
    generation = ask(duration=2)
    step(generation)
    provider.server.say(provider.status, trouble, trouble)
    assert (step(generation) or 0) > 0
    succeeded(generation)
    assert len(provider.server.purchases) == 1


def test_polls_that_come_too_often_wait_as_told(provider: Provider, ask: Ask) -> None:
    generation = ask(duration=2)
    step(generation)
    provider.server.say(provider.status, Reply({"detail": "x"}, 429, {"Retry-After": "17"}))
    assert step(generation) == 17
    succeeded(generation)


def test_a_job_that_never_ends_runs_into_one_deadline(provider: Provider, settings: Any, ask: Ask) -> None:
    provider.server.polls_until_done = 10_000
    settings.HOSTED_TIMEOUT_SECONDS = 0
    generation = drive(ask(duration=2))
    assert generation.status == Status.FAILED
    assert len(provider.server.purchases) == 1
    assert provider.server.calls("cancel")


def test_a_worker_that_died_is_followed_by_one_that_resumes_the_bought_job(provider: Provider, ask: Ask) -> None:
    generation = ask(duration=2)
    step(generation)
    assert generation.remote["request_id"]
    assert provider.server.calls(provider.status) == [], "the ticket is stored before the first poll"
    Generation.objects.filter(pk=generation.pk).update(leased_by="dead:1:x", leased_until=generation.created_at)
    succeeded(generation)
    assert len(provider.server.purchases) == 1


def test_a_result_is_fetched_in_the_step_that_finds_it_done(provider: Provider, ask: Ask) -> None:
    """It may be gone within minutes."""
    provider.server.polls_until_done = 1
    generation = ask(duration=2)
    step(generation)
    assert drive(generation, steps=1).status == Status.SUCCEEDED


def test_a_result_that_is_gone_is_not_bought_again(provider: Provider, ask: Ask) -> None:
    provider.server.always_say("file", Reply(b"", 404))
    generation = drive(ask(duration=2))
    assert (generation.status, generation.error_kind) == (Status.FAILED, "lost")
    assert len(provider.server.purchases) == 1


def test_moderation_shows_its_reason_and_is_never_tried_again(provider: Provider, ask: Ask) -> None:
    provider.fail_by_policy()
    generation = drive(ask(duration=2))
    assert (generation.status, generation.error_kind) == (Status.FAILED, "policy")
    assert "blood" in generation.error
    assert len(provider.server.purchases) == 1


@pytest.mark.parametrize("answer", [HANG_UP, Reply(b"", 500), Reply(b"<html>hello</html>"), Reply(b"", 504)])
def test_a_submission_without_a_clear_answer_is_unclear_and_never_repeated(
    provider: Provider, ask: Ask, answer: Reply
) -> None:
    provider.server.say("submit", answer)
    generation = drive(ask(duration=2))
    assert (generation.status, generation.error_kind) == (Status.FAILED, "unclear")
    assert len(provider.server.calls("submit")) == 1


def test_an_account_that_is_busy_keeps_the_job_waiting(provider: Provider, ask: Ask) -> None:
    provider.server.say("submit", Reply({"message": "too many jobs", "remainingSeconds": 9}, 429, {"Retry-After": "9"}))
    generation = ask(duration=2)
    assert step(generation) == 9
    succeeded(generation)
    assert len(provider.server.purchases) == 1


def test_the_same_seconds_of_a_clip_are_sent_to_scenario_once(provider: Provider, clip: Clip, ask: Ask) -> None:
    """fal forgets them within a day; Scenario keeps them."""
    succeeded(ask(clip))
    succeeded(ask(clip, seed=8))
    assert len(provider.sent_clips()) == {"fal": 2, "scenario": 1}[provider.name]
