"""The jobs, filtered and chosen."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from math import ceil
from typing import Any

from django import forms
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.backends import registry
from jobs.models import Generation, Status
from jobs.review import MODES, Filter
from webapp import backends
from webapp.review import spreadsheet
from webapp.review.scope import ReviewRequest, show
from webapp.studio import labels

ROWS_PER_PAGE = 50
# From as many jobs in the scope, counting them is left to a second request, and the page is there at once.
MANY = 20_000
COLUMNS = (
    "id", "asked at", "status", "prompt", "team", "person", "clip", "project", "backend", "wait (s)", "run (s)", "cost",
    "unit", "kind of error", "error", "source",
)  # fmt: skip
NOT_LISTED = ("peaks", "events", "understood", "timings", "upload")


NUMBER = {"class": "box", "inputmode": "decimal"}


class FilterForm(forms.Form):
    """The filter as fields; what it means, `jobs.review.Filter` says."""

    q = forms.CharField(
        required=False,
        label="Search",
        widget=forms.TextInput({"class": "box", "type": "search", "placeholder": "Prompt, file, ID, status:failed"}),
    )
    backend = forms.ChoiceField(required=False, widget=forms.Select({"class": "box"}))
    mode = forms.ChoiceField(
        required=False, choices=[("", "Any"), *MODES.items()], widget=forms.Select({"class": "box"})
    )
    team = forms.CharField(required=False, widget=forms.TextInput({"class": "box"}))
    person = forms.CharField(required=False, widget=forms.TextInput({"class": "box"}))
    project = forms.CharField(required=False, widget=forms.TextInput({"class": "box"}))
    since = forms.CharField(required=False, label="From", widget=forms.DateInput({"class": "box", "type": "date"}))
    until = forms.CharField(required=False, label="To", widget=forms.DateInput({"class": "box", "type": "date"}))
    longer = forms.CharField(required=False, label="Run over, s", widget=forms.TextInput(NUMBER))
    shorter = forms.CharField(required=False, label="Run under, s", widget=forms.TextInput(NUMBER))
    dearer = forms.CharField(required=False, label="Cost over", widget=forms.TextInput(NUMBER))
    cheaper = forms.CharField(required=False, label="Cost under", widget=forms.TextInput(NUMBER))

    def __init__(self, asked: Filter, *, in_team: bool) -> None:
        super().__init__(initial=asdict(asked))
        names = [("", "Any"), *((name, backends.label(name)) for name in registry.NAMES)]
        self.fields["backend"] = forms.ChoiceField(required=False, choices=names, widget=forms.Select({"class": "box"}))
        if in_team:
            del self.fields["team"]


@require_safe
def index(request: ReviewRequest) -> HttpResponse:
    """`GET …/jobs/?status=&backend=&team=&person=&mode=&project=&since=&until=&longer=&…&fingerprint=&q=&page=`

    Where there are `MANY` jobs, without their numbers, but for `?counted=1` and a page beyond the last.
    """
    scope, asked = request.scope, _asked(request)
    found = asked.narrow(scope.generations()).select_related("team", "created_by").defer(*NOT_LISTED)
    newest_first = found.order_by("-created_at", "-id")
    page = _number(request.GET)
    first = (page - 1) * ROWS_PER_PAGE
    rows = list(newest_first[first : first + ROWS_PER_PAGE + 1])
    counted: dict[str, Any] = {"status": _status(asked)}
    if request.GET.get("counted") or (page > 1 and not rows) or not _many(request):
        counted = _numbers(request, asked)
        pages = max(ceil(counted["total"] / ROWS_PER_PAGE), 1)
        if page > pages:
            page, first = pages, (pages - 1) * ROWS_PER_PAGE
            rows = list(newest_first[first : first + ROWS_PER_PAGE + 1])
    generations = rows[:ROWS_PER_PAGE]
    context = {
        **counted,
        "statuses": [("", "All"), *Status.choices],
        "filter": asked,
        "form": FilterForm(asked, in_team=scope.team is not None),
        "rows": [row(request, generation) for generation in generations],
        "first": first + 1,
        "last": first + len(generations),
        "page_number": page,
        "more": len(rows) > len(generations),
        "narrowed": bool(asked.query),
        "all": scope.url("jobs"),
        "operate": scope.url("jobs-operate"),
        "csv": _with(scope.url("jobs-csv"), asked),
        "numbers": _with(scope.url("jobs-numbers"), asked),
        "without_status": _with(scope.url("jobs"), replace(asked, status="")),
    }
    return show(request, "review/jobs.html", context)


@require_safe
def numbers(request: ReviewRequest) -> HttpResponse:
    """`GET …/jobs/numbers/?…`: how many there are of each status, and how long they took; a part of the list's page."""
    asked = _asked(request)
    context = {"scope": request.scope, "list": _with(request.scope.url("jobs"), replace(asked, status=""))}
    return render(request, "review/_numbers.html", context | _numbers(request, asked))


@require_safe
def as_csv(request: ReviewRequest) -> HttpResponseBase:
    """`GET …/jobs.csv?…`: all that the list finds for the same filter, in the same order."""
    found = _asked(request).narrow(request.scope.generations()).defer(*NOT_LISTED)
    found = found.select_related("team", "created_by", "clip", "project").order_by("-created_at", "-id")
    return spreadsheet.download("jobs", COLUMNS, map(_cells, found.iterator(1000)))


def _cells(generation: Generation) -> tuple[str, ...]:
    cost = generation.cost
    return (
        generation.public_id,
        generation.created_at.isoformat(timespec="seconds"),
        generation.status,
        generation.prompt,
        generation.team.name,
        generation.created_by.email if generation.created_by else "",
        generation.clip.name if generation.clip else "",
        generation.project.name if generation.project else "",
        generation.backend,
        _seconds(generation.asked_at, generation.started_at),
        _seconds(generation.started_at, generation.finished_at),
        "" if cost is None else f"{cost.normalize():f}",
        "" if cost is None else _unit(generation),
        generation.error_kind,
        generation.error,
        generation.source,
    )


def _seconds(since: datetime | None, until: datetime | None) -> str:
    return f"{max((until - since).total_seconds(), 0):.3f}" if since and until else ""


def _asked(request: ReviewRequest) -> Filter:
    asked = Filter.of(request.GET)
    return replace(asked, team="") if request.scope.team else asked


def _with(address: str, asked: Filter) -> str:
    return f"{address}{'&' if '?' in address else '?'}{asked.query}" if asked.query else address


def _many(request: ReviewRequest) -> bool:
    """Whether counting the scope's jobs would be waited for."""
    some = request.scope.generations().order_by().values_list("pk")[:MANY]
    return some.count() == MANY


def _status(asked: Filter) -> str:
    """A status that makes no sense narrows nothing down; one within the search does, and is counted so."""
    return asked.status.lower() if asked.status.lower() in Status.values else ""


def _numbers(request: ReviewRequest, asked: Filter) -> dict[str, Any]:
    generations, status = request.scope.generations(), _status(asked)
    counts = asked.counts(generations)
    everything = sum(counts.values())
    total = counts[Status(status)] if status else everything
    ended = counts[Status.SUCCEEDED] + counts[Status.FAILED]
    wait, run = asked.times(generations)
    times = [("Wait", wait), ("Run", run)] if total else []
    return {
        "status": status,
        "chips": [("", "All", everything), *((name, name.label, count) for name, count in counts.items())],
        "total": total,
        "failure_percent": round(100 * counts[Status.FAILED] / ended) if ended and not status else None,
        "times": [(label, duration(of.p50), duration(of.p95)) for label, of in times if of],
    }


def _number(asked: QueryDict) -> int:
    page = asked.get("page", "")
    return max(int(page), 1) if page.isascii() and page.isdigit() and len(page) <= 9 else 1


def row(request: ReviewRequest, generation: Generation) -> dict[str, Any]:
    """A job as the list and its own page tell of it."""
    return {
        "generation": generation,
        "address": request.scope.url("jobs-job", generation.public_id),
        "wait": _lasted(generation.asked_at, generation.started_at),
        "run": _lasted(generation.started_at, generation.finished_at),
        "cost": _cost(generation),
    }


def _lasted(since: datetime | None, until: datetime | None) -> str:
    return duration((until - since).total_seconds()) if since and until else ""


def duration(seconds: float) -> str:
    """4.21 as "4.2 s", 185 as "3 min 5 s", 7380 as "2 h 3 min"."""
    if seconds < 59.95:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _cost(generation: Generation) -> str:
    if generation.cost is None:
        return ""
    return labels.money(generation.cost, _unit(generation))


def _unit(generation: Generation) -> str:
    price = registry.offer(generation.backend).price if generation.backend in registry.NAMES else None
    return price.unit if price else ""
