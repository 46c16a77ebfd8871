"""A real engine for tests: `python -m engine` in a process of its own, and how to talk to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.programs import free_port

ROOT = Path(__file__).resolve().parents[2]
VIDEO = "/fal-ai/mmaudio-v2"
TEXT = "/fal-ai/mmaudio-v2/text-to-audio"
PATIENCE = 60.0

Body = dict[str, Any]


@dataclass
class RunningEngine:
    """An engine that answers; `http` is a client whose addresses begin at it."""

    process: subprocess.Popen[bytes]
    url: str
    http: httpx.Client
    log: Path

    def submit(self, path: str = TEXT, **body: Any) -> Body:
        response = self.http.post(path, json={"prompt": "a tone", "duration": 1, **body})
        assert response.status_code == 200, response.text
        submitted: Body = response.json()
        return submitted

    def wait(self, submitted: Body, status: str = "COMPLETED") -> Body:
        """The request's status, with logs, once it is `status`."""
        return self.wait_until(submitted, lambda body: body["status"] == status)

    def wait_until(self, submitted: Body, reached: Callable[[Body], bool]) -> Body:
        deadline = time.monotonic() + PATIENCE
        while True:
            body: Body = self.http.get(submitted["status_url"], params={"logs": 1}).json()
            if reached(body):
                return body
            assert time.monotonic() < deadline, body
            time.sleep(0.01)

    def result(self, submitted: Body) -> httpx.Response:
        self.wait(submitted)
        return self.http.get(submitted["response_url"])

    def run(self, path: str = TEXT, **body: Any) -> Body:
        """Submit, wait, and return the result of a request that succeeds."""
        response = self.result(self.submit(path, **body))
        assert response.status_code == 200, response.text
        result: Body = response.json()
        return result

    def occupy(self, gate: Path) -> Body:
        """A request that keeps a worker busy until the file `gate` exists; returns when it runs."""
        submitted = self.submit(prompt=f"wait {gate}")
        self.wait(submitted, "IN_PROGRESS")
        return submitted


@contextmanager
def engine(folder: Path, verify: Any = True, **settings: object) -> Iterator[RunningEngine]:
    """Start an engine with `ENGINE_…` settings, wait until it is healthy, and stop it at the end."""
    with started(folder, verify, **settings) as running:
        wait_healthy(running)
        yield running


@contextmanager
def started(folder: Path, verify: Any = True, **settings: object) -> Iterator[RunningEngine]:
    """Start an engine and leave it at that."""
    port = free_port()
    options = {"port": port, "data_dir": folder / "data", "model": "tests.engine.models:Scripted", **settings}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENGINE_")}
    environment |= {f"ENGINE_{name.upper()}": str(value) for name, value in options.items()}
    log = folder / "engine.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "engine"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    url = f"{'https' if 'tls_cert' in settings else 'http'}://localhost:{port}"
    headers = {"Authorization": f"Key {settings['key']}"} if "key" in settings else {}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=30, verify=verify, trust_env=False) as http:
            yield RunningEngine(process, url, http, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def wait_healthy(running: RunningEngine) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if running.http.get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert running.process.poll() is None, running.log.read_text()
        assert time.monotonic() < deadline, running.log.read_text()
        time.sleep(0.02)
