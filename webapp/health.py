"""Whether Soundstage is at work, for people, supervisors and load balancers.

`GET /healthz` tells of the whole installation: web, worker and engine. `GET /readyz` tells of this web server alone,
whether requests may be sent to it: what it needs itself answers.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import httpx
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.files.storage import FileSystemStorage, storages
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from jobs.celery import app
from jobs.models import WorkerHeartbeat

# The sweep runs every five seconds; three missed ones in a row mean that no worker runs.
HEARTBEAT_PATIENCE = timedelta(seconds=20)
READY_SECONDS = 3.0
# What hangs keeps its thread until it gives up by itself; as many as these may, and further checks find no thread.
_checkers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="readyz")

log = logging.getLogger(__name__)


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when all three are up, else 503; the JSON says which is not."""
    try:
        seen = WorkerHeartbeat.objects.filter(seen_at__gt=timezone.now() - HEARTBEAT_PATIENCE).exists()
        web, worker = "ok", "ok" if seen else "down"
    except DatabaseError:
        web, worker = "no database", "unknown"
    parts = {"web": web, "worker": worker, "engine": engine().state}
    healthy = all(state == "ok" for state in parts.values())
    return JsonResponse({"status": "ok" if healthy else "degraded", **parts}, status=200 if healthy else 503)


@dataclass(frozen=True)
class Engine:
    """How the engine stands: `state` is "ok", "starting" or "down"; `workers` have their model loaded, `running` are
    the requests that are being made and `queue` those that wait there."""

    state: str
    workers: int = 0
    running: int = 0
    queue: int = 0


def engine() -> Engine:
    """As the engine itself says, within two seconds."""
    try:
        said = httpx.get(f"{settings.ENGINE_URL}/readyz", timeout=2.0).json()
        state = said.get("status")
        if state not in {"ok", "starting"}:
            return Engine("down")
        return Engine(state, **{name: int(said.get(name, 0)) for name in ("workers", "running", "queue")})
    except (httpx.HTTPError, ValueError, TypeError, AttributeError):
        return Engine("down")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when all that this server needs answers within `READY_SECONDS`, else 503; the JSON says what does not."""
    checks: dict[str, Future[str]] = {name: _checkers.submit(check) for name, check in NEEDED.items()}
    wait(checks.values(), READY_SECONDS)
    parts = {name: _outcome(name, check) for name, check in checks.items()}
    ready = all(state == "ok" for state in parts.values())
    return JsonResponse({"status": "ok" if ready else "not ready", **parts}, status=200 if ready else 503)


def _outcome(name: str, check: Future[str]) -> str:
    """What a check came to. What an error says may name hosts and accounts, so the log alone is told of it."""
    if not check.done():
        check.cancel()
        return "no answer in time"
    if error := check.exception():
        log.warning("not ready: %s: %s", name, type(error).__name__)
        return "down"
    return check.result()


def _database() -> str:
    try:
        pending = _migrations() - MigrationRecorder(connection).applied_migrations().keys()
    finally:
        connection.close()
    return f"{len(pending)} migrations to apply" if pending else "ok"


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """All there are in this release, as (app, name)."""
    return frozenset(MigrationLoader(None).graph.nodes)


def _broker() -> str:
    """Redis is connected to, which sends a PING."""
    if settings.CELERY_BROKER_URL.startswith("filesystem"):
        _write_in(settings.QUEUE_DIR / "messages")
    else:
        with app.connection_for_write() as broker:
            broker.transport.establish_connection()
    return "ok"


def _storage() -> str:
    store = storages["default"]
    if isinstance(store, FileSystemStorage):
        _write_in(store.location)
    else:
        store.connection.meta.client.head_bucket(Bucket=store.bucket_name)  # type: ignore[attr-defined]
    return "ok"


def _write_in(folder: str | os.PathLike[str]) -> None:
    """Raises OSError where a folder is missing or full, or may not be written in."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"ready")


NEEDED: dict[str, Callable[[], str]] = {"database": _database, "broker": _broker, "storage": _storage}
