"""The first account: by the set-up page or by the environment, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.webapp.conftest import PASSWORD, Elements
from webapp.accounts.models import Membership, Role, Team, User
from webapp.accounts.setup import create_account_from_environment

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

ADA = {"email": "Ada@Example.org", "team_name": "Foley", "password": PASSWORD}


def set_up(client: Client, **changes: str) -> HttpResponse:
    response: HttpResponse = client.post(reverse("set-up"), ADA | changes)  # type: ignore[assignment]
    return response


@pytest.mark.parametrize("path", ["/", "/history/", "/accounts/login/", "/admin/", "/nowhere/", "/g/gen_x/"])
def test_while_no_account_exists_every_page_leads_to_the_set_up(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.headers["Location"]) == (302, reverse("set-up"))


def test_the_state_of_the_program_is_told_before_the_set_up_too(client: Client) -> None:
    assert client.get(reverse("healthz")).headers["Content-Type"] == "application/json"


def test_the_page_makes_the_administrator_and_the_team_and_signs_in(client: Client) -> None:
    page = client.get(reverse("set-up"))
    assert page.status_code == 200
    response = set_up(client)
    assert (response.status_code, response.headers["Location"]) == (302, reverse("studio"))
    user, team = User.objects.get(), Team.objects.get()
    assert (user.email, user.is_superuser, user.is_staff) == ("ada@example.org", True, True)
    assert user.check_password(PASSWORD)
    assert team.name == "Foley"
    assert Membership.objects.get(user=user, team=team).role == Role.OWNER
    assert "ada@example.org" in client.get(reverse("studio")).content.decode()


def test_it_is_done_once(client: Client) -> None:
    set_up(client)
    stranger = Client()
    for response in (stranger.get(reverse("set-up")), set_up(stranger, email="eve@example.org")):
        assert (response.status_code, response.headers["Location"]) == (302, reverse("account_login"))
    assert User.objects.count() == Team.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"email": ""}, "email", "Enter your email address."),
        ({"email": "ada"}, "email", "Enter an email address, like name@example.com."),
        ({"email": "a" * 250 + "@example.org"}, "email", "at most 254 characters"),
        ({"team_name": "  "}, "team_name", "Give your team a name."),
        ({"team_name": "x" * 101}, "team_name", "at most 100 characters"),
        ({"password": ""}, "password", "Choose a password."),
        ({"password": "short"}, "password", "too short"),
        ({"password": "password1"}, "password", "too common"),
        ({"password": "ada@example.org"}, "password", "too similar"),
    ],
)
def test_what_does_not_do_is_said_at_its_field(
    client: Client, changes: dict[str, str], field: str, sentence: str
) -> None:
    response = set_up(client, **changes)
    assert response.status_code == 422
    html = response.content.decode()
    assert sentence in html
    control = Elements(html).identified(f"id_{field}")
    assert control["aria-invalid"] == "true"
    assert f"id_{field}_error" in str(control["aria-describedby"])
    if field != "team_name":
        assert Elements(html).identified("id_team_name")["value"] == "Foley"
    assert PASSWORD not in html
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_is_first() -> None:
    together = Barrier(2)

    def try_it(name: str) -> str:
        client = Client(raise_request_exception=True)
        client.get(reverse("set-up"))
        together.wait()
        try:
            return set_up(client, email=f"{name}@example.org", team_name=name).headers["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        landed = sorted(pool.map(try_it, ("ada", "bea")))
    assert landed == [reverse("studio"), reverse("account_login")]
    assert User.objects.count() == Team.objects.count() == Membership.objects.count() == 1


def test_others_can_be_added_after_the_first(client: Client) -> None:
    set_up(client)
    assert User.objects.create_user("bea@example.org", PASSWORD).pk != User.objects.get(email="ada@example.org").pk


# From the environment


@pytest.fixture
def admin(settings: Any) -> Any:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "root@example.org", PASSWORD
    return settings


def test_the_environment_does_the_same_without_the_page(admin: Any, capsys: Any) -> None:
    call_command("first_account")
    assert "made" in capsys.readouterr().out
    user = User.objects.get()
    assert (user.email, user.is_superuser, user.check_password(PASSWORD)) == ("root@example.org", True, True)
    assert Membership.objects.get(user=user).role == Role.OWNER
    response = Client().get("/")
    assert response.headers["Location"].startswith(reverse("account_login"))


def test_the_environment_never_makes_a_second_account(admin: Any, client: Client) -> None:
    set_up(client)
    assert not create_account_from_environment()
    assert User.objects.get().email == "ada@example.org"


@pytest.mark.parametrize(("email", "password"), [("", PASSWORD), ("root@example.org", "")])
def test_half_of_it_is_nothing(settings: Any, email: str, password: str) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = email, password
    assert not create_account_from_environment()
    assert not User.objects.exists()


@pytest.mark.parametrize(("email", "password"), [("root", PASSWORD), ("root@example.org", "12345678")])
def test_an_unusable_environment_is_refused_with_a_reason(settings: Any, email: str, password: str) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = email, password
    with pytest.raises(ImproperlyConfigured, match="ADMIN_EMAIL or ADMIN_PASSWORD: "):
        create_account_from_environment()
    assert not User.objects.exists()
