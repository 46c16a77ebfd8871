"""The chosen take: which of a clip's takes a team decided for, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.text import Truncator

from jobs import activity
from jobs.models import Clip, Generation, Status, Verb

if TYPE_CHECKING:
    from webapp.accounts.models import User


class Refused(Exception):
    """Nothing was changed; a sentence for whoever chose."""


@dataclass(frozen=True)
class Seen:
    """What was chosen when somebody decided: the public id of the take, "" for none, and since when."""

    take: str
    at: datetime | None

    @classmethod
    def of(cls, clip: Clip) -> Seen:
        return cls(clip.chosen.public_id if clip.chosen else "", clip.chosen_at)


def choose(clip: Clip, take: Generation, note: str, by: User, seen: Seen) -> None:
    """Decide for `take`, one of the clip's. Raises Refused for one that made no sound, or where somebody else decided
    since what was `seen`."""
    if take.status != Status.SUCCEEDED:
        raise Refused("This take has no sound, so it can’t be chosen. Choose one that is done.")
    with transaction.atomic():
        _change(clip, take, note, by, seen)
        activity.record(clip.team, by, Verb.CHOSEN, take.prompt, about=take, data={"clip": clip.name})


def unchoose(clip: Clip, by: User, seen: Seen) -> None:
    """Decide for none. Raises Refused where somebody else decided since what was `seen`."""
    with transaction.atomic():
        _change(clip, None, "", by, seen)
        activity.record(clip.team, by, Verb.UNCHOSEN, clip.name, about=clip)


def _change(clip: Clip, take: Generation | None, note: str, by: User, seen: Seen) -> None:
    before = Generation.everything.filter(clip=clip, public_id=seen.take).first() if seen.take else None
    # The condition is part of the change, so that of two who decide at once the second is told.
    unchanged = Clip.objects.filter(pk=clip.pk, chosen=before, chosen_at=seen.at)
    if not unchanged.update(chosen=take, chosen_note=note, chosen_by=by, chosen_at=timezone.now()):
        clip.refresh_from_db()
        raise Refused(_meanwhile(clip))


def _meanwhile(clip: Clip) -> str:
    who = clip.chosen_by.shown_name if clip.chosen_by else "Somebody"
    if clip.chosen is None:
        return f"{who} changed this meanwhile: no take is chosen now. Press again if yours shall be."
    what = f"“{Truncator(clip.chosen.prompt).chars(80)}”, seed {clip.chosen.seed}"
    return f"{who} chose {what}, meanwhile. Press again to replace that choice."
