"""Whose jobs are reviewed, and what may be done there: a team's, by its admins, or everybody's, in the administration.

A page of the review is written once, against `request.scope`, and mounted twice (`webapp.review.urls`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from jobs.models import BulkOperation, Generation
from webapp.accounts.access import TeamRequest, allow
from webapp.accounts.models import Team
from webapp.accounts.permissions import Action

TABS = {
    "jobs": "Jobs",
    "jobs-failures": "Failures",
    "jobs-statistics": "Statistics",
    "jobs-audit": "Audit log",
    "jobs-retention": "Retention",
}
SEE, OPERATE = "jobs.view_generation", "jobs.operate_generation"


@dataclass(frozen=True)
class Scope:
    """`team` None is the whole installation. Whoever may not operate is shown everything and changes nothing."""

    team: Team | None
    may_operate: bool

    @property
    def layout(self) -> str:
        return "review/in_team.html" if self.team else "review/in_administration.html"

    def generations(self) -> QuerySet[Generation]:
        """All of the scope's, with what is in the trash."""
        everything = Generation.everything.all()
        return everything.filter(team=self.team) if self.team else everything

    def sees(self, bulk: BulkOperation) -> bool:
        """Whether an operation on many jobs is one of this scope's."""
        return bulk.team_id == (self.team.pk if self.team else None)

    def url(self, page: str, *args: object, **query: str) -> str:
        """The address of a page of the review in this scope."""
        if self.team:
            query["team"] = self.team.public_id
        address = reverse(f"{'team' if self.team else 'admin'}-{page}", args=args)
        return f"{address}?{urlencode(query)}" if query else address

    def address(self, page: str, query: str) -> str:
        """The same with a query string."""
        url = self.url(page)
        return f"{url}{'&' if '?' in url else '?'}{query}" if query else url

    @property
    def tabs(self) -> list[tuple[str, str, str]]:
        """The pages of the review: each one's name, label and address."""
        return [(page, label, self.url(page)) for page, label in TABS.items()]

    def allow_operating(self) -> None:
        if not self.may_operate:
            raise PermissionDenied("You may see this and change nothing; ask an administrator to do it.")


class ReviewRequest(TeamRequest):
    scope: Scope


Page = Callable[..., HttpResponse]


def in_team(page: Page) -> Callable[..., HttpResponse]:
    """The page for the admins of the request's team."""

    @wraps(page)
    def view(request: ReviewRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        allow(request, Action.REVIEW_JOBS)
        request.scope = Scope(request.team, may_operate=True)
        return page(request, *args, **kwargs)

    return view


def in_administration(page: Page) -> Callable[..., HttpResponse]:
    """The page within the administration, for whoever may see every job."""

    @wraps(page)
    def view(request: ReviewRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(SEE):
            raise PermissionDenied
        request.scope = Scope(None, may_operate=request.user.has_perm(OPERATE))
        return page(request, *args, **kwargs)

    return admin.site.admin_view(view)


def show(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """The page in the layout of its scope."""
    scope: Scope = request.scope  # type: ignore[attr-defined]
    # Tables take the width of the administration's own navigation, which is one click away.
    around = {} if scope.team else admin.site.each_context(request) | {"is_nav_sidebar_enabled": False}
    return render(request, template, {**around, "scope": scope, **context}, status=status)
