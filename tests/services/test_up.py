"""`make run`: four programs as one, from the first second to the last."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.programs import ROOT, Soundstage, free_port, soundstage, wait_until
from tests.services.person import ACCOUNT, Person, signed_in

PROGRAMS = {"web": "-m gunicorn", "worker": "jobs.celery worker", "beat": "jobs.celery beat", "engine": "-m engine"}


def refused(**environment: str) -> str:
    """What a start that can't be says, instead of starting."""
    done = subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=os.environ | environment, check=False, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    return done.stdout


def test_says_in_one_line_where_it_is_once_all_are_ready(stage: Soundstage) -> None:
    assert stage.log.read_text().count(f"Soundstage is ready at {stage.url} ") == 1
    health = httpx.get(f"{stage.url}/healthz")
    assert health.status_code == 200
    assert health.json() == {"status": "ok", "web": "ok", "worker": "ok", "engine": "ok"}
    assert all(stage.processes(command) for command in PROGRAMS.values())
    online = stage.python(
        "import json; from jobs import statistics; print(json.dumps([w.name for w in statistics.workers()]))"
    )
    pids = {int(name.rpartition(":")[2]) for name in online}
    # Others of this package kill workers, which count as online until their silence is noticed.
    assert len(pids & set(stage.processes(PROGRAMS["worker"]))) == 2


def test_keeps_everything_in_its_data_folder(stage: Soundstage) -> None:
    assert {"soundstage.sqlite3", "media", "queue", "engine"} <= {path.name for path in stage.data.iterdir()}


def test_makes_the_first_account_from_the_environment(stage: Soundstage, person: Person) -> None:
    assert person.client.get("/").status_code == 200
    assert stage.python("import json; print(json.dumps([u.is_superuser for u in User.objects.all()]))") == [True]


def test_refuses_to_start_twice_on_one_data_folder(stage: Soundstage) -> None:
    said = refused(DATA_DIR=str(stage.data), PORT=str(free_port()))
    assert f"Soundstage already runs on {stage.data}. Stop it first." in said


def test_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"Port {port} is in use. Choose another" in refused(DATA_DIR=str(tmp_path / "a"), PORT=str(port))
        engine = refused(DATA_DIR=str(tmp_path / "b"), PORT=str(free_port()), ENGINE_PORT=str(port))
        assert f"Port {port} is in use. Choose another" in engine


def test_refuses_a_port_that_does_not_exist(tmp_path: Path) -> None:
    assert "There is no port 65539; the highest is 65535." in refused(DATA_DIR=str(tmp_path), PORT="65529")


@pytest.mark.parametrize("name", PROGRAMS)
def test_starts_a_program_that_died_again_and_says_so(stage: Soundstage, name: str) -> None:
    said, ended = f"{name} stopped (signal SIGKILL); starting it again", stage.processes(PROGRAMS[name])
    before = stage.log.read_text().count(said)
    stage.kill(PROGRAMS[name])
    wait_until(lambda: stage.log.read_text().count(said) == before + 1, f"word of {name}'s end")
    wait_until(lambda: stage.processes(PROGRAMS[name]), f"a new {name}")
    wait_until(stage.healthy, "health")
    assert not set(stage.processes()) & set(ended)


def test_a_variant_of_the_engines_model_is_chosen_like_a_backend(tmp_path: Path) -> None:
    environment = {"ENGINE_MODEL": "tests.engine.models:Scripted", "ENGINE_VARIANTS": "other,third"}
    with soundstage(tmp_path / "data", **environment, **ACCOUNT) as own, signed_in(own.url) as person:
        page = person.client.get("/").text
        for backend, label in (("engine", "engine"), ("engine-other", "engine · other"), ("engine-third", "")):
            assert f'value="{backend}"' in page
            assert f"Soundstage {label}" in page
        results = person.ask(backend="engine-other", duration="1")
        assert person.outcome(results) == "succeeded"
        assert "Soundstage engine · other" in person.client.get(results).text
        asked = "import json; print(json.dumps([g.understood['variant'] for g in Generation.objects.all()]))"
        assert own.python(asked) == ["other"]


def stop(stage: Soundstage, how: signal.Signals) -> None:
    stage.process.send_signal(how)
    assert stage.process.wait(30) == 0
    assert stage.processes() == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{stage.url}/healthz")


def test_stops_everything_it_started_and_starts_again_as_it_was(tmp_path: Path) -> None:
    with soundstage(tmp_path / "data", **ACCOUNT) as first:
        stop(first, signal.SIGTERM)
    with soundstage(tmp_path / "data") as second, signed_in(second.url) as person:
        assert person.client.get("/").status_code == 200
        stop(second, signal.SIGINT)


def test_takes_its_programs_with_it_when_it_is_killed(tmp_path: Path) -> None:
    with soundstage(tmp_path / "data") as running:
        running.process.kill()
        wait_until(lambda: running.processes() == [], "the end of all programs")


def test_a_bad_first_account_is_named_before_anything_starts(tmp_path: Path) -> None:
    said = refused(DATA_DIR=str(tmp_path), PORT=str(free_port()), ADMIN_EMAIL="ada@example.com", ADMIN_PASSWORD="short")
    assert "ADMIN_EMAIL or ADMIN_PASSWORD: This password is too short" in said
