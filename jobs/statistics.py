"""How the work goes, in numbers: counted by the database, for people and for what watches over the installation."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Min, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from jobs.models import Generation, Status


@dataclass(frozen=True)
class Queue:
    """How many generations wait to be begun, and for how many seconds the oldest has; 0 where none waits."""

    depth: int
    oldest_seconds: float


def queue(generations: QuerySet[Generation]) -> Queue:
    waiting = generations.filter(status=Status.QUEUED).aggregate(
        depth=Count("pk"), oldest=Min(Coalesce("retried_at", "created_at"))
    )
    oldest = (timezone.now() - waiting["oldest"]).total_seconds() if waiting["oldest"] else 0.0
    return Queue(waiting["depth"], max(oldest, 0.0))


def counts(generations: QuerySet[Generation]) -> dict[tuple[str, str], int]:
    """How many there are by (status, backend); what there is none of is left out."""
    rows = generations.order_by().values_list("status", "backend").annotate(count=Count("pk"))
    return {(status, backend): count for status, backend, count in rows}
