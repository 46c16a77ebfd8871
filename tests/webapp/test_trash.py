"""The trash as people meet it: asked first, out of sight everywhere, restored, and playing on for who plays."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from jobs.models import Clip, Generation, Status
from webapp.accounts.models import Team

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

Ask = Callable[..., Generation]
PUT, RESTORE = "/trash/put/", "/trash/restore/"


def test_it_is_asked_first_and_said_what_goes(alice: Client, stored: Clip, ask: Ask) -> None:
    ask(stored, prompt="<b>Knocks</b>")
    page = alice.post(PUT, {"clip": stored.public_id, "next": "/history/"}).content.decode()
    assert "Put 1 clip into the trash?" in page
    assert "With 1 take made of the clip." in page
    assert "1 of them is still being made and will be cancelled." in page
    assert "<bdi>ball.mp4</bdi>" in page
    assert Clip.objects.exists()
    response = alice.post(PUT, {"clip": stored.public_id, "next": "/history/", "confirmed": "yes"}, follow=True)
    assert response.redirect_chain == [("/history/", 302)]
    said = response.content.decode()
    assert "1 clip deleted. For 30 days it can be restored from" in said
    assert f'href="/trash/?team={stored.team.public_id}&amp;at=' in said
    assert not Clip.objects.exists()
    assert Generation.everything.get().status == Status.CANCELLED


def test_what_went_together_comes_back_together(alice: Client, victor: Client, ask: Ask) -> None:
    earlier, *several = (ask(prompt=f"Rain {number}").public_id for number in range(3))
    alice.post(PUT, {"generation": earlier, "confirmed": "yes"})
    said = alice.post(PUT, {"generation": several, "confirmed": "yes"}, follow=True).content.decode()
    there = unescape(re.findall(r'href="(/trash/[^"]*at=[^"]*)"', said)[-1])
    listed = alice.get(there).content.decode()
    assert "Restore all 2" in listed
    assert "Restore all" not in victor.get(there).content.decode()
    together = re.findall(r'name="generation" value="(gen_[^"]+)"', listed)
    assert set(together) == set(several)
    alice.post(RESTORE, {"generation": together})
    assert set(Generation.objects.values_list("public_id", flat=True)) == set(several)
    for odd in ("yesterday", "2026-13-40T00:00:00Z", "2026-01-01T00:00:00"):
        assert "Rain 0" in alice.get("/trash/", {"at": odd}).content.decode()


def test_what_is_in_the_trash_is_seen_there_alone(alice: Client, stored: Clip, ask: Ask) -> None:
    generation = ask(stored)
    page, live = (reverse(name, args=[generation.public_id]) for name in ("generation", "generation-live"))
    alice.post(PUT, {"clip": stored.public_id, "confirmed": "yes"})
    for address in ("/", "/history/", "/history/live/", "/projects/"):
        assert "ball.mp4" not in alice.get(address).content.decode(), address
    assert alice.get(reverse("clip-facts", args=[stored.public_id])).status_code == 404
    assert alice.post(reverse("generation-take", args=[generation.public_id]), {"seed": "new"}).status_code == 404
    used = {"mode": "video", "clip": stored.public_id, "prompt": "Rain"}
    assert "no clip with this asset ID" in alice.post("/", used).content.decode()
    gone = alice.get(page)
    assert (gone.status_code, "This is in the trash" in gone.content.decode()) == (410, True)
    # Whoever has the page open is told how it ended.
    assert "Cancelled" in alice.get(live).content.decode()
    listed = alice.get("/trash/").content.decode()
    assert "Clip with 1 take" in listed
    assert listed.count('class="entry"') == 1


def test_what_somebody_plays_when_it_is_deleted_plays_on_for_the_team(alice: Client, charlie: Client, ask: Ask) -> None:
    generation = ask()
    generation.audio.save("audio.wav", ContentFile(b"0123456789"))
    alice.post(PUT, {"generation": generation.public_id, "confirmed": "yes"})
    address = reverse("generation-file", args=[generation.public_id, "audio"])
    response = alice.get(address, headers={"Range": "bytes=4-"})
    assert (response.status_code, b"".join(response)) == (206, b"456789")
    assert charlie.get(address).status_code == 404


def test_it_is_restored_from_the_list_and_from_its_own_page(alice: Client, stored: Clip, ask: Ask) -> None:
    alone, take = ask(prompt="Rain"), ask(stored)
    alice.post(PUT, {"clip": stored.public_id, "generation": alone.public_id, "confirmed": "yes"})
    assert "Restored: 1 clip." in alice.post(RESTORE, {"clip": stored.public_id}, follow=True).content.decode()
    page = reverse("generation", args=[alone.public_id])
    assert 'value="' + alone.public_id in alice.get(page).content.decode()
    response = alice.post(RESTORE, {"generation": alone.public_id, "next": page}, follow=True)
    assert response.redirect_chain == [(page, 302)]
    assert set(Generation.objects.all()) == {alone, take}
    assert "The trash is empty" in alice.get("/trash/").content.decode()


def test_nothing_and_things_of_others_are_not_deleted(alice: Client, charlie: Client, ask: Ask, team: Team) -> None:
    generation = ask()
    assert "Nothing was chosen" in alice.post(PUT, {"confirmed": "yes"}, follow=True).content.decode()
    assert "Nothing was chosen" in alice.post(RESTORE, {}, follow=True).content.decode()
    assert charlie.post(PUT, {"generation": generation.public_id, "confirmed": "yes"}).status_code == 404
    assert alice.post(RESTORE, {"generation": generation.public_id}).status_code == 404
    # Of two who delete the same the second is told that it is gone.
    alice.post(PUT, {"generation": generation.public_id, "confirmed": "yes"})
    assert alice.post(PUT, {"generation": generation.public_id, "confirmed": "yes"}).status_code == 404


def test_a_viewer_sees_the_trash_and_no_button(alice: Client, victor: Client, ask: Ask) -> None:
    generation = ask()
    assert "Delete…" not in victor.get(reverse("generation", args=[generation.public_id])).content.decode()
    alice.post(PUT, {"generation": generation.public_id, "confirmed": "yes"})
    page = victor.get("/trash/").content.decode()
    assert "Knocks on wood" in page
    assert RESTORE not in page
    assert RESTORE not in victor.get(reverse("generation", args=[generation.public_id])).content.decode()
