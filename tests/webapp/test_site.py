"""What is true of every page: its headers, its refusals, and how the program says it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, reverse
from django.utils import timezone

from jobs.models import WorkerHeartbeat
from webapp import urls

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


def broken(request: HttpRequest) -> HttpResponse:
    raise {"500": RuntimeError, "403": PermissionDenied, "400": SuspiciousOperation}[request.GET["as"]]("secret detail")


urlpatterns = [*urls.urlpatterns, path("broken/", broken)]


@pytest.fixture
def breaking(settings: Any, alice: Client) -> Client:
    """Alice, on a site with one more address, which breaks as it is told."""
    settings.ROOT_URLCONF = __name__
    alice.raise_request_exception = False
    return alice


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("400", "Go back and try again."),
        ("403", "secret detail"),  # what a refusal says is meant for the person
        ("500", "Something broke on our side"),
    ],
)
def test_what_goes_wrong_is_said_in_our_frame(breaking: Client, status: str, sentence: str) -> None:
    response = breaking.get("/broken/", {"as": status})
    html = response.content.decode()
    assert response.status_code == int(status)
    assert sentence in html
    assert 'class="brand"' in html
    assert reverse("studio") in html
    assert ("secret detail" in html) == (status == "403")
    assert "Traceback" not in html


def test_an_address_that_is_nowhere_is_a_page_with_a_way_on(alice: Client) -> None:
    response = alice.get("/nowhere/")
    html = response.content.decode()
    assert response.status_code == 404
    assert "There is nothing here" in html
    assert "History" in html


def test_a_form_from_elsewhere_is_refused_and_changes_nothing(alice: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = alice.cookies
    response = strict.post(reverse("account_logout"))
    html = response.content.decode()
    assert response.status_code == 403
    assert "reload the page" in html
    assert 'class="brand"' in html
    assert strict.get(reverse("studio")).status_code == 200


@pytest.mark.parametrize("name", ["studio", "clip-upload", "clip-sample"])
def test_every_change_takes_a_token(alice: Client, name: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = alice.cookies
    assert strict.post(reverse(name)).status_code == 403


@pytest.mark.parametrize("path", ["/", "/history/", "/nowhere/", "/accounts/login/", "/healthz"])
def test_every_answer_says_what_it_may_do(alice: Client, path: str) -> None:
    headers = alice.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert "unsafe" not in policy.get("script-src", "")
    assert (policy["object-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
    assert (policy["form-action"], policy["base-uri"]) == ("'self'", "'self'")
    assert "blob:" in policy["media-src"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_too_many_wrong_passwords_meet_a_page_that_says_so(client: Client, alice: Client) -> None:
    answers = [
        client.post(reverse("account_login"), {"login": "alice@example.org", "password": f"guess {index}"})
        for index in range(12)
    ]
    last = answers[-1].content.decode()
    assert "Too many" in last
    assert 'class="brand"' in last


def test_asking_for_new_passwords_without_end_meets_one_too(client: Client, alice: Client) -> None:
    answers = [client.post(reverse("account_reset_password"), {"email": "alice@example.org"}) for _ in range(8)]
    last = answers[-1]
    assert last.status_code == 429
    assert "Wait a few minutes" in last.content.decode()
    assert 'class="brand"' in last.content.decode()


# Health


@pytest.mark.parametrize("seconds", [0, 3600])
def test_health_is_json_that_names_what_is_down(client: Client, settings: Any, seconds: int) -> None:
    settings.ENGINE_URL = "http://127.0.0.1:1"
    WorkerHeartbeat.objects.create(name="one", seen_at=timezone.now() - timedelta(seconds=seconds))
    response = client.get(reverse("healthz"))
    assert response.status_code == 503
    worker = "ok" if seconds == 0 else "down"
    assert response.json() == {"status": "degraded", "web": "ok", "worker": worker, "engine": "down"}
