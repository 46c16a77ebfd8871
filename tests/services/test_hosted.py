"""Hosted backends in the running program: wherever its worker is killed, a job is bought once and comes home once."""

from __future__ import annotations

import io
import sqlite3
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import av
import pytest

from tests.clips import bouncing_ball
from tests.jobs.backends.servers import (
    FAL_KEY,
    HANG_UP,
    SCENARIO_KEY,
    SCENARIO_SECRET,
    Asked,
    Reply,
    Server,
    fal_server,
    scenario_server,
)
from tests.programs import Soundstage, soundstage
from tests.services.person import ACCOUNT, PATIENCE_SECONDS, Person, signed_in
from tests.services.test_jobs import picture

SECONDS = 6


@dataclass
class Hosted:
    """A running installation whose hosted backends are the servers of the tests."""

    stage: Soundstage
    person: Person
    servers: dict[str, Server]
    numbers: Iterator[int] = field(default_factory=count)

    def row(self, page: str) -> dict[str, Any]:
        """The generation as it is stored at this moment."""
        with closing(sqlite3.connect(self.stage.data / "soundstage.sqlite3", timeout=20)) as database:
            database.row_factory = sqlite3.Row
            public_id = page.strip("/").split("/")[-1]
            return dict(database.execute("SELECT * FROM jobs_generation WHERE public_id = ?", [public_id]).fetchone())

    def happened(self, page: str) -> list[str]:
        with closing(sqlite3.connect(self.stage.data / "soundstage.sqlite3", timeout=20)) as database:
            kinds = "SELECT kind FROM jobs_jobevent WHERE generation_id = ? ORDER BY id"
            return [kind for (kind,) in database.execute(kinds, [self.row(page)["id"]])]


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    with fal_server() as fal, scenario_server() as scenario:
        environment = {
            "FAL_KEY": FAL_KEY, "FAL_QUEUE_URL": fal.url, "FAL_REST_URL": fal.url, "SCENARIO_API_KEY": SCENARIO_KEY,
            "SCENARIO_API_SECRET": SCENARIO_SECRET, "SCENARIO_BASE_URL": scenario.url, "LEASE_SECONDS": "2",
        }  # fmt: skip
        with (
            soundstage(tmp_path_factory.mktemp("hosted"), **environment, **ACCOUNT) as stage,
            signed_in(stage.url) as person,
        ):
            yield Hosted(stage, person, {"fal": fal, "scenario": scenario})


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "ball.mp4"
    bouncing_ball(path, seconds=SECONDS, impacts=(0.5, 1.2, 3.0))
    return path


@dataclass
class Gate:
    """An answer that is held back until the worker that waits for it is dead. `first` is done before, if given."""

    first: Callable[[Asked], Reply] | None = None
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self, asked: Asked) -> Reply:
        if self.first:
            self.first(asked)
        self.reached.set()
        self.opened.wait(PATIENCE_SECONDS)
        return HANG_UP


def wait_for(what: Callable[[], bool]) -> None:
    """As soon as it is true: what is waited for here may be over in a moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@dataclass
class Job:
    """A generation under way, and what its backend has been asked so far."""

    hosted: Hosted
    server: Server
    page: str
    film: Path
    seconds: float

    def kill_the_worker(self) -> None:
        self.hosted.stage.kill("jobs.celery worker")
        assert self.hosted.row(self.page)["status"] == "running"

    def was_bought_once(self) -> None:
        """One purchase and one result: the clip's own picture with a sound as long as asked for."""
        assert self.hosted.person.outcome(self.page) == "succeeded"
        assert [len(self.server.purchases), len(self.server.calls("submit"))] == [1, 1]
        assert self.hosted.happened(self.page).count("succeeded") == 1
        video = self.hosted.person.download(self.page, "video").content
        assert picture(video) == picture(self.film)
        with av.open(io.BytesIO(video)) as container:
            assert len(container.streams.audio) == 1
        with wave.open(io.BytesIO(self.hosted.person.download(self.page, "audio").content)) as sound:
            assert sound.getframerate() == 48_000
            assert sound.getnframes() == round(self.seconds * 48_000)


Begin = Callable[[str], Job]


@pytest.fixture
def begin(hosted: Hosted, film: Path) -> Begin:
    """Ask a hosted backend for the clip's sound: each time for other seconds, so that nothing was sent before."""
    asset = hosted.person.upload(film).json()["id"]
    for server in hosted.servers.values():
        server.asked.clear()
        server.purchases.clear()

    def begin(backend: str) -> Job:
        seconds = 2 + 0.04 * next(hosted.numbers)
        page = hosted.person.ask(asset, backend=backend, duration=f"{seconds:.2f}")
        return Job(hosted, hosted.servers[backend], page, film, seconds)

    return begin


@pytest.mark.parametrize(
    ("backend", "call"),
    [
        pytest.param("fal", "initiate", id="fal, before the upload"),
        pytest.param("fal", "upload", id="fal, during the upload"),
        pytest.param("fal", "status", id="fal, while polling"),
        pytest.param("fal", "file", id="fal, during the download"),
        pytest.param("scenario", "part", id="Scenario, during the upload"),
        pytest.param("scenario", "upload", id="Scenario, after the upload and before the submission"),
    ],
)
def test_a_worker_killed_during_a_call_has_a_successor_that_buys_nothing_twice(
    hosted: Hosted, begin: Begin, backend: str, call: str
) -> None:
    gate = Gate()
    hosted.servers[backend].say(call, gate)
    job = begin(backend)
    assert gate.reached.wait(PATIENCE_SECONDS)
    job.kill_the_worker()
    gate.opened.set()
    job.was_bought_once()


@pytest.mark.parametrize("backend", ["fal", "scenario"])
def test_a_worker_killed_while_it_buys_leaves_an_unclear_job_that_nobody_buys_again(
    hosted: Hosted, begin: Begin, backend: str
) -> None:
    gate = Gate(hosted.servers[backend].behave)
    hosted.servers[backend].say("submit", gate)
    job = begin(backend)
    assert gate.reached.wait(PATIENCE_SECONDS)
    job.kill_the_worker()
    gate.opened.set()
    assert hosted.person.outcome(job.page) == "failed"
    stored = hosted.row(job.page)
    assert (stored["error_kind"], stored["remote"]) == ("unclear", "{}")
    assert stored["submitted_at"] is not None
    assert stored["error"].startswith("It is unclear whether")
    assert [len(job.server.purchases), len(job.server.calls("submit"))] == [1, 1]


def test_a_worker_killed_between_the_purchase_and_the_first_poll_has_a_successor_that_polls(
    hosted: Hosted, begin: Begin
) -> None:
    job = begin("fal")
    wait_for(lambda: hosted.row(job.page)["remote"] != "{}")
    assert job.server.calls("status") == []
    job.kill_the_worker()
    job.was_bought_once()


def test_a_worker_killed_over_the_result_has_a_successor_that_fetches_it_again(hosted: Hosted, begin: Begin) -> None:
    job = begin("fal")
    wait_for(lambda: hosted.row(job.page)["stage"] == "muxing")
    job.kill_the_worker()
    job.was_bought_once()
    assert len(job.server.calls("file")) == 2
