"""What a form is about: clips and generations of the request's team, by their ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from jobs.models import Clip, Generation
from webapp.accounts.access import TeamRequest

Row = TypeVar("Row", Clip, Generation)


@dataclass(frozen=True)
class Selection:
    clips: list[Clip]
    generations: list[Generation]

    def __bool__(self) -> bool:
        return bool(self.clips or self.generations)

    def __str__(self) -> str:
        """Counted, for a sentence: "2 clips and 1 generation"."""
        return " and ".join(
            f"{len(some)} {word}{'' if len(some) == 1 else 's'}"
            for some, word in ((self.clips, "clip"), (self.generations, "generation"))
            if some
        )


def selected(request: TeamRequest, *, in_trash: bool = False) -> Selection:
    """What the fields `clip` and `generation` of a POST name, each of them any number of times.

    Raises Http404 if one of them is not the team's, or not in the trash where it should be.
    """
    clips = Clip.everything.exclude(deleted_at=None) if in_trash else Clip.objects.all()
    generations = Generation.everything.exclude(deleted_at=None) if in_trash else Generation.objects.all()
    return Selection(
        _all(clips.filter(team=request.team), request.POST.getlist("clip")),
        _all(generations.filter(team=request.team).select_related("clip"), request.POST.getlist("generation")),
    )


def _all(among: QuerySet[Row], ids: list[str]) -> list[Row]:
    found = list(among.filter(public_id__in=ids).order_by("-created_at", "-id"))
    if len(found) != len(set(ids)):
        raise Http404("One of these is not there.")
    return found


def onward(request: TeamRequest, default: str) -> HttpResponse:
    """To the page that the form names as `next`, if that is one of ours; else to the one of this name."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return redirect(wanted)
    return redirect(f"{reverse(default)}?team={request.team.public_id}")
