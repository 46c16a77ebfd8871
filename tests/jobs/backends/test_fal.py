"""The hosted fal, over a real socket: what is sent, what every answer means, and that nothing is bought twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs.backends import egress, registry, wire
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
    PolicyRefused,
    Stopped,
    Ticket,
    TimedOut,
    Unclear,
    Unreachable,
)
from jobs.backends.fal import NOBODY
from tests.jobs.backends.carriers import mono_flac, video_with_mono_aac
from tests.jobs.backends.conftest import REQUEST
from tests.jobs.backends.servers import FAL_KEY, HANG_UP, Asked, FalServer, Reply


def done(client: Backend, ticket: Ticket) -> None:
    """Poll until it is done; fails if that takes long."""
    for _ in range(20):
        if client.poll(ticket).done:
            return
    raise AssertionError("still running")


def failure_of(client: Backend, folder: Path) -> BackendError:
    """The error that ends a job which was submitted well, from its first poll to its result."""
    ticket = client.submit(REQUEST, None)
    try:
        done(client, ticket)
        client.fetch(ticket, folder)
    except BackendError as error:
        return error
    raise AssertionError("it worked")


# What is sent ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_clip", [True, False])
def test_requests_are_those_of_the_field_tables(
    fal: FalServer, fal_client: Backend, clip_file: Path, with_clip: bool
) -> None:
    """https://fal.ai/models/fal-ai/mmaudio-v2/llms.txt: names, types and ranges."""
    fal_client.submit(REQUEST, fal_client.upload(clip_file) if with_clip else None)
    (submitted,) = fal.calls("submit")
    assert submitted.path == "/fal-ai/mmaudio-v2" + ("" if with_clip else "/text-to-audio")
    types = {
        "prompt": str, "negative_prompt": str, "seed": int, "num_steps": int, "duration": float, "cfg_strength": float,
        "mask_away_clip": bool,
    } | ({"video_url": str} if with_clip else {})  # fmt: skip
    assert {name: type(value) for name, value in submitted.json.items()} == types
    assert submitted.json | {"video_url": ""} == {
        "prompt": "gravel under boots", "negative_prompt": "music", "seed": 99, "num_steps": 30, "duration": 2.0,
        "cfg_strength": 6.5, "mask_away_clip": True, "video_url": "",
    }  # fmt: skip
    assert submitted.headers["authorization"] == f"Key {FAL_KEY}"
    assert submitted.headers["content-type"] == "application/json"


def test_a_clip_is_uploaded_in_two_calls_and_kept_for_a_day(
    fal: FalServer, fal_client: Backend, clip_file: Path
) -> None:
    upload = fal_client.upload(clip_file)
    assert upload["ready"] is True
    assert upload["url"].startswith(f"{fal.url}/files/")
    (initiated,), (put,) = fal.calls("initiate"), fal.calls("upload")
    assert initiated.query == {"storage_type": "fal-cdn-v3"}
    assert initiated.json == {"file_name": "clip.mp4", "content_type": "video/mp4"}
    assert json.loads(initiated.headers["x-fal-object-lifecycle"]) == {"expiration_duration_seconds": 86400}
    assert put.body == clip_file.read_bytes()
    assert put.headers["content-type"] == "video/mp4"
    assert put.headers["content-length"] == str(clip_file.stat().st_size)
    assert "authorization" not in put.headers


def test_what_fal_makes_is_kept_for_a_day_too(fal: FalServer, fal_client: Backend) -> None:
    fal_client.submit(REQUEST, None)
    kept = json.loads(fal.calls("submit")[0].headers["x-fal-object-lifecycle-preference"])
    assert kept == {"expiration_duration_seconds": 86400}


def test_the_three_addresses_are_used_as_they_came(fal: FalServer, fal_client: Backend, tmp_path: Path) -> None:
    """One page of the documentation has the result at …/response: whatever the answer names is right."""

    def submit(asked: Asked) -> Reply:
        good = fal.behave(asked)
        return Reply(good.body | {"response_url": good.body["response_url"] + "/response"})

    fal.say("submit", submit)
    ticket = fal_client.submit(REQUEST, None)
    done(fal_client, ticket)
    fal_client.fetch(ticket, tmp_path)
    fal_client.cancel(ticket)
    assert [asked.path.partition("?")[0] for asked in fal.asked[-4:]] == [
        "/fal-ai/mmaudio-v2/requests/req-1/status",
        "/fal-ai/mmaudio-v2/requests/req-1/response",
        "/files/req-1.flac",
        "/fal-ai/mmaudio-v2/requests/req-1/cancel",
    ]


@pytest.mark.parametrize("with_clip", [True, False])
def test_the_result_comes_home_whatever_type_it_claims(
    fal: FalServer, fal_client: Backend, clip_file: Path, tmp_path: Path, with_clip: bool
) -> None:
    fal.file_type = "image/png"
    ticket = fal_client.submit(REQUEST, fal_client.upload(clip_file) if with_clip else None)
    done(fal_client, ticket)
    answer = fal_client.fetch(ticket, tmp_path)
    assert answer.carrier.read_bytes() == (video_with_mono_aac(2.0) if with_clip else mono_flac(2.0))
    assert "authorization" not in fal.calls("file")[-1].headers


# The states -----------------------------------------------------------------------------------------------------------


def test_queue_and_progress_are_said(fal: FalServer, fal_client: Backend) -> None:
    fal.polls_until_done = 3
    ticket = fal_client.submit(REQUEST, None)
    assert fal_client.poll(ticket).message == "2 ahead in fal’s queue"
    assert fal_client.poll(ticket).message == "fal is working on it"
    assert fal_client.poll(ticket).done


def test_an_unknown_state_is_still_running(fal: FalServer, fal_client: Backend) -> None:
    ticket = fal_client.submit(REQUEST, None)
    fal.say("status", Reply({"status": "PAUSED"}))
    assert not fal_client.poll(ticket).done


@pytest.mark.parametrize(
    ("result", "error", "kind"),
    [
        (Reply({"detail": "Request timed out", "error_type": "request_timeout"}, 504), "timed out", TimedOut),
        (Reply({"detail": [{"msg": "Blood", "type": "content_policy_violation"}]}, 422), "422", PolicyRefused),
        (Reply({"status": "NOT_FOUND"}, 404), "gone by now", JobFailed),
        (Reply({"video": {"url": "https://v3.fal.media/x"}}), "failed, though the result says otherwise", JobFailed),
    ],
)
def test_completed_with_an_error_is_a_failure(
    fal: FalServer, fal_client: Backend, tmp_path: Path, result: Reply, error: str, kind: type[BackendError]
) -> None:
    fal.fail_next(result, error=error, error_type="runner_server_error")
    assert type(failure_of(fal_client, tmp_path)) is kind
    assert fal.calls("file") == []


def test_completed_with_an_error_whose_reason_cannot_be_had_now_is_asked_again(
    fal: FalServer, fal_client: Backend
) -> None:
    fal.fail_next(Reply(b"<html>bad gateway</html>", 502), error="x", error_type="runner_server_error")
    ticket = fal_client.submit(REQUEST, None)
    fal_client.poll(ticket)
    with pytest.raises(Unreachable):
        fal_client.poll(ticket)


# The errors of the model and of the platform --------------------------------------------------------------------------

FAIL = "fal failed on this job. Try again; another clip or prompt may work."
SLOW = "fal ran out of time on this clip. Try a shorter duration or fewer steps."
MUTE = "fal finished without a sound. Try again; another clip or prompt may work."
STOP = "The job was cancelled at fal."
AGAIN = "fal failed on this job, and says that another try may work."


@pytest.mark.parametrize(
    ("kind", "status", "error", "sentence"),
    [
        ("missing", 422, InputRejected, "fal could not use this: It said so."),
        ("value_error.missing", 422, InputRejected, "fal could not use this: It said so."),
        ("greater_than", 422, InputRejected, "fal could not use this: It said so."),
        ("less_than_equal", 422, InputRejected, "fal could not use this: It said so."),
        ("one_of", 422, InputRejected, "fal could not use this: It said so."),
        ("sequence_too_short", 422, InputRejected, "fal could not use this: It said so."),
        ("sequence_too_long", 422, InputRejected, "fal could not use this: It said so."),
        ("file_download_error", 422, InputRejected, "fal could not use this: It said so."),
        ("file_too_large", 422, InputRejected, "fal could not use this: It said so."),
        ("unsupported_video_format", 422, InputRejected, "fal could not use this: It said so."),
        ("video_duration_too_long", 422, InputRejected, "fal could not use this: It said so."),
        ("video_duration_too_short", 422, InputRejected, "fal could not use this: It said so."),
        (
            "content_policy_violation",
            422,
            PolicyRefused,
            "fal’s content policy does not allow this: It said so. Change the prompt, or use another backend.",
        ),
        ("no_media_generated", 422, NoAudio, MUTE),
        ("feature_not_supported", 422, InputRejected, "fal could not use this: It said so."),
        ("internal_server_error", 500, JobFailed, FAIL),
        ("generation_timeout", 504, TimedOut, SLOW),
        ("downstream_service_unavailable", 500, JobFailed, FAIL),
        ("downstream_service_error", 500, JobFailed, FAIL),
        ("downstream_service_error", 400, JobFailed, FAIL),
    ],
)
def test_a_model_s_error(
    fal: FalServer,
    fal_client: Backend,
    tmp_path: Path,
    kind: str,
    status: int,
    error: type[BackendError],
    sentence: str,
) -> None:
    detail = [{"loc": ["body", "x"], "msg": "It said so.", "type": kind, "ctx": {}, "input": "https://secret/clip"}]
    fal.fail_next(Reply({"detail": detail}, status))
    caught = failure_of(fal_client, tmp_path)
    assert (type(caught), str(caught)) == (error, sentence)


@pytest.mark.parametrize(
    ("kind", "status", "error", "sentence"),
    [
        ("request_timeout", 504, TimedOut, SLOW),
        ("startup_timeout", 504, TimedOut, SLOW),
        ("runner_scheduling_failure", 503, JobFailed, FAIL),
        ("runner_connection_timeout", 503, JobFailed, FAIL),
        ("runner_disconnected", 503, JobFailed, FAIL),
        ("runner_connection_refused", 503, JobFailed, FAIL),
        ("runner_connection_error", 503, JobFailed, FAIL),
        ("runner_incomplete_response", 502, JobFailed, FAIL),
        ("runner_server_error", 500, JobFailed, FAIL),
        ("internal_error", 500, JobFailed, FAIL),
        ("client_disconnected", 499, Stopped, STOP),
        ("client_cancelled", 499, Stopped, STOP),
        ("bad_request", 400, InputRejected, "fal could not use this: It said so."),
    ],
)
@pytest.mark.parametrize("where", ["body", "header"])
def test_the_platform_s_error(
    fal: FalServer,
    fal_client: Backend,
    tmp_path: Path,
    kind: str,
    status: int,
    error: type[BackendError],
    sentence: str,
    where: str,
) -> None:
    """The type is in the body, the header, or both; the detail is a string."""
    body = {"detail": "It said so."} | ({"error_type": kind} if where == "body" else {})
    fal.fail_next(Reply(body, status, {"X-Fal-Error-Type": kind} if where == "header" else {}))
    caught = failure_of(fal_client, tmp_path)
    assert (type(caught), str(caught)) == (error, sentence)


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({"X-Fal-Needs-Retry": "1"}, AGAIN),
        ({"X-Fal-Needs-Retry": "0"}, FAIL),
        ({"X-Fal-Retryable": "true"}, AGAIN),
        ({"X-Fal-Retryable": "false"}, FAIL),
    ],
)
def test_a_hint_that_another_try_may_work_is_passed_on_and_not_followed(
    fal: FalServer, fal_client: Backend, tmp_path: Path, headers: dict[str, str], sentence: str
) -> None:
    fal.fail_next(Reply({"detail": "x", "error_type": "runner_disconnected"}, 503, headers))
    assert str(failure_of(fal_client, tmp_path)) == sentence
    assert len(fal.purchases) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(b"Internal Server Error", 500), Unreachable),
        (Reply(b"<html>nginx</html>", 502), Unreachable),
        (Reply({"detail": "Internal Server Error"}, 500), JobFailed),
        (Reply({"detail": []}, 422), BackendError),
        (Reply({"detail": [17]}, 422), BackendError),
        (Reply([1, 2], 422), BackendError),
        (Reply(b"\xff\xfe", 422), BackendError),
        (Reply({"message": "no detail"}, 418), BackendError),
    ],
)
def test_an_error_outside_the_structure_has_a_fallback(
    fal: FalServer, fal_client: Backend, tmp_path: Path, reply: Reply, error: type[BackendError]
) -> None:
    fal.fail_next(reply)
    assert type(failure_of(fal_client, tmp_path)) is error


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply({"detail": "Invalid key"}, 401), BadKey),
        (Reply({"detail": "User is locked. Reason: Exhausted balance."}, 403), NoCredit),
        (Reply({"detail": "Payment required"}, 402), NoCredit),
        (Reply({"detail": "Forbidden"}, 403), BadKey),
        (Reply({"status": "NOT_FOUND"}, 404), Lost),
        (Reply({"detail": "x"}, 429, {"Retry-After": "7"}), Busy),
        (Reply({"detail": "x", "error_type": "internal_error"}, 500), Unreachable),
        (Reply(b"", 503), Unreachable),
        (HANG_UP, Unreachable),
    ],
)
def test_polls_end_the_job_or_are_made_again(
    fal: FalServer, fal_client: Backend, reply: Reply, error: type[BackendError]
) -> None:
    ticket = fal_client.submit(REQUEST, None)
    fal.say("status", reply)
    with pytest.raises(BackendError) as caught:
        fal_client.poll(ticket)
    assert type(caught.value) is error


def test_a_locked_account_is_said_in_fal_s_words(fal: FalServer, fal_client: Backend) -> None:
    fal.say("submit", Reply({"detail": "User is locked.\nReason: Exhausted balance."}, 403))
    with pytest.raises(NoCredit) as caught:
        fal_client.submit(REQUEST, None)
    assert str(caught.value) == (
        "The account at fal is locked or has no credit left: User is locked. Reason: Exhausted balance. "
        "Top it up, then try again."
    )


def test_a_result_asked_for_too_early_is_asked_for_again(fal: FalServer, fal_client: Backend, tmp_path: Path) -> None:
    ticket = fal_client.submit(REQUEST, None)
    with pytest.raises(Unreachable):
        fal_client.fetch(ticket, tmp_path)
    done(fal_client, ticket)
    assert fal_client.fetch(ticket, tmp_path).carrier.exists()


@pytest.mark.parametrize(
    ("result", "error"),
    [
        ({}, NoAudio),
        ({"video": None}, NoAudio),
        ({"video": "https://v3.fal.media/x"}, BackendError),
        ({"video": {"url": 5}}, BackendError),
        ({"audio": {"url": "https://elsewhere.example/x"}}, BackendError),
    ],
)
def test_a_result_without_a_file_we_can_fetch(
    fal: FalServer, fal_client: Backend, tmp_path: Path, result: dict[str, Any], error: type[BackendError]
) -> None:
    fal.fail_next(Reply(result))
    assert type(failure_of(fal_client, tmp_path)) is error


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"status": "OK"}),
        Reply({"status": "CANCELLATION_REQUESTED"}, 202),
        Reply({"status": "ALREADY_COMPLETED"}, 400),
        Reply({"status": "NOT_FOUND"}, 404),
    ],
)
def test_every_answer_to_a_cancel_will_do(fal: FalServer, fal_client: Backend, reply: Reply) -> None:
    ticket = fal_client.submit(REQUEST, None)
    fal.say("cancel", reply)
    fal_client.cancel(ticket)
    assert len(fal.calls("cancel")) == 1


def test_a_cancelled_job_says_so(fal: FalServer, fal_client: Backend, tmp_path: Path) -> None:
    ticket = fal_client.submit(REQUEST, None)
    fal_client.cancel(ticket)
    done(fal_client, ticket)
    with pytest.raises(Stopped):
        fal_client.fetch(ticket, tmp_path)


# The purchase ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        HANG_UP,
        Reply(b"x" * 100, cut_after=10),
        Reply(b"", 500),
        Reply(b"<html>", 502),
        Reply({"detail": "x", "error_type": "internal_error"}, 500, {"X-Fal-Needs-Retry": "0"}),
        Reply(b"", 408),
        Reply(b"<html>hello</html>"),
        Reply({"request_id": "r"}),
        Reply({"request_id": "r", "status_url": 5, "response_url": "x", "cancel_url": "x"}),
        Reply(b"[" * 100_000),
        Reply(b'"' + b"x" * 3_000_000 + b'"'),
        Reply({"status": "IN_QUEUE"}, wait=2.0),
    ],
    ids=lambda reply: f"{reply.status}{' hang up' * reply.hang_up}{' slow' * bool(reply.wait)} {reply.content[:20]!r}",
)
def test_a_purchase_whose_answer_is_no_answer_is_unclear_and_made_once(
    fal: FalServer, fal_client: Backend, clip_file: Path, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    monkeypatch.setattr(egress, "TIMEOUT", httpx.Timeout(0.5))
    upload = fal_client.upload(clip_file)
    fal.say("submit", reply)
    with pytest.raises(Unclear) as caught:
        fal_client.submit(REQUEST, upload)
    assert len(fal.calls("submit")) == 1
    for hint in ("https://fal.ai/dashboard", "gravel under boots", upload["url"], "seed 99", "not sent again"):
        assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply({"detail": "x"}, 401), BadKey),
        (Reply({"detail": "Exhausted balance"}, 403), NoCredit),
        (Reply({"detail": "x"}, 404), InputRejected),
        (Reply({"detail": [{"msg": "m", "type": "missing"}]}, 422), InputRejected),
        (Reply({"detail": [{"msg": "m", "type": "content_policy_violation"}]}, 422), PolicyRefused),
        (Reply({"detail": "concurrent_requests_limit"}, 429, {"X-Fal-Needs-Retry": "1", "Retry-After": "9"}), Busy),
        (Reply(b"", 307, {"Location": "/fal-ai/mmaudio-v2"}), BackendError),
        (Reply({"detail": "x"}, 503, {"X-Fal-Needs-Retry": "1"}), Unreachable),
        (Reply({"detail": "x"}, 503, {"X-Fal-Retryable": "true"}), Unreachable),
    ],
)
def test_a_purchase_that_was_refused_is_surely_not_made(
    fal: FalServer, fal_client: Backend, reply: Reply, error: type[BackendError]
) -> None:
    fal.say("submit", reply)
    with pytest.raises(BackendError) as caught:
        fal_client.submit(REQUEST, None)
    assert type(caught.value) is error
    assert len(fal.calls("submit")) == 1


def test_a_purchase_that_never_left_may_be_made_again(settings: Any) -> None:
    settings.FAL_QUEUE_URL = settings.FAL_REST_URL = "http://127.0.0.1:9"
    registry.client.cache_clear()
    client = registry.client("fal", (("FAL_KEY", FAL_KEY),))
    with pytest.raises(Unreachable, match=r"^fal can’t be reached"):
        client.submit(REQUEST, None)
    client.close()
    registry.client.cache_clear()


def test_a_purchase_is_not_made_on_a_connection_that_was_idle(fal: FalServer, fal_client: Backend) -> None:
    """An idle connection may be closed at the other end just now: that would look like a purchase gone astray."""
    fal_client.check()
    fal_client.submit(REQUEST, None)
    ports = [asked.port for asked in fal.asked]
    assert len(set(ports[:-1])) == 1
    assert ports[-1] not in ports[:-1]


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ({"Retry-After": "7"}, 7, 7),
        ({"Retry-After": "0"}, 0.1, 0.1),
        ({"Retry-After": "999999"}, wire.LONGEST_RETRY_SECONDS, wire.LONGEST_RETRY_SECONDS),
        ({"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, wire.LONGEST_RETRY_SECONDS, wire.LONGEST_RETRY_SECONDS),
        ({"Retry-After": "nan"}, wire.DEFAULT_RETRY_SECONDS, wire.DEFAULT_RETRY_SECONDS),
        ({"Retry-After": "soon"}, wire.DEFAULT_RETRY_SECONDS, wire.DEFAULT_RETRY_SECONDS),
        ({}, wire.DEFAULT_RETRY_SECONDS, wire.DEFAULT_RETRY_SECONDS),
    ],
)
def test_too_many_requests_waits_as_the_header_says(
    fal: FalServer, fal_client: Backend, header: dict[str, str], low: float, high: float
) -> None:
    fal.say("submit", Reply({"detail": "x"}, 429, header))
    with pytest.raises(Busy) as caught:
        fal_client.submit(REQUEST, None)
    assert low <= caught.value.delay <= high


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        Reply(mono_flac(2.0), cut_after=1000),
        Reply(b"", 503),
        Reply(b"", 404),
        HANG_UP,
        Reply(mono_flac(2.0), headers={"Transfer-Encoding": "chunked"}, cut_after=0),
    ],
    ids=["cut", "503", "404", "hang up", "chunked cut"],
)
def test_a_broken_download_is_made_again_and_the_job_is_not(
    fal: FalServer, fal_client: Backend, tmp_path: Path, broken: Reply
) -> None:
    ticket = fal_client.submit(REQUEST, None)
    done(fal_client, ticket)
    fal.say("file", broken, broken)
    assert fal_client.fetch(ticket, tmp_path).carrier.read_bytes() == mono_flac(2.0)
    assert (len(fal.calls("file")), len(fal.purchases)) == (3, 1)


def test_a_download_that_breaks_each_time_may_work_later(fal: FalServer, fal_client: Backend, tmp_path: Path) -> None:
    ticket = fal_client.submit(REQUEST, None)
    done(fal_client, ticket)
    fal.say("file", *[Reply(mono_flac(2.0), cut_after=1000)] * wire.DOWNLOAD_TRIES)
    with pytest.raises(Unreachable):
        fal_client.fetch(ticket, tmp_path)
    assert fal_client.fetch(ticket, tmp_path).carrier.read_bytes() == mono_flac(2.0)


def test_a_result_that_has_expired_is_lost(fal: FalServer, fal_client: Backend, tmp_path: Path) -> None:
    ticket = fal_client.submit(REQUEST, None)
    done(fal_client, ticket)
    fal.always_say("file", Reply(b"", 404))
    with pytest.raises(Lost, match="no longer at fal"):
        fal_client.fetch(ticket, tmp_path)


def test_a_download_is_bounded_in_size(
    fal: FalServer, fal_client: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MAX_RESULT_BYTES", 1000)
    ticket = fal_client.submit(REQUEST, None)
    done(fal_client, ticket)
    with pytest.raises(BackendError, match="far more than was asked for"):
        fal_client.fetch(ticket, tmp_path)
    assert len(fal.calls("file")) == 1


def test_a_download_is_bounded_in_time(
    fal: FalServer, fal_client: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that trickles never runs into the time-out between two pieces."""
    monkeypatch.setattr(wire, "MAX_RESULT_SECONDS", 0.05)
    ticket = fal_client.submit(REQUEST, None)
    done(fal_client, ticket)
    fal.always_say("file", Reply(b"x" * 4096 * 1000, wait_between=0.03))
    with pytest.raises(Unreachable, match="too long"):
        fal_client.fetch(ticket, tmp_path)


def test_an_answer_is_bounded_in_time(fal: FalServer, fal_client: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ANSWER_SECONDS", 0.05)
    ticket = fal_client.submit(REQUEST, None)
    fal.say("status", Reply(b" " * 4096 * 1000, wait_between=0.03))
    with pytest.raises(Unreachable, match="too long"):
        fal_client.poll(ticket)


def test_an_empty_file_is_no_audio(fal: FalServer, fal_client: Backend, tmp_path: Path) -> None:
    fal.carrier = b""
    ticket = fal_client.submit(REQUEST, None)
    done(fal_client, ticket)
    with pytest.raises(NoAudio):
        fal_client.fetch(ticket, tmp_path)


@pytest.mark.parametrize("reply", [Reply(b"", 403), Reply(b"", 500), HANG_UP])
def test_an_upload_that_breaks_may_be_made_again(
    fal: FalServer, fal_client: Backend, clip_file: Path, reply: Reply
) -> None:
    fal.say("upload", reply)
    with pytest.raises(Unreachable):
        fal_client.upload(clip_file)
    assert fal_client.upload(clip_file)["ready"]


# Keys -----------------------------------------------------------------------------------------------------------------


def test_a_provider_that_repeats_the_key_does_not_make_us_show_it(fal: FalServer, fal_client: Backend) -> None:
    half = FAL_KEY.partition(":")[2]
    fal.say("submit", Reply({"detail": f"Account of {FAL_KEY} ({half}) has no balance"}, 403))
    with pytest.raises(NoCredit) as caught:
        fal_client.submit(REQUEST, None)
    assert half not in str(caught.value)
    assert FAL_KEY.partition(":")[0] not in str(caught.value)


def test_check_asks_both_addresses_and_buys_nothing(fal: FalServer, fal_client: Backend) -> None:
    fal_client.check()
    assert [asked.what for asked in fal.asked] == ["initiate", "status"]
    assert fal.purchases == []
    assert NOBODY in fal.asked[-1].path
