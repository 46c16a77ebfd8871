"""The jobs, filtered, ordered and chosen."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.http import conditional_page, require_safe

from jobs.backends import registry
from jobs.models import Generation, Project, Source, Status
from jobs.review import MODES, ORDERS, WITHIN, Filter, ordered
from jobs.statistics import unit
from webapp import backends
from webapp.accounts.models import Team, User
from webapp.review import spreadsheet, viewing
from webapp.review.scope import ReviewRequest, Scope, show
from webapp.review.viewing import View
from webapp.studio import labels

ROWS_PER_PAGE = 50
# From as many jobs in the scope, counting them is left to a second request, and the page is there at once.
MANY = 20_000
COLUMNS = (
    "id", "asked at", "status", "prompt", "team", "person", "clip", "project", "backend", "wait (s)", "run (s)", "cost",
    "unit", "kind of error", "error", "source",
)  # fmt: skip
MOST_KNOWN = 200
NOT_LISTED = ("peaks", "events", "understood", "timings", "upload")

BOX = {"class": "box"}
NUMBER = {"class": "box", "inputmode": "decimal"}


class FilterForm(forms.Form):
    """The view as fields; what they mean, `jobs.review.Filter` says. All but `FIRST` are in a disclosure."""

    q = forms.CharField(
        required=False,
        label="Search",
        widget=forms.TextInput({"class": "box", "type": "search", "placeholder": "Prompt, file, ID, status:failed"}),
    )
    within = forms.ChoiceField(
        required=False, label="When", choices=[("", "Any time"), *WITHIN.items()], widget=forms.Select(BOX)
    )
    backend = forms.ChoiceField(required=False, widget=forms.Select(BOX))
    person = forms.CharField(required=False, widget=forms.TextInput(BOX | {"list": "people"}))
    order = forms.ChoiceField(required=False, choices=[*ORDERS.items()], widget=forms.Select(BOX))
    team = forms.CharField(required=False, widget=forms.TextInput(BOX | {"list": "teams"}))
    project = forms.CharField(required=False, widget=forms.TextInput(BOX | {"list": "projects"}))
    mode = forms.ChoiceField(required=False, choices=[("", "Any"), *MODES.items()], widget=forms.Select(BOX))
    source = forms.ChoiceField(
        required=False, label="Asked from", choices=[("", "Any"), *Source.choices], widget=forms.Select(BOX)
    )
    since = forms.CharField(required=False, label="From", widget=forms.DateInput({"class": "box", "type": "date"}))
    until = forms.CharField(required=False, label="To", widget=forms.DateInput({"class": "box", "type": "date"}))
    longer = forms.CharField(required=False, label="Run over, s", widget=forms.TextInput(NUMBER))
    shorter = forms.CharField(required=False, label="Run under, s", widget=forms.TextInput(NUMBER))
    dearer = forms.CharField(required=False, label="Cost over", widget=forms.TextInput(NUMBER))
    cheaper = forms.CharField(required=False, label="Cost under", widget=forms.TextInput(NUMBER))
    fingerprint = forms.CharField(required=False, label="Failure group", widget=forms.TextInput(BOX))

    FIRST = ("q", "within", "backend", "person", "order")

    def __init__(self, view: View, scope: Scope) -> None:
        super().__init__(initial={**asdict(view.filter), "order": view.order})
        names = [("", "Any"), *((name, backends.label(name)) for name in registry.NAMES)]
        self.fields["backend"] = forms.ChoiceField(required=False, choices=names, widget=forms.Select(BOX))
        if scope.team:
            del self.fields["team"]

    @property
    def first(self) -> list[forms.BoundField]:
        return [self[name] for name in self.FIRST]

    @property
    def more(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in self.FIRST]

    @property
    def narrowed(self) -> int:
        """How many of those in the disclosure are set."""
        return sum(bool(self.initial.get(one.name)) for one in self.more)


@dataclass(frozen=True)
class Head:
    """A column's head. `sorted` is as `aria-sort` has it, "" where the list is not sorted by it; `address` is the list
    sorted by it, or the other way round, "" where that is not to be had."""

    name: str
    label: str
    sorted: str = ""
    address: str = ""


@require_safe
def index(request: ReviewRequest) -> HttpResponse:
    """`GET …/jobs/` with what `View` reads, and `page=`.

    Where there are `MANY` jobs, without their numbers, but for `?counted=1`.
    """
    scope, view = request.scope, View.of(request.GET, request.scope)
    listed = _list(request, view)
    counted = bool(request.GET.get("counted")) or not _many(scope)
    if counted:
        listed |= _numbers(scope, view.filter)
    context = {
        **listed,
        "counted": counted,
        "status": _status(view.filter),
        "statuses": [("", "All"), *Status.choices],
        "form": FilterForm(view, scope),
        "known": _known(scope),
        "choices": [(name, label, name in listed["columns"]) for name, label in viewing.columns(scope).items()],
        "usual": ",".join(viewing.usual(scope)),
        "views": _views(request, view),
        "save": scope.url("jobs-view-save"),
        "operate": scope.url("jobs-operate"),
        "numbers": scope.address("jobs-numbers", view.query),
        "without_status": _without_status(scope, view),
        "misunderstood": view.filter.misunderstood,
        "all_failures": scope.address("jobs", replace(view, filter=replace(view.filter, fingerprint="")).query),
    }
    return show(request, "review/jobs.html", context)


@require_safe
@conditional_page
def live(request: ReviewRequest) -> HttpResponse:
    """`GET …/jobs/live/?…`: the rows alone, as they are now; 304 while they haven't changed (RFC 9110, 13.1.2)."""
    view = View.of(request.GET, request.scope)
    listed = _list(request, view)
    if not _many(request.scope):
        listed["total"] = view.filter.narrow(request.scope.generations()).count()
    response = render(request, "review/_list.html", {"scope": request.scope, **listed})
    patch_cache_control(response, private=True, no_cache=True)
    return response


@require_safe
def numbers(request: ReviewRequest) -> HttpResponse:
    """`GET …/jobs/numbers/?…`: how many there are of each status, how long they took and what they cost; a part of the
    list's page."""
    scope, view = request.scope, View.of(request.GET, request.scope)
    addresses = {"numbers": scope.address("jobs-numbers", view.query), "without_status": _without_status(scope, view)}
    context = {"scope": scope, **addresses}
    return render(request, "review/_numbers.html", context | _numbers(scope, view.filter))


@require_safe
def as_csv(request: ReviewRequest) -> HttpResponseBase:
    """`GET …/jobs.csv?…`: all that the list finds for the same view, in the same order."""
    view = View.of(request.GET, request.scope)
    found = ordered(view.filter.narrow(request.scope.generations()), view.order).defer(*NOT_LISTED)
    found = found.select_related("team", "created_by", "clip", "project")
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
        "" if cost is None else unit(generation.backend),
        generation.error_kind,
        generation.error,
        generation.source,
    )


def _seconds(since: datetime | None, until: datetime | None) -> str:
    return f"{max((until - since).total_seconds(), 0):.3f}" if since and until else ""


def _list(request: ReviewRequest, view: View) -> dict[str, Any]:
    """The page of the view that the address asks for, the last one where that is beyond it."""
    scope = request.scope
    columns = view.columns or viewing.usual(scope)
    found = ordered(view.filter.narrow(scope.generations()), view.order).defer(*NOT_LISTED)
    found = found.select_related("team", "created_by", *(name for name in ("clip", "project") if name in columns))

    page, rows, total = _page(found, _number(request.GET))

    def address(page: int) -> str:
        return scope.address("jobs", "&".join(filter(None, (view.query, f"page={page}" if page > 1 else ""))))

    first = (page - 1) * ROWS_PER_PAGE
    return {
        "view": view,
        "columns": columns,
        "heads": _heads(scope, view, columns),
        "rows": [row(request, generation) for generation in rows[:ROWS_PER_PAGE]],
        "first": first + 1,
        "last": first + len(rows[:ROWS_PER_PAGE]),
        "total": total,
        "newer": address(page - 1) if page > 1 else "",
        "older": address(page + 1) if len(rows) > ROWS_PER_PAGE else "",
        "narrowed": bool(view.filter.query),
        "all": scope.url("jobs"),
        "csv": scope.address("jobs-csv", view.query),
        "live": scope.address("jobs-live", "&".join(filter(None, (view.query, f"page={page}")))),
    }


def _page(found: QuerySet[Generation], page: int) -> tuple[int, list[Generation], int | None]:
    """The page, the last one where that is beyond it; its rows and, if there are, one more; and how many there are in
    all, where that had to be counted: of many, the later ones are read from the end."""
    first = (page - 1) * ROWS_PER_PAGE
    if first < MANY:
        rows = list(found[first : first + ROWS_PER_PAGE + 1])
        if rows or page == 1:
            return page, rows, None
    total = found.count()
    page = min(page, max(ceil(total / ROWS_PER_PAGE), 1))
    first = (page - 1) * ROWS_PER_PAGE
    last = min(first + ROWS_PER_PAGE + 1, total)
    if first < total / 2:
        return page, list(found[first:last]), total
    return page, list(found.reverse()[total - last : total - first])[::-1], total


def _heads(scope: Scope, view: View, columns: tuple[str, ...]) -> list[Head]:
    heads = [Head("status", "Status"), Head("prompt", "Prompt")]
    for name in columns:
        label, orders = viewing.COLUMNS[name], viewing.SORTS.get(name, ())
        if not orders:
            heads.append(Head(name, label))
            continue
        direction = ""
        if view.order in orders:
            direction = "ascending" if view.order == "oldest" else "descending"
        other = next(order for order in (*orders, "newest") if order != view.order)
        heads.append(Head(name, label, direction, scope.address("jobs", replace(view, order=other).query)))
    return heads


def _views(request: ReviewRequest, view: View) -> list[dict[str, Any]]:
    """The built-in views and the person's own: their names and addresses, which is shown, and how it is removed."""
    scope = request.scope
    views = [(name, one.query, "") for name, one in viewing.BUILT_IN.items()]
    views += [(one.name, one.query, scope.url("jobs-view-remove", one.pk)) for one in viewing.own(request)]
    return [
        {"name": name, "address": scope.address("jobs", query), "shown": query == view.query, "remove": remove}
        for name, query, remove in views
    ]


def _known(scope: Scope) -> dict[str, list[str]]:
    """What may be meant where a name is asked for, as many as one may look through."""
    people, projects = User.objects.order_by("email"), Project.objects.order_by("name")
    if scope.team:
        people, projects = people.filter(memberships__team=scope.team), projects.filter(team=scope.team)
    return {
        "people": list(people.values_list("email", flat=True)[:MOST_KNOWN]),
        "projects": list(projects.values_list("name", flat=True).distinct()[:MOST_KNOWN]),
        "teams": [] if scope.team else list(Team.objects.order_by("name").values_list("name", flat=True)[:MOST_KNOWN]),
    }


def _without_status(scope: Scope, view: View) -> str:
    return scope.address("jobs", replace(view, filter=replace(view.filter, status="")).query)


def _many(scope: Scope) -> bool:
    """Whether counting the scope's jobs would be waited for."""
    some = scope.generations().order_by().values_list("pk")[:MANY]
    return some.count() == MANY


def _status(asked: Filter) -> str:
    """A status that makes no sense narrows nothing down; one within the search does, and is counted so."""
    return asked.status.lower() if asked.status.lower() in Status.values else ""


def _numbers(scope: Scope, asked: Filter) -> dict[str, Any]:
    generations, status = scope.generations(), _status(asked)
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
        "costs": [labels.money(amount, unit) for unit, amount in sorted(_by_unit(asked.costs(generations)).items())],
    }


def _by_unit(costs: dict[str, Decimal]) -> dict[str, Decimal]:
    """Different units are never added."""
    amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for backend, amount in costs.items():
        amounts[unit(backend)] += amount
    return amounts


def _number(asked: QueryDict) -> int:
    page = asked.get("page", "")
    return max(int(page), 1) if page.isascii() and page.isdigit() and len(page) <= 9 else 1


def row(request: ReviewRequest, generation: Generation) -> dict[str, Any]:
    """A job as the list and its own page tell of it."""
    return {
        "generation": generation,
        "address": request.scope.url("jobs-job", generation.public_id),
        "alike": request.scope.url("jobs", fingerprint=generation.fingerprint) if generation.fingerprint else "",
        "mode": MODES["video" if generation.clip_id else "text"],
        "length": labels.length(generation.effective_duration),
        "wait": _lasted(generation, generation.asked_at, generation.started_at),
        "run": _lasted(generation, generation.started_at, generation.finished_at),
        "cost": "" if generation.cost is None else labels.money(generation.cost, unit(generation.backend)),
        "request_id": generation.remote.get("request_id", ""),
    }


def _lasted(generation: Generation, since: datetime | None, until: datetime | None) -> str:
    """How long it took, or has taken so far; "" for what has not begun, or never did."""
    if since and until:
        return duration((until - since).total_seconds())
    if since and not generation.is_finished:
        return f"{duration((timezone.now() - since).total_seconds())} so far"
    return ""


def duration(seconds: float) -> str:
    """4.21 as "4.2 s", 185 as "3 min 5 s", 7380 as "2 h 3 min"."""
    if seconds < 59.95:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
