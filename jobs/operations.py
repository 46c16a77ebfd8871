"""What administrators do to generations: cancel, try again, try again on another backend. One of them, or many.

Each is done only where it fits, looked at again in the moment it is done, and written to the audit log. Many are done
one by one: an operation that is interrupted goes on where it was, and no generation is met twice.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from jobs import audit, keys, lifecycle, logs
from jobs.backends import registry
from jobs.backends.base import (
    InputRejected,
    JobFailed,
    Lost,
    NoAudio,
    PlanRestricted,
    PolicyRefused,
    Silent,
    Stopped,
    TimedOut,
)
from jobs.doorbell import ring
from jobs.limits import LimitReached, is_hosted
from jobs.models import UNFINISHED, AuditAction, BulkOperation, Generation, Operation, Status

if TYPE_CHECKING:
    from webapp.accounts.models import Team, User

log = logging.getLogger(__name__)

# At once, by one operation; how many of them a worker does before it lets others have their turn; and how many are
# done while the person waits.
LARGEST = 10_000
BATCH = 100
WHILE_WAITING = 25

FITS: dict[Operation, tuple[Status, ...]] = {
    Operation.CANCEL: UNFINISHED,
    Operation.RETRY: (Status.FAILED, Status.CANCELLED),
    Operation.RETRY_ELSEWHERE: (Status.FAILED, Status.CANCELLED),
}
# With these a backend has said its last word on a request; after any other error it may still have the result.
LAST_WORDS = {
    error.kind
    for error in (
        InputRejected, JobFailed, Lost, NoAudio, PlanRestricted, PolicyRefused, Silent, Stopped, TimedOut, LimitReached,
    )
}  # fmt: skip

GONE = "Removed for good meanwhile."
CHANGED = "Changed meanwhile: look at it again."
IN_TRASH = "In the trash: it has to be restored first."
CLIP_IN_TRASH = "Its clip is in the trash and has to be restored first."
CLIP_GONE = "The file of its clip is gone."
BEING_CANCELLED = "Its cancellation was asked for already."
MAY_BE_BOUGHT = "It may have been bought already, and trying again may be another purchase."
NO_BACKEND = "Its backend is not offered any more: choose another one."
NO_MONEY = "The team’s spending limit of the day leaves no room for it."
UNEXPECTED = "Something unexpected happened on our side; the log of the worker has the details."
UNFIT = {
    Status.QUEUED: "Still waiting.",
    Status.RUNNING: "Still being made.",
    Status.SUCCEEDED: "Succeeded already.",
    Status.FAILED: "Failed already.",
    Status.CANCELLED: "Cancelled already.",
}


@dataclass(frozen=True)
class Wish:
    """An operation, with the backend to try on for `RETRY_ELSEWHERE`; `buy_again` also where that may be a second
    purchase of the same."""

    operation: Operation
    backend: str = ""
    buy_again: bool = False

    def place(self, generation: Generation) -> str:
        """The backend on which the generation is tried again."""
        return self.backend if self.operation == Operation.RETRY_ELSEWHERE else generation.backend


@dataclass(frozen=True)
class Actor:
    """Who operates, and whether as an administrator of the installation or of the team."""

    user: User | None
    installation: bool


Missing = Callable[[str, "Team"], list[str]]


def refusal(wish: Wish, generation: Generation, missing: Missing = keys.missing) -> str:
    """Why the operation does not fit the generation as it is, in a sentence; "" where it fits."""
    if generation.status not in FITS[wish.operation]:
        return UNFIT[Status(generation.status)]
    if wish.operation == Operation.CANCEL:
        return BEING_CANCELLED if generation.cancel_requested else ""
    if generation.deleted_at:
        return IN_TRASH
    if generation.clip and generation.clip.deleted_at:
        return CLIP_IN_TRASH
    backend = wish.place(generation)
    if backend not in registry.NAMES:
        return NO_BACKEND
    absent = missing(backend, generation.team)
    if absent:
        return f"{registry.offer(backend).label} is not ready: {' and '.join(absent)} missing."
    if is_hosted(backend) and unclear(generation) and not wish.buy_again:
        return MAY_BE_BOUGHT
    return ""


def offered(generation: Generation) -> dict[Operation, str]:
    """The operations that are made for the state it is in, each with why it can't be done all the same, or ""."""
    offers = {}
    for operation, states in FITS.items():
        if generation.status not in states:
            continue
        elsewhere = operation == Operation.RETRY_ELSEWHERE
        others = [name for name in registry.NAMES if name != generation.backend] if elsewhere else [""]
        refusals = [refusal(Wish(operation, name, buy_again=True), generation) for name in others]
        offers[operation] = "" if "" in refusals else refusals[0]
    return offers


def unclear(generation: Generation) -> bool:
    """Whether nobody knows if its paid request arrived."""
    return generation.submitted_at is not None and not generation.remote


def resumes(wish: Wish, generation: Generation) -> bool:
    """Whether trying again fetches what was bought already: it went wrong on our side, or on the way."""
    return (
        wish.place(generation) == generation.backend
        and is_hosted(generation.backend)
        and bool(generation.remote)
        and generation.status == Status.FAILED
        and generation.error_kind not in LAST_WORDS
    )


def perform(wish: Wish, generation: Generation, actor: Actor, bulk: BulkOperation | None = None) -> str:
    """Do it, where it fits, and write that to the audit log; otherwise why not, in a sentence."""
    reason = refusal(wish, generation)
    if reason:
        return reason
    clip = generation.clip
    if (
        wish.operation != Operation.CANCEL
        and clip
        and not (clip.file and clip.file.storage.exists(str(clip.file.name)))
    ):
        return CLIP_GONE
    before = audit.state(generation)
    by = {"by": actor.user.email if actor.user else ""}
    try:
        with transaction.atomic():
            if wish.operation == Operation.CANCEL:
                done = lifecycle.request_cancel(generation, data=by)
            else:
                backend, resume = wish.place(generation), resumes(wish, generation)
                done = lifecycle.requeue(generation, backend=backend, resume=resume, data=by)
            if not done:
                return CHANGED
            generation.refresh_from_db()
            audit.record(
                actor.user,
                AuditAction(wish.operation),
                generation.public_id,
                team=generation.team,
                installation=actor.installation,
                before=before,
                after=audit.state(generation),
                bulk=bulk,
            )
    except LimitReached as limit:
        return NO_MONEY if bulk else str(limit)
    return ""


@dataclass
class Plan:
    """What an operation would do: to which (`fitting`, primary keys), and to how many of `total` it would not, by the
    reason. `costs` by the unit of the price; `resumed` are fetched and cost nothing more; `unclear` may be bought
    twice, and fit only with `Wish.buy_again`."""

    total: int = 0
    fitting: list[int] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    costs: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    resumed: int = 0
    unclear: int = 0
    too_many: int = 0


def plan(wish: Wish, generations: QuerySet[Generation]) -> Plan:
    """What `wish` would do to these now. More than `LARGEST` that it may fit are `too_many`, and nothing is planned."""
    plan = Plan()
    for status, count in generations.order_by().values_list("status").annotate(count=Count("pk")):
        plan.total += count
        if status in FITS[wish.operation]:
            plan.too_many += count
        else:
            plan.left_out[UNFIT[Status(status)]] += count
    if plan.too_many > LARGEST:
        return plan
    plan.too_many = 0
    missing = cache(keys.missing)
    candidates = generations.filter(status__in=FITS[wish.operation]).select_related("team", "clip").order_by("pk")
    for generation in candidates.only(*_NEEDED):
        reason = refusal(wish, generation, missing)
        if reason == MAY_BE_BOUGHT or (wish.buy_again and not reason and unclear(generation)):
            plan.unclear += 1
        if reason:
            plan.left_out[reason] += 1
            continue
        plan.fitting.append(generation.pk)
        if wish.operation == Operation.CANCEL:
            continue
        if resumes(wish, generation):
            plan.resumed += 1
            continue
        backend = wish.place(generation)
        price = registry.offer(backend).price
        cost = registry.cost(backend, generation.effective_duration, generation.clip_id is not None)
        if price and cost:
            plan.costs[price.unit] += cost
    return plan


_NEEDED = (
    "status", "backend", "deleted_at", "cancel_requested", "submitted_at", "remote", "error_kind", "effective_duration",
    "clip__deleted_at", "team__default_backend",
)  # fmt: skip


def begin(wish: Wish, chosen: Sequence[int], actor: Actor, team: Team | None) -> BulkOperation:
    """Write down an operation on these generations, and do it: a few at once, many by a worker."""
    bulk = BulkOperation(
        team=team,
        by=actor.user,
        operation=wish.operation,
        backend=wish.backend,
        buy_again=wish.buy_again,
        chosen=list(chosen),
        total=len(chosen),
    )
    bulk.save()
    if bulk.total <= WHILE_WAITING:
        carry_on(bulk.pk)
        bulk.refresh_from_db()
    else:
        transaction.on_commit(lambda: ring("carry_on", bulk.pk))
    return bulk


def carry_on(primary_key: int, most: int = BATCH) -> bool:
    """Do the next `most` of an operation; True while some are left. Two at the same time share the work."""
    chosen = BulkOperation.objects.filter(pk=primary_key).values_list("chosen", flat=True).first() or []
    return all(_one_more(primary_key, chosen) for _ in range(most))


def _one_more(primary_key: int, chosen: list[int]) -> bool:
    """The next generation, and the count of it, in one transaction; False when there is none left."""
    with transaction.atomic():
        unfinished = BulkOperation.objects.select_for_update(of=("self",)).select_related("by").defer("chosen")
        bulk = unfinished.filter(pk=primary_key, finished_at=None).first()
        if bulk is None:
            return False
        bulk.moved_at = timezone.now()
        if bulk.position >= bulk.total:
            bulk.finished_at, bulk.chosen = bulk.moved_at, []
            bulk.save(update_fields=["moved_at", "finished_at", "chosen"])
            return False
        reason = _do(bulk, chosen[bulk.position])
        bulk.position += 1
        if reason:
            bulk.left_out[reason] = bulk.left_out.get(reason, 0) + 1
        else:
            bulk.done += 1
        bulk.save(update_fields=["moved_at", "position", "done", "left_out"])
    return True


@logs.scope()
def _do(bulk: BulkOperation, generation_key: int) -> str:
    wish = Wish(Operation(bulk.operation), bulk.backend, bulk.buy_again)
    generation = Generation.everything.select_related("clip", "team").filter(pk=generation_key).first()
    if generation is None:
        return GONE
    logs.bind(generation.public_id)
    try:
        with transaction.atomic():
            return perform(wish, generation, Actor(bulk.by, bulk.team_id is None), bulk)
    except Exception:  # one that can't be done keeps no other from being done
        log.exception("%s: %s failed unexpectedly", bulk.public_id, generation.public_id)
        return UNEXPECTED


def overdue() -> list[int]:
    """Operations that nobody carries on, because a ring was lost or a worker died."""
    since = timezone.now() - timedelta(seconds=settings.LEASE_SECONDS)
    return list(BulkOperation.objects.filter(finished_at=None, moved_at__lt=since).values_list("pk", flat=True))
