"""Statistics: how many jobs, how they ended, how long they took and what they cost, over days that one chooses."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.dateformat import format as formatted
from django.views.decorators.http import require_safe

from jobs import statistics
from jobs.models import Status
from jobs.statistics import Day, OfBackend, Range, Spending, Spread
from webapp import backends, health
from webapp.review.listing import duration
from webapp.review.scope import ReviewRequest, Scope, show
from webapp.review.spreadsheet import FORMULA
from webapp.studio import labels

DAYS = 30
MOST_DAYS = 366
# The chart, in units of its own: a day's width, of which a part is the bar, and the height of the day with the most.
DAY_WIDTH, BAR_WIDTH, HEIGHT = 10, 8, 100
CHARTS = {"status": "By status", "backend": "By backend"}
# From the ground up: what went wrong is on top, where it stands out.
STACK = (Status.SUCCEEDED, Status.CANCELLED, Status.RUNNING, Status.QUEUED, Status.FAILED)


class RangeForm(forms.Form):
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"class": "box", "type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"class": "box", "type": "date"}))

    def range(self) -> Range:
        """The days that are asked for, as far as they make sense; else, and by default, the latest `DAYS`."""
        self.is_valid()
        until = self.cleaned_data.get("until") or timezone.localdate()
        try:
            since = self.cleaned_data.get("since") or until - timedelta(days=DAYS - 1)
            if not date(1971, 1, 1) <= since <= until <= date(9998, 12, 31):
                self.add_error("since", "The first day comes before the last.")
            elif (until - since).days >= MOST_DAYS:
                self.add_error("since", f"Choose {MOST_DAYS} days at most.")
            else:
                return Range(since, until)
        except OverflowError:
            self.add_error("until", "Choose another day.")
        today = timezone.localdate()
        return Range(today - timedelta(days=DAYS - 1), today)


@dataclass(frozen=True)
class Bar:
    """One status or backend of one day, in the chart's units."""

    x: int
    y: float
    height: float
    part: str


@require_safe
def index(request: ReviewRequest) -> HttpResponse:
    """`GET …/statistics/?since=&until=&by=status|backend`: the chart's bars are made up of the latter."""
    scope = request.scope
    form = RangeForm(request.GET)
    within = form.range()
    generations = scope.generations()
    days = statistics.by_day(generations, within)
    queue = statistics.queue(generations)
    by = "backend" if request.GET.get("by") == "backend" else "status"
    dates = {"since": within.since.isoformat(), "until": within.until.isoformat()}
    context = {
        "form": RangeForm(initial=dates),
        "errors": [error for errors in form.errors.values() for error in errors],
        "within": within,
        "queue": queue,
        "oldest": duration(queue.oldest_seconds),
        "workers": statistics.workers(),
        "engine": health.engine(),
        "days": days[::-1],
        "total": sum(day.total for day in days),
        "by": by,
        "charts": CHARTS,
        "chart": _chart(days, by),
        "names": [backends.label(name) for name in days[0].backends],
        "backends": [(one, _spoken(one.wait), _spoken(one.run)) for one in statistics.by_backend(generations, within)],
        "spending": [(one, labels.money(one.amount, one.unit)) for one in statistics.spending(generations, within)],
        "csv": {name: scope.url("jobs-statistics-csv", name, **dates) for name in TABLES},
        "all": scope.url("jobs-statistics"),
    }
    return show(request, "review/statistics.html", context)


def _spoken(spread: Spread | None) -> tuple[str, str]:
    return (duration(spread.p50), duration(spread.p95)) if spread else ("", "")


def _chart(days: list[Day], by: str) -> dict[str, Any]:
    """Jobs per day as stacked bars, and in words."""
    fullest = max(days, key=lambda day: day.total)
    parts = {str(status): status.label for status in STACK}
    if by == "backend":
        parts = {name: backends.label(name) for name in days[0].backends}
    bars, shown = [], set()
    for index, day in enumerate(days):
        y = float(HEIGHT)
        for part in parts:
            if count := day.backends[part] if by == "backend" else day.counts[Status(part)]:
                height = HEIGHT * count / fullest.total
                y -= height
                bars.append(Bar(index * DAY_WIDTH, round(y, 2), round(height, 2), part))
                shown.add(part)
    failed = sum(day.counts[Status.FAILED] for day in days)
    words = (
        f"Jobs per day from {formatted(days[0].day, 'j M Y')} to {formatted(days[-1].day, 'j M Y')}: "
        f"{sum(day.total for day in days)} in all, {failed} of them failed; "
        f"most on {formatted(fullest.day, 'j M Y')}, {fullest.total}."
    )
    return {
        "bars": bars, "words": words, "most": fullest.total, "bar": BAR_WIDTH, "height": HEIGHT,
        "width": len(days) * DAY_WIDTH, "parts": [(part, label) for part, label in parts.items() if part in shown],
    }  # fmt: skip


# --- To take along ----------------------------------------------------------------------------------------------------

Lines = list[tuple[object, ...]]


def _days(scope: Scope, within: Range) -> Lines:
    days = statistics.by_day(scope.generations(), within)
    lines = [(day.day, *day.counts.values(), day.total, *day.backends.values()) for day in days]
    return [("day", *Status.values, "jobs", *days[0].backends), *lines]


def _backends(scope: Scope, within: Range) -> Lines:
    def seconds(spread: Spread | None) -> tuple[object, object]:
        return (round(spread.p50, 3), round(spread.p95, 3)) if spread else ("", "")

    def line(one: OfBackend) -> tuple[object, ...]:
        rate = "" if one.failure_percent is None else round(one.failure_percent, 2)
        counts = (one.jobs, one.succeeded, one.failed, rate)
        return (one.backend, *counts, *seconds(one.wait), *seconds(one.run), round(one.audio_minutes, 3))

    return [
        ("backend", "jobs", "succeeded", "failed", "failed (%)", "wait p50 (s)", "wait p95 (s)", "run p50 (s)",
         "run p95 (s)", "audio (min)"),
        *map(line, statistics.by_backend(scope.generations(), within)),
    ]  # fmt: skip


def _spending(scope: Scope, within: Range) -> Lines:
    def line(one: Spending) -> tuple[object, ...]:
        return (one.team, one.person, one.purchases, f"{one.amount:.4f}", one.unit)

    lines = map(line, statistics.spending(scope.generations(), within))
    return [("team", "person", "purchases", "amount", "unit"), *lines]


TABLES: dict[str, Callable[[Scope, Range], Lines]] = {"days": _days, "backends": _backends, "costs": _spending}


@require_safe
def as_csv(request: ReviewRequest, table: str) -> HttpResponse:
    """`GET …/statistics/<table>.csv?since=&until=`: one of the page's tables."""
    if table not in TABLES:
        raise Http404("There is no such table.")
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="soundstage-{table}.csv"'
    writer = csv.writer(response)
    for line in TABLES[table](request.scope, RangeForm(request.GET).range()):
        cells = map(str, line)
        writer.writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells])
    return response
