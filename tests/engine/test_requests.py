"""What a request may cost, and what it may not: workers that crash, hang, gorge, and an engine that ends."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.engine.running import TEXT, RunningEngine, engine, started, wait_healthy


def worker_of(running: RunningEngine) -> int:
    """The process id of the worker that serves the next request."""
    submitted = running.submit(prompt="whoami")
    (said,) = (each["message"] for each in running.wait(submitted)["logs"] if each["message"].startswith("pid "))
    return int(said.removeprefix("pid "))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_for(reached: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and error type of a failed request, from the body; the headers must say the same."""
    (detail,) = response.json()["detail"]
    assert response.headers["X-Fal-Error-Type"] == detail["type"]
    assert response.headers["X-Fal-Needs-Retry"] == "0"
    return response.status_code, detail["type"]


def test_the_worker_stays_warm_from_request_to_request(running: RunningEngine) -> None:
    assert worker_of(running) == worker_of(running)


@pytest.mark.parametrize("deed", ["crash", "bug", "gorge"])
def test_a_worker_that_dies_costs_exactly_its_request(running: RunningEngine, deed: str) -> None:
    before = worker_of(running)
    lost = running.submit(prompt=deed)
    next_in_line = running.submit(prompt="a tone")
    assert refusal(running.result(lost)) == (500, "internal_server_error")
    status = running.wait(lost)
    assert status["error"]
    assert status["error_type"] == "internal_server_error"
    assert running.result(next_in_line).status_code == 200
    assert worker_of(running) != before
    assert not is_alive(before)


def test_a_request_whose_device_failed_is_done_by_a_fresh_worker(running: RunningEngine, tmp_path: Path) -> None:
    before = worker_of(running)
    broken = running.submit(prompt=f"break {tmp_path / 'broken'}")
    assert running.result(broken).status_code == 200
    assert "Starting again: the graphics card failed" in [each["message"] for each in running.wait(broken)["logs"]]
    assert worker_of(running) != before
    assert not is_alive(before)


def test_a_request_whose_device_fails_again_and_again_is_given_up_with_a_sentence(running: RunningEngine) -> None:
    result = running.result(running.submit(prompt="wreck"))
    assert refusal(result) == (500, "internal_server_error")
    assert "graphics card" in result.json()["detail"][0]["msg"]
    assert running.run()["duration"] == 1


def test_a_request_that_needs_too_much_memory_is_told_so(running: RunningEngine) -> None:
    result = running.result(running.submit(prompt="gorge"))
    assert "memory" in result.json()["detail"][0]["msg"]


def test_a_sound_that_the_disk_has_no_room_for_is_told_so(running: RunningEngine) -> None:
    resource.prlimit(worker_of(running), resource.RLIMIT_FSIZE, (100_000, 100_000))
    result = running.result(running.submit(duration=2))
    assert refusal(result) == (500, "internal_server_error")
    assert "disk is full" in result.json()["detail"][0]["msg"]
    assert running.run(duration=2)["duration"] == 2


def test_what_a_model_refuses_costs_no_worker(running: RunningEngine) -> None:
    before = worker_of(running)
    assert refusal(running.result(running.submit(prompt="refuse"))) == (422, "unsupported_video_format")
    assert worker_of(running) == before


def test_a_cancelled_model_stops_at_its_next_yield_and_keeps_its_worker(running: RunningEngine, gate: Path) -> None:
    before = worker_of(running)
    busy = running.occupy(gate)
    answer = running.http.put(busy["cancel_url"])
    assert (answer.status_code, answer.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    result = running.result(busy)
    assert result.status_code == 499
    assert result.json()["error_type"] == "client_cancelled"
    assert worker_of(running) == before


def test_a_cancelled_model_that_does_not_stop_is_killed_and_replaced(running: RunningEngine) -> None:
    before = worker_of(running)
    hanging = running.submit(prompt="hang")
    running.wait(hanging, "IN_PROGRESS")
    waiting = running.submit()
    assert running.http.put(hanging["cancel_url"]).status_code == 202
    assert running.http.put(hanging["cancel_url"]).status_code == 202
    assert running.result(hanging).status_code == 499
    assert running.result(waiting).status_code == 200
    assert not is_alive(before)


def test_a_cancelled_model_gets_the_time_that_its_steps_may_take(running: RunningEngine, tmp_path: Path) -> None:
    with engine(tmp_path, model="tests.engine.models:Hasty") as hasty:
        for patient, kept in ((running, True), (hasty, False)):
            before = worker_of(patient)
            napping = patient.submit(prompt="nap 0.5")
            patient.wait_until(napping, lambda body: bool(body["logs"]))
            patient.http.put(napping["cancel_url"])
            assert patient.result(napping).status_code == 499
            assert (worker_of(patient) == before) == kept


def test_the_engine_answers_while_a_model_hangs(running: RunningEngine) -> None:
    hanging = running.submit(prompt="hang")
    running.wait(hanging, "IN_PROGRESS")
    assert running.http.get("/healthz").json()["running"] == 1
    assert running.http.post(TEXT, json={"prompt": "a tone"}).status_code == 200
    running.http.put(hanging["cancel_url"])
    running.wait(hanging)


def test_a_request_that_takes_too_long_is_ended_and_a_model_that_obeys_stays_loaded(tmp_path: Path, gate: Path) -> None:
    with engine(tmp_path, timeout_seconds=1) as hasty:
        before = worker_of(hasty)
        assert refusal(hasty.result(hasty.occupy(gate))) == (504, "generation_timeout")
        assert worker_of(hasty) == before
        hanging, waiting = hasty.submit(prompt="hang"), hasty.submit()
        assert refusal(hasty.result(hanging)) == (504, "generation_timeout")
        assert hasty.result(waiting).status_code == 200
        assert not is_alive(before)


def test_a_worker_that_dies_while_idle_is_replaced(running: RunningEngine) -> None:
    before = worker_of(running)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{before}").exists())  # the engine has seen it
    wait_for(lambda: running.http.get("/healthz").status_code == 200)
    assert running.run()["duration"] == 1


def test_two_workers_run_two_requests_at_once(tmp_path: Path, gate: Path) -> None:
    with engine(tmp_path, workers=2) as pair:
        wait_for(lambda: pair.http.get("/healthz").json()["workers"] == 2)
        first, second = pair.occupy(gate), pair.occupy(gate)
        assert pair.http.get("/healthz").json()["running"] == 2
        gate.touch()
        results = [pair.result(each) for each in (first, second)]
        assert [each.status_code for each in results] == [200, 200]
        # What a machine has several of, such as GPUs, is shared out by this.
        assert {each.json()["understood"]["lane"] for each in results} == {"0", "1"}


@pytest.mark.parametrize("prompt", ["a tone", "hang"], ids=["idle", "hanging"])
def test_workers_end_with_an_engine_that_is_killed(tmp_path: Path, prompt: str) -> None:
    with engine(tmp_path) as killed:
        worker = worker_of(killed)
        killed.wait(killed.submit(prompt=prompt), "IN_PROGRESS" if prompt == "hang" else "COMPLETED")
        killed.process.kill()
        killed.process.wait()
        wait_for(lambda: not is_alive(worker))


def test_the_engine_ends_soon_when_told_even_while_a_model_hangs_and_somebody_watches(tmp_path: Path) -> None:
    with engine(tmp_path) as stopping:
        worker = worker_of(stopping)
        hanging = stopping.submit(prompt="hang")
        with stopping.http.stream("GET", f"{hanging['status_url']}/stream") as stream:
            next(stream.iter_lines())
            stopping.process.terminate()
            stopping.process.wait(10)
        assert not is_alive(worker)
        assert "Traceback" not in stopping.log.read_text()
    assert not list((tmp_path / "data").glob("run-*"))


def test_after_a_restart_former_requests_are_unknown_and_their_files_gone(tmp_path: Path) -> None:
    with engine(tmp_path) as former:
        submitted = former.submit()
        audio = httpx.URL(former.result(submitted).json()["audio"]["url"]).path
        former.process.kill()
        former.process.wait()
    left = list((tmp_path / "data").glob("run-*"))
    assert len(left) == 1, "an engine that is killed can't tidy up"
    with engine(tmp_path) as latter:
        address = httpx.URL(submitted["status_url"]).path
        answer = latter.http.get(address)
        assert (answer.status_code, answer.json()) == (404, {"status": "NOT_FOUND"})
        assert latter.http.get(audio).status_code == 404
        assert not left[0].exists()


def test_engines_may_share_a_folder(tmp_path: Path) -> None:
    with engine(tmp_path) as one:
        result = one.run()
        with started(tmp_path) as other:
            wait_healthy(other)
            other.run()
        assert one.http.get(result["audio"]["url"]).status_code == 200


def test_results_are_forgotten_after_their_time(tmp_path: Path) -> None:
    with engine(tmp_path, keep_seconds=1) as forgetful:
        submitted = forgetful.submit()
        audio = forgetful.result(submitted).json()["audio"]["url"]
        wait_for(lambda: forgetful.http.get(submitted["status_url"]).status_code == 404)
        assert forgetful.http.get(audio).status_code == 404
        wait_for(lambda: not [path for path in (tmp_path / "data").glob("run-*/*") if path.name != ".lock"])


# --- Several at once --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chorus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with engine(tmp_path_factory.mktemp("chorus"), model="tests.engine.models:Chorus") as started:
        yield started


def test_requests_that_wait_and_are_alike_run_together(chorus: RunningEngine, gate: Path) -> None:
    first = chorus.occupy(gate)
    alike = [chorus.submit(seed=seed) for seed in range(4)]
    other = chorus.submit(duration=2)
    alike.insert(2, chorus.submit(seed=4))
    gate.touch()
    results = [chorus.result(each).json() for each in (first, *alike, other)]
    together = [result["understood"]["together"] for result in results]
    assert together == [1, 3, 3, 2, 3, 2, 1], "the oldest first, and what goes with it; another duration does not"
    assert [result["seed"] for result in results[1:6]] == [0, 1, 4, 2, 3], "each gets its own"


def test_one_that_is_cancelled_leaves_those_it_runs_with(chorus: RunningEngine, gate: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    first = chorus.occupy(gate)
    leaving, staying = chorus.submit(prompt=f"wait {own}"), chorus.submit(prompt=f"wait {own}")
    gate.touch()
    chorus.result(first)
    for each in (leaving, staying):
        chorus.wait_until(each, lambda body: any(entry["message"] == "One of 2" for entry in body["logs"]))
    assert chorus.http.put(leaving["cancel_url"]).status_code == 202
    assert chorus.result(leaving).status_code == 499
    assert chorus.http.get(staying["status_url"]).json()["status"] == "IN_PROGRESS"
    own.touch()
    assert chorus.result(staying).json()["understood"] == {"together": 2}


def test_a_crash_costs_none_of_those_it_ran_with(chorus: RunningEngine, gate: Path) -> None:
    first = chorus.occupy(gate)
    bad, good = chorus.submit(prompt="crash"), chorus.submit()
    gate.touch()
    chorus.result(first)
    assert refusal(chorus.result(bad)) == (500, "internal_server_error")
    assert chorus.result(good).json()["understood"] == {"together": 1}
