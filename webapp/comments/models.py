"""What is said about a moment of a sound, and who is told of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from jobs.models import Generation


class Comment(models.Model):
    """A remark on a generation, by a member of its team or by a guest who has a share link.

    The first one of a thread has a place in time; those that answer it have `thread`. A thread that a guest began
    belongs to the guest's link: whoever has the link sees all of it, and nothing else that is said about the sound.
    """

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="comments")
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="comments")
    thread = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="replies")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    guest_name = models.CharField(max_length=100, blank=True, help_text="As guests call themselves")
    link = models.ForeignKey(
        "sharing.ShareLink", null=True, blank=True, on_delete=models.SET_NULL, related_name="comments",
        help_text="Whose guests see the thread; empty for the team's own",
    )  # fmt: skip
    start = models.FloatField(null=True, blank=True, help_text="Seconds on the clip's timeline; empty for a reply")
    end = models.FloatField(null=True, blank=True, help_text="Seconds; empty for a moment")
    text = models.TextField(help_text="Members who are mentioned stand in it as webapp.comments.text writes them")
    mentioned = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True, help_text="Its last change of any kind")
    edited_at = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=0, help_text="Counts the edits, so that none is lost to another")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # The first of a thread that was answered: its place is kept, its words are not.
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["generation", "created_at"], name="comments_of_generation")]

    def __str__(self) -> str:
        return f"comment {self.pk}"

    @property
    def by_guest(self) -> bool:
        return bool(self.guest_name)


class Reason(models.TextChoices):
    """Why somebody is told, the strongest first; nobody is told of one comment twice."""

    MENTION = "mention"
    REPLY = "reply"
    COMMENT = "comment"


class Notification(models.Model):
    """A comment that a person is told of, in the app and by mail."""

    to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="notifications")
    reason = models.CharField(max_length=10, choices=Reason)
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)
    mail_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is mailed, unless it is read by then; empty for not, or not again"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["to", "comment"], name="one_notification_per_comment")]
        indexes = [
            models.Index(fields=["to", "-created_at"], name="notifications_of_person"),
            models.Index(fields=["mail_at"], name="notifications_to_mail", condition=models.Q(mail_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.reason} for {self.to}"
