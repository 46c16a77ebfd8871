"""What is stored of the work: clips, generations, and what happened to each.

A generation's life:

    queued --> running (preparing -> generating -> muxing -> publishing) --> succeeded
     ^ |          |------------------------------------------------------> failed ---+
     | +----------+------------------------------------------------------> cancelled-+
     +------------------------- an administrator tries it again ---------------------+

Every change of status goes through `jobs.lifecycle`.
"""

from __future__ import annotations

import math
import secrets
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from jobs.media.probe import ClipFacts


def finite(value: float) -> None:
    """Not a number is within no range, and infinity beyond every one; comparisons alone let the first through."""
    if not math.isfinite(value):
        raise ValidationError("Enter a number.")


def asset_id() -> str:
    """A public id nobody guesses: 128 random bits in 22 URL-safe characters."""
    return f"asset_{secrets.token_urlsafe(16)}"


def generation_id() -> str:
    return f"gen_{secrets.token_urlsafe(16)}"


def project_id() -> str:
    return f"project_{secrets.token_urlsafe(16)}"


def bulk_id() -> str:
    return f"bulk_{secrets.token_urlsafe(16)}"


def _folder(instance: Clip | Generation, file_name: str) -> str:
    """Files lie under their row's public id; `file_name` is always ours, never the uploader's."""
    kind = "clips" if isinstance(instance, Clip) else "generations"
    return f"{kind}/{instance.public_id}/{file_name}"


Row = TypeVar("Row", bound=models.Model)


class Kept(models.Manager[Row]):
    """What is not in the trash: what pages, lists and forms know of."""

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().filter(deleted_at=None)


class Project(models.Model):
    """A film, a level of a game: what a team keeps together. Archived, it takes in nothing new."""

    public_id = models.CharField(max_length=40, unique=True, default=project_id, editable=False)
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="projects")
    name = models.CharField(max_length=100)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), "team", name="a_project_name_is_one_projects_of_a_team")]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.name})"


class Tag(models.Model):
    """A word of a team's own for its clips and generations (`jobs.tags`)."""

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=40)
    folded = models.CharField(max_length=120, help_text="The name's case folding: what two tags must not share")

    class Meta:
        ordering = ["folded"]
        constraints = [models.UniqueConstraint(fields=["team", "folded"], name="a_tag_is_one_of_a_team")]

    def __str__(self) -> str:
        return self.name


class Clip(models.Model):
    """An uploaded video, probed before it was accepted. The file itself is never changed."""

    public_id = models.CharField(max_length=40, unique=True, default=asset_id, editable=False)
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="clips")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.SET_NULL, related_name="clips")
    tags = models.ManyToManyField(Tag, blank=True, related_name="clips")
    name = models.CharField(max_length=255)  # as the uploader called it; shown, never used as a path
    file = models.FileField(upload_to=_folder, max_length=255)
    poster = models.FileField(upload_to=_folder, max_length=255, blank=True)
    # A playable copy for browsers that can't play the original; made by a worker after the upload.
    preview = models.FileField(upload_to=_folder, max_length=255, blank=True)
    preview_facts: models.JSONField[dict[str, Any]] = models.JSONField(
        default=dict, blank=True, help_text="jobs.media.probe.ClipFacts of the preview"
    )
    # Set while a preview is wanted: since when. The sweep rings again for one that takes too long.
    preview_due_since = models.DateTimeField(null=True, blank=True)
    sha256 = models.CharField(max_length=64)
    # What backends keep of this clip, by "backend:seconds", so that the same seconds are not sent twice.
    remote_assets: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)
    duration = models.FloatField(help_text="Seconds of picture")
    facts: models.JSONField[dict[str, Any]] = models.JSONField(help_text="jobs.media.probe.ClipFacts")
    # The take that the team decided for, and when and by whom that was changed last (`jobs.choosing`).
    chosen = models.ForeignKey("Generation", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    chosen_note = models.CharField(max_length=500, blank=True)
    chosen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    chosen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Since when there is a row and no file of it any more (`jobs.retention`).
    media_gone_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is in the trash")

    objects = Kept()
    everything: ClassVar[models.Manager[Clip]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "sha256"], name="a_team_stores_a_file_once"),
        ]
        indexes = [
            # Without what is in the trash: counting and listing the rest reads this alone, not the rows.
            models.Index(
                fields=["team", "-created_at", "-id"], name="clip_recent_of_team", condition=models.Q(deleted_at=None)
            ),
            models.Index(
                fields=["team", "-duration", "-id"], name="clip_longest_of_team", condition=models.Q(deleted_at=None)
            ),
            models.Index(
                fields=["preview_due_since"],
                name="clip_preview_due",
                condition=models.Q(preview_due_since__isnull=False),
            ),
            models.Index(fields=["deleted_at"], name="clip_in_trash", condition=models.Q(deleted_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.name})"

    @property
    def probed(self) -> ClipFacts:
        return ClipFacts(**self.facts)

    @property
    def plays_in_browsers(self) -> bool:
        return bool(self.facts["plays_in_browsers"])

    @property
    def is_playable(self) -> bool:
        """Whether there is something that browsers play: the clip itself, or the copy made for them."""
        return not self.media_gone_at and (self.plays_in_browsers or bool(self.preview))

    @property
    def has_audio(self) -> bool:
        return bool(self.facts["has_audio"])

    @property
    def width(self) -> int:
        return int(self.facts["width"])

    @property
    def height(self) -> int:
        return int(self.facts["height"])

    @property
    def fps(self) -> float:
        return float(self.facts["fps"])


class Status(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (Status.QUEUED, Status.RUNNING)


class Stage(models.TextChoices):
    """Where inside `running` a generation is."""

    PREPARING = "preparing"
    GENERATING = "generating"
    MUXING = "muxing"
    PUBLISHING = "publishing"


class Source(models.TextChoices):
    BROWSER = "browser"
    COMMAND = "command"
    MADE = "made", "Made for trying out"  # jobs.made_history


class Generation(models.Model):
    """One request for sound, from the form to the result."""

    public_id = models.CharField(max_length=40, unique=True, default=generation_id, editable=False)
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="generations")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    source = models.CharField(max_length=10, choices=Source, default=Source.BROWSER)
    # Null: text to audio.
    clip = models.ForeignKey(Clip, null=True, blank=True, on_delete=models.PROTECT, related_name="generations")
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.SET_NULL, related_name="generations")
    tags = models.ManyToManyField(Tag, blank=True, related_name="generations")

    prompt = models.TextField(max_length=2000)
    negative_prompt = models.TextField(max_length=2000, blank=True)
    duration = models.FloatField(
        default=8.0, validators=[finite, MinValueValidator(1), MaxValueValidator(30)], help_text="Seconds asked for"
    )
    effective_duration = models.FloatField(help_text="min(duration, clip length), seconds")
    quality_steps = models.PositiveSmallIntegerField(
        default=25, validators=[MinValueValidator(4), MaxValueValidator(50)]
    )
    prompt_strength = models.FloatField(default=4.5, validators=[finite, MinValueValidator(1), MaxValueValidator(20)])
    focus_on_subject = models.BooleanField(default=False)
    seed = models.PositiveIntegerField(validators=[MaxValueValidator(65535)])

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    stage = models.CharField(max_length=10, choices=Stage, blank=True)
    progress = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(100)])
    message = models.CharField(max_length=200, blank=True, help_text="What is being done right now, for a person")
    error = models.TextField(blank=True, help_text="One sentence for a person")
    error_kind = models.CharField(max_length=20, blank=True, help_text="jobs.backends.base.BackendError.kind")
    # The failures it belongs to, and when: of the latest, also after it was tried again and succeeded.
    fingerprint = models.CharField(max_length=16, blank=True, help_text="jobs.models.FailureGroup.fingerprint")
    failed_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)

    backend = models.CharField(max_length=20, default="engine")
    # In the unit of the backend's price, as reckoned when it was asked for; null where it costs nothing.
    cost = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    upload: models.JSONField[dict[str, Any]] = models.JSONField(
        default=dict, blank=True, help_text="The backend's handle of the clip that was sent"
    )
    # Set just before a paid submission. Without a ticket beside it, nobody knows whether the submission arrived.
    submitted_at = models.DateTimeField(null=True, blank=True)
    remote: models.JSONField[dict[str, Any]] = models.JSONField(
        default=dict, blank=True, help_text="The backend's ticket, stored before the first poll"
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    # Who works on it now, and until when that is believed without a renewal.
    leased_by = models.CharField(max_length=100, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    # Not before this: the next poll, or the next try. The sweep rings again for rows whose time has passed.
    wake_at = models.DateTimeField(default=timezone.now)
    # Since when the backend has not been reachable; null while all is well.
    trouble_since = models.DateTimeField(null=True, blank=True)

    created_at = models.DateTimeField(default=timezone.now)
    # Since when it is tried again, after it had failed or was cancelled; null where it never was.
    retried_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    stage_at = models.DateTimeField(null=True, blank=True)
    timings: models.JSONField[dict[str, float]] = models.JSONField(
        default=dict, blank=True, help_text="Seconds per stage"
    )

    video = models.FileField(upload_to=_folder, max_length=255, blank=True)
    # A playable copy of `video` where browsers can't play the original picture.
    video_preview = models.FileField(upload_to=_folder, max_length=255, blank=True)
    audio = models.FileField(upload_to=_folder, max_length=255, blank=True)
    peaks: models.JSONField[list[tuple[float, float]]] = models.JSONField(
        default=list, blank=True, help_text="jobs.media.waveform.peaks"
    )
    # Null: silent, too short to measure, or made before it was measured.
    loudness = models.FloatField(null=True, blank=True, help_text="LUFS, jobs.media.loudness")
    events: models.JSONField[list[dict[str, Any]]] = models.JSONField(default=list, blank=True)
    understood: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)
    notes: models.JSONField[list[str]] = models.JSONField(
        default=list, blank=True, help_text="What a person should know of the result: it is quiet, it was short"
    )
    favourite = models.BooleanField(default=False)
    # Since when there is a row and no file of it any more (`jobs.retention`).
    media_gone_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is in the trash")

    objects = Kept()
    # With what is in the trash: for the work itself, which goes on to its end, and for what it cost.
    everything: ClassVar[models.Manager[Generation]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["team", "-created_at", "-id"],
                name="generation_history_of_team",
                condition=models.Q(deleted_at=None),
            ),
            models.Index(
                fields=["team", "-created_at", "-id"],
                name="generation_favourites",
                condition=models.Q(favourite=True, deleted_at=None),
            ),
            models.Index(
                fields=["team", "-effective_duration", "-id"],
                name="generation_longest_of_team",
                condition=models.Q(deleted_at=None),
            ),
            models.Index(
                fields=["wake_at"], name="generation_due", condition=models.Q(status__in=["queued", "running"])
            ),
            models.Index(
                fields=["deleted_at"], name="generation_in_trash", condition=models.Q(deleted_at__isnull=False)
            ),
            # What ended lately, every minute (`jobs.alerts`).
            models.Index(fields=["finished_at"], name="generation_finished"),
            # The review lists everything, also what is in the trash: all of the installation's, all of a team's, and
            # of a status, of which there may be few; counting by status reads the latter alone, not the rows.
            models.Index(fields=["-created_at", "-id"], name="generation_review"),
            models.Index(fields=["team", "-created_at", "-id"], name="generation_review_of_team"),
            models.Index(fields=["status", "-created_at", "-id"], name="generation_review_of_status"),
            models.Index(fields=["team", "status", "-created_at", "-id"], name="generation_review_team_status"),
            # Counting failures reads this alone, not the rows.
            models.Index(
                fields=["fingerprint", "failed_at", "team", "created_by"],
                name="generation_failures",
                condition=~models.Q(fingerprint=""),
            ),
        ]
        permissions = [("operate_generation", "Can cancel and retry generations")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_finished(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def has_sound(self) -> bool:
        """Whether there is one, and its files are still there."""
        return self.status == Status.SUCCEEDED and self.media_gone_at is None

    @property
    def asked_at(self) -> datetime:
        """Since when it has been waited for: from the latest try on."""
        return self.retried_at or self.created_at

    @property
    def is_text_to_audio(self) -> bool:
        return self.clip_id is None


class JobEvent(models.Model):
    """One line of a generation's timeline; rows are only ever added."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="job_events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=30)
    stage = models.CharField(max_length=10, blank=True)
    message = models.TextField(blank=True)
    data: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["generation", "at"], name="timeline_of_generation")]

    def __str__(self) -> str:
        return f"{self.kind} {self.message}".strip()


class EarlierPurchase(models.Model):
    """A paid submission of a generation that was tried again since: its own row knows the latest one alone."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="earlier_purchases")
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+")
    backend = models.CharField(max_length=20)
    at = models.DateTimeField()
    cost = models.DecimalField(max_digits=12, decimal_places=4)

    class Meta:
        indexes = [models.Index(fields=["team", "backend", "at"], name="earlier_purchases_of_team")]

    def __str__(self) -> str:
        return f"{self.backend}: {self.cost}"


class FailureGroup(models.Model):
    """Failures of one kind (`jobs.failures`). How many, of whom and since when, the generations themselves tell."""

    fingerprint = models.CharField(max_length=16, unique=True)
    backend = models.CharField(max_length=20)
    kind = models.CharField(max_length=20, blank=True)
    message = models.CharField(max_length=300, help_text="Without what differs from one failure to the next")

    def __str__(self) -> str:
        return f"{self.backend} {self.kind}: {self.message}"


class Resolution(models.Model):
    """A group of failures was dealt with: for a team or, where `team` is null, for the installation.

    A failure after `at` opens the group again, without a word to anybody.
    """

    group = models.ForeignKey(FailureGroup, on_delete=models.CASCADE, related_name="resolutions")
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["group", "team"], condition=models.Q(team__isnull=False), name="a_team_resolves_a_group_once"
            ),
            models.UniqueConstraint(
                fields=["group"], condition=models.Q(team=None), name="the_installation_resolves_a_group_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group_id} resolved"


class Operation(models.TextChoices):
    """What an administrator does to a generation."""

    CANCEL = "cancel", "Cancel"
    RETRY = "retry", "Retry"
    RETRY_ELSEWHERE = "retry_elsewhere", "Retry on another backend"


class BulkOperation(models.Model):
    """One operation on chosen generations, carried out one by one (`jobs.operations`), and what came of it."""

    public_id = models.CharField(max_length=40, unique=True, default=bulk_id, editable=False)
    # Null: of the whole installation.
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    operation = models.CharField(max_length=20, choices=Operation)
    backend = models.CharField(max_length=20, blank=True, help_text="Where to retry, if elsewhere")
    buy_again = models.BooleanField(default=False, help_text="Also what may have been bought already")
    chosen: models.JSONField[list[int]] = models.JSONField(default=list, help_text="Primary keys, until it is finished")
    total = models.PositiveIntegerField()
    position = models.PositiveIntegerField(default=0, help_text="How many of the chosen were looked at")
    done = models.PositiveIntegerField(default=0)
    left_out: models.JSONField[dict[str, int]] = models.JSONField(default=dict, help_text="How many, by the reason")
    created_at = models.DateTimeField(default=timezone.now)
    moved_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["moved_at"], name="bulk_unfinished", condition=models.Q(finished_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.public_id}: {self.operation} {self.total}"


class SavedView(models.Model):
    """A list of jobs that a person keeps by a name (`webapp.review.viewing`).

    It is of a team's jobs or, where `team` is null, of the installation's.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    query = models.TextField(blank=True, help_text="What the list's address says")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "team", "name"],
                condition=models.Q(team__isnull=False),
                name="a_person_names_a_view_of_a_team_once",
            ),
            models.UniqueConstraint(
                fields=["person", "name"], condition=models.Q(team=None), name="a_person_names_a_view_of_all_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AuditAction(models.TextChoices):
    CANCEL = "cancel", "Cancelled"
    RETRY = "retry", "Retried"
    RETRY_ELSEWHERE = "retry_elsewhere", "Retried on another backend"
    RESOLVE = "resolve", "Resolved failures"
    REOPEN = "reopen", "Reopened failures"
    ADMINISTER = "administer", "Changed in the administration"
    MANAGE = "manage", "Changed in the team"
    HOLD = "hold", "Put on legal hold"
    RELEASE = "release", "Released from legal hold"


class AuditEntry(models.Model):
    """What an administrator did, to what, and what that was before and after. Written once (`jobs.audit.record`).

    Names are kept beside the references: an entry outlives the account, the team and the thing.
    """

    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    by_name = models.CharField(max_length=254)
    action = models.CharField(max_length=20, choices=AuditAction)
    target = models.CharField(max_length=100, help_text="Its public id, or what it is called")
    team = models.ForeignKey("accounts.Team", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    team_name = models.CharField(max_length=100, blank=True)
    installation = models.BooleanField(help_text="Done as an administrator of the installation, not of the team")
    bulk = models.ForeignKey(BulkOperation, null=True, blank=True, on_delete=models.SET_NULL, related_name="entries")
    before: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)
    after: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "audit log"
        indexes = [
            models.Index(fields=["team", "-id"], name="audit_of_team"),
            models.Index(fields=["target", "-id"], name="audit_of_target"),
        ]

    def __str__(self) -> str:
        return f"{self.by_name} {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("what was written to the audit log stays as it is")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("what was written to the audit log stays as it is")


class BackendKey(models.Model):
    """A team's own credentials for a backend, encrypted (`jobs.keys`)."""

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="backend_keys")
    backend = models.CharField(max_length=20)
    secret = models.TextField()
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "backend"], name="one_key_per_team_and_backend")]

    def __str__(self) -> str:
        return f"{self.team}: {self.backend}"


class Verb(models.TextChoices):
    """What happens in a team."""

    JOINED = "joined"
    LEFT = "left"
    REMOVED = "removed"
    ROLE_CHANGED = "role_changed"
    HANDED_OVER = "handed_over"
    RENAMED = "renamed"
    UPLOADED = "uploaded"
    MADE = "made"
    DELETED = "deleted"
    RESTORED = "restored"
    MOVED = "moved"
    SHARED = "shared"
    LINK_REVOKED = "link_revoked"
    COMMENTED = "commented"
    GUEST_COMMENTED = "guest_commented"
    COMMENT_DELETED = "comment_deleted"
    PROJECT_MADE = "project_made"
    PROJECT_RENAMED = "project_renamed"
    PROJECT_ARCHIVED = "project_archived"
    PROJECT_RESTORED = "project_restored"
    CHOSEN = "chosen"
    UNCHOSEN = "unchosen"


class Activity(models.Model):
    """One line of what happened in a team; rows are only ever added (`jobs.activity.record`)."""

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="activity")
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    verb = models.CharField(max_length=20, help_text="jobs.models.Verb")
    subject = models.CharField(max_length=200, blank=True, help_text="What it was done to, as it was called then")
    about = models.CharField(max_length=40, blank=True, help_text="Its public id, where it has a page")
    data: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "activity"
        indexes = [models.Index(fields=["team", "-id"], name="activity_of_team")]

    def __str__(self) -> str:
        return f"{self.by} {self.verb} {self.subject}".strip()


class AlertName(models.TextChoices):
    FAILURES = "failures", "many jobs fail"
    WAITING = "waiting", "jobs wait for long"


class Alert(models.Model):
    """Whether whoever is to be told (`jobs.alerts`) knows that something is wrong."""

    name = models.CharField(max_length=20, unique=True, choices=AlertName)
    raised = models.BooleanField(default=False)
    changed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.name}: {'raised' if self.raised else 'cleared'}"


class HoldKind(models.TextChoices):
    """What a legal hold is on, and with it all that is within: a team's and a project's clips, a clip's takes."""

    TEAM = "team", "Team"
    PROJECT = "project", "Project"
    CLIP = "clip", "Clip"
    GENERATION = "generation", "Generation"


class Hold(models.Model):
    """A legal hold (`jobs.holds`): until it is released, nothing of this is removed, by no rule and from no trash."""

    kind = models.CharField(max_length=10, choices=HoldKind)
    public_id = models.CharField("public ID", max_length=40)
    why = models.CharField(max_length=300, help_text="The matter it is kept for, or who asked")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "legal hold"
        indexes = [
            models.Index(fields=["kind", "public_id"], name="hold_in_force", condition=models.Q(released_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


class Rule(models.TextChoices):
    """What the retention rules remove, in the order in which it goes."""

    MEDIA = "media", "Files"
    PREVIEW = "preview", "Previews"
    EVENTS = "events", "Job events"
    ROW = "row", "Rows"


class RetentionRun(models.Model):
    """A run of the retention rules in which something went."""

    at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    rules: models.JSONField[dict[str, int]] = models.JSONField(default=dict, help_text="Days, as they were then")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class RetentionLine(models.Model):
    """Something that went: of it nothing else may be left. Written once."""

    run = models.ForeignKey(RetentionRun, on_delete=models.CASCADE, related_name="lines")
    rule = models.CharField(max_length=10, choices=Rule)
    public_id = models.CharField(max_length=40)
    team = models.ForeignKey("accounts.Team", null=True, on_delete=models.SET_NULL, related_name="+")
    bytes = models.BigIntegerField()
    why = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["team", "run"], name="retention_of_team")]

    def __str__(self) -> str:
        return f"{self.rule} {self.public_id}"


class WorkerHeartbeat(models.Model):
    """When a worker on each machine last swept: beat, broker and worker do their part then. `/healthz` reads it."""

    name = models.CharField(max_length=100, unique=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class WorkerProcess(models.Model):
    """A process of a worker, by host and process id, and when it last said that it lives (`jobs.heartbeat`)."""

    name = models.CharField(max_length=100, unique=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "worker processes"

    def __str__(self) -> str:
        return self.name


class StageDurations(models.Model):
    """How many generations took up to `bound` seconds for a stage, and more than the bound below, and `seconds`, what
    they took together (`jobs.durations`)."""

    stage = models.CharField(max_length=10, choices=Stage)
    backend = models.CharField(max_length=20)
    bound = models.FloatField(help_text="Infinity for whatever took longer than all others")
    count = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(default=0.0)

    class Meta:
        verbose_name_plural = "stage durations"
        constraints = [models.UniqueConstraint(fields=["stage", "backend", "bound"], name="one_counter_per_bound")]

    def __str__(self) -> str:
        return f"{self.stage} {self.backend} ≤ {self.bound:g} s: {self.count}"
