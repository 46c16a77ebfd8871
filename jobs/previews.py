"""The playable copy of a clip that browsers can't play: made by a worker after the upload, once."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import timedelta

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.utils import timezone

from jobs.doorbell import ring
from jobs.files import local_path, remove_stored, sandboxed, work_folder
from jobs.media.errors import MediaError
from jobs.media.operations import make_preview
from jobs.models import Clip

log = logging.getLogger(__name__)


def ensure_preview(clip: Clip) -> None:
    """Make the preview if one is due; `clip` then has it. Where none can be made, that is logged and final."""
    if clip.preview_due_since is None:
        return
    with work_folder() as folder:
        target = folder / "preview.mp4"
        original = local_path(clip.file, folder)
        try:
            # A coder that shows a second of picture in less than two is no machine for this.
            facts = sandboxed(make_preview, original, target, clip.probed, extra_seconds=2 * clip.duration)
        except MediaError:
            log.exception("%s: no preview could be made", clip.public_id)
            Clip.objects.filter(pk=clip.pk).update(preview_due_since=None)
            clip.preview_due_since = None
            return
        with target.open("rb") as file:
            clip.preview.save(target.name, File(file), save=False)
    due = Clip.objects.filter(pk=clip.pk, preview_due_since__isnull=False)
    if not due.update(preview=clip.preview.name, preview_facts=asdict(facts), preview_due_since=None):
        remove_stored(clip.preview)  # another worker was faster
    clip.refresh_from_db()


def make_again(clip: Clip) -> bool:
    """Ring for a preview that the retention rules removed, now that somebody wants the clip; whether that was so.

    Its facts were kept: of a clip of which none could be made there are none.
    """
    if clip.preview or clip.preview_due_since or clip.media_gone_at or not clip.preview_facts:
        return False
    now = timezone.now()
    if Clip.objects.filter(pk=clip.pk, preview="", preview_due_since=None).update(preview_due_since=now):
        transaction.on_commit(lambda: ring("make_preview", clip.pk))
    clip.preview_due_since = now
    return True


def overdue() -> list[int]:
    """Clips whose preview should have been made by now; their clock starts anew here."""
    now = timezone.now()
    patience = timedelta(seconds=settings.MEDIA_TIMEOUT_SECONDS + 2 * settings.MAX_CLIP_SECONDS)
    late = Clip.objects.filter(preview_due_since__lt=now - patience)
    keys = list(late.order_by("preview_due_since").values_list("pk", flat=True)[:100])
    Clip.objects.filter(pk__in=keys, preview_due_since__isnull=False).update(preview_due_since=now)
    return keys
