"""Signing in, up and out; the first team; who creates. Who reaches what else is in test_permissions.py."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from jobs.models import Clip, Generation
from tests.webapp.conftest import PASSWORD, member
from webapp.accounts.models import Membership, Role, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

# What somebody without a session reaches: to sign in, to get a new password, to be told why not.
OPEN = (
    "account_login", "account_logout", "account_signup", "account_inactive", "account_reset_password",
    "account_reset_password_done", "account_reset_password_from_key_done", "account_email_verification_sent",
    "account_confirm_login_code",
)  # fmt: skip


@pytest.mark.parametrize("name", OPEN)
def test_the_open_pages_are_in_our_frame_and_show_nothing_of_a_team(client: Client, victor: Client, name: str) -> None:
    response = client.get(reverse(name), follow=True)
    assert response.status_code == 200
    html = response.content.decode()
    assert 'class="brand"' in html
    assert "Night Shift" not in html


def test_signing_in_and_out(client: Client, victor: Client) -> None:
    credentials = {"login": "victor@example.org", "password": PASSWORD}
    response = client.post(f"{reverse('account_login')}?next=/history/", credentials | {"next": "/history/"})
    assert response.headers["Location"] == "/history/"
    assert client.get("/history/").status_code == 200
    assert client.post(reverse("account_logout")).headers["Location"] == reverse("account_login")
    assert client.get("/history/").status_code == 302


def test_the_address_after_the_sign_in_is_ours(client: Client, victor: Client) -> None:
    credentials = {"login": "victor@example.org", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post(reverse("account_login"), credentials).headers["Location"] == reverse("studio")


def test_the_address_is_signed_in_with_in_any_case(client: Client, victor: Client) -> None:
    response = client.post(reverse("account_login"), {"login": "Victor@EXAMPLE.org", "password": PASSWORD})
    assert response.status_code == 302


def test_a_wrong_password_is_said_without_saying_who_exists(client: Client, victor: Client) -> None:
    wrong = [
        client.post(reverse("account_login"), {"login": login, "password": "nonsense"}).content.decode()
        for login in ("victor@example.org", "nobody@example.org")
    ]
    assert all("not correct" in html for html in wrong)


def test_a_password_is_reset_by_the_link_in_the_mail_and_strangers_get_none(
    client: Client, victor: Client, mailoutbox: list[object]
) -> None:
    for email in ("nobody@example.org", "victor@example.org"):
        response = client.post(reverse("account_reset_password"), {"email": email})
        assert response.headers["Location"] == reverse("account_reset_password_done")
    (mail,) = mailoutbox
    assert mail.to == ["victor@example.org"]  # type: ignore[attr-defined]
    link = re.search(r"http://testserver(\S+)", mail.body)[1]  # type: ignore[attr-defined,index]
    page = client.get(link, follow=True)
    form = page.redirect_chain[-1][0]
    client.post(form, {"password1": "another good horse"})
    assert User.objects.get(email="victor@example.org").check_password("another good horse")
    assert "used up" in client.get(link, follow=True).content.decode()


def test_nobody_signs_up_by_themselves(client: Client, victor: Client) -> None:
    fields = {"email": "eve@example.org", "password1": PASSWORD}
    assert "Make one" not in client.get(reverse("account_login")).content.decode()
    assert "Ask for an invitation" in client.post(reverse("account_signup"), fields).content.decode()
    assert not User.objects.filter(email="eve@example.org").exists()


def test_where_sign_up_is_open_everybody_makes_an_account_with_a_team_of_its_own(
    client: Client, victor: Client, settings: Any
) -> None:
    settings.SIGN_UP_OPEN = True
    assert "Make one" in client.get(reverse("account_login")).content.decode()
    response = client.post(reverse("account_signup"), {"email": "Eve@example.org", "password1": PASSWORD}, follow=True)
    assert "Eve’s team" in response.content.decode()
    assert Membership.objects.get(user__email="eve@example.org").role == Role.OWNER


def test_an_address_that_is_taken_makes_no_second_account(client: Client, victor: Client, settings: Any) -> None:
    settings.SIGN_UP_OPEN = True
    response = client.post(reverse("account_signup"), {"email": "VICTOR@example.org", "password1": PASSWORD})
    assert "already registered" in response.content.decode()
    assert User.objects.count() == 1


def test_administration_is_for_staff(client: Client, victor: Client, team: Team) -> None:
    assert victor.get(reverse("admin:index"), follow=True).status_code == 403
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    client.force_login(root)
    assert client.get(reverse("admin:index")).status_code == 200


def test_an_account_without_a_team_gets_one_of_its_own(client: Client) -> None:
    user = User.objects.create_user("bea@example.org", PASSWORD)
    client.force_login(user)
    assert "Bea’s team" in client.get("/").content.decode()
    client.get("/")
    assert Membership.objects.get(user=user).role == Role.OWNER


@pytest.mark.parametrize("name", ["studio", "clip-upload", "clip-sample"])
def test_a_viewer_creates_nothing_and_is_told_why(victor: Client, name: str) -> None:
    response = victor.post(reverse(name), {"mode": "text", "prompt": "Rain"})
    assert response.status_code == 403
    assert "ask an admin to let you create" in response.content.decode()
    assert not Generation.objects.exists()
    assert not Clip.objects.exists()


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.MEMBER])
def test_everybody_else_creates(team: Team, role: Role) -> None:
    client = member(team, "someone", role)
    fields = {"mode": "text", "prompt": "Rain", "duration": "4", "quality_steps": "10", "prompt_strength": "4.5"}
    assert client.post("/", fields).status_code == 302
    assert Generation.objects.get().created_by == User.objects.get()
