"""Every page in a real browser: what it looks like at both ends, what it says to a screen reader, what it does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.conftest import MAX_UPLOAD_MB, Site, Visit, web_server
from tests.browser.scenes import INVITATION, PASSWORD, SECONDS
from tests.clips import bouncing_ball

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
LABELS = (
    "Prompt", "Negative Prompt", "Duration", "Quality Steps", "Prompt Strength", "Focus on Subject", "Seed",
)  # fmt: skip


def sign_in_wrongly(page: Page) -> None:
    page.get_by_label("Email").fill("alice@example.org")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not correct")


def change_nothing(page: Page) -> None:
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()


def ask_for_nonsense(page: Page) -> None:
    page.get_by_label("Quality Steps").fill("900")
    page.get_by_label("Seed").fill("70000")
    page.get_by_role("button", name="Generate sound").click()
    expect(page.get_by_text("Describe the sound you want to hear.")).to_be_visible()


def choose_two(page: Page) -> None:
    for box in page.locator("[data-choose]").all()[:2]:
        box.check()
    expect(page.locator("[data-chosen]")).to_have_text("2 chosen")


def open_a_clip(page: Page) -> None:
    page.locator(".card h2 a").first.click()
    page.get_by_label("New tag").fill("Final mix")
    page.keyboard.press("Enter")
    expect(page.locator(".tagging .tag").get_by_role("link", name="Final mix")).to_be_visible()
    expect(page.get_by_label("New tag")).to_be_focused()
    choice = page.locator(".take-choose").first
    choice.locator("summary").click()
    choice.get_by_label("Why").fill("It is the driest.")
    choice.locator(".button-primary").click()
    expect(page.locator(".take-note")).to_have_text("It is the driest.")


def compare_two(page: Page) -> None:
    page.locator(".card h2 a").first.click()
    page.locator("input[name=a]").first.check()
    page.locator("input[name=b]").last.check()
    page.get_by_role("button", name="Compare A and B").click()
    expect(page.get_by_role("region", name="Two takes")).to_be_visible()


def share(page: Page) -> None:
    page.locator(".card h2 a").first.click()
    page.get_by_role("button", name="Share…").click()
    expect(page.get_by_role("button", name="Make the link")).to_be_visible()


def make_a_link(page: Page) -> None:
    share(page)
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_text("The link is ready.")).to_be_visible()


def change_a_link(page: Page) -> None:
    make_a_link(page)
    page.get_by_role("link", name="Change link 1", exact=True).click()
    page.get_by_label("Password", exact=True).fill("herring")
    page.get_by_role("button", name="Show the password").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")


def follow_a_link(page: Page) -> None:
    make_a_link(page)
    page.goto(page.locator("input[value*='/share/']").first.input_value())


def open_menu(page: Page) -> None:
    page.locator("summary", has_text="Night Shift").click()


def open_everything(page: Page) -> None:
    for summary in page.locator("main summary").all():
        summary.click()


def store_nothing(page: Page) -> None:
    scenario = page.get_by_role("region", name="Scenario")
    scenario.get_by_text("Enter a key").click()
    scenario.get_by_role("button", name="Store the key").click()
    expect(page.locator("[aria-invalid=true]").first).to_be_focused()


def invite(page: Page) -> None:
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_label("Link of the invitation")).to_be_visible()


def open_a_project(page: Page) -> None:
    page.get_by_role("link", name="The Long Night").click()
    page.get_by_text("Rename the project").click()


def delete(page: Page) -> None:
    page.get_by_role("link", name="Rain on a tin roof").first.click()
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("button", name="Delete")).to_be_visible()


def open_another_team(page: Page) -> None:
    switch = page.locator("form[action*=switch]").get_attribute("action") or ""
    page.goto(f"/history/?team={switch.split('/')[2]}")
    expect(page.get_by_text("another of your teams")).to_be_visible()


def sign_up(page: Page) -> None:
    page.get_by_role("button", name="Make an account").click()
    page.get_by_label("Email").fill("eve@example.org")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_role("button", name="Create the account").click()
    expect(page.locator("[aria-invalid=true]")).to_be_visible()


# name: (who looks, address, what is done there first)
PAGES: dict[str, tuple[str | None, str, Callable[[Page], None] | None]] = {
    "sign in": (None, "/accounts/login/", None),
    "sign in, wrong": (None, "/accounts/login/", sign_in_wrongly),
    "reset a password": (None, "/accounts/password/reset/", None),
    "reset a password, done": (None, "/accounts/password/reset/done/", None),
    "reset a password, used up": (None, "/accounts/password/reset/key/1-used/", None),
    "reset a password, changed": (None, "/accounts/password/reset/key/done/", None),
    "sign up": (None, "/accounts/signup/", None),
    "switched off": (None, "/accounts/inactive/", None),
    "confirm email": (None, "/accounts/confirm-email/", None),
    "confirm email, bad key": (None, "/accounts/confirm-email/bad/", None),
    "sign out": ("alice", "/accounts/logout/", None),
    "change password": ("alice", "/accounts/password/change/", None),
    "change password, wrong": ("alice", "/accounts/password/change/", change_nothing),
    "confirm access": ("alice", "/accounts/reauthenticate/", None),
    "email": ("alice", "/accounts/email/", None),
    "account": ("alice", "/account/", None),
    "sessions": ("alice", "/accounts/sessions/", None),
    "two-factor, off": ("alice", "/accounts/two-factor/", None),
    "studio, first time": ("nora", "/", None),
    "studio": ("alice", "/", None),
    "studio, wrong": ("alice", "/", ask_for_nonsense),
    "studio, viewer": ("victor", "/", None),
    "history": ("alice", "/history/", None),
    "history, menu": ("alice", "/history/", open_menu),
    "history, page 2": ("alice", "/history/?page=2", None),
    "history, empty": ("nora", "/history/", None),
    "backends": ("alice", "/team/backends/", open_everything),
    "backends, wrong": ("alice", "/team/backends/", store_nothing),
    "backends, member": ("mia", "/team/backends/", None),
    "library": ("alice", "/library/", choose_two),
    "library, as a list": ("alice", "/library/?view=list&q=o&status=succeeded", None),
    "library, clips": ("victor", "/library/?kind=clips", None),
    "clip": ("alice", "/library/?kind=clips&q=bounce.mp4", open_a_clip),
    "clip, compared": ("alice", "/library/?kind=clips&q=bounce.mp4", compare_two),
    "library, nothing found": ("alice", "/library/?q=xyzzy&since=never", None),
    "notifications, none": ("nora", "/notifications/", None),
    "projects": ("alice", "/projects/", None),
    "project": ("alice", "/projects/", open_a_project),
    "trash": ("alice", "/trash/", None),
    "trash, asked first": ("alice", "/history/", delete),
    "activity": ("alice", "/team/activity/", None),
    "team": ("alice", "/team/", None),
    "team, invited": ("alice", "/team/", invite),
    "share": ("alice", "/library/?status=succeeded", share),
    "share links": ("alice", "/library/?status=succeeded", make_a_link),
    "share link, changed": ("alice", "/library/?status=succeeded", change_a_link),
    "share links, none": ("nora", "/team/links/", None),
    "shared": ("alice", "/library/?status=succeeded", follow_a_link),
    "shared no more": (None, "/share/gone/", None),
    "team, leave": ("alice", "/team/leave/", None),
    "team, new": ("alice", "/teams/new/", None),
    "team, another of mine": ("alice", "/team/", open_another_team),
    "invitation": (None, f"/invitations/{INVITATION}/", None),
    "invitation, sign up": (None, f"/invitations/{INVITATION}/", sign_up),
    "nothing there": ("alice", "/nowhere/", None),
    "nothing there, signed out": (None, "/nowhere/", None),
}


def arrive(page: Page, name: str) -> None:
    _, address, first = PAGES[name]
    page.goto(address)
    if first:
        first(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_to_object_to(visit: Visit, name: str, scheme: str) -> None:
    page = visit(PAGES[name][0], color_scheme=scheme, reduced_motion="reduce")
    arrive(page, name)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", PAGES)
def test_at_390_pixels_nothing_scrolls_sideways(visit: Visit, name: str) -> None:
    page = visit(PAGES[name][0], viewport=PHONE)
    arrive(page, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_the_frame_and_one_heading(visit: Visit, name: str) -> None:
    page = visit(PAGES[name][0])
    arrive(page, name)
    expect(page.get_by_role("link", name="Soundstage")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.title().endswith("· Soundstage")


@pytest.mark.parametrize("address", ["/history/", None], ids=["history", "result"])
def test_moments_are_told_in_the_time_of_whoever_looks(visit: Visit, site: Site, address: str | None) -> None:
    told = []
    for zone in ("UTC", "Asia/Tokyo"):
        page = visit("alice", timezone_id=zone)
        page.goto(address or site.results("silent"))
        moment = page.locator("main time").first
        told.append((moment.get_attribute("datetime"), datetime.strptime(moment.inner_text(), "%d %b %Y, %H:%M")))
    (there, first), (same, then) = told
    assert there == same
    assert then - first == timedelta(hours=9)


def test_the_first_visit_sets_the_place_up_and_leads_to_the_studio(chromium: Browser, tmp_path: Path) -> None:
    with web_server(tmp_path) as (address, _):
        context = chromium.new_context(base_url=address, viewport=PHONE, reduced_motion="reduce")  # type: ignore[arg-type]
        page = context.new_page()
        page.goto("/history/")
        expect(page).to_have_url(f"{address}/setup/")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        page.get_by_label("Email").fill("ada@example.org")
        page.get_by_label("Team name").fill("Foley")
        page.get_by_label("Password", exact=True).fill("short")
        page.get_by_role("button", name="Create the account").click()
        password = page.get_by_label("Password", exact=True)
        expect(password).to_have_attribute("aria-invalid", "true")
        assert "too short" in described(page, password)
        password.fill(PASSWORD)
        page.get_by_role("button", name="Show the password").click()
        expect(password).to_have_attribute("type", "text")
        page.get_by_role("button", name="Create the account").click()
        expect(page).to_have_url(f"{address}/")
        expect(page.get_by_text("Drop a clip here")).to_be_visible()
        context.close()


def test_signing_in_leads_back_to_where_one_wanted_to_go(visit: Visit, site: Site) -> None:
    page = visit()
    page.goto(site.results("sound"))
    page.get_by_label("Email").fill("alice@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(site.results("sound"))


def test_the_theme_is_one_press_away_and_stays(page: Page) -> None:
    page.goto("/history/")
    theme = page.get_by_role("button", name="Dark theme")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    expect(theme).to_have_attribute("aria-pressed", "false")
    theme.click()
    page.goto("/")
    expect(theme).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


# The studio


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    path = tmp_path / "ball.mp4"
    bouncing_ball(path, seconds=2.5, impacts=(0.5, 1.5))
    return path


def described(page: Page, field: Locator) -> str:
    """The text a screen reader adds to the field's name."""
    ids = (field.get_attribute("aria-describedby") or "").split()
    return " ".join(page.locator(f"id={identifier}").inner_text() for identifier in ids)


@pytest.mark.parametrize("label", LABELS)
def test_each_parameter_has_its_label_and_says_what_it_does(page: Page, label: str) -> None:
    page.goto("/")
    field = page.get_by_label(label, exact=True)
    expect(field).to_have_count(1)
    assert described(page, field)


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(page: Page, ball: Path) -> None:
    page.goto("/")
    page.locator("input[type=file]").set_input_files(ball)
    expect(page.get_by_text("ball.mp4").first).to_be_visible()
    page.get_by_label("Negative Prompt").fill("music")
    page.get_by_label("Quality Steps").fill("900")
    page.get_by_label("Focus on Subject").check()
    page.get_by_role("button", name="Generate sound").click()
    prompt, steps = page.get_by_label("Prompt", exact=True), page.get_by_label("Quality Steps")
    expect(prompt).to_have_attribute("aria-invalid", "true")
    expect(prompt).to_be_focused()
    assert "Describe the sound you want to hear." in described(page, prompt)
    assert "Enter a number from 4 to 50." in described(page, steps)
    expect(steps).to_have_value("900")
    expect(page.get_by_label("Negative Prompt")).to_have_value("music")
    expect(page.get_by_label("Focus on Subject")).to_be_checked()
    expect(page.locator("[data-fact=name]")).to_have_text("ball.mp4")
    prompt.fill("A ball bounces")
    steps.fill("25")
    page.get_by_role("button", name="Generate sound").click()
    expect(page).to_have_url(re.compile("/g/gen_"))
    expect(page.get_by_text("ball.mp4").first).to_be_visible()


def test_without_a_clip_the_form_says_so_where_one_is_chosen(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Prompt", exact=True).fill("A ball bounces")
    page.get_by_role("button", name="Generate sound").click()
    file = page.locator("input[type=file]")
    expect(file).to_be_focused()
    assert "Choose a clip, or switch to Text to audio." in described(page, file)
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("A ball bounces")


def test_the_chosen_clip_plays_before_it_has_arrived(page: Page, ball: Path) -> None:
    held: list[Route] = []
    page.route(re.compile("/clips/$"), lambda route: held.append(route))
    page.goto("/")
    page.locator("input[type=file]").set_input_files(ball)
    expect(page.get_by_role("progressbar", name="Upload")).to_be_visible()
    expect(page.get_by_role("button", name="Uploading the clip…")).to_be_disabled()
    page.get_by_label("Your clip").evaluate("(video) => { video.muted = true; return video.play(); }")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.2")
    for route in held:
        route.continue_()
    page.unroute_all()
    for fact, text in {"length": "2.5 s", "dimensions": "320 × 180", "frame_rate": "30 fps", "sound": "silent"}.items():
        expect(page.locator(f"[data-fact={fact}]")).to_have_text(text)
    expect(page.get_by_role("button", name="Generate sound")).to_be_enabled()
    assert page.evaluate("document.querySelector('video').currentTime") > 0.2, "it started over"


def test_an_upload_can_be_called_off(page: Page, ball: Path) -> None:
    held: list[Route] = []
    page.route(re.compile("/clips/$"), lambda route: held.append(route))
    page.goto("/")
    page.locator("input[type=file]").set_input_files(ball)
    page.get_by_role("button", name="Cancel").click()
    for route in held:
        route.abort()
    expect(page.get_by_text("Drop a clip here")).to_be_visible()
    expect(page.get_by_role("button", name="Generate sound")).to_be_enabled()


def test_a_refused_file_is_said_in_a_sentence_and_the_clip_before_it_stays(
    page: Page, site: Site, tmp_path: Path
) -> None:
    page.goto(f"/?from={site.generations['voiced']}")
    expect(page.locator("[data-fact=name]")).to_have_text("bounce with sound.mp4")
    notes, huge = tmp_path / "notes.mp4", tmp_path / "huge.mp4"
    notes.write_text("Not a picture in sight.")
    huge.write_bytes(bytes(MAX_UPLOAD_MB * 1024 * 1024 + 1))
    for file, sentence in ((notes, "not a video"), (huge, f"larger than {MAX_UPLOAD_MB} MB")):
        page.locator("input[type=file]").set_input_files(file)
        expect(page.get_by_role("alert")).to_contain_text(sentence)
        expect(page.locator("[data-fact=name]")).to_have_text("bounce with sound.mp4")


def test_the_duration_goes_as_far_as_the_chosen_clip(page: Page, site: Site) -> None:
    page.goto("/")
    duration = page.get_by_label("Duration")
    expect(duration).to_have_attribute("max", "30")
    expect(duration).to_have_value("8.0")
    page.get_by_role("button", name="bounce.mp4").click()
    expect(duration).to_have_attribute("max", f"{SECONDS:g}")
    expect(duration).to_have_value(f"{SECONDS:g}")
    expect(page.get_by_text("The whole clip", exact=True)).to_be_visible()
    page.get_by_text("Text to audio").click()
    expect(duration).to_have_attribute("max", "30")
    expect(duration).to_have_value("8.0")
    page.get_by_text("Video to audio").click()
    page.get_by_role("button", name="Remove the clip").click()
    expect(duration).to_have_attribute("max", "30")


def test_a_clip_is_known_by_its_asset_id(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="tall.mp4").click()
    expect(page.locator("[data-fact=name]")).to_have_text("tall.mp4")
    asset_id = page.locator("[data-fact=id]").inner_text()
    page.get_by_role("button", name="Remove the clip").click()
    page.get_by_label("Asset ID", exact=True).fill(asset_id)
    page.get_by_label("Asset ID", exact=True).press("Enter")
    expect(page.locator("[data-fact=name]")).to_have_text("tall.mp4")
    page.get_by_text("Choose another clip").click()
    page.get_by_label("Asset ID", exact=True).fill("asset_nobody")
    page.get_by_role("button", name="Use", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("no clip with this asset ID")
    assert "no clip with this asset ID" in described(page, page.get_by_label("Asset ID", exact=True))
    expect(page.locator("[data-fact=name]")).to_have_text("tall.mp4")


def test_a_file_dropped_anywhere_is_taken_also_from_the_other_mode(page: Page, ball: Path) -> None:
    page.goto("/")
    page.get_by_text("Text to audio").click()
    dropped = page.evaluate_handle(
        """(bytes) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "dropped.mp4", { type: "video/mp4" }));
          return data;
        }""",
        list(ball.read_bytes()),
    )
    page.dispatch_event("body", "drop", {"dataTransfer": dropped})
    expect(page.locator("[data-fact=length]")).to_have_text("2.5 s")
    expect(page.get_by_label("Your clip")).to_be_visible()


def test_the_sample_brings_its_prompt(visit: Visit) -> None:
    page = visit("nora")
    page.goto("/")
    page.get_by_role("button", name="Try it with a sample").click()
    expect(page.locator("[data-fact=name]")).to_have_text("Soundstage sample.mp4", timeout=30_000)
    expect(page.get_by_label("Prompt", exact=True)).not_to_have_value("")


def test_an_idea_is_added_to_the_prompt(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Metal hits in a cave").click()
    page.get_by_role("button", name="Footsteps on gravel").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("Metal hits in a cave, footsteps on gravel")


# The history


def test_the_history_is_walked_with_the_keyboard(page: Page) -> None:
    page.goto("/history/")
    page.get_by_role("link", name="New sound").focus()
    page.keyboard.press("Tab")
    first = page.locator("[data-history] a").first
    expect(first).to_be_focused()
    address = str(first.get_attribute("href"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"{re.escape(address)}$"))


def test_the_whole_entry_can_be_pressed(page: Page, site: Site) -> None:
    page.goto("/history/")
    page.locator("li", has=page.locator(f"a[href='/g/{site.generations['silent']}/']")).locator(".status").click(
        force=True
    )
    expect(page).to_have_url(site.results("silent"))


def test_the_history_follows_what_is_under_way(page: Page, visit: Visit, site: Site) -> None:
    page.goto(site.results("sound"))
    page.get_by_role("button", name="Another take").click()
    page.wait_for_url(lambda url: "/g/" in url and site.generations["sound"] not in url)
    history = visit("alice")
    history.goto("/history/")
    status = history.locator("[data-history] > li").first.locator(".status")
    expect(status).to_have_text("Queued")
    page.get_by_role("button", name="Cancel").click()
    expect(status).to_have_text("Cancelled")


def test_a_clips_takes_follow_what_is_under_way_and_leave_alone_what_is_being_written(
    page: Page, visit: Visit, site: Site
) -> None:
    page.goto(site.results("silent"))
    page.get_by_role("button", name="Another take").click()
    page.wait_for_url(lambda url: "/g/" in url and site.generations["silent"] not in url)
    takes = visit("alice")
    takes.goto(page.url)
    takes.get_by_role("link", name="bounce.mp4").click()
    under_way = takes.locator(f"[data-key={page.url.split('/')[-2]}] .status")
    expect(under_way).to_have_text("Queued")
    choice = takes.locator(f"[data-key={site.generations['silent']}] .take-choose")
    choice.locator("summary").click()
    choice.get_by_label("Why").fill("It is the driest.")
    seen = choice.locator("[name=csrfmiddlewaretoken]").input_value()
    page.get_by_role("button", name="Cancel").click()
    expect(under_way).to_have_text("Cancelled")
    expect(choice.get_by_label("Why")).to_be_focused()
    expect(choice.get_by_label("Why")).to_have_value("It is the driest.")
    expect(choice.locator("[name=csrfmiddlewaretoken]")).to_have_value(seen)


def test_pages_lead_on_and_back(page: Page) -> None:
    page.goto("/history/")
    newest = page.locator("[data-history] a").first.get_attribute("href")
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Page 2")).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Newer").click()
    assert page.locator("[data-history] a").first.get_attribute("href") == newest


# Without scripts


def test_the_whole_job_works_without_scripts(visit: Visit, ball: Path) -> None:
    page = visit("nora", java_script_enabled=False)
    page.goto("/")
    page.locator("input[type=file]").set_input_files(ball)
    page.get_by_role("button", name="Generate sound").click()
    expect(page.get_by_text("Describe the sound you want to hear.")).to_be_visible()
    expect(page.get_by_text("ball.mp4").first).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill("A ball bounces on wood")
    page.get_by_role("button", name="Generate sound").click()
    expect(page.get_by_role("heading", name="A ball bounces on wood")).to_be_visible()
    assert page.locator("meta[http-equiv=refresh]").count() == 1
    page.get_by_role("link", name="History").first.click()
    expect(page.get_by_role("link", name="A ball bounces on wood")).to_be_visible()


def test_without_scripts_the_modes_and_the_clips_are_chosen_all_the_same(visit: Visit) -> None:
    page = visit("alice", java_script_enabled=False)
    page.goto("/")
    page.get_by_role("button", name="bounce.mp4").click()
    expect(page.get_by_text("640 × 360")).to_be_visible()
    page.get_by_text("Text to audio").click()
    expect(page.get_by_text("640 × 360")).to_be_hidden()
    page.get_by_label("Prompt", exact=True).fill("Distant thunder")
    page.get_by_role("button", name="Generate sound").click()
    expect(page.get_by_text("Text to audio")).to_be_visible()


def test_without_scripts_a_file_that_is_too_large_meets_a_page_that_says_so(visit: Visit, tmp_path: Path) -> None:
    huge = tmp_path / "huge.mp4"
    huge.write_bytes(bytes((MAX_UPLOAD_MB + 2) * 1024 * 1024))
    page = visit("alice", java_script_enabled=False)
    page.goto("/")
    page.locator("input[type=file]").set_input_files(huge)
    page.get_by_role("button", name="Generate sound").click()
    expect(page.get_by_text(f"This file is larger than {MAX_UPLOAD_MB} MB.")).to_be_visible()
    expect(page.get_by_role("link", name="History")).to_be_visible()
