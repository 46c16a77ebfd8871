"""Failures by what they have in common: how many, whose, since when; retried together, resolved, and back again."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from jobs import audit, failures
from jobs.failures import Failures
from jobs.models import AuditAction, FailureGroup, Resolution, Status
from webapp.review import spreadsheet
from webapp.review.scope import ReviewRequest, Scope, show

STATES = {"open": "Open", "resolved": "Resolved", "all": "All"}
COLUMNS = (
    "fingerprint", "backend", "kind of error", "message", "jobs", "still failed", "people", "first seen", "last seen",
    "resolved",
)  # fmt: skip
BAR, GAP, HEIGHT = 6, 2, 24


@require_safe
def index(request: ReviewRequest) -> HttpResponse:
    """`GET …/failures/?state=open|resolved|all`: the groups with failures in the scope, the latest first."""
    scope, state = request.scope, _state(request)
    found = failures.groups(scope.generations(), scope.team)
    shown = _of(state, found)
    context = {
        "state": state,
        "states": STATES,
        "csv": scope.url("jobs-failures-csv", state=state),
        "operate": scope.url("jobs-operate"),
        "rows": [_row(scope, one) for one in shown],
        "any": bool(found),
        "most": failures.SHOWN if len(found) == failures.SHOWN else None,
    }
    return show(request, "review/failures.html", context)


@require_safe
def as_csv(request: ReviewRequest) -> HttpResponseBase:
    """`GET …/failures.csv?state=`: the groups that the page shows."""
    found = failures.groups(request.scope.generations(), request.scope.team)
    return spreadsheet.download("failures", COLUMNS, map(_cells, _of(_state(request), found)))


def _cells(one: Failures) -> tuple[str, ...]:
    return (
        one.group.fingerprint,
        one.group.backend,
        one.group.kind,
        one.group.message,
        str(one.count),
        str(one.failing),
        str(one.people),
        one.first_seen.isoformat(timespec="seconds"),
        one.last_seen.isoformat(timespec="seconds"),
        "yes" if one.resolved else "no",
    )


def _state(request: ReviewRequest) -> str:
    state = request.GET.get("state", "")
    return state if state in STATES else "open"


def _of(state: str, found: list[Failures]) -> list[Failures]:
    return [one for one in found if state == "all" or one.resolved == (state == "resolved")]


def _row(scope: Scope, one: Failures) -> dict[str, object]:
    name = one.group.fingerprint
    return {
        "failures": one,
        "kind": one.group.kind.replace("_", " "),
        "sparkline": sparkline(one.days),
        "query": urlencode({"fingerprint": name, "status": str(Status.FAILED)}),
        "jobs": scope.url("jobs", fingerprint=name),
        "resolve": scope.url("failures-resolve", name),
        "reopen": scope.url("failures-reopen", name),
    }


@require_POST
def resolve(request: ReviewRequest, fingerprint: str) -> HttpResponse:
    """`POST …/failures/<fingerprint>/resolve/`: dealt with, in this scope, until it returns."""
    request.scope.allow_operating()
    group = _group(request, fingerprint)
    said = {"at": timezone.now(), "by": request.user}
    Resolution.objects.update_or_create(group=group, team=request.scope.team, defaults=said)
    _record(request, AuditAction.RESOLVE, group, resolved=True)
    messages.success(request, "Resolved. It is open again as soon as a job fails like this.")
    return redirect(request.scope.url("jobs-failures"))


@require_POST
def reopen(request: ReviewRequest, fingerprint: str) -> HttpResponse:
    """`POST …/failures/<fingerprint>/reopen/`"""
    request.scope.allow_operating()
    group = _group(request, fingerprint)
    if Resolution.objects.filter(group=group, team=request.scope.team).delete()[0]:
        _record(request, AuditAction.REOPEN, group, resolved=False)
    messages.success(request, "Open again.")
    return redirect(request.scope.url("jobs-failures"))


def _group(request: ReviewRequest, fingerprint: str) -> FailureGroup:
    """Raises Http404 for a group without a failure in the scope."""
    there = request.scope.generations().filter(fingerprint=fingerprint)
    return get_object_or_404(FailureGroup, fingerprint__in=there.order_by().values("fingerprint"))


def _record(request: ReviewRequest, action: AuditAction, group: FailureGroup, *, resolved: bool) -> None:
    team = request.scope.team
    audit.record(
        request.user,
        action,
        group.fingerprint,
        team=team,
        installation=team is None,
        before={"resolved": not resolved},
        after={"resolved": resolved, "message": group.message, "backend": group.backend, "kind": group.kind},
    )


def sparkline(days: list[int]) -> SafeString:
    """A bar for each day, the highest as high as the picture; what it says is in its label too."""
    most = max(*days, 1)
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}"/>',
        (
            (index * (BAR + GAP), HEIGHT - height, BAR, height)
            for index, count in enumerate(days)
            for height in [max(round(count / most * HEIGHT), 2 if count else 1)]
        ),
    )
    return format_html(
        '<svg class="sparkline" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        len(days) * (BAR + GAP) - GAP,
        HEIGHT,
        f"{sum(days)} in the last {len(days)} days, {days[-1]} today, {most if any(days) else 0} on the worst day",
        bars,
    )
