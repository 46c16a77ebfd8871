"""A generation, stage by stage: prepare -> generate -> mux -> publish, as plain functions over its row.

`advance` does the next piece of work and says when to come back; nobody waits in between. Each piece may be done twice
(a worker died, a message was delivered again) without harm: what came of it is published in one step at the end.
"""

from __future__ import annotations

import errno
import logging
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from jobs import lifecycle
from jobs.backends.base import Answer, Backend, BackendError, Busy, Lost, Request, Unreachable
from jobs.backends.fal import Fal
from jobs.files import local_path, remove_stored, sandboxed, work_folder
from jobs.media.audio import AudioFacts
from jobs.media.errors import MediaError
from jobs.media.mux import muxed_suffix
from jobs.media.operations import Mux, finish
from jobs.media.probe import ClipFacts
from jobs.media.proxy import proxy
from jobs.models import Generation, Stage
from jobs.previews import ensure_preview

log = logging.getLogger(__name__)

# Beyond this the engine gets a small copy instead of the original.
LARGEST_ORIGINAL_BYTES = 50 * 1024 * 1024
RETRY_SECONDS = 1.0
UNEXPECTED = "Something unexpected happened on our side. Try again; your administrator finds the details under {id}."
SILENT = "The sound engine returned silence. Say more of what should be heard, or choose a clip in which more happens."
DISK_FULL = "There was no room to store the result. Ask your administrator to free some space, then try again."

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

# How far the bar is when a stage begins; within `generating` the backend's own progress fills the span.
PROGRESS = {Stage.PREPARING: 2, Stage.GENERATING: 8, Stage.MUXING: 85, Stage.PUBLISHING: 96}


@cache
def backend_named(name: str) -> Backend:
    """The client of a configured backend, one per process. Raises KeyError for an unknown name."""
    return {"engine": _engine}[name]()


def _engine() -> Backend:
    return Fal("engine", settings.ENGINE_URL, settings.ENGINE_URL, settings.ENGINE_KEY, frozenset())


def advance(generation: Generation) -> float | None:
    """Do the next piece of work on a taken generation: seconds until the one after, None when it is finished.

    Every failure ends here, as a sentence on the row; only `lifecycle.LeaseLost` gets out.
    """
    try:
        delay = _advance(generation)
    except lifecycle.LeaseLost:
        raise
    except (BackendError, MediaError) as error:
        lifecycle.fail(generation, str(error), data={"error": type(error).__name__})
        return None
    except Exception as error:
        log.exception("%s failed unexpectedly", generation.public_id)
        full = isinstance(error, OSError) and error.errno in NO_ROOM
        sentence = DISK_FULL if full else UNEXPECTED.format(id=generation.public_id)
        lifecycle.fail(generation, sentence, data={"error": type(error).__name__})
        return None
    if delay is not None:
        lifecycle.wait(generation, delay)
    return delay


def _advance(generation: Generation) -> float | None:
    backend = backend_named(generation.backend)
    if lifecycle.cancel_was_requested(generation):
        _cancel(generation, backend)
        return None
    try:
        delay = _follow(generation, backend) if generation.remote else _submit(generation, backend)
    except Unreachable as trouble:
        return _try_again(generation, trouble)
    except Busy as busy:
        _check_deadline(generation)
        lifecycle.report(generation, generation.progress, str(busy))
        return busy.delay
    except Lost:
        # Our own engine was restarted; its jobs cost nothing, so this one is handed over again.
        lifecycle.note(generation, "resubmitted", "The engine no longer knew this job.", data=generation.remote)
        _check_deadline(generation)
        lifecycle.update(generation, remote={})
        return RETRY_SECONDS
    if generation.trouble_since:
        lifecycle.update(generation, trouble_since=None)
    return delay


def _submit(generation: Generation, backend: Backend) -> float:
    """Prepare the input and hand it over; the ticket is stored before anything else happens."""
    with work_folder() as folder:
        request = Request(
            prompt=generation.prompt,
            negative_prompt=generation.negative_prompt,
            duration=generation.effective_duration if generation.clip else generation.duration,
            quality_steps=generation.quality_steps,
            prompt_strength=generation.prompt_strength,
            focus_on_subject=generation.focus_on_subject,
            seed=generation.seed,
        )
        clip = _input(generation, folder)
        ticket = backend.submit(request, backend.upload(clip) if clip else None)
    lifecycle.update(generation, remote=ticket)
    lifecycle.note(generation, "submitted", stage=generation.stage, data={"request_id": ticket["request_id"]})
    lifecycle.enter(generation, Stage.GENERATING, PROGRESS[Stage.GENERATING])
    return backend.first_poll


def _input(generation: Generation, folder: Path) -> Path | None:
    """What the backend sees: the original when it is small, else a small time-faithful copy of the seconds needed."""
    clip = generation.clip
    if clip is None:
        return None
    original = local_path(clip.file, folder)
    if original.stat().st_size <= LARGEST_ORIGINAL_BYTES:
        return original
    lifecycle.report(generation, generation.progress, "Making a small copy of the clip")
    small = folder / "proxy.mp4"
    sandboxed(proxy, original, small, generation.effective_duration, clip.probed)
    sizes = {"original_bytes": original.stat().st_size, "sent_bytes": small.stat().st_size}
    lifecycle.note(generation, "proxy", stage=generation.stage, data=sizes)
    return small


def _follow(generation: Generation, backend: Backend) -> float | None:
    """Look how the request stands; when it is done, bring the sound home."""
    state = backend.poll(generation.remote)
    if not state.done:
        _check_deadline(generation, backend)
        span = PROGRESS[Stage.MUXING] - PROGRESS[Stage.GENERATING]
        lifecycle.report(generation, PROGRESS[Stage.GENERATING] + int(span * state.progress), state.message)
        waited = (timezone.now() - generation.stage_at).total_seconds() if generation.stage_at else 0.0
        # A job that has run for long can be asked after less often; a little jitter keeps many from asking at once.
        delay = min(max(waited / 4, backend.first_poll), backend.slowest_poll)
        return delay * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
    with work_folder() as folder:
        answer = backend.fetch(generation.remote, folder)
        lifecycle.enter(generation, Stage.MUXING, PROGRESS[Stage.MUXING])
        result = _mux(generation, answer, folder)
        if lifecycle.cancel_was_requested(generation):
            _cancel(generation, backend)
            return None
        lifecycle.enter(generation, Stage.PUBLISHING, PROGRESS[Stage.PUBLISHING])
        _publish(generation, result)
    return None


@dataclass(frozen=True)
class Result:
    """What is published: files in a work folder, by the fields they go to, and what is known of them."""

    files: dict[str, Path]
    facts: dict[str, Any]


def _mux(generation: Generation, answer: Answer, folder: Path) -> Result:
    """The house WAV, and the sound in the clip: in the original, and in its playable copy where there is one."""
    files = {"audio": folder / "audio.wav"}
    muxes: list[Mux] = []

    def give_sound_to(clip: FieldFile, facts: ClipFacts, field: str) -> None:
        files[field] = folder / f"{field}{muxed_suffix(facts)}"
        muxes.append(Mux(local_path(clip, folder), facts, files[field]))

    if generation.clip:
        ensure_preview(generation.clip)
        give_sound_to(generation.clip.file, generation.clip.probed, "video")
        if generation.clip.preview:
            give_sound_to(generation.clip.preview, ClipFacts(**generation.clip.preview_facts), "video_preview")
    seconds = generation.effective_duration
    finished = sandboxed(finish, answer.carrier, seconds, files["audio"], muxes)
    if finished.audio.silent:
        raise BackendError(SILENT)
    return Result(
        files=files,
        facts={
            "peaks": finished.peaks,
            "events": answer.events,
            "understood": answer.understood,
            "notes": _notes(finished.audio, seconds),
        },
    )


def _notes(audio: AudioFacts, seconds: float) -> list[str]:
    """What a person should know of the sound that came."""
    notes = []
    if audio.short:
        notes.append(
            f"The sound is shorter than asked for: {audio.duration_delivered:.1f} of {seconds:.1f} s. "
            "The rest is silence."
        )
    if audio.clipped:
        notes.append("The sound is clipped: its loudest moments are distorted.")
    return notes


def _publish(generation: Generation, result: Result) -> None:
    """Store the files, then show them and the new status in one write; files whose row can't be written go again."""
    stored = Generation(public_id=generation.public_id)  # carries the new names until they are published
    places: dict[str, FieldFile] = {name: getattr(stored, name) for name in result.files}
    try:
        for name, path in result.files.items():
            with path.open("rb") as file:
                places[name].save(path.name, File(file), save=False)
        with transaction.atomic():
            lifecycle.succeed(generation, **{name: field.name for name, field in places.items()}, **result.facts)
    except BaseException:
        remove_stored(*places.values())
        raise


def _cancel(generation: Generation, backend: Backend) -> None:
    if generation.remote:
        try:
            backend.cancel(generation.remote)
        except BackendError as error:  # it will run out by itself; the person's wish is what counts here
            lifecycle.note(generation, "cancel_not_delivered", str(error))
    lifecycle.cancelled(generation)


def _try_again(generation: Generation, trouble: Unreachable) -> float:
    """Come back soon to a backend that can't be reached, until `BACKEND_PATIENCE_SECONDS` are over; then give up."""
    now = timezone.now()
    if generation.trouble_since is None:
        lifecycle.update(generation, trouble_since=now)
        lifecycle.note(generation, "backend_unreachable", str(trouble), stage=generation.stage)
    elif (now - generation.trouble_since).total_seconds() > settings.BACKEND_PATIENCE_SECONDS:
        raise trouble
    lifecycle.report(generation, generation.progress, "Waiting for the sound engine")
    return RETRY_SECONDS


def _check_deadline(generation: Generation, backend: Backend | None = None) -> None:
    """Raises BackendError once `GENERATION_TIMEOUT_SECONDS` have passed since the start, and stops the backend."""
    since = generation.started_at
    if since is None or (timezone.now() - since).total_seconds() <= settings.GENERATION_TIMEOUT_SECONDS:
        return
    if backend is not None:
        backend.cancel(generation.remote)
    minutes = settings.GENERATION_TIMEOUT_SECONDS / 60
    raise BackendError(f"The sound engine did not finish within {minutes:g} minutes. Try a shorter duration.")
