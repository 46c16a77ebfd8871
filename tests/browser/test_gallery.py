"""The page of `make gallery`: everything on it plays, and it is a page like any other of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from engine.foley.lexicon import lexicon
from engine.model import SAMPLE_RATE
from tests.gallery import pictures
from tests.gallery.page import render
from tests.gallery.scenes import SCENES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    families = lexicon().families
    return render(tmp_path_factory.mktemp("gallery") / "made", [families["bell"], families["rain"]], SCENES[2:3])


@pytest.fixture
def page(chromium: Browser, gallery: Path) -> Iterator[Page]:
    page = chromium.new_page()
    page.goto(gallery.as_uri())
    yield page
    page.close()


def test_every_take_and_scene_can_be_played(page: Page) -> None:
    players = page.locator("audio, video")
    assert players.count() == 3 + 3 + 1
    for player in players.all():
        player.evaluate("(player) => { player.preload = 'auto'; player.load(); }")
    page.wait_for_function(
        "() => [...document.querySelectorAll('audio, video')].every((player) => player.duration > 2)"
    )
    page.locator("#rain .picture").first.click()
    page.wait_for_function("() => document.querySelector('#rain audio').currentTime > 1.5")
    assert page.locator("img").evaluate_all("(all) => all.every((image) => image.alt)")


def test_the_filter_leaves_what_was_asked_for(page: Page) -> None:
    page.get_by_label("Show only").fill("church")
    assert page.locator("article:visible").count() == 1
    assert page.locator("#shown").inner_text() == "1 shown"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_object_to(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_spectrogram_shows_a_tone_where_and_when_it_sounds(tmp_path: Path) -> None:
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.where(time < 1.0, np.sin(2 * np.pi * 1000 * time), 0.0)
    pictures.spectrogram(np.stack([tone, tone], axis=1), tmp_path / "tone.png")
    image = cv2.imread(str(tmp_path / "tone.png"))
    assert image is not None
    light = image.sum(axis=2)
    rows = light[:, pictures.WIDTH // 4].argmax()
    share = np.log(1000 / pictures.LOWEST) / np.log(pictures.HIGHEST / pictures.LOWEST)
    assert rows == pytest.approx((1 - share) * pictures.HEIGHT, abs=3)
    assert light[rows, -10] < 0.1 * light[rows, 10]
