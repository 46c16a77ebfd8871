"""A team's day in real browsers, on an installation started as the README says: from the invitation to the client."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import wait_for_result
from tests.clips import bouncing_ball
from tests.programs import Soundstage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

OWNER, COLLEAGUE, PASSWORD = "ada@example.org", "ben@example.org", "a quiet room at night"
PROMPT, NOTE = "a rubber ball bounces on a wooden floor", "It is the driest of them."
PATIENCE_MS = 20_000

Person = Callable[[], Page]


@pytest.fixture
def person(chromium: Browser, installation: Soundstage) -> Iterator[Person]:
    """A browser of somebody's own, signed in nowhere; an error in a script of any of them fails the test."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def person() -> Page:
        contexts.append(chromium.new_context(viewport={"width": 1440, "height": 900}, base_url=installation.url))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    expect.set_options(timeout=PATIENCE_MS)
    yield person
    expect.set_options(timeout=None)
    for context in contexts:
        context.close()
    assert complaints == []


def fill_in_account(page: Page, email: str, button: str) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name=button).click()
    expect(page.locator("[data-studio]")).to_be_visible()


def test_a_sound_goes_from_one_to_the_other_and_out_to_the_client(person: Person, tmp_path: Path) -> None:
    clip = tmp_path / "ball.mp4"
    bouncing_ball(clip, seconds=2.0, impacts=(0.5, 1.4), width=320, height=180)

    # The owner invites, and the other joins by the link.
    owner, colleague, client = person(), person(), person()
    owner.goto("/setup/")
    owner.get_by_label("Team name").fill("Night Shift")
    fill_in_account(owner, OWNER, "Create the account")
    owner.goto("/team/")
    owner.get_by_role("button", name="Invite", exact=True).click()
    colleague.goto(owner.get_by_label("Link of the invitation").input_value())
    colleague.get_by_role("button", name="Make an account").click()
    fill_in_account(colleague, COLLEAGUE, "Create the account and join")
    owner.goto("/team/")
    expect(owner.locator(".people")).to_contain_text(COLLEAGUE)

    # A sound, and a word about one moment of it.
    colleague.locator("input[type=file]").set_input_files(clip)
    colleague.get_by_label("Prompt", exact=True).fill(PROMPT)
    colleague.locator("[data-submit]").click()
    wait_for_result(colleague)
    first = colleague.url
    for _ in range(2):
        colleague.keyboard.press("ArrowRight")
    at = colleague.get_by_label("At", exact=True)
    expect(at).not_to_have_value("0:00.00")
    moment = at.input_value()
    colleague.keyboard.press("c")
    colleague.keyboard.type("Too bright here, @ad")
    expect(colleague.get_by_role("option", name=OWNER)).to_have_attribute("aria-selected", "true")
    colleague.keyboard.press("Enter")
    colleague.keyboard.press("Control+Enter")
    expect(colleague.locator(".thread")).to_contain_text(f"Too bright here, @{OWNER}")

    # The owner is told, on a phone in the menu, goes there, and answers; the other sees it come.
    owner.goto("/library/")
    bell = owner.get_by_role("link", name="Notifications, 1 unread")
    expect(bell).to_be_visible()
    owner.set_viewport_size({"width": 390, "height": 844})
    expect(bell).to_be_hidden()
    owner.get_by_label("Night Shift: account, 1 unread").click()
    owner.get_by_role("link", name="Notifications 1").click()
    owner.get_by_role("link", name="mentioned you").click()
    owner.set_viewport_size({"width": 1440, "height": 900})
    expect(owner).to_have_url(re.compile(re.escape(first)))
    expect(owner.locator(".thread-time")).to_have_text(moment)
    owner.locator("summary", has_text="Reply").click()
    owner.get_by_role("textbox", name="Reply").fill("Take another one")
    owner.keyboard.press("Control+Enter")
    expect(colleague.locator(".replies")).to_contain_text("Take another one")
    expect(owner.get_by_role("link", name="Notifications", exact=True)).to_be_visible()

    # Another take; the two are heard against each other, and one is chosen.
    colleague.get_by_role("button", name="Another take").click()
    colleague.wait_for_url(lambda url: "/g/" in url and url != first)
    wait_for_result(colleague)
    second = urlsplit(colleague.url).path
    colleague.locator(".generation-trail").get_by_role("link", name=clip.name).click()
    expect(colleague.locator(".take")).to_have_count(2)
    newest = colleague.locator(".take").first
    expect(newest.get_by_role("link", name=PROMPT)).to_have_attribute("href", second)
    colleague.locator(".take").last.get_by_label("Compare as A").check()
    newest.get_by_label("as B").check()
    colleague.get_by_role("button", name="Compare A and B").click()
    takes = colleague.get_by_role("region", name="Two takes").get_by_role("link", name=PROMPT)
    expect(takes).to_have_count(2)
    addresses = [take.get_attribute("href") for take in takes.all()]
    assert addresses == [urlsplit(first).path, second]
    colleague.wait_for_load_state()
    colleague.keyboard.press("s")
    expect(colleague.get_by_role("button", name="Take B")).to_have_attribute("aria-pressed", "true")
    newest.locator("summary").click()
    newest.get_by_label("Why").fill(NOTE)
    newest.get_by_role("button", name="Choose", exact=True).click()
    owner.goto(colleague.url)
    expect(owner.locator("[data-chosen]")).to_contain_text(NOTE)

    # It goes out to somebody without an account, who hears it until the owner takes it back.
    owner.locator("[data-chosen]").get_by_role("link", name=PROMPT).click()
    owner.get_by_role("button", name="Share…").click()
    owner.get_by_role("button", name="Make the link").click()
    link = owner.get_by_label("Link 1", exact=True).input_value()
    client.goto(link)
    expect(client.get_by_role("heading", level=1)).to_have_text(PROMPT)
    client.get_by_role("button", name="Play", exact=True).click()
    client.wait_for_function("() => document.getElementById('result').currentTime > 0.3")
    media = client.evaluate("['original', 'result'].map((id) => document.getElementById(id).currentSrc)")
    assert [client.request.get(address).status for address in media] == [200, 200]
    owner.get_by_role("link", name="Revoke link 1…").click()
    owner.get_by_role("button", name="Revoke").click()
    expect(owner.locator(".links")).to_contain_text("revoked")
    client.reload()
    expect(client.get_by_role("heading", name="This link does not work")).to_be_visible()
    assert [client.request.get(address).status for address in [link, *media]] == [404, 404, 404]
