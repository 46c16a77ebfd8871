"""Invitations: from the form of whoever invites, through the link, into the team, once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.webapp.conftest import PASSWORD, member
from webapp.accounts import invitations
from webapp.accounts.invitation_pages import LIMIT
from webapp.accounts.models import Invitation, Membership, Role, Team, User
from webapp.accounts.teams import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


def invite(client: Client, **fields: str) -> str:
    """Press "Invite"; the path of the link that the page shows."""
    page = client.post(reverse("team-invite"), {"role": "member"} | fields).content.decode()
    return re.search(r'value="http://testserver(/invitations/[\w-]+/)"', page)[1]  # type: ignore[index]


def refusal(client: Client, path: str) -> str:
    """What the link says once it lets nobody in, to whoever looks and to whoever presses."""
    answers = [client.get(path), client.post(path)]
    assert [answer.status_code for answer in answers] == [410, 410]
    sentences = {re.search(r"</h1>\s*<p>(.*?)</p>", answer.content.decode())[1] for answer in answers}  # type: ignore[index]
    (sentence,) = sentences
    return str(sentence)


def test_the_link_lets_somebody_with_an_account_in(adam: Client, charlie: Client, team: Team) -> None:
    path = invite(adam, role="viewer")
    page = charlie.get(path).content.decode()
    assert "Join <bdi>Night Shift</bdi>" in page
    assert "<bdi>adam@example.org</bdi> invites you" in page
    assert "You are signed in as <bdi>charlie@example.org</bdi>." in page
    assert "You are in Night Shift now, as a viewer." in charlie.post(path, follow=True).content.decode()
    assert Membership.objects.get(team=team, user__email="charlie@example.org").role == Role.VIEWER
    assert "What <bdi>Night Shift</bdi> makes" in charlie.get("/history/").content.decode(), "not switched to"


def test_the_link_makes_an_account_where_sign_up_is_closed(adam: Client, client: Client, team: Team) -> None:
    path = invite(adam)
    assert "Make an account" in client.get(path).content.decode()
    assert client.post(path).headers["Location"] == reverse("account_signup")
    assert "With it you join <bdi>Night Shift</bdi>." in client.get(reverse("account_signup")).content.decode()
    wrong = client.post(reverse("account_signup"), {"email": "eve@example.org", "password1": "short"})
    assert "too short" in wrong.content.decode()
    response = client.post(reverse("account_signup"), {"email": "eve@example.org", "password1": PASSWORD}, follow=True)
    assert "Night Shift" in response.content.decode()
    (membership,) = Membership.objects.filter(user__email="eve@example.org")
    assert (membership.team, membership.role) == (team, Role.MEMBER)
    # The session holds no second entrance.
    client.post(reverse("account_logout"))
    assert "Ask for an invitation" in client.get(reverse("account_signup")).content.decode()


def test_somebody_with_an_account_signs_in_on_the_way(adam: Client, charlie: Client, client: Client) -> None:
    path = invite(adam)
    login = re.search(r'href="(/accounts/login/\?next=[^"]+)"', client.get(path).content.decode())[1]  # type: ignore[index]
    response = client.post(login, {"login": "charlie@example.org", "password": PASSWORD})
    assert response.headers["Location"] == path
    assert client.post(path).status_code == 302


def test_it_lets_one_person_in(adam: Client, charlie: Client, client: Client) -> None:
    path = invite(adam)
    client.post(path)  # about to sign up with it
    charlie.post(path)
    assert "used already" in refusal(client, path)
    assert "Ask for an invitation" in client.get(reverse("account_signup")).content.decode()
    assert User.objects.count() == 2


def test_it_is_revoked(adam: Client, charlie: Client) -> None:
    path = invite(adam)
    revoke = reverse("invitation-revoke", args=[Invitation.objects.get().pk])
    assert "lets nobody in any more" in adam.post(revoke, follow=True).content.decode()
    assert refusal(charlie, path) == "This invitation was taken back. Ask adam@example.org for a new one."
    assert "used or revoked already" in adam.post(revoke, follow=True).content.decode()


def test_it_expires(adam: Client, charlie: Client, settings: Any) -> None:
    settings.INVITATION_DAYS = 2
    path = invite(adam)
    (invitation,) = Invitation.objects.all()
    assert invitation.expires_at - invitation.created_at == pytest.approx(timedelta(days=2), abs=timedelta(seconds=1))
    Invitation.objects.update(expires_at=timezone.now())
    assert "has expired" in refusal(charlie, path)
    assert "Open invitations" not in adam.get("/team/").content.decode()


def test_a_link_that_never_was(client: Client, team: Team, adam: Client) -> None:
    assert "There is no such invitation." in refusal(client, reverse("invitation", args=["x" * 43]))


def test_the_token_is_kept_nowhere(adam: Client) -> None:
    token = invite(adam).split("/")[2]
    assert len(token) == 43
    (row,) = Invitation.objects.values()
    assert token not in repr(row)
    assert token not in adam.get("/team/").content.decode()


def test_whoever_is_in_already_uses_nothing_up(adam: Client, charlie: Client) -> None:
    path = invite(adam)
    assert "You are in this team already." in adam.get(path).content.decode()
    assert "You are in Night Shift already." in adam.post(path).content.decode()
    assert charlie.post(path).status_code == 302


def test_it_is_sent_by_mail(adam: Client, charlie: Client, client: Client, mailoutbox: list[Any]) -> None:
    path = invite(adam, email="Nora@Example.org", role="admin")
    (mail,) = mailoutbox
    assert mail.to == ["nora@example.org"]
    assert mail.subject == "Join Night Shift on Soundstage"
    assert "adam@example.org invites you to Night Shift" in mail.body
    assert f"http://testserver{path}\n" in mail.body
    assert "sent to <bdi>nora@example.org</bdi>; it is this account that joins" in charlie.get(path).content.decode()
    assert 'value="nora@example.org"' in client.post(path, follow=True).content.decode()


def test_a_mail_server_that_is_down_costs_no_invitation(adam: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    response = adam.post(reverse("team-invite"), {"role": "member", "email": "nora@example.org"})
    assert "could not be sent. Hand the link over yourself." in response.content.decode()
    assert "The link is ready" in response.content.decode()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": "nora"}, "Enter an email address"),
        ({"email": "Adam@example.org"}, "in the team already"),
        ({"role": "owner"}, "You can’t invite with this role."),
        ({"role": ""}, "This field is required."),
    ],
)
def test_what_does_not_do_is_said(adam: Client, fields: dict[str, str], sentence: str) -> None:
    response = adam.post(reverse("team-invite"), {"role": "member"} | fields)
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Invitation.objects.exists()


def test_only_an_owner_invites_owners(team: Team) -> None:
    olga = member(team, "olga", Role.OWNER)
    invite(olga, role="owner")
    assert Invitation.objects.get().role == Role.OWNER


def test_guessing_is_stopped(client: Client, adam: Client) -> None:
    allowed = int(LIMIT["invitation"].split("/")[0])
    answers = [client.get(reverse("invitation", args=[f"guess-{number}"])) for number in range(allowed + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {410}
    assert answers[-1].status_code == 429
    assert "Too many tries" in answers[-1].content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_gets_in() -> None:
    team = Team.objects.create(name="Pair")
    people = [User.objects.create_user(f"{name}@example.org") for name in ("ada", "bea")]
    _, token = invitations.invite(team, Role.MEMBER, people[0])
    together = Barrier(2)

    def accept(user: User) -> bool:
        together.wait()
        try:
            return bool(invitations.accept(token, user))
        except Refused:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(accept, people)) == [False, True]
    assert Membership.objects.filter(team=team).count() == 1
