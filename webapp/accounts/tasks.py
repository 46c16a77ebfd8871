"""What beat has a worker do for accounts."""

from __future__ import annotations

from django.utils import timezone

from jobs.celery import app
from webapp.accounts.models import CacheEntry


@app.task
def forget_counts() -> None:
    """Remove what was counted against guessing, with the addresses it was counted for, once it counts no more."""
    CacheEntry.objects.filter(expires__lt=timezone.now()).delete()
