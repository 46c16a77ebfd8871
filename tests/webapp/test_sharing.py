"""Share links, through their addresses: what a guest sees and hears, for how long, and what the team sees of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs import trash
from jobs.models import Clip, Generation, Status
from tests.webapp.conftest import Elements, member
from webapp.accounts.models import Role, Team, User
from webapp.sharing.models import ShareLink
from webapp.sharing.team_pages import LINKS_PER_PAGE

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

FACTS = {"width": 64, "height": 36, "fps": 25.0, "plays_in_browsers": True, "has_audio": False, "silent": True}


@pytest.fixture
def pier(team: Team) -> Generation:
    """A take of a clip, with a picture."""
    clip = Clip(team=team, name="pier.mp4", sha256="3" * 64, duration=2.0, facts=FACTS)
    clip.file.save("original.mp4", ContentFile(b"silent"), save=False)
    clip.poster.save("poster.jpg", ContentFile(b"poster"), save=False)
    clip.save()
    return made(team, "Waves against a pier", clip)


def made(team: Team, prompt: str, clip: Clip | None = None, status: Status = Status.SUCCEEDED) -> Generation:
    generation = Generation(team=team, clip=clip, prompt=prompt, effective_duration=2.0, seed=7, status=status)
    generation.audio.save("audio.wav", ContentFile(b"waves"), save=False)
    if clip:
        generation.video.save("video.mp4", ContentFile(b"waves and picture"), save=False)
    generation.save()
    return generation


def share(client: Client, *generations: Generation, **fields: str) -> ShareLink:
    sent = {"generation": [one.public_id for one in generations], "confirmed": "yes", "days": "30", **fields}
    assert client.post(reverse("team-link-new"), sent).status_code == 302
    return ShareLink.objects.latest("pk")


def address(link: ShareLink) -> str:
    return reverse("share", args=[link.token])


def media(link: ShareLink, generation: Generation, kind: str) -> str:
    return reverse("share-file", args=[link.token, generation.public_id, kind])


def read(response: Any) -> bytes:
    return b"".join(response)


def test_a_guest_sees_and_hears_what_was_shared_and_nothing_else_of_the_team(
    alice: Client, team: Team, pier: Generation
) -> None:
    rain, secret = made(team, "Rain <b>on</b> tin"), made(team, "Secret")
    asked = alice.post(reverse("team-link-new"), {"generation": [pier.public_id, rain.public_id]})
    assert "Share 2 generations" in asked.content.decode()
    assert not ShareLink.objects.exists()
    link, guest = share(alice, pier, rain), Client()

    response = guest.get(address(link))
    page = response.content.decode()
    elements = Elements(page)
    assert elements.identified("result")["src"] == media(link, pier, "playable")
    assert elements.identified("original")["src"] == media(link, pier, "original")
    assert "Secret" not in page
    assert team.name not in page
    assert "alice" not in page
    assert "/media/" not in page
    assert "Rain &lt;b&gt;on&lt;/b&gt; tin" in page
    told = {tag["property"]: tag["content"] for tag in elements.having("property")}
    assert told["og:title"] == "Waves against a pier"
    assert told["og:description"] == "2 s of sound for pier.mp4, 1 of 2"
    assert told["og:image"] == "http://testserver" + media(link, pier, "poster")
    assert {"name": "robots", "content": "noindex, nofollow"} in elements.having("name")

    other = Elements(guest.get(address(link), {"g": rain.public_id}).content.decode())
    assert other.identified("result")["src"] == media(link, rain, "playable")
    assert guest.get(address(link), {"g": secret.public_id}).status_code == 404

    assert read(guest.get(media(link, pier, "original"))) == b"silent"
    assert read(guest.get(media(link, rain, "playable"))) == b"waves"
    part = guest.get(media(link, pier, "playable"), headers={"Range": "bytes=0-4"})
    assert (part.status_code, read(part)) == (206, b"waves")
    assert guest.get(media(link, secret, "playable")).status_code == 404
    assert guest.get(reverse("generation-file", args=[pier.public_id, "video"])).status_code == 302
    for answer in (response, part):
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answer.headers["Referrer-Policy"] == "same-origin"


def test_downloads_are_there_only_where_the_link_has_them(alice: Client, pier: Generation) -> None:
    guest, off, on = Client(), share(alice, pier), share(alice, pier, downloads="on")
    assert "?download" not in guest.get(address(off)).content.decode()
    assert guest.get(media(off, pier, "video")).status_code == 404
    assert guest.get(media(off, pier, "playable") + "?download").status_code == 404
    assert media(on, pier, "video") + "?download" in guest.get(address(on)).content.decode()
    got = guest.get(media(on, pier, "video") + "?download")
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert read(got) == b"waves and picture"


@pytest.mark.parametrize("how", ["revoked", "expired", "deleted", "clip deleted"])
def test_a_link_that_ended_shows_and_plays_nothing_from_that_moment(
    alice: Client, team: Team, pier: Generation, how: str
) -> None:
    link, guest = share(alice, pier, days="1"), Client()
    assert guest.get(address(link)).status_code == 200
    assert read(guest.get(media(link, pier, "playable")))
    if how == "revoked":
        revoke = reverse("link-revoke", args=[link.pk])
        assert "Revoke this link?" in alice.get(revoke).content.decode()
        assert guest.get(address(link)).status_code == 200
        alice.post(revoke)
    elif how == "expired":
        assert link.expires_at
        assert timedelta(hours=23) < link.expires_at - timezone.now() < timedelta(hours=25)
        ShareLink.objects.update(expires_at=timezone.now())
    else:
        clips = [pier.clip] if pier.clip and how == "clip deleted" else []
        trash.discard(team, User.objects.get(), clips, [] if clips else [pier])
    closed = guest.get(address(link))
    assert closed.status_code == 404
    assert "Ask whoever sent it for a new one" in closed.content.decode()
    never = guest.get(reverse("share", args=["never"]))
    assert closed.content.decode().replace(link.token, "never") == never.content.decode()
    for kind in ("poster", "original", "playable"):
        assert guest.get(media(link, pier, kind)).status_code == 404


def test_a_password_opens_the_page_and_its_media_and_guessing_is_slowed_down(alice: Client, pier: Generation) -> None:
    link, guest = share(alice, pier, password="seagull"), Client()
    assert "seagull" not in link.password
    locked = guest.get(address(link)).content.decode()
    assert "This link has a password" in locked
    assert pier.prompt not in locked
    assert "og:" not in locked
    assert guest.get(media(link, pier, "poster")).status_code == 404
    assert guest.post(address(link), {"password": "gull"}).status_code == 422
    assert guest.post(address(link), {"password": "seagull"}).status_code == 302
    assert pier.prompt in guest.get(address(link)).content.decode()
    assert read(guest.get(media(link, pier, "poster"))) == b"poster"
    other = share(alice, pier, password="herring")
    assert guest.get(media(other, pier, "poster")).status_code == 404
    answers = [Client().post(address(link), {"password": str(guess)}).status_code for guess in range(12)]
    assert answers[0] == 422
    assert answers[-1] == 429
    assert Client().post(address(link), {"password": "seagull"}).status_code == 429


def test_guessing_from_everywhere_is_slowed_down_too(alice: Client, pier: Generation, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"share_password": "10/m/ip,3/h/key"}
    link, other = share(alice, pier, password="seagull"), share(alice, pier, password="herring")
    guesses = [
        Client(REMOTE_ADDR=f"192.0.2.{number}").post(address(link), {"password": "gull"}).status_code
        for number in range(5)
    ]
    assert guesses == [422, 422, 422, 429, 429]
    assert Client().post(address(other), {"password": "herring"}).status_code == 302


def test_a_link_is_changed_and_what_is_not_touched_stays(alice: Client, pier: Generation) -> None:
    link, guest = share(alice, pier, password="seagull"), Client()
    change = reverse("link-change", args=[link.pk])
    assert change in alice.get(reverse("team-links")).content.decode()
    assert "As now, until" in alice.get(change).content.decode()
    guest.post(address(link), {"password": "seagull"})

    alice.post(change, {"days": "keep", "downloads": "on"})
    assert read(guest.get(media(link, pier, "video"))) == b"waves and picture"
    before = link.expires_at
    link.refresh_from_db()
    assert link.expires_at == before

    # Whoever gave the password that was is asked for the one that is.
    alice.post(change, {"days": "", "password": "herring"})
    link.refresh_from_db()
    assert (link.expires_at, link.downloads) == (None, False)
    assert guest.get(media(link, pier, "playable")).status_code == 404
    assert pier.prompt not in guest.get(address(link)).content.decode()
    assert guest.post(address(link), {"password": "seagull"}).status_code == 422
    assert guest.post(address(link), {"password": "herring"}).status_code == 302
    alice.post(change, {"days": "1", "open": "on"})
    assert pier.prompt in Client().get(address(link)).content.decode()
    assert alice.post(change, {"days": "9999"}).status_code == 422

    alice.post(reverse("link-revoke", args=[link.pk]))
    assert "This link has ended" in alice.post(change, {"days": ""}, follow=True).content.decode()
    assert Client().get(address(link)).status_code == 404


def test_the_team_sees_its_links_and_how_often_each_was_looked_at(
    alice: Client, charlie: Client, team: Team, pier: Generation
) -> None:
    link, guest = share(alice, pier, days=""), Client()
    assert link.expires_at is None
    for client in (guest, guest, Client()):
        client.get(address(link))
    listed = alice.get(reverse("team-links")).content.decode()
    assert "http://testserver" + address(link) in listed
    assert "2 views, the last" in listed
    assert "until it is revoked" in listed
    assert pier.prompt in listed
    assert link.token not in charlie.get(reverse("team-links")).content.decode()
    told = alice.get(reverse("team-activity")).content.decode()
    assert "shared" in told
    assert pier.prompt in told
    alice.post(reverse("link-revoke", args=[link.pk]))
    listed = alice.get(reverse("team-links")).content.decode()
    assert link.token not in listed
    assert "revoked" in listed
    assert "revoked a link to" in alice.get(reverse("team-activity")).content.decode()


def test_many_links_are_paged_and_each_is_found_on_its_page(alice: Client, team: Team) -> None:
    now = timezone.now()
    made_at = [now - timedelta(minutes=minutes) for minutes in range(LINKS_PER_PAGE)] + [now - timedelta(days=1)] * 2
    ShareLink.objects.bulk_create(ShareLink(team=team, created_at=moment) for moment in made_at)
    # Of two of the same moment the later comes first.
    newest_first = [link.pk for link in ShareLink.objects.order_by("-created_at", "-pk")]
    for number, expected in ((1, newest_first[:LINKS_PER_PAGE]), (2, newest_first[LINKS_PER_PAGE:])):
        listed = alice.get(reverse("team-links"), {"page": number}).content.decode()
        assert [int(found) for found in re.findall(r'<li id="link-(\d+)"', listed)] == expected
        for link in (expected[0], expected[-1]):
            there = alice.get(reverse("team-link", args=[link])).headers["Location"]
            assert there == f"{reverse('team-links')}?team={team.public_id}&page={number}#link-{link}"
    assert alice.get(reverse("team-links"), {"page": 3}).status_code == 404


def test_members_revoke_their_own_links_and_admins_any(alice: Client, team: Team, pier: Generation) -> None:
    link, mate, admin = share(alice, pier), member(team, "mate"), member(team, "admin", Role.ADMIN)
    revoke = reverse("link-revoke", args=[link.pk])
    assert revoke not in mate.get(reverse("team-links")).content.decode()
    refused = mate.post(revoke)
    assert refused.status_code == 403
    assert "Only whoever made a link" in refused.content.decode()
    assert revoke in admin.get(reverse("team-links")).content.decode()
    admin.post(revoke)
    assert Client().get(address(link)).status_code == 404


def test_only_finished_sounds_of_the_team_are_shared(alice: Client, charlie: Client, team: Team) -> None:
    queued, rain = made(team, "Hail", status=Status.QUEUED), made(team, "Rain")
    sent = {"generation": queued.public_id, "confirmed": "yes", "days": "30"}
    assert "Nothing with a sound was chosen" in alice.post(reverse("team-link-new"), sent, follow=True).content.decode()
    asked = alice.post(reverse("team-link-new"), {"generation": [queued.public_id, rain.public_id]}).content.decode()
    assert "1 of what you chose has no sound" in asked
    assert charlie.post(reverse("team-link-new"), sent | {"generation": rain.public_id}).status_code == 404
    wrong = alice.post(reverse("team-link-new"), sent | {"generation": rain.public_id, "days": "9999"})
    assert wrong.status_code == 422
    assert not ShareLink.objects.exists()
