"""A person's own account: name, email, password, two-factor sign-in, and where one is signed in."""

from __future__ import annotations

import base64
import hmac
import os
import re
import struct
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.programs import ROOT
from tests.webapp.conftest import PASSWORD
from webapp.accounts.models import CacheEntry, User
from webapp.accounts.tasks import forget_counts

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

EMAIL = "alice@example.org"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"


@pytest.fixture
def account(alice: Client) -> User:
    return User.objects.get(email=EMAIL)


def sign_in(agent: str = FIREFOX, *, email: str = EMAIL, password: str = PASSWORD) -> tuple[Client, HttpResponse]:
    client = Client(headers={"User-Agent": agent})
    return client, client.post(reverse("account_login"), {"login": email, "password": password})  # type: ignore[return-value]


@pytest.fixture
def signed_in(account: User) -> Client:
    return sign_in()[0]


def confirm(client: Client) -> None:
    """Enter the password once more, as it is asked for before something about the account is changed."""
    page = client.post(reverse("account_email"), {"action_add": "", "email": "x@example.org"})
    assert page.headers["Location"].startswith(reverse("account_reauthenticate"))
    wrong = client.post(reverse("account_reauthenticate"), {"password": "guess"})
    assert 'aria-invalid="true"' in wrong.content.decode()
    assert client.post(reverse("account_reauthenticate"), {"password": PASSWORD}).status_code == 302


def link_in(mail: Any) -> str:
    return re.search(r"http://testserver(\S+)", mail.body)[1]  # type: ignore[index]


def test_a_name_is_what_the_team_sees(signed_in: Client, victor: Client) -> None:
    page = signed_in.post(
        "/account/", {"name": " Alice \u202e<i>Liddell</i> ", "comment_mail": "daily"}, follow=True
    ).content.decode()
    assert "Your teams see Alice &lt;i&gt;Liddell&lt;/i&gt; now." in page
    shown = victor.get("/team/").content.decode()
    assert "<bdi>Alice &lt;i&gt;Liddell&lt;/i&gt;</bdi>" in shown
    assert EMAIL in shown
    signed_in.post("/account/", {"name": "", "comment_mail": "never"})
    assert User.objects.get(email=EMAIL).shown_name == EMAIL
    assert signed_in.post("/account/", {"name": "x" * 101}).status_code == 422


def test_the_account_leads_to_everything_about_it(signed_in: Client) -> None:
    page = signed_in.get("/account/").content.decode()
    for name in ("account_email", "account_change_password", "mfa_index", "usersessions_list"):
        address = reverse(name)
        assert f'href="{address}"' in page
        shown = signed_in.get(address)
        assert shown.status_code == 200, name
        assert 'class="brand"' in shown.content.decode()


def test_the_address_is_changed_once_the_new_one_is_confirmed(
    signed_in: Client, charlie: Client, mailoutbox: list[Any]
) -> None:
    confirm(signed_in)
    taken = signed_in.post(reverse("account_email"), {"action_add": "", "email": "charlie@example.org"})
    assert "Another account signs in with this address." in taken.content.decode()
    page = signed_in.post(reverse("account_email"), {"action_add": "", "email": "a.liddell@example.org"}, follow=True)
    assert "on its way to a.liddell@example.org" in page.content.decode()
    assert "a new one waits to be confirmed" in signed_in.get("/account/").content.decode()
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == (["a.liddell@example.org"], "Soundstage: Confirm your email address")
    link = link_in(mail)
    assert "Is <bdi>a.liddell@example.org</bdi> yours?" in signed_in.get(link).content.decode()
    assert "is confirmed" in signed_in.post(link, follow=True).content.decode()
    use = {"action_primary": "", "email": "a.liddell@example.org"}
    assert (
        "Mail goes to the new address now"
        in signed_in.post(reverse("account_email"), use, follow=True).content.decode()
    )
    signed_in.post(reverse("account_email"), {"action_remove": "", "email": EMAIL})
    assert User.objects.earliest("pk").email == "a.liddell@example.org"
    assert sign_in(email="a.liddell@example.org")[1].status_code == 302
    assert sign_in()[1].status_code == 200, "the old one signs in no more"


def test_the_address_in_use_is_not_removed(signed_in: Client) -> None:
    confirm(signed_in)
    page = signed_in.post(reverse("account_email"), {"action_remove": "", "email": EMAIL}, follow=True)
    assert "Use another address first." in page.content.decode()
    assert User.objects.get().email == EMAIL


def test_a_mail_server_that_is_down_costs_nobody_their_page(
    signed_in: Client, client: Client, settings: Any, caplog: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    confirm(signed_in)
    page = signed_in.post(reverse("account_email"), {"action_add": "", "email": "new@example.org"}, follow=True)
    assert "The mail to new@example.org could not be sent." in page.content.decode()
    assert "is on its way" not in page.content.decode()
    pages = [client.post(reverse("account_reset_password"), {"email": email}, follow=True).content.decode()
             for email in (EMAIL, "nobody@example.org")]  # fmt: skip
    assert all("Look into your mail" in page and "could not be sent" not in page for page in pages)
    assert "a mail (account/email/password_reset_key) could not be sent" in caplog.text


def test_a_new_password_signs_every_other_browser_out(signed_in: Client) -> None:
    other, _ = sign_in(SAFARI)
    fields = {"oldpassword": PASSWORD, "password1": "another good horse"}
    assert (
        "Your password is changed."
        in signed_in.post(reverse("account_change_password"), fields, follow=True).content.decode()
    )
    assert signed_in.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302


# Sessions


def test_one_sees_where_one_is_signed_in_and_ends_it(signed_in: Client, charlie: Client) -> None:
    phone, _ = sign_in(SAFARI)
    page = signed_in.get(reverse("usersessions_list")).content.decode()
    assert "Firefox on Linux <span" in page
    assert "Safari on iPhone" in page
    there = UserSession.objects.get(user_agent=SAFARI)
    end = reverse("session-end", args=[there.pk])
    assert charlie.post(end).status_code == 404
    assert phone.get("/").status_code == 200
    assert "That browser is signed out." in signed_in.post(end, follow=True).content.decode()
    assert phone.get("/").status_code == 302
    assert signed_in.get("/").status_code == 200
    own = UserSession.objects.get(user_agent=FIREFOX)
    assert signed_in.post(reverse("session-end", args=[own.pk])).headers["Location"] == reverse("account_login")
    assert signed_in.get("/").status_code == 302


def test_all_the_others_are_ended_at_once(signed_in: Client) -> None:
    others = [sign_in(SAFARI)[0], sign_in(SAFARI)[0]]
    page = signed_in.post(reverse("usersessions_list"), follow=True).content.decode()
    assert "You are signed out everywhere else." in page
    assert [other.get("/").status_code for other in others] == [302, 302]
    assert signed_in.get("/").status_code == 200


# Two-factor sign-in


def code(secret: str, *, step: int = 0) -> str:
    """What an authenticator app shows (RFC 6238), `step` half minutes from now."""
    counter = struct.pack(">Q", int(time.time()) // 30 + step)
    digest = hmac.digest(base64.b32decode(secret + "=" * (-len(secret) % 8)), counter, "sha1")
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


@pytest.fixture
def secret(signed_in: Client) -> str:
    """Switches two-factor sign-in on."""
    confirm(signed_in)
    page = signed_in.get(reverse("mfa_activate_totp")).content.decode()
    secret = re.search(r'sheet-secret">(\w+)<', page)[1]  # type: ignore[index]
    wrong = signed_in.post(reverse("mfa_activate_totp"), {"code": "000000"})
    assert 'aria-invalid="true"' in wrong.content.decode()
    done = signed_in.post(reverse("mfa_activate_totp"), {"code": code(secret)}, follow=True)
    assert "<h1>Recovery codes</h1>" in done.content.decode()
    return secret


def test_the_password_alone_signs_in_no_more(signed_in: Client, secret: str) -> None:
    client, response = sign_in()
    assert response.headers["Location"] == reverse("mfa_authenticate")
    assert client.get("/").status_code == 302
    assert 'aria-invalid="true"' in client.post(reverse("mfa_authenticate"), {"code": "000000"}).content.decode()
    assert client.post(reverse("mfa_authenticate"), {"code": code(secret, step=1)}).status_code == 302
    assert client.get("/").status_code == 200


def test_its_secrets_are_kept_encrypted(signed_in: Client, secret: str) -> None:
    assert Authenticator.objects.exists()
    assert all(secret not in repr(row) for row in Authenticator.objects.values())


def test_a_recovery_code_lets_in_once_without_the_app(signed_in: Client, secret: str) -> None:
    page = signed_in.get(reverse("mfa_view_recovery_codes")).content.decode()
    codes = re.findall(r"<code>(\w+)</code>", page)
    assert len(codes) == 10
    assert signed_in.get(reverse("mfa_download_recovery_codes")).content.decode().split() == codes
    for expected in (302, 200):
        client, _ = sign_in()
        assert client.post(reverse("mfa_authenticate"), {"code": codes[0]}).status_code == expected


def test_it_is_switched_off_again(signed_in: Client, secret: str) -> None:
    assert "Switch two-factor sign-in off?" in signed_in.get(reverse("mfa_deactivate_totp")).content.decode()
    assert "Two-factor sign-in is off." in signed_in.post(reverse("mfa_deactivate_totp"), follow=True).content.decode()
    assert not Authenticator.objects.exists()
    assert sign_in()[1].headers["Location"] == reverse("studio")


# Guessing


def test_guessing_a_password_is_stopped_for_whoever_is_guessed_at_alone(account: User, charlie: Client) -> None:
    for _ in range(5):
        assert "not correct" in sign_in(password="guess")[1].content.decode()
    assert "Too many failed login attempts" in sign_in()[1].content.decode(), "the right one comes too late"
    assert sign_in(email="charlie@example.org")[1].status_code == 302


def test_guessing_a_code_is_stopped(signed_in: Client, secret: str) -> None:
    client, _ = sign_in()
    answers = [client.post(reverse("mfa_authenticate"), {"code": f"00000{number}"}) for number in range(7)]
    assert "Too many" in answers[-1].content.decode()


def test_what_counts_no_more_is_forgotten_with_its_address(account: User) -> None:
    sign_in(password="guess")
    forget_counts()
    assert CacheEntry.objects.filter(cache_key__contains="127.0.0.1").exists()
    CacheEntry.objects.update(expires=timezone.now() - timedelta(seconds=1))
    forget_counts()
    assert not CacheEntry.objects.exists()


OTHER_PROCESS = """
import sys, django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
django.setup()
from django.test import Client
for _ in range(5):
    Client().post("/accounts/login/", {"login": "alice@example.org", "password": "guess"})
"""


@pytest.mark.django_db(transaction=True)
def test_guesses_are_counted_for_all_web_processes_together(account: User) -> None:
    database = str(connection.settings_dict["NAME"])
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "webapp.settings", "ALLOWED_HOSTS": "testserver"}
    subprocess.run([sys.executable, "-c", OTHER_PROCESS, database], check=True, cwd=ROOT, env=environment, timeout=60)
    assert "Too many failed login attempts" in sign_in()[1].content.decode()
