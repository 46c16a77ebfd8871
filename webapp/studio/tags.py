"""Putting tags on clips and generations, and taking them away."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from jobs import tags
from jobs.models import Tag
from webapp.accounts.access import TeamRequest, needs
from webapp.accounts.models import Team
from webapp.accounts.permissions import Action
from webapp.fields import NameField
from webapp.studio.selection import onward, selected

MOST_SUGGESTED = 200


class TagForm(forms.Form):
    tag = NameField("Tag", most=40, missing="No tag was written, so nothing was changed.")


def suggested(team: Team) -> QuerySet[Tag]:
    """What is offered while a tag is written."""
    return tags.used(team)[:MOST_SUGGESTED]


@require_POST
@needs(Action.ORGANISE)
def add(request: TeamRequest) -> HttpResponse:
    """`POST /tags/add/` with `clip`, `generation` and `tag`; then to `next`, or the library."""
    chosen, form = selected(request), TagForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["tag"])))
    elif not chosen:
        messages.error(request, "Nothing was chosen, so nothing was tagged.")
    else:
        try:
            tag = tags.add(request.team, form.cleaned_data["tag"], chosen.clips, chosen.generations)
            messages.success(request, f"Tagged “{tag}”: {chosen}.")
        except tags.Full as full:
            messages.error(request, str(full))
    return onward(request, "library")


@require_POST
@needs(Action.ORGANISE)
def remove(request: TeamRequest) -> HttpResponse:
    """`POST /tags/remove/` with `clip`, `generation` and `tag`; then to `next`, or the library."""
    chosen, form = selected(request), TagForm(request.POST)
    if form.is_valid():
        name = form.cleaned_data["tag"]
        tags.remove(request.team, name, chosen.clips, chosen.generations)
        messages.success(request, f"No longer tagged “{name}”: {chosen}.")
    else:
        messages.error(request, " ".join(map(str, form.errors["tag"])))
    return onward(request, "library")
