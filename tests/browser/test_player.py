"""The results page in a real browser: live progress, and two players that play as one."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Site
from tests.browser.scenes import FPS, FRAME_BITS, IMPACTS, SECONDS

pytestmark = pytest.mark.browser

FRAME = 1 / FPS
STATES = (
    "queued", "running", "running_sound", "running_tall", "silent", "voiced", "tall", "awaiting_preview", "sound",
    "failed", "failed_sound", "cancelled",
)  # fmt: skip

# What is on both screens at one moment: the times, and the numbers of the frames, read from the pictures themselves.
LOOK = f"""
() => {{
  const read = (video) => {{
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    const context = canvas.getContext("2d", {{ willReadFrequently: true }});
    context.drawImage(video, 0, 0);
    const row = context.getImageData(0, Math.floor(canvas.height / 16), canvas.width, 1).data;
    let number = 0;
    for (let bit = 0; bit < {FRAME_BITS}; bit += 1) {{
      const middle = Math.floor((bit + 0.5) * canvas.width / {FRAME_BITS});
      if (row[4 * middle] > 128) number |= 1 << bit;
    }}
    return number;
  }};
  const [original, result] = ["original", "result"].map((id) => document.getElementById(id));
  return {{
    times: [original.currentTime, result.currentTime],
    frames: [read(original), read(result)],
    rates: [original.playbackRate, result.playbackRate],
    muted: [original.muted, result.muted],
    paused: [original.paused, result.paused],
    drift: Number(document.querySelector("[data-player]").dataset.driftMs),
  }};
}}
"""
# Nothing was sought for eight shown frames on end.
CALM = """
() => new Promise((done) => {
  const media = [...document.querySelectorAll("[data-locked]")];
  let calm = 0;
  const look = () => {
    calm = media.every((one) => one.readyState >= 3 && !one.seeking) ? calm + 1 : 0;
    if (calm === 8) done(true);
    else requestAnimationFrame(look);
  };
  look();
})
"""
PAIR = ("original", "result")
# The drift of two in seconds, once per shown frame, for `ms` milliseconds after `settling` ms.
WATCH = """
([pair, settling, ms]) => new Promise((done) => {
  const [one, other] = pair.map((id) => document.getElementById(id));
  const drifts = [];
  const begun = performance.now();
  const look = () => {
    const passed = performance.now() - begun;
    if (passed > settling) drifts.push(one.currentTime - other.currentTime);
    if (passed > settling + ms) done(drifts);
    else requestAnimationFrame(look);
  };
  look();
})
"""


@pytest.fixture
def voiced(page: Page, site: Site) -> Page:
    """A finished pair whose original has sound, ready to play."""
    page.goto(site.results("voiced"))
    wait_for_media(page)
    return page


def wait_for_media(page: Page) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-locked]')].every((one) => one.readyState >= 3 && !one.seeking)"
    )


def at_rest(page: Page) -> dict[str, Any]:
    """What is seen once both pictures have arrived where they were sent.

    The player seeks one place at a time, and on an arrival the latest that was asked for: between the two it only looks
    at rest.
    """
    page.wait_for_function(CALM)
    seen: dict[str, Any] = page.evaluate(LOOK)
    return seen


def watch(page: Page, *, settling: float = 0.5, seconds: float = 2.0, pair: tuple[str, str] = PAIR) -> list[float]:
    drifts: list[float] = page.evaluate(WATCH, [pair, settling * 1000, seconds * 1000])
    assert len(drifts) > 10
    return drifts


def within_a_frame(drifts: list[float]) -> list[bool]:
    return [abs(drift) < FRAME for drift in drifts]


def assert_locked(page: Page, *, seconds: float = 2.0, pair: tuple[str, str] = PAIR) -> None:
    """The two with these ids are playing, and under one frame apart.

    A busy machine may make a picture miss a beat. A lock makes up for that, so where the first look saw it happen, the
    second one, right after it, decides.
    """
    for drifts in (watch(page, seconds=seconds, pair=pair) for _ in range(2)):
        assert page.evaluate("(pair) => pair.map((id) => document.getElementById(id).paused)", pair) == [False, False]
        close = within_a_frame(drifts)
        if sum(close) > 0.9 * len(close) and all(close[-10:]):
            return
    raise AssertionError([round(drift * 1000) for drift in drifts])


# Playing


@pytest.mark.alone
@pytest.mark.parametrize("state", ["voiced", "silent"])
@pytest.mark.parametrize("rate", ["1", "2", "0.5"])
def test_both_videos_stay_within_a_frame_at_any_rate(page: Page, site: Site, state: str, rate: str) -> None:
    page.goto(site.results(state))
    wait_for_media(page)
    page.get_by_label("Speed").select_option(rate)
    page.get_by_role("button", name="Play", exact=True).click()
    assert_locked(page)
    seen = page.evaluate(LOOK)
    assert seen["paused"] == [False, False]
    assert abs(seen["drift"]) < FRAME * 1000
    assert seen["times"][1] > 1.0 * float(rate)


@pytest.mark.alone
def test_they_are_locked_again_after_a_seek_while_playing(voiced: Page) -> None:
    voiced.get_by_role("button", name="Play", exact=True).click()
    voiced.wait_for_function("() => document.getElementById('result').currentTime > 0.3")
    click_waveform(voiced, 0.5)
    assert_locked(voiced, seconds=1.0)
    assert voiced.evaluate(LOOK)["times"][1] > SECONDS / 2


@pytest.mark.alone
def test_the_loop_starts_both_over_together(voiced: Page) -> None:
    voiced.get_by_role("button", name="Loop").click()
    click_waveform(voiced, 0.9)
    voiced.get_by_role("button", name="Play", exact=True).click()
    voiced.wait_for_function("() => document.getElementById('result').currentTime < 1")
    assert_locked(voiced, seconds=1.0)
    assert voiced.evaluate(LOOK)["paused"] == [False, False]


@pytest.mark.alone
def test_without_the_loop_both_stop_at_the_end_and_play_starts_over(voiced: Page) -> None:
    click_waveform(voiced, 0.97)
    voiced.get_by_role("button", name="Play", exact=True).click()
    expect(voiced.get_by_role("button", name="Play", exact=True)).to_be_visible()
    seen = at_rest(voiced)
    assert seen["paused"] == [True, True]
    assert all(abs(time - SECONDS) < 2 * FRAME for time in seen["times"])
    voiced.get_by_role("button", name="Play", exact=True).click()
    voiced.wait_for_function("() => document.getElementById('result').currentTime < 1")
    assert_locked(voiced, seconds=0.5)


def test_paused_they_show_the_very_same_frame(voiced: Page) -> None:
    for _ in range(3):
        voiced.get_by_role("button", name="Play", exact=True).click()
        voiced.wait_for_timeout(330)
        voiced.get_by_role("button", name="Pause", exact=True).click()
        seen = at_rest(voiced)
        assert seen["paused"] == [True, True]
        assert seen["frames"][0] == seen["frames"][1] > 0


@pytest.mark.alone
def test_while_one_waits_for_its_data_the_other_is_held(page: Page, site: Site) -> None:
    held: list[Route] = []
    page.route(re.compile("/media/clips/.*/playable"), lambda route: held.append(route))
    page.goto(site.results("voiced"))
    page.wait_for_function("() => document.getElementById('result').readyState >= 3")
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(600)
    assert page.evaluate("document.getElementById('result').currentTime") < FRAME
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    for route in held:
        route.continue_()
    page.unroute_all()
    page.wait_for_function("() => document.getElementById('result').currentTime > 0.2")
    assert_locked(page, seconds=0.5)


# Hearing


def test_what_broke_off_is_asked_for_again_and_goes_on_where_it_was(page: Page, site: Site) -> None:
    """As with the address of a file store, which holds for a minute: what was not loaded by then is refused."""
    refuses = True
    whole: dict[str, bytes] = {}

    def answer(route: Route) -> None:
        url = route.request.url
        if url not in whole:
            whole[url] = page.request.get(url).body()
        content, quarter = whole[url], len(whole[url]) // 4
        start = int(re.findall(r"\d+", route.request.headers["range"])[0])
        if refuses and quarter <= start < 3 * quarter:
            return route.fulfill(status=403, body="This address has expired.")
        part = content[start : quarter if refuses and start < quarter else len(content)]
        where = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
        return route.fulfill(status=206, headers={"Content-Range": where, "Content-Type": "video/mp4"}, body=part)

    page.route(re.compile("/media/g/.*/playable"), answer)
    page.goto(site.results("silent"))
    page.wait_for_function("() => document.getElementById('result').error")
    page.keyboard.press("ArrowRight")
    refuses = False
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("() => document.getElementById('result').currentTime > 2")
    expect(page.locator("[data-broken]")).to_have_count(0)


def test_one_click_switches_which_one_is_heard(voiced: Page) -> None:
    assert voiced.evaluate(LOOK)["muted"] == [True, False]
    voiced.get_by_role("button", name="Original", exact=True).click()
    assert voiced.evaluate(LOOK)["muted"] == [False, True]
    expect(voiced.get_by_role("button", name="Original", exact=True)).to_have_attribute("aria-pressed", "true")
    voiced.get_by_role("button", name="With sound", exact=True).click()
    assert voiced.evaluate(LOOK)["muted"] == [True, False]


@pytest.mark.alone
def test_switching_while_playing_keeps_them_locked(voiced: Page) -> None:
    voiced.get_by_role("button", name="Play", exact=True).click()
    voiced.wait_for_timeout(500)
    voiced.get_by_role("button", name="Original", exact=True).click()
    assert_locked(voiced, seconds=1.0)


def test_volume_and_mute_reach_the_one_that_is_heard(voiced: Page) -> None:
    voiced.get_by_label("Volume").fill("0.4")
    assert voiced.evaluate("document.getElementById('result').volume") == pytest.approx(0.4)
    voiced.get_by_role("button", name="Mute").click()
    assert voiced.evaluate(LOOK)["muted"] == [True, True]
    voiced.get_by_role("button", name="Mute").click()
    assert voiced.evaluate(LOOK)["muted"] == [True, False]


# The waveform


def click_waveform(page: Page, share: float) -> None:
    box = page.get_by_role("slider", name="Position").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)


def test_a_click_on_the_waveform_seeks_both(voiced: Page) -> None:
    click_waveform(voiced, 0.25)
    seen = at_rest(voiced)
    assert seen["times"] == pytest.approx([SECONDS / 4] * 2, abs=FRAME)
    assert seen["frames"][0] == seen["frames"][1] == pytest.approx(SECONDS / 4 * FPS, abs=1)


@pytest.mark.alone
def test_dragging_over_the_waveform_scrubs_and_play_goes_on_afterwards(voiced: Page) -> None:
    voiced.get_by_role("button", name="Play", exact=True).click()
    box = voiced.get_by_role("slider", name="Position").bounding_box()
    assert box
    voiced.mouse.move(box["x"] + 10, box["y"] + 20)
    voiced.mouse.down()
    for step in range(1, 21):
        voiced.mouse.move(box["x"] + box["width"] * step / 40, box["y"] + 20)
    seen = at_rest(voiced)
    assert seen["paused"] == [True, True]
    assert seen["times"] == pytest.approx([SECONDS / 2] * 2, abs=FRAME)
    voiced.mouse.up()
    voiced.wait_for_function(f"() => document.getElementById('result').currentTime > {SECONDS / 2 + 0.2}")


def test_a_click_on_a_mark_goes_to_just_before_the_event(voiced: Page) -> None:
    voiced.get_by_role("button", name=re.compile(r"^Impact at 2\.00 s")).click()
    time = at_rest(voiced)["times"][1]
    assert 0.1 < IMPACTS[2] - time < 0.5


def test_pointing_at_a_mark_shows_where_on_the_picture_it_was(voiced: Page) -> None:
    spot = voiced.locator("[data-spot]").last
    expect(spot).to_be_hidden()
    voiced.get_by_role("button", name=re.compile(r"^Impact at 3\.40 s")).hover()
    expect(spot).to_be_visible()
    picture, place = voiced.locator("#result").bounding_box(), spot.bounding_box()
    assert picture
    assert place
    middle = (place["x"] + place["width"] / 2 - picture["x"]) / picture["width"]
    assert middle == pytest.approx(0.15 + 0.7 * IMPACTS[3] / SECONDS, abs=0.01)


def test_the_waveform_is_drawn_over_its_whole_width_and_again_when_that_changes(voiced: Page) -> None:
    def last_bar() -> float:
        path = voiced.locator(".waveform-ahead path").get_attribute("d") or ""
        return float(path.rsplit("M", 1)[1].split()[0])

    def width() -> float:
        box = voiced.get_by_role("slider", name="Position").bounding_box()
        assert box
        return float(box["width"])

    assert last_bar() == pytest.approx(width(), abs=6)
    voiced.set_viewport_size({"width": 700, "height": 900})
    voiced.wait_for_timeout(100)
    assert last_bar() == pytest.approx(width(), abs=6)


# The keyboard


def test_the_keyboard_does_what_the_list_of_shortcuts_says(voiced: Page) -> None:
    def time() -> float:
        return float(at_rest(voiced)["times"][1])

    press = voiced.keyboard.press
    press("ArrowRight")
    assert time() == pytest.approx(1.0, abs=FRAME)
    press("Shift+ArrowRight")
    assert time() == pytest.approx(1.1, abs=FRAME)
    press("ArrowLeft")
    assert time() == pytest.approx(0.1, abs=FRAME)
    click_waveform(voiced, 0.5)
    frame = at_rest(voiced)["frames"][1]
    press(".")
    seen = at_rest(voiced)
    assert seen["frames"] == [frame + 1, frame + 1]
    press(",")
    press(",")
    assert at_rest(voiced)["frames"] == [frame - 1, frame - 1]
    press("Home")
    assert time() == 0
    press("]")
    assert 0.1 < IMPACTS[0] - time() < 0.5
    press("]")
    assert 0.1 < IMPACTS[1] - time() < 0.5
    press("[")
    assert 0.1 < IMPACTS[0] - time() < 0.5
    press("s")
    assert at_rest(voiced)["muted"] == [False, True]
    press("m")
    assert at_rest(voiced)["muted"] == [True, True]
    press("l")
    expect(voiced.get_by_role("button", name="Loop")).to_have_attribute("aria-pressed", "true")
    press("Space")
    voiced.wait_for_function("() => !document.getElementById('result').paused")
    press("Space")
    assert at_rest(voiced)["paused"] == [True, True]


def test_space_on_a_button_presses_that_button_alone(voiced: Page) -> None:
    voiced.get_by_role("button", name="Loop").focus()
    voiced.keyboard.press("Space")
    expect(voiced.get_by_role("button", name="Loop")).to_have_attribute("aria-pressed", "true")
    assert voiced.evaluate(LOOK)["paused"] == [True, True]


def test_the_slider_says_its_time_in_words(voiced: Page) -> None:
    slider = voiced.get_by_role("slider", name="Position")
    slider.focus()
    voiced.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", f"1.0 seconds of {SECONDS:.1f} seconds")
    voiced.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuenow", f"{SECONDS:.2f}")


# Sound alone


@pytest.mark.alone
def test_text_to_audio_plays_on_the_same_transport(page: Page, site: Site) -> None:
    page.goto(site.results("sound"))
    wait_for_media(page)
    expect(page.locator("video")).to_have_count(0)
    click_waveform(page, 0.5)
    page.keyboard.press("Space")
    page.wait_for_function(f"() => document.getElementById('result').currentTime > {SECONDS / 2 + 0.3}")
    page.keyboard.press("Space")
    assert page.evaluate("document.getElementById('result').paused")


# Live


def answers(page: Page, site: Site, states: list[str]) -> None:
    """Let the refreshes of a page show these states, one after the other, the last one for good.

    They are of different generations; for the page they are all the first one.
    """
    shown = site.generations[states[0]]
    bodies = []
    for state in states:
        body = page.request.get(f"{site.results(state)}live/").text()
        bodies.append((state, body.replace(f'data-key="{site.generations[state]}"', f'data-key="{shown}"')))

    def answer(route: Route) -> None:
        state, body = bodies.pop(0) if len(bodies) > 1 else bodies[0]
        route.fulfill(status=200, headers={"ETag": f'"{state}"', "Content-Type": "text/html"}, body=body)

    page.route("**/live/", answer)


@pytest.mark.alone
def test_the_page_changes_from_queued_to_the_player_without_a_reload(page: Page, site: Site) -> None:
    page.add_init_script("window.loads = (window.loads ?? 0) + 1")
    answers(page, site, ["queued", "running", "voiced"])
    page.goto(site.results("queued"))
    page.evaluate("window.same = true")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert page.evaluate("window.same")
    expect(page.locator("[data-announcer]")).to_have_text("The sound is ready.")
    expect(page).to_have_title(re.compile("^A heavy wooden ball"))
    wait_for_media(page)
    page.get_by_role("button", name="Play", exact=True).click()
    assert_locked(page, seconds=0.5)


def test_what_only_progressed_is_changed_in_place(page: Page, site: Site) -> None:
    answers(page, site, ["queued", "queued", "running"])
    page.goto(site.results("queued"))
    page.evaluate("document.querySelector('[data-while-waiting]').mine = true")
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "46")
    assert page.evaluate("document.querySelector('[data-while-waiting]').mine")
    assert page.evaluate("!document.querySelector('[data-while-waiting]').paused")


def test_a_lost_connection_is_said_quietly_and_made_up_for(page: Page, site: Site) -> None:
    page.route("**/live/", lambda route: route.fulfill(status=503, body=""))
    page.goto(site.results("running"))
    notice = page.locator("[data-notice]")
    expect(notice).to_have_text(re.compile("connection is lost"))
    page.unroute_all()
    expect(notice).to_be_hidden()


def test_a_finished_page_asks_no_more(page: Page, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/live/") else None)
    page.goto(site.results("failed"))
    page.wait_for_timeout(1000)
    assert asked == []


# Looks


@pytest.mark.parametrize("state", STATES)
def test_at_390_pixels_nothing_scrolls_sideways(page: Page, site: Site, state: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(site.results(state))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("state", ["voiced", "tall"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_pictures_have_their_place_before_they_are_loaded(page: Page, site: Site, state: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    held: list[Route] = []
    page.route(re.compile("/(playable|poster)$"), lambda route: held.append(route))
    page.goto(site.results(state), wait_until="domcontentloaded")
    page.wait_for_function("() => document.querySelector('[data-player]').dataset.state")
    place = "JSON.stringify([...document.querySelectorAll('.picture')].map((tile) => tile.getBoundingClientRect()))"
    before = page.evaluate(place)
    for route in held:
        route.continue_()
    page.unroute_all()
    wait_for_media(page)
    assert page.evaluate(place) == before
    assert all(box["height"] < 900 for box in json.loads(before))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_to_object_to(page: Page, site: Site, state: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.goto(site.results(state))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
