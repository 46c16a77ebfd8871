"""Scenario, over a real socket: what is sent, what every answer means, and that nothing is bought twice."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs.backends import egress, wire
from jobs.backends import scenario as scenario_module
from jobs.backends.base import (
    Backend,
    BackendError,
    BadKey,
    Busy,
    InputRejected,
    JobFailed,
    Lost,
    NoAudio,
    NoCredit,
    PlanRestricted,
    PolicyRefused,
    Stopped,
    Ticket,
    Unclear,
    Unreachable,
    Upload,
)
from tests.jobs.backends.carriers import mono_mp3, video_with_mono_aac
from tests.jobs.backends.conftest import REQUEST
from tests.jobs.backends.servers import HANG_UP, SCENARIO_KEY, SCENARIO_SECRET, Asked, Reply, ScenarioServer


def done(client: Backend, ticket: Ticket) -> None:
    """Poll until it is done; fails if that takes long."""
    for _ in range(20):
        if client.poll(ticket).done:
            return
    raise AssertionError("still running")


def imported(client: Backend, clip: Path) -> Upload:
    """Upload and wait until it can be used."""
    upload = client.upload(clip)
    for _ in range(20):
        if upload["ready"]:
            return upload
        upload = client.check_upload(upload)
    raise AssertionError("never imported")


# The upload -----------------------------------------------------------------------------------------------------------


def test_a_clip_is_announced_sent_and_imported(
    scenario: ScenarioServer, scenario_client: Backend, clip_file: Path
) -> None:
    upload = scenario_client.upload(clip_file)
    assert upload == {"id": "upload_1", "ready": False}
    assert scenario_client.check_upload(upload) == {"id": "upload_1", "asset": "asset_of_upload_1", "ready": True}
    announced, part, complete = (scenario.calls(what)[0] for what in ("announce", "part", "complete"))
    size = clip_file.stat().st_size
    assert announced.json == {
        "fileName": "clip.mp4", "contentType": "video/mp4", "kind": "video", "parts": 1, "fileSize": size,
    }  # fmt: skip
    assert (part.body, part.headers["content-type"]) == (clip_file.read_bytes(), "video/mp4")
    assert complete.json == {"action": "complete"}


def test_the_key_goes_with_every_call_and_with_no_part_and_no_file(
    scenario: ScenarioServer, scenario_client: Backend, clip_file: Path, tmp_path: Path
) -> None:
    ticket = scenario_client.submit(REQUEST, imported(scenario_client, clip_file))
    done(scenario_client, ticket)
    scenario_client.fetch(ticket, tmp_path)
    basic = f"Basic {b64encode(f'{SCENARIO_KEY}:{SCENARIO_SECRET}'.encode()).decode()}"
    assert {asked.what for asked in scenario.asked if asked.headers.get("authorization") == basic} == {
        "announce", "complete", "upload", "submit", "job", "asset",
    }  # fmt: skip
    assert {asked.what for asked in scenario.asked if "authorization" not in asked.headers} == {"part", "file"}


def test_a_larger_clip_goes_in_parts_of_at_least_five_megabytes(
    scenario: ScenarioServer, scenario_client: Backend, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(bytes(range(251)) * 80_000)
    scenario_client.upload(clip)
    upload = scenario.uploads["upload_1"]
    assert upload.complete
    assert upload.content == clip.read_bytes()
    sizes = [len(upload.parts[number]) for number in sorted(upload.parts)]
    assert sizes == [scenario_module.PART_BYTES] * 2 + [251 * 80_000 - 2 * scenario_module.PART_BYTES]


@pytest.mark.parametrize("state", ["pending", "validating", "validated", "imported", "dreaming"])
def test_an_upload_without_an_asset_is_not_ready(
    scenario: ScenarioServer, scenario_client: Backend, state: str
) -> None:
    scenario.say("upload", Reply({"upload": {"id": "upload_1", "status": state}}))
    upload = {"id": "upload_1", "ready": False}
    assert scenario_client.check_upload(upload) == upload


def test_an_upload_that_fails_says_why(scenario: ScenarioServer, scenario_client: Backend) -> None:
    scenario.say("upload", Reply({"upload": {"id": "u", "status": "failed", "errorMessage": "Codec not supported."}}))
    with pytest.raises(InputRejected, match=r"^Scenario could not take the clip: Codec not supported\.$"):
        scenario_client.check_upload({"id": "u", "ready": False})


@pytest.mark.parametrize(
    ("what", "reply", "error"),
    [
        ("announce", Reply({"upload": {"id": "../x", "parts": []}}), BackendError),
        ("announce", Reply({"upload": {"id": "u", "parts": []}}), BackendError),
        ("announce", Reply({"upload": {"id": "u", "parts": [{"number": 2, "url": "x"}]}}), BackendError),
        ("announce", Reply({"upload": {"id": "u", "parts": [{"number": 1, "url": None}]}}), BackendError),
        ("announce", Reply({}), BackendError),
        ("part", Reply(b"", 403), Unreachable),
        ("part", HANG_UP, Unreachable),
        ("complete", Reply({"message": "EntityTooSmall"}, 400), InputRejected),
        ("complete", HANG_UP, Unreachable),
        ("upload", Reply({"message": "x"}, 404), Lost),
    ],
)
def test_an_upload_that_goes_wrong_costs_nothing(
    scenario: ScenarioServer,
    scenario_client: Backend,
    clip_file: Path,
    what: str,
    reply: Reply,
    error: type[BackendError],
) -> None:
    scenario.say(what, reply)
    with pytest.raises(BackendError) as caught:
        scenario_client.upload(clip_file)
    assert type(caught.value) is error
    assert imported(scenario_client, clip_file)["ready"]
    assert scenario.purchases == []


# The job --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_clip", [True, False])
def test_requests_are_those_of_the_field_tables(
    scenario: ScenarioServer, scenario_client: Backend, clip_file: Path, with_clip: bool
) -> None:
    """https://help.scenario.com/articles/4617535259-mm-audio-2-the-essentials: names, types and ranges."""
    scenario_client.submit(REQUEST, imported(scenario_client, clip_file) if with_clip else None)
    (submitted,) = scenario.calls("submit")
    model = "model_mm-audio-2" if with_clip else "model_mm-audio-2-t2a"
    assert submitted.path == f"/v1/generate/custom/{model}"
    types = {
        "prompt": str, "negativePrompt": str, "duration": float, "numSteps": int, "cfgStrength": float,
        "maskAwayClip": bool, "seed": int,
    } | ({"video": str} if with_clip else {})  # fmt: skip
    assert {name: type(value) for name, value in submitted.json.items()} == types
    assert submitted.json | {"video": ""} == {
        "prompt": "gravel under boots", "negativePrompt": "music", "duration": 2.0, "numSteps": 30,
        "cfgStrength": 6.5, "maskAwayClip": True, "seed": 99, "video": "",
    }  # fmt: skip
    assert not with_clip or submitted.json["video"] == "asset_of_upload_1"


@pytest.mark.parametrize("with_clip", [True, False])
def test_the_result_comes_home_whatever_type_it_claims(
    scenario: ScenarioServer, scenario_client: Backend, clip_file: Path, tmp_path: Path, with_clip: bool
) -> None:
    scenario.file_type = "text/html"
    ticket = scenario_client.submit(REQUEST, imported(scenario_client, clip_file) if with_clip else None)
    assert ticket == {"request_id": "job_1"}
    done(scenario_client, ticket)
    answer = scenario_client.fetch(ticket, tmp_path)
    assert answer.carrier.read_bytes() == (video_with_mono_aac(2.0) if with_clip else mono_mp3(2.0))


def test_the_untransformed_file_is_asked_for_and_its_signed_address_kept_intact(
    scenario: ScenarioServer, scenario_client: Backend, tmp_path: Path
) -> None:
    ticket = scenario_client.submit(REQUEST, None)
    done(scenario_client, ticket)
    scenario_client.fetch(ticket, tmp_path)
    assert scenario.calls("asset")[0].query == {"originalAssets": "true"}
    assert scenario.calls("file")[0].path == (
        "/cdn/asset_of_job_1?p=100&Policy=eyJTdGF0~_-__&Signature=sig~1%2Fx-&Key-Pair-Id=K36FIAB9LE2OLR"
    )


@pytest.mark.parametrize(
    "state", ["pending", "queued", "warming-up", "in-progress", "finalizing", "processing", "dreaming"]
)
def test_every_other_state_is_still_running(scenario: ScenarioServer, scenario_client: Backend, state: str) -> None:
    ticket = scenario_client.submit(REQUEST, None)
    scenario.say("job", Reply({"job": {"status": state, "progress": 0.25}}))
    said = scenario_client.poll(ticket)
    assert (said.done, said.progress, said.message) == (False, 0.25, "Scenario is working on it")


@pytest.mark.parametrize("progress", [None, "half", -3, 7])
def test_a_progress_that_is_none_does_no_harm(
    scenario: ScenarioServer, scenario_client: Backend, progress: object
) -> None:
    ticket = scenario_client.submit(REQUEST, None)
    scenario.say("job", Reply({"job": {"status": "in-progress", "progress": progress}}))
    assert 0 <= scenario_client.poll(ticket).progress <= 1


@pytest.mark.parametrize(
    ("job", "error", "sentence"),
    [
        (
            {"status": "failure", "metadata": {"error": "Out of memory.", "hint": "Shorten it."}},
            JobFailed,
            "Scenario failed on this job: Out of memory. Shorten it.",
        ),
        (
            {"status": "failed", "metadata": {}},
            JobFailed,
            "Scenario failed on this job. Try again; another clip or prompt may work.",
        ),
        (
            {"status": "failure", "metadata": {"error": "Blocked by moderation: blood"}},
            PolicyRefused,
            "Scenario’s content policy does not allow this: Blocked by moderation: blood. "
            "Change the prompt, or use another backend.",
        ),
        (
            {"status": "failure", "metadata": {"hint": "NSFW content"}},
            PolicyRefused,
            "Scenario’s content policy does not allow this: NSFW content. Change the prompt, or use another backend.",
        ),
        ({"status": "canceled"}, Stopped, "The job was cancelled at Scenario."),
        (
            {"status": 5},
            BackendError,
            "Scenario sent an answer we could not read. Try again; if it stays so, tell your administrator.",
        ),
    ],
)
def test_a_job_that_ends_badly(
    scenario: ScenarioServer,
    scenario_client: Backend,
    job: dict[str, Any],
    error: type[BackendError],
    sentence: str,
) -> None:
    ticket = scenario_client.submit(REQUEST, None)
    scenario.say("job", Reply({"job": job}))
    with pytest.raises(BackendError) as caught:
        scenario_client.poll(ticket)
    assert (type(caught.value), str(caught.value)) == (error, sentence)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 422])
def test_a_refusal_to_cancel_is_taken_as_it_is(scenario: ScenarioServer, scenario_client: Backend, status: int) -> None:
    ticket = scenario_client.submit(REQUEST, None)
    scenario.say("cancel", Reply({"message": "Only inference jobs can be canceled"}, status))
    scenario_client.cancel(ticket)
    assert scenario.calls("cancel")[0].json == {"action": "cancel"}


# Errors ---------------------------------------------------------------------------------------------------------------

UNAVAILABLE = "Scenario can’t be reached. Try again in a moment."


@pytest.mark.parametrize(
    ("reply", "error", "sentence"),
    [
        (
            Reply({"message": "Unauthorized"}, 401),
            BadKey,
            "Scenario refuses the key. Ask your administrator to check it.",
        ),
        (
            Reply({"error": "API keys need a paid plan."}, 403),
            PlanRestricted,
            "The account or its plan at Scenario does not allow this: API keys need a paid plan.",
        ),
        (
            Reply({"reason": "ModelAccessRestrictedError", "message": "x"}, 403),
            PlanRestricted,
            "The account’s plan at Scenario does not include this model: ModelAccessRestrictedError.",
        ),
        (
            Reply({"message": "Model is restricted", "error": "ModelAccessRestrictedError"}, 400),
            PlanRestricted,
            "The account’s plan at Scenario does not include this model: Model is restricted.",
        ),
        (
            Reply({"message": "Not enough creative units."}, 403),
            NoCredit,
            "The account at Scenario has no compute units left: Not enough creative units. Top it up, then try again.",
        ),
        (
            Reply({"message": "Asset not found"}, 404),
            InputRejected,
            "Scenario does not know the model or the clip: Asset not found. Try again.",
        ),
        (
            Reply({"detail": "duration must be at most 30."}, 422),
            InputRejected,
            "Scenario could not use this: duration must be at most 30.",
        ),
        (
            Reply({"reason": "first", "message": "second", "error": "third", "detail": "fourth"}, 422),
            InputRejected,
            "Scenario could not use this: first.",
        ),
        (
            Reply({"message": "Prompt rejected by moderation"}, 422),
            PolicyRefused,
            "Scenario’s content policy does not allow this: Prompt rejected by moderation. "
            "Change the prompt, or use another backend.",
        ),
        (
            Reply(b"<html>", 422),
            BackendError,
            "Scenario sent an answer we could not read. Try again; if it stays so, tell your administrator.",
        ),
        (Reply({"message": "x", "remainingSeconds": 42}, 429), Busy, "Scenario has too much to do."),
    ],
)
def test_a_refused_purchase_is_surely_not_made(
    scenario: ScenarioServer, scenario_client: Backend, reply: Reply, error: type[BackendError], sentence: str
) -> None:
    scenario.say("submit", reply)
    with pytest.raises(BackendError) as caught:
        scenario_client.submit(REQUEST, None)
    assert (type(caught.value), str(caught.value)) == (error, sentence)
    assert len(scenario.calls("submit")) == 1


@pytest.mark.parametrize(
    ("body", "headers", "delay"),
    [
        ({"remainingSeconds": 42}, {}, 42),
        ({"remainingSeconds": 42}, {"Retry-After": "7"}, 7),
        ({}, {"retry-after-ms": "2500"}, 2.5),
        ({"remainingSeconds": "soon"}, {}, wire.DEFAULT_RETRY_SECONDS),
        ({}, {}, wire.DEFAULT_RETRY_SECONDS),
    ],
)
def test_too_many_jobs_waits_as_told(
    scenario: ScenarioServer,
    scenario_client: Backend,
    body: dict[str, Any],
    headers: dict[str, str],
    delay: float,
) -> None:
    scenario.say("submit", Reply(body, 429, headers))
    with pytest.raises(Busy) as caught:
        scenario_client.submit(REQUEST, None)
    assert caught.value.delay == delay


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply({"message": "Unauthorized"}, 401), BadKey),
        (Reply({"message": "x"}, 403), PlanRestricted),
        (Reply({"message": "x"}, 404), Lost),
        (Reply({"message": "x"}, 408), Unreachable),
        (Reply({"message": "x"}, 409), Unreachable),
        (Reply({"message": "x"}, 429), Busy),
        (Reply({"message": "x"}, 500), Unreachable),
        (Reply(b"<html>", 503), Unreachable),
        (HANG_UP, Unreachable),
        (Reply(b"not json"), BackendError),
        (Reply({"job": []}), BackendError),
    ],
)
def test_polls_end_the_job_or_are_made_again(
    scenario: ScenarioServer, scenario_client: Backend, reply: Reply, error: type[BackendError]
) -> None:
    ticket = scenario_client.submit(REQUEST, None)
    scenario.say("job", reply)
    with pytest.raises(BackendError) as caught:
        scenario_client.poll(ticket)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "reply",
    [
        HANG_UP,
        Reply({"message": "x"}, 500),
        Reply(b"<html>", 502),
        Reply({"message": "x"}, 408),
        Reply(b"not json"),
        Reply({"job": {"status": "queued"}}),
        Reply({"job": {"jobId": "../../me"}}),
        Reply(b"x" * 100, cut_after=10),
        Reply({}, wait=2.0),
    ],
    ids=lambda reply: f"{reply.status}{' hang up' * reply.hang_up}{' slow' * bool(reply.wait)} {reply.content[:20]!r}",
)
def test_a_purchase_whose_answer_is_no_answer_is_unclear_and_made_once(
    scenario: ScenarioServer,
    scenario_client: Backend,
    clip_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
) -> None:
    monkeypatch.setattr(egress, "TIMEOUT", httpx.Timeout(0.5))
    upload = imported(scenario_client, clip_file)
    scenario.say("submit", reply)
    with pytest.raises(Unclear) as caught:
        scenario_client.submit(REQUEST, upload)
    assert len(scenario.calls("submit")) == 1
    for hint in ("https://app.scenario.com", "gravel under boots", "asset_of_upload_1", "not sent again"):
        assert hint in str(caught.value)


# The file -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [Reply(mono_mp3(2.0), cut_after=1000), Reply(b"", 403), Reply(b"", 503)])
def test_a_broken_download_gets_a_fresh_signature(
    scenario: ScenarioServer, scenario_client: Backend, tmp_path: Path, broken: Reply
) -> None:
    ticket = scenario_client.submit(REQUEST, None)
    done(scenario_client, ticket)
    scenario.say("file", broken)
    assert scenario_client.fetch(ticket, tmp_path).carrier.read_bytes() == mono_mp3(2.0)
    first, second = (asked.query["Signature"] for asked in scenario.calls("file"))
    assert first != second
    assert len(scenario.purchases) == 1


@pytest.mark.parametrize(
    ("what", "reply", "error"),
    [
        ("job", Reply({"job": {"status": "success", "metadata": {"assetIds": []}}}), NoAudio),
        ("job", Reply({"job": {"status": "success", "metadata": None}}), NoAudio),
        ("job", Reply({"job": {"status": "success", "metadata": {"assetIds": ["../x"]}}}), NoAudio),
        ("asset", Reply({"asset": {"status": "pending"}}), Unreachable),
        ("asset", Reply({"asset": {"status": "error"}}), JobFailed),
        ("asset", Reply({"asset": {"status": "success"}}), BackendError),
        ("asset", Reply({"asset": {"status": "success", "url": "https://elsewhere.example/x"}}), BackendError),
        ("asset", Reply({"message": "x"}, 404), Lost),
        ("file", Reply(b""), NoAudio),
    ],
)
def test_a_result_that_is_none(
    scenario: ScenarioServer,
    scenario_client: Backend,
    tmp_path: Path,
    what: str,
    reply: Reply,
    error: type[BackendError],
) -> None:
    ticket = scenario_client.submit(REQUEST, None)
    done(scenario_client, ticket)
    scenario.always_say(what, reply)
    with pytest.raises(BackendError) as caught:
        scenario_client.fetch(ticket, tmp_path)
    assert type(caught.value) is error


# Keys -----------------------------------------------------------------------------------------------------------------


def test_a_provider_that_repeats_the_key_does_not_make_us_show_it(
    scenario: ScenarioServer, scenario_client: Backend
) -> None:
    def echo(asked: Asked) -> Reply:
        header = asked.headers["authorization"]
        return Reply({"message": f"{header} is {SCENARIO_KEY} with {SCENARIO_SECRET}"}, 403)

    scenario.say("submit", echo)
    with pytest.raises(PlanRestricted) as caught:
        scenario_client.submit(REQUEST, None)
    encoded = b64encode(f"{SCENARIO_KEY}:{SCENARIO_SECRET}".encode()).decode()
    assert not any(secret in str(caught.value) for secret in (encoded, SCENARIO_KEY, SCENARIO_SECRET))


def test_check_asks_for_both_models_and_buys_nothing(scenario: ScenarioServer, scenario_client: Backend) -> None:
    scenario_client.check()
    assert [asked.path for asked in scenario.asked] == [
        "/v1/models/model_mm-audio-2",
        "/v1/models/model_mm-audio-2-t2a",
    ]
    assert scenario.purchases == []
