"""Tags: a team's own words on its clips and generations. One that nothing carries any more is gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet

from jobs.limits import hold
from jobs.models import Clip, Generation, Tag

if TYPE_CHECKING:
    from webapp.accounts.models import Team

MOST_OF_A_THING = 20


class Full(Exception):
    """One of the things has `MOST_OF_A_THING` tags already; a sentence for whoever adds one more."""


def used(team: Team) -> QuerySet[Tag]:
    """The tags of what is not in the trash, by name."""
    on_clips = Exists(Clip.objects.filter(tags=OuterRef("pk")))
    on_generations = Exists(Generation.objects.filter(tags=OuterRef("pk")))
    return Tag.objects.filter(on_clips | on_generations, team=team)


def add(team: Team, name: str, clips: Sequence[Clip], generations: Sequence[Generation]) -> Tag:
    """Put the tag on these, all of them the team's; a known one keeps its capitals. Raises Full, and does nothing."""
    with transaction.atomic():
        hold(team)
        tag, _ = Tag.objects.get_or_create(team=team, folded=name.casefold(), defaults={"name": name})
        tag.clips.add(*clips)
        tag.generations.add(*generations)
        for model, things in ((Clip, clips), (Generation, generations)):
            counted = model.everything.filter(pk__in=[thing.pk for thing in things]).annotate(count=Count("tags"))
            if counted.filter(count__gt=MOST_OF_A_THING).exists():
                where = "This has" if len(clips) + len(generations) == 1 else "One of these has"
                raise Full(f"{where} {MOST_OF_A_THING} tags already. Take one away first.")
    return tag


def remove(team: Team, name: str, clips: Sequence[Clip], generations: Sequence[Generation]) -> None:
    """Take the tag, in whatever capitals, away from these, all of them the team's."""
    with transaction.atomic():
        hold(team)
        for tag in Tag.objects.filter(team=team, folded=name.casefold()):
            tag.clips.remove(*clips)
            tag.generations.remove(*generations)
        _unused().filter(team=team).delete()


def forget_unused() -> None:
    """Remove every team's tags that nothing carries any more."""
    for tag in _unused().select_related("team"):
        with transaction.atomic():
            hold(tag.team)
            _unused().filter(pk=tag.pk).delete()


def _unused() -> QuerySet[Tag]:
    """Of all teams; what is in the trash may come back, and carries its tags still."""
    return Tag.objects.filter(clips=None, generations=None)
