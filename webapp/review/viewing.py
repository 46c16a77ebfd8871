"""Views of the list: which jobs, in which order, with which columns. An address spells one out; named, it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from jobs.models import SavedView, Status
from jobs.review import ORDERS, Filter
from webapp.review.scope import ReviewRequest, Scope

# Besides the status and the prompt, without which a row is no job's.
COLUMNS = {
    "team": "Team", "person": "Person", "project": "Project", "clip": "Clip", "mode": "Mode", "length": "Length",
    "seed": "Seed", "backend": "Backend", "source": "Asked from", "created": "Asked for", "finished": "Ended",
    "wait": "Wait", "run": "Run", "cost": "Cost", "kind": "Kind of error", "attempts": "Attempts", "worker": "Worker",
    "request": "Remote request", "id": "ID",
}  # fmt: skip
USUAL = ("team", "person", "backend", "created", "wait", "run", "cost")
# By which of `ORDERS` a column sorts, and the other way round.
SORTS = {"created": ("newest", "oldest"), "run": ("slowest",), "cost": ("dearest",)}
MOST_VIEWS = 50


@dataclass(frozen=True)
class View:
    """`columns` are the chosen ones, none for the usual."""

    filter: Filter = field(default_factory=Filter)
    order: str = "newest"
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, asked: QueryDict, scope: Scope) -> View:
        """What makes no sense is left out; what of it would narrow down, `Filter.misunderstood` tells. A team's list
        neither filters by teams nor has a column for them."""
        wanted, order = Filter.of(asked), asked.get("order", "")
        chosen = tuple(name for name in columns(scope) if name in asked.getlist("columns"))
        return cls(
            filter=replace(wanted, team="") if scope.team else wanted,
            order=order if order in ORDERS else "newest",
            columns=() if chosen == usual(scope) else chosen,
        )

    @property
    def query(self) -> str:
        """The query string that `of` reads it from."""
        said = [("order", self.order)] if self.order != "newest" else []
        said += [("columns", name) for name in self.columns]
        return "&".join(part for part in (self.filter.query, urlencode(said)) if part)


def columns(scope: Scope) -> dict[str, str]:
    """Those there are to choose from, and their labels."""
    return {name: label for name, label in COLUMNS.items() if name != "team" or not scope.team}


def usual(scope: Scope) -> tuple[str, ...]:
    return tuple(name for name in columns(scope) if name in USUAL)


BUILT_IN = {
    "All": View(),
    "Failed today": View(Filter(status=Status.FAILED, within="today")),
    "Running now": View(Filter(status=Status.RUNNING)),
    "Slowest this week": View(Filter(within="week"), order="slowest"),
    "Most expensive this month": View(Filter(within="month"), order="dearest"),
}


class NameForm(forms.Form):
    name = forms.CharField(
        max_length=60,
        label="Name of the view",
        error_messages={"required": "A view needs a name.", "max_length": "A view’s name has 60 characters at most."},
        widget=forms.TextInput({"class": "box", "autocomplete": "off", "dir": "auto"}),
    )


def own(request: ReviewRequest) -> list[SavedView]:
    """The views that the person keeps in this scope."""
    return list(SavedView.objects.filter(person=request.user, team=request.scope.team).order_by("name"))


@require_POST
def save(request: ReviewRequest) -> HttpResponse:
    """`POST …/views/` with `name` and the `query` of a list: keeps it, in place of the one of that name."""
    scope, form = request.scope, NameForm(request.POST)
    query = View.of(QueryDict(request.POST.get("query", "")), scope).query
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["name"])))
    elif len(own(request)) >= MOST_VIEWS:
        messages.error(request, f"You keep {MOST_VIEWS} views already: remove one first.")
    else:
        name = form.cleaned_data["name"]
        SavedView.objects.update_or_create(person=request.user, team=scope.team, name=name, defaults={"query": query})
        messages.success(request, f"“{name}” is kept among your views.")
    return redirect(scope.address("jobs", query))


@require_POST
def remove(request: ReviewRequest, view_id: int) -> HttpResponse:
    """`POST …/views/<id>/remove/`: one's own alone; then back to the list as it was."""
    view = get_object_or_404(SavedView, pk=view_id, person=request.user, team=request.scope.team)
    view.delete()
    messages.success(request, f"“{view.name}” is no longer among your views.")
    return redirect(request.scope.address("jobs", view.query))
