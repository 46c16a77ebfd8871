"""Taking, fencing, cancelling and giving up: what holds however often a message is delivered and whoever dies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from jobs import durations, intake, lifecycle
from jobs.models import Generation, JobEvent, Stage, Status
from tests.jobs.conftest import Ask
from webapp.accounts.models import Team


def kinds(generation: Generation) -> list[str]:
    return list(JobEvent.objects.filter(generation=generation).values_list("kind", flat=True))


def let_the_worker_die(generation: Generation) -> None:
    """Leave the row as a worker leaves it that was killed a while ago: leased, and not renewed since."""
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        dead = taken.leased_by
    long_ago = timezone.now() - timedelta(minutes=5)
    Generation.objects.filter(pk=generation.pk).update(leased_by=dead, leased_until=long_ago, wake_at=long_ago)


def test_a_queued_generation_is_running_from_the_moment_it_is_taken(ask: Ask) -> None:
    generation = ask()
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        generation.refresh_from_db()
        assert (generation.status, generation.stage) == (Status.RUNNING, Stage.PREPARING)
        assert generation.started_at is not None
    assert kinds(generation) == ["queued", "started"]


@pytest.mark.django_db(transaction=True)
def test_of_many_deliveries_at_once_exactly_one_takes_it(ask: Ask) -> None:
    generation = ask()

    def deliver(_: int) -> bool:
        try:
            claimed = lifecycle._take(generation.pk)
            return claimed is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(deliver, range(16))) == 1
    assert kinds(generation).count("started") == 1


def test_a_second_delivery_during_the_work_does_nothing(ask: Ask) -> None:
    generation = ask()
    with lifecycle.taken(generation.pk) as first, lifecycle.taken(generation.pk) as second:
        assert first is not None
        assert second is None


def test_a_delivery_before_its_time_does_nothing(ask: Ask) -> None:
    generation = ask()
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        lifecycle.wait(taken, 60)
    with lifecycle.taken(generation.pk) as early:
        assert early is None


def test_a_delivery_after_the_end_does_nothing(ask: Ask) -> None:
    generation = ask()
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        lifecycle.fail(taken, "It broke.")
    with lifecycle.taken(generation.pk) as late:
        assert late is None
    generation.refresh_from_db()
    assert (generation.status, generation.error) == (Status.FAILED, "It broke.")


def test_a_generation_whose_worker_died_is_taken_back_and_noted(ask: Ask) -> None:
    generation = ask()
    let_the_worker_die(generation)
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        assert taken.attempts == 2
    assert kinds(generation) == ["queued", "started", "taken_back"]
    said = JobEvent.objects.get(generation=generation, kind="taken_back").message
    assert said == "Its worker was not heard of for 330 s: taken for dead."  # 5 min after its lease of 30 s


def test_a_worker_that_has_to_exit_at_once_counts_as_one_that_died(ask: Ask) -> None:
    """A hanging one is told to; it gives nothing back, or what hangs every worker would never come to an end."""
    generation = ask()
    with pytest.raises(SystemExit), lifecycle.taken(generation.pk):
        raise SystemExit
    with lifecycle.taken(generation.pk) as too_early:
        assert too_early is None
    Generation.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        assert taken.attempts == 2


def test_a_generation_that_kills_every_worker_fails_with_a_sentence(ask: Ask) -> None:
    generation = ask()
    for _ in range(3):
        let_the_worker_die(generation)
    with lifecycle.taken(generation.pk) as taken:
        assert taken is None
    generation.refresh_from_db()
    assert generation.status == Status.FAILED
    assert generation.error == "This job stopped 3 workers in a row. Try another clip or format."


def test_a_worker_given_up_for_dead_can_write_nothing_more(ask: Ask) -> None:
    generation = ask()
    with lifecycle.taken(generation.pk) as slow:
        assert slow is not None
        Generation.objects.filter(pk=generation.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
        with lifecycle.taken(generation.pk) as successor:
            assert successor is not None
            with pytest.raises(lifecycle.LeaseLost):
                lifecycle.report(slow, 50, "still here")
            with pytest.raises(lifecycle.LeaseLost):
                lifecycle.succeed(slow)
            lifecycle.report(successor, 10, "mine")
    generation.refresh_from_db()
    assert (generation.status, generation.progress, generation.message) == (Status.RUNNING, 10, "mine")


def test_progress_never_runs_backwards(ask: Ask) -> None:
    with lifecycle.taken(ask().pk) as generation:
        assert generation is not None
        lifecycle.report(generation, 40, "Listening")
        lifecycle.report(generation, 30, "Mixing")
        generation.refresh_from_db()
        assert (generation.progress, generation.message) == (40, "Mixing")


def test_each_stage_is_timed_and_what_was_brought_to_its_end_counted(ask: Ask) -> None:
    with lifecycle.taken(ask().pk) as failing:
        assert failing is not None
        lifecycle.enter(failing, Stage.GENERATING, 50)
        lifecycle.fail(failing, "It broke.")
    generation = ask()
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        for stage in (Stage.GENERATING, Stage.MUXING, Stage.PUBLISHING):
            lifecycle.enter(taken, stage, 50)
        lifecycle.succeed(taken)
    generation.refresh_from_db()
    assert set(generation.timings) == {"preparing", "generating", "muxing", "publishing"}
    assert all(seconds >= 0 for seconds in generation.timings.values())
    assert generation.progress == 100
    counted = {stage: (counts.at_most[-1], counts.seconds) for (stage, _), counts in durations.histograms().items()}
    assert {stage: count for stage, (count, _) in counted.items()} == {
        "preparing": 2, "generating": 1, "muxing": 1, "publishing": 1
    }  # fmt: skip
    assert counted["muxing"][1] == pytest.approx(generation.timings["muxing"])


def test_what_no_worker_has_begun_is_cancelled_at_once(ask: Ask) -> None:
    generation = ask()
    assert lifecycle.request_cancel(generation)
    generation.refresh_from_db()
    assert generation.status == Status.CANCELLED
    with lifecycle.taken(generation.pk) as taken:
        assert taken is None


def test_cancelling_a_running_one_is_a_request_until_the_worker_obeys(ask: Ask) -> None:
    generation = ask()
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        assert lifecycle.request_cancel(generation)
        generation.refresh_from_db()
        assert generation.status == Status.RUNNING
        assert lifecycle.cancel_was_requested(taken)
        lifecycle.cancelled(taken)
    generation.refresh_from_db()
    assert generation.status == Status.CANCELLED


def test_a_finished_one_cannot_be_cancelled(ask: Ask) -> None:
    generation = ask()
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        lifecycle.succeed(taken)
    assert not lifecycle.request_cancel(generation)
    generation.refresh_from_db()
    assert generation.status == Status.SUCCEEDED


def test_only_what_is_due_and_unheld_is_overdue_and_it_is_rung_for_once(ask: Ask) -> None:
    fresh, lost, finished, held = ask(), ask(), ask(), ask()
    long_ago = timezone.now() - timedelta(minutes=5)
    lifecycle.request_cancel(finished)
    with lifecycle.taken(held.pk):
        Generation.objects.exclude(pk=fresh.pk).update(wake_at=long_ago)
        assert lifecycle.overdue() == [lost.pk]
        assert lifecycle.overdue() == []


@pytest.mark.django_db(transaction=True)
def test_of_many_taken_at_once_no_more_begin_than_the_team_has_places(team: Team, settings: Any) -> None:
    settings.TEAM_CONCURRENCY = 2
    wanted = intake.Parameters(prompt="rain")
    waiting = [intake.accept_generation(team, None, None, wanted, backend="fal", enqueue=False) for _ in range(8)]

    def deliver(primary_key: int) -> bool:
        try:
            return lifecycle._take(primary_key) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(deliver, [generation.pk for generation in waiting])) == 2
    assert Generation.objects.filter(status=Status.QUEUED, message__startswith="Waiting: your team has").count() == 6


def test_a_ticket_is_kept_although_the_lease_was_lost_meanwhile(ask: Ask) -> None:
    generation = ask()
    with lifecycle.taken(generation.pk) as slow:
        assert slow is not None
        Generation.objects.filter(pk=generation.pk).update(leased_by="someone else")
        lifecycle.keep_ticket(slow, {"request_id": "r1"})
    generation.refresh_from_db()
    assert generation.remote == {"request_id": "r1"}
    assert kinds(generation)[-1] == "submitted"
