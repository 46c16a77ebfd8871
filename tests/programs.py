"""Real programs for tests: Soundstage itself as `make run` starts it, Redis, PostgreSQL, an S3 store.

A machine without a service skips the tests that need it and says so; with REQUIRE_SERVICES=1 (CI) that is a failure.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60.0


def free_port() -> int:
    """A port that is this process's to give away for as long as it runs.

    It stays bound and nobody listens on it: the kernel hands it to no other socket of this machine, while a server that
    asks to reuse the address, as servers do, may listen on it, and again after it was killed (socket(7), SO_REUSEADDR).
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        held.detach()
        return port


def needed(program: str, *places: str) -> str:
    """The program's path; without it the test is skipped, or fails where everything is required."""
    found = shutil.which(program) or next(
        (str(path) for place in places for path in sorted(Path("/").glob(place)) if path.exists()), None
    )
    if found:
        return found
    reason = f"{program} is not installed"
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def wait_until(ready: object, what: str, process: subprocess.Popen[str] | None = None) -> None:
    """Call `ready` until it is true; the test fails when `START_SECONDS` pass or the process ends."""
    assert callable(ready)
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process is not None and process.poll() is not None:
            pytest.fail(f"{what} ended with exit code {process.returncode}")
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {START_SECONDS:g} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: list[str], *, user: str | None = None, log: Path) -> Iterator[subprocess.Popen[str]]:
    with log.open("w") as output:
        process = subprocess.Popen(command, user=user, stdout=output, stderr=output, text=True)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


@contextmanager
def redis_server(port: int | None = None) -> Iterator[str]:
    """A Redis of our own, on a given port where it is to come back; yields its URL."""
    program, port = needed("redis-server"), port or free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with running(command, log=Path(folder, "log")) as process:
            wait_until(lambda: listens(port), "redis-server", process)
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL cluster of our own; yields the URL of an empty database."""
    initdb = needed("initdb", "usr/lib/postgresql/*/bin/initdb")
    server = str(Path(initdb).resolve().with_name("postgres"))
    port = free_port()
    # PostgreSQL refuses to run as root: root runs it as the user its package made.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as folder:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        Path(folder).chmod(0o700)
        data = f"{folder}/cluster"
        subprocess.run(
            [initdb, "-D", data, "-U", "soundstage", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"],
            user=user, check=True, capture_output=True,
        )  # fmt: skip
        command = [server, "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-F"]
        with tempfile.TemporaryDirectory() as logs, running(command, user=user, log=Path(logs, "log")) as process:
            wait_until(lambda: listens(port), "postgres", process)
            create = [str(Path(server).with_name("createdb")), "-h", "127.0.0.1", "-p", str(port), "-U", "soundstage"]
            wait_until(
                lambda: subprocess.run([*create, "soundstage"], capture_output=True, check=False).returncode == 0,
                "createdb",
                process,
            )
            yield f"postgres://soundstage@127.0.0.1:{port}/soundstage"


@contextmanager
def s3_store() -> Iterator[dict[str, str]]:
    """moto's S3 server with an empty bucket; yields the environment that points Soundstage at it."""
    import boto3  # slow, and only this needs it

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with running(command, log=Path(folder, "log")) as process:
            wait_until(lambda: listens(port), "the S3 server", process)
            client = boto3.client(
                "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
            )
            client.create_bucket(Bucket="soundstage")
            client.close()
            yield {
                "S3_BUCKET": "soundstage",
                "S3_ENDPOINT_URL": url,
                "S3_REGION": "us-east-1",
                "S3_ACCESS_KEY": "test",
                "S3_SECRET_KEY": "test",
            }


@dataclass
class Soundstage:
    """A running installation."""

    url: str
    data: Path
    process: subprocess.Popen[str]
    log: Path
    environment: dict[str, str]

    def manage(self, *command: str) -> str:
        """What `manage.py command` prints in this installation."""
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT, env=self.environment, check=True, timeout=120, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return done.stdout

    def python(self, code: str) -> Any:
        """What `code`, run with the installation's models imported, prints as JSON."""
        return json.loads(self.manage("shell", "--verbosity", "0", "--command", code))

    def processes(self, containing: str = "") -> list[int]:
        """The ids of this installation's processes whose command line contains `containing`."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = b"\0" + (entry / "environ").read_bytes()
                if containing in command and f"\0DATA_DIR={self.data}\0".encode() in environment:
                    found.append(int(entry.name))
        return found

    def kill(self, containing: str) -> None:
        """kill -9 for every process of that kind, its children included."""
        victims = self.processes(containing)
        assert victims, f"no process runs {containing}"
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)

    @contextmanager
    def frozen(self, containing: str) -> Iterator[None]:
        """Processes of that kind do nothing meanwhile; none of them is caught with the database in its hands."""

        def send(number: int) -> None:
            for process in self.processes(containing):
                os.kill(process, number)

        def caught_idle() -> bool:
            send(signal.SIGSTOP)
            with contextlib.closing(sqlite3.connect(self.data / "soundstage.sqlite3", timeout=0)) as database:
                try:
                    database.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    send(signal.SIGCONT)
                    return False
            return True

        wait_until(caught_idle, f"an idle {containing}")
        try:
            yield
        finally:
            send(signal.SIGCONT)

    def healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def soundstage(data: Path, **environment: str) -> Iterator[Soundstage]:
    """`make run` on a data folder of its own, ready when this yields; Ctrl-C at the end."""
    port = free_port()
    data.mkdir(parents=True, exist_ok=True)
    log = data / "console.log"
    clean = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REQUIRE_SERVICES"}}
    clean |= {"DATA_DIR": str(data), "PORT": str(port), "ENGINE_PORT": str(free_port())} | environment
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=clean,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        wait_until(lambda: "is ready at" in log.read_text(), f"Soundstage (see {log})", process)
        yield Soundstage(f"http://127.0.0.1:{port}", data, process, log, clean)
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
