"""The history: the team's generations, newest first, a page at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs.models import Clip, Generation, Stage, Status
from tests.webapp.conftest import Elements
from webapp.accounts.models import Team
from webapp.studio.history import GENERATIONS_PER_PAGE

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

URL = "/history/"
Ask = Callable[..., Generation]


def entries(client: Client, query: str = "") -> list[str]:
    """The addresses of the generations on the page, in its order."""
    response = client.get(URL + query)
    assert response.status_code == 200
    return re.findall(r'<h2><a href="(/g/[^"]+)"', response.content.decode())


def many(team: Team, count: int) -> list[str]:
    """`count` finished generations, a minute apart; their addresses, newest first."""
    now = timezone.now()
    rows = [
        Generation(
            team=team, prompt=f"Rain, take {index}", seed=index, effective_duration=4.0, status=Status.CANCELLED,
            created_at=now - timedelta(minutes=index),
        )
        for index in range(count)
    ]  # fmt: skip
    Generation.objects.bulk_create(rows)
    return [reverse("generation", args=[row.public_id]) for row in rows]


def test_newest_first_a_page_at_a_time(alice: Client, team: Team) -> None:
    expected = many(team, GENERATIONS_PER_PAGE + 3)
    assert entries(alice) == expected[:GENERATIONS_PER_PAGE]
    assert entries(alice, "?page=2") == expected[GENERATIONS_PER_PAGE:]


def links(client: Client, page: int) -> set[str]:
    html = client.get(f"{URL}?page={page}").content.decode()
    return {str(link["href"]) for link in Elements(html).having("href") if str(link["href"]).startswith("?page=")}


def test_pages_lead_to_their_neighbours_and_ends(alice: Client, team: Team) -> None:
    many(team, GENERATIONS_PER_PAGE * 9)
    assert links(alice, 1) == {"?page=1", "?page=2", "?page=9"}
    assert links(alice, 5) == {"?page=1", "?page=4", "?page=5", "?page=6", "?page=9"}
    html = alice.get(f"{URL}?page=9").content.decode()
    (here,) = [link for link in Elements(html).having("aria-current") if str(link["href"]).startswith("?page=")]
    assert (here["href"], here["aria-label"]) == ("?page=9", "Page 9")
    assert 'rel="next"' not in html


def test_one_page_needs_no_links(alice: Client, team: Team) -> None:
    many(team, 3)
    assert not links(alice, 1)


@pytest.mark.parametrize("page", ["0", "-1", "3", "last", "1.5", ""])
@pytest.mark.parametrize("path", [URL, "/history/live/"])
def test_a_page_that_is_not_there_is_a_404(alice: Client, team: Team, path: str, page: str) -> None:
    many(team, GENERATIONS_PER_PAGE + 1)
    assert alice.get(path, {"page": page}).status_code == 404


def test_each_entry_says_what_it_is(alice: Client, stored: Clip, ask: Ask) -> None:
    ask(stored, duration=30.0, seed=4711)
    html = alice.get(URL).content.decode()
    for words in ("Knocks on wood", "ball.mp4", "1.5 s", "Seed 4711", "alice@example.org", "Queued"):
        assert words in html
    assert reverse("clip-file", args=[stored.public_id, "poster"]) in html
    (when,) = Elements(html).having("datetime")
    assert when["datetime"]


def test_text_to_audio_has_a_wave_for_a_poster(alice: Client, ask: Ask) -> None:
    ask()
    html = alice.get(URL).content.decode()
    assert "Text to audio" in html
    assert "wave.svg#wave" in html
    assert "/poster" not in html


def test_what_is_under_way_shows_how_far_it_is(alice: Client, ask: Ask) -> None:
    ask()
    Generation.objects.update(status=Status.RUNNING, stage=Stage.GENERATING, progress=42)
    html = alice.get(URL).content.decode()
    (bar,) = Elements(html).having("aria-valuenow")
    assert (bar["role"], bar["aria-valuenow"]) == ("progressbar", "42")
    assert "Generating" in html


def test_a_failure_says_why(alice: Client, ask: Ask) -> None:
    ask()
    Generation.objects.update(status=Status.FAILED, error="The sound engine can’t be reached. Try again in a moment.")
    assert "The sound engine can’t be reached." in alice.get(URL).content.decode()


def test_hostile_words_are_shown_and_never_run(alice: Client, stored: Clip, ask: Ask) -> None:
    Clip.objects.update(name="<script>alert(1)</script>")
    ask(Clip.objects.get(), prompt='"><script>alert(2)</script>')
    html = alice.get(URL).content.decode()
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert") == 2


def test_a_team_sees_its_own_alone(alice: Client, charlie: Client, team: Team) -> None:
    many(team, 2)
    assert len(entries(alice)) == 2
    assert entries(charlie) == []
    assert "take" not in charlie.get("/history/live/").content.decode()


def test_an_empty_history_shows_the_way_to_the_first_sound(alice: Client, victor: Client) -> None:
    html = alice.get(URL).content.decode()
    assert "Nothing here yet" in html
    assert "Make the first sound" in html
    assert "Make the first sound" not in victor.get(URL).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_history(
    alice: Client, stored: Clip, ask: Ask, django_assert_num_queries: Any
) -> None:
    ask(stored)
    alice.get(URL)
    with django_assert_num_queries(6):  # session, person, team, how many, which, the bell
        alice.get(URL)
    for _ in range(GENERATIONS_PER_PAGE):
        ask(stored)
    with django_assert_num_queries(6):
        alice.get(URL)


# Live


def test_a_page_with_something_under_way_follows_it(alice: Client, team: Team, ask: Ask) -> None:
    many(team, 1)
    (resting,) = Elements(alice.get(URL).content.decode()).having("data-history")
    assert "data-live" not in resting
    generation = ask()
    (live,) = Elements(alice.get(URL).content.decode()).having("data-history")
    assert live["data-live"] == f"/history/live/?team={team.public_id}&page=1"
    fresh = alice.get(str(live["data-live"]))
    assert fresh.content.decode().strip().startswith("<ol")
    assert fresh.content.decode().strip() in alice.get(URL).content.decode()
    stamp = fresh.headers["ETag"]
    unchanged = alice.get(str(live["data-live"]), headers={"If-None-Match": stamp})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    Generation.objects.filter(pk=generation.pk).update(status=Status.CANCELLED)
    changed = alice.get(str(live["data-live"]), headers={"If-None-Match": stamp})
    assert changed.status_code == 200
    assert "data-live" not in changed.content.decode()
