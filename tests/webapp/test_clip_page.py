"""A clip's own page: its takes, and the one that is chosen."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from jobs import projects, trash
from jobs.models import Clip, Generation, Status
from tests.webapp.conftest import Elements, member
from webapp.accounts.models import Team
from webapp.studio.clip_page import MOST_TAKES

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

Ask = Callable[..., Generation]


@pytest.fixture
def take(ask: Ask, stored: Clip) -> Callable[..., Generation]:
    def take(prompt: str, status: Status = Status.SUCCEEDED, **fields: object) -> Generation:
        made = ask(stored, prompt=prompt)
        Generation.objects.filter(pk=made.pk).update(status=status, **fields)
        made.refresh_from_db()
        return made

    return take


def page_of(client: Client, clip: Clip) -> str:
    response = client.get(reverse("clip", args=[clip.public_id]))
    assert response.status_code == 200
    return unescape(response.content.decode())


def seen(html: str) -> dict[str, str]:
    """What the page's forms say was chosen when it was made."""
    fields = [(one["name"], one["value"] or "") for one in Elements(html).having("name") if "value" in one]
    return {str(name): value for name, value in fields if name in ("seen", "seen_at")}


def choose(client: Client, clip: Clip, html: str, take: Generation | None, note: str = "") -> HttpResponse:
    """As the form on the page `html` does."""
    sent = seen(html) | {"take": take.public_id if take else "", "note": note}
    return client.post(reverse("clip-choose", args=[clip.public_id]), sent)  # type: ignore[return-value]


def players(html: str) -> list[str]:
    return [
        str(source["src"]).split("/")[3] for source in Elements(html).having("preload") if "/g/" in str(source["src"])
    ]


def test_it_shows_the_clip_and_every_take_newest_first(
    alice: Client, team: Team, stored: Clip, take: Callable[..., Generation]
) -> None:
    assert "No sound yet" in page_of(alice, stored)
    film = projects.make(team, None, "A film")
    projects.move(team, None, film, [stored], [])
    first, failed, last = take("Dry knocks"), take("Rain", Status.FAILED, error="It broke."), take("Wet knocks")
    html = page_of(alice, stored)
    for fact in ("ball.mp4", "320 × 180", "30 fps", "silent", stored.public_id, "A film", "It broke.", "Seed 7"):
        assert fact in html
    assert [html.index(one.public_id) for one in (last, failed, first)] == sorted(
        html.index(one.public_id) for one in (first, failed, last)
    )
    assert players(html) == [last.public_id, first.public_id], "what failed has nothing to play"
    assert f"?clip={stored.public_id}" in html
    studio = Elements(alice.get(f"/?clip={stored.public_id}").content.decode())
    assert studio.identified("id_clip")["value"] == stored.public_id
    elsewhere = (reverse("generation", args=[first.public_id]), reverse("project", args=[film.public_id]))
    for place in ("/library/?kind=clips", *elsewhere):
        assert reverse("clip", args=[stored.public_id]) in alice.get(place).content.decode()


def test_many_takes_cost_no_more_and_lead_on(
    alice: Client, stored: Clip, take: Callable[..., Generation], django_assert_max_num_queries: Any
) -> None:
    one = take("Knocks")
    page_of(alice, stored)
    copies = [
        Generation(
            team=one.team, clip=stored, created_by=one.created_by, prompt=f"Knocks {number}", seed=number,
            effective_duration=1.5, status=Status.SUCCEEDED,
        )
        for number in range(MOST_TAKES)
    ]  # fmt: skip
    Generation.objects.bulk_create(copies)
    with django_assert_max_num_queries(12):
        html = page_of(alice, stored)
    assert len(players(html)) == MOST_TAKES
    assert one.public_id not in html
    assert f"&q={stored.public_id}" in html
    assert one.public_id in alice.get(f"/library/?q={stored.public_id}&shown=3").content.decode()
    assert choose(alice, stored, html, copies[0]).status_code == 302
    refused = choose(alice, stored, html, one, "The oldest is the best.")
    assert refused.status_code == 409
    assert ">The oldest is the best.</textarea>" in unescape(refused.content.decode()), "though it is on no page now"


def test_what_is_under_way_is_told_when_it_changes_and_no_longer(
    alice: Client, stored: Clip, take: Callable[..., Generation]
) -> None:
    take("Dry knocks")
    going = take("Wet knocks", Status.RUNNING, stage="generating", progress=46)
    page = alice.get(reverse("clip", args=[stored.public_id])).content.decode()
    (root,) = Elements(page).having("data-live")
    address, version = str(root["data-live"]), str(root["data-version"])
    assert alice.get(address, headers={"If-None-Match": version}).status_code == 304
    Generation.objects.filter(pk=going.pk).update(status=Status.SUCCEEDED)
    told = alice.get(address, headers={"If-None-Match": version})
    assert (told.status_code, told.headers["ETag"] != version) == (200, True)
    html = told.content.decode()
    assert "<html" not in html
    assert players(html)[0] == going.public_id
    assert "Compare A and B" in html
    assert not Elements(html).having("data-live"), "nothing will change any more"


def test_a_take_is_chosen_with_a_note_and_the_choice_taken_back(
    alice: Client, victor: Client, stored: Clip, take: Callable[..., Generation]
) -> None:
    dry, wet = take("Dry knocks"), take("Wet knocks")
    assert choose(alice, stored, page_of(alice, stored), dry, " It is\r\nthe driest. ").status_code == 302
    html = page_of(victor, stored)
    assert "It is the driest." in html
    assert html.index("Chosen take") < html.index(dry.public_id) < html.index("Other takes") < html.index(wet.public_id)
    assert reverse("clip-choose", args=[stored.public_id]) not in html, "a viewer is offered nothing"
    told = page_activity(alice)
    assert "chose Dry knocks for the clip ball.mp4" in told
    trash.discard(stored.team, None, [], [dry])
    assert "Chosen take" not in page_of(alice, stored)
    trash.restore(stored.team, None, [], [dry])
    assert choose(alice, stored, page_of(alice, stored), None).status_code == 302
    assert "Chosen take" not in page_of(alice, stored)
    assert "took back the choice for the clip ball.mp4" in page_activity(alice)


def page_activity(client: Client) -> str:
    """The sentences of the team's activity, without markup."""
    html = client.get(reverse("team-activity")).content.decode()
    return " ".join(" ".join(part.partition(">")[2] for part in unescape(html).split("<")).split())


def test_of_two_who_choose_the_second_is_told_and_keeps_the_note(
    alice: Client, team: Team, stored: Clip, take: Callable[..., Generation]
) -> None:
    dry, wet = take("Dry knocks"), take("Wet knocks")
    mia, shown = member(team, "mia"), page_of(alice, stored)
    assert choose(mia, stored, page_of(mia, stored), dry).status_code == 302
    refused = choose(alice, stored, shown, wet, "It splashes.")
    html = unescape(refused.content.decode())
    assert refused.status_code == 409
    assert "mia" in html.partition("meanwhile")[0].rpartition("alert")[2]
    assert "“Dry knocks”, seed 7" in html
    assert ">It splashes.</textarea>" in html
    stored.refresh_from_db()
    assert stored.chosen == dry
    assert choose(alice, stored, html, wet, "It splashes.").status_code == 302, "knowing of it, one may go on"
    assert choose(mia, stored, html, None).status_code == 409, "to take it back needs to know of it too"
    stored.refresh_from_db()
    assert (stored.chosen, stored.chosen_note) == (wet, "It splashes.")


def test_what_can_not_be_chosen_is_refused_with_a_sentence(
    alice: Client, team: Team, stored: Clip, take: Callable[..., Generation], ask: Ask
) -> None:
    failed, gone, other = take("Rain", Status.FAILED), take("Hail"), ask(None, prompt="Of no clip")
    trash.discard(team, None, [], [gone])
    html = page_of(alice, stored)
    for refused, sentence in (
        (failed, "has no sound"),
        (gone, "in the trash or gone"),
        (other, "in the trash or gone"),
    ):
        response = choose(alice, stored, html, refused)
        assert (response.status_code in (409, 422), sentence in response.content.decode()) == (True, True)
    fine = take("Knocks")
    assert "at most 500" in choose(alice, stored, html, fine, "x" * 501).content.decode()
    broken = {"take": fine.public_id, "seen_at": "yesterday"}
    assert alice.post(reverse("clip-choose", args=[stored.public_id]), broken).status_code == 422
    stored.refresh_from_db()
    assert stored.chosen is None


def test_a_clip_in_the_trash_says_so(alice: Client, team: Team, stored: Clip) -> None:
    trash.discard(team, None, [stored], [])
    response = alice.get(reverse("clip", args=[stored.public_id]))
    assert response.status_code == 410
    assert f'name="clip" value="{stored.public_id}"' in response.content.decode()


def test_a_clip_is_moved_downloaded_and_deleted_on_its_page(
    alice: Client, victor: Client, team: Team, stored: Clip
) -> None:
    film = projects.make(team, None, "A film")
    here = f"/clips/{stored.public_id}/?"
    # What a refused choice is answered with has another address, which nothing leads back to.
    refused = alice.post(reverse("clip-choose", args=[stored.public_id]), {"take": "gen_never"})
    for html in (page_of(alice, stored), refused.content.decode()):
        fields = Elements(html).having("value")
        assert {one["value"] for one in fields if one.get("name") in ("next", "back")} == {
            here, f"{here}#tag", f"/library/?team={team.public_id}&kind=clips",
        }  # fmt: skip
    alice.post(reverse("projects-move"), {"clip": stored.public_id, "project": film.public_id, "next": here})
    assert "A film" in page_of(victor, stored)
    assert f"/media/clips/{stored.public_id}/original?download" in page_of(victor, stored)
    assert "Delete…" not in page_of(victor, stored)
    asked = alice.post(reverse("trash-put"), {"clip": stored.public_id, "back": here}).content.decode()
    assert f'href="{here}">Cancel' in asked
