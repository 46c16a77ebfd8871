"""Comments in a real browser: at the playhead, on a range, with mentions, answered, resolved; by a guest too."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, Visit
from tests.browser.scenes import SECONDS

pytestmark = pytest.mark.browser


def look(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def open_sound(page: Page, address: str) -> Page:
    page.goto(address)
    page.wait_for_function("() => document.getElementById('result').readyState >= 3")
    return page


def marks(page: Page) -> list[str]:
    buttons = page.get_by_role("list", name="Comments", exact=True).get_by_role("button").all()
    return [button.get_attribute("aria-label") or "" for button in buttons]


def test_a_sound_is_talked_over(visit: Visit, site: Site) -> None:
    address = site.results("bought")
    alice, mia = open_sound(visit("alice"), address), open_sound(visit("mia"), address)
    mia.goto("/notifications/")
    expect(mia.get_by_role("heading", name="Nothing to tell")).to_be_visible()

    # At the playhead: the place follows it until something is typed.
    place, box = alice.get_by_label("At", exact=True), alice.get_by_label("Comment", exact=True)
    alice.keyboard.press("ArrowRight")
    expect(place).to_have_value("0:01.00")
    alice.keyboard.press("c")
    expect(box).to_be_focused()
    alice.keyboard.type("Softer, @mi")
    listed = alice.get_by_role("listbox", name="Members")
    expect(listed.get_by_role("option", name="mia@example.org")).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", "mention-0")
    look(alice)
    alice.keyboard.press("Enter")
    expect(box).to_have_value("Softer, @mia@example.org ")
    alice.evaluate("document.getElementById('result').currentTime = 2")
    expect(place).to_have_value("0:01.00")
    alice.keyboard.press("Control+Enter")
    expect(alice.locator(".thread")).to_contain_text("Softer, @mia@example.org")
    expect(box).to_have_value("")
    assert marks(alice) == ["alice@example.org at 0:01.00: Softer, @mia@example.org"]

    # On a range: dragged over the waveform with Shift, or with keys.
    wave = alice.get_by_role("slider", name="Position").bounding_box()
    assert wave
    alice.keyboard.down("Shift")
    alice.mouse.move(wave["x"] + wave["width"] * 0.75, wave["y"] + 20)
    alice.mouse.down()
    alice.mouse.move(wave["x"] + wave["width"] * 0.5, wave["y"] + 20, steps=4)
    alice.mouse.up()
    alice.keyboard.up("Shift")
    expect(place).to_have_value("0:03.00")
    expect(alice.get_by_label("to", exact=True)).to_have_value("0:04.50")
    drawn = alice.locator("[data-selection]").bounding_box()
    assert drawn
    assert drawn["width"] / wave["width"] == pytest.approx(0.25, abs=0.01)
    box.fill("Too long")
    alice.get_by_role("button", name="Comment", exact=True).click()
    expect(alice.locator(".thread")).to_have_count(2)
    expect(alice.locator("[data-selection]")).to_be_hidden()
    mark = alice.get_by_role("button", name="alice@example.org at 0:03.00 to 0:04.50: Too long")
    stretch = mark.bounding_box()
    assert stretch
    assert stretch["width"] / wave["width"] == pytest.approx(1.5 / SECONDS, abs=0.01)
    mark.focus()
    alice.keyboard.press("Enter")
    alice.wait_for_function("() => Math.abs(document.getElementById('result').currentTime - 3) < 0.05")

    # The other is told, answers what is said to her, and is not disturbed by what comes in.
    mia.reload()
    mia.get_by_role("link", name="Notifications, 1 unread").click()
    mia.get_by_role("link", name="mentioned you").click()
    expect(mia.locator(".comment").first).to_contain_text("Softer")
    mia.locator("summary", has_text="Reply").first.click()
    expect(mia.get_by_role("textbox", name="Reply")).to_be_focused()
    mia.keyboard.type("How much")
    box.fill("And from the start")
    place.fill("later")
    alice.get_by_role("button", name="Comment", exact=True).click()
    expect(alice.get_by_role("alert")).to_contain_text("Write a time like 0:03.20")
    expect(place).to_be_focused()
    place.fill("0.5")
    place.press("Enter")
    expect(mia.locator(".thread")).to_have_count(3)
    assert mia.locator(".thread").first.get_attribute("data-said") == "And from the start"
    mia.keyboard.type(" softer?")
    mia.keyboard.press("Control+Enter")
    expect(mia.locator(".replies")).to_contain_text("How much softer?")
    expect(alice.locator(".replies")).to_contain_text("How much softer?")
    assert len(marks(mia)) == 3
    look(mia)
    mia.get_by_role("button", name="Resolve").nth(1).click()
    expect(mia.get_by_text("1 resolved")).to_be_visible()
    expect(mia.locator("[data-announcer]")).to_have_text("Resolved.")
    assert len(marks(mia)) == 2
    mia.goto("/history/")
    expect(mia.get_by_role("link", name="Notifications", exact=True)).to_be_visible()

    # A guest, by a link that takes comments.
    alice.get_by_role("button", name="Share…").click()
    alice.get_by_label("Comments by guests").check()
    alice.get_by_role("button", name="Make the link").click()
    guest = visit()
    guest.goto(alice.get_by_label("Link 1", exact=True).input_value())
    expect(guest.get_by_text("Nothing was said yet.")).to_be_visible()
    guest.get_by_label("Your name").fill("Clara")
    guest.get_by_label("Comment", exact=True).fill("I like the end")
    guest.get_by_role("button", name="Comment", exact=True).click()
    expect(guest.locator(".thread")).to_contain_text("Clara Guest")
    look(guest)
    open_sound(alice, address)
    expect(alice.locator(".thread", has_text="I like the end")).to_contain_text(
        "Came by a link of alice@example.org; its guests see the answers"
    )
