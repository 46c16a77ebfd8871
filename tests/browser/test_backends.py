"""Choosing who makes the sound in a real browser: the cost that follows the job, and the team's keys."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, Visit
from tests.browser.scenes import FAL_KEY

pytestmark = pytest.mark.browser

FAL, SCENARIO, ENGINE = "fal · MM Audio 2", "Scenario · MM Audio 2", "Soundstage engine"
KEY, SECRET = "api_key_of_the_day_shift", "the_secret_of_the_day_shift"


def shown_cost(page: Page, cost: str) -> None:
    """Both places say what the job costs: beside the button, and on the backend's card."""
    expect(page.locator("[data-job-cost]")).to_have_text(f"{FAL} · {cost}")
    expect(page.locator(".backend", has=page.get_by_label(FAL)).locator("[data-cost]")).to_have_text(cost)


def test_the_backend_is_chosen_with_the_keyboard_and_what_is_not_ready_is_passed_over(page: Page) -> None:
    page.goto("/")
    page.get_by_label(ENGINE).focus()
    expect(page.locator("[data-job-cost]")).to_have_text(f"{ENGINE} · No charge")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label(FAL)).to_be_checked()
    shown_cost(page, "$0.008")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label(ENGINE)).to_be_checked()
    expect(page.get_by_label(SCENARIO)).to_be_disabled()


def test_the_whole_card_can_be_pressed(page: Page) -> None:
    page.goto("/")
    card = page.locator(".backend", has=page.get_by_label(FAL))
    box = card.bounding_box()
    assert box
    card.click(position={"x": box["width"] - 8, "y": box["height"] - 8})
    expect(page.get_by_label(FAL)).to_be_checked()


def test_a_screen_reader_hears_the_terms_with_the_choice(page: Page) -> None:
    page.goto("/")
    for label, terms in ((ENGINE, "stays in this installation"), (FAL, "$0.001 per second"), (SCENARIO, "Missing")):
        expect(page.get_by_label(label)).to_have_accessible_description(re.compile(re.escape(terms)))
    expect(page.get_by_role("radiogroup", name="Backend")).to_be_visible()


def test_the_cost_follows_the_length_and_the_clip_and_is_what_is_kept(page: Page, site: Site) -> None:
    page.goto("/")
    page.get_by_label(FAL).check()
    shown_cost(page, "$0.008")
    duration = page.get_by_label("Duration", exact=True)
    duration.fill("12.5")
    shown_cost(page, "$0.0125")
    page.get_by_role("button", name="bounce.mp4").click()  # 6 s, and no more is paid for
    expect(duration).to_have_value("6")
    shown_cost(page, "$0.006")
    page.get_by_text("Text to audio").first.click()
    expect(duration).to_have_value("12.5")
    shown_cost(page, "$0.0125")
    page.locator("[data-measure]", has=duration).locator("input[type=range]").fill("30")
    shown_cost(page, "$0.03")
    duration.fill("")  # nothing to reckon with: what was said last stays
    shown_cost(page, "$0.03")
    duration.fill("12.5")
    page.get_by_label("Prompt", exact=True).fill("Rain on a tin roof")
    page.get_by_role("button", name="Generate sound").click()
    expect(page).to_have_url(re.compile("/g/gen_"))
    facts = page.locator(".details")
    expect(facts.get_by_text(FAL)).to_be_visible()
    expect(facts.get_by_text("$0.0125")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()


def test_with_the_engine_alone_there_is_nothing_to_choose(visit: Visit) -> None:
    page = visit("nora")
    page.goto("/")
    expect(page.get_by_role("radio", name=ENGINE)).to_have_count(0)
    expect(page.get_by_text(re.compile(rf"{ENGINE} · .*no charge"))).to_be_visible()


@pytest.mark.parametrize("state", ["refused", "unclear"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_hosted_failure_is_readable_for_everybody(visit: Visit, site: Site, state: str, scheme: str) -> None:
    page = visit("alice", color_scheme=scheme, viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page.goto(site.results(state))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_was_refused_goes_to_another_backend_in_one_press(page: Page, site: Site) -> None:
    page.goto(site.results("refused"))
    expect(page.get_by_role("alert")).to_contain_text("content policy")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    page.get_by_role("button", name=f"Try on {ENGINE}").click()
    expect(page).not_to_have_url(site.results("refused"))
    expect(page.locator(".generation-facts")).to_contain_text(ENGINE)
    page.get_by_role("button", name="Cancel").click()


def test_a_team_enters_its_keys_uses_them_and_takes_them_away(visit: Visit) -> None:
    page = visit("nora")
    page.goto("/")
    page.get_by_role("link", name="Backends").click()
    scenario = page.get_by_role("region", name=SCENARIO)
    expect(scenario.get_by_text("Not ready")).to_be_visible()
    scenario.get_by_text("Enter a key").press("Enter")
    scenario.get_by_label("API key", exact=True).fill(KEY)
    scenario.get_by_label("API secret", exact=True).fill(SECRET)
    expect(scenario.get_by_label("API secret", exact=True)).to_have_attribute("type", "password")
    scenario.get_by_role("button", name="Store the key").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("key for Scenario is stored"))
    expect(scenario.get_by_text(re.compile(r"set on .* by nora@example\.org"))).to_be_visible()
    for entered in (KEY, SECRET):
        assert entered not in page.content()

    page.goto("/")
    page.get_by_label(SCENARIO).check()
    expect(page.locator("[data-job-cost]")).to_have_text(f"{SCENARIO} · 1 CU")
    page.get_by_label("Duration", exact=True).fill("20")  # by the job, not by the second
    expect(page.locator("[data-job-cost]")).to_have_text(f"{SCENARIO} · 1 CU")

    page.get_by_role("link", name="Keys and the team’s default").click()
    page.get_by_label("The team’s default").select_option(SCENARIO)
    page.get_by_role("button", name="Save the default").click()
    page.goto("/")
    expect(page.get_by_label(SCENARIO)).to_be_checked()

    page.goto("/team/backends/")
    expect(scenario.get_by_role("button", name="Remove the key")).to_be_hidden()
    scenario.get_by_text("Remove…").click()
    scenario.get_by_role("button", name="Remove the key").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("key for Scenario is removed"))
    expect(scenario.get_by_text("Not ready")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("radio", name=SCENARIO)).to_have_count(0)


def test_no_page_has_a_key_in_it(page: Page, site: Site) -> None:
    for address in ("/", "/team/backends/", "/history/", site.results("bought"), site.results("unclear")):
        page.goto(address)
        assert FAL_KEY not in page.content()
        assert FAL_KEY[-8:] not in page.content()
