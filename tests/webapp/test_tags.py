"""Tags: a team's own words on its clips and generations, found by them, and gone with the last thing that has them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs import tags, trash
from jobs.models import Clip, Generation, Status, Tag
from tests.webapp.conftest import Elements
from webapp.accounts.models import Team
from webapp.studio.library import PER_PAGE

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

Ask = Callable[..., Generation]


def change(client: Client, how: str, tag: str, *things: Clip | Generation, then: str = "/library/") -> str:
    """Add or remove a tag as the forms do; the page that one is led to."""
    sent: dict[str, Any] = {"tag": tag, "next": then, "clip": [], "generation": []}
    for thing in things:
        sent["clip" if isinstance(thing, Clip) else "generation"].append(thing.public_id)
    return words(client.post(reverse(f"tags-{how}"), sent, follow=True))  # type: ignore[arg-type]


def words(response: HttpResponse) -> str:
    assert response.status_code == 200
    return unescape(response.content.decode())


def page_of(client: Client, thing: Clip | Generation) -> str:
    kind = "clip" if isinstance(thing, Clip) else "generation"
    return words(client.get(reverse(kind, args=[thing.public_id])))  # type: ignore[arg-type]


def suggested(html: str) -> list[str | None]:
    return re.findall(
        r"<option value=\"([^\"]*)\"></option>", html.partition("<datalist")[2].partition("</datalist")[0]
    )


def carried(html: str) -> list[str]:
    """The tags on a thing's own page."""
    return re.findall(r"<bdi>(.*?)</bdi></a>", html.partition('class="tagging"')[2].partition("</section>")[0])


def test_a_tag_is_put_on_a_thing_found_by_and_gone_with_the_last(
    alice: Client, victor: Client, team: Team, stored: Clip, ask: Ask
) -> None:
    rain, hail = ask(stored, prompt="Rain on a roof"), ask(prompt="Hail on a car")
    change(alice, "add", " Final\r\n cut ", rain, stored)
    change(alice, "add", "FINAL CUT", hail)
    change(alice, "add", "Über uns", hail)
    change(alice, "add", "ÜBER UNS", rain)
    assert [str(tag) for tag in tags.used(team)] == ["Final cut", "Über uns"], "capitals make no other tag"
    assert carried(page_of(alice, rain)) == ["Final cut", "Über uns"]
    assert suggested(page_of(alice, stored)) == ["Final cut", "Über uns"]
    found = words(alice.get("/library/?tag=final+cut&q=rain"))  # type: ignore[arg-type]
    assert (rain.public_id in found, hail.public_id in found) == (True, False)
    assert '<bdi class="tag">Final cut</bdi>' in found
    assert hail.public_id in words(alice.get("/library/?tag=final+cut"))  # type: ignore[arg-type]
    assert stored.public_id in words(alice.get("/library/?kind=clips&tag=final+cut"))  # type: ignore[arg-type]
    assert "Nothing is like that" in words(alice.get("/library/?kind=clips&tag=%C3%BCber+uns"))  # type: ignore[arg-type]
    led = page_of(victor, stored)
    assert carried(led) == ["Final cut"]
    assert reverse("tags-add") not in led, "a viewer is offered nothing"
    assert "&kind=clips&tag=final%20cut" in led
    trash.discard(team, None, [], [rain])
    change(alice, "remove", "über uns", hail)
    assert [str(tag) for tag in tags.used(team)] == ["Final cut"], "what is in the trash alone is not offered"
    trash.restore(team, None, [], [rain])
    assert carried(page_of(alice, rain)) == ["Final cut", "Über uns"]
    for thing in (rain, hail, stored):
        change(alice, "remove", "Final cut", thing)
    Generation.objects.filter(pk=rain.pk).update(status=Status.FAILED, deleted_at=timezone.now() - timedelta(days=400))
    trash.empty()
    assert not Tag.objects.exists()
    assert "Select a valid choice" in words(alice.get("/library/?tag=final+cut"))  # type: ignore[arg-type]


def test_hostile_and_too_many_tags_do_no_harm(
    alice: Client, charlie: Client, team: Team, stored: Clip, ask: Ask
) -> None:
    one, other = ask(), ask()
    change(alice, "add", '"><script>alert(1)</script>', one)
    change(alice, "add", "\u202egnp.exe\x00\u2066", one)
    html = alice.get(reverse("generation", args=[one.public_id])).content.decode()
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert carried(unescape(html)) == ['"><script>alert(1)</script>', "gnp.exe"]
    assert "at most 40 characters" in change(alice, "add", "x" * 41, one)
    assert "No tag was written" in change(alice, "add", " \u200f ", one)
    assert "Nothing was chosen" in change(alice, "add", "dry")
    for number in range(tags.MOST_OF_A_THING):
        change(alice, "add", f"Tag {number:02d}", stored)
    assert "Tag 03" in change(alice, "add", "TAG 03", stored), "one that it has is no more"
    assert "One of these has 20 tags already" in change(alice, "add", "One more", stored, other)
    assert "One more" not in {tag.name for tag in Tag.objects.all()}
    assert not other.tags.exists()
    for how in ("add", "remove"):
        refused = charlie.post(reverse(f"tags-{how}"), {"tag": "dry", "generation": one.public_id})
        assert refused.status_code == 404
    change(charlie, "remove", "gnp.exe")
    assert one.tags.count() == 2, "a tag is its team's"


def test_tags_cost_a_list_no_more_than_one_query_and_are_cut_short(
    alice: Client, team: Team, stored: Clip, django_assert_max_num_queries: Any
) -> None:
    made = Generation.objects.bulk_create(
        Generation(team=team, clip=stored, prompt=f"Take {index}", seed=index, effective_duration=1.5)
        for index in range(PER_PAGE)
    )
    for index in range(6):
        tags.add(team, f"Tag {index}", [], made)
    with django_assert_max_num_queries(13):
        html = words(alice.get("/library/?tag=tag+1"))  # type: ignore[arg-type]
    assert html.count('<bdi class="tag">Tag 3</bdi>') == html.count("and 2 more") == PER_PAGE
    box = Elements(html).identified("library-tag")
    assert (box["list"], box["maxlength"]) == ("known-tags", "40")
