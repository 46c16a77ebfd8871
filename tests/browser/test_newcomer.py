"""A newcomer's whole way in a real browser, on an installation started as the README says: from no account to sound."""

from __future__ import annotations

import os
import re
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import wait_for_result
from tests.clips import bouncing_ball
from tests.jobs.media.files import facts, packets
from tests.programs import Soundstage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

EMAIL, PASSWORD = "ada@example.org", "a quiet room at night"
IMPACTS = (0.6, 1.3, 2.1)
FPS = 25.0
PATIENCE_MS = 20_000
FAILED_BEFORE = pytest.StashKey[int]()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "ball on the floor.mp4"
    bouncing_ball(path, fps=FPS, impacts=IMPACTS, seconds=3.0, width=640, height=360)
    return path


@pytest.fixture(scope="module")
def page(chromium: Browser, installation: Soundstage) -> Iterator[Page]:
    """One person's browser for the whole way; an error in a script fails the test it happens in."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, base_url=installation.url)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield page
    expect.set_options(timeout=None)
    context.close()


@pytest.fixture(autouse=True)
def _step(page: Page, request: pytest.FixtureRequest) -> Iterator[None]:
    """No error in a script; and once a step has failed, those after it have too, at once."""
    if request.session.testsfailed > request.session.stash.setdefault(FAILED_BEFORE, request.session.testsfailed):
        pytest.fail("a step before this one failed")
    complaints: list[str] = []

    def complain(error: Any) -> None:
        complaints.append(str(error))

    page.on("pageerror", complain)
    yield
    page.remove_listener("pageerror", complain)
    assert complaints == []


def look(page: Page, name: str) -> None:
    """The page fits a phone; with SCREENSHOTS set it is also kept there in both sizes, light and dark."""
    folder = os.environ.get("SCREENSHOTS")
    for width, height in ((390, 844), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width} pixels"
        for scheme in ("light", "dark") if folder else ():
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme=None)


# The tests are the steps of one way, in order.


def test_the_first_visit_makes_the_account_and_its_team(page: Page, installation: Soundstage) -> None:
    page.goto("/history/")
    expect(page).to_have_url(re.compile("/setup/$"))
    look(page, "setup")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Team name").fill("Night Shift")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    expect(page).to_have_url(f"{installation.url}/")
    expect(page.locator("[data-studio]")).to_be_visible()


def test_sign_in_is_required_from_then_on(chromium: Browser, installation: Soundstage) -> None:
    context = chromium.new_context(base_url=installation.url)
    page = context.new_page()
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/$"))
    look(page, "sign-in")
    page.goto("/setup/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    expect(page.locator("[data-studio]")).to_be_visible()
    context.close()


def test_the_parameters_bear_their_names_ranges_and_defaults(page: Page) -> None:
    page.goto("/")
    look(page, "studio-empty")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("")
    expect(page.get_by_label("Negative Prompt", exact=True)).to_have_value("")
    for label, least, most, default in (
        ("Duration", "1", "30", "8.0"),
        ("Quality Steps", "4", "50", "25"),
        ("Prompt Strength", "1", "20", "4.5"),
        ("Seed", "0", "65535", ""),
    ):
        number = page.get_by_label(label, exact=True)
        assert (number.get_attribute("min"), number.get_attribute("max")) == (least, most)
        expect(number).to_have_value(default)
    expect(page.get_by_label("Focus on Subject", exact=True)).not_to_be_checked()


def test_a_chosen_clip_plays_before_anything_is_asked_for(page: Page, clip: Path) -> None:
    page.goto("/")
    page.locator("input[type=file]").set_input_files(clip)
    stage = page.locator("[data-clip-stage]")
    expect(stage.locator("[data-fact=name]")).to_have_text(clip.name)
    expect(stage.locator("[data-fact=length]")).to_have_text("3.0 s")
    expect(stage.locator("[data-fact=dimensions]")).to_have_text("640 × 360")
    expect(stage.locator("[data-fact=frame_rate]")).to_have_text("25 fps")
    page.wait_for_function("() => document.querySelector('[data-clip-stage] video').readyState >= 2")
    page.evaluate("document.querySelector('[data-clip-stage] video').play()")
    page.wait_for_function("() => document.querySelector('[data-clip-stage] video').currentTime > 0.2")
    expect(page.get_by_label("Duration", exact=True)).to_have_attribute("max", "3")
    look(page, "studio-clip")


def test_a_form_that_has_to_be_mended_keeps_everything(page: Page, clip: Path) -> None:
    page.get_by_label("Prompt", exact=True).fill("   ")
    page.get_by_label("Negative Prompt", exact=True).fill("music")
    page.get_by_label("Quality Steps", exact=True).fill("12")
    page.locator("[data-submit]").click()
    prompt = page.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Describe the sound you want to hear.")).to_be_visible()
    look(page, "studio-error")
    expect(page.get_by_label("Negative Prompt", exact=True)).to_have_value("music")
    expect(page.get_by_label("Quality Steps", exact=True)).to_have_value("12")
    expect(page.locator("[data-fact=name]")).to_have_text(clip.name)


def test_the_result_comes_to_the_page_that_waits(page: Page) -> None:
    page.get_by_label("Prompt", exact=True).fill("a wooden ball bounces on a stone floor")
    page.get_by_label("Seed", exact=True).fill("4711")
    page.locator("[data-submit]").click()
    wait_for_result(page)
    look(page, "result-video")
    expect(page.get_by_text("4711").first).to_be_visible()
    assert page.locator("[data-event]").count() >= len(IMPACTS)


def test_both_videos_play_as_one_and_seeking_moves_both(page: Page) -> None:
    times = "['original', 'result'].map((id) => document.getElementById(id).currentTime)"
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("() => document.getElementById('result').currentTime > 1")
    original, result = page.evaluate(times)
    assert abs(original - result) < 1 / FPS
    page.get_by_role("button", name="Pause", exact=True).click()
    box = page.locator("[data-waveform]").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 2 / 3, box["y"] + box["height"] / 2)
    page.wait_for_function("() => ['original', 'result'].every((id) => !document.getElementById(id).seeking)")
    assert page.evaluate(times) == pytest.approx([2.0, 2.0], abs=0.03)


def test_the_downloads_are_the_clip_with_its_sound_and_the_sound(page: Page, clip: Path, tmp_path: Path) -> None:
    files = {}
    for label in ("Download video", "Download audio"):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=label).click()
        files[label] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(files[label])
    video, audio = files.values()
    assert (video.name, audio.name) == ("ball on the floor - seed 4711.mp4", "ball on the floor - seed 4711.wav")
    assert packets(video) == packets(clip)
    assert facts(video).audio_codec == "aac"
    with wave.open(str(audio)) as sound:
        assert (sound.getframerate(), sound.getsampwidth(), sound.getnframes()) == (48_000, 3, 144_000)


def test_media_come_in_ranges_and_to_the_team_alone(page: Page, installation: Soundstage) -> None:
    address = page.evaluate("document.getElementById('result').currentSrc")
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    part = httpx.get(address, cookies=cookies, headers={"Range": "bytes=100-199"})
    assert (part.status_code, len(part.content)) == (206, 100)
    assert httpx.get(address).status_code == 302


def test_another_take_has_another_seed(page: Page) -> None:
    before = page.url
    page.get_by_role("button", name="Another take").click()
    page.wait_for_url(lambda url: url != before and "/g/" in url)
    wait_for_result(page)
    assert page.get_by_text("4711").count() == 0


def test_use_these_settings_fills_the_form(page: Page, clip: Path) -> None:
    page.get_by_role("link", name="Use these settings").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a wooden ball bounces on a stone floor")
    expect(page.get_by_label("Negative Prompt", exact=True)).to_have_value("music")
    expect(page.get_by_label("Quality Steps", exact=True)).to_have_value("12")
    expect(page.locator("[data-fact=name]")).to_have_text(clip.name)
    assert page.get_by_label("Seed", exact=True).input_value() != ""


def test_words_alone_make_a_sound(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Text to audio", exact=True).first.click()
    look(page, "studio-text")
    page.get_by_label("Prompt", exact=True).fill("rain on a tin roof")
    page.get_by_label("Duration", exact=True).fill("2")
    page.locator("[data-submit]").click()
    wait_for_result(page)
    look(page, "result-sound")
    assert page.locator("video").count() == 0
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("() => document.getElementById('result').currentTime > 0.3")


def test_the_sample_is_one_press_away(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Try it with a sample").click()
    expect(page.locator("[data-fact=name]")).to_have_text("Soundstage sample.mp4")
    expect(page.get_by_label("Prompt", exact=True)).not_to_have_value("")
    page.locator("[data-submit]").click()
    wait_for_result(page)
    look(page, "result-sample")


def test_a_clip_is_found_again_by_its_asset_id_and_among_the_recent(page: Page, clip: Path) -> None:
    page.goto("/")
    page.locator("[data-recent] button", has_text=clip.name).click()
    expect(page.locator("[data-fact=name]")).to_have_text(clip.name)
    asset_id = page.locator("[data-fact=id]").inner_text()
    page.goto("/")
    page.get_by_label("Asset ID", exact=True).fill(asset_id)
    page.locator("[data-use-id]").click()
    expect(page.locator("[data-fact=name]")).to_have_text(clip.name)
    page.get_by_text("Choose another clip").click()
    page.get_by_label("Asset ID", exact=True).fill("asset_nobody_has_this_one")
    page.locator("[data-use-id]").click()
    expect(page.get_by_text("Your team has no clip with this asset ID.")).to_be_visible()


def test_what_is_no_video_is_refused_with_a_sentence(page: Page, tmp_path: Path) -> None:
    poem = tmp_path / "poem.mp4"
    poem.write_text("A poem.\n" * 99)
    page.goto("/")
    page.locator("input[type=file]").set_input_files(poem)
    expect(page.get_by_text("This is not a video.")).to_be_visible()
    look(page, "studio-refusal")


def test_the_history_has_it_all_newest_first(page: Page) -> None:
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", name="History", level=1)).to_be_visible()
    look(page, "history")
    listed = page.locator("main a[href^='/g/']")
    expect(listed.filter(has_text="rain on a tin roof").first).to_be_visible()
    addresses = listed.evaluate_all("(links) => [...new Set(links.map((link) => link.pathname))]")
    assert len(addresses) == 4
    page.goto(addresses[-1])
    expect(page.locator("h1")).to_have_text("a wooden ball bounces on a stone floor")
