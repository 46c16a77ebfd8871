"""The statistics of the review: what is counted, over which days, for whom, and to take along."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs.models import EarlierPurchase, Generation, Status, WorkerProcess
from webapp.accounts.models import Team

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

Ask = Callable[..., Generation]
NOON = datetime(2024, 2, 28, 12, tzinfo=UTC)
DAYS = {"since": "2024-02-27", "until": "2024-03-01"}


def words(response: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


def lines(client: Client, scope: str, table: str) -> list[dict[str, str]]:
    response = client.get(reverse(f"{scope}-jobs-statistics-csv", args=[table]), DAYS)
    assert response.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(response.content.decode().splitlines()))


@pytest.fixture
def leap(adam: Client, team: Team, ask: Ask) -> list[Generation]:
    """Five that waited 1, 2, 3, 4 and 5 s and ran ten times that; the last failed. Three that were bought, of which
    one was bought before; one that ran on the first of March; one of the day after; and one of another team."""
    made = [ask(duration=6.0) for _ in range(11)]

    def change(generation: Generation, **values: object) -> None:
        Generation.everything.filter(pk=generation.pk).update(**{"created_at": NOON, **values})

    for index, generation in enumerate(made[:5]):
        begun = NOON + timedelta(seconds=index + 1)
        status = Status.FAILED if index == 4 else Status.SUCCEEDED
        change(
            generation, status=status, started_at=begun, finished_at=begun + timedelta(seconds=10 * (index + 1)),
            effective_duration=90.0,
        )  # fmt: skip
    for generation, backend, cost in zip(made[5:8], ("fal", "fal", "scenario"), ("0.5", "0.25", "1"), strict=True):
        change(generation, backend=backend, cost=Decimal(cost), submitted_at=NOON, status=Status.CANCELLED)
    EarlierPurchase.objects.create(generation=made[7], team=team, backend="fal", at=NOON, cost=Decimal("0.125"))
    change(made[8], created_at=datetime(2024, 3, 1, 23, 59, tzinfo=UTC), status=Status.RUNNING)
    change(made[9], created_at=datetime(2024, 3, 2, tzinfo=UTC))
    elsewhere = Team.objects.create(name="=Elsewhere")
    change(made[10], team=elsewhere, backend="fal", cost=Decimal("2"), submitted_at=NOON, status=Status.SUCCEEDED)
    return made


def test_a_day_a_backend_and_a_person_are_counted(leap: list[Generation], adam: Client, root: Client) -> None:
    days = lines(adam, "team", "days")
    assert [(day["day"], day["succeeded"], day["failed"], day["cancelled"], day["running"]) for day in days] == [
        ("2024-02-27", "0", "0", "0", "0"),
        ("2024-02-28", "4", "1", "3", "0"),
        ("2024-02-29", "0", "0", "0", "0"),
        ("2024-03-01", "0", "0", "0", "1"),
    ]
    assert [day["jobs"] for day in lines(root, "admin", "days")] == ["0", "9", "0", "1"]
    assert [days[1][name] for name in ("engine", "fal", "scenario")] == ["5", "2", "1"]
    engine, *others = lines(adam, "team", "backends")
    assert list(engine.values()) == ["engine", "6", "4", "1", "20.0", "3.0", "4.8", "25.0", "38.5", "6.0"]
    assert [(other["backend"], other["failed (%)"], other["wait p50 (s)"]) for other in others] == [
        ("fal", "", ""), ("scenario", "", "")
    ]  # fmt: skip
    mine = ["Night Shift", "adam@example.org"]
    assert [list(line.values()) for line in lines(adam, "team", "costs")] == [
        [*mine, "1", "1.0000", "CU"], [*mine, "3", "0.8750", "USD"]
    ]  # fmt: skip
    # What a spreadsheet would take for a formula is said as text.
    assert [list(line.values()) for line in lines(root, "admin", "costs")] == [
        [*mine, "1", "1.0000", "CU"],
        ["'=Elsewhere", "adam@example.org", "1", "2.0000", "USD"],
        [*mine, "3", "0.8750", "USD"],
    ]


def test_the_page_tells_the_same_in_a_bounded_number_of_queries(
    leap: list[Generation], adam: Client, root: Client, settings: Any, django_assert_max_num_queries: Any
) -> None:
    root.get(reverse("admin-jobs-statistics"))
    settings.ENGINE_URL, now = "http://127.0.0.1:1", timezone.now()
    for name in ("this:1", "this:2"):
        WorkerProcess.objects.create(name=name, started_at=now - timedelta(minutes=5), seen_at=now)
    Generation.everything.filter(pk=leap[8].pk).update(leased_by="this:2:x", leased_until=now + timedelta(minutes=1))
    with django_assert_max_num_queries(12):
        everybody = root.get(reverse("admin-jobs-statistics"), DAYS)
    assert "Elsewhere" in words(everybody)
    assert f"this:1 5 minutes nothing this:2 5 minutes {leap[8].public_id}" in words(everybody).replace("\xa0", " ")
    page = adam.get(reverse("team-jobs-statistics"), DAYS)
    said = words(page)
    assert (
        "Jobs per day from 27 Feb 2024 to 1 Mar 2024: 9 in all, 1 of them failed; most on 28 Feb 2024, 8."
        in unescape(page.content.decode())
    )
    assert "Soundstage engine 6 1 (20.0 %) 3.0 s 4.8 s 25.0 s 38.5 s 6.0 min" in said
    assert "adam@example.org 3 $0.875" in said
    assert "1 job waits" in said
    assert "2 worker processes are online. The engine does not answer" in said
    assert "this:1" not in said
    assert "Elsewhere" not in said
    # The address of each CSV carries the days of the page.
    assert len(re.findall(r'\.csv[^"]*since=2024-02-27&amp;until=2024-03-01', page.content.decode())) == 3
    by_backend = adam.get(reverse("team-jobs-statistics"), {**DAYS, "by": "backend"}).content.decode()
    assert re.findall(r'class="chart-key" data-backend="(.*?)"', by_backend) == ["engine", "fal", "scenario"]


def test_days_that_make_no_sense_are_said_and_the_latest_thirty_are_shown(adam: Client, ask: Ask) -> None:
    address = reverse("team-jobs-statistics")
    assert "No jobs in these days" in words(adam.get(address))
    ask()
    latest = words(adam.get(address))
    assert f"{timezone.localdate():%Y} 0 0 0 1 1" in latest
    for since, until, said in [
        ("2024-03-02", "2024-03-01", "The first day comes before the last."),
        ("2000-01-01", "2024-03-01", "Choose 366 days at most."),
        ("yesterday", "", "Enter a valid date."),
        ("", "0001-01-01", "Choose another day."),
    ]:
        answer = adam.get(address, {"since": since, "until": until})
        assert f"{said} These are the latest 30 days." in words(answer)
        assert f"{timezone.localdate():%Y} 0 0 0 1 1" in words(answer)
    assert adam.get(reverse("team-jobs-statistics-csv", args=["nothing"])).status_code == 404
