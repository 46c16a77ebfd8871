"""The review of jobs in a browser: the list that goes on by itself, and its pages as everybody can use them."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, Visit

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
PAGES = ("", "?q=colour:red&columns=kind&columns=run&longer=1", "failures/", "statistics/", "audit/", "job/{failed}/")


@pytest.mark.parametrize(
    ("name", "within", "scheme", "around"),
    [("alice", "/team/jobs/", "dark", "Library"), ("root", "/admin/review/", "light", "View site")],
    ids=["team", "administration"],
)
def test_every_page_is_for_everybody(
    visit: Visit, site: Site, name: str, within: str, scheme: str, around: str
) -> None:
    page = visit(name, color_scheme=scheme, viewport=PHONE, reduced_motion="reduce")
    for address in PAGES:
        page.goto(within + address.format(**site.generations))
        expect(page.get_by_role("link", name=around)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], page.url
        found = Axe().run(page, context=".review")
        assert found.violations_count == 0, found.generate_report()


def test_the_list_goes_on_by_itself_but_not_under_a_choice_nor_when_it_is_paused(page: Page, visit: Visit) -> None:
    studio = visit("alice")
    page.goto("/team/jobs/")
    first = page.locator("[data-list] tbody tr").first
    before = str(first.get_attribute("data-key"))

    def ask() -> None:
        studio.goto("/")
        studio.get_by_text("Text to audio").click()
        studio.get_by_label("Prompt", exact=True).fill("Rain on a tin roof")
        studio.get_by_role("button", name="Generate sound").click()
        expect(studio).to_have_url(re.compile("/g/gen_"))

    link = first.get_by_role("link").first
    link.focus()
    ask()
    expect(first).not_to_have_attribute("data-key", before)
    expect(page.locator(f"[data-key={before}] a").first).to_be_focused()
    expect(page.get_by_text(re.compile(r"Live, as of \d"))).to_be_visible()

    first.get_by_role("checkbox").check()
    chosen = str(first.get_attribute("data-key"))
    expect(page.get_by_text("1 chosen")).to_be_visible()
    studio.get_by_role("button", name="Cancel").click()
    expect(studio.get_by_text("Cancelled").first).to_be_visible()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # it would look at once
    page.wait_for_load_state("networkidle")
    expect(first.locator(".status")).to_have_text("Queued")
    first.get_by_role("checkbox").uncheck()
    expect(page.locator(f"[data-key={chosen}] .status")).to_have_text("Cancelled")

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text(re.compile(r"Paused, as of \d"))).to_be_visible()
    page.get_by_role("button", name="Retry chosen…").click()
    expect(page.get_by_text("Choose some jobs first")).to_be_visible()
