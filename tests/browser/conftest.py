"""The system's Chromium, and a real web server on a data folder of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.programs import ROOT, Soundstage, free_port, listens, needed, soundstage, wait_until

MAX_UPLOAD_MB = 2
GENERATION_MS = 60_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    program = needed("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Site:
    """A running web server with generations in every state; see `tests.browser.scenes`."""

    address: str
    sessions: dict[str, str]
    generations: dict[str, str]

    def results(self, state: str) -> str:
        return f"{self.address}/g/{self.generations[state]}/"


@contextmanager
def web_server(data: Path) -> Iterator[tuple[str, Callable[..., str]]]:
    """The web server alone on a data folder; yields its address, and how to run Python there."""
    port = free_port()
    environment = os.environ | {"DATA_DIR": str(data), "PORT": str(port), "MAX_UPLOAD_MB": str(MAX_UPLOAD_MB)}
    environment.pop("DATABASE_URL", None)

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, check=True, timeout=120, stdout=subprocess.PIPE
        )
        return done.stdout.decode()

    run("manage.py", "migrate", "--verbosity", "0")
    run("manage.py", "collectstatic", "--noinput", "--verbosity", "0")
    server = [sys.executable, "-m", "gunicorn", "--config", "python:webapp.gunicorn_conf", "webapp.wsgi"]
    with subprocess.Popen(server, cwd=ROOT, env=environment, text=True) as process:
        try:
            wait_until(lambda: listens(port), "the web server", process)
            yield f"http://127.0.0.1:{port}", run
        finally:
            process.terminate()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with web_server(tmp_path_factory.mktemp("site")) as (address, run):
        made = json.loads(run("-m", "tests.browser.scenes"))
        yield Site(address, made["sessions"], made["generations"])


Visit = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Iterator[Visit]:
    """`visit("alice", **options of the browser context)` opens a page, signed in as her, or as nobody.

    An error in its scripts, or something its content policy forbids, fails the test.
    """
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def listen(message: ConsoleMessage) -> None:
        # A request that fails says so too; some tests let requests fail on purpose.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            complaints.append(message.text)

    def visit(name: str | None = None, **options: Any) -> Page:
        settings: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}, "base_url": site.address} | options
        context = chromium.new_context(**settings)
        contexts.append(context)
        if name:
            context.add_cookies([{"name": "sessionid", "value": site.sessions[name], "url": site.address}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", listen)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(visit: Visit) -> Page:
    """A page of Alice's."""
    return visit("alice")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soundstage]:
    """All of Soundstage, with nobody in it yet."""
    with soundstage(tmp_path_factory.mktemp("installation") / "data") as running:
        yield running


def wait_for_result(page: Page) -> None:
    """The page turns from waiting to the result by itself."""
    expect(page).to_have_url(re.compile(r"/g/gen_[\w-]{22}/$"))
    mark = page.evaluate("window.here = performance.timeOrigin")
    expect(page.locator("[data-player]")).to_be_visible(timeout=GENERATION_MS)
    assert page.evaluate("window.here") == mark, "the page was loaded again"
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-locked]')].every((media) => media.readyState >= 3)"
    )
