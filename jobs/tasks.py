"""Celery's side of the work: thin, and safe to deliver twice."""

from __future__ import annotations

import logging
import socket
from typing import Any

from celery.signals import worker_ready
from django.core.files.base import File
from django.utils import timezone

from jobs import lifecycle, pipeline
from jobs.celery import app
from jobs.doorbell import ring
from jobs.files import local_path, remove_stored, sandboxed, work_folder
from jobs.media.errors import MediaError
from jobs.media.preview import preview
from jobs.models import Clip, WorkerHeartbeat

log = logging.getLogger(__name__)


@app.task
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
    clip = Clip.objects.filter(pk=primary_key, preview="").first()
    if clip is None:
        return
    with work_folder() as folder:
        target = folder / "preview.mp4"
        try:
            sandboxed(preview, local_path(clip.file, folder), target)
        except MediaError:
            log.exception("%s: no preview could be made", clip.public_id)
            return
        with target.open("rb") as file:
            clip.preview.save("preview.mp4", File(file), save=False)
    if not Clip.objects.filter(pk=clip.pk, preview="").update(preview=clip.preview.name):
        remove_stored(clip.preview)


@app.task
def sweep() -> None:
    """Ring again for what got lost, whatever the cause, and say that this worker lives."""
    seen()
    for primary_key in lifecycle.overdue():
        ring("advance", primary_key)


@worker_ready.connect
def seen(**_: Any) -> None:
    """Note that a worker on this machine is at work."""
    WorkerHeartbeat.objects.update_or_create(name=socket.gethostname(), defaults={"seen_at": timezone.now()})
