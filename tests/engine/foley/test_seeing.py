"""What the foley model's vision promises: contacts where things strike, and nothing where nothing does."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.foley.scene import Pointer, Scene
from engine.foley.see import see
from tests import clips
from tests.engine.foley.listening import matched
from tests.engine.foley.made import SECONDS, made
from tests.engine.work import done

SCENES = 100


def seen(clip: Path, duration: float, focus: Pointer | None = None) -> Scene:
    return done(see(clip, duration, focus))


def test_contacts_are_found_in_a_hundred_made_scenes(tmp_path: Path) -> None:
    """Within 20 ms from 24 frames a second on, a frame below: nineteen of twenty, and hardly any that are none."""
    hits = true = found = lit = flashes = 0
    worst = []
    for seed in range(SCENES):
        clip = tmp_path / "clip.mp4"
        scene = made(seed, clip)
        events = seen(clip, SECONDS).events
        contacts = [event.time for event in events if event.kind == "impact"]
        hit = matched(contacts, scene.contacts, scene.tolerance)
        hits, true, found = hits + hit, true + len(scene.contacts), found + len(contacts)
        lights = [event.time for event in events if event.kind == "flash"]
        lit += matched(lights, scene.flashes, max(scene.tolerance, 0.04))
        flashes += max(len(lights), len(scene.flashes))
        worst.append((hit - max(len(scene.contacts), len(contacts)), seed, scene.described))
    worst.sort()
    assert hits / true >= 0.95, worst[:10]
    assert hits / found >= 0.95, worst[:10]
    assert lit / flashes >= 0.9


def page(height: int) -> clips.Image:
    """A screen 320 pixels wide, of lines of words and gaps between paragraphs."""
    image = clips.plain(320, height, 245)(0.0)
    random = np.random.default_rng(2)
    top = 20
    while top < height - 10:
        words = [
            "".join(chr(97 + int(letter)) for letter in random.integers(0, 26, size)) for size in (7, 3, 9, 5, 8, 4)
        ]
        line = " ".join(random.permutation(words)[: int(random.integers(3, 7))])
        cv2.putText(image, line, (16, top), cv2.FONT_HERSHEY_PLAIN, 0.8, (40, 40, 40), 1, cv2.LINE_AA)
        top += int(random.choice([14, 14, 14, 26]))
    return image


def test_a_pointer_on_a_recorded_screen_strikes_nothing(tmp_path: Path) -> None:
    """It glides over a page of text, and where it rests all frames repeat."""
    screen = page(180)

    def picture(time: float) -> clips.Image:
        image = screen.copy()
        glide = 0.5 - 0.5 * math.cos(math.pi * np.clip(time - 0.8, 0, 1.2) / 1.2)
        x, y = 60 + 180 * glide, 120 - 60 * glide
        image[round(y) : round(y) + 9, round(x) : round(x) + 6] = 0
        return image

    clips.film(tmp_path / "clip.mp4", picture, fps=60.0, seconds=3.0)
    assert seen(tmp_path / "clip.mp4", 3.0).events == ()


def test_what_is_typed_or_opens_appears_and_strikes_nothing(tmp_path: Path) -> None:
    """Letters are typed, a window opens and closes, and the page is scrolled, by the wheel and then by dragging."""
    whole, window = page(900), np.full((90, 150, 3), (190, 120, 60), np.uint8)
    typed, opened, closed = (0.3, 0.45, 0.65, 0.8), 1.1, 1.5

    def picture(time: float) -> clips.Image:
        wheel = sum(time >= turn for turn in (1.9, 1.98, 2.06))
        dragged = 0.5 - 0.5 * math.cos(math.pi * np.clip((time - 2.5) / 0.5, 0, 1))
        top = round(60 * wheel + 250 * dragged)
        image = whole[top : top + 180].copy()
        if time < 1.9:
            image[120:150] = 245
        for letter in range(sum(time >= key for key in typed) * (time < 1.9)):
            image[130:142, 30 + 14 * letter : 38 + 14 * letter] = 30
        if opened <= time < closed:
            image[30:120, 120:270] = window
        return image

    clips.film(tmp_path / "clip.mp4", picture, seconds=3.3)
    scene = seen(tmp_path / "clip.mp4", 3.3)
    assert scene.events == ()
    found, true = [event.time for event in scene.appearances], (*typed, opened, closed)
    assert matched(found, true, 0.04) == len(true) == len(found)
    assert scene.instants("appearance") == scene.appearances


def test_slow_motion_keeps_its_contacts_and_has_no_more(tmp_path: Path) -> None:
    """A ball at a sixth of its speed: two contacts in six seconds."""
    true = clips.bouncing_ball(tmp_path / "clip.mp4", impacts=(1.6, 4.4), seconds=6.0, background="textured", noise=1.0)
    found = [event.time for event in seen(tmp_path / "clip.mp4", 6.0).events]
    assert matched(found, true, 0.03) == len(true) == len(found)


def test_noise_in_the_dark_is_nothing(tmp_path: Path) -> None:
    clips.film(tmp_path / "clip.mp4", clips.plain(320, 180, 12), seconds=3.0, noise=9.0)
    scene = seen(tmp_path / "clip.mp4", 3.0)
    assert scene.events == scene.starts == ()


@pytest.mark.parametrize("fps", [12.0, 15.0, 30.0, 60.0])
def test_what_jerks_is_seen_as_it_begins(tmp_path: Path, fps: clips.FrameRate) -> None:
    """A head that rests, nods at once and sinks back gently, three times: what counts is where a nod begins."""
    begins = (0.6, 1.5, 2.3)
    behind = clips.textured(320, 180)

    def picture(time: float) -> clips.Image:
        nod = 0.0
        for begin in begins:
            since = time - begin
            if 0 <= since < 0.6:
                nod = min(1.0, since / 0.1) if since < 0.1 else 0.5 + 0.5 * math.cos(math.pi * (since - 0.1) / 0.5)
        image = behind(time)
        top = round(60 + 24 * nod)
        image[top : top + 70, 120:200] = clips.texture(80, 70, 4)
        return image

    clips.film(tmp_path / "clip.mp4", picture, fps=fps, seconds=3.0, noise=1.0)
    found = [event.time for event in seen(tmp_path / "clip.mp4", 3.0).starts]
    assert matched(found, begins, max(0.05, 1 / float(fps))) == len(begins) == len(found)


def test_neither_a_cut_nor_a_pan_begins_a_movement_at_once(tmp_path: Path) -> None:
    clips.cuts(tmp_path / "cuts.mp4")
    clips.pan(tmp_path / "pan.mp4", noise=1.0)
    assert seen(tmp_path / "cuts.mp4", 3.0).starts == ()
    assert seen(tmp_path / "pan.mp4", 3.0).starts == ()
