"""Ringing for a worker. The database is the truth and the broker only a doorbell: a ring that is lost does no harm."""

from __future__ import annotations

import logging

from jobs.celery import app

log = logging.getLogger(__name__)


def ring(task: str, primary_key: int, delay: float = 0.0) -> None:
    """Ask for `jobs.tasks.<task>(primary_key)` after `delay` seconds; a dead broker is logged, and the sweep rings."""
    try:
        app.send_task(f"jobs.tasks.{task}", (primary_key,), countdown=delay or None, retry=False)
    except Exception:  # each transport fails in its own way, and none may take the request down with it
        log.exception("could not ring for %s(%s); the sweep will", task, primary_key)
