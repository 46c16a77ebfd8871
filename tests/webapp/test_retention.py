"""Pages of what the retention rules removed, the record of it, and legal holds in the administration."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs import intake, retention
from jobs.models import AuditEntry, Clip, Generation, Hold, Status
from tests.webapp.conftest import Elements, member
from webapp.accounts.models import Role, Team, User
from webapp.sharing import links

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
Ask = Callable[..., Generation]


@pytest.fixture
def take(stored: Clip, ask: Ask) -> Generation:
    """A take from long ago, of a clip that was used for something else just now."""
    old = ask(stored)
    old.audio.save("audio.wav", ContentFile(b"wave"), save=False)
    old.video.save("video.mp4", ContentFile(b"film"), save=False)
    old.status, old.peaks = Status.SUCCEEDED, [(-1.0, 1.0)]
    old.created_at = old.finished_at = LONG_AGO
    old.save()
    return old


def keep_rules(settings: Any) -> str:
    """The rule for files is kept; the sentence that pages say from then on."""
    settings.RETENTION_MEDIA_DAYS = 30
    assert retention.run()
    today = timezone.localtime()
    return f"The files were removed on {today.day} {today:%b %Y} by the retention rules."


def words(response: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


def media_of(response: Any) -> list[str]:
    """Every address of ours on a page from which media would come."""
    elements = Elements(response.content.decode())
    found = [one[name] or "" for name in ("src", "href", "poster", "data-play") for one in elements.having(name)]
    return [address for address in found if address.startswith(("/media/", "/share/")) and "/comments" not in address]


def test_every_page_says_so_and_shows_what_is_left(
    alice: Client, team: Team, stored: Clip, take: Generation, settings: Any
) -> None:
    link = links.share(team, User.objects.get(), [take], days=1, password="", downloads=True, takes_comments=True)
    sentence = keep_rules(settings)
    query = f"?team={team.public_id}"
    page = alice.get(reverse("generation", args=[take.public_id]))
    assert sentence in words(page)
    assert "Make it again" in words(page)
    assert "Knocks on wood" in words(page)
    clip_alone = {reverse("clip-file", args=[stored.public_id, kind]) for kind in ("poster", "playable")}
    assert set(media_of(page)) == clip_alone
    again = alice.post(reverse("generation-take", args=[take.public_id]), {"seed": "same"})
    made = Generation.objects.exclude(pk=take.pk).get()
    assert again.headers["Location"] == reverse("generation", args=[made.public_id])
    assert sentence in words(alice.get(reverse("clip", args=[stored.public_id])))
    for listing in ("history", "library"):
        assert sentence.replace("The files were", "Files").removesuffix(" by the retention rules.") in words(
            alice.get(reverse(listing) + query)
        )
    guest = Client().get(reverse("share", args=[link.token]))
    assert sentence in words(guest)
    assert media_of(guest) == []
    gone = alice.get(reverse("generation-file", args=[take.public_id, "video"]))
    assert (gone.status_code, gone.content.decode()) == (410, sentence)
    shared = Client().get(reverse("share-file", args=[link.token, take.public_id, "audio"]))
    assert (shared.status_code, shared.content.decode()) == (410, sentence)
    nothing = alice.post(reverse("library-download") + query, {"generation": take.public_id}, follow=True)
    assert "nothing to download" in words(nothing)


def test_a_clip_whose_files_went_is_uploaded_again(
    alice: Client, team: Team, stored: Clip, take: Generation, settings: Any, ball: Any
) -> None:
    Clip.objects.update(created_at=LONG_AGO)
    keep_rules(settings)
    sentence = keep_rules(settings)
    query = f"?team={team.public_id}"
    pages = [
        alice.get(reverse("clip", args=[stored.public_id])),
        alice.get(reverse("generation", args=[take.public_id])),
        alice.get(f"{reverse('studio')}?clip={stored.public_id}"),
    ]
    lists = [alice.get(reverse(name) + query) for name in ("history", "library", "projects", "trash")]
    lists.append(alice.get(f"{reverse('library')}{query}&kind=clips"))
    for page in pages:
        assert sentence in words(page)
    for page in pages + lists:
        assert (page.status_code, media_of(page)) == (200, [])
    assert alice.get(reverse("clip-file", args=[stored.public_id, "poster"])).status_code == 410
    refused = alice.post(reverse("generation-take", args=[take.public_id]), {"seed": "new"}, follow=True)
    assert f"{sentence} Upload the clip again" in words(refused)
    assert Generation.objects.count() == 1
    with ball.open("rb") as file:
        assert alice.post(reverse("clip-upload") + query, {"upload": file}).status_code == 201
    assert b"".join(alice.get(reverse("clip-file", args=[stored.public_id, "original"]))) == ball.read_bytes()
    assert intake.another_take(take, None, same_seed=True).clip == stored


def test_what_went_is_told_to_whom_it_was_of(
    root: Client, team: Team, stored: Clip, take: Generation, settings: Any
) -> None:
    keep_rules(settings)
    adam = member(team, "adam", Role.ADMIN)
    elsewhere = Team.objects.create(name="Elsewhere")
    stranger = member(elsewhere, "otto", Role.ADMIN)
    mine, theirs = (f"?team={one.public_id}" for one in (team, elsewhere))
    for client, prefix, query in ((adam, "team", mine), (root, "admin", "")):
        page = words(client.get(reverse(f"{prefix}-jobs-retention") + query))
        assert "Files kept for 30 days" in page
        assert "Files 1 · 8 bytes" in page
        told = b"".join(client.get(reverse(f"{prefix}-jobs-retention-csv") + query)).decode()
        (line,) = csv.DictReader(told.splitlines())
        assert (line["rule"], line["id"], line["team"], line["bytes"]) == ("media", take.public_id, team.name, "8")
        assert line["why"] == "finished on 1 Jan 2020; files are kept for 30 days"
    assert "Nothing went yet" in words(stranger.get(reverse("team-jobs-retention") + theirs))
    told = b"".join(stranger.get(reverse("team-jobs-retention-csv") + theirs)).decode()
    assert take.public_id not in told


def test_the_installation_holds_and_releases(root: Client, team: Team, take: Generation, settings: Any) -> None:
    add = reverse("admin:jobs_hold_add")
    unknown = root.post(add, {"kind": "clip", "public_id": take.public_id, "why": "Case 12"})
    assert "There is no clip with this ID." in words(unknown)
    assert root.post(add, {"kind": "generation", "public_id": take.public_id, "why": "Case 12"}).status_code == 302
    hold = Hold.objects.get()
    assert (hold.by, hold.released_at) == (User.objects.get(email="root@example.org"), None)
    settings.RETENTION_MEDIA_DAYS = 30
    assert retention.run() is None
    assert f"Generation · {take.public_id}" in words(root.get(reverse("admin-jobs-retention")))
    chosen = {"action": "release", "_selected_action": hold.pk}
    assert "Released: 1 hold." in words(root.post(reverse("admin:jobs_hold_changelist"), chosen, follow=True))
    assert retention.run()
    told = [(entry.action, entry.by_name, entry.team) for entry in AuditEntry.objects.order_by("pk")]
    assert told == [("hold", "root@example.org", team), ("release", "root@example.org", team)]
