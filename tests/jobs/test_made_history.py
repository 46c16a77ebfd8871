"""A made history: plausible, the same for a seed, marked, and gone again without a trace."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from jobs import failures, lifecycle
from jobs.limits import spent_today
from jobs.models import UNFINISHED, Clip, FailureGroup, Generation, JobEvent, Source, Status
from tests.jobs.conftest import Ask
from webapp.accounts.models import Team, User

pytestmark = pytest.mark.django_db


def make(*arguments: str, count: int = 400) -> None:
    call_command("make_history", "--count", str(count), *arguments, verbosity=0)


def made() -> list[tuple[Any, ...]]:
    what = ("public_id", "team__name", "created_by__email", "clip__name", "prompt", "status", "backend", "cost", "seed")
    return list(Generation.everything.filter(source=Source.MADE).order_by("pk").values_list(*what, "timings"))


def test_a_history_is_made_and_removed_again(ask: Ask) -> None:
    own = ask(prompt="Rain")
    make()
    first = made()
    assert len(first) == 400
    jobs = Generation.everything.filter(source=Source.MADE)
    assert not jobs.filter(status__in=UNFINISHED).exists()
    assert lifecycle.overdue() == []
    assert not jobs.filter(started_at__lt=F("created_at")).exists()
    assert not jobs.filter(finished_at__lt=F("started_at")).exists()
    assert {status for *_, status, _, _, _, _ in first} == {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}
    assert len({row[1] for row in first}) == 8
    assert jobs.dates("created_at", "day").count() > 30
    assert jobs.filter(clip=None).exists()
    groups = failures.groups(jobs, None)
    assert sum(group.count for group in groups) == jobs.filter(status=Status.FAILED).count()
    for job in jobs.filter(status=Status.FAILED):
        assert job.fingerprint == failures.fingerprint(job.backend, job.error_kind, job.error)
        assert list(job.job_events.values_list("kind", flat=True)) == ["queued", "started", "stage", "failed"]
        assert job.job_events.filter(at__range=(job.created_at, job.finished_at)).count() == 4
    assert not User.objects.filter(email__endswith="@made.invalid", is_active=True).exists()
    assert all(spent_today(team, "fal", planned=True) == 0 for team in Team.objects.all())
    with pytest.raises(CommandError, match="seed 1 was made already"):
        make()

    call_command("make_history", "--remove", verbosity=0)
    assert list(Generation.everything.all()) == [own]
    assert not JobEvent.objects.exclude(generation=own).exists()
    assert list(Team.objects.all()) == [own.team]
    assert not any(model._base_manager.exists() for model in (Clip, User, FailureGroup))
    make()
    assert made() == first
    make("--seed", "2", count=100)
    assert [row[4:] for row in made()[400:]] != [row[4:] for row in first[:100]]


def test_a_history_of_a_team_that_there_is_leaves_the_team(team: Team, clip: Clip, settings: Any) -> None:
    make("--team", team.public_id, "--days", "3", count=30)
    assert set(Generation.everything.values_list("team", "clip")) == {(team.pk, clip.pk), (team.pk, None)}
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="--yes"):
        call_command("make_history", "--remove", verbosity=0)
    with pytest.raises(CommandError, match="There is no team nowhere"):
        make("--team", "nowhere", "--yes")
    call_command("make_history", "--remove", "--yes", verbosity=0)
    assert not Generation.everything.exists()
    assert list(Team.objects.all()) == [team]
    assert list(Clip.objects.all()) == [clip]
