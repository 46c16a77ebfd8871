"""How long the stages of generations take, counted when they end: histograms, one per stage and backend.

Kept in the database, so that all processes tell the same, restarts lose nothing, and what was counted stays counted
when its generation is deleted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from math import inf

from django.db.models import F

from jobs.models import StageDurations

# Seconds. May be changed: what was counted before is told of at the next bound from its own on.
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, inf)


@dataclass(frozen=True)
class Histogram:
    """`at_most` is how many took no longer than each of `BOUNDS`; `seconds` is what all took together."""

    at_most: list[int]
    seconds: float


def count(stage: str, backend: str, seconds: float) -> None:
    """Count a stage that ended. Called last in the transaction that ends it: the counter is locked until its end."""
    bound = next(bound for bound in BOUNDS if seconds <= bound)
    counter = StageDurations.objects.filter(stage=stage, backend=backend, bound=bound)
    one_more = {"count": F("count") + 1, "seconds": F("seconds") + seconds}
    if not counter.update(**one_more):
        StageDurations.objects.bulk_create(
            [StageDurations(stage=stage, backend=backend, bound=bound)], ignore_conflicts=True
        )
        counter.update(**one_more)


def histograms() -> dict[tuple[str, str], Histogram]:
    """By (stage, backend); what was never counted is left out."""
    counters: defaultdict[tuple[str, str], list[StageDurations]] = defaultdict(list)
    for counter in StageDurations.objects.order_by("stage", "backend"):
        counters[counter.stage, counter.backend].append(counter)
    return {key: _histogram(of) for key, of in counters.items()}


def _histogram(counters: list[StageDurations]) -> Histogram:
    within = [0] * len(BOUNDS)
    for counter in counters:
        within[next(index for index, bound in enumerate(BOUNDS) if counter.bound <= bound)] += counter.count
    return Histogram(list(accumulate(within)), sum(counter.seconds for counter in counters))
