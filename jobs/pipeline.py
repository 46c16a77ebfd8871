"""A generation, stage by stage: prepare -> upload -> submit -> poll -> mux -> publish, as plain functions over its row.

`advance` does the next piece of work and says when to come back; nobody waits in between. Each piece may be done twice
(a worker died, a message was delivered again) without harm: what came of it is published in one step at the end.

One piece is not: a submission that costs money. The row says that one is under way before it is made, and holds the
ticket before anything is asked about it. A row that says the first and lacks the second is not submitted again.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import random
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from jobs import keys, lifecycle, limits, retention
from jobs.backends import registry
from jobs.backends.base import (
    Answer,
    Backend,
    BackendError,
    Busy,
    InputRejected,
    Lost,
    NoAudio,
    Request,
    Silent,
    Ticket,
    TimedOut,
    Unclear,
    Unreachable,
    Upload,
)
from jobs.files import local_path, remove_stored, sandboxed, work_folder
from jobs.media import errors
from jobs.media.audio import AudioFacts
from jobs.media.errors import MediaError
from jobs.media.mux import muxed_suffix
from jobs.media.operations import Mux, finish
from jobs.media.probe import ClipFacts
from jobs.media.proxy import proxy
from jobs.models import Clip, Generation, Stage
from jobs.previews import ensure_preview

log = logging.getLogger(__name__)

# Beyond this our own engine gets a small copy instead of the original; others always do.
LARGEST_ORIGINAL_BYTES = 50 * 1024 * 1024
RETRY_SECONDS = 1.0
LONGEST_TRAIL = 20_000
UNEXPECTED = "Something unexpected happened on our side. Try again; your administrator finds the details under {id}."
SILENT = "The sound engine returned silence. Say more of what should be heard, or choose a clip in which more happens."
NO_AUDIO = "What came back holds no sound. Try again, or ask for the same on another backend."
UNCLEAR = (
    "It is unclear whether {backend} took this job: our side stopped while handing it over "
    "({at:%Y-%m-%d %H:%M:%S} UTC). Check the provider’s own pages before you try again: that is another purchase."
)
DISK_FULL = "There was no room to store the result. Ask your administrator to free some space, then try again."

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

# How far the bar is when a stage begins; within `generating` the backend's own progress fills the span.
PROGRESS = {Stage.PREPARING: 2, Stage.GENERATING: 8, Stage.MUXING: 85, Stage.PUBLISHING: 96}


def advance(generation: Generation) -> float | None:
    """Do the next piece of work on a taken generation: seconds until the one after, None when it is finished.

    Every failure ends here, as a sentence on the row; only `lifecycle.LeaseLost` gets out.
    """
    try:
        delay = _advance(generation)
    except lifecycle.LeaseLost:
        raise
    except BackendError as error:
        _fail(generation, error, str(error), error.kind)
        return None
    except MediaError as error:
        _fail(generation, error, str(error), "media")
        return None
    except Exception as error:
        log.exception("%s failed unexpectedly", generation.public_id)
        full = isinstance(error, OSError) and error.errno in NO_ROOM
        sentence = DISK_FULL if full else UNEXPECTED.format(id=generation.public_id)
        _fail(generation, error, sentence, "disk_full" if full else "unexpected")
        return None
    if delay is not None:
        lifecycle.wait(generation, delay)
    return delay


def _fail(generation: Generation, error: Exception, sentence: str, kind: str) -> None:
    name = type(error).__name__
    data, cause = {"error": name}, ""
    if kind == "unexpected":
        data, cause = data | {"traceback": trail(error)}, name
    lifecycle.fail(generation, sentence, kind=kind, cause=cause, data=data)


def trail(error: BaseException) -> str:
    """The lines of code that led to `error` and to what it came from, the latest last.

    Without their messages, which may quote a key or an address that opens something; those are in the log.
    """
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    told = ["".join([*traceback.format_tb(one.__traceback__), type(one).__qualname__]) for one in reversed(links)]
    return "\n\n".join(told)[-LONGEST_TRAIL:]


def _advance(generation: Generation) -> float | None:
    if generation.submitted_at and not generation.remote:
        raise Unclear(UNCLEAR.format(backend=registry.provider(generation.backend), at=generation.submitted_at))
    if lifecycle.cancel_was_requested(generation):
        _cancel(generation)
        return None
    backend = _backend(generation)
    try:
        delay = _follow(generation, backend) if generation.remote else _send(generation, backend)
    except Unreachable as trouble:
        return _try_again(generation, backend, trouble)
    except Busy as busy:
        _check_deadline(generation, backend)
        lifecycle.report(generation, generation.progress, str(busy))
        return busy.delay
    except Lost:
        if backend.paid:
            raise
        # Our own engine was restarted; its jobs cost nothing, so this one is handed over again.
        lifecycle.note(generation, "resubmitted", "The engine no longer knew this job.", data=generation.remote)
        _check_deadline(generation, backend)
        lifecycle.update(generation, remote={})
        return RETRY_SECONDS
    if generation.trouble_since and delay is not None:
        lifecycle.update(generation, trouble_since=None)
    return delay


def _backend(generation: Generation) -> Backend:
    """The client of the generation's backend, with its team's key. Raises BackendError where there is none."""
    return registry.client(generation.backend, keys.credentials(generation.backend, generation.team))


def _send(generation: Generation, backend: Backend) -> float | None:
    """Bring the clip to the backend, and the request as soon as it can be used there."""
    if generation.clip is None:
        return _submit(generation, backend, None)
    if generation.clip.media_gone_at:  # it was tried again late, or asked for at the moment they went
        raise InputRejected(retention.upload_again(generation.clip))
    upload = _uploaded(generation, backend, generation.clip)
    if upload["ready"]:
        return _submit(generation, backend, upload)
    _check_deadline(generation, backend)
    lifecycle.report(generation, generation.progress, f"{registry.provider(generation.backend)} takes the clip in")
    return _pause(generation, backend)


def _uploaded(generation: Generation, backend: Backend, clip: Clip) -> Upload:
    """The backend's handle of the clip, `ready` or not: sent now, sent before, or left there by an earlier request."""
    upload: Upload = generation.upload
    if upload and upload["ready"]:
        return upload
    if upload:
        upload = backend.check_upload(upload)
    elif backend.remembers_uploads and (known := _remembered(generation, clip)):
        lifecycle.note(generation, "upload_reused", stage=generation.stage)
        upload = known
    else:
        with work_folder() as folder:
            path = _input(generation, backend, clip, folder)
            lifecycle.report(generation, generation.progress, "Sending the clip")
            upload = backend.upload(path)
    if backend.paid:  # our own engine is near, and forgets what it was sent when it is restarted
        lifecycle.update(generation, upload=upload)
    if upload["ready"] and backend.remembers_uploads:
        _remember(generation, clip, upload)
    return upload


def _input(generation: Generation, backend: Backend, clip: Clip, folder: Path) -> Path:
    """What the backend sees: a small, silent, time-faithful copy of the seconds needed; our own, a small original."""
    original = local_path(clip.file, folder)
    if not backend.sends_proxy and original.stat().st_size <= LARGEST_ORIGINAL_BYTES:
        return original
    lifecycle.report(generation, generation.progress, "Making a small copy of the clip")
    small = folder / "proxy.mp4"
    sandboxed(proxy, original, small, generation.effective_duration, clip.probed)
    sizes = {"original_bytes": original.stat().st_size, "sent_bytes": small.stat().st_size}
    lifecycle.note(generation, "proxy", stage=generation.stage, data=sizes)
    return small


def _remembered(generation: Generation, clip: Clip) -> Upload | None:
    """What the backend keeps of these seconds of the clip, if it was sent there under the same key."""
    upload: Upload | None = clip.remote_assets.get(_asset_name(generation))
    return upload if upload and upload["account"] == keys.account(generation.backend, generation.team) else None


def _remember(generation: Generation, clip: Clip, upload: Upload | None) -> None:
    """Keep the handle for the next request, or forget it; of two at the same moment one is kept, which is enough."""
    clip.refresh_from_db(fields=["remote_assets"])
    name, kept = _asset_name(generation), dict(clip.remote_assets)
    if upload is None:
        kept.pop(name, None)
    else:
        kept[name] = {**upload, "account": keys.account(generation.backend, generation.team)}
    Clip.objects.filter(pk=clip.pk).update(remote_assets=kept)


def _asset_name(generation: Generation) -> str:
    return f"{generation.backend}:{generation.effective_duration:.3f}"


def _submit(generation: Generation, backend: Backend, upload: Upload | None) -> float | None:
    """Hand the request over, the one step that may cost something; its ticket is stored before anything else."""
    if lifecycle.cancel_was_requested(generation):  # sending the clip took its time
        _cancel(generation)
        return None
    request = Request(
        prompt=generation.prompt,
        negative_prompt=generation.negative_prompt,
        duration=generation.effective_duration,
        quality_steps=generation.quality_steps,
        prompt_strength=generation.prompt_strength,
        focus_on_subject=generation.focus_on_subject,
        seed=generation.seed,
    )
    try:
        ticket = _buy(generation, backend, request, upload) if backend.paid else backend.submit(request, upload)
    except (InputRejected, Lost):
        if not (generation.clip and upload and "account" in upload):
            raise
        # It may be what the backend kept of the clip that is gone by now: the clip is sent anew, once.
        lifecycle.note(generation, "upload_forgotten", stage=generation.stage)
        _remember(generation, generation.clip, None)
        lifecycle.update(generation, upload={})
        return RETRY_SECONDS
    lifecycle.keep_ticket(generation, ticket)
    lifecycle.enter(generation, Stage.GENERATING, PROGRESS[Stage.GENERATING])
    return backend.first_poll


def _buy(generation: Generation, backend: Backend, request: Request, upload: Upload | None) -> Ticket:
    """Submit, once. `submitted_at` is taken back only where the backend says that the request surely did not arrive."""
    with transaction.atomic():
        limits.hold(generation.team)
        limits.check_spending(generation, planned=False)
        lifecycle.update(generation, submitted_at=timezone.now())
    try:
        return backend.submit(request, upload)
    except Unclear:
        raise
    except BackendError:
        lifecycle.update(generation, submitted_at=None)
        raise
    except Exception as error:
        log.exception("%s failed unexpectedly while it was submitted", generation.public_id)
        raise Unclear(
            UNCLEAR.format(backend=registry.provider(generation.backend), at=generation.submitted_at)
        ) from error


def _follow(generation: Generation, backend: Backend) -> float | None:
    """Look how the request stands; when it is done, bring the sound home."""
    state = backend.poll(generation.remote)
    if not state.done:
        _check_deadline(generation, backend)
        span = PROGRESS[Stage.MUXING] - PROGRESS[Stage.GENERATING]
        lifecycle.report(generation, PROGRESS[Stage.GENERATING] + int(span * state.progress), state.message)
        return _pause(generation, backend)
    with work_folder() as folder:
        answer = backend.fetch(generation.remote, folder)
        lifecycle.enter(generation, Stage.MUXING, PROGRESS[Stage.MUXING])
        result = _mux(generation, answer, folder)
        if lifecycle.cancel_was_requested(generation):
            _cancel(generation)
            return None
        lifecycle.enter(generation, Stage.PUBLISHING, PROGRESS[Stage.PUBLISHING])
        _publish(generation, result)
    return None


def _pause(generation: Generation, backend: Backend) -> float:
    """Seconds until it is worth asking again: what has taken long can be asked after less often."""
    waited = (timezone.now() - generation.stage_at).total_seconds() if generation.stage_at else 0.0
    delay = min(max(waited / 4, backend.first_poll), backend.slowest_poll)
    return delay * random.uniform(0.9, 1.1)  # noqa: S311 - keeps many from asking at once; not a secret


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
    try:
        finished = sandboxed(finish, answer.carrier, seconds, files["audio"], muxes)
    except errors.NoAudio as error:
        raise NoAudio(NO_AUDIO) from error
    if finished.audio.silent:
        raise Silent(SILENT)
    return Result(
        files=files,
        facts={
            "peaks": finished.peaks,
            "loudness": finished.loudness,
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
    hashes = {}
    try:
        for name, path in result.files.items():
            with path.open("rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                places[name].save(path.name, File(file), save=False)
        published = {name: field.name for name, field in places.items()}
        with transaction.atomic():
            lifecycle.succeed(generation, data={"sha256": hashes}, **published, **result.facts)
    except BaseException:
        remove_stored(*places.values())
        raise


def _cancel(generation: Generation) -> None:
    if generation.remote:
        try:
            _backend(generation).cancel(generation.remote)
        except BackendError as error:  # it will run out by itself; the person's wish is what counts here
            lifecycle.note(generation, "cancel_not_delivered", str(error))
    lifecycle.cancelled(generation)


def _try_again(generation: Generation, backend: Backend, trouble: Unreachable) -> float:
    """Come back soon to a backend that can't be reached, until our patience with it is over; then give up."""
    now = timezone.now()
    if generation.trouble_since is None:
        lifecycle.update(generation, trouble_since=now)
        lifecycle.note(generation, "backend_unreachable", str(trouble), stage=generation.stage)
    since = generation.trouble_since or now
    troubled = (now - since).total_seconds()
    patience = settings.HOSTED_PATIENCE_SECONDS if backend.paid else settings.BACKEND_PATIENCE_SECONDS
    if troubled > patience:
        raise trouble
    waiting = f"Waiting for {registry.provider(generation.backend)}" if backend.paid else "Waiting for the sound engine"
    lifecycle.report(generation, generation.progress, waiting)
    return min(max(troubled / 4, RETRY_SECONDS), max(backend.slowest_poll, RETRY_SECONDS))


def _check_deadline(generation: Generation, backend: Backend) -> None:
    """Raises TimedOut once the backend has had all the time it gets, and stops it."""
    since = generation.submitted_at or generation.started_at
    limit = settings.HOSTED_TIMEOUT_SECONDS if backend.paid else settings.GENERATION_TIMEOUT_SECONDS
    if since is None or (timezone.now() - since).total_seconds() <= limit:
        return
    if generation.remote:
        with suppress(BackendError):
            backend.cancel(generation.remote)
    who = registry.provider(generation.backend) if backend.paid else "The sound engine"
    raise TimedOut(f"{who} did not finish within {limit / 60:g} minutes. Try a shorter duration.")
