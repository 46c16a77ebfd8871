"""The fal queue protocol as a caller sees it (https://docs.fal.ai/model-endpoints/queue)."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.engine.models import tone
from tests.engine.running import ROOT, TEXT, VIDEO, Body, RunningEngine, engine, started
from tests.programs import free_port

DATA_CLIP = "data:video/mp4;base64,AAAA"
ENDINGS = ["", "/response", "/status", "/status/stream"]


def test_a_submit_answers_at_once_with_absolute_addresses(running: RunningEngine) -> None:
    response = running.http.post(TEXT, json={"prompt": "a tone", "duration": 1})
    body = response.json()
    address = f"{running.url}{VIDEO}/requests/{body['request_id']}"
    assert response.status_code == 200
    assert response.headers["x-fal-request-id"] == body["request_id"]
    assert body["status"] == "IN_QUEUE"
    assert body["queue_position"] == 0
    assert [body[f"{name}_url"] for name in ("response", "status", "cancel")] == [
        address,
        f"{address}/status",
        f"{address}/cancel",
    ]


def test_addresses_begin_with_the_public_one_where_it_is_set(tmp_path: Path) -> None:
    with engine(tmp_path, public_url="https://sound.example/engine/") as behind_a_proxy:
        submitted = behind_a_proxy.submit()
        assert submitted["status_url"].startswith(f"https://sound.example/engine{VIDEO}/requests/")
        initiated = behind_a_proxy.http.post("/storage/upload/initiate", json={}).json()
        assert initiated["file_url"].startswith("https://sound.example/engine/files/")


@pytest.mark.parametrize("path", [VIDEO, TEXT])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_request_is_served_under_both_ids_with_and_without_a_slash(
    running: RunningEngine, path: str, slash: str
) -> None:
    submitted = running.http.post(TEXT + slash, json={"prompt": "a tone", "duration": 1}).json()
    expected = running.result(submitted).json()
    address = f"{path}/requests/{submitted['request_id']}"
    assert running.http.get(address + slash).json() == expected
    assert running.http.get(f"{address}/response{slash}").json() == expected
    assert running.http.get(f"{address}/status{slash}").json()["status"] == "COMPLETED"
    assert running.http.get(f"{address}/status/stream{slash}").text.startswith("data: ")
    cancelled = running.http.put(f"{address}/cancel{slash}")
    assert (cancelled.status_code, cancelled.json()) == (400, {"status": "ALREADY_COMPLETED"})


def test_the_status_is_202_until_the_request_is_done(running: RunningEngine, gate: Path) -> None:
    busy = running.occupy(gate)
    waiting = [running.submit(), running.submit()]
    answers = [running.http.get(each["status_url"]) for each in (busy, *waiting)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert [answer.json()["status"] for answer in answers] == ["IN_PROGRESS", "IN_QUEUE", "IN_QUEUE"]
    assert [answer.json().get("queue_position") for answer in answers] == [None, 0, 1]
    gate.touch()
    for each in (busy, *waiting):
        running.wait(each)
        answer = running.http.get(each["status_url"])
        assert (answer.status_code, answer.json()["status"]) == (200, "COMPLETED")
        assert answer.json()["metrics"]["inference_time"] > 0
        assert "error" not in answer.json()
        assert answer.headers["x-fal-request-id"] == each["request_id"]


@pytest.mark.parametrize(("asked", "given"), [("1", True), ("true", True), ("0", False), ("false", False), ("", False)])
def test_logs_are_there_when_asked_for_and_null_otherwise(running: RunningEngine, asked: str, given: bool) -> None:
    submitted = running.submit()
    running.wait(submitted)
    body = running.http.get(submitted["status_url"] + (f"?logs={asked}" if asked else "")).json()
    if not given:
        assert body["logs"] is None
        return
    assert [entry["message"] for entry in body["logs"]] == ["Looking", "Sounding"]
    assert [entry["labels"]["progress"] for entry in body["logs"]] == [0.25, 0.75]
    assert {entry["level"] for entry in body["logs"]} == {"INFO"}
    assert all(entry["timestamp"] and entry["source"] for entry in body["logs"])


def test_progress_is_seen_while_the_model_works(running: RunningEngine, gate: Path) -> None:
    busy = running.occupy(gate)
    seen = running.wait_until(busy, lambda body: bool(body["logs"]) and body["logs"][-1]["message"] == "Waiting")
    assert seen["status"] == "IN_PROGRESS"
    assert seen["logs"][-1]["labels"] == {"progress": 0.5}
    assert [entry["message"] for entry in seen["logs"]] == ["Looking", "Waiting"], "the same is not said twice"


def test_the_stream_tells_every_change_once_and_ends_with_the_request(running: RunningEngine, gate: Path) -> None:
    running.occupy(gate)
    submitted = running.submit()
    events: list[Body] = []
    with running.http.stream("GET", f"{submitted['status_url']}/stream?logs=1") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
                gate.touch()
    statuses = [event["status"] for event in events]
    assert statuses[0] == "IN_QUEUE"
    assert statuses[-1] == "COMPLETED"
    assert statuses == sorted(statuses, key=["IN_QUEUE", "IN_PROGRESS", "COMPLETED"].index)
    assert [entry["message"] for event in events for entry in event["logs"]] == ["Looking", "Sounding"]


def test_the_result_is_refused_while_the_request_runs(running: RunningEngine, gate: Path) -> None:
    busy = running.occupy(gate)
    early = running.http.get(busy["response_url"])
    assert early.status_code == 400
    assert early.json() == {"detail": "Request is still in progress", "error_type": "bad_request"}


def test_the_sound_is_a_24_bit_stereo_wav_at_48_khz_with_the_models_samples(running: RunningEngine) -> None:
    result = running.run(duration=1.5, seed=7)
    assert "video" not in result
    assert result["audio"]["content_type"] == "audio/wav"
    answer = httpx.get(result["audio"]["url"])
    assert answer.headers["content-type"] == "audio/wav"
    assert len(answer.content) == result["audio"]["file_size"]
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 3, 48_000)
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
    whole = np.pad(raw, ((0, 0), (1, 0))).copy().view("<i4").reshape(-1, 2) // 256
    np.testing.assert_allclose(whole / (2**23 - 1), tone(1.5, 7), atol=2**-23)


def test_a_result_tells_events_duration_seed_and_what_was_understood(running: RunningEngine) -> None:
    result = running.run(
        prompt="  rain and wind ",
        negative_prompt="wind",
        duration=1.25,
        num_steps=50,
        cfg_strength=0,
        mask_away_clip=True,
        seed=0,
        variant="other",
    )
    assert result["duration"] == 1.25
    assert result["seed"] == 0
    assert result["events"] == [{"time": 0.5, "strength": 1.0, "kind": "impact", "x": 0.5, "y": 0.5, "size": 0.0}]
    assert result["understood"]["heard"] == ["rain and wind", "wind"]
    assert result["understood"]["numbers"] == [50, 0.0, True]
    assert result["understood"]["variant"] == "other"


def test_what_is_left_out_gets_fals_defaults(running: RunningEngine) -> None:
    result = running.result(running.http.post(TEXT, json={"prompt": "a tone"}).json()).json()
    assert result["duration"] == 8.0
    assert result["understood"]["numbers"] == [25, 4.5, False]
    assert result["understood"]["variant"] == ""


@pytest.mark.parametrize("seed", [{}, {"seed": None}], ids=["omitted", "null"])
def test_a_seed_that_is_not_given_is_drawn_and_told(running: RunningEngine, seed: Body) -> None:
    drawn = {running.run(**seed)["seed"] for _ in range(4)}
    assert len(drawn) > 1
    assert all(0 <= each <= 65_535 for each in drawn)


@pytest.mark.parametrize(
    ("field", "value", "kind", "context"),
    [
        ("prompt", "", "string_too_short", {"min_length": 1}),
        ("prompt", " \n\t", "string_too_short", {"min_length": 1}),
        ("prompt", "x" * 4001, "string_too_long", {"max_length": 4000}),
        ("prompt", 5, "string_type", None),
        ("negative_prompt", "x" * 4001, "string_too_long", {"max_length": 4000}),
        ("duration", 0.9, "greater_than_equal", {"ge": 1.0}),
        ("duration", 30.1, "less_than_equal", {"le": 30.0}),
        ("duration", "long", "float_parsing", None),
        ("num_steps", 3, "greater_than_equal", {"ge": 4}),
        ("num_steps", 51, "less_than_equal", {"le": 50}),
        ("cfg_strength", -0.1, "greater_than_equal", {"ge": 0.0}),
        ("cfg_strength", 20.5, "less_than_equal", {"le": 20.0}),
        ("mask_away_clip", "perhaps", "bool_parsing", None),
        ("seed", -1, "greater_than_equal", {"ge": 0}),
        ("seed", 65_536, "less_than_equal", {"le": 65_535}),
        ("seed", 1.5, "int_from_float", None),
    ],
)
def test_a_parameter_out_of_range_is_refused_as_pydantic_does(
    running: RunningEngine, field: str, value: Any, kind: str, context: Body | None
) -> None:
    for path, extra in ((TEXT, {}), (VIDEO, {"video_url": DATA_CLIP})):
        response = running.http.post(path, json={"prompt": "a tone", **extra, field: value})
        assert response.status_code == 422
        (detail,) = response.json()["detail"]
        assert detail["loc"] == ["body", field]
        assert detail["type"] == kind
        assert detail["msg"]
        assert detail.get("ctx") == context
        assert "input" not in detail
        assert response.headers["X-Fal-Error-Type"] == kind
        assert response.headers["X-Fal-Needs-Retry"] == "0"
        assert response.headers["X-Fal-Retryable"] == "false"
        assert response.headers["x-fal-request-id"]


def test_the_limits_themselves_are_accepted(running: RunningEngine) -> None:
    limits: tuple[Body, Body] = (
        {"duration": 1, "num_steps": 4, "cfg_strength": 0, "seed": 0},
        {"duration": 30, "num_steps": 50, "cfg_strength": 20, "seed": 65_535},
    )
    for numbers in limits:
        assert running.run(prompt="x" * 4000, negative_prompt="x" * 4000, **numbers)["duration"] == numbers["duration"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"", "json_invalid"), (b"{", "json_invalid"), (b"[]", "model_type"), (b'{"prompt":"a","duration":NaN}', None)],
)
def test_a_body_that_is_no_input_is_refused(running: RunningEngine, body: bytes, kind: str | None) -> None:
    response = running.http.post(TEXT, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    (detail,) = response.json()["detail"]
    assert detail["loc"][0] == "body"
    assert kind in {None, detail["type"]}


def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with engine(tmp_path, max_body_bytes=100_000) as small:
        response = small.http.post(TEXT, json={"prompt": "x" * 200_000})
        assert response.status_code == 422
        (detail,) = response.json()["detail"]
        assert detail["type"] == "file_too_large"
        assert detail["ctx"] == {"max_size": 100_000}
        chunked = small.http.post(TEXT, content=iter([b"x" * 60_000] * 3))
        assert chunked.json()["detail"][0]["type"] == "file_too_large"


@pytest.mark.parametrize(("path", "missing"), [(VIDEO, {"prompt", "video_url"}), (TEXT, {"prompt"})])
def test_what_is_required_is_asked_for(running: RunningEngine, path: str, missing: set[str]) -> None:
    response = running.http.post(path, json={})
    assert response.status_code == 422
    assert {(detail["type"], detail["loc"][1]) for detail in response.json()["detail"]} == {
        ("missing", name) for name in missing
    }


def test_a_webhook_is_refused_because_none_is_called(running: RunningEngine) -> None:
    response = running.http.post(f"{TEXT}?fal_webhook=https://example.com/", json={"prompt": "a tone"})
    assert response.status_code == 422
    (detail,) = response.json()["detail"]
    assert detail["loc"] == ["query", "fal_webhook"]
    assert detail["type"] == "feature_not_supported"


def test_an_unknown_endpoint_is_404(running: RunningEngine) -> None:
    response = running.http.post("/fal-ai/another-model", json={"prompt": "a tone"})
    assert response.status_code == 404
    assert response.json()["error_type"] == response.headers["X-Fal-Error-Type"] == "not_found"


@pytest.mark.parametrize("path", [VIDEO, TEXT])
def test_an_unknown_request_is_not_found(running: RunningEngine, path: str) -> None:
    address = f"{path}/requests/00000000-0000-4000-8000-000000000000"
    answers = [running.http.get(address + ending) for ending in ENDINGS] + [running.http.put(f"{address}/cancel")]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(404, {"status": "NOT_FOUND"})] * 5


def test_a_cancelled_request_leaves_the_queue_at_once(running: RunningEngine, gate: Path) -> None:
    running.occupy(gate)
    first, second = running.submit(), running.submit()
    answer = running.http.put(first["cancel_url"])
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
    assert running.http.get(second["status_url"]).json()["queue_position"] == 0
    status = running.http.get(first["status_url"])
    assert status.status_code == 200
    assert status.json()["status"] == "COMPLETED"
    assert status.json()["error_type"] == "client_cancelled"
    result = running.http.get(first["response_url"])
    assert result.status_code == 499
    assert result.json() == {"detail": "The request was cancelled.", "error_type": "client_cancelled"}
    assert result.headers["X-Fal-Error-Type"] == "client_cancelled"
    gate.touch()
    assert running.result(second).status_code == 200


def test_a_failure_of_the_model_is_completed_with_an_error(running: RunningEngine) -> None:
    submitted = running.submit(VIDEO, prompt="refuse", video_url=DATA_CLIP)
    status = running.wait(submitted)
    assert status["error"] == "There is nothing to hear in this clip."
    assert status["error_type"] == "unsupported_video_format"
    result = running.http.get(submitted["response_url"])
    assert result.status_code == 422
    assert result.headers["x-fal-request-id"] == submitted["request_id"]
    assert result.headers["X-Fal-Error-Type"] == "unsupported_video_format"
    assert result.json()["detail"] == [
        {"loc": ["body", "video_url"], "msg": status["error"], "type": "unsupported_video_format"}
    ]


def test_a_full_queue_answers_429_and_says_when_to_come_back(tmp_path: Path, gate: Path) -> None:
    with engine(tmp_path, max_queue=2) as small:
        small.occupy(gate)
        waiting = [small.submit(), small.submit()]
        refused = small.http.post(TEXT, json={"prompt": "a tone"})
        assert refused.status_code == 429
        assert refused.json()["error_type"] == "queue_full"
        assert refused.headers["X-Fal-Needs-Retry"] == "1"
        assert int(refused.headers["Retry-After"]) > 0
        gate.touch()
        assert [small.result(each).status_code for each in waiting] == [200, 200]
        assert small.run()["duration"] == 1


def test_a_caller_may_refuse_to_wait_behind_too_many(running: RunningEngine, gate: Path) -> None:
    running.occupy(gate)
    behind_none = f"{TEXT}?fal_max_queue_length=0"
    assert running.http.post(behind_none, json={"prompt": "a tone"}).status_code == 200
    assert running.http.post(behind_none, json={"prompt": "a tone"}).status_code == 429
    assert running.http.post(f"{TEXT}?fal_max_queue_length=1", json={"prompt": "a tone"}).status_code == 200


def test_a_request_that_can_not_start_in_time_fails(running: RunningEngine, gate: Path) -> None:
    busy = running.occupy(gate)
    late = running.http.post(TEXT, json={"prompt": "a tone"}, headers={"X-Fal-Request-Timeout": "0.2"}).json()
    in_time = running.http.post(
        TEXT, json={"prompt": "a tone", "duration": 1}, headers={"X-Fal-Request-Timeout": "60"}
    ).json()
    result = running.result(late)
    assert result.status_code == 504
    assert result.json()["error_type"] == result.headers["X-Fal-Error-Type"] == "request_timeout"
    assert result.headers["X-Fal-Request-Timeout-Type"] == "user"
    assert result.headers["X-Fal-Needs-Retry"] == "1"
    assert running.http.get(busy["status_url"]).json()["status"] == "IN_PROGRESS"
    gate.touch()
    assert running.result(in_time).status_code == 200


def test_a_start_deadline_is_no_limit_of_the_run(running: RunningEngine, gate: Path) -> None:
    body = {"prompt": f"wait {gate}", "duration": 1}
    submitted = running.http.post(TEXT, json=body, headers={"X-Fal-Request-Timeout": "3"}).json()
    running.wait(submitted, "IN_PROGRESS")
    time.sleep(3.2)
    gate.touch()
    assert running.result(submitted).status_code == 200


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf"])
def test_a_start_deadline_that_is_no_time_is_refused(running: RunningEngine, value: str) -> None:
    response = running.http.post(TEXT, json={"prompt": "a tone"}, headers={"X-Fal-Request-Timeout": value})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["header", "x-fal-request-timeout"]


def test_with_a_key_every_call_but_files_and_health_needs_it(tmp_path: Path) -> None:
    with engine(tmp_path, key="s3cret:half") as keyed:
        result = keyed.run()
        request = f"{VIDEO}/requests/{httpx.URL(keyed.submit()['status_url']).path.split('/')[-2]}"
        calls = [("POST", TEXT), ("POST", VIDEO), ("POST", "/storage/upload/initiate"), ("PUT", f"{request}/cancel")]
        calls += [("GET", request + ending) for ending in ENDINGS]
        for headers in ({}, {"Authorization": "Key wrong"}, {"Authorization": "Bearer s3cret:half"}):
            with httpx.Client(base_url=keyed.url, headers=headers) as stranger:
                answers = [stranger.request(method, path, json={"prompt": "a tone"}) for method, path in calls]
                assert {answer.status_code for answer in answers} == {401}
                assert {answer.headers["X-Fal-Error-Type"] for answer in answers} == {"unauthorized"}
                assert stranger.get("/healthz").status_code == 200
                assert stranger.get(result["audio"]["url"]).status_code == 200
        assert result["understood"]["key"] is None, "the worker must not know the key"


def test_health_tells_what_runs(running: RunningEngine, gate: Path) -> None:
    running.occupy(gate)
    running.submit()
    assert running.http.get("/healthz").json() == {
        "status": "ok",
        "model": "scripted",
        "licence": "none",
        "variants": ["plain", "other"],
        "loading": None,
        "queue": 1,
        "running": 1,
        "workers": 1,
    }


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("WithoutWeights", "The weights are not there. Fetch them first."),
        ("Broken", "The model could not be loaded (ZeroDivisionError): by nothing at all"),
    ],
)
def test_readiness_says_why_the_model_is_not_loaded(tmp_path: Path, model: str, said: str) -> None:
    with started(tmp_path, model=f"tests.engine.models:{model}") as starting:
        deadline = time.monotonic() + 30
        while "could not start" not in starting.log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        answer = starting.http.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["status"] == "starting"
        assert answer.json()["loading"]["message"] == said
        assert starting.submit()["status"] == "IN_QUEUE"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ENGINE_HOST": "0.0.0.0"}, "ENGINE_KEY"),
        ({"ENGINE_TLS_CERT": "cert.pem"}, "ENGINE_TLS_KEY"),
        ({"ENGINE_WORKERS": "none"}, "ENGINE_WORKERS"),
    ],
)
def test_settings_that_can_not_be_are_refused_with_a_sentence(settings: dict[str, str], said: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENGINE_")}
    environment |= {"ENGINE_PORT": str(free_port()), **settings}
    ended = subprocess.run(
        [sys.executable, "-m", "engine"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_log_has_a_line_for_each_request_and_neither_prompt_nor_key(tmp_path: Path) -> None:
    with engine(tmp_path, key="very-secret", log_format="json") as keyed:
        keyed.http.headers["X-Soundstage-Generation"] = "gen_1"
        done = keyed.submit(prompt="confidential thunder")
        keyed.http.headers["X-Soundstage-Generation"] = "not an id"
        failed = keyed.submit(prompt="bug confidential thunder")
        keyed.wait(done)
        keyed.wait(failed)
        keyed.http.post(TEXT, json={"prompt": "confidential thunder", "duration": 99})
    lines = keyed.log.read_text()
    assert f"id={done['request_id']} endpoint=fal-ai/mmaudio-v2/text-to-audio outcome=succeeded" in lines
    assert f"id={failed['request_id']} endpoint=fal-ai/mmaudio-v2/text-to-audio outcome=internal_server_error" in lines
    objects = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    about = [(line.get("generation"), line.get("request")) for line in objects]
    assert about.count(("gen_1", done["request_id"])) == about.count((None, failed["request_id"])) == 2
    assert len(about) == 2 + 2 + about.count((None, None))
    assert "KeyError" in lines
    assert "confidential" not in lines
    assert "very-secret" not in lines
