"""The audit log: who did what, when, to what, and what that was before and after; to read, and to take along as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from jobs.models import AuditAction, AuditEntry
from webapp.review import paging, spreadsheet
from webapp.review.scope import ReviewRequest, Scope, show

LINES_PER_PAGE = 50
COLUMNS = ("at", "by", "action", "target", "team", "as administrator of", "bulk operation", "before", "after")


class AuditFilter(forms.Form):
    """What the address says of which entries are shown; what makes no sense narrows nothing down, and is said."""

    who = forms.CharField(required=False, max_length=254, widget=forms.TextInput({"class": "box", "type": "search"}))
    what = forms.ChoiceField(
        required=False,
        choices=[("", "Anything"), *AuditAction.choices],
        widget=forms.Select({"class": "box"}),
        error_messages={"invalid_choice": "Choose one of these."},
    )
    on = forms.CharField(
        required=False,
        max_length=100,
        label="To what",
        widget=forms.TextInput({"class": "box", "type": "search", "placeholder": "ID or name"}),
    )
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"class": "box", "type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"class": "box", "type": "date"}))

    def narrow(self, entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        self.is_valid()
        asked: dict[str, Any] = self.cleaned_data
        if asked.get("who"):
            entries = entries.filter(by_name__icontains=asked["who"])
        if asked.get("what"):
            entries = entries.filter(action=asked["what"])
        if asked.get("on"):
            entries = entries.filter(Q(target__icontains=asked["on"]) | Q(team_name__icontains=asked["on"]))
        if asked.get("since"):
            entries = entries.filter(at__gte=_midnight(asked["since"]))
        if asked.get("until"):
            entries = entries.filter(at__lt=_midnight(asked["until"] + timedelta(days=1)))
        return entries


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day))


@require_safe
def index(request: ReviewRequest) -> HttpResponse:
    """`GET …/audit/?who=&what=&on=&since=&until=&before=<id>`: the newest first."""
    form = AuditFilter(request.GET)
    found = form.narrow(_entries(request)).select_related("bulk")
    shown, pages = paging.newest(request, found, LINES_PER_PAGE)
    scope = request.scope
    lines = [
        {
            "entry": entry,
            "changes": changes(entry),
            "address": _address(scope, entry),
            "bulk": scope.url("jobs-operation", entry.bulk.public_id) if entry.bulk and scope.sees(entry.bulk) else "",
        }
        for entry in shown
    ]
    asked = {name: request.GET[name] for name in form.fields if request.GET.get(name)}
    context = {
        "form": form,
        "lines": lines,
        "all": scope.url("jobs-audit"),
        "csv": scope.url("jobs-audit-csv", **asked),
        "narrowed": bool(asked),
        **pages,
    }
    return show(request, "review/audit.html", context)


@require_safe
def as_csv(request: ReviewRequest) -> HttpResponseBase:
    """`GET …/audit.csv`: what the page shows for the same filter, all of it, in the order it was written."""
    entries = AuditFilter(request.GET).narrow(_entries(request)).order_by("pk").select_related("bulk")
    return spreadsheet.download("audit", COLUMNS, _rows(entries))


def _rows(entries: QuerySet[AuditEntry]) -> Iterator[tuple[str, ...]]:
    for entry in entries.iterator(1000):
        yield (
            entry.at.isoformat(timespec="seconds"),
            entry.by_name,
            entry.action,
            entry.target,
            entry.team_name,
            "installation" if entry.installation else "team",
            entry.bulk.public_id if entry.bulk else "",
            json.dumps(entry.before, ensure_ascii=False, sort_keys=True),
            json.dumps(entry.after, ensure_ascii=False, sort_keys=True),
        )


def _entries(request: ReviewRequest) -> QuerySet[AuditEntry]:
    """All of the scope's: a team sees what was done to its own, by whomever."""
    entries = AuditEntry.objects.order_by("-pk")
    return entries.filter(team=request.scope.team) if request.scope.team else entries


def _address(scope: Scope, entry: AuditEntry) -> str:
    """The page of what it was done to, where that has one."""
    if entry.target.startswith("gen_"):
        return scope.url("jobs-job", entry.target)
    if entry.action in (AuditAction.RESOLVE, AuditAction.REOPEN):
        return scope.url("jobs-failures", state="all") + f"#failure-{entry.target}"
    return ""


def changes(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """What changed, as (name, before, after); "" for nothing."""
    names = [name for name in {**entry.before, **entry.after} if entry.before.get(name) != entry.after.get(name)]
    return [(name.replace("_", " "), _said(entry.before.get(name)), _said(entry.after.get(name))) for name in names]


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
