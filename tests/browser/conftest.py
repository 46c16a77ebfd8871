"""The system's Chromium, and a real web server on a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.programs import ROOT, free_port, listens, needed, wait_until

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


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    port = free_port()
    environment = os.environ | {"DATA_DIR": str(tmp_path_factory.mktemp("site")), "PORT": str(port)}
    environment.pop("DATABASE_URL", None)

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, check=True, timeout=120, stdout=subprocess.PIPE
        )
        return done.stdout.decode()

    run("manage.py", "migrate", "--verbosity", "0")
    run("manage.py", "collectstatic", "--noinput", "--verbosity", "0")
    made = json.loads(run("-m", "tests.browser.scenes"))
    server = [sys.executable, "-m", "gunicorn", "--config", "python:webapp.gunicorn_conf", "webapp.wsgi"]
    with subprocess.Popen(server, cwd=ROOT, env=environment, text=True) as process:
        try:
            wait_until(lambda: listens(port), "the web server", process)
            yield Site(f"http://127.0.0.1:{port}", made["sessions"], made["generations"])
        finally:
            process.terminate()


@pytest.fixture
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    """A signed-in page; an error in its scripts, or something its content policy forbids, fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, base_url=site.address)
    context.add_cookies([{"name": "sessionid", "value": site.sessions["alice"], "url": site.address}])
    complaints: list[str] = []
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def listen(message: ConsoleMessage) -> None:
        # A request that fails says so too; some tests let requests fail on purpose.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            complaints.append(message.text)

    page.on("console", listen)
    yield page
    context.close()
    assert complaints == []
