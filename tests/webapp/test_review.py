"""The review of jobs: the list that is filtered, searched and operated on, and the page of one job."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs import lifecycle, made_history, search
from jobs.models import Clip, Generation, Stage, Status
from jobs.review import Filter
from tests.webapp.conftest import Elements, member
from webapp.accounts.models import Role, Team, User
from webapp.review import listing
from webapp.sharing import links

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

LEAP_DAY = datetime(2020, 2, 29, 12, tzinfo=UTC)
Ask = Callable[..., Generation]


def failed(generation: Generation) -> Generation:
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        lifecycle.fail(taken, "It broke.", kind="down")
    generation.refresh_from_db()
    return generation


def taken(generation: Generation, *, wait: float, run: float, cost: str | None = None) -> None:
    began = generation.created_at + timedelta(seconds=wait)
    Generation.objects.filter(pk=generation.pk).update(
        started_at=began, finished_at=began + timedelta(seconds=run), cost=cost
    )


def words(response: Any) -> str:
    return words_of(response.content.decode())


def words_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def found(query: str) -> set[str]:
    return set(Filter.of(QueryDict(query)).narrow(Generation.everything.all()).values_list("prompt", flat=True))


def test_a_filter_finds_what_it_says_and_tells_what_it_did_not_understand(adam: Client, ask: Ask, stored: Clip) -> None:
    rain, ball = failed(ask(prompt="Rain on tin")), ask(stored, prompt="A ball")
    Generation.objects.filter(pk=ball.pk).update(backend="fal", remote={"request_id": "req-1"}, created_at=LEAP_DAY)
    taken(rain, wait=2, run=6, cost="0.25")
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
        "longer=5": {"Rain on tin"},
        "longer=6": set(),
        "shorter=6,5": {"Rain on tin"},
        "shorter=6": set(),
        "dearer=0.2&cheaper=.3": {"Rain on tin"},
        "dearer=0.25": set(),
        f"fingerprint={rain.fingerprint}": {"Rain on tin"},
        "q=tin+rain": {"Rain on tin"},
        "q=ball.mp4": {"A ball"},
        "q=req-1": {"A ball"},
        f"q={stored.public_id}": {"A ball"},
        f"q=id:{rain.public_id}": {"Rain on tin"},
        "q=status:failed+mode:video": set(),
        'q=team:"night shift"+backend:fal': {"A ball"},
        "q=person:nobody": set(),
        "within=month": {"Rain on tin"},
        "source=command": set(),
        "q=within:hour+longer:5+dearer:0.2": {"Rain on tin"},
        "q=since:2020-02-29+until:2020-02-29+source:browser": {"A ball"},
        f"q=fingerprint:{rain.fingerprint}+shorter:7+cheaper:1": {"Rain on tin"},
    }.items():
        assert found(query) == prompts, query
        asked = Filter.of(QueryDict(query))
        assert not asked.misunderstood, query
        assert Filter.of(QueryDict(asked.query)) == asked
    odd = Filter.of(
        QueryDict(
            "status=lost&within=age&since=2020-13-01&until=9999-12-31&longer=nan&dearer=-1"
            f"&q=colour:red+status:odd+{'rain+' * 27}tin+rain%00"
        )
    )
    assert odd.misunderstood == [
        "status:lost", "within:age", "since:2020-13-01", "until:9999-12-31", "longer:nan", "dearer:-1", "colour:red",
        "status:odd", "rain",
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
    with django_assert_max_num_queries(14):
        page = adam.get(reverse("team-jobs"))
    said = words(page)
    assert "All 51 Queued 50 Running 0 Succeeded 0 Failed 1 Cancelled 0" in said
    assert "51 jobs · 100 % of what ended failed" in said
    assert "1–50 of 51 jobs" in said
    assert "All 51 found: Retry all… All on another backend… Cancel all…" in said
    assert "Rain" not in said
    last = words(adam.get(reverse("team-jobs"), {"page": "999"}))
    assert "51–51 of 51 jobs" in last
    assert "Rain It broke." in last
    assert "Not understood, and left aside: colour:red ." in words(root.get(reverse("admin-jobs"), {"q": "colour:red"}))
    assert "No such job" in words(root.get(reverse("admin-jobs"), {"q": "thunder"}))
    # In the administration `team` is a part of the filter, and not the team that one acts for.
    assert "1–1 of 1 job " in words(root.get(reverse("admin-jobs"), {"status": "failed", "team": ""}))
    assert "1–1 of 1 job " in words(root.get(reverse("admin-jobs"), {"status": "failed", "team": first.team.public_id}))
    assert "No such job" in words(root.get(reverse("admin-jobs"), {"team": "elsewhere"}))
    everybodys = root.get(reverse("admin-jobs"), {"status": "failed"})
    assert "1–1 of 1 job " in words(everybodys)
    assert "Night Shift" in words(everybodys)
    asked = adam.post(reverse("team-jobs-operate"), {"operation": "cancel", "query": "q=wind"})
    assert "Cancel: 50 jobs?" in words(asked)


def test_a_view_has_an_order_and_columns_and_is_kept_by_a_name(adam: Client, root: Client, ask: Ask) -> None:
    for seconds, prompt in ((5, "Rain"), (20, "Wind"), (10, "Snow")):
        taken(ask(prompt=prompt), wait=1, run=seconds, cost=f"0.{seconds:02}")

    def listed(client: Client, address: str) -> tuple[list[str], list[str], str]:
        """The columns, the prompts from the top down, and the view that is shown."""
        page = client.get(address).content.decode()
        table = page.partition("data-list")[2]
        heads = [words_of(head) for head in re.findall(r"<th [^>]*>(.*?)</th>", table, re.DOTALL)]
        prompts = [words_of(cell) for cell in re.findall(r'class="jobs-prompt">(.*?)</td>', page, re.DOTALL)]
        views = page.partition('aria-label="Views"')[2].partition("</nav>")[0]
        shown = re.findall(r'aria-current="true"><bdi>(.*?)</bdi>', views)
        return heads[1:], prompts, "".join(shown)

    here = reverse("team-jobs")
    usual = ["Status", "Prompt", "Person", "Backend", "Asked for ↓", "Wait", "Run", "Cost"]
    assert listed(adam, here) == (usual, ["Snow", "Wind", "Rain"], "All")
    assert listed(adam, f"{here}?order=oldest")[1] == ["Rain", "Wind", "Snow"]
    assert listed(adam, f"{here}?order=dearest&within=month")[1:] == (
        ["Wind", "Snow", "Rain"], "Most expensive this month",
    )  # fmt: skip
    query = "longer=6&order=slowest&columns=seed&columns=run&columns=team"
    narrow = (["Status", "Prompt", "Seed", "Run ↓"], ["Wind", "Snow"])
    assert listed(adam, f"{here}?{query}") == (*narrow, "")
    assert listed(root, f"{reverse('admin-jobs')}?{query}")[0] == ["Status", "Prompt", "Team", "Seed", "Run ↓"]

    assert "A view needs a name." in words(adam.post(reverse("team-jobs-view-save"), {"query": query}, follow=True))
    for kept in ("order=oldest", query):
        done = adam.post(reverse("team-jobs-view-save"), {"name": "Slow ones", "query": kept}, follow=True)
    assert "“Slow ones” is kept among your views." in words(done)
    assert listed(adam, done.request["PATH_INFO"] + "?" + done.request["QUERY_STRING"]) == (*narrow, "Slow ones")
    addresses = re.findall(r'href="([^"]*)"[^>]*><bdi>Slow ones', adam.get(here).content.decode())
    assert [listed(adam, unescape(address)) for address in addresses] == [(*narrow, "Slow ones")]
    assert "Slow ones" not in words(root.get(reverse("admin-jobs")))
    (remove,) = re.findall(r'action="([^"]*/remove/[^"]*)"', done.content.decode())
    assert root.post(unescape(remove)).status_code == 404
    done = adam.post(unescape(remove), follow=True)
    assert "“Slow ones” is no longer among your views." in words(done)
    assert listed(adam, here)[2] == "All"


def test_the_list_as_it_is_now_is_given_once(adam: Client, ask: Ask) -> None:
    ask(prompt="Rain")
    generation = failed(ask(prompt="Wind"))
    Generation.objects.update(status=Status.FAILED)
    page = adam.get(reverse("team-jobs"), {"status": "failed"}).content.decode()
    live = unescape(re.findall(r'data-live="([^"]+)"', page)[0])
    first = adam.get(live)
    assert "1–2 of 2 jobs" in words(first)
    assert f"Jobs that failed like this: down {generation.fingerprint[:8]}" in words(first)
    seen = {"If-None-Match": first.headers["ETag"]}
    assert adam.get(live, headers=seen).status_code == 304
    Generation.objects.filter(pk=generation.pk).update(status=Status.SUCCEEDED)
    assert "1–1 of 1 job " in words(adam.get(live, headers=seen))


def test_a_job_shows_what_happened_and_what_may_be_done(
    adam: Client, root: Client, ask: Ask, stored: Clip, django_assert_max_num_queries: Any
) -> None:
    generation = failed(ask(stored, prompt="A <b>ball</b>", duration=8))
    take = ask(stored, prompt="Another take")
    terms: dict[str, Any] = {"days": 30, "password": "", "downloads": False, "takes_comments": False}
    links.share(generation.team, User.objects.get(email="adam@example.org"), [generation], **terms)
    with django_assert_max_num_queries(19):
        page = adam.get(reverse("team-jobs-job", args=[generation.public_id]))
    said = words(page)
    assert "It broke." in said
    assert "failed" in said.partition("Timeline")[2]
    assert "Retry…" in said
    assert reverse("generation", args=[generation.public_id]) in page.content.decode()
    assert reverse("clip", args=[stored.public_id]) in page.content.decode()
    assert reverse("team-jobs-job", args=[take.public_id]) in page.content.decode()
    assert "Share link of adam@example.org open" in said
    assert "Video codec h264" in said
    assert stored.sha256 in said
    assert "A &lt;b&gt;ball" in page.content.decode()
    file: Any = adam.get(reverse("team-jobs-file", args=[generation.public_id, "clip"]))
    assert b"".join(file.streaming_content) == Path(stored.file.path).read_bytes()
    assert adam.get(reverse("team-jobs-file", args=[generation.public_id, "audio"])).status_code == 404
    whole = root.get(reverse("admin-jobs-job", args=[generation.public_id]), {"format": "json"}).json()
    assert whole["id"] == generation.public_id
    assert whole["effective_duration"] == pytest.approx(1.5)
    assert whole["clip"] == {"id": stored.public_id, "name": "ball.mp4", "facts": stored.facts}
    assert whole["files"] == [{"what": "Clip", "bytes": stored.file.size, "sha256": stored.sha256}]
    assert whole["events"][-1]["kind"] == "failed"
    elsewhere = root.get(reverse("admin-jobs-job", args=[generation.public_id])).content.decode()
    assert f'href="{reverse("generation", args=[generation.public_id])}"' not in elsewhere
    stored.file.storage.delete(str(stored.file.name))
    assert "Clip missing" in words(adam.get(reverse("team-jobs-job", args=[generation.public_id])))


def test_a_job_tells_its_attempts_apart_and_gives_its_events_as_text(adam: Client, ask: Ask) -> None:
    generation = ask(prompt="Rain")
    address = reverse("team-jobs-job", args=[generation.public_id])
    assert "Due: the next worker that is free takes it" in words(adam.get(address))
    with suppress(SystemExit), lifecycle.taken(generation.pk) as first:
        assert first is not None
        lifecycle.enter(first, Stage.GENERATING, 8)
        raise SystemExit
    assert "Should it die, another takes over after" in words(adam.get(address))
    Generation.objects.filter(pk=generation.pk).update(leased_until=LEAP_DAY)
    with lifecycle.taken(generation.pk) as second:
        assert second is not None
        lifecycle.wait(second, 100)
    waits = words(adam.get(address))
    assert re.search(r"Looked after in 1 min \d+ s, at ", waits)
    assert "Attempt 1 · worker died" in waits
    assert "Attempt 2 · under way" in waits
    Generation.objects.filter(pk=generation.pk).update(wake_at=LEAP_DAY)
    with lifecycle.taken(generation.pk) as third:
        assert third is not None
        data = {"traceback": "jobs/pipeline.py <line 7>\nKeyError"}
        lifecycle.fail(third, "It broke.", kind="unexpected", data=data)
    page = adam.get(address)
    assert "Attempt 2 · failed" in words(page)
    assert "Traceback" in words(page)
    (copied,) = [one["data-copy"] for one in Elements(page.content.decode()).having("data-copy")]
    assert copied == "jobs/pipeline.py <line 7>\nKeyError"
    told = adam.get(address, {"format": "json"}).json()["attempts"]
    assert [(one["outcome"], [span["stage"] for span in one["stages"]]) for one in told] == [
        ("worker died", ["waiting", "preparing", "generating"]),
        ("failed", ["generating"]),
    ]
    assert "No event says that." in words(adam.get(address, {"events": "thunder"}))
    text = adam.get(address, {"events": "TAKEN for dead", "format": "text"})
    assert text.headers["Content-Disposition"] == f'attachment; filename="{generation.public_id}-events.txt"'
    assert [line.split(" ")[3] for line in text.content.decode().splitlines()] == ["taken_back"]
    assert "KeyError\n" in adam.get(address, {"format": "text"}).content.decode()


def test_numbers_and_a_table_of_what_is_found(
    adam: Client, ask: Ask, stored: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Filter().times(Generation.everything.all()) == (None, None)
    for seconds, prompt in ((1, "Wind"), (2, "Wind"), (5, "=Rain()")):
        taken(ask(stored, prompt=prompt), wait=seconds, run=10 * seconds, cost="0.1")
    times = [value for of in Filter().times(Generation.everything.all()) if of for value in astuple(of)]
    assert times == pytest.approx([2, 4.7, 20, 47])
    said = words(adam.get(reverse("team-jobs"), {"q": "wind"}))
    assert "2 jobs · Wait: half within 1.5 s , 95 % within 1.9 s · Run: half within 15.0 s" in said
    Generation.objects.filter(prompt="Wind").update(backend="fal")
    Generation.objects.exclude(prompt="Wind").update(backend="scenario")
    assert "· Cost: 0.1 CU and $0.20" in words(adam.get(reverse("team-jobs")))
    answer: Any = adam.get(reverse("team-jobs-csv"), {"longer": "15"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="soundstage-jobs.csv"'
    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))
    assert [row["prompt"] for row in rows] == ["'=Rain()", "Wind"]
    assert (rows[0]["clip"], rows[0]["wait (s)"], rows[0]["run (s)"], rows[0]["cost"]) == (
        "ball.mp4", "5.000", "50.000", "0.1",
    )  # fmt: skip

    # Many jobs are listed first and counted by a second request.
    monkeypatch.setattr(listing, "MANY", 3)
    many = adam.get(reverse("team-jobs"), {"q": "wind"})
    assert "1–2 · CSV of all" in words(many)
    assert "All Queued Running" in words(many)
    address = unescape(re.findall(r'data-numbers="([^"]+)"', many.content.decode())[0])
    assert "All 2 Queued 2 Running 0" in words(adam.get(address))
    assert "All 2 Queued 2" in words(adam.get(reverse("team-jobs"), {"q": "wind", "counted": "1"}))
    assert "1–3 of 3 jobs" in words(adam.get(reverse("team-jobs"), {"page": "9"}))


def test_of_a_long_history_the_table_has_what_the_filter_says_in_its_order(adam: Client, team: Team) -> None:
    made_history.make(150, seed=5, days=40, team=team, told=lambda _: None)
    jobs = list(Generation.everything.select_related("clip").order_by("-created_at", "-id"))
    now = timezone.now()
    today, dearest, run = timezone.localdate(), Decimal(0), timedelta(0)
    this_month = today.replace(day=1)

    def ran(job: Generation) -> timedelta:
        return job.finished_at - job.started_at if job.started_at and job.finished_at else run

    fits: dict[str, Callable[[Generation], bool]] = {
        "": lambda job: True,
        "status=failed": lambda job: job.status == Status.FAILED,
        "backend=fal&dearer=0.005": lambda job: job.backend == "fal" and (job.cost or dearest) > Decimal("0.005"),
        "longer=10&shorter=30": lambda job: timedelta(seconds=10) < ran(job) < timedelta(seconds=30),
        "within=month": lambda job: timezone.localtime(job.created_at).date() >= this_month,
        f"since={today - timedelta(days=9)}&until={today - timedelta(days=2)}": (
            lambda job: 2 <= (today - timezone.localtime(job.created_at).date()).days <= 9
        ),
        "q=rain+mode:text": lambda job: "rain" in job.prompt.lower() and not job.clip,
        "q=source:made+status:cancelled": lambda job: job.status == Status.CANCELLED,
        "q=xyzzy": lambda job: False,
    }
    orders: dict[str, Callable[[Generation], Any]] = {
        "newest": lambda job: now - job.created_at,
        "oldest": lambda job: job.created_at,
        "slowest": lambda job: (-ran(job), -job.pk),
        "dearest": lambda job: (-(job.cost or dearest), -job.pk),
    }
    for query, fit in fits.items():
        for order, key in orders.items():
            answer: Any = adam.get(f"{reverse('team-jobs-csv')}?{query}&order={order}")
            rows = csv.DictReader(b"".join(answer.streaming_content).decode().splitlines())
            expected = [job.public_id for job in sorted(jobs, key=key) if fit(job)]
            assert [row["id"] for row in rows] == expected, (query, order)


@pytest.mark.on_postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no indexes of words")
def test_on_postgresql_every_part_of_a_search_has_an_index(ask: Ask, stored: Clip) -> None:
    ask(stored)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Generation.everything.filter(search.said("ball")).explain()
    for index in ("jobs_generation_public_id", "generation_remote_request", "generation_prompt_words", "clip_id"):
        assert index in plan
    assert "clip_name_words" in Clip.everything.filter(name__icontains="ball").explain()


def test_a_team_does_not_see_the_jobs_of_another(ask: Ask) -> None:
    generation = ask(prompt="Rain")
    other = member(Team.objects.create(name="Elsewhere"), "olga", Role.OWNER)
    assert other.get(reverse("team-jobs-job", args=[generation.public_id])).status_code == 404
    assert "No jobs yet" in words(other.get(reverse("team-jobs")))
