"""The retention rules: what is removed after its days, what stays of it, and a record of what went.

Each rule counts days and is off at 0. Files go first (`RETENTION_MEDIA_DAYS`): a generation's counted from its end, a
clip's when it and all that was made of it are older, and the files of that have gone. The row stays and says so,
until the rule for rows (`RETENTION_ROW_DAYS`) finds it without files. Beside these, `RETENTION_PREVIEW_DAYS` takes the
playable copies of clips, which a worker makes again when one is looked at, and `RETENTION_EVENT_DAYS` the timelines of
finished jobs.

What is in the trash goes by the same rules, if they come before the trash's own days. What is on legal hold stays
(`jobs.holds`). Run twice, the second run finds it gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.fields.files import FieldFile
from django.utils import timezone
from django.utils.formats import date_format

from jobs import holds
from jobs.files import remove_folder
from jobs.models import UNFINISHED, Clip, Generation, JobEvent, RetentionLine, RetentionRun, Rule

log = logging.getLogger(__name__)

BATCH = 500
HAS_FILES = Q(video__gt="") | Q(video_preview__gt="") | Q(audio__gt="")
LARGE = {"generations": ("peaks", "events", "understood", "remote", "timings"), "clips": ("remote_assets",)}


@dataclass(frozen=True)
class Step:
    """A rule for one kind of thing: which of them it lets go that are older than a moment, which fields hold their
    files, and why each goes, given the rule's days."""

    rule: Rule
    folder: str
    going: Callable[[datetime], QuerySet[Any]]
    files: tuple[str, ...]
    why: Callable[[Any, int], str]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a rule lets go: `row` is its primary key, `names` its stored files, and `bytes` what they take."""

    step: Step
    row: int
    public_id: str
    team: int
    names: tuple[str, ...]
    bytes: int
    why: str

    def __str__(self) -> str:
        return f"{self.step.rule}\t{self.public_id}\t{self.bytes}\t{self.why}"


def rules() -> dict[Rule, int]:
    """The days of each rule that is on, in the order in which they are kept."""
    days = {
        Rule.MEDIA: settings.RETENTION_MEDIA_DAYS,
        Rule.PREVIEW: settings.RETENTION_PREVIEW_DAYS,
        Rule.EVENTS: settings.RETENTION_EVENT_DAYS,
        Rule.ROW: settings.RETENTION_ROW_DAYS,
    }
    return {rule: count for rule, count in days.items() if count}


def plan() -> Iterator[Item]:
    """What would go if the rules were kept now, as things stand: a row goes in a later run than its files."""
    now = timezone.now()
    for rule, days in rules().items():
        for step in STEPS:
            if step.rule != rule:
                continue
            going = step.going(now - timedelta(days=days)).order_by("pk").defer(*LARGE[step.folder])
            for thing in going.iterator(BATCH):
                files = [stored for name in step.files if (stored := getattr(thing, name))]
                names = tuple(str(stored.name) for stored in files)
                size = sum(map(_size, files))
                yield Item(step, thing.pk, thing.public_id, thing.team_id, names, size, step.why(thing, days))


def run() -> RetentionRun | None:
    """Remove what `plan` lists now, and write down what went; None where that is nothing."""
    items = list(plan())
    if not items:
        return None
    kept = rules()
    record = RetentionRun.objects.create(rules={str(rule): days for rule, days in kept.items()})
    for item in items:
        _let_go(item, record, record.at - timedelta(days=kept[item.step.rule]))
    record.finished_at = timezone.now()
    record.save(update_fields=["finished_at"])
    if not record.lines.exists():  # another worker was faster
        record.delete()
        return None
    log.info("the retention rules removed %d things", record.lines.count())
    return record


def _let_go(item: Item, record: RetentionRun, before: datetime) -> None:
    """Remove it, unless it was held, used or removed a moment ago: first what the database says, then the files.

    A file that can't be removed now is found by `jobs.trash.check_files`.
    """
    step = item.step
    with transaction.atomic():
        going = step.going(before).filter(pk=item.row)
        if step.rule == Rule.MEDIA:
            gone = going.update(media_gone_at=timezone.now(), **dict.fromkeys(step.files, ""))
        elif step.rule == Rule.PREVIEW:
            gone = going.update(preview="")
        elif step.rule == Rule.EVENTS:
            gone = going.exists() and JobEvent.objects.filter(generation=item.row).delete()[0]
        else:
            gone = going.delete()[0]
        if not gone:
            return
        RetentionLine.objects.create(
            run=record, rule=step.rule, public_id=item.public_id, team_id=item.team, bytes=item.bytes, why=item.why
        )
    try:
        if step.rule in (Rule.MEDIA, Rule.ROW):
            remove_folder(default_storage, f"{step.folder}/{item.public_id}")
        elif step.rule == Rule.PREVIEW:
            for name in item.names:
                default_storage.delete(name)
    except OSError:
        log.exception("%s: its files could not be removed", item.public_id)


def gone(thing: Clip | Generation) -> str:
    """The sentence that stands where its files were; "" where they are there."""
    return (
        f"The files were removed on {said(thing.media_gone_at)} by the retention rules." if thing.media_gone_at else ""
    )


def upload_again(clip: Clip) -> str:
    """Why no sound can be made for a clip whose files are gone, and what helps."""
    return f"{gone(clip)} Upload the clip again to make sound for it."


def _size(stored: FieldFile) -> int:
    try:
        return int(stored.size)
    except OSError:  # it is gone already
        return 0


def _finished(before: datetime) -> QuerySet[Generation]:
    """Those that ended before that, and are held by nobody."""
    return holds.free(Generation).exclude(status__in=UNFINISHED).filter(finished_at__lt=before)


def _unused(before: datetime) -> QuerySet[Clip]:
    """Those that were added before that, of which nothing was made since and nothing is under way."""
    takes = Generation.everything.filter(clip=OuterRef("pk"))
    used = takes.filter(Q(status__in=UNFINISHED) | Q(created_at__gte=before) | Q(finished_at__gte=before))
    return holds.free(Clip).filter(~Exists(used), created_at__lt=before)


def _generations_with_files(before: datetime) -> QuerySet[Generation]:
    return _finished(before).filter(HAS_FILES)


def _clips_with_files(before: datetime) -> QuerySet[Clip]:
    """A clip's files go after those of the last take of it, so that no take loses its picture."""
    heard = Generation.everything.filter(HAS_FILES, clip=OuterRef("pk"))
    return _unused(before).filter(~Exists(heard), media_gone_at=None)


def _clips_with_preview(before: datetime) -> QuerySet[Clip]:
    return _unused(before).filter(preview__gt="")


def _generations_with_events(before: datetime) -> QuerySet[Generation]:
    return _finished(before).filter(Exists(JobEvent.objects.filter(generation=OuterRef("pk"))))


def _generations_without_files(before: datetime) -> QuerySet[Generation]:
    """Rows whose files went, and rows that never had any."""
    return _finished(before).exclude(HAS_FILES)


def _clips_without_files(before: datetime) -> QuerySet[Clip]:
    return _unused(before).filter(media_gone_at__isnull=False, generations=None)


def _finish_of(generation: Generation) -> str:
    return f"finished on {said(generation.finished_at)}" if generation.finished_at else ""


def said(at: datetime) -> str:
    """The day, as pages say it."""
    return date_format(timezone.localtime(at), "j M Y")


STEPS = (
    Step(
        Rule.MEDIA, "generations", _generations_with_files, ("video", "video_preview", "audio"),
        lambda generation, days: f"{_finish_of(generation)}; files are kept for {days} days",
    ),
    Step(
        Rule.MEDIA, "clips", _clips_with_files, ("file", "poster", "preview"),
        lambda clip, days: f"added on {said(clip.created_at)}, not used for {days} days",
    ),
    Step(
        Rule.PREVIEW, "clips", _clips_with_preview, ("preview",),
        lambda clip, days: f"not used for {days} days; made again when somebody looks at the clip",
    ),
    Step(
        Rule.EVENTS, "generations", _generations_with_events, (),
        lambda generation, days: f"{_finish_of(generation)}; job events are kept for {days} days",
    ),
    Step(
        Rule.ROW, "generations", _generations_without_files, (),
        lambda generation, days: f"{_finish_of(generation)}; rows are kept for {days} days",
    ),
    Step(
        Rule.ROW, "clips", _clips_without_files, (),
        lambda clip, days: f"added on {said(clip.created_at)}, nothing of it is left; rows are kept for {days} days",
    ),
)  # fmt: skip
