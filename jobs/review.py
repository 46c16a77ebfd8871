"""Which jobs an administrator looks at, in which order: a filter that an address spells out, and what it comes to."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from urllib.parse import urlencode

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.lookups import GreaterThan, LessThan
from django.http import QueryDict
from django.utils import timezone

from jobs import search
from jobs.backends import registry
from jobs.models import Generation, Project, Source, Status
from jobs.statistics import ENDED, RUN, Spread, spreads
from webapp.accounts.models import Team, User

MODES = {"video": "Sound for a clip", "text": "Text to audio"}
WITHIN = {"hour": "The last hour", "today": "Today", "week": "This week", "month": "This month"}
ORDERS = {"newest": "Newest", "oldest": "Oldest", "slowest": "Longest run", "dearest": "Highest cost"}
LONGEST = 500
MOST = 10_000_000
MOST_WORDS = 30
# A word, or words in quotation marks; before it may stand which field it is about.
WORD = re.compile(r'(?:([A-Za-z]+):(?!//))?(?:"([^"]*)"|(\S+))')


@dataclass(frozen=True)
class Filter:
    """Everything that narrows down, "" where it does not. `team`, `person` and `project` are ids or parts of names,
    `within` one of `WITHIN`, `since` and `until` days (ISO 8601, both included), `longer` and `shorter` seconds that
    the run took more or less than, `dearer` and `cheaper` the same of its cost, `fingerprint` a group of failures; `q`
    is searched for, and may say all of them and `id:` itself, as in `status:failed`."""

    status: str = ""
    backend: str = ""
    team: str = ""
    person: str = ""
    mode: str = ""
    source: str = ""
    project: str = ""
    within: str = ""
    since: str = ""
    until: str = ""
    longer: str = ""
    shorter: str = ""
    dearer: str = ""
    cheaper: str = ""
    fingerprint: str = ""
    q: str = ""

    @classmethod
    def of(cls, asked: QueryDict) -> Filter:
        given = {field.name: asked.get(field.name, "") for field in fields(cls)}
        return cls(**{name: value.replace("\0", "").strip()[:LONGEST] for name, value in given.items()})

    @property
    def query(self) -> str:
        """The query string that `of` reads it from."""
        return urlencode({name: value for name, value in asdict(self).items() if value})

    @property
    def misunderstood(self) -> list[str]:
        """What of it makes no sense, and narrows nothing down, as it was written."""
        return self._read[1]

    def narrow(self, generations: QuerySet[Generation]) -> QuerySet[Generation]:
        return generations.filter(self._read[0])

    def counts(self, generations: QuerySet[Generation]) -> dict[Status, int]:
        """How many there are of each status, if it were not for the filter's own."""
        found = replace(self, status="").narrow(generations).order_by().values_list("status").annotate(Count("pk"))
        counted = dict(found)
        return {status: counted.get(status, 0) for status in Status}

    def times(self, generations: QuerySet[Generation]) -> tuple[Spread | None, Spread | None]:
        """How long those that it finds waited, and how long they ran, however they ended."""
        return spreads(self.narrow(generations).order_by(), ENDED).get((), (None, None))

    def costs(self, generations: QuerySet[Generation]) -> dict[str, Decimal]:
        """What those that it finds cost, as reckoned when they were asked for, by backend."""
        priced = self.narrow(generations).filter(cost__isnull=False).order_by()
        return dict(priced.values_list("backend").annotate(Sum("cost")))

    @cached_property
    def _read(self) -> tuple[Q, list[str]]:
        wanted, misunderstood = Q(), []
        for name, value in asdict(self).items():
            if not value or name == "q":
                continue
            condition = _condition(name, value)
            if condition is None:
                misunderstood.append(f"{name}:{value}")
            else:
                wanted &= condition
        for number, match in enumerate(WORD.finditer(self.q)):
            name, value = (match[1] or "").lower(), match[2] or match[3] or ""
            if not value:
                continue
            if number >= MOST_WORDS or (name and name not in QUALIFIERS):
                condition = None
            else:
                condition = _condition(name, value) if name else search.said(value)
            if condition is None:
                misunderstood.append(match[0])
            else:
                wanted &= condition
        return wanted, misunderstood


QUALIFIERS = ("id", *(field.name for field in fields(Filter) if field.name != "q"))
ONE_OF = {
    "status": tuple(Status.values),
    "backend": registry.NAMES,
    "mode": tuple(MODES),
    "source": tuple(Source.values),
    "within": tuple(WITHIN),
}


def _condition(name: str, value: str) -> Q | None:
    """What `name:value` asks for; None where it makes no sense."""
    if name in ONE_OF:
        value = value.lower()
        if value not in ONE_OF[name]:
            return None
        if name == "within":
            return Q(created_at__gte=_begin(value))
        return Q(clip__isnull=value == "text") if name == "mode" else Q(**{name: value})
    if name in ("since", "until"):
        day = _day(value)
        if day is None:
            return None
        return Q(created_at__gte=_midnight(day)) if name == "since" else Q(created_at__lt=_midnight(day, after=1))
    if name in ("longer", "shorter", "dearer", "cheaper"):
        return _measured(name, value)
    if name == "person":
        of_name = Q(first_name__icontains=value) | Q(last_name__icontains=value)
        return search.among("created_by", User.objects.filter(Q(email__icontains=value) | of_name))
    if name in ("team", "project"):
        there = Team.objects if name == "team" else Project.objects
        return search.among(name, there.filter(Q(public_id=value) | Q(name__icontains=value)))
    return Q(fingerprint=value) if name == "fingerprint" else search.identified(value)


def _measured(name: str, value: str) -> Q | None:
    try:
        number = float(value.replace(",", "."))
    except ValueError:
        return None
    if not math.isfinite(number) or not 0 <= number <= MOST:
        return None
    if name in ("dearer", "cheaper"):
        return Q(cost__gt=number) if name == "dearer" else Q(cost__lt=number)
    compared = GreaterThan if name == "longer" else LessThan
    return Q(compared(RUN, timedelta(seconds=number)))


def _day(value: str) -> date | None:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if 1970 < day.year < 9999 else None


def _begin(within: str) -> datetime:
    """Of one of `WITHIN`; a week begins on Monday."""
    now = timezone.localtime()
    if within == "hour":
        return now - timedelta(hours=1)
    back = {"today": 0, "week": now.weekday(), "month": now.day - 1}[within]
    return _midnight(now.date() - timedelta(days=back))


def _midnight(day: date, after: int = 0) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day) + timedelta(days=after))


def ordered(generations: QuerySet[Generation], order: str) -> QuerySet[Generation]:
    """By one of `ORDERS`; what has no run or no cost comes last, and of equals the newest first."""
    if order == "slowest":
        return generations.order_by(RUN.desc(nulls_last=True), "-id")
    if order == "dearest":
        return generations.order_by(F("cost").desc(nulls_last=True), "-id")
    return generations.order_by("created_at", "id") if order == "oldest" else generations.order_by("-created_at", "-id")
