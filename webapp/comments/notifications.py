"""Who is told of a comment: in the app, and by mail at once, once a day or never, as each person chose."""

from __future__ import annotations

import logging
from datetime import datetime, time, timedelta
from itertools import groupby

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from jobs.models import Generation
from webapp.accounts.models import CommentMail, User
from webapp.comments.models import Comment, Notification, Reason
from webapp.comments.text import plain

log = logging.getLogger(__name__)

# Mail waits this long for whoever reads the comment on the page, and for what else is said in the meantime.
AT_ONCE_AFTER = timedelta(seconds=30)
# When the mail of those who want one a day is sent, in the installation's time zone.
DAILY_AT = time(7)
AGAIN_AFTER = timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(days=2)


def tell(comment: Comment) -> None:
    """Tell everybody whom a new comment concerns, once each: who is mentioned, who is in the thread, who made the
    sound, and who made the link that a guest came by."""
    thread = comment.thread
    reasons: dict[int | None, Reason] = {comment.generation.created_by_id: Reason.COMMENT}
    if comment.by_guest and comment.link:
        reasons[comment.link.created_by_id] = Reason.COMMENT
    if thread:
        said = Comment.objects.filter(thread=thread).values_list("author", flat=True)
        reasons |= dict.fromkeys([thread.author_id, *said], Reason.REPLY)
        reasons |= dict.fromkeys(thread.mentioned.values_list("pk", flat=True), Reason.REPLY)
    reasons |= dict.fromkeys(comment.mentioned.values_list("pk", flat=True), Reason.MENTION)
    _notify(comment, reasons)


def tell_again(comment: Comment) -> None:
    """After an edit: tell those who are mentioned now, and nobody any more who was and has not read it."""
    mentioned = set(comment.mentioned.values_list("pk", flat=True))
    comment.notifications.filter(reason=Reason.MENTION, read_at=None).exclude(to__in=mentioned).delete()
    _notify(comment, dict.fromkeys(mentioned, Reason.MENTION))


def _notify(comment: Comment, reasons: dict[int | None, Reason]) -> None:
    keys = [key for key in reasons if key is not None and key != comment.author_id]
    people = User.objects.filter(pk__in=keys, memberships__team=comment.team, is_active=True)
    Notification.objects.bulk_create(
        [
            Notification(to=person, comment=comment, reason=reasons[person.pk], mail_at=_mail_at(person))
            for person in people
        ],
        ignore_conflicts=True,
    )


def _mail_at(person: User) -> datetime | None:
    now = timezone.now()
    if person.comment_mail == CommentMail.NEVER:
        return None
    if person.comment_mail == CommentMail.AT_ONCE:
        return now + AT_ONCE_AFTER
    today = datetime.combine(timezone.localdate(now), DAILY_AT, timezone.get_default_timezone())
    return today if today > now else today + timedelta(days=1)


def visible(to: User) -> QuerySet[Notification]:
    """What this person is told: of the teams they are in now, and of what is not in the trash."""
    return Notification.objects.filter(
        to=to, comment__team__memberships__user=to, comment__deleted_at=None, comment__generation__deleted_at=None
    )


def unread(to: User) -> int:
    return visible(to).filter(read_at=None).count()


def read(to: User, about: Generation | None = None) -> int:
    """Note that everything, or everything about one sound, has been read; how many."""
    found = visible(to) if about is None else Notification.objects.filter(to=to, comment__generation=about)
    return Notification.objects.filter(pk__in=found.filter(read_at=None).values("pk")).update(read_at=timezone.now())


def listed(to: User) -> QuerySet[Notification]:
    """The newest first, with all that a line or a mail says."""
    return (
        visible(to)
        .select_related("comment__author", "comment__generation", "comment__team", "comment__thread")
        .prefetch_related("comment__mentioned")
        .order_by("-created_at", "-id")
    )


def send_due() -> int:
    """Mail everybody what is due and they have not read, in one mail each; how many mails were sent.

    What is to be mailed is taken first and sent then: of two that do this at the same moment one sends. A mail that
    can't be sent is tried again for two days.
    """
    now = timezone.now()
    due = Notification.objects.filter(mail_at__lte=now)
    return sum(_mail(person, now) for person in User.objects.filter(pk__in=due.values("to")))


def _mail(person: User, now: datetime) -> bool:
    with transaction.atomic():
        due = Notification.objects.select_for_update(of=("self",)).filter(to=person, mail_at__lte=now)
        keys = [notification.pk for notification in due]
        Notification.objects.filter(pk__in=keys).update(mail_at=None)
    wanted = person.is_active and person.comment_mail != CommentMail.NEVER
    told = list(listed(person).filter(pk__in=keys, read_at=None).order_by("comment__generation", "created_at"))
    if not wanted or not told:
        return False
    try:
        message(person, told).send()
    except OSError:  # smtplib.SMTPException is one
        log.exception("a mail about comments could not be sent; it is tried again")
        Notification.objects.filter(pk__in=keys, created_at__gt=now - GIVE_UP_AFTER).update(mail_at=now + AGAIN_AFTER)
        return False
    return True


def message(person: User, told: list[Notification]) -> EmailMessage:
    """One mail of all of `told`, by sound."""
    sounds = [
        {
            "generation": generation,
            "address": settings.PUBLIC_URL + reverse("generation", args=[generation.public_id]) + "#comments",
            "lines": [_line(one) for one in found],
        }
        for generation, found in ((g, list(n)) for g, n in groupby(told, lambda one: one.comment.generation))
    ]
    context = {"told": told, "sounds": sounds, "account": settings.PUBLIC_URL + reverse("account")}
    subject = " ".join(render_to_string("comments/mail/told_subject.txt", context | {"one": _line(told[0])}).split())
    return EmailMessage(
        subject,
        render_to_string("comments/mail/told.txt", context),
        to=[person.email],
        headers={"Auto-Submitted": "auto-generated"},
    )


def who(comment: Comment) -> str:
    """Who wrote it, as the team knows them."""
    if comment.by_guest:
        return f"{comment.guest_name} (guest)"
    return comment.author.shown_name if comment.author else "Somebody"


DID = {
    Reason.MENTION: "mentioned you",
    Reason.REPLY: "answered in a thread you are in",
    Reason.COMMENT: "commented on your sound",
}


def _line(one: Notification) -> dict[str, object]:
    comment = one.comment
    return {
        "who": who(comment),
        "did": DID[Reason(one.reason)],
        "text": plain(comment.text, comment.mentioned.all(), lambda person: person.shown_name),
        "at": (comment.thread or comment).start,
    }
