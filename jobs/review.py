"""Which jobs an administrator looks at: a filter that an address spells out, and what it finds of each status."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Count, F, Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from jobs.backends import registry
from jobs.models import Generation, Source, Status
from jobs.statistics import ENDED, Spread, spreads

MODES = {"video": "Sound for a clip", "text": "Text to audio"}
# Ids that are ours alone: of a generation, and of a clip.
OURS = re.compile(r"(?:gen|asset)_[\w-]{10,}")
LONGEST = 500
MOST = 10_000_000
# A word, or words in quotation marks; before it may stand which field it is about.
WORD = re.compile(r'(?:([A-Za-z]+):(?!//))?(?:"([^"]*)"|(\S+))')


@dataclass(frozen=True)
class Filter:
    """Everything that narrows down, "" where it does not. `team`, `person` and `project` are ids or parts of names,
    `since` and `until` days (ISO 8601, both included), `longer` and `shorter` seconds that the run took more or less
    than, `dearer` and `cheaper` the same of its cost, `fingerprint` a group of failures; `q` is searched for, and may
    say `status:`, `backend:`, `team:`, `person:`, `mode:`, `source:` and `id:` itself."""

    status: str = ""
    backend: str = ""
    team: str = ""
    person: str = ""
    mode: str = ""
    project: str = ""
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
        return self._read()[1]

    def narrow(self, generations: QuerySet[Generation]) -> QuerySet[Generation]:
        return generations.filter(self._read()[0])

    def counts(self, generations: QuerySet[Generation]) -> dict[Status, int]:
        """How many there are of each status, if it were not for the filter's own."""
        found = replace(self, status="").narrow(generations).order_by().values_list("status").annotate(Count("pk"))
        counted = dict(found)
        return {status: counted.get(status, 0) for status in Status}

    def times(self, generations: QuerySet[Generation]) -> tuple[Spread | None, Spread | None]:
        """How long those that it finds waited, and how long they ran, however they ended."""
        return spreads(self.narrow(generations).order_by(), ENDED).get((), (None, None))

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
        for match in WORD.finditer(self.q):
            name, value = (match[1] or "").lower(), match[2] or match[3] or ""
            if not value:
                continue
            condition = (_condition(name, value) if name in QUALIFIERS else None) if name else _said(value)
            if condition is None:
                misunderstood.append(match[0])
            else:
                wanted &= condition
        return wanted, misunderstood


QUALIFIERS = ("status", "backend", "team", "person", "mode", "source", "id")
ONE_OF = {
    "status": tuple(Status.values),
    "backend": registry.NAMES,
    "mode": tuple(MODES),
    "source": tuple(Source.values),
}


def _condition(name: str, value: str) -> Q | None:
    """What `name:value` asks for; None where it makes no sense."""
    if name in ONE_OF:
        value = value.lower()
        if value not in ONE_OF[name]:
            return None
        return Q(clip__isnull=value == "text") if name == "mode" else Q(**{name: value})
    if name in ("since", "until"):
        day = _day(value)
        if day is None:
            return None
        return Q(created_at__gte=_midnight(day)) if name == "since" else Q(created_at__lt=_midnight(day, after=1))
    if name in ("longer", "shorter", "dearer", "cheaper"):
        return _measured(name, value)
    if name == "person":
        of_name = Q(created_by__first_name__icontains=value) | Q(created_by__last_name__icontains=value)
        return Q(created_by__email__icontains=value) | of_name
    if name in ("team", "project"):
        return Q(**{f"{name}__public_id": value}) | Q(**{f"{name}__name__icontains": value})
    return Q(fingerprint=value) if name == "fingerprint" else _identified(value)


def _measured(name: str, value: str) -> Q | None:
    try:
        number = float(value.replace(",", "."))
    except ValueError:
        return None
    if not math.isfinite(number) or not 0 <= number <= MOST:
        return None
    if name in ("dearer", "cheaper"):
        return Q(cost__gt=number) if name == "dearer" else Q(cost__lt=number)
    began = F("finished_at") - timedelta(seconds=number)
    return Q(started_at__lt=began) if name == "longer" else Q(started_at__gt=began)


def _identified(value: str) -> Q:
    if OURS.fullmatch(value):  # asked for by one column, it is found by that column's index
        return Q(public_id=value) if value.startswith("gen") else Q(clip__public_id=value)
    return Q(public_id=value) | Q(clip__public_id=value) | Q(remote__request_id=value)


def _said(word: str) -> Q:
    if OURS.fullmatch(word):
        return _identified(word)
    return _identified(word) | Q(prompt__icontains=word) | Q(clip__name__icontains=word)


def _day(value: str) -> date | None:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if 1970 < day.year < 9999 else None


def _midnight(day: date, after: int = 0) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day) + timedelta(days=after))
