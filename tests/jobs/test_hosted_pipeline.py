"""From a queued row to published files through hosted backends: bought once, resumed anywhere, within the limits."""

from __future__ import annotations

import errno
import wave
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import av
import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from jobs import intake, keys, lifecycle, limits, operations
from jobs.backends import registry
from jobs.models import Clip, Generation, JobEvent, Operation, Stage, Status
from tests.jobs.backends.carriers import mono_flac, video_without_sound
from tests.jobs.backends.servers import (
    FAL_KEY,
    HANG_UP,
    SCENARIO_KEY,
    SCENARIO_SECRET,
    Asked,
    FalServer,
    Reply,
    ScenarioServer,
    Server,
    fal_server,
    scenario_server,
)
from tests.jobs.conftest import drive, step
from tests.jobs.media.files import packets
from webapp.accounts.models import Team

HOSTED = ("fal", "scenario")


@pytest.fixture
def fal(settings: Any) -> Iterator[FalServer]:
    with fal_server() as server:
        settings.FAL_KEY, settings.FAL_QUEUE_URL, settings.FAL_REST_URL = FAL_KEY, server.url, server.url
        registry.client.cache_clear()
        yield server
        registry.client("fal", registry.installed("fal")).close()
        registry.client.cache_clear()


@pytest.fixture
def scenario(settings: Any) -> Iterator[ScenarioServer]:
    with scenario_server() as server:
        settings.SCENARIO_API_KEY, settings.SCENARIO_API_SECRET = SCENARIO_KEY, SCENARIO_SECRET
        settings.SCENARIO_BASE_URL = server.url
        registry.client.cache_clear()
        yield server
        registry.client("scenario", registry.installed("scenario")).close()
        registry.client.cache_clear()


@pytest.fixture
def servers(fal: FalServer, scenario: ScenarioServer) -> dict[str, Server]:
    return {"fal": fal, "scenario": scenario}


@pytest.fixture
def both(team: Team, servers: dict[str, Server]) -> Any:
    """Ask a hosted backend for two seconds, or for a clip's sound, without ringing for a worker."""

    def ask(backend: str, clip: Clip | None = None, **parameters: Any) -> Generation:
        chosen = intake.Parameters(**{"prompt": "knocks on wood", "seed": 7, "duration": 2.0, **parameters})
        return intake.accept_generation(team, None, clip, chosen, backend=backend, enqueue=False)

    return ask


def kinds(generation: Generation) -> list[str]:
    return list(JobEvent.objects.filter(generation=generation).values_list("kind", flat=True))


def kill_the_worker(generation: Generation) -> None:
    """Leave the row as a worker leaves it that was killed a while ago: leased, and not renewed since."""
    Generation.objects.filter(pk=generation.pk).update(leased_by="dead:1:x", leased_until=generation.created_at)
    generation.refresh_from_db()


def until(generation: Generation, ready: Any) -> Generation:
    for _ in range(50):
        if ready(generation):
            return generation
        step(generation)
    raise AssertionError(f"never; now {generation.status} ({generation.stage})")


# --- Both backends, both modes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", HOSTED)
def test_a_clip_comes_back_with_its_own_picture_and_a_sound_in_the_house_format(
    servers: dict[str, Server], both: Any, clip: Clip, backend: str
) -> None:
    generation = drive(both(backend, clip))
    assert generation.status == Status.SUCCEEDED, generation.error
    assert packets(Path(generation.video.path)) == packets(Path(clip.file.path))
    with wave.open(generation.audio.path) as audio:
        assert (audio.getframerate(), audio.getsampwidth()) == (48_000, 3)
        assert audio.getnframes() == round(clip.duration * 48_000)
    assert len(servers[backend].purchases) == 1
    assert kinds(generation)[-1] == "succeeded"


@pytest.mark.parametrize("backend", HOSTED)
def test_words_alone_send_no_clip(servers: dict[str, Server], both: Any, backend: str) -> None:
    generation = drive(both(backend))
    assert generation.status == Status.SUCCEEDED, generation.error
    assert not generation.video
    assert not {"initiate", "upload", "announce"} & {asked.what for asked in servers[backend].asked}
    with wave.open(generation.audio.path) as audio:
        assert audio.getnframes() == 96_000


@pytest.mark.parametrize("backend", HOSTED)
def test_only_a_silent_copy_of_the_seconds_asked_for_leaves_the_house(
    fal: FalServer, scenario: ScenarioServer, both: Any, clip: Clip, backend: str, tmp_path: Path
) -> None:
    generation = drive(both(backend, clip, duration=1.0))
    assert generation.status == Status.SUCCEEDED, generation.error
    uploads = [*fal.uploads.values(), *(upload.content for upload in scenario.uploads.values())]
    (sent,) = uploads
    copy = tmp_path / "sent.mp4"
    copy.write_bytes(sent)
    with av.open(str(copy)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.streams.video[0].frames == 25
        assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands", "encoder"}
    noted = JobEvent.objects.get(generation=generation, kind="proxy").data
    assert noted == {"original_bytes": clip.file.size, "sent_bytes": len(sent)}


@pytest.mark.parametrize(("backend", "cost"), [("fal", Decimal("0.002")), ("scenario", Decimal(1))])
def test_the_cost_is_reckoned_when_it_is_asked_for(both: Any, backend: str, cost: Decimal) -> None:
    generation = both(backend)
    assert generation.cost == cost
    assert intake.another_take(generation, None, same_seed=True).backend == backend
    other = intake.another_take(generation, None, same_seed=True, backend="engine")
    assert (other.backend, other.cost) == ("engine", None)


def test_whoever_names_no_backend_gets_the_team_s_and_else_the_installation_s(team: Team, settings: Any) -> None:
    wanted = intake.Parameters(prompt="rain")
    settings.DEFAULT_BACKEND = "scenario"
    assert intake.accept_generation(team, None, None, wanted, enqueue=False).backend == "scenario"
    team.default_backend = "fal"
    assert intake.accept_generation(team, None, None, wanted, enqueue=False).backend == "fal"
    with pytest.raises(ValidationError, match="no backend named elsewhere"):
        intake.accept_generation(team, None, None, wanted, backend="elsewhere", enqueue=False)


def test_the_same_seconds_are_sent_to_scenario_once(scenario: ScenarioServer, both: Any, clip: Clip) -> None:
    first, second = drive(both("scenario", clip)), drive(both("scenario", clip, seed=8))
    assert [first.status, second.status] == [Status.SUCCEEDED] * 2
    assert len(scenario.uploads) == 1
    assert "upload_reused" in kinds(second)
    clip.refresh_from_db()
    other = drive(both("scenario", clip, duration=1.0))
    assert other.status == Status.SUCCEEDED
    assert len(scenario.uploads) == 2
    assert len(scenario.purchases) == 3


def test_another_account_at_scenario_is_sent_the_clip_anew(
    scenario: ScenarioServer, both: Any, clip: Clip, team: Team, settings: Any
) -> None:
    drive(both("scenario", clip))
    settings.SCENARIO_API_KEY = settings.SCENARIO_API_SECRET = "another-account"
    keys.set_key(team, "scenario", {"SCENARIO_API_KEY": SCENARIO_KEY, "SCENARIO_API_SECRET": SCENARIO_SECRET}, None)
    clip.refresh_from_db()
    assert drive(both("scenario", clip)).status == Status.SUCCEEDED
    assert len(scenario.uploads) == 1  # the team's own key opens the very account used before
    keys.remove_key(team, "scenario")
    settings.SCENARIO_API_KEY, settings.SCENARIO_API_SECRET = "a-third-account", "with-its-secret"
    clip.refresh_from_db()
    assert drive(both("scenario", clip)).error_kind == "bad_key"
    assert len(scenario.calls("announce")) == 2


def test_what_scenario_no_longer_keeps_is_sent_anew_once(scenario: ScenarioServer, both: Any, clip: Clip) -> None:
    drive(both("scenario", clip))
    scenario.say("submit", Reply({"message": "Asset not found"}, 404))
    clip.refresh_from_db()
    generation = drive(both("scenario", clip))
    assert generation.status == Status.SUCCEEDED, generation.error
    assert len(scenario.uploads) == 2
    assert "upload_forgotten" in kinds(generation)
    assert len(scenario.purchases) == 2


# --- Bought once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", HOSTED)
def test_a_worker_killed_at_any_point_resumes_the_same_purchase(
    servers: dict[str, Server], both: Any, clip: Clip, backend: str
) -> None:
    generation = both(backend, clip)
    for _ in range(100):
        Generation.objects.filter(pk=generation.pk).update(attempts=0)
        step(generation)
        if generation.is_finished:
            break
        kill_the_worker(generation)
    assert generation.status == Status.SUCCEEDED, generation.error
    assert len(servers[backend].purchases) == 1
    assert len(servers[backend].calls("submit")) == 1


@pytest.mark.parametrize("backend", HOSTED)
def test_the_purchase_is_written_down_before_and_the_ticket_before_the_first_poll(
    servers: dict[str, Server], both: Any, backend: str
) -> None:
    server, seen = servers[backend], []
    generation = both(backend)

    def look(asked: Asked) -> Reply:
        seen.append(timezone.now())
        return server.behave(asked)

    server.say("submit", look)
    step(generation)
    assert generation.submitted_at is not None
    assert generation.submitted_at <= seen[0]
    assert generation.remote["request_id"] == next(iter(server.jobs))  # type: ignore[attr-defined]
    assert not server.calls("status")
    assert not server.calls("job")


@pytest.mark.parametrize("backend", HOSTED)
def test_one_whose_worker_died_while_submitting_is_unclear_and_never_submitted_again(
    servers: dict[str, Server], both: Any, backend: str
) -> None:
    generation = both(backend)
    now = timezone.now()
    Generation.objects.filter(pk=generation.pk).update(status=Status.RUNNING, submitted_at=now, started_at=now)
    kill_the_worker(generation)
    lifecycle.request_cancel(generation)
    drive(generation, steps=1)
    assert (generation.status, generation.error_kind) == (Status.FAILED, "unclear")
    assert generation.error.startswith("It is unclear whether")
    assert servers[backend].asked == []


@pytest.mark.parametrize("backend", HOSTED)
def test_a_submission_without_an_answer_is_unclear_and_not_made_again(
    servers: dict[str, Server], both: Any, backend: str
) -> None:
    servers[backend].say("submit", HANG_UP)
    generation = drive(both(backend))
    assert (generation.status, generation.error_kind) == (Status.FAILED, "unclear")
    assert generation.submitted_at is not None
    assert len(servers[backend].calls("submit")) == 1


@pytest.mark.parametrize("backend", HOSTED)
def test_a_full_provider_is_asked_again_when_it_says_and_nothing_is_bought_meanwhile(
    servers: dict[str, Server], both: Any, backend: str
) -> None:
    servers[backend].say("submit", Reply({"detail": "too many", "remainingSeconds": 7}, 429, {"Retry-After": "7"}))
    generation = both(backend)
    assert step(generation) == 7.0
    assert generation.submitted_at is None
    assert drive(generation).status == Status.SUCCEEDED
    assert len(servers[backend].purchases) == 1


def test_a_job_the_provider_lost_is_not_bought_again(fal: FalServer, both: Any) -> None:
    generation = until(both("fal"), lambda generation: generation.remote)
    fal.jobs.clear()
    drive(generation)
    assert (generation.status, generation.error_kind) == (Status.FAILED, "lost")
    assert len(fal.purchases) == 1


@pytest.mark.parametrize("backend", HOSTED)
def test_a_refused_key_buys_nothing_and_the_failure_names_its_kind(
    servers: dict[str, Server], both: Any, team: Team, backend: str
) -> None:
    needs = registry.offer(backend).needs
    keys.set_key(team, backend, dict.fromkeys(needs, "a-key-nobody-knows"), None)
    generation = drive(both(backend))
    assert (generation.status, generation.error_kind) == (Status.FAILED, "bad_key")
    assert generation.submitted_at is None
    event = JobEvent.objects.filter(generation=generation).latest("id")
    assert event.data["kind"] == "bad_key"
    assert "a-key-nobody-knows" not in f"{generation.error} {event.message} {event.data}"


def test_without_a_key_it_fails_with_what_is_missing(team: Team, settings: Any) -> None:
    settings.FAL_KEY = ""
    wanted = intake.Parameters(prompt="rain")
    generation = drive(intake.accept_generation(team, None, None, wanted, backend="fal", enqueue=False))
    assert generation.error_kind == "bad_key"
    assert "FAL_KEY" in generation.error


def test_a_broken_download_is_made_again_and_not_the_purchase(fal: FalServer, both: Any) -> None:
    broken = Reply(mono_flac(2.0), cut_after=1000)
    fal.say("file", *[broken] * 4)
    generation = drive(both("fal"))
    assert generation.status == Status.SUCCEEDED, generation.error
    assert len(fal.purchases) == 1


def test_what_holds_no_sound_is_said_in_our_words(fal: FalServer, both: Any) -> None:
    fal.carrier = video_without_sound(2.0)
    generation = drive(both("fal"))
    assert (generation.status, generation.error_kind) == (Status.FAILED, "no_audio")


def test_the_same_job_on_another_backend_is_another_purchase(
    fal: FalServer, scenario: ScenarioServer, both: Any
) -> None:
    detail = [{"loc": ["body", "prompt"], "msg": "Not allowed here.", "type": "content_policy_violation"}]
    fal.fail_next(Reply({"detail": detail}, 422))
    refused = drive(both("fal"))
    assert refused.error_kind == "policy"
    other = drive(intake.another_take(refused, None, same_seed=True, backend="scenario"))
    assert other.status == Status.SUCCEEDED, other.error
    assert [len(fal.purchases), len(scenario.purchases)] == [1, 1]


# --- Cancelled --------------------------------------------------------------------------------------------------------


def test_cancelled_while_scenario_takes_the_clip_in_nothing_is_bought(
    scenario: ScenarioServer, both: Any, clip: Clip
) -> None:
    scenario.polls_until_imported = 1000
    generation = both("scenario", clip)
    step(generation)
    assert generation.upload["ready"] is False
    delay = step(generation)
    assert delay is not None
    lifecycle.request_cancel(generation)
    assert drive(generation, steps=1).status == Status.CANCELLED
    assert scenario.purchases == []


@pytest.mark.django_db(transaction=True)
def test_cancelled_during_the_upload_nothing_is_bought(fal: FalServer, both: Any, clip: Clip) -> None:
    generation = both("fal", clip)

    def cancelled_meanwhile(asked: Asked) -> Reply:
        lifecycle.request_cancel(generation)
        connection.close()
        return fal.behave(asked)

    fal.say("upload", cancelled_meanwhile)
    assert drive(generation, steps=1).status == Status.CANCELLED
    assert fal.purchases == []


@pytest.mark.parametrize("backend", HOSTED)
def test_cancelled_while_it_runs_the_provider_is_told(servers: dict[str, Server], both: Any, backend: str) -> None:
    servers[backend].polls_until_done = 1000
    generation = until(both(backend), lambda generation: generation.remote)
    lifecycle.request_cancel(generation)
    assert drive(generation, steps=1).status == Status.CANCELLED
    assert len(servers[backend].calls("cancel")) == 1


# --- Waiting ----------------------------------------------------------------------------------------------------------


def test_polls_come_at_growing_intervals_up_to_the_slowest(fal: FalServer, both: Any) -> None:
    fal.polls_until_done = 1000
    generation = until(both("fal"), lambda generation: generation.stage == Stage.GENERATING)
    slowest = registry.client("fal", registry.installed("fal")).slowest_poll
    delays = []
    for waited in (0, 20, 400):
        since = timezone.now() - timedelta(seconds=waited)
        Generation.objects.filter(pk=generation.pk).update(stage_at=since)
        delays.append(step(generation) or 0.0)
    assert delays[0] < delays[1] < delays[2]
    assert delays[2] <= slowest * 1.1


def test_a_provider_that_never_finishes_is_stopped_at_the_deadline(fal: FalServer, both: Any, settings: Any) -> None:
    fal.polls_until_done = 1000
    settings.HOSTED_TIMEOUT_SECONDS = 0
    generation = drive(both("fal"))
    assert (generation.status, generation.error_kind) == (Status.FAILED, "timeout")
    assert generation.error.startswith("fal did not finish within")
    assert len(fal.calls("cancel")) == 1


def test_a_provider_out_of_order_for_a_while_loses_nothing(fal: FalServer, both: Any, settings: Any) -> None:
    generation = until(both("fal"), lambda generation: generation.stage == Stage.GENERATING)
    fal.say("status", *[Reply(b"oops", 503)] * 3)
    step(generation)
    assert generation.message == "Waiting for fal"
    long_ago = timezone.now() - timedelta(seconds=settings.BACKEND_PATIENCE_SECONDS + 1)
    Generation.objects.filter(pk=generation.pk).update(trouble_since=long_ago)
    assert drive(generation).status == Status.SUCCEEDED


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_a_team_s_jobs_beyond_its_places_wait_their_turn(both: Any, settings: Any) -> None:
    settings.TEAM_CONCURRENCY = 1
    first, second = both("fal"), both("fal")
    step(first)
    step(second)
    assert (second.status, second.message) == (Status.QUEUED, "Waiting: your team has 1 job at fal")
    assert second.wake_at > timezone.now()
    drive(first)
    second.refresh_from_db()
    assert second.wake_at <= timezone.now()
    assert drive(second).status == Status.SUCCEEDED


def test_another_team_and_another_backend_are_not_held_up(both: Any, settings: Any) -> None:
    settings.TEAM_CONCURRENCY = 1
    step(both("fal"))
    other = intake.accept_generation(
        Team.objects.create(name="Others"), None, None, intake.Parameters(prompt="rain"), backend="fal", enqueue=False
    )
    for free in (both("scenario"), other):
        step(free)
        assert free.status == Status.RUNNING


def test_beyond_the_limit_of_the_day_it_is_refused_with_a_sentence(both: Any, fal: FalServer, settings: Any) -> None:
    settings.FAL_DAILY_LIMIT = Decimal("0.005")
    bought = both("fal")
    drive(bought)
    both("fal")
    with pytest.raises(limits.LimitReached, match=r"0\.005 USD a day at fal; 0\.004 are spent or planned"):
        both("fal")
    assert Generation.objects.count() == 2
    Generation.objects.filter(pk=bought.pk).update(submitted_at=timezone.now() - timedelta(days=1))
    both("fal")


def test_a_limit_that_was_lowered_meanwhile_holds_before_the_purchase(both: Any, fal: FalServer, settings: Any) -> None:
    drive(both("fal"))
    waiting = both("fal")
    settings.FAL_DAILY_LIMIT = Decimal("0.003")
    drive(waiting)
    assert (waiting.status, waiting.error_kind) == (Status.FAILED, "limit")
    assert waiting.submitted_at is None
    assert len(fal.purchases) == 1


def test_what_failed_before_it_was_bought_is_not_counted(both: Any, fal: FalServer, settings: Any) -> None:
    settings.FAL_DAILY_LIMIT = Decimal("0.003")
    fal.say("submit", Reply({"detail": "no"}, 401))
    assert drive(both("fal")).error_kind == "bad_key"
    assert drive(both("fal")).status == Status.SUCCEEDED


# --- Tried again by an administrator ----------------------------------------------------------------------------------

NOBODY = operations.Actor(None, installation=True)
RETRY = operations.Wish(Operation.RETRY)


@pytest.mark.parametrize("backend", HOSTED)
def test_what_was_bought_and_could_not_be_stored_is_fetched_and_not_bought_again(
    servers: dict[str, Server], both: Any, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = both(backend)
    with monkeypatch.context() as full:
        full.setattr("jobs.pipeline.sandboxed", no_room)
        drive(generation)
    assert (generation.status, generation.error_kind) == (Status.FAILED, "disk_full")
    assert operations.plan(RETRY, Generation.objects.all()).resumed == 1
    assert operations.perform(RETRY, generation, NOBODY) == ""
    assert drive(generation).status == Status.SUCCEEDED
    assert len(servers[backend].purchases) == 1


def no_room(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_the_provider_failed_on_is_bought_anew_and_both_are_counted(
    fal: FalServer, both: Any, team: Team, settings: Any
) -> None:
    fal.fail_next(Reply({"detail": "x", "error_type": "runner_server_error"}, 500), error="x")
    generation = drive(both("fal"))
    settings.FAL_PRICE_PER_SECOND = Decimal("0.002")
    settings.FAL_DAILY_LIMIT = Decimal("0.005")
    assert "would cost 0.004" in operations.perform(RETRY, generation, NOBODY)
    generation.refresh_from_db()
    assert (generation.status, limits.spent_today(team, "fal")) == (Status.FAILED, Decimal("0.002"))
    settings.FAL_DAILY_LIMIT = Decimal(0)
    assert operations.perform(RETRY, generation, NOBODY) == ""
    assert drive(generation).status == Status.SUCCEEDED
    assert len(fal.purchases) == 2
    assert limits.spent_today(team, "fal") == Decimal("0.006")


def test_what_may_have_been_bought_is_bought_again_only_where_that_is_said(fal: FalServer, both: Any) -> None:
    fal.say("submit", HANG_UP)
    generation = drive(both("fal"))
    assert operations.plan(RETRY, Generation.objects.all()).unclear == 1
    assert operations.perform(RETRY, generation, NOBODY) == operations.MAY_BE_BOUGHT
    elsewhere = operations.Wish(Operation.RETRY_ELSEWHERE, "engine")
    assert operations.refusal(elsewhere, generation) == ""  # costs nothing
    assert operations.perform(operations.Wish(Operation.RETRY, buy_again=True), generation, NOBODY) == ""
    assert drive(generation).status == Status.SUCCEEDED
    assert len(fal.calls("submit")) == 2


def test_on_another_backend_it_is_begun_from_the_start(servers: dict[str, Server], both: Any, clip: Clip) -> None:
    servers["scenario"].always_say("submit", Reply({"message": "no"}, 402))
    generation = drive(both("scenario", clip))
    assert (generation.status, generation.error_kind, bool(generation.upload)) == (Status.FAILED, "no_credit", True)
    assert operations.perform(operations.Wish(Operation.RETRY_ELSEWHERE, "fal"), generation, NOBODY) == ""
    assert (generation.backend, generation.cost, generation.upload) == ("fal", Decimal("0.0015"), {})
    assert drive(generation).status == Status.SUCCEEDED
    assert [len(server.purchases) for server in servers.values()] == [1, 0]
