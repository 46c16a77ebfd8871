"""Which processes of the workers live: each says so itself, every few seconds, from a thread of its own.

No beat and no broker has a part in it, so it is true also where those are gone, and of a process that is at a long
piece of work. Whoever is silent for a while is gone.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from datetime import datetime, timedelta

from django.db import DatabaseError, connection
from django.db.models import QuerySet
from django.utils import timezone

from jobs.models import WorkerProcess

log = logging.getLogger(__name__)

BEAT_SECONDS = 15.0
# Three beats missed.
SILENCE = timedelta(seconds=3 * BEAT_SECONDS)


def name() -> str:
    """This process, as leases and heartbeats name it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def start() -> None:
    """Beat for as long as this process lives."""
    threading.Thread(target=_beat_on, args=(timezone.now(),), name="heartbeat", daemon=True).start()


def online() -> QuerySet[WorkerProcess]:
    """Those that live, the oldest first."""
    return WorkerProcess.objects.filter(seen_at__gt=timezone.now() - SILENCE).order_by("started_at", "name")


def beat(started_at: datetime) -> None:
    """Say that this process, begun at `started_at`, lives; forget those that are silent."""
    now = timezone.now()
    WorkerProcess.objects.update_or_create(name=name(), defaults={"started_at": started_at, "seen_at": now})
    WorkerProcess.objects.filter(seen_at__lt=now - SILENCE).delete()


def stop() -> None:
    """This process ends in order: it is gone at once."""
    WorkerProcess.objects.filter(name=name()).delete()


def _beat_on(started_at: datetime) -> None:
    pause = threading.Event()
    while True:
        try:
            beat(started_at)
        except DatabaseError as error:
            log.warning("this worker could not say that it lives: %s", type(error).__name__)
        finally:
            connection.close()
        pause.wait(BEAT_SECONDS)
