"""What is done to comments: plain functions over rows, each whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from jobs import activity
from jobs.models import Generation, Status, Verb
from webapp.accounts.models import Team, User
from webapp.accounts.teams import Refused
from webapp.comments import notifications
from webapp.comments.models import Comment
from webapp.comments.text import stored
from webapp.sharing.models import ShareLink

COMMENTS_PER_SOUND = 1000

NO_SOUND = "There is no sound here yet to write about."
FULL = f"This sound has {COMMENTS_PER_SOUND} comments, and takes no more. Delete some that are done with."
GONE = "What you answer was deleted meanwhile. Your words are kept: copy them, and write a new comment."
GONE_TOO = "This comment was deleted meanwhile."


class Conflict(Refused):
    """The comment was edited since it was read; `now` is what it is."""

    def __init__(self, now: Comment) -> None:
        super().__init__("This was changed in another window meanwhile. Save once more to have your words instead.")
        self.now = now


@dataclass(frozen=True)
class Place:
    """Where on the timeline a thread is, in seconds; `end` is None for a moment."""

    start: float
    end: float | None = None


def write(
    generation: Generation,
    text: str,
    at: Place | int,
    *,
    author: User | None = None,
    guest: str = "",
    link: ShareLink | None = None,
) -> Comment:
    """A new thread at a `Place`, or a reply to the thread of this key: by a member, or by a guest of `link`.

    A member's reply stays with the link of the guest who is answered. Raises Refused.
    """
    if generation.status != Status.SUCCEEDED:
        raise Refused(NO_SOUND)
    with transaction.atomic():
        thread = None if isinstance(at, Place) else _thread(generation, at, link)
        if Comment.objects.filter(generation=generation).count() >= COMMENTS_PER_SOUND:
            raise Refused(FULL)
        kept, mentioned = stored(text, members(generation.team) if author else [])
        comment = Comment.objects.create(
            team=generation.team,
            generation=generation,
            thread=thread,
            author=author,
            guest_name=guest,
            link=thread.link if thread else link,
            start=at.start if isinstance(at, Place) else None,
            end=at.end if isinstance(at, Place) else None,
            text=kept,
        )
        comment.mentioned.set(mentioned)
        notifications.tell(comment)
        if thread is None:
            verb = Verb.GUEST_COMMENTED if guest else Verb.COMMENTED
            data = {"guest": guest} if guest else {}
            activity.record(generation.team, author, verb, generation.prompt, about=generation, data=data)
    return comment


def edit(comment: Comment, text: str, revision: int) -> None:
    """Give a member's comment other words. Raises Conflict where it is not `revision` any more, Refused where it is
    gone."""
    with transaction.atomic():
        now = Comment.objects.select_for_update(of=("self",)).filter(pk=comment.pk, deleted_at=None).first()
        if now is None:
            raise Refused(GONE_TOO)
        if now.revision != revision:
            raise Conflict(now)
        kept, mentioned = stored(text, {*members(now.team), *now.mentioned.all()})
        if kept == now.text:
            return
        now.text, now.revision, now.edited_at = kept, revision + 1, timezone.now()
        now.save(update_fields=["text", "revision", "edited_at", "updated_at"])
        now.mentioned.set(mentioned)
        notifications.tell_again(now)


def delete(comment: Comment, by: User) -> None:
    """Take a comment away. The first of a thread that was answered leaves its place, and goes with the last answer."""
    with transaction.atomic():
        # The thread's first comment is held, so that no answer comes in between.
        first = Comment.objects.select_for_update(of=("self",)).filter(pk=comment.thread_id or comment.pk).first()
        if first is None:
            return
        answers = Comment.objects.filter(thread=first).exclude(pk=comment.pk)
        if answers.exists():
            if comment.thread_id:
                Comment.objects.filter(pk=comment.pk).delete()
            else:
                first.text, first.deleted_at = "", timezone.now()
                first.save(update_fields=["text", "deleted_at", "updated_at"])
                first.mentioned.clear()
                first.notifications.all().delete()
        elif comment.thread_id and not first.deleted_at:
            Comment.objects.filter(pk=comment.pk).delete()
        else:
            first.delete()
        if comment.author_id != by.pk:
            whose = comment.guest_name or (comment.author.shown_name if comment.author else "somebody")
            generation = comment.generation
            data = {"whose": whose}
            activity.record(comment.team, by, Verb.COMMENT_DELETED, generation.prompt, about=generation, data=data)


def resolve(thread: Comment, by: User, *, resolved: bool) -> None:
    """Put a thread aside as settled, or take it up again; what is so already stays as it is."""
    now = timezone.now()
    changes = {"resolved_at": now, "resolved_by": by} if resolved else {"resolved_at": None, "resolved_by": None}
    Comment.objects.filter(pk=thread.pk, thread=None, resolved_at__isnull=resolved).update(**changes, updated_at=now)


def members(team: Team) -> list[User]:
    return list(User.objects.filter(memberships__team=team, is_active=True).order_by("first_name", "email"))


def _thread(generation: Generation, key: int, link: ShareLink | None) -> Comment:
    """The thread's first comment, held; a guest answers what was begun at their link alone."""
    within = Q(link=link) if link else Q()
    first = Comment.objects.select_for_update(of=("self",)).filter(within, pk=key, generation=generation, thread=None)
    found = first.first()
    if found is None:
        raise Refused(GONE)
    return found
