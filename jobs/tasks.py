"""Celery's side of the work: thin, and safe to deliver twice."""

from __future__ import annotations

import logging
import socket
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown, worker_ready
from django.conf import settings
from django.utils import timezone

from jobs import alerts, heartbeat, lifecycle, logs, operations, pipeline, previews, retention, trash
from jobs.celery import app
from jobs.doorbell import ring
from jobs.models import Clip, WorkerHeartbeat

log = logging.getLogger(__name__)


@app.task(time_limit=settings.WORK_TIMEOUT_SECONDS)
@logs.scope()
def advance(primary_key: int) -> None:
    """Do the next piece of work on a generation, and ring again for the one after."""
    delay = None
    try:
        with lifecycle.taken(primary_key) as generation:
            if generation is not None:
                delay = pipeline.advance(generation)
    except lifecycle.LeaseLost as lost:
        log.warning("%s: the lease was lost; another worker has it", lost)
        return
    if delay is not None:
        ring("advance", primary_key, delay)


@app.task
def make_preview(primary_key: int) -> None:
    """The playable copy of a clip that browsers can't play; a second delivery finds it made."""
    clip = Clip.objects.filter(pk=primary_key).first()
    if clip is not None:
        previews.ensure_preview(clip)


@app.task
def carry_on(primary_key: int) -> None:
    """Do some more of an administrator's operation on many generations; a second delivery shares the work."""
    if operations.carry_on(primary_key):
        ring("carry_on", primary_key)


@app.task
def sweep() -> None:
    """Ring again for what got lost, whatever the cause, and say that this worker lives."""
    seen()
    for primary_key in lifecycle.overdue():
        ring("advance", primary_key)
    for primary_key in previews.overdue():
        ring("make_preview", primary_key)
    for primary_key in operations.overdue():
        ring("carry_on", primary_key)


@app.task
def check_alerts() -> None:
    """Mail whoever is to be told what is wrong, and what no longer is; a second delivery finds it sent."""
    alerts.check()


@app.task
def empty_trash() -> None:
    """Remove for good what was in the trash for long enough, and say what files and rows don't match."""
    trash.empty()
    trash.check_files().log()


@app.task
def keep_rules() -> None:
    """Remove what the retention rules keep no longer; a second delivery finds it gone."""
    retention.run()


@worker_ready.connect
def seen(**_: Any) -> None:
    """Note that a worker on this machine is at work."""
    WorkerHeartbeat.objects.update_or_create(name=socket.gethostname(), defaults={"seen_at": timezone.now()})


@worker_process_init.connect
def begin_heartbeat(**_: Any) -> None:
    heartbeat.start()


@worker_process_shutdown.connect
def end_heartbeat(**_: Any) -> None:
    heartbeat.stop()
