"""Legal holds: what must not be removed, whatever else is said; set and released in one place, and written down.

A hold on a team or a project is one on all that is in it, a hold on a clip one on its takes too, and a hold on a
generation one on the clip that it was made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from jobs import audit
from jobs.models import AuditAction, Clip, Generation, Hold, HoldKind, Project

if TYPE_CHECKING:
    from webapp.accounts.models import User

Held = TypeVar("Held", bound=Clip | Generation)


def free(model: type[Held]) -> QuerySet[Held]:
    """All of them, with those in the trash, on which there is no hold."""
    everything: QuerySet[Any] = model.everything.all()
    if not in_force().exists():
        return everything
    return everything.exclude(pk__in=model.everything.filter(_held(model)).values("pk"))


def in_force() -> QuerySet[Hold]:
    return Hold.objects.filter(released_at=None)


def _ids(kind: HoldKind) -> QuerySet[Hold, str]:
    return in_force().filter(kind=kind).values_list("public_id", flat=True)


def _held(model: type[Clip | Generation] | type[Held]) -> Q:
    within = Q(team__public_id__in=_ids(HoldKind.TEAM)) | Q(project__public_id__in=_ids(HoldKind.PROJECT))
    takes = within | Q(public_id__in=_ids(HoldKind.GENERATION))
    clips = within | Q(public_id__in=_ids(HoldKind.CLIP))
    if model is Clip:
        return clips | Q(pk__in=Generation.everything.filter(takes, clip__isnull=False).values("clip"))
    return takes | Q(clip__in=Clip.everything.filter(clips).values("pk"))


def find(kind: str, public_id: str) -> Any:
    """The team, project, clip or generation of that id, also from the trash."""
    if kind == HoldKind.TEAM:
        return apps.get_model("accounts", "Team").objects.filter(public_id=public_id).first()
    if kind == HoldKind.PROJECT:
        return Project.objects.filter(public_id=public_id).first()
    model: type[Clip | Generation] = Clip if kind == HoldKind.CLIP else Generation
    return model.everything.filter(public_id=public_id).first()


def keeps_files(model: type[Clip | Generation], public_id: str) -> bool:
    """Whether what is stored of that id is on hold, also where its row is gone."""
    kind = HoldKind.CLIP if model is Clip else HoldKind.GENERATION
    return public_id in set(_ids(kind)) or model.everything.filter(_held(model), public_id=public_id).exists()


def put(hold: Hold, by: User) -> None:
    """Begin the hold, and write that down."""
    hold.by = by
    with transaction.atomic():
        hold.save()
        _record(hold, by, AuditAction.HOLD, before={}, after={"hold": hold.kind, "why": hold.why})


def release(hold: Hold, by: User) -> bool:
    """End the hold, and write that down; False where it was released already."""
    with transaction.atomic():
        if not in_force().filter(pk=hold.pk).update(released_at=timezone.now(), released_by=by):
            return False
        _record(hold, by, AuditAction.RELEASE, before={"hold": hold.kind, "why": hold.why}, after={})
    return True


def _record(hold: Hold, by: User, action: AuditAction, *, before: dict[str, str], after: dict[str, str]) -> None:
    thing = find(hold.kind, hold.public_id)
    team = thing if hold.kind == HoldKind.TEAM else thing and thing.team
    audit.record(by, action, hold.public_id, team=team, installation=True, before=before, after=after)
