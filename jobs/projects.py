"""Projects: what a team keeps together. Each clip and each generation is in one at most."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from jobs import activity
from jobs.models import Clip, Generation, Project, Verb

if TYPE_CHECKING:
    from webapp.accounts.models import Team, User


class NameTaken(Exception):
    """The team has a project of this name, in capitals or not; a sentence for whoever chose it."""


def make(team: Team, by: User | None, name: str) -> Project:
    """Raises NameTaken."""
    project = Project(team=team, name=name, created_by=by)
    _save(project)
    activity.record(team, by, Verb.PROJECT_MADE, name, about=project)
    return project


def rename(project: Project, by: User | None, name: str) -> None:
    """Raises NameTaken; `project` is as before then."""
    before = project.name
    if name == before:
        return
    project.name = name
    try:
        _save(project)
    except NameTaken:
        project.name = before
        raise
    activity.record(project.team, by, Verb.PROJECT_RENAMED, name, about=project, data={"before": before})


def _save(project: Project) -> None:
    try:
        with transaction.atomic():
            project.save()
    except IntegrityError:
        known = Project.objects.filter(team=project.team, name__iexact=project.name).exclude(pk=project.pk).first()
        if known is None:
            raise
        state = "an archived project" if known.archived_at else "a project"
        raise NameTaken(f"There is {state} of this name already. Choose another name.") from None


def archive(project: Project, by: User | None) -> None:
    """From now on nothing new is put into it; what is in it stays."""
    if Project.objects.filter(pk=project.pk, archived_at=None).update(archived_at=timezone.now()):
        activity.record(project.team, by, Verb.PROJECT_ARCHIVED, project.name, about=project)


def restore(project: Project, by: User | None) -> None:
    if Project.objects.filter(pk=project.pk, archived_at__isnull=False).update(archived_at=None):
        activity.record(project.team, by, Verb.PROJECT_RESTORED, project.name, about=project)


def move(
    team: Team, by: User | None, to: Project | None, clips: Iterable[Clip], generations: Iterable[Generation]
) -> None:
    """Put these, all of them the team's, into a project, or into none. A clip takes those of its takes along that were
    where it was."""
    clip_keys = [clip.pk for clip in clips]
    generation_keys = {generation.pk for generation in generations}
    beside = Q(project=F("clip__project")) | Q(project=None, clip__project=None)
    with transaction.atomic():
        generation_keys |= set(Generation.objects.filter(beside, clip__in=clip_keys).values_list("pk", flat=True))
        elsewhere = ~Q(project=to) | Q(project=None) if to else Q(project__isnull=False)
        moved = (
            Clip.objects.filter(elsewhere, pk__in=clip_keys).update(project=to),
            Generation.objects.filter(elsewhere, pk__in=generation_keys).update(project=to),
        )
        if any(moved):
            data = {"clips": moved[0], "generations": moved[1]}
            activity.record(team, by, Verb.MOVED, to.name if to else "", about=to, data=data)
