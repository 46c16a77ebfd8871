"""Celery's side of the comments."""

from __future__ import annotations

from jobs.celery import app
from webapp.comments import notifications


@app.task
def send_mail() -> None:
    """Mail what is due; a second delivery finds it sent."""
    notifications.send_due()
