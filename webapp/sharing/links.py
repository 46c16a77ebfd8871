"""Making, finding and ending share links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from jobs import activity
from jobs.models import Generation, Status, Verb
from webapp.accounts.models import Team, User
from webapp.sharing.models import ShareLink


def share(
    team: Team,
    by: User,
    generations: Sequence[Generation],
    *,
    days: int | None,
    password: str,
    downloads: bool,
    takes_comments: bool,
) -> ShareLink:
    """A link to these generations of the team, for so many days (None: until it is revoked); "" for no password."""
    with transaction.atomic():
        link = ShareLink.objects.create(
            team=team,
            created_by=by,
            expires_at=end(days),
            password=hashed(password),
            downloads=downloads,
            takes_comments=takes_comments,
        )
        link.generations.set(generations)
        _record(link, by, Verb.SHARED)
    return link


def end(days: int | None) -> datetime | None:
    """When a link that works for so many days from now ends; None for one that works until it is revoked."""
    return timezone.now() + timedelta(days=days) if days else None


def hashed(password: str) -> str:
    """A link's password as it is kept; "" for none."""
    return make_password(password) if password else ""


def working() -> QuerySet[ShareLink]:
    """The links that are neither revoked nor expired."""
    return ShareLink.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)


def find(token: str) -> ShareLink:
    """The link, if it works now. Raises Http404, the same for one that ended and for one that never was."""
    link = working().select_related("team").filter(token=token).first()
    if link is None:
        raise Http404("There is no such link.")
    return link


def shown(link: ShareLink) -> QuerySet[Generation]:
    """What the link shows, oldest first: nothing that is in the trash, and nothing of a clip that is."""
    return (
        Generation.objects.filter(share_links=link, status=Status.SUCCEEDED)
        .filter(Q(clip=None) | Q(clip__deleted_at=None))
        .select_related("clip", "team")
        .order_by("created_at", "id")
    )


def count_view(link: ShareLink) -> None:
    ShareLink.objects.filter(pk=link.pk).update(views=F("views") + 1, viewed_at=timezone.now())


def revoke(link: ShareLink, by: User) -> bool:
    """From now on the link shows nothing; False where it was revoked already."""
    with transaction.atomic():
        if not ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()):
            return False
        _record(link, by, Verb.LINK_REVOKED)
    return True


def _record(link: ShareLink, by: User, verb: Verb) -> None:
    generations = list(link.generations.order_by("created_at", "id"))
    one = generations[0] if len(generations) == 1 else None
    subject = one.prompt if one else f"{len(generations)} generations"
    activity.record(link.team, by, verb, subject, about=one)
