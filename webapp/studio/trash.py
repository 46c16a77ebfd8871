"""Deleting and restoring: one clip or generation, or a selection of them; and what is in the trash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, F, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.timezone import is_aware
from django.views.decorators.http import require_POST, require_safe

from jobs import trash
from jobs.models import UNFINISHED, Clip, Generation
from webapp.accounts.access import TeamRequest, needs
from webapp.accounts.permissions import Action
from webapp.studio.selection import onward, selected

SHOWN = 200


@dataclass(frozen=True)
class Entry:
    """A clip or generation in the trash, for the list; `kind` is the name of its field in forms."""

    kind: str
    thing: Clip | Generation
    words: str
    clip: Clip | None
    takes: int = 0

    @property
    def deleted_at(self) -> datetime:
        assert self.thing.deleted_at
        return self.thing.deleted_at

    @property
    def expires_at(self) -> datetime:
        return trash.expires_at(self.deleted_at)


@require_safe
@needs(Action.LOOK)
def contents(request: TeamRequest) -> HttpResponse:
    """`GET /trash/`: the newest first, with `?at=` those alone that went at this moment, together.

    Takes that went with their clip are counted at it.
    """
    with_it = Count("generations", filter=Q(generations__deleted_at=F("deleted_at")))
    clips = Clip.everything.filter(team=request.team, deleted_at__isnull=False).annotate(takes=with_it)
    generations = Generation.everything.filter(team=request.team, deleted_at__isnull=False).select_related("clip")
    at = _moment(request.GET.get("at", ""))
    if at:
        clips, generations = clips.filter(deleted_at=at), generations.filter(deleted_at=at)
    alone = generations.filter(Q(clip=None) | Q(clip__deleted_at=None) | ~Q(clip__deleted_at=F("deleted_at")))
    entries = [Entry("clip", clip, clip.name, clip, clip.takes) for clip in clips.order_by("-deleted_at")[: SHOWN + 1]]
    entries += [Entry("generation", one, one.prompt, one.clip) for one in alone.order_by("-deleted_at")[: SHOWN + 1]]
    entries.sort(key=lambda entry: entry.deleted_at, reverse=True)
    context = {"entries": entries[:SHOWN], "more": len(entries) > SHOWN, "days": settings.TRASH_DAYS, "at": at}
    return render(request, "trash/trash.html", context)


def _moment(given: str) -> datetime | None:
    try:
        found = parse_datetime(given)
    except ValueError:
        return None
    return found if found and is_aware(found) else None


@require_POST
@needs(Action.ORGANISE)
def put(request: TeamRequest) -> HttpResponse:
    """`POST /trash/put/` with `clip` and `generation`: asks first; with `confirmed` it does it, and goes to `next`.

    Whoever decides otherwise is led to `back`, or to `next`.
    """
    chosen = selected(request)
    if not chosen:
        messages.error(request, "Nothing was chosen, so nothing was deleted.")
        return onward(request, "history")
    if "confirmed" not in request.POST:
        keys = [clip.pk for clip in chosen.clips]
        takes = Generation.objects.filter(clip__in=keys).exclude(pk__in=[one.pk for one in chosen.generations])
        going = Generation.objects.filter(Q(clip__in=keys) | Q(pk__in=[one.pk for one in chosen.generations]))
        context = {
            "chosen": chosen,
            "takes": takes.count(),
            "under_way": going.filter(status__in=UNFINISHED).count(),
            "days": settings.TRASH_DAYS,
            "next": request.POST.get("next", ""),
            "back": request.POST.get("back") or request.POST.get("next", ""),
        }
        return render(request, "trash/put.html", context)
    at = trash.discard(request.team, request.user, chosen.clips, chosen.generations)
    there = f"{reverse('trash')}?{urlencode({'team': request.team.public_id, 'at': at.isoformat()})}"
    said = '{} deleted. For {} days it can be restored from <a href="{}">the trash</a>.'
    messages.success(request, format_html(said, chosen, settings.TRASH_DAYS, there))
    return onward(request, "history")


@require_POST
@needs(Action.ORGANISE)
def restore(request: TeamRequest) -> HttpResponse:
    """`POST /trash/restore/` with `clip` and `generation`; then to `next`, or the trash."""
    chosen = selected(request, in_trash=True)
    if not chosen:
        messages.error(request, "Nothing was chosen, so nothing was restored.")
        return onward(request, "trash")
    trash.restore(request.team, request.user, chosen.clips, chosen.generations)
    messages.success(request, f"Restored: {chosen}.")
    return onward(request, "trash")
