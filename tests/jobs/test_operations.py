"""Cancelling and trying again, of one and of many: where it fits, once each, and written to the audit log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from jobs import lifecycle, operations, trash
from jobs.models import AuditEntry, BulkOperation, Clip, Generation, JobEvent, Operation, Status
from jobs.operations import Actor, Wish
from tests.jobs.conftest import Ask
from webapp.accounts.models import User

CANCEL, RETRY = Wish(Operation.CANCEL), Wish(Operation.RETRY)


@pytest.fixture
def actor(db: None) -> Actor:
    return Actor(User.objects.create_user("root@example.org"), installation=True)


def ended(ask: Ask, status: Status, clip: Clip | None = None) -> Generation:
    """One that came to this end in a worker's hands; or, succeeded or not, is still in them."""
    generation = ask(clip)
    if status == Status.QUEUED:
        return generation
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        match status:
            case Status.FAILED:
                lifecycle.fail(taken, "The engine broke at 12 %.", kind="down")
            case Status.SUCCEEDED:
                lifecycle.succeed(taken)
            case Status.CANCELLED:
                lifecycle.cancelled(taken)
    generation.refresh_from_db()
    return generation


def everything() -> QuerySet[Generation]:
    return Generation.everything.all()


def test_each_operation_fits_these_states_alone(ask: Ask, actor: Actor) -> None:
    fits = {}
    for wish in (CANCEL, RETRY, Wish(Operation.RETRY_ELSEWHERE, "engine")):
        outcomes = {status: operations.perform(wish, ended(ask, status), actor) for status in Status}
        fits[wish.operation] = {status for status, refusal in outcomes.items() if not refusal}
    assert fits == {
        Operation.CANCEL: {Status.QUEUED, Status.RUNNING},
        Operation.RETRY: {Status.FAILED, Status.CANCELLED},
        Operation.RETRY_ELSEWHERE: {Status.FAILED, Status.CANCELLED},
    }


def test_what_is_tried_again_is_the_same_row_as_new_and_remembers_what_it_was(ask: Ask, actor: Actor) -> None:
    generation = ended(ask, Status.FAILED)
    before = Generation.objects.values().get(pk=generation.pk)
    assert operations.perform(RETRY, generation, actor) == ""
    after = Generation.objects.values().get(pk=generation.pk)
    assert (after["status"], after["stage"], after["error"], after["error_kind"]) == (Status.QUEUED, "", "", "")
    assert (after["attempts"], after["progress"], after["finished_at"]) == (0, 0, None)
    kept = {"public_id", "prompt", "seed", "created_at", "created_by_id", "backend", "fingerprint", "failed_at"}
    assert kept <= {name for name, value in after.items() if value == dict(before)[name]}
    event = JobEvent.objects.get(generation=generation, kind="retried")
    assert event.data["was"]["error"] == "The engine broke at 12 %."
    assert event.data["by"] == "root@example.org"
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        lifecycle.succeed(taken)
    assert Generation.objects.get(pk=generation.pk).status == Status.SUCCEEDED


def test_who_did_what_is_written_down_with_before_and_after(ask: Ask, actor: Actor) -> None:
    generation = ended(ask, Status.FAILED)
    operations.perform(RETRY, generation, actor)
    operations.perform(CANCEL, generation, actor)
    retried, cancelled = AuditEntry.objects.order_by("pk")
    assert (retried.action, retried.target, retried.team_name) == ("retry", generation.public_id, "Foley artists")
    assert (retried.by, retried.installation) == (actor.user, True)
    assert (retried.before["status"], retried.before["error_kind"], retried.before["attempts"]) == ("failed", "down", 1)
    assert (retried.after["status"], "error" in retried.after) == ("queued", False)
    assert (cancelled.before["status"], cancelled.after["status"]) == ("queued", "cancelled")
    assert actor.user is not None
    actor.user.delete()
    generation.team.delete()
    retried.refresh_from_db()
    assert (retried.by, retried.by_name) == (None, "root@example.org")
    assert (retried.team, retried.team_name) == (None, "Foley artists")
    for change in (retried.save, retried.delete):
        with pytest.raises(TypeError, match="stays as it is"):
            change()


def test_cancelling_is_a_request_until_it_is_true_and_is_made_once(ask: Ask, actor: Actor) -> None:
    generation = ask()
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        generation.refresh_from_db()
        assert operations.perform(CANCEL, generation, actor) == ""
        assert (generation.status, generation.cancel_requested) == (Status.RUNNING, True)
        assert operations.perform(CANCEL, generation, actor) == operations.BEING_CANCELLED
    assert AuditEntry.objects.get().after["cancel_requested"] is True


def test_why_it_cannot_be_tried_again_is_said(ask: Ask, clip: Clip, actor: Actor) -> None:
    in_trash, without_file = ended(ask, Status.FAILED), ended(ask, Status.FAILED, clip)
    trash.discard(in_trash.team, None, [], [in_trash])
    in_trash.refresh_from_db()
    assert operations.perform(RETRY, in_trash, actor) == operations.IN_TRASH
    clip.file.storage.delete(str(clip.file.name))
    assert operations.perform(RETRY, without_file, actor) == operations.CLIP_GONE
    elsewhere = operations.perform(Wish(Operation.RETRY_ELSEWHERE, "fal"), ended(ask, Status.FAILED), actor)
    assert elsewhere == "fal · MM Audio 2 is not ready: FAL_KEY missing."
    Generation.objects.filter(pk=without_file.pk).update(backend="of-yesterday", clip=None)
    assert operations.perform(RETRY, Generation.objects.get(pk=without_file.pk), actor) == operations.NO_BACKEND
    assert not AuditEntry.objects.exists()


def test_what_changed_since_it_was_looked_at_is_left_alone(ask: Ask, actor: Actor) -> None:
    generation = ended(ask, Status.FAILED)
    as_it_was = Generation.objects.get(pk=generation.pk)
    assert operations.perform(RETRY, generation, actor) == ""
    assert operations.perform(RETRY, as_it_was, actor) == operations.CHANGED
    assert JobEvent.objects.filter(generation=generation, kind="retried").count() == 1
    assert AuditEntry.objects.count() == 1


def test_a_plan_says_exactly_what_the_operation_then_does(ask: Ask, actor: Actor, settings: Any) -> None:
    settings.FAL_KEY = "a-key"
    for status in Status:
        ended(ask, status)
    trash.discard(*(lambda one: (one.team, None, [], [one]))(ended(ask, Status.FAILED)))
    wish = Wish(Operation.RETRY_ELSEWHERE, "fal")
    plan = operations.plan(wish, everything())
    assert (plan.total, len(plan.fitting)) == (6, 2)
    assert str(plan.costs["USD"]) == "0.0160"  # twice eight seconds
    bulk = operations.begin(wish, plan.fitting, actor, None)
    assert (bulk.done, bulk.left_out, bulk.finished_at is not None) == (2, {}, True)
    assert sorted(Generation.objects.filter(backend="fal").values_list("status", flat=True)) == ["queued", "queued"]
    assert plan.left_out == {
        operations.UNFIT[Status.QUEUED]: 1, operations.UNFIT[Status.RUNNING]: 1,
        operations.UNFIT[Status.SUCCEEDED]: 1, operations.IN_TRASH: 1,
    }  # fmt: skip
    assert set(AuditEntry.objects.values_list("bulk", flat=True)) == {bulk.pk}


def test_more_than_can_be_done_at_once_is_not_begun(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "LARGEST", 1)
    for status in (Status.FAILED, Status.FAILED, Status.SUCCEEDED):
        ended(ask, status)
    plan = operations.plan(RETRY, everything())
    assert (plan.total, plan.too_many, plan.fitting) == (3, 2, [])


@pytest.mark.django_db(transaction=True)
def test_many_are_done_by_workers_each_once_although_messages_get_lost_and_come_twice(ask: Ask, actor: Actor) -> None:
    chosen = [ended(ask, Status.FAILED).pk for _ in range(operations.WHILE_WAITING + 5)]
    Generation.objects.filter(pk=chosen[3]).update(status=Status.SUCCEEDED)
    bulk = operations.begin(RETRY, [*chosen, 10**9], actor, None)
    assert (bulk.done, bulk.finished_at) == (0, None)
    assert operations.overdue() == []
    BulkOperation.objects.update(moved_at=timezone.now() - timedelta(minutes=5))
    assert operations.overdue() == [bulk.pk]

    def deliver(_: int) -> None:
        try:
            while operations.carry_on(bulk.pk, most=4):
                pass
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(deliver, range(3)))
    bulk.refresh_from_db()
    assert bulk.done == len(chosen) - 1
    assert bulk.left_out == {operations.UNFIT[Status.SUCCEEDED]: 1, operations.GONE: 1}
    assert bulk.finished_at is not None
    assert bulk.entries.count() == bulk.done
    assert JobEvent.objects.filter(kind="retried").count() == bulk.done
    assert operations.overdue() == []
