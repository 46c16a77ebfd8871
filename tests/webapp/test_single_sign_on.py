"""Single sign-on, against a provider that speaks OpenID Connect over HTTP on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.webapp.conftest import PASSWORD
from webapp.accounts import invitations
from webapp.accounts.models import Membership, Role, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

CLIENT, SECRET = "soundstage", "the-secret-that-the-provider-gave-us"


class Provider(ThreadingHTTPServer):
    """Knows one person; `claims` is what it says of them, `asked` the forms that were sent for a token."""

    claims: dict[str, Any]
    asked: list[dict[str, list[str]]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        if self.path == "/.well-known/openid-configuration":
            paths = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
            endpoints = {f"{name}_endpoint": f"{self.server.url}/{path}" for name, path in paths.items()}
            self.answer(endpoints | {"issuer": self.server.url, "jwks_uri": f"{self.server.url}/keys"})
        else:
            self.answer(self.server.claims)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(parse_qs(body))
        times = {"iat": int(time.time()), "exp": int(time.time()) + 60}
        token = jwt.encode({"iss": self.server.url, "aud": CLIENT, **times, **self.server.claims}, "k" * 32)
        self.answer({"access_token": "x", "token_type": "Bearer", "id_token": token})

    def answer(self, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    with Provider(("127.0.0.1", 0), Answers) as server:
        server.claims = {"sub": "17", "email": "alice@example.org", "email_verified": True, "name": "Alice"}
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        app = {
            "provider_id": "sso", "name": "Acme", "client_id": CLIENT, "secret": SECRET,
            "settings": {"server_url": server.url},
        }  # fmt: skip
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
        settings.ROOT_URLCONF = "tests.webapp.urls_with_single_sign_on"
        yield server
        server.shutdown()
        thread.join()


def go(client: Client, provider: Provider) -> HttpResponse:
    """The whole way: from our page to the provider, which knows who it is, and back."""
    away = client.get("/accounts/oidc/sso/login/")
    asked = parse_qs(urlsplit(away.headers["Location"]).query)
    assert away.headers["Location"].startswith(f"{provider.url}/authorize?")
    assert asked["redirect_uri"] == ["http://testserver/accounts/oidc/sso/login/callback/"]
    assert asked["code_challenge_method"] == ["S256"]
    back = client.get("/accounts/oidc/sso/login/callback/", {"code": "a-code", "state": asked["state"][0]})
    assert provider.asked[-1]["code"] == ["a-code"]
    return back  # type: ignore[return-value]


def test_it_is_off_without_a_provider(client: Client, alice: Client) -> None:
    assert "Go on with" not in client.get(reverse("account_login")).content.decode()
    assert "Connected" not in alice.get("/account/").content.decode()
    assert client.get("/accounts/oidc/sso/login/").status_code == 404


def test_it_signs_in_to_the_account_of_the_confirmed_address(client: Client, alice: Client, provider: Provider) -> None:
    assert "Go on with Acme" in client.get(reverse("account_login")).content.decode()
    assert go(client, provider).headers["Location"] == reverse("studio")
    assert "alice@example.org" in client.get("/account/").content.decode()
    assert User.objects.count() == 1
    # From then on it is the person who counts, whatever address they have there.
    provider.claims |= {"email": "alice@new.example.org"}
    again = Client()
    go(again, provider)
    assert "alice@example.org" in again.get("/account/").content.decode()
    assert User.objects.count() == 1


def test_an_address_that_nobody_confirmed_signs_in_to_nothing(
    client: Client, alice: Client, provider: Provider, settings: Any
) -> None:
    settings.OIDC_SIGN_UP = True
    provider.claims |= {"email_verified": False}
    go(client, provider)
    assert client.get("/").status_code == 302
    assert User.objects.count() == 1


def test_strangers_make_no_account_unless_the_installation_says_so(
    client: Client, alice: Client, provider: Provider, settings: Any
) -> None:
    provider.claims |= {"sub": "18", "email": "eve@example.org"}
    assert "Ask for an invitation" in go(client, provider).content.decode()
    assert User.objects.count() == 1
    settings.OIDC_SIGN_UP = True
    assert go(client, provider).headers["Location"] == reverse("studio")
    assert "Eve’s team" in client.get("/").content.decode()
    assert Membership.objects.get(user__email="eve@example.org").role == Role.OWNER, "in a team of their own"


def test_whoever_is_invited_joins_with_it(client: Client, alice: Client, team: Team, provider: Provider) -> None:
    provider.claims |= {"sub": "18", "email": "eve@example.org"}
    _, token = invitations.invite(team, Role.VIEWER, User.objects.get())
    client.post(reverse("invitation", args=[token]))
    assert "Go on with Acme" in client.get(reverse("account_signup")).content.decode()
    go(client, provider)
    (membership,) = Membership.objects.filter(user__email="eve@example.org")
    assert (membership.team, membership.role) == (team, Role.VIEWER)


def test_an_answer_that_nobody_asked_for_signs_nobody_in(client: Client, alice: Client, provider: Provider) -> None:
    back = client.get("/accounts/oidc/sso/login/callback/", {"code": "a-code", "state": "guess"}, follow=True)
    assert "This did not work" in back.content.decode()
    assert client.get("/").status_code == 302


def test_it_is_connected_and_disconnected(alice: Client, provider: Provider) -> None:
    provider.claims |= {"email": "someone@else.example.org"}
    alice.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert "Connect Acme" in alice.get(reverse("socialaccount_connections")).content.decode()
    away = alice.get("/accounts/oidc/sso/login/?process=connect")
    state = parse_qs(urlsplit(away.headers["Location"]).query)["state"][0]
    page = alice.get("/accounts/oidc/sso/login/callback/", {"code": "x", "state": state}, follow=True).content.decode()
    assert "Disconnect" in page
    other = Client()
    go(other, provider)
    assert "alice@example.org" in other.get("/account/").content.decode()
    account = User.objects.get().socialaccount_set.get()  # type: ignore[attr-defined]
    alice.post(reverse("socialaccount_connections"), {"account": account.pk})
    assert "Connect Acme" in alice.get(reverse("socialaccount_connections")).content.decode()
