"""The official client, unchanged, with the engine as its fal.

It reads its host and key when it is imported and speaks only https, so each call of it is a process of its own.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.engine.running import ROOT, RunningEngine, engine

KEY = "id:secret"
PRELUDE = """
import json, sys
import fal_client
VIDEO, TEXT = "fal-ai/mmaudio-v2", "fal-ai/mmaudio-v2/text-to-audio"
def tell(**said): print(json.dumps(said))
"""


@dataclass
class Client:
    """Runs scripts against the engine with the official client."""

    engine: RunningEngine
    authority: Path

    def run(self, script: str, *arguments: str, key: str = KEY) -> list[Any]:
        """What the script tells, call by call."""
        address = httpx.URL(self.engine.url)
        ended = subprocess.run(
            [sys.executable, "-c", PRELUDE + script, *arguments],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "FAL_KEY": key,
                "FAL_QUEUE_RUN_HOST": f"{address.host}:{address.port}",
                "SSL_CERT_FILE": str(self.authority),
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("tls")
    authority, certificate = trustme.CA(), folder / "cert.pem"
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for part in issued.cert_chain_pems:
        part.write_to_path(str(certificate), append=True)
    trust = ssl.create_default_context(cafile=folder / "ca.pem")
    with engine(folder, verify=trust, tls_cert=certificate, tls_key=folder / "key.pem", key=KEY) as running:
        yield Client(running, folder / "ca.pem")


def test_submit_follow_with_logs_and_fetch(client: Client) -> None:
    script = """
handle = fal_client.submit(TEXT, {"prompt": "whoami", "duration": 1, "seed": 5}, start_timeout=30)
for event in handle.iter_events(with_logs=True, interval=0.01):
    tell(kind=type(event).__name__, logs=getattr(event, "logs", None), metrics=getattr(event, "metrics", None))
result = handle.get()
tell(kind="result", **result)
assert result == fal_client.result(TEXT, handle.request_id)
assert isinstance(fal_client.status(TEXT, handle.request_id, with_logs=True), fal_client.Completed)
"""
    *events, result = client.run(script)
    assert events[-1]["kind"] == "Completed"
    assert events[-1]["logs"][0]["labels"] == {"progress": 0.25}
    assert events[-1]["metrics"]["inference_time"] > 0
    assert result["seed"] == 5
    assert client.engine.http.get(result["audio"]["url"]).content.startswith(b"RIFF")


def test_subscribe_to_video_with_progress(client: Client) -> None:
    script = """
updates = []
result = fal_client.subscribe(
    VIDEO, {"prompt": "a tone", "video_url": fal_client.encode(b"clip", "video/mp4"), "duration": 1},
    with_logs=True, on_queue_update=updates.append,
)
tell(kinds=[type(update).__name__ for update in updates], **result)
"""
    (result,) = client.run(script)
    assert result["kinds"][-1] == "Completed"
    assert result["understood"]["clip_bytes"] == 4
    assert {"video", "audio", "events", "understood", "seed", "duration"} <= result.keys()


def test_cancel_in_the_queue_and_while_running(client: Client, gate: Path) -> None:
    script = """
busy = fal_client.submit(TEXT, {"prompt": f"wait {sys.argv[1]}", "duration": 1})
while not isinstance(busy.status(), fal_client.InProgress): pass
waiting = fal_client.submit(TEXT, {"prompt": "a tone"})
behind = fal_client.submit(TEXT, {"prompt": "a tone"})
tell(position=behind.status().position)
waiting.cancel()
tell(position=behind.status().position)
fal_client.cancel(TEXT, busy.request_id)
for cancelled in (waiting, busy):
    for last in cancelled.iter_events(interval=0.01): pass
    try:
        cancelled.get()
    except fal_client.FalClientHTTPError as error:
        tell(status=error.status_code, kind=error.error_type, seen=last.error_type)
behind.get()
"""
    gone = {"status": 499, "kind": "client_cancelled", "seen": "client_cancelled"}
    assert client.run(script, str(gate)) == [{"position": 1}, {"position": 0}, gone, gone]


def test_errors_reach_the_caller(client: Client) -> None:
    script = """
def failure(call, *arguments):
    try:
        call(*arguments)
    except fal_client.FalClientHTTPError as error:
        detail = json.loads(error.response.text)["detail"]
        tell(status=error.status_code, kind=error.error_type, loc=detail[0]["loc"], ctx=detail[0].get("ctx"))
failure(fal_client.submit, TEXT, {"prompt": "a tone", "duration": 45})
failure(fal_client.submit, VIDEO, {"prompt": "a tone"})
failure(fal_client.submit(TEXT, {"prompt": "disagree"}).get)
failure(fal_client.submit(TEXT, {"prompt": "crash"}).get)
"""
    assert client.run(script) == [
        {"status": 422, "kind": "less_than_equal", "loc": ["body", "duration"], "ctx": {"le": 30.0}},
        {"status": 422, "kind": "missing", "loc": ["body", "video_url"], "ctx": None},
        {"status": 422, "kind": "value_error", "loc": ["body"], "ctx": None},
        {"status": 500, "kind": "internal_server_error", "loc": ["body"], "ctx": None},
    ]


def test_a_wrong_key_is_refused(client: Client) -> None:
    script = """
try:
    fal_client.submit(TEXT, {"prompt": "a tone"})
except fal_client.FalClientHTTPError as error:
    tell(status=error.status_code, kind=error.error_type)
"""
    assert client.run(script, key="another:key") == [{"status": 401, "kind": "unauthorized"}]
