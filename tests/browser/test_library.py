"""The library in a real browser: a list without an end that Back finds again, favourites, keys, pictures that play."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser


@pytest.fixture
def library(visit: Visit) -> Page:
    page = visit("alice")
    page.goto("/library/")
    return page


def test_the_list_goes_on_and_back_finds_the_place_again(library: Page) -> None:
    cards = library.locator("[data-card]")
    first = cards.count()
    library.mouse.wheel(0, 20_000)
    expect(cards.nth(first)).to_be_visible()
    expect(library).to_have_url("/library/?shown=2")
    last = cards.nth(first + 2)
    words = last.locator("h2").inner_text()
    last.locator("h2 a").click()
    expect(library.get_by_role("heading", level=1)).not_to_have_text("Library")
    library.go_back()
    expect(cards.nth(first + 2).locator("h2")).to_have_text(words)
    assert library.evaluate("scrollY") > 0


def test_a_favourite_is_marked_in_place_and_stays(library: Page) -> None:
    star = library.locator("[data-star] button").first
    before = star.get_attribute("aria-pressed")
    star.click()
    expect(star).not_to_have_attribute("aria-pressed", str(before))
    library.reload()
    expect(star).not_to_have_attribute("aria-pressed", str(before))
    star.click()
    expect(star).to_have_attribute("aria-pressed", str(before))


def test_arrow_keys_go_from_card_to_card_and_x_chooses(library: Page) -> None:
    links = library.locator("[data-card] h2 a")
    links.first.focus()
    library.keyboard.press("ArrowRight")
    expect(links.nth(1)).to_be_focused()
    library.keyboard.press("x")
    expect(library.locator("[data-choose]").nth(1)).to_be_checked()
    expect(library.locator("[data-chosen]")).to_have_text("1 chosen")
    library.keyboard.press("ArrowLeft")
    expect(links.first).to_be_focused()
    library.keyboard.press(".")
    expect(library.get_by_label("Tag to add")).to_be_focused()


def test_a_picture_plays_silently_under_the_pointer_and_its_button_gives_it_sound(library: Page) -> None:
    playable = library.locator("[data-card]", has=library.locator("[data-play$=playable]")).first
    playable.hover()
    video = playable.locator("video")
    expect(video).to_have_js_property("muted", True)
    playable.get_by_role("button", name="Sound").click()
    expect(video).to_have_js_property("muted", False)
    library.get_by_role("heading", level=1).hover()
    expect(video).to_have_count(0)


def test_choosing_a_filter_asks_at_once_and_says_so_in_the_address(library: Page) -> None:
    library.get_by_label("Sort").select_option("oldest")
    library.wait_for_url("**/library/?*sort=oldest*")
    library.get_by_label("Search prompts, file names and IDs").fill("tin roof")
    library.keyboard.press("Enter")
    library.wait_for_url("**q=tin+roof*")
    expect(library.locator("[data-card] h2").first).to_contain_text("Rain on a tin roof")


def test_what_can_be_done_comes_with_the_first_that_is_chosen(library: Page) -> None:
    delete = library.get_by_role("button", name="Delete…")
    expect(delete).to_be_hidden()
    library.get_by_label("All shown").check()
    expect(delete).to_be_visible()
    library.get_by_label("All shown").uncheck()
    expect(delete).to_be_hidden()
