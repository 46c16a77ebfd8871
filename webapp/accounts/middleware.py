"""The first account, and the team a request acts for."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from webapp.accounts.models import Membership, User
from webapp.accounts.setup import add_team

GetResponse = Callable[[HttpRequest], HttpResponse]


class FirstAccount:
    """While no account exists every page leads to the set-up page."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.set_up = False  # accounts never become none again, so one look that finds some is enough

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not self.set_up and request.path not in {reverse("set-up"), reverse("healthz")}:
            self.set_up = User.objects.exists()
            if not self.set_up:
                return redirect("set-up")
        return self.get_response(request)


class CurrentTeam:
    """Sets `request.team` and `request.membership` for whoever is signed in: the team they joined first.

    An account without a team (made in the admin) gets one of its own, so no page needs to know of that case.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            assert isinstance(request.user, User)
            memberships = Membership.objects.select_related("team").filter(user=request.user)
            membership = memberships.order_by("created_at", "id").first() or add_team(request.user)
            request.membership, request.team = membership, membership.team  # type: ignore[attr-defined]
        return self.get_response(request)
