"""The access check: the first line of every view that touches a team's things.

Which team a request acts for is decided in this order, and never by what was looked at before:

1. the team of the thing that the address names (`clip_of`, `generation_of`, …), if the person is in it;
2. the team that the address names: `?team=team_…`. Forms carry it, so that a page sends to the team it shows even when
   another one was switched to meanwhile, in another tab;
3. the team that was switched to; before any switch, the one joined first.

Things of teams that the person is not in answer 404, as things that do not exist; what may be seen but not done, 403
with a sentence. Who may what stands in `webapp.accounts.permissions`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404

from jobs.models import Clip, Generation, Project
from webapp.accounts.models import Membership, Team, User
from webapp.accounts.permissions import RULES, Action, may

P = ParamSpec("P")
Thing = TypeVar("Thing", bound=Model)


class TeamRequest(HttpRequest):
    """A signed-in person's request, as `webapp.accounts.middleware.CurrentTeam` prepares it."""

    user: User
    # All of the person's, with their teams, in the order they were joined.
    memberships: list[Membership]
    # Of the team that was switched to: where the page's frame leads.
    current: Membership
    # The team that this request acts for, and the person's place in it.
    team: Team
    membership: Membership


Response = TypeVar("Response", bound=HttpResponseBase)
View = Callable[Concatenate[TeamRequest, P], Response]


def needs(action: Action) -> Callable[[View[P, Response]], View[P, Response]]:
    """Only for members of the request's team who may do this."""

    def decorate(view: View[P, Response]) -> View[P, Response]:
        @wraps(view)
        def checked(request: TeamRequest, /, *args: P.args, **kwargs: P.kwargs) -> Response:
            allow(request, action)
            return view(request, *args, **kwargs)

        return checked

    return decorate


def allow(request: TeamRequest, action: Action) -> None:
    """Raises PermissionDenied, with a sentence, where the person may not do this in the request's team."""
    if not may(request.membership, action):
        raise PermissionDenied(RULES[action].refusal)


def clip_of(request: TeamRequest, clip_id: str, action: Action = Action.LOOK, *, in_trash_too: bool = False) -> Clip:
    """A clip of one of the person's teams, which becomes the request's; 404 and 403 as above."""
    clips = Clip.everything if in_trash_too else Clip.objects
    return thing_of(request, clips.all(), action, public_id=clip_id)


def generation_of(
    request: TeamRequest, generation_id: str, action: Action = Action.LOOK, *, in_trash_too: bool = False
) -> Generation:
    """A generation of one of the person's teams, which becomes the request's; 404 and 403 as above."""
    generations = Generation.everything if in_trash_too else Generation.objects
    return thing_of(
        request, generations.select_related("clip", "created_by", "project"), action, public_id=generation_id
    )


def project_of(request: TeamRequest, project_id: str, action: Action = Action.LOOK) -> Project:
    """A project of one of the person's teams, which becomes the request's; 404 and 403 as above."""
    return thing_of(request, Project.objects.all(), action, public_id=project_id)


def thing_of(request: TeamRequest, among: QuerySet[Thing], action: Action, **which: Any) -> Thing:
    """The row of a model with a `team`, if that is one of the person's, which becomes the request's.

    Raises Http404, and PermissionDenied where the person may not do `action` there.
    """
    teams = [membership.team_id for membership in request.memberships]
    thing = get_object_or_404(among, team__in=teams, **which)
    act_in(request, thing.team_id)  # type: ignore[attr-defined]
    allow(request, action)
    return thing


def act_in(request: TeamRequest, team_id: int) -> None:
    """From here on the request acts for this team of the person's. Raises Http404 for a team they are not in."""
    for membership in request.memberships:
        if membership.team_id == team_id:
            request.membership, request.team = membership, membership.team
            return
    raise Http404("There is no such team.")
