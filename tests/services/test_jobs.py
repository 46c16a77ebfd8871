"""A generation through the running program, whatever happens to its parts on the way."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sqlite3
import wave
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from jobs.models import Stage
from tests.browser.conftest import FLAGS
from tests.clips import bouncing_ball, still
from tests.programs import Soundstage, needed, wait_until
from tests.services.person import Person

SLOW = {"duration": "30", "quality_steps": "50"}
"""Enough work to be caught at it."""


STARTER = ("Soundstage is ready at", *(f"{name} stopped (" for name in ("web", "worker", "beat", "engine")))
"""How lines begin of the program that starts the others."""


def picture(content: bytes | Path) -> list[bytes]:
    with av.open(io.BytesIO(content) if isinstance(content, bytes) else str(content), "r") as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def seconds_of_sound(content: bytes) -> float:
    with wave.open(io.BytesIO(content)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (48_000, 2, 3)
        return float(sound.getnframes() / 48_000)


def row(stage: Soundstage, page: str) -> dict[str, Any]:
    """The generation as it is stored, with how often each kind of thing happened to it."""
    public_id = page.strip("/").split("/")[-1]
    code = f"""
import json
from collections import Counter
from jobs.models import Generation
g = Generation.objects.get(public_id={public_id!r})
happened = Counter(g.job_events.values_list("kind", flat=True))
print(json.dumps({{"pk": g.pk, "attempts": g.attempts, "timings": g.timings, "error": g.error, "happened": happened}}))
"""
    stored: dict[str, Any] = stage.python(code)
    return stored


def lines_about(stage: Soundstage, page: str) -> list[dict[str, Any]]:
    """What the log says of the generation on `page`, in order; all programs' lines are objects with these fields."""
    public_id = page.strip("/").split("/")[-1]
    lines = [json.loads(line) for line in stage.log.read_text().splitlines() if not line.startswith(STARTER)]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    return [line for line in lines if line.get("generation") == public_id]


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "long.mp4"
    bouncing_ball(path, seconds=30, impacts=[0.5 + n for n in range(29)])
    return path


def test_a_clip_gets_its_sound(stage: Soundstage, person: Person, clip: Path) -> None:
    page = person.ask(clip, prompt="knocks on wood")
    assert person.outcome(page) == "succeeded"
    video = person.download(page, "video")
    assert video.headers["Content-Type"] == "video/mp4"
    assert video.headers["Content-Disposition"] == 'attachment; filename="ball - seed 7.mp4"'
    assert picture(video.content) == picture(clip)
    with av.open(io.BytesIO(video.content)) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == ["aac"]
    assert seconds_of_sound(person.download(page, "audio").content) == pytest.approx(2.0, abs=0.001)
    stored = row(stage, page)
    assert set(stored["timings"]) == set(Stage)
    assert (stored["attempts"], stored["happened"]["started"], stored["happened"]["succeeded"]) == (1, 1, 1)

    # What web, worker and engine log of it is found by its id, one JSON object a line, without what addresses hold.
    assert person.client.get(f"/media{page}nothing?key=unsaid").status_code == 404
    wait_until(lambda: "/nothing" in stage.log.read_text(), "the web server's line")
    said = lines_about(stage, page)
    assert Counter(line["logger"] for line in said) == {
        "jobs.intake": 1, "engine": 2, "jobs.lifecycle": 2, "django.request": 1
    }  # fmt: skip
    (request,) = {line["request"] for line in said if line["logger"] == "engine"}
    assert any(f"is {request} at engine" in line["message"] for line in said)
    assert "unsaid" not in stage.log.read_text()


def test_words_alone_get_sound(person: Person) -> None:
    page = person.ask(prompt="rain on a tin roof", duration="1.5")
    assert person.outcome(page) == "succeeded"
    assert seconds_of_sound(person.download(page, "audio").content) == pytest.approx(1.5, abs=0.001)
    assert person.client.get(f"/media{page}video").status_code == 404


def test_the_same_seed_sounds_the_same_and_another_take_does_not(person: Person, clip: Path) -> None:
    asset = person.upload(clip).json()["id"]
    pages = [person.ask(asset), person.ask(asset)]
    again = person.send(f"{pages[0]}take/", {"seed": "new"}, page=pages[0])
    pages.append(again.headers["Location"])
    assert [person.outcome(page) for page in pages] == ["succeeded"] * 3
    first, same, other = (person.download(page, "audio").content for page in pages)
    assert first == same
    assert first != other


def test_many_at_once_all_succeed(person: Person, clip: Path) -> None:
    asset = person.upload(clip).json()["id"]
    pages = [person.ask(asset, seed=str(seed)) for seed in range(6)]
    assert [person.outcome(page) for page in pages] == ["succeeded"] * 6


def test_nobody_else_gets_at_the_files(stage: Soundstage, person: Person, clip: Path) -> None:
    page = person.ask(clip)
    assert person.outcome(page) == "succeeded"
    person.client.cookies.clear()
    for address in (f"/media{page}audio", page, f"{page}live/"):
        assert person.client.get(address).headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("died", ["jobs.celery worker", "-m engine"], ids=["worker", "engine"])
def test_what_a_dead_program_was_at_is_finished(stage: Soundstage, person: Person, long_clip: Path, died: str) -> None:
    page = person.ask(long_clip, **SLOW)
    person.wait(page, "running")
    stage.kill(died)
    assert person.phase(page) == "running"
    assert person.outcome(page) == "succeeded"
    assert seconds_of_sound(person.download(page, "audio").content) == pytest.approx(30.0, abs=0.001)
    assert row(stage, page)["happened"]["succeeded"] == 1
    wait_until(stage.healthy, "health")


@pytest.mark.browser
def test_a_job_that_stops_every_worker_ends_and_succeeds_when_an_admin_tries_it_again(
    stage: Soundstage, person: Person
) -> None:
    """An engine that does not answer keeps the workers at it, so that each can be stopped with the job in its hands."""
    with stage.frozen("-m engine"):
        page = person.ask(prompt="rain", duration="1")
        os.kill(holder(stage, page, attempt=1), signal.SIGKILL)
        hanging = holder(stage, page, attempt=2)
        os.kill(hanging, signal.SIGSTOP)
        os.kill(holder(stage, page, attempt=3), signal.SIGKILL)
        assert person.outcome(page) == "failed"
        os.kill(hanging, signal.SIGKILL)
    stored = row(stage, page)
    assert stored["error"] == "This job stopped 3 workers in a row. Try another clip or format."
    assert [stored["happened"][kind] for kind in ("started", "taken_back", "failed")] == [1, 3, 1]
    with browser(stage, person) as tab:
        tab.goto("/team/jobs/failures/")
        tab.get_by_role("listitem").filter(has_text="stopped <n> workers in a row").get_by_role("link").click()
        tab.get_by_role("region", name="Jobs").get_by_role("link", name="rain").click()
        expect(tab.get_by_text("This job stopped 3 workers in a row.").first).to_be_visible()
        expect(tab.get_by_text("taken for dead")).to_have_count(3)
        tab.get_by_role("button", name="Retry…").click()
        tab.get_by_role("button", name="Retry the job").click()
        expect(tab.get_by_text("The job is back in the queue.")).to_be_visible()
        tab.goto(page)
        expect(tab.get_by_role("link", name="Download")).to_be_visible()
    assert person.outcome(page) == "succeeded"


@contextmanager
def browser(stage: Soundstage, person: Person) -> Iterator[Page]:
    """A tab in which `person` is signed in."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=needed("chromium"), args=FLAGS)
        context = chromium.new_context(base_url=stage.url)
        context.add_cookies(
            [{"name": name, "value": value, "url": stage.url} for name, value in person.client.cookies.items()]
        )
        yield context.new_page()
        chromium.close()


def holder(stage: Soundstage, page: str, attempt: int) -> int:
    """The id of the process that holds a generation at this attempt, once one does."""
    public_id, found = page.strip("/").split("/")[-1], ""

    def held() -> bool:
        nonlocal found
        asked = "SELECT leased_by FROM jobs_generation WHERE public_id = ? AND attempts = ? AND leased_by <> ''"
        with contextlib.closing(sqlite3.connect(stage.data / "soundstage.sqlite3")) as database:
            found = (database.execute(asked, [public_id, attempt]).fetchone() or [""])[0]
        return bool(found)

    wait_until(held, f"attempt {attempt}")
    return int(found.split(":")[1])


def test_a_lost_message_is_sent_again(stage: Soundstage, person: Person, clip: Path) -> None:
    """Nobody takes messages while the worker is down; by the time it is back, they are gone."""
    asset = person.upload(clip).json()["id"]
    messages = stage.data / "queue" / "messages"
    with stage.frozen("jobs.celery worker"):
        page = person.ask(asset)
        wait_until(lambda: any(_rings(messages)), "the message")
        for message in _rings(messages):
            message.unlink()
        assert person.phase(page) == "queued"
    assert person.outcome(page) == "succeeded"
    assert row(stage, page)["attempts"] == 1


def test_a_message_delivered_many_times_is_done_once(stage: Soundstage, person: Person, clip: Path) -> None:
    asset = person.upload(clip).json()["id"]
    with stage.frozen("jobs.celery worker"):
        page = person.ask(asset)
        key = row(stage, page)["pk"]
        stage.python(f"from jobs.doorbell import ring\nfor _ in range(8): ring('advance', {key})\nprint(0)")
    assert person.outcome(page) == "succeeded"
    happened = row(stage, page)["happened"]
    assert [happened[kind] for kind in ("queued", "started", "submitted", "succeeded")] == [1, 1, 1, 1]
    stage.python(f"from jobs.doorbell import ring\nring('advance', {key})\nprint(0)")
    other = person.ask(asset, seed="8")
    assert person.outcome(other) == "succeeded"
    assert row(stage, page)["happened"] == happened


def test_a_running_generation_can_be_cancelled(stage: Soundstage, person: Person, long_clip: Path) -> None:
    page = person.ask(long_clip, **SLOW)
    person.wait(page, "running")
    assert person.send(f"{page}cancel/", {}, page=page).status_code == 302
    assert person.outcome(page) == "cancelled"


def test_what_browsers_cannot_play_keeps_its_picture_and_gets_a_copy(person: Person, tmp_path: Path) -> None:
    path = tmp_path / "old.avi"
    still(path, codec="mpeg4", fps=25, seconds=1.5)
    page = person.ask(path)
    assert person.outcome(page) == "succeeded"
    assert picture(person.download(page, "video").content) == picture(path)
    with av.open(io.BytesIO(person.download(page, "playable").content)) as container:
        assert container.streams.video[0].codec_context.name == "h264"


def _rings(messages: Path) -> list[Path]:
    """The messages that ask for work on a generation; beat's own come and go beside them."""
    return [path for path in messages.glob("*.msg") if "jobs.tasks.advance" in path.read_text()]
