"""Several teams, who is in them and as what: through the pages, by everybody who may press something there."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from jobs.models import Activity, Clip, Generation
from tests.webapp.conftest import member
from webapp.accounts import teams
from webapp.accounts.models import Membership, Role, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

OVERRIDE = "\u202e"  # turns the direction of what follows


@pytest.fixture
def olga(team: Team) -> Client:
    """Owns the team."""
    return member(team, "olga", Role.OWNER)


def of(name: str, team: Team | None = None) -> Membership:
    found = Membership.objects.filter(user__email=f"{name}@example.org")
    return (found.filter(team=team) if team else found).get()


def press(client: Client, name: str, of_whom: str, **fields: str) -> str:
    """Send a form about a member; the page it leads to."""
    response = client.post(reverse(name, args=[of(of_whom).pk]), fields, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def second_team(client: Client, name: str = "Day Shift") -> Team:
    assert client.post(reverse("team-new"), {"name": name}).status_code == 302
    return Team.objects.get(name=name)


# Several teams


def test_a_new_team_is_owned_by_who_made_it_and_switched_to(alice: Client) -> None:
    made = second_team(alice)
    assert of("alice", made).role == Role.OWNER
    html = alice.get("/history/").content.decode()
    assert "What <bdi>Day Shift</bdi> makes is kept here." in html
    assert "Switch to <bdi>Night Shift</bdi>" in html


def test_switching_leads_to_the_other_teams_pages_and_stays(alice: Client, team: Team) -> None:
    second_team(alice)
    switch = reverse("team-switch", args=[team.public_id])
    response = alice.post(switch, {"next": "/history/"})
    assert response.headers["Location"] == "/history/"
    assert "What <bdi>Night Shift</bdi> makes" in alice.get("/history/").content.decode()
    assert alice.post(switch, {"next": "https://evil.example/"}).headers["Location"] == reverse("studio")


def test_a_link_to_a_thing_of_another_of_my_teams_works_and_says_which(
    alice: Client, stored: Clip, ask: Callable[..., Generation]
) -> None:
    generation = ask(stored)
    second_team(alice)
    for address in (
        reverse("generation", args=[generation.public_id]),
        f"/?from={generation.public_id}",
        f"/history/?team={generation.team.public_id}",
    ):
        html = alice.get(address).content.decode()
        assert "This is in <bdi>Night Shift</bdi>, another of your teams." in html
        assert "lead to <bdi>Day Shift</bdi>" in html
    assert alice.get(reverse("clip-file", args=[stored.public_id, "poster"])).getvalue()
    # Looking switched nothing.
    assert "What <bdi>Day Shift</bdi> makes" in alice.get("/history/").content.decode()


def test_a_form_sends_to_the_team_it_was_shown_for_whatever_was_switched_to_meanwhile(
    alice: Client, team: Team
) -> None:
    page = alice.get("/").content.decode()
    second_team(alice)  # in another tab
    assert f'action="/?team={team.public_id}"' in page
    fields = {"mode": "text", "prompt": "Rain", "duration": "4", "quality_steps": "10", "prompt_strength": "4.5"}
    alice.post(f"/?team={team.public_id}", fields)
    assert Generation.objects.get().team == team


def test_somebody_in_two_teams_acts_for_the_one_joined_first(
    alice: Client, stored: Clip, ask: Callable[..., Generation]
) -> None:
    Membership.objects.create(team=Team.objects.create(name="Second"), user=User.objects.get(), role=Role.OWNER)
    ask(stored)
    assert "1 generation of <bdi>Night Shift</bdi>" in alice.get("/history/").content.decode()


# Names


def test_a_name_is_shown_as_text_and_turns_nothing_around(olga: Client, team: Team) -> None:
    olga.post(reverse("team-rename"), {"name": f"<b>Bold</b>{OVERRIDE} שלום"})
    team.refresh_from_db()
    assert team.name == "<b>Bold</b> שלום"
    for address in ("/", "/history/", "/team/", "/team/backends/", "/team/leave/"):
        html = olga.get(address).content.decode()
        assert "<bdi>&lt;b&gt;Bold&lt;/b&gt; שלום</bdi>" in html, address
        assert "<b>Bold" not in html


@pytest.mark.parametrize("name", ["", "   ", OVERRIDE, "x" * 101])
def test_a_team_has_a_name(olga: Client, team: Team, name: str) -> None:
    response = olga.post(reverse("team-rename"), {"name": name})
    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.content.decode()
    assert olga.post(reverse("team-new"), {"name": name}).status_code == 422
    assert Team.objects.get().name == "Night Shift"


# Roles


def test_an_admin_gives_every_role_but_that_of_an_owner(adam: Client, alice: Client, olga: Client) -> None:
    assert "alice@example.org is a viewer now." in press(adam, "member-role", "alice", role="viewer")
    assert of("alice").role == Role.VIEWER
    assert "Only an owner of the team decides" in press(adam, "member-role", "alice", role="owner")
    assert "Only an owner of the team decides" in press(adam, "member-role", "olga", role="member")
    assert "Only an owner of the team decides" in press(adam, "member-remove", "olga")
    assert "There is no such role." in press(adam, "member-role", "alice", role="emperor")
    assert (of("alice").role, of("olga").role) == (Role.VIEWER, Role.OWNER)


def test_owners_make_owners(olga: Client, alice: Client) -> None:
    assert "alice@example.org is an owner now." in press(olga, "member-role", "alice", role="owner")
    assert "olga@example.org is a member now." in press(olga, "member-role", "olga", role="member")


def test_who_is_removed_sees_nothing_any_more(
    adam: Client, alice: Client, stored: Clip, ask: Callable[..., Generation]
) -> None:
    generation = reverse("generation", args=[ask(stored).public_id])
    assert alice.get(generation).status_code == 200
    page = adam.get(reverse("member-remove", args=[of("alice").pk])).content.decode()
    assert "Remove <bdi>alice@example.org</bdi> from <bdi>Night Shift</bdi>?" in page
    assert "no longer in the team" in press(adam, "member-remove", "alice")
    assert alice.get(generation).status_code == 404
    assert alice.get(reverse("clip-file", args=[stored.public_id, "original"])).status_code == 404
    assert "Alice’s team" in alice.get("/").content.decode()


def test_who_leaves_is_out_and_what_they_made_stays(alice: Client, team: Team, ask: Callable[..., Generation]) -> None:
    generation = ask()
    assert "Leave <bdi>Night Shift</bdi>?" in alice.get(reverse("team-leave")).content.decode()
    assert "You have left Night Shift." in alice.post(reverse("team-leave"), follow=True).content.decode()
    assert alice.get(reverse("generation", args=[generation.public_id])).status_code == 404
    assert team.generations.get().created_by == User.objects.get()


def test_the_last_owner_stays_and_is_told_what_to_do(olga: Client, alice: Client) -> None:
    assert "Hand it over first, or make somebody else an owner." in olga.get(reverse("team-leave")).content.decode()
    page = olga.post(reverse("team-leave"), follow=True).content.decode()
    assert "you are the only one. Hand it over first, or make somebody else an owner." in page
    assert "Hand it over first" in press(olga, "member-role", "olga", role="member")
    assert of("olga").role == Role.OWNER
    press(olga, "member-role", "alice", role="owner")
    assert "You have left" in olga.post(reverse("team-leave"), follow=True).content.decode()


def test_a_team_is_handed_over(olga: Client, alice: Client) -> None:
    page = olga.get(reverse("team-hand-over", args=[of("alice").pk])).content.decode()
    assert "Hand <bdi>Night Shift</bdi> over to <bdi>alice@example.org</bdi>?" in page
    assert "alice@example.org owns the team now" in press(olga, "team-hand-over", "alice")
    assert (of("alice").role, of("olga").role) == (Role.OWNER, Role.ADMIN)
    assert olga.post(reverse("team-hand-over", args=[of("alice").pk])).status_code == 403


def test_everybody_sees_who_is_in_the_team_and_managers_what_to_do(victor: Client, adam: Client, olga: Client) -> None:
    html = victor.get("/team/").content.decode()
    assert all(name in html for name in ("victor@example.org", "adam@example.org", "olga@example.org"))
    assert not any(word in html for word in ("Remove…", "Invite somebody", "Rename", "Change the role"))
    html = adam.get("/team/").content.decode()
    assert 'aria-label="Remove victor@example.org"' in html
    assert "Hand over…" not in html
    assert 'aria-label="Role of olga@example.org"' not in html
    assert "Hand over…" in olga.get("/team/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_leave_at_the_same_moment_one_stays() -> None:
    team = Team.objects.create(name="Pair")
    clients = [member(team, name, Role.OWNER) for name in ("ada", "bea")]
    together = Barrier(2)

    def leave(client: Client) -> HttpResponse:
        together.wait()
        try:
            return client.post(reverse("team-leave"))  # type: ignore[return-value]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(leave, clients))
    assert Membership.objects.filter(team=team, role=Role.OWNER).count() == 1


def test_what_was_decided_by_somebody_who_lost_the_right_meanwhile_is_refused(
    olga: Client, adam: Client, alice: Client
) -> None:
    """Two change the same at once: the second, whose page is old, is told, and nothing happens."""
    stale = of("olga")
    teams.hand_over(of("adam"), stale)
    with pytest.raises(teams.Refused, match="Only an owner"):
        teams.change_role(of("adam"), Role.VIEWER, stale)
    gone = of("alice")
    teams.remove(gone, of("adam"))
    with pytest.raises(teams.Refused, match="no longer in the team"):
        teams.change_role(gone, Role.ADMIN, of("adam"))


def test_what_happens_to_a_team_is_written_down(olga: Client, alice: Client, adam: Client, victor: Client) -> None:
    olga.post(reverse("team-rename"), {"name": "Late Shift"})
    press(olga, "member-role", "victor", role="member")
    press(olga, "member-remove", "victor")
    alice.post(reverse("team-leave"))
    press(olga, "team-hand-over", "adam")
    told = list(Activity.objects.order_by("id").values_list("verb", "subject", "by__email"))
    assert told == [
        ("renamed", "Late Shift", "olga@example.org"),
        ("role_changed", "victor@example.org", "olga@example.org"),
        ("removed", "victor@example.org", "olga@example.org"),
        ("left", "alice@example.org", "alice@example.org"),
        ("handed_over", "adam@example.org", "olga@example.org"),
    ]
