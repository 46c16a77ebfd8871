"""Failures of one kind, taken together: the same backend, the same kind of error, the same words.

A generation belongs to the group of its latest failure, also after it was tried again and succeeded, so that a group's
history does not vanish with its cure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from jobs.models import FailureGroup, Generation, Resolution, Status

if TYPE_CHECKING:
    from webapp.accounts.models import Team

DAYS = 14
# More kinds of failures than this at once are told by the newest of them.
SHOWN = 200

# What differs from one failure to the next, in the order in which it is recognised.
VARYING = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s“”\"'<>]*[^\s“”\"'<>.,;:!?)]", re.I), "<url>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.I), "<id>"),
    (re.compile(r"\b[a-z]{2,10}_(?=[\w-]*[0-9A-Z])[\w-]{16,}"), "<id>"),
    (re.compile(r"(?<![\w/])(?:/[\w.@+-]+){2,}/?"), "<path>"),
    (re.compile(r"\b(?:\d{1,3}(?:\.\d{1,3}){3}|localhost|(?:[a-z0-9-]+\.)+[a-z]{2,})(?::\d+)?\b", re.I), "<host>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b", re.I), "<id>"),
    (re.compile(r"\d+(?:[.,:-]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)


def normalised(message: str) -> str:
    """`message` without addresses, ids, paths, hosts and numbers, at most 300 characters."""
    for pattern, placeholder in VARYING:
        message = pattern.sub(placeholder, message)
    return message.strip()[:300]


def fingerprint(backend: str, kind: str, message: str) -> str:
    """16 hexadecimal digits that failures of one group share."""
    return hashlib.sha256("\0".join((backend, kind, normalised(message))).encode()).hexdigest()[:16]


def group_of(backend: str, kind: str, message: str) -> str:
    """The fingerprint of the group that a failure belongs to; the group is made with its first failure."""
    found = fingerprint(backend, kind, message)
    group = FailureGroup(fingerprint=found, backend=backend, kind=kind, message=normalised(message))
    FailureGroup.objects.bulk_create([group], ignore_conflicts=True)
    return found


@dataclass(frozen=True)
class Failures:
    """A group as it shows within some generations.

    `failing` of its `count` generations are failed now; `people` have asked for them; `days` counts the failures of the
    last `DAYS` days, today the last. `resolution`: it was dealt with; `returned`: and failed again after that.
    """

    group: FailureGroup
    count: int
    failing: int
    people: int
    first_seen: datetime
    last_seen: datetime
    days: list[int]
    resolution: Resolution | None
    returned: datetime | None

    @property
    def resolved(self) -> bool:
        return self.resolution is not None and self.returned is None


def groups(generations: QuerySet[Generation], team: Team | None) -> list[Failures]:
    """The groups with failures among `generations`, the latest first, at most `SHOWN`.

    `team` says whose word on what is resolved counts: its own or, None, the installation's.
    """
    failed = generations.order_by().exclude(fingerprint="")
    numbers = list(
        failed.values("fingerprint")
        .annotate(
            count=Count("id"),
            failing=Count("id", filter=Q(status=Status.FAILED)),
            people=Count("created_by", distinct=True),
            first_seen=Min("failed_at"),
            last_seen=Max("failed_at"),
        )
        .order_by("-last_seen")[:SHOWN]
    )
    names = [row["fingerprint"] for row in numbers]
    known = FailureGroup.objects.in_bulk(names, field_name="fingerprint")
    resolutions = {
        resolution.group_id: resolution
        for resolution in Resolution.objects.filter(group__in=known.values(), team=team).select_related("by")
    }
    days = _days(failed.filter(fingerprint__in=names))
    found = []
    for row in numbers:
        group = known[row["fingerprint"]]
        resolution = resolutions.get(group.pk)
        returned = None
        if resolution and row["last_seen"] > resolution.at:
            after = failed.filter(fingerprint=group.fingerprint, failed_at__gt=resolution.at)
            returned = after.aggregate(first=Min("failed_at"))["first"]
        found.append(
            Failures(
                group=group,
                count=row["count"],
                failing=row["failing"],
                people=row["people"],
                first_seen=row["first_seen"],
                last_seen=row["last_seen"],
                days=days.get(group.fingerprint, [0] * DAYS),
                resolution=resolution,
                returned=returned,
            )
        )
    return found


def _days(failed: QuerySet[Generation]) -> dict[str, list[int]]:
    """How many failures of each fingerprint there were on each of the last `DAYS` days, today the last."""
    today = timezone.localdate()
    since = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    counted: Iterable[tuple[str, date, int]] = (
        failed.filter(failed_at__gte=since)
        .annotate(day=TruncDate("failed_at"))
        .values_list("fingerprint", "day")
        .annotate(count=Count("id"))
        .order_by()
    )
    days: dict[str, list[int]] = {}
    for name, day, count in counted:
        days.setdefault(name, [0] * DAYS)[DAYS - 1 - (today - day).days] = count
    return days
