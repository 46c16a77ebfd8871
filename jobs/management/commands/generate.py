"""`manage.py generate`: the pipeline from a terminal, on the same rows, backends and files as the web app's."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.management import BaseCommand, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.fields.files import FieldFile

from jobs import intake, keys, lifecycle, limits, pipeline
from jobs.backends import registry
from jobs.media.errors import MediaError
from jobs.models import Clip, Generation, Source, Status

if TYPE_CHECKING:
    from webapp.accounts.models import Team

ENGINE_START_SECONDS = 60.0
LONGEST_NAP = 0.2  # seconds after which Ctrl-C is noticed, however long there is to wait
BAR_WIDTH = 30


class Failed(Exception):
    """The message is one sentence for whoever typed the command."""


class Command(BaseCommand):
    help = "Give a silent clip its sound, or make a sound effect without a clip."

    def add_arguments(self, parser: ArgumentParser) -> None:
        defaults = {field.name: field.default for field in Generation._meta.fields}
        parser.add_argument("clip", nargs="?", type=Path, help="the clip; leave it out for text to audio")
        parser.add_argument("--prompt", required=True, help="environment, materials, specific sounds")
        parser.add_argument("--negative-prompt", default="", help="sounds to exclude")
        parser.add_argument("--duration", type=float, default=defaults["duration"], help="seconds, 1-30")
        parser.add_argument("--quality-steps", type=int, default=defaults["quality_steps"], help="4-50")
        parser.add_argument("--prompt-strength", type=float, default=defaults["prompt_strength"], help="1-20")
        parser.add_argument("--focus-on-subject", action="store_true", help="sound only what matches the prompt")
        parser.add_argument("--seed", type=int, help="0-65535; drawn when left out")
        parser.add_argument(
            "--backend", choices=registry.NAMES, help="who makes the sound; the team's own when left out"
        )
        parser.add_argument("--output", required=True, type=Path, help="the folder for the results")
        parser.add_argument("--json", action="store_true", help="print one JSON object about the result")

    def handle(self, *args: Any, **options: Any) -> None:
        _log_to_file()
        try:
            result = self.generate(**options)
        except (Failed, MediaError) as error:
            if options["json"]:
                self.stdout.write(json.dumps({"status": "failed", "error": str(error)}))
            self.stderr.write(str(error))
            sys.exit(1)
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            for path in filter(None, (result["video"], result["audio"])):
                self.stdout.write(path)

    def generate(self, *, clip: Path | None, output: Path, **options: Any) -> dict[str, Any]:
        _prepare_database()
        if not options["prompt"].strip():
            raise Failed("--prompt is empty: describe the sound.")
        parameters = intake.Parameters(
            prompt=options["prompt"],
            negative_prompt=options["negative_prompt"],
            duration=options["duration"],
            quality_steps=options["quality_steps"],
            prompt_strength=options["prompt_strength"],
            focus_on_subject=options["focus_on_subject"],
            seed=options["seed"],
        )
        team = _team()
        backend = options["backend"] or intake.default_backend(team)
        try:
            keys.credentials(backend, team)
        except keys.MissingKey as error:
            raise Failed(str(error)) from None
        accepted = _accept(team, clip) if clip else None
        try:
            generation = intake.accept_generation(
                team, None, accepted, parameters, source=Source.COMMAND, backend=backend, enqueue=False
            )
        except ValidationError as error:
            raise Failed(_sentence(error)) from None
        except limits.LimitReached as error:
            raise Failed(str(error)) from None
        try:
            with nullcontext() if limits.is_hosted(backend) else _engine():
                self.work(generation)
        except Failed:  # no engine: nobody is to take it up later
            lifecycle.request_cancel(generation)
            raise
        generation.refresh_from_db()
        if generation.status != Status.SUCCEEDED:
            raise Failed(generation.error or "The generation was cancelled.")
        return _deliver(generation, clip, output)

    def work(self, generation: Generation) -> None:
        """Do in this process what workers do elsewhere, step by step, with a progress bar."""
        interrupted = False

        def cancel(*_: Any) -> None:
            nonlocal interrupted
            interrupted = True

        before = signal.signal(signal.SIGINT, cancel)
        try:
            while True:
                if interrupted:
                    lifecycle.request_cancel(generation)
                    interrupted = False
                delay = None
                with lifecycle.taken(generation.pk) as taken:
                    if taken is not None:
                        delay = pipeline.advance(taken)
                        self.show(taken)
                generation.refresh_from_db()
                if generation.is_finished:
                    return
                due = time.monotonic() + (delay if delay is not None else pipeline.RETRY_SECONDS)
                while not interrupted and (left := due - time.monotonic()) > 0:
                    time.sleep(min(left, LONGEST_NAP))
        finally:
            signal.signal(signal.SIGINT, before)
            if self.stderr.isatty():
                self.stderr.write("")

    def show(self, generation: Generation) -> None:
        if self.stderr.isatty():
            filled = round(BAR_WIDTH * generation.progress / 100)
            bar = "█" * filled + "░" * (BAR_WIDTH - filled)
            what = generation.message or generation.stage
            self.stderr.write(f"\r{bar} {generation.progress:3d} %  {what[:40]:40}", ending="")
            self.stderr.flush()


def _log_to_file() -> None:
    """What the workers log goes to a file: standard error is for the bar and the one sentence."""
    root = logging.getLogger()
    file = logging.FileHandler(settings.DATA_DIR / "generate.log", delay=True)
    file.setFormatter(root.handlers[0].formatter)
    root.handlers = [file]


def _prepare_database() -> None:
    """The embedded database is made on first use; any other is its operator's to migrate."""
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return
    if connection.vendor != "sqlite":
        raise Failed("The database is not up to date. Run: python manage.py migrate")
    call_command("migrate", verbosity=0, interactive=False)


def _team() -> Team:
    """The installation's first team; on a machine where nobody has an account yet, one for the terminal."""
    teams = cast("type[Team]", Generation._meta.get_field("team").related_model)
    return teams.objects.order_by("pk").first() or teams.objects.create(name="Terminal")


def _accept(team: Team, clip: Path) -> Clip:
    try:
        with clip.open("rb") as file:
            return intake.accept_clip(team, None, File(file), clip.name)
    except OSError as error:
        raise Failed(f"{clip} can't be read: {error.strerror}.") from None


def _sentence(error: ValidationError) -> str:
    options = {name: f"--{name.replace('_', '-')}" for name in error.message_dict}
    return " ".join(f"{options[name]}: {' '.join(messages)}" for name, messages in error.message_dict.items())


@contextmanager
def _engine() -> Iterator[None]:
    """The configured engine if it answers, else one of our own for as long as this takes."""
    if _answers(settings.ENGINE_URL):
        yield
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "ENGINE_HOST": "127.0.0.1",
            "ENGINE_PORT": str(port),
            "ENGINE_KEY": settings.ENGINE_KEY,
            "ENGINE_DATA_DIR": folder,
        }
        engine = subprocess.Popen(
            [sys.executable, "-m", "engine"],
            cwd=settings.ROOT,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C cancels the job; the engine ends after it
        )
        try:
            settings.ENGINE_URL = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + ENGINE_START_SECONDS
            while not _answers(settings.ENGINE_URL):
                if engine.poll() is not None or time.monotonic() > deadline:
                    raise Failed("The engine did not start. Run `python -m engine` to see why.")
                time.sleep(0.05)
            yield
        finally:
            engine.terminate()
            try:
                engine.wait(10)
            except subprocess.TimeoutExpired:
                engine.kill()
                engine.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2.0).status_code == 200
    except httpx.HTTPError:
        return False


def _deliver(generation: Generation, clip: Path | None, output: Path) -> dict[str, Any]:
    """Copy the results to `output` under names that never hide the original, and describe them."""
    stem = f"{clip.stem if clip else 'sound'}-seed{generation.seed}"
    placed: dict[str, str | None] = {"video": None, "audio": None}
    try:
        output.mkdir(parents=True, exist_ok=True)
        for kind, stored in (("video", generation.video), ("audio", generation.audio)):
            if stored:
                placed[kind] = str(_place(stored, output / f"{stem}{Path(str(stored.name)).suffix}"))
    except OSError as error:
        for path in filter(None, placed.values()):
            Path(path).unlink(missing_ok=True)
        raise Failed(f"The results could not be written to {output}: {error.strerror}.") from None
    return {
        "status": str(generation.status),
        **placed,
        "backend": generation.backend,
        "cost": None if generation.cost is None else str(generation.cost),
        "seed": generation.seed,
        "duration": generation.effective_duration,
        "events": generation.events,
        "understood": generation.understood,
        "timings": generation.timings,
    }


def _place(stored: FieldFile, target: Path) -> Path:
    partial = target.with_name(f".{target.name}.partial")
    try:
        with stored.open("rb") as source, partial.open("wb") as copy:
            shutil.copyfileobj(source, copy, length=1024 * 1024)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target
