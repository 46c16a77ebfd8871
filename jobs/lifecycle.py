"""The state machine of a generation: every change of status, stage and lease goes through here.

A worker *takes* a generation by compare-and-set and holds a lease while it works on it. Each write it makes is fenced
by that lease, so a worker that was given up for dead can't overwrite what its successor did. `jobs.models` draws the
states.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from jobs import durations, failures, heartbeat, limits, logs
from jobs.backends import registry
from jobs.backends.base import Ticket
from jobs.doorbell import ring
from jobs.models import UNFINISHED, EarlierPurchase, Generation, JobEvent, Stage, Status

log = logging.getLogger(__name__)

# A ring may arrive a moment before its time: clocks of several machines differ.
EARLY = timedelta(milliseconds=50)


class LeaseLost(Exception):
    """Someone else works on this generation now, or it is finished: stop, and write nothing more."""


def note(
    generation: Generation, kind: str, message: str = "", *, stage: str = "", data: dict[str, Any] | None = None
) -> None:
    """Add a line to the generation's timeline."""
    JobEvent.objects.create(generation=generation, kind=kind, stage=stage, message=message, data=data or {})


@contextmanager
def taken(primary_key: int) -> Iterator[Generation | None]:
    """Hold the generation's lease for one piece of work; None where there is nothing to do.

    That is: it is finished, not yet due, another worker has it, or it has outlived `MAX_ATTEMPTS` workers (then it
    fails here). The lease is renewed in the background and given back at the end, whatever happens; but for a worker
    that is told to exit at once, as one that hangs is (`WORK_TIMEOUT_SECONDS`): then it runs out, and that is counted.
    """
    generation = _take(primary_key)
    if generation is None:
        yield None
        return
    stop = threading.Event()
    renewer = threading.Thread(target=copy_context().run, args=(_renew, generation, stop), daemon=True)
    renewer.start()
    died = False
    try:
        yield generation
    except (SystemExit, KeyboardInterrupt):
        died = True
        raise
    finally:
        stop.set()
        renewer.join()
        if not died:
            Generation.everything.filter(pk=generation.pk, leased_by=generation.leased_by).update(
                leased_by="", leased_until=None
            )


def _take(primary_key: int) -> Generation | None:
    now = timezone.now()
    generation = (
        Generation.everything.select_related("clip", "team").filter(pk=primary_key, status__in=UNFINISHED).first()
    )
    if generation is None or generation.wake_at > now + EARLY:
        return None
    logs.bind(generation.public_id)
    if generation.leased_until is not None and generation.leased_until > now:
        return None
    abandoned = generation.leased_by  # not given back: that worker died
    first = generation.status == Status.QUEUED
    attempts = generation.attempts + (1 if first or abandoned else 0)
    worker = f"{heartbeat.name()}:{secrets.token_hex(4)}"
    changes: dict[str, Any] = {
        "leased_by": worker,
        "leased_until": now + timedelta(seconds=settings.LEASE_SECONDS),
        "wake_at": now,
        "attempts": attempts,
    }
    if first:
        changes |= {"status": Status.RUNNING, "stage": Stage.PREPARING, "started_at": now, "stage_at": now}
        changes["message"] = ""
    untouched = Generation.everything.filter(
        pk=primary_key, status=generation.status, leased_by=abandoned, leased_until=generation.leased_until
    )
    with transaction.atomic():
        if first and _held_back(generation):
            return None
        if not untouched.update(**changes):
            return None
        if first:
            note(generation, "started", stage=Stage.PREPARING, data={"worker": worker})
        elif abandoned:
            sentence = f"Its worker was not heard of for {_silence(generation, now):.0f} s: taken for dead."
            note(generation, "taken_back", sentence, data={"died": abandoned, "worker": worker})
    for name, value in changes.items():
        setattr(generation, name, value)
    unclear = generation.submitted_at and not generation.remote  # for the pipeline to say
    if attempts > settings.MAX_ATTEMPTS and not unclear:
        sentence = f"This job stopped {settings.MAX_ATTEMPTS} workers in a row. Try another clip or format."
        fail(generation, sentence, kind="crashed")
        return None
    return generation


def _silence(generation: Generation, now: datetime) -> float:
    """Seconds since whoever holds the lease was heard of; 0 where nobody does."""
    left = (generation.leased_until - now).total_seconds() if generation.leased_until else settings.LEASE_SECONDS
    return settings.LEASE_SECONDS - left


def _held_back(generation: Generation) -> bool:
    """Leave it queued, and say why, while its team has as many jobs at its backend as it may; it comes back later.

    Inside a transaction, so that no other of the team's is counted at the same time.
    """
    if not limits.is_hosted(generation.backend):
        return False
    limits.hold(generation.team)
    sentence = limits.crowded(generation)
    if not sentence:
        return False
    # One that ends calls the next; coming back by itself is for the case that the call gets lost.
    waited = (timezone.now() - generation.asked_at).total_seconds()
    delay = min(max(waited / 4, 2.0), settings.LEASE_SECONDS)
    queued = Generation.everything.filter(pk=generation.pk, status=Status.QUEUED)
    queued.update(message=sentence, wake_at=timezone.now() + timedelta(seconds=delay))
    transaction.on_commit(lambda: ring("advance", generation.pk, delay))
    return True


def _call_next(generation: Generation) -> None:
    """The place of `generation` at its backend is free: the oldest of the team's that waits for one may begin."""
    if not limits.is_hosted(generation.backend):
        return
    waiting = Generation.everything.filter(team=generation.team_id, backend=generation.backend, status=Status.QUEUED)
    oldest = waiting.order_by("pk").values_list("pk", flat=True).first()
    if oldest and Generation.everything.filter(pk=oldest, status=Status.QUEUED).update(wake_at=timezone.now()):
        transaction.on_commit(lambda: ring("advance", oldest))


def _renew(generation: Generation, stop: threading.Event) -> None:
    try:
        while not stop.wait(settings.LEASE_SECONDS / 3):
            until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
            Generation.everything.filter(pk=generation.pk, leased_by=generation.leased_by).update(leased_until=until)
    except Exception:  # the work itself will notice a lost lease; this thread only keeps it
        log.exception("%s: could not renew the lease", generation.public_id)
    finally:
        connection.close()


def update(generation: Generation, **changes: Any) -> None:
    """Write these columns if the lease still holds, and set them on the object. Raises LeaseLost."""
    held = Generation.everything.filter(pk=generation.pk, leased_by=generation.leased_by, status__in=UNFINISHED)
    if not held.update(**changes):
        raise LeaseLost(generation.public_id)
    for name, value in changes.items():
        setattr(generation, name, value)


def keep_ticket(generation: Generation, ticket: Ticket) -> None:
    """Store what a submitted request is known by at its backend; whoever holds the lease by now, it was submitted."""
    log.info("%s is %s at %s", generation.public_id, ticket["request_id"], generation.backend)
    Generation.everything.filter(pk=generation.pk, remote={}).update(remote=ticket)
    generation.remote = ticket
    note(generation, "submitted", stage=generation.stage, data={"request_id": ticket["request_id"]})


def enter(generation: Generation, stage: Stage, progress: int, message: str = "") -> None:
    """Go on to `stage`; the seconds spent in the one before are added to its timing, and counted. Raises LeaseLost."""
    if generation.stage == stage:
        return
    now, before = timezone.now(), generation.stage
    timings = _timings(generation, now)
    with transaction.atomic():
        update(generation, stage=stage, stage_at=now, progress=progress, message=message, timings=timings)
        note(generation, "stage", message, stage=stage)
        _count(generation, before)


def _count(generation: Generation, stage: str) -> None:
    """Count how long a stage took that was brought to its end; one in which a generation failed was not."""
    if stage in generation.timings:
        durations.count(stage, generation.backend, generation.timings[stage])


def _timings(generation: Generation, now: datetime) -> dict[str, float]:
    timings: dict[str, float] = generation.timings
    if not generation.stage_at:
        return timings
    spent = (now - generation.stage_at).total_seconds() + timings.get(generation.stage, 0.0)
    return timings | {generation.stage: round(spent, 3)}


def report(generation: Generation, progress: int, message: str) -> None:
    """Show how far the work is; written only when it changed, and never backwards. Raises LeaseLost."""
    progress = max(progress, generation.progress)
    message = message[:200]
    if (progress, message) != (generation.progress, generation.message):
        update(generation, progress=progress, message=message)


def wait(generation: Generation, delay: float) -> None:
    """Sleep until `delay` seconds from now; a ring that comes earlier finds nothing to do. Raises LeaseLost."""
    update(generation, wake_at=timezone.now() + timedelta(seconds=delay))


def succeed(generation: Generation, *, data: dict[str, Any] | None = None, **results: Any) -> None:
    """Publish: results, timings and status in one write; `data` is noted with it. Raises LeaseLost."""
    _finish(generation, Status.SUCCEEDED, progress=100, error="", event_data=data, **results)


def fail(
    generation: Generation, sentence: str, *, kind: str = "", cause: str = "", data: dict[str, Any] | None = None
) -> None:
    """End with a sentence for a person, and the kind of error it was. Raises LeaseLost.

    `cause` tells apart what one sentence covers, for whoever looks at failures by the dozen.
    """
    with transaction.atomic():
        group = failures.group_of(generation.backend, kind, f"{sentence} ({cause})" if cause else sentence)
        _finish(
            generation,
            Status.FAILED,
            error=sentence,
            error_kind=kind,
            fingerprint=group,
            failed_at=timezone.now(),
            event_data={"kind": kind, **(data or {})},
        )


def cancelled(generation: Generation) -> None:
    """The cancel that was asked for has become true. Raises LeaseLost."""
    _finish(generation, Status.CANCELLED)


def _finish(
    generation: Generation, status: Status, *, event_data: dict[str, Any] | None = None, **changes: Any
) -> None:
    now = timezone.now()
    with transaction.atomic():
        update(
            generation,
            status=status,
            finished_at=now,
            message="",
            timings=_timings(generation, now),
            leased_by="",
            leased_until=None,
            **changes,
        )
        note(generation, str(status), generation.error, stage=generation.stage, data=event_data)
        _call_next(generation)
        if status == Status.SUCCEEDED:
            _count(generation, generation.stage)
    log.info("%s %s after %.1f s", generation.public_id, status, (now - generation.asked_at).total_seconds())


def request_cancel(generation: Generation, *, data: dict[str, Any] | None = None) -> bool:
    """Cancel at once what no worker has begun; ask the worker to stop otherwise. False when it was finished already.

    `data` is noted with it.
    """
    now = timezone.now()
    with transaction.atomic():
        queued = Generation.everything.filter(pk=generation.pk, status=Status.QUEUED)
        if queued.update(status=Status.CANCELLED, finished_at=now, cancel_requested=True, message=""):
            note(generation, str(Status.CANCELLED), data=data)
            return True
        running = Generation.everything.filter(pk=generation.pk, status=Status.RUNNING)
        if not running.update(cancel_requested=True, wake_at=now):
            return False
        note(generation, "cancel_requested", data=data)
        transaction.on_commit(lambda: ring("advance", generation.pk))
    return True


def requeue(generation: Generation, *, backend: str, resume: bool, data: dict[str, Any]) -> bool:
    """Try what failed or was cancelled again, on `backend`: the same row goes back to the queue, its attempts anew.

    With `resume` what its backend was given before is asked after further; without, that is another request, which has
    a price of its own, while the one before stays counted. What it was is kept in its timeline, together with `data`.
    False where it is not, any more, as `generation` has it. Raises `jobs.limits.LimitReached`.
    """
    now = timezone.now()
    was = {
        "status": generation.status,
        "backend": generation.backend,
        "error": generation.error,
        "kind": generation.error_kind,
        "attempts": generation.attempts,
        "timings": generation.timings,
        "request_id": generation.remote.get("request_id", ""),
        "submitted_at": generation.submitted_at.isoformat() if generation.submitted_at else "",
    }
    changes: dict[str, Any] = {
        "status": Status.QUEUED, "stage": "", "progress": 0, "message": "", "error": "", "error_kind": "",
        "cancel_requested": False, "attempts": 0, "wake_at": now, "trouble_since": None, "retried_at": now,
        "started_at": None, "finished_at": None, "stage_at": None, "timings": {},
    }  # fmt: skip
    if not resume:
        cost = registry.cost(backend, generation.effective_duration, generation.clip_id is not None)
        changes |= {"backend": backend, "cost": cost, "upload": {}, "submitted_at": None, "remote": {}}
    as_it_is = Generation.everything.filter(
        pk=generation.pk,
        status__in=(Status.FAILED, Status.CANCELLED),
        finished_at=generation.finished_at,
        deleted_at=None,
    )
    bought = (generation.backend, generation.submitted_at, generation.cost)
    with transaction.atomic():
        if limits.is_hosted(backend):
            limits.hold(generation.team)
        if not as_it_is.update(**changes):
            return False
        for name, value in changes.items():
            setattr(generation, name, value)
        if not resume:
            _keep_purchase(generation, *bought)
            limits.check_spending(generation, planned=True)
        note(generation, "retried", data={"was": was, "resumed": resume, "backend": backend, **data})
        transaction.on_commit(lambda: ring("advance", generation.pk))
    return True


def _keep_purchase(generation: Generation, backend: str, at: datetime | None, cost: Decimal | None) -> None:
    if at is not None and cost is not None:
        EarlierPurchase.objects.create(generation=generation, team=generation.team, backend=backend, at=at, cost=cost)


def cancel_was_requested(generation: Generation) -> bool:
    """As the row says now, not as it was when the worker took it."""
    return Generation.everything.filter(pk=generation.pk, cancel_requested=True).exists()


def overdue() -> list[int]:
    """Unfinished generations nobody holds and whose ring must have been lost; their clock starts anew here."""
    now = timezone.now()
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
    late = Generation.everything.filter(
        free, status__in=UNFINISHED, wake_at__lt=now - timedelta(seconds=settings.LEASE_SECONDS)
    )
    keys = list(late.order_by("wake_at").values_list("pk", flat=True)[:1000])
    Generation.everything.filter(pk__in=keys, status__in=UNFINISHED).update(wake_at=now)
    return keys
