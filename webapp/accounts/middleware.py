"""The first account, and the team a request acts for."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from webapp.accounts.access import TeamRequest
from webapp.accounts.models import Membership, User
from webapp.accounts.teams import SWITCHED_TO, add_team

GetResponse = Callable[[HttpRequest], HttpResponse]


class FirstAccount:
    """While no account exists every page leads to the set-up page; what machines ask for is no page."""

    OPEN = ("set-up", "healthz", "readyz", "metrics")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.set_up = False  # accounts never become none again, so one look that finds some is enough

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not self.set_up and request.path not in map(reverse, self.OPEN):
            self.set_up = User.objects.exists()
            if not self.set_up:
                return redirect("set-up")
        return self.get_response(request)


class CurrentTeam:
    """Makes the request of whoever is signed in a `webapp.accounts.access.TeamRequest`; the rule is written there.

    An account without a team (made in the admin, or removed from its last) gets one of its own, so no page needs to
    know of that case.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            assert isinstance(request.user, User)
            self.prepare(cast("TeamRequest", request), request.user)
        return self.get_response(request)

    def prepare(self, request: TeamRequest, user: User) -> None:
        """Raises Http404 where the address names a team that this person is not in."""
        joined = Membership.objects.select_related("team").filter(user=user).order_by("created_at", "id")
        request.memberships = list(joined) or [add_team(user)]
        by_team = {membership.team.public_id: membership for membership in request.memberships}
        request.current = by_team.get(request.session.get(SWITCHED_TO, ""), request.memberships[0])
        request.membership, request.team = request.current, request.current.team
        named = request.GET.get("team")
        # The administration is of all teams; `team` there is what it looks for.
        if named is not None and not request.path.startswith(reverse("admin:index")):
            if named not in by_team:
                raise Http404("There is no such team.")
            request.membership, request.team = by_team[named], by_team[named].team
