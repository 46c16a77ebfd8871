"""`manage.py up`, which is `make run`: web, worker, beat and engine as one program on one machine."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import IO, Any

import httpx
from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command

from jobs.models import WorkerHeartbeat, WorkerProcess
from webapp.accounts.setup import create_account_from_environment

READY_SECONDS = 60.0
STOP_SECONDS = 8.0
LONGEST_PAUSE_SECONDS = 10.0
# A process that ran for this long is not in a crash loop; its next restart comes at once again.
STEADY_SECONDS = 30.0
PR_SET_PDEATHSIG = 1
ENGINE_HOST = "127.0.0.1"


@dataclass
class Program:
    """One of our processes, kept running."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    restart_at: float = 0.0
    pause: float = 0.5

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.command,
            cwd=settings.ROOT,
            env=os.environ | {"DATA_DIR": str(settings.DATA_DIR)} | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches this program alone, which then stops the others in order
            preexec_fn=_die_with_parent,
        )
        self.started = time.monotonic()
        threading.Thread(target=_relay, args=(self.name, self.process.stdout), daemon=True).start()


class Command(BaseCommand):
    help = "Start Soundstage on this machine: web, worker, beat and engine. Ctrl-C stops them all."

    def handle(self, *args: Any, **options: Any) -> None:
        with (settings.DATA_DIR / "up.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandError(f"Soundstage already runs on {settings.DATA_DIR}. Stop it first.") from None
            _check_free(settings.HOST, settings.PORT)
            if settings.OWN_ENGINE:
                _check_free(ENGINE_HOST, settings.ENGINE_PORT)
            call_command("migrate", verbosity=0, interactive=False)
            call_command("collectstatic", verbosity=0, interactive=False)
            create_account_from_environment()
            WorkerHeartbeat.objects.all().delete()
            WorkerProcess.objects.all().delete()
            self.run(programs())

    def run(self, running: list[Program]) -> None:
        """Start the programs, say when they are ready, keep them running, stop them together."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop.set())
        address = f"http://{'127.0.0.1' if settings.HOST == '0.0.0.0' else settings.HOST}:{settings.PORT}"  # noqa: S104
        begun, ready, client = time.monotonic(), False, httpx.Client(timeout=3.0)
        try:
            for program in running:
                program.start()
            while not stop.is_set():
                self.restart_stopped(running)
                if not ready and _healthy(client, address):
                    ready = True
                    self.stdout.write(f"Soundstage is ready at {address} (Ctrl-C stops it)")
                    self.stdout.flush()
                if not ready and time.monotonic() - begun > READY_SECONDS:
                    raise CommandError("Soundstage did not become ready within a minute; see the lines above.")
                stop.wait(0.2)
        finally:
            self.stdout.write("Stopping…")
            _stop(running)

    def restart_stopped(self, running: list[Program]) -> None:
        now = time.monotonic()
        for program in running:
            if program.process is None:
                if now >= program.restart_at:
                    program.start()
                continue
            code = program.process.poll()
            if code is None:
                continue
            _end_group(program.process, signal.SIGKILL)  # what it left behind
            program.pause = 0.5 if now - program.started > STEADY_SECONDS else program.pause * 2
            program.pause = min(program.pause, LONGEST_PAUSE_SECONDS)
            program.process, program.restart_at = None, now + program.pause
            self.stdout.write(f"{program.name} stopped ({_cause(code)}); starting it again")
            self.stdout.flush()


def programs() -> list[Program]:
    """The four programs of the embedded set-up; production runs the same commands, one container each."""
    python = sys.executable
    celery = [python, "-m", "celery", "--quiet", "-A", "jobs.celery"]
    chosen = [
        Program(
            "web",
            [python, "-m", "gunicorn", "--config", "python:webapp.gunicorn_conf", "webapp.wsgi"],
            {"HOST": settings.HOST, "PORT": str(settings.PORT)},
        ),
        Program(
            "worker",
            [*celery, "worker", "--concurrency", "2", "--loglevel", "WARNING",
             "--without-gossip", "--without-mingle", "--without-heartbeat"],
            {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"},  # whoever does so knows
        ),
        Program("beat", [*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""]),
    ]  # fmt: skip
    if settings.OWN_ENGINE:
        chosen.append(
            Program(
                "engine",
                [python, "-m", "engine"],
                {
                    "ENGINE_HOST": ENGINE_HOST,
                    "ENGINE_PORT": str(settings.ENGINE_PORT),
                    "ENGINE_KEY": settings.ENGINE_KEY,
                    "ENGINE_LOG_FORMAT": settings.LOG_FORMAT,
                    "ENGINE_DATA_DIR": str(settings.DATA_DIR / "engine"),
                },
            )
        )
    return chosen


def _healthy(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(f"{address}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"can't be used ({error.strerror})"
            raise CommandError(f"Port {port} {why}. Choose another: PORT=9000 make run") from None
        except OverflowError:
            raise CommandError(f"There is no port {port}; the highest is 65535.") from None


def _relay(name: str, output: IO[str] | None) -> None:
    for line in output or ():
        said = line.rstrip()
        print(said if settings.LOG_FORMAT == "json" else f"{name:>6} | {said}", file=sys.stderr, flush=True)


def _die_with_parent() -> None:
    """On Linux a program ends with the one that started it, even if that was killed outright (prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _cause(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _stop(running: list[Program]) -> None:
    """Ask all at once, wait for all together, and end what has not gone by then."""
    processes = [program.process for program in running if program.process]
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
        _end_group(process, signal.SIGKILL)


def _end_group(process: subprocess.Popen[str], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
    process.wait()
