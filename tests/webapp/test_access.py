"""Who reaches what: everything takes a sign-in, a team sees its own alone, a viewer changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from jobs.models import Clip, Generation
from tests.webapp.conftest import PASSWORD, member
from webapp.accounts.models import Membership, Role, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

# What somebody without a session has to reach: to sign in, to get a new password, to be told why not.
OPEN = {
    "healthz", "set-up", "account_login", "account_logout", "account_signup", "account_inactive",
    "account_reset_password", "account_reset_password_done", "account_reset_password_from_key",
    "account_reset_password_from_key_done", "account_confirm_email", "account_email_verification_sent",
    "account_confirm_login_code", "admin:login",
}  # fmt: skip
PLACES = {
    "clip_id": "asset_x", "generation_id": "gen_x", "kind": "original", "app_label": "jobs", "object_id": "1",
    "content_type_id": "1", "uidb36": "1", "key": "x", "id": "1",
    "backend": "fal",
}  # fmt: skip


def every_address() -> Iterator[tuple[str, str]]:
    """Name and path of every named address of Soundstage, those of the libraries too."""

    def walk(patterns: list[URLPattern | URLResolver], space: str) -> Iterator[tuple[str, str]]:
        for entry in patterns:
            if isinstance(entry, URLResolver):
                yield from walk(entry.url_patterns, f"{space}{entry.namespace}:" if entry.namespace else space)
            elif entry.name:
                name = space + entry.name
                yield name, reverse(name, kwargs={place: PLACES[place] for place in entry.pattern.regex.groupindex})
            else:
                assert space == "admin:", entry  # Django's own, which only lead on

    yield from walk(get_resolver().url_patterns, "")


ADDRESSES = sorted(every_address())


def test_every_address_is_known() -> None:
    names = {name for name, _ in ADDRESSES}
    assert {"studio", "clip-file", "history-live", "team-backends", "account_change_password", "admin:index"} <= names
    assert names >= OPEN


@pytest.mark.parametrize(("name", "path"), [found for found in ADDRESSES if found[0] not in OPEN])
@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_session_every_address_leads_to_the_sign_in(
    client: Client, team: Team, victor: Client, name: str, path: str, method: str
) -> None:
    response = getattr(client, method)(path, follow=True)
    assert response.redirect_chain, f"{name} answers {response.status_code}"
    assert response.redirect_chain[-1][0].startswith(reverse("account_login"))


@pytest.mark.parametrize("name", sorted(OPEN - {"healthz", "admin:login"}))
def test_the_open_pages_are_in_our_frame_and_show_nothing_of_a_team(client: Client, victor: Client, name: str) -> None:
    (path,) = {path for known, path in ADDRESSES if known == name}
    response = client.get(path, follow=True)
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
    client.post(form, {"password1": "another good horse", "password2": "another good horse"})
    assert User.objects.get(email="victor@example.org").check_password("another good horse")
    assert "used up" in client.get(link, follow=True).content.decode()


def test_nobody_signs_up_by_themselves(client: Client, victor: Client) -> None:
    fields = {"email": "eve@example.org", "password1": PASSWORD, "password2": PASSWORD}
    assert "Ask your team for an account" in client.post(reverse("account_signup"), fields).content.decode()
    assert not User.objects.filter(email="eve@example.org").exists()


def test_administration_is_for_staff(client: Client, victor: Client, team: Team) -> None:
    assert victor.get(reverse("admin:index"), follow=True).status_code == 403
    root = User.objects.create_superuser("root@example.org", PASSWORD)
    client.force_login(root)
    assert client.get(reverse("admin:index")).status_code == 200


# Teams


def belongings(clip: Clip, generation: Generation) -> list[tuple[str, str]]:
    """Method and address of everything that is a team's own."""
    of_clip = [("get", reverse("clip-facts", args=[clip.public_id]))]
    of_clip += [
        ("get", reverse("clip-file", args=[clip.public_id, kind])) for kind in ("original", "playable", "poster")
    ]
    of_generation = [
        ("get", reverse("generation-file", args=[generation.public_id, kind]))
        for kind in ("video", "playable", "audio")
    ]
    of_generation += [("get", reverse(name, args=[generation.public_id])) for name in ("generation", "generation-live")]
    of_generation += [
        ("post", reverse(name, args=[generation.public_id])) for name in ("generation-take", "generation-cancel")
    ]
    of_generation += [("get", f"{reverse('studio')}?from={generation.public_id}")]
    return of_clip + of_generation


def test_another_teams_things_and_things_that_never_were_answer_the_same(
    charlie: Client, stored: Clip, ask: Callable[..., Generation]
) -> None:
    generation = ask(stored)
    never = Clip(public_id="asset_never"), Generation(public_id="gen_never")
    for (method, there), (_, nowhere) in zip(
        belongings(stored, generation), belongings(never[0], never[1]), strict=True
    ):
        answers = [
            getattr(charlie, method)(path, {} if method == "get" else {"seed": "new"}) for path in (there, nowhere)
        ]
        assert [answer.status_code for answer in answers] == [404, 404], there
        bodies = [re.sub(r'(csrfmiddlewaretoken" value=)"\w+"', r"\1", answer.content.decode()) for answer in answers]
        assert bodies[0].replace(there, nowhere) == bodies[1]
    generation.refresh_from_db()
    assert (generation.status, Generation.objects.count()) == ("queued", 1)


def test_somebody_in_two_teams_acts_for_the_one_joined_first(
    alice: Client, stored: Clip, ask: Callable[..., Generation]
) -> None:
    Membership.objects.create(team=Team.objects.create(name="Second"), user=User.objects.get(), role=Role.OWNER)
    assert alice.get(reverse("generation", args=[ask(stored).public_id])).status_code == 200


def test_an_account_without_a_team_gets_one_of_its_own(client: Client) -> None:
    user = User.objects.create_user("bea@example.org", PASSWORD)
    client.force_login(user)
    assert "Bea’s team" in client.get("/").content.decode()
    client.get("/")
    assert Membership.objects.get(user=user).role == Role.OWNER


# Viewers


def test_a_viewer_looks_and_listens(victor: Client, stored: Clip, ask: Callable[..., Generation]) -> None:
    ask(stored)
    for path in ("/", "/history/", *(path for method, path in belongings(stored, ask(stored)) if method == "get")):
        expected = 404 if re.search("media/g/", path) else 200  # nothing is published yet
        response = victor.get(path)
        assert b"".join(response)
        assert response.status_code == expected, path


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
