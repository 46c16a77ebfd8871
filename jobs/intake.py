"""How clips and requests for sound come in: the one door for the browser and the terminal."""

from __future__ import annotations

import hashlib
import logging
import random
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from jobs import activity, lifecycle, limits, logs, previews, retention, trash
from jobs.backends import registry
from jobs.doorbell import ring
from jobs.files import remove_stored, sandboxed, work_folder
from jobs.media.operations import inspect
from jobs.media.probe import Limits
from jobs.media.sample import make_sample
from jobs.models import Clip, Generation, Project, Source, Verb

if TYPE_CHECKING:
    from webapp.accounts.models import Team, User

log = logging.getLogger(__name__)

SEEDS = 65_536
SAMPLE_NAME = "Soundstage sample.mp4"


@dataclass(frozen=True)
class Parameters:
    """The seven parameters, validated, with the clip apart; `seed` None means: draw one."""

    prompt: str
    negative_prompt: str = ""
    duration: float = 8.0
    quality_steps: int = 25
    prompt_strength: float = 4.5
    focus_on_subject: bool = False
    seed: int | None = None


def accept_clip(team: Team, user: User | None, upload: File[bytes], name: str) -> Clip:
    """Probe `upload`, a file on disk, and store it as a clip of `team`; what the team has already is not stored twice.

    A temporary upload is moved when it lies on the storage's own disk; anything else is streamed. Raises
    `jobs.media.errors.MediaError` with a sentence for whoever chose the file; then nothing is stored.
    """
    path = Path(upload.temporary_file_path() if isinstance(upload, TemporaryUploadedFile) else str(upload.name))
    with work_folder() as folder:
        poster = folder / "poster.jpg"
        facts = sandboxed(inspect, path, Limits(max_seconds=settings.MAX_CLIP_SECONDS), poster)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        known = Clip.everything.filter(team=team, sha256=sha256).first()
        if known:
            if known.media_gone_at:
                _store_again(known, upload, poster)
            return _back_from_trash(known, user)
        clip = Clip(
            team=team, uploaded_by=user, name=shown_name(name), sha256=sha256, duration=facts.duration,
            facts=asdict(facts), preview_due_since=None if facts.plays_in_browsers else timezone.now(),
        )  # fmt: skip
        try:
            clip.file.save(f"original.{facts.container}", upload, save=False)
            with poster.open("rb") as file:
                clip.poster.save("poster.jpg", File(file), save=False)
            with transaction.atomic():
                clip.save()
                activity.record(team, user, Verb.UPLOADED, clip.name, about=clip)
                if clip.preview_due_since:
                    transaction.on_commit(lambda: ring("make_preview", clip.pk))
        except IntegrityError:  # the same file came in twice at once, and the other one was faster
            remove_stored(clip.file, clip.poster)
            return Clip.everything.get(team=team, sha256=sha256)
        except BaseException:
            remove_stored(clip.file, clip.poster)
            raise
    return clip


def _store_again(clip: Clip, upload: File[bytes], poster: Path) -> None:
    """The files that the retention rules removed are there again, as young as their upload."""
    try:
        clip.file.save(f"original.{clip.probed.container}", upload, save=False)
        with poster.open("rb") as file:
            clip.poster.save("poster.jpg", File(file), save=False)
        with transaction.atomic():
            gone = Clip.everything.filter(pk=clip.pk, media_gone_at__isnull=False)
            back = gone.update(
                file=clip.file.name, poster=clip.poster.name, media_gone_at=None, created_at=timezone.now(),
                preview_due_since=None if clip.plays_in_browsers else timezone.now(),
            )  # fmt: skip
            if back and not clip.plays_in_browsers:
                transaction.on_commit(lambda: ring("make_preview", clip.pk))
    except BaseException:
        remove_stored(clip.file, clip.poster)
        raise
    if not back:  # the same file came in twice at once, and the other one was faster
        remove_stored(clip.file, clip.poster)
    clip.refresh_from_db()


def _back_from_trash(clip: Clip, user: User | None) -> Clip:
    if clip.deleted_at:
        trash.restore(clip.team, user, [clip], [])
        clip.refresh_from_db()
    return clip


def accept_sample(team: Team, user: User | None) -> Clip:
    """The sample clip, rendered on the spot and taken in like any upload."""
    with work_folder() as folder:
        path = folder / "sample.mp4"
        sandboxed(make_sample, path)
        with path.open("rb") as file:
            return accept_clip(team, user, File(file), SAMPLE_NAME)


def accept_generation(
    team: Team,
    user: User | None,
    clip: Clip | None,
    parameters: Parameters,
    *,
    source: Source = Source.BROWSER,
    backend: str = "",
    project: Project | None = None,
    enqueue: bool = True,
) -> Generation:
    """Write a queued generation, its seed drawn if none was given, and ring for a worker once it is committed.

    `clip` None means text to audio, `backend` "" the team's default. A clip that is in no project joins the
    generation's. The terminal passes `enqueue=False`: it does the work itself. Raises ValidationError for parameters
    out of range, a clip whose files are gone and a backend that there is not, and `jobs.limits.LimitReached`, with a
    sentence, where the team's limit of the day leaves no room.
    """
    backend = backend or default_backend(team)
    if clip and clip.media_gone_at:
        raise ValidationError({"clip": retention.upload_again(clip)})
    if backend not in registry.NAMES:
        raise ValidationError({"backend": f"There is no backend named {backend}."})
    seed = draw_seed() if parameters.seed is None else parameters.seed
    effective_duration = min(parameters.duration, clip.duration) if clip else parameters.duration
    generation = Generation(
        team=team,
        created_by=user,
        source=source,
        clip=clip,
        project=project,
        prompt=parameters.prompt,
        negative_prompt=parameters.negative_prompt,
        duration=parameters.duration,
        effective_duration=effective_duration,
        quality_steps=parameters.quality_steps,
        prompt_strength=parameters.prompt_strength,
        focus_on_subject=parameters.focus_on_subject,
        seed=seed,
        backend=backend,
    )
    generation.clean_fields()
    generation.cost = registry.cost(backend, effective_duration, clip is not None)
    logs.bind(generation.public_id)
    with transaction.atomic():
        if clip:
            previews.make_again(clip)
        if generation.cost is not None:
            limits.hold(team)
            limits.check_spending(generation, planned=True)
        generation.save()
        if clip and project:
            Clip.objects.filter(pk=clip.pk, project=None).update(project=project)
        activity.record(team, user, Verb.MADE, generation.prompt, about=generation)
        lifecycle.note(generation, "queued", data={"seed_drawn": parameters.seed is None, "backend": backend})
        if enqueue:
            transaction.on_commit(lambda: ring("advance", generation.pk))
    log.info("%s was asked for, on %s", generation.public_id, backend)
    return generation


def default_backend(team: Team) -> str:
    """The backend of whoever names none."""
    return team.default_backend or str(settings.DEFAULT_BACKEND)


def another_take(
    generation: Generation, user: User | None, *, same_seed: bool, backend: str | None = None
) -> Generation:
    """The same request again, a new purchase where that costs: with a new seed ("Another take"), or as it was.

    On the same backend unless another is named. Raises as `accept_generation`.
    """
    parameters = Parameters(
        prompt=generation.prompt,
        negative_prompt=generation.negative_prompt,
        duration=generation.duration,
        quality_steps=generation.quality_steps,
        prompt_strength=generation.prompt_strength,
        focus_on_subject=generation.focus_on_subject,
        seed=generation.seed if same_seed else draw_seed_other_than(generation.seed),
    )
    project = generation.project
    return accept_generation(
        generation.team,
        user,
        generation.clip,
        parameters,
        backend=backend or generation.backend,
        project=None if project and project.archived_at else project,
    )


def draw_seed() -> int:
    """A seed 0..65535 for a request that named none."""
    return random.SystemRandom().randrange(SEEDS)


def draw_seed_other_than(seed: int) -> int:
    return (seed + 1 + random.SystemRandom().randrange(SEEDS - 1)) % SEEDS


def shown_name(name: str) -> str:
    """An uploader's file name fit to show: no folders, no control or direction-changing characters, not endless."""
    last = PurePath(name.replace("\\", "/")).name
    return "".join(c for c in last if c.isprintable())[:200].strip(" .") or "Untitled clip"
