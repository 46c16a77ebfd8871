"""Two takes of a clip beside each other in a real browser: one position, one loudness, one of them heard."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.test_player import assert_locked

pytestmark = pytest.mark.browser

LOOK = """() => ["take-A", "take-B"].map((id) => document.getElementById(id))
  .map((take) => ({ time: take.currentTime, volume: take.volume, muted: take.muted }))"""

READY = "() => [...document.querySelectorAll('[data-compare] :is(audio, video)')].every((one) => one.readyState >= 3)"


def test_two_takes_play_as_one_at_one_loudness_and_switching_keeps_the_place(page: Page, site: Site) -> None:
    page.goto(site.results("silent"))
    page.get_by_role("link", name="bounce.mp4").click()
    for letter, state in (("a", "silent"), ("b", "bought")):
        page.locator(f"input[name={letter}][value='{site.generations[state]}']").check()
    page.get_by_role("button", name="Compare A and B").click()
    for letter, state in (("a", "silent"), ("b", "bought")):
        expect(page).to_have_url(re.compile(f"[?&]{letter}={site.generations[state]}"))
    page.wait_for_function(READY)
    page.locator("[data-compare] [data-waveform]").first.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-take]')].every((one) => one.currentTime > 1.9 && !one.seeking)"
    )
    before: list[dict[str, Any]] = page.evaluate(LOOK)
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Take B")).to_have_attribute("aria-pressed", "true")
    after: list[dict[str, Any]] = page.evaluate(LOOK)
    assert [take["time"] for take in before] == [take["time"] for take in after] == pytest.approx([2.0, 2.0], abs=0.05)
    assert [take["muted"] for take in before] == [False, True]
    assert [take["muted"] for take in after] == [True, False]
    # B is the same sound at half the level: A comes down to it, by 6 dB.
    assert [take["volume"] for take in after] == pytest.approx([0.5, 1.0], abs=0.01)
    page.get_by_role("button", name="Same loudness").click()
    assert [take["volume"] for take in page.evaluate(LOOK)] == [1, 1]


@pytest.mark.alone
def test_while_they_play_they_stay_in_step_whichever_is_heard(page: Page, site: Site) -> None:
    page.goto(site.results("silent"))
    clip = page.get_by_role("link", name="bounce.mp4").get_attribute("href")
    page.goto(f"{clip}?a={site.generations['silent']}&b={site.generations['bought']}")
    page.wait_for_function(READY)
    page.keyboard.press("Space")
    assert_locked(page, seconds=0.8, pair=("take-A", "take-B"))
    page.keyboard.press("s")
    assert_locked(page, seconds=0.8, pair=("take-A", "take-B"))
    assert [take["muted"] for take in page.evaluate(LOOK)] == [True, False]
