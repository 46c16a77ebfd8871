"""The review of jobs: the list that is filtered, searched and operated on, and the page of one job."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from jobs import lifecycle
from jobs.models import Clip, Generation, Status
from jobs.review import Filter
from tests.webapp.conftest import PASSWORD, member
from webapp.accounts.models import Role, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

LEAP_DAY = datetime(2020, 2, 29, 12, tzinfo=UTC)
Ask = Callable[..., Generation]


@pytest.fixture
def adam(team: Team) -> Client:
    return member(team, "adam", Role.ADMIN)


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", PASSWORD))
    return client


def failed(generation: Generation) -> Generation:
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        lifecycle.fail(taken, "It broke.", kind="down")
    generation.refresh_from_db()
    return generation


def words(response: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


def found(query: str) -> set[str]:
    return set(Filter.of(QueryDict(query)).narrow(Generation.everything.all()).values_list("prompt", flat=True))


def test_a_filter_finds_what_it_says_and_tells_what_it_did_not_understand(adam: Client, ask: Ask, stored: Clip) -> None:
    rain, ball = failed(ask(prompt="Rain on tin")), ask(stored, prompt="A ball")
    Generation.objects.filter(pk=ball.pk).update(backend="fal", remote={"request_id": "req-1"}, created_at=LEAP_DAY)
    Team.objects.create(name="Elsewhere")
    both = {"Rain on tin", "A ball"}
    for query, prompts in {
        "": both,
        "status=failed": {"Rain on tin"},
        "backend=fal": {"A ball"},
        "mode=text": {"Rain on tin"},
        "team=night": both,
        "team=elsewhere": set(),
        "person=ADAM": both,
        "project=film": set(),
        "since=2020-03-01": {"Rain on tin"},
        "until=2020-02-29": {"A ball"},
        f"fingerprint={rain.fingerprint}": {"Rain on tin"},
        "q=tin+rain": {"Rain on tin"},
        "q=ball.mp4": {"A ball"},
        "q=req-1": {"A ball"},
        f"q={stored.public_id}": {"A ball"},
        f"q=id:{rain.public_id}": {"Rain on tin"},
        "q=status:failed+mode:video": set(),
        'q=team:"night shift"+backend:fal': {"A ball"},
        "q=person:nobody": set(),
    }.items():
        assert found(query) == prompts, query
        asked = Filter.of(QueryDict(query))
        assert not asked.misunderstood, query
        assert Filter.of(QueryDict(asked.query)) == asked
    odd = Filter.of(QueryDict("status=lost&since=2020-13-01&until=9999-12-31&q=colour:red+status:odd+rain%00"))
    assert odd.misunderstood == [
        "status:lost", "since:2020-13-01", "until:9999-12-31", "colour:red", "status:odd",
    ]  # fmt: skip
    assert found(odd.query) == {"Rain on tin"}
    assert Filter().counts(Generation.everything.all())[Status.FAILED] == 1


def test_the_list_counts_pages_and_operates_on_what_is_chosen(
    adam: Client, root: Client, ask: Ask, django_assert_max_num_queries: Any
) -> None:
    assert "No jobs yet" in words(adam.get(reverse("team-jobs")))
    first = failed(ask(prompt="Rain"))
    Generation.objects.filter(pk=first.pk).update(created_at=LEAP_DAY)
    for _ in range(50):
        ask(prompt="Wind")
    with django_assert_max_num_queries(12):
        page = adam.get(reverse("team-jobs"))
    said = words(page)
    assert "All 51 Queued 50 Running 0 Succeeded 0 Failed 1 Cancelled 0" in said
    assert "1–50 of 51 jobs · 100 % of what ended failed" in said
    assert "Retry all 51 found…" in said
    assert "Rain" not in said
    last = words(adam.get(reverse("team-jobs"), {"page": "999"}))
    assert "51–51 of 51 jobs" in last
    assert "Rain It broke." in last
    assert "Not understood, and left aside: colour:red ." in words(root.get(reverse("admin-jobs"), {"q": "colour:red"}))
    assert "No such job" in words(root.get(reverse("admin-jobs"), {"q": "thunder"}))
    everybodys = root.get(reverse("admin-jobs"), {"status": "failed"})
    assert "1–1 of 1 job " in words(everybodys)
    assert "Night Shift" in words(everybodys)
    asked = adam.post(reverse("team-jobs-operate"), {"operation": "cancel", "query": "q=wind"})
    assert "Cancel: 50 jobs?" in words(asked)


def test_a_job_shows_what_happened_and_what_may_be_done(
    adam: Client, root: Client, ask: Ask, stored: Clip, django_assert_max_num_queries: Any
) -> None:
    generation = failed(ask(stored, prompt="A <b>ball</b>", duration=8))
    with django_assert_max_num_queries(16):
        page = adam.get(reverse("team-jobs-job", args=[generation.public_id]))
    said = words(page)
    assert "It broke." in said
    assert "failed" in said.partition("Timeline")[2]
    assert "Retry…" in said
    assert reverse("generation", args=[generation.public_id]) in page.content.decode()
    assert "A &lt;b&gt;ball" in page.content.decode()
    whole = root.get(reverse("admin-jobs-job", args=[generation.public_id]), {"format": "json"}).json()
    assert whole["id"] == generation.public_id
    assert whole["effective_duration"] == pytest.approx(1.5)
    assert whole["clip"] == {"id": stored.public_id, "name": "ball.mp4"}
    assert whole["files"] == [{"what": "Clip", "bytes": stored.file.size}]
    assert whole["events"][-1]["kind"] == "failed"
    elsewhere = root.get(reverse("admin-jobs-job", args=[generation.public_id])).content.decode()
    assert f'href="{reverse("generation", args=[generation.public_id])}"' not in elsewhere
    stored.file.storage.delete(str(stored.file.name))
    assert "Clip missing" in words(adam.get(reverse("team-jobs-job", args=[generation.public_id])))


def test_a_team_does_not_see_the_jobs_of_another(ask: Ask) -> None:
    generation = ask(prompt="Rain")
    other = member(Team.objects.create(name="Elsewhere"), "olga", Role.OWNER)
    assert other.get(reverse("team-jobs-job", args=[generation.public_id])).status_code == 404
    assert "No jobs yet" in words(other.get(reverse("team-jobs")))
