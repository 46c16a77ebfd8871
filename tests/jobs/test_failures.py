"""Failures of one kind are taken together, counted within what one may see, and come back when they return."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone

from jobs import failures, lifecycle
from jobs.models import FailureGroup, Generation, Resolution, Status
from tests.jobs.conftest import Ask
from webapp.accounts.models import Team, User

TIMEOUT = "The engine did not finish within 15 minutes."


def fail(generation: Generation, sentence: str = TIMEOUT, kind: str = "timeout", cause: str = "") -> Generation:
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        lifecycle.fail(taken, sentence, kind=kind, cause=cause)
    generation.refresh_from_db()
    return generation


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("not within 15.5 minutes (3 of 4)", "not within <n> minutes (<n> of <n>)"),
        ("Could not get https://cdn.example.org:8443/a/b.wav?x=1.", "Could not get <url>."),
        ("cdn.example.org:443 and 10.0.0.7 refuse", "<host> and <host> refuse"),
        ("No room in /var/lib/soundstage/media/x-1.wav", "No room in <path>"),
        ("request 01983f2c-7a4e-4c53-9d0e-7b1c2d3e4f50 is gone", "request <id> is gone"),
        ("details under gen_Xy12aB-_34cdEF56ghIJ78.", "details under <id>."),
        ("hash deadbeef12345678\n  differs", "hash <id> differs"),
        ("Try another clip or format, e.g. MP4.", "Try another clip or format, e.g. MP<n>."),
    ],
)
def test_what_differs_from_one_failure_to_the_next_is_left_out(message: str, expected: str) -> None:
    assert failures.normalised(message) == expected


def test_failures_of_one_kind_are_one_group_and_others_are_not(ask: Ask, team: Team) -> None:
    first, second = fail(ask()), fail(ask(), TIMEOUT.replace("15", "20"))
    others = [fail(ask(), kind="down"), fail(ask(), "It broke."), fail(ask(), "?", cause="KeyError")]
    others.append(fail(ask(), "?", cause="ValueError"))
    assert first.fingerprint == second.fingerprint
    assert len({first.fingerprint, *(other.fingerprint for other in others)}) == 5
    group = FailureGroup.objects.get(fingerprint=first.fingerprint)
    assert (group.backend, group.kind) == ("engine", "timeout")
    assert group.message == "The engine did not finish within <n> minutes."


def test_a_group_tells_how_many_whose_and_since_when(ask: Ask, team: Team) -> None:
    now, people = timezone.now(), [User.objects.create_user(f"{name}@example.org") for name in "ab"]
    for days, person in ((20, 0), (3, 0), (3, 1), (0, 0)):
        generation = fail(ask())
        at = now - timedelta(days=days)
        Generation.objects.filter(pk=generation.pk).update(failed_at=at, created_by=people[person])
    Generation.objects.filter(failed_at=now).update(status=Status.SUCCEEDED)  # tried again, and cured
    elsewhere = fail(ask())
    Generation.objects.filter(pk=elsewhere.pk).update(team=Team.objects.create(name="Elsewhere"))
    (group,) = failures.groups(Generation.everything.filter(team=team), team)
    assert (group.count, group.failing, group.people) == (4, 3, 2)
    assert (group.first_seen, group.last_seen) == (now - timedelta(days=20), now)
    assert group.days == [0] * 10 + [2, 0, 0, 1]
    (everywhere,) = failures.groups(Generation.everything.all(), None)
    assert everywhere.count == 5


def test_what_was_resolved_is_open_again_when_it_returns_and_only_where_it_was_resolved(ask: Ask, team: Team) -> None:
    group = FailureGroup.objects.get(fingerprint=fail(ask()).fingerprint)
    Resolution.objects.create(group=group, team=team, at=timezone.now())
    (ours,) = failures.groups(Generation.objects.all(), team)
    (everybodys,) = failures.groups(Generation.objects.all(), None)
    assert (ours.resolved, everybodys.resolved) == (True, False)
    returned = fail(ask())
    fail(ask())
    (ours,) = failures.groups(Generation.objects.all(), team)
    assert (ours.resolved, ours.returned) == (False, returned.failed_at)


def test_what_failed_before_there_were_groups_is_put_into_them(ask: Ask) -> None:
    expected = [fail(ask()).fingerprint, fail(ask(), "It broke.").fingerprint]
    finished = list(Generation.objects.values_list("finished_at", flat=True))
    Generation.objects.update(fingerprint="", failed_at=None)
    FailureGroup.objects.all().delete()
    import_module("jobs.migrations.0008_group_failures").group_failures(apps, None)
    assert list(Generation.objects.order_by("pk").values_list("fingerprint", flat=True)) == expected
    assert list(Generation.objects.values_list("failed_at", flat=True)) == finished
    assert FailureGroup.objects.count() == 2
