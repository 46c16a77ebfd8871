"""Who may reach what: the first line of every view that touches a team's things.

Things of another team, and things that do not exist, answer the same 404; a viewer who tries to change something, 403.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from jobs.models import Clip, Generation
from webapp.accounts.models import Membership, Team, User

P = ParamSpec("P")


class TeamRequest(HttpRequest):
    """A signed-in person's request; `webapp.accounts.middleware.CurrentTeam` sets the rest."""

    user: User
    team: Team
    membership: Membership


View = Callable[Concatenate[TeamRequest, P], HttpResponse]


def may_create(view: View[P]) -> View[P]:
    """Only for members who may upload and generate."""

    @wraps(view)
    def checked(request: TeamRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.membership.may_create:
            raise PermissionDenied("You can look and listen in this team; ask an admin to let you create.")
        return view(request, *args, **kwargs)

    return checked


def may_manage(view: View[P]) -> View[P]:
    """Only for owners and admins."""

    @wraps(view)
    def checked(request: TeamRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.membership.may_manage:
            raise PermissionDenied("An owner or admin of your team decides this; ask one of them.")
        return view(request, *args, **kwargs)

    return checked


def clip_of(request: TeamRequest, clip_id: str) -> Clip:
    return get_object_or_404(Clip, team=request.team, public_id=clip_id)


def generation_of(request: TeamRequest, generation_id: str) -> Generation:
    return get_object_or_404(
        Generation.objects.select_related("clip", "created_by"), team=request.team, public_id=generation_id
    )
