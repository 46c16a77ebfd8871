"""How the work goes, in numbers: counted by the database, for people and for what watches over the installation.

`generations` is always whatever may be looked at: a team's, or all. Days are those of `TIME_ZONE`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import Aggregate, Count, DurationField, ExpressionWrapper, F, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from jobs import heartbeat
from jobs.backends import registry
from jobs.models import UNFINISHED, EarlierPurchase, Generation, Status


@dataclass(frozen=True)
class Queue:
    """How many generations wait to be begun, and for how many seconds the oldest has; 0 where none waits."""

    depth: int
    oldest_seconds: float


@dataclass(frozen=True)
class Working:
    """A worker process that lives, since when, and the public id of the generation it is at, "" for none."""

    name: str
    since: datetime
    generation: str


@dataclass(frozen=True)
class Range:
    """Days, both included."""

    since: date
    until: date

    @property
    def days(self) -> list[date]:
        return [self.since + timedelta(days=index) for index in range((self.until - self.since).days + 1)]

    def has(self, field: str) -> Q:
        """Whether the moment in `field` lies within."""
        return Q(**{f"{field}__gte": _midnight(self.since), f"{field}__lt": _midnight(self.until + timedelta(days=1))})


@dataclass(frozen=True)
class Day:
    """What was asked for on a day, by what has become of it since, and by backend."""

    day: date
    counts: dict[Status, int]
    backends: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def unfinished(self) -> int:
        return sum(self.counts[status] for status in UNFINISHED)


# Of `Spread`.
PERCENTILES = (0.5, 0.95)


@dataclass(frozen=True)
class Spread:
    """Half of all lasted `p50` seconds at most, and nineteen in twenty `p95`: between two values, in proportion."""

    p50: float
    p95: float


@dataclass(frozen=True)
class OfBackend:
    """The jobs of a backend. `wait` is of those that were begun, until they were; `run` of those that succeeded, from
    then to their end; None where there are none. `audio_minutes` is the sound that was made."""

    backend: str
    jobs: int
    succeeded: int
    failed: int
    wait: Spread | None
    run: Spread | None
    audio_minutes: float

    @property
    def failure_percent(self) -> float | None:
        """Of what succeeded or failed; None where nothing did."""
        ended = self.succeeded + self.failed
        return 100 * self.failed / ended if ended else None


@dataclass(frozen=True)
class Spending:
    """What a person bought for a team, in one unit: different ones are never added. `person` is an address, "" for
    whoever has no account any more."""

    team: str
    person: str
    unit: str
    amount: Decimal
    purchases: int


def queue(generations: QuerySet[Generation]) -> Queue:
    waiting = generations.filter(status=Status.QUEUED).aggregate(
        depth=Count("pk"), oldest=Min(Coalesce("retried_at", "created_at"))
    )
    oldest = (timezone.now() - waiting["oldest"]).total_seconds() if waiting["oldest"] else 0.0
    return Queue(waiting["depth"], max(oldest, 0.0))


def workers() -> list[Working]:
    """The installation's worker processes, the oldest first."""
    leased = Generation.everything.filter(status=Status.RUNNING, leased_until__gt=timezone.now())
    at = {worker.rpartition(":")[0]: public_id for worker, public_id in leased.values_list("leased_by", "public_id")}
    return [Working(each.name, each.started_at, at.get(each.name, "")) for each in heartbeat.online()]


def counts(generations: QuerySet[Generation]) -> dict[tuple[str, str], int]:
    """How many there are by (status, backend); what there is none of is left out."""
    rows = generations.order_by().values_list("status", "backend").annotate(count=Count("pk"))
    return {(status, backend): count for status, backend, count in rows}


def by_day(generations: QuerySet[Generation], within: Range) -> list[Day]:
    """Every day of the range, also those on which nothing was asked for; each with every backend that there is, or was
    asked for in the range."""
    asked = generations.filter(within.has("created_at")).order_by()
    by = "day", "status", "backend"
    rows = list(asked.annotate(day=TruncDate("created_at")).values_list(*by).annotate(count=Count("pk")))
    counted: Counter[tuple[date, str]] = Counter()
    for day, status, backend, count in rows:
        counted[day, status] += count
        counted[day, backend] += count
    backends = [*registry.NAMES, *sorted({backend for _, _, backend, _ in rows} - {*registry.NAMES})]
    return [
        Day(day, {status: counted[day, status] for status in Status}, {name: counted[day, name] for name in backends})
        for day in within.days
    ]


def by_backend(generations: QuerySet[Generation], within: Range) -> list[OfBackend]:
    """Of what was asked for in the range; the backend with the most jobs comes first."""
    asked = generations.filter(within.has("created_at")).order_by()
    lasted = spreads(asked, Q(status=Status.SUCCEEDED), by=("backend",))
    rows = asked.values("backend").annotate(
        jobs=Count("pk"),
        succeeded=Count("pk", filter=Q(status=Status.SUCCEEDED)),
        failed=Count("pk", filter=Q(status=Status.FAILED)),
        seconds=Sum("effective_duration", filter=Q(status=Status.SUCCEEDED)),
    )
    return [
        OfBackend(
            row["backend"], row["jobs"], row["succeeded"], row["failed"],
            *lasted.get((row["backend"],), (None, None)), (row["seconds"] or 0.0) / 60,
        )
        for row in sorted(rows, key=lambda row: (-row["jobs"], row["backend"]))
    ]  # fmt: skip


def spending(generations: QuerySet[Generation], within: Range) -> list[Spending]:
    """What was bought in the range, with the earlier purchases of what was tried again; by team and person."""
    of_each = "team__name", "backend"
    bought = generations.filter(within.has("submitted_at"), cost__isnull=False).order_by()
    earlier = EarlierPurchase.objects.filter(within.has("at"), generation__in=generations.order_by())
    totals = {"amount": Sum("cost"), "purchases": Count("pk")}
    amounts: defaultdict[tuple[int, str, str, str], Decimal] = defaultdict(Decimal)
    purchases: defaultdict[tuple[int, str, str, str], int] = defaultdict(int)
    for team, name, backend, person, amount, count in (
        *bought.values_list("team", *of_each, "created_by__email").annotate(**totals),
        *earlier.values_list("team", *of_each, "generation__created_by__email").annotate(**totals),
    ):
        key = (team, name, person or "", unit(backend))
        amounts[key] += amount
        purchases[key] += count
    found = [Spending(key[1], key[2], key[3], amounts[key], purchases[key]) for key in amounts]
    return sorted(found, key=lambda one: (one.unit, -one.amount, one.team, one.person))


def unit(backend: str) -> str:
    """Of the backend's price. A backend that is no more has one of its own."""
    price = registry.offer(backend).price if backend in registry.NAMES else None
    return price.unit if price else backend


_WAIT = ExpressionWrapper(F("started_at") - Coalesce("retried_at", "created_at"), DurationField())
RUN = ExpressionWrapper(F("finished_at") - F("started_at"), DurationField())
_BEGUN = Q(started_at__isnull=False)
ENDED = _BEGUN & Q(finished_at__isnull=False)
"""That were begun and have ended."""


class _Percentiles(Aggregate):
    """Both of a duration, in one sort of PostgreSQL's."""

    template = f"percentile_cont(ARRAY{list(PERCENTILES)}) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = ArrayField(DurationField())


def spreads(
    generations: QuerySet[Generation], ran: Q, by: tuple[str, ...] = ()
) -> dict[tuple[Any, ...], tuple[Spread | None, Spread | None]]:
    """How long those that were begun waited, and those of `ENDED` that `ran` takes ran, by the values of `by`;
    reckoned by the database where it can. Values of which there are no rows may be missing.
    """
    ran &= ENDED
    if connection.vendor == "postgresql":
        told = {"waited": _Percentiles(_WAIT, filter=_BEGUN), "ran": _Percentiles(RUN, filter=ran)}
        rows = generations.values(*by).annotate(**told) if by else [generations.aggregate(**told)]
        return {tuple(row[name] for name in by): (_spread(row["waited"]), _spread(row["ran"])) for row in rows}
    lengths: defaultdict[tuple[Any, ...], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for index, (lasted, of_which) in enumerate(((_WAIT, _BEGUN), (RUN, ran))):
        for *values, length in generations.filter(of_which).values_list(*by, lasted):
            lengths[tuple(values)][index].append(length.total_seconds())
    return {values: (_spread_of(waits), _spread_of(runs)) for values, (waits, runs) in lengths.items()}


def _spread(percentiles: list[timedelta] | None) -> Spread | None:
    return Spread(*(each.total_seconds() for each in percentiles)) if percentiles else None


def _spread_of(seconds: list[float]) -> Spread | None:
    return Spread(*np.quantile(seconds, PERCENTILES).tolist()) if seconds else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day))
