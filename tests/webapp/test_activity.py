"""What happened in the team, as its members read it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from jobs import activity, projects, trash
from jobs.models import Activity, Clip, Generation, Verb
from webapp.accounts import invitations
from webapp.accounts.activity_page import LINES_PER_PAGE, SENTENCES
from webapp.accounts.models import Membership, Role, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

PAGE = "/team/activity/"


def lines(client: Client, address: str = PAGE) -> list[str]:
    """The sentences on the page, as text."""
    html = client.get(address).content.decode()
    return [strip_tags(found) for found in re.findall(r"<li><p>(.*?)</p>", html)]


def test_what_was_done_is_told_in_sentences_newest_first(
    alice: Client, charlie: Client, team: Team, stored: Clip, ask: Callable[..., Generation]
) -> None:
    user = User.objects.get(email="alice@example.org")
    film = projects.make(team, user, "A film")
    generation = ask(stored)
    projects.move(team, user, film, [stored], [])
    trash.discard(team, user, [stored], [])
    trash.restore(team, user, [stored], [])
    other = ask()
    trash.discard(team, None, [], [other])
    _, token = invitations.invite(team, Role.ADMIN, user)
    charlie.post(reverse("invitation", args=[token]))
    assert lines(alice) == [
        "charlie@example.org joined as an admin",
        "Somebody put the generation Knocks on wood into the trash",
        "alice@example.org asked for Knocks on wood",
        "alice@example.org restored 1 clip and 1 generation",
        "alice@example.org put 1 clip and 1 generation into the trash",
        "alice@example.org moved 1 clip and 1 generation to A film",
        "alice@example.org asked for Knocks on wood",
        "alice@example.org made the project A film",
        "Somebody added the clip ball.mp4",
    ]
    html = alice.get(PAGE).content.decode()
    assert reverse("generation", args=[generation.public_id]) in html
    assert reverse("project", args=[film.public_id]) in html


def test_every_verb_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Verb)


def test_names_are_text(alice: Client, team: Team) -> None:
    activity.record(team, None, Verb.REMOVED, "<script>x</script> \u202eabc")
    html = alice.get(PAGE).content.decode()
    assert "<bdi>&lt;script&gt;x&lt;/script&gt; \u202eabc</bdi>" in html


def test_pages_lead_to_the_beginning(alice: Client, team: Team) -> None:
    for number in range(LINES_PER_PAGE + 3):
        activity.record(team, None, Verb.UPLOADED, f"clip {number}")
    assert lines(alice)[0] == f"Somebody added the clip clip {LINES_PER_PAGE + 2}"
    older = re.search(r'rel="next" href="([^"]+)"', alice.get(PAGE).content.decode())[1]  # type: ignore[index]
    assert lines(alice, PAGE + older) == [f"Somebody added the clip clip {number}" for number in (2, 1, 0)]
    for nonsense in ("x", "-1", "9" * 30, "²"):
        assert alice.get(PAGE, {"before": nonsense}).status_code == 404


def test_it_is_its_teams_alone(charlie: Client, team: Team) -> None:
    activity.record(team, None, Verb.UPLOADED, "secret.mp4")
    assert "Nothing has happened yet" in charlie.get(PAGE).content.decode()
    assert Activity.objects.count() == 1
    assert Membership.objects.count() == 1
