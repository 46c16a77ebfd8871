"""Deleting, restoring, and removing for good; and whether files and rows still match.

Deleted means: in the trash, from where it can be restored for `TRASH_DAYS`. A clip goes there with its takes, and comes
back with those that went with it. What is under way is cancelled first; its worker ends it in the trash.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.storage import Storage, default_storage
from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from jobs import activity, holds, lifecycle, tags
from jobs.files import list_folder, remove_folder
from jobs.models import UNFINISHED, Clip, Generation, Verb

if TYPE_CHECKING:
    from webapp.accounts.models import Team, User

log = logging.getLogger(__name__)

FOLDERS: dict[str, type[Clip | Generation]] = {"clips": Clip, "generations": Generation}
# A file is stored a moment before its row is written.
YOUNG = timedelta(days=1)
BATCH = 500


def discard(team: Team, by: User | None, clips: Iterable[Clip], generations: Iterable[Generation]) -> datetime:
    """Put these, all of them the team's, into the trash; the moment that all of them have as `deleted_at`."""
    clip_keys = [clip.pk for clip in clips]
    generation_keys = {generation.pk for generation in generations}
    now = timezone.now()
    with transaction.atomic():
        takes = Generation.objects.filter(clip__in=clip_keys)
        generation_keys |= set(takes.values_list("pk", flat=True))
        going = Generation.objects.filter(pk__in=generation_keys)
        for generation in going.filter(status__in=UNFINISHED):
            lifecycle.request_cancel(generation)
        subject = _subject(clip_keys, generation_keys)
        gone = Clip.objects.filter(pk__in=clip_keys).update(deleted_at=now), going.update(deleted_at=now)
        if any(gone):
            data = {"clips": gone[0], "generations": gone[1]}
            activity.record(team, by, Verb.DELETED, subject, data=data)
    return now


def restore(team: Team, by: User | None, clips: Iterable[Clip], generations: Iterable[Generation]) -> None:
    """Take these, all of them the team's, out of the trash: clips with the takes that went with them, and generations
    with the clip they were made of."""
    clip_keys = [clip.pk for clip in clips]
    generation_keys = {generation.pk for generation in generations}
    with transaction.atomic():
        for clip in Clip.everything.filter(pk__in=clip_keys, deleted_at__isnull=False):
            with_it = Generation.everything.filter(clip=clip, deleted_at=clip.deleted_at)
            generation_keys |= set(with_it.values_list("pk", flat=True))
        coming = Generation.everything.filter(pk__in=generation_keys, deleted_at__isnull=False)
        needed = Clip.everything.filter(generations__in=coming).values_list("pk", flat=True)
        all_clips = {*clip_keys, *needed}
        subject = _subject(all_clips, generation_keys)
        back = (
            Clip.everything.filter(pk__in=all_clips, deleted_at__isnull=False).update(deleted_at=None),
            coming.update(deleted_at=None),
        )
        if any(back):
            activity.record(team, by, Verb.RESTORED, subject, data={"clips": back[0], "generations": back[1]})


def _subject(clips: Iterable[int], generations: Iterable[int]) -> str:
    """What one of them is called, for the line that is written of all."""
    clip = Clip.everything.filter(pk__in=clips).order_by("pk").first()
    if clip:
        return clip.name
    generation = Generation.everything.filter(pk__in=generations).order_by("pk").first()
    return generation.prompt if generation else ""


def expires_at(deleted_at: datetime) -> datetime:
    """When what was deleted then is removed for good."""
    return deleted_at + timedelta(days=settings.TRASH_DAYS)


def empty() -> int:
    """Remove for good what was in the trash for `TRASH_DAYS`: first the row, then its files; how many.

    What a worker still holds waits for it, and what is on legal hold for its release.
    A file that can't be removed now is found by `check_files`.
    """
    before = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    generations = holds.free(Generation).filter(deleted_at__lt=before).exclude(status__in=UNFINISHED)
    removed = _remove(Generation, "generations", generations.values_list("pk", "public_id").iterator())
    clips = holds.free(Clip).filter(deleted_at__lt=before, generations=None)
    removed += _remove(Clip, "clips", clips.values_list("pk", "public_id").iterator())
    tags.forget_unused()
    if removed:
        log.info("removed %d things from the trash for good", removed)
    return removed


def _remove(model: type[Clip | Generation], kind: str, rows: Iterator[tuple[int, str]]) -> int:
    count = 0
    for primary_key, public_id in list(rows):
        # Restored or held a moment ago, it stays.
        deleted, _ = holds.free(model).filter(pk=primary_key, deleted_at__isnull=False).delete()
        if not deleted:
            continue
        count += 1
        try:
            remove_folder(default_storage, f"{kind}/{public_id}")
        except OSError:
            log.exception("%s: its files could not be removed", public_id)
    return count


@dataclass
class Mismatches:
    """Folders that no row knows, files in a known folder that its row does not name, and rows whose files are gone.

    `held` are the folders and files that nothing names, but a legal hold keeps.
    """

    folders: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.folders or self.strays or self.missing or self.held)

    def lines(self) -> Iterator[str]:
        yield from (f"no row: {folder}/" for folder in self.folders)
        yield from (f"not named by its row: {name}" for name in self.strays)
        yield from (f"gone: {name}" for name in self.missing)
        yield from (f"on legal hold: {name}" for name in self.held)

    def log(self) -> None:
        for line in self.lines():
            log.warning("files and rows do not match; %s", line)


def check_files(*, remove: bool = False) -> Mismatches:
    """Hold the stored files against the rows, both ways. What is younger than a day is left alone.

    With `remove`, folders without a row and files that their row does not name are removed.
    """
    found = Mismatches()
    for kind, model in FOLDERS.items():
        _check_folders(kind, model, found)
        _check_rows(kind, model, found)
    for names in (found.folders, found.strays):
        found.held += [name for name in names if _is_held(name)]
        names[:] = [name for name in names if name not in found.held]
    if remove:
        for folder in found.folders:
            remove_folder(default_storage, folder)
        for name in found.strays:
            default_storage.delete(name)
    return found


def _is_held(name: str) -> bool:
    kind, public_id = name.split("/")[:2]
    return holds.keeps_files(FOLDERS[kind], public_id)


def _check_folders(kind: str, model: type[Clip | Generation], found: Mismatches) -> None:
    try:
        names, _ = default_storage.listdir(kind)
    except FileNotFoundError:
        return
    for start in range(0, len(names), BATCH):
        some = names[start : start + BATCH]
        known = set(model.everything.filter(public_id__in=some).values_list("public_id", flat=True))
        for name in some:
            folder = f"{kind}/{name}"
            files = (f"{folder}/{file}" for file in list_folder(default_storage, folder))
            if name not in known and all(_is_old(default_storage, file) for file in files):
                found.folders.append(folder)


def _check_rows(kind: str, model: type[Clip | Generation], found: Mismatches) -> None:
    rows = model.everything.filter(created_at__lt=timezone.now() - YOUNG).only("public_id", *FILES[model])
    for row in rows.iterator(BATCH):
        folder = f"{kind}/{row.public_id}"
        there = {f"{folder}/{name}" for name in list_folder(default_storage, folder)}
        named = {str(stored.name) for stored in _files(row)}
        found.missing += sorted(named - there)
        found.strays += sorted(name for name in there - named if _is_old(default_storage, name))


FILES: dict[type[Clip | Generation], tuple[str, ...]] = {
    Clip: ("file", "poster", "preview"),
    Generation: ("video", "video_preview", "audio"),
}


def _files(row: Clip | Generation) -> Iterator[FieldFile]:
    return (stored for name in FILES[type(row)] if (stored := getattr(row, name)))


def _is_old(storage: Storage, name: str) -> bool:
    return storage.get_modified_time(name) < timezone.now() - YOUNG
