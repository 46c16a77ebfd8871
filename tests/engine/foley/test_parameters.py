"""What each of the other parameters does, measured."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import signal as dsp
from scipy.stats import kurtosis

from engine.frames import clip_length
from engine.model import SAMPLE_RATE
from tests import clips
from tests.engine.foley.listening import Signal, decibels, envelope, generate, levels_after, matched, mono, onsets

IMPACTS = (0.5, 0.8, 1.0, 1.9, 2.9)
"""After a short flight a ball strikes softly, after a long one hard."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def ball(folder: Path) -> Path:
    clips.bouncing_ball(folder / "ball.mp4", impacts=IMPACTS, seconds=3.5)
    return folder / "ball.mp4"


# --- Duration


@pytest.mark.parametrize("seconds", [1.0, 1.2345, 2.71828])
def test_without_a_clip_the_duration_is_exact_to_a_sample(seconds: float) -> None:
    assert len(generate("rain", duration=seconds).samples) == round(seconds * SAMPLE_RATE)


@pytest.mark.parametrize("asked", [1.0, 1.7321])
def test_a_clip_is_cut_to_the_duration(ball: Path, asked: float) -> None:
    sound = generate("wooden knocks and wind", ball, duration=asked)
    assert len(sound.samples) == round(asked * SAMPLE_RATE)
    assert all(event.time < asked for event in sound.events)


@pytest.mark.parametrize(("rate", "frames"), [(30.0, 40), (24.0, 31), (29.97, 50), (12.0, 17)])
def test_no_sound_is_longer_than_its_clip(tmp_path: Path, rate: float, frames: int) -> None:
    clip = tmp_path / "clip.mp4"
    clips.still(clip, fps=rate, seconds=frames / rate)
    assert clip_length(clip) == pytest.approx(frames / rate, abs=0.001)
    assert len(generate("rain", clip, duration=30.0).samples) == round(clip_length(clip) * SAMPLE_RATE)


# --- Quality Steps


def partials(samples: Signal) -> int:
    """How many tones stand out of the spectrum, 60 dB deep."""
    _, power = dsp.welch(mono(samples), SAMPLE_RATE, nperseg=32_768)
    levels = decibels(power)
    return len(dsp.find_peaks(levels, prominence=15, height=levels.max() - 60)[0])


def test_more_quality_steps_give_more_partials() -> None:
    counts = [partials(generate("one metal hit, dry", duration=3.0, quality_steps=n).samples) for n in (4, 10, 25, 50)]
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[2] < counts[3]
    assert counts[3] > 5 * counts[0]


def test_more_quality_steps_give_denser_rain() -> None:
    """Fewer, larger grains are spikier than many small ones."""
    spiky = [float(kurtosis(mono(generate("rain", duration=2.0, quality_steps=n).samples))) for n in (4, 10, 25, 50)]
    assert spiky == sorted(spiky, reverse=True)
    assert spiky[0] > 2 * spiky[3]


def test_more_quality_steps_are_more_computation() -> None:
    def cost(steps: int) -> float:
        started = time.process_time()
        generate("babbling brook", duration=6.0, quality_steps=steps)
        return time.process_time() - started

    generate("babbling brook", duration=6.0)
    few, many = (min(costs) for costs in zip(*((cost(4), cost(50)) for _ in range(8)), strict=True))
    assert many > 1.3 * few


# --- Prompt Strength


def test_prompt_strength_weighs_the_words_against_the_picture(ball: Path) -> None:
    """The slope of the events' levels over the picture's strengths, in dB from the weakest to the strongest."""
    slopes = []
    for strength in (1.0, 4.5, 20.0):
        takes = [generate("wooden knocks, dry", ball, prompt_strength=strength, seed=seed) for seed in range(4)]
        seen = [event.strength for event in takes[0].events]
        heard = np.mean([levels_after(take.samples, IMPACTS) for take in takes], axis=0)
        slopes.append(float(np.polyfit(seen, heard, 1)[0]) * (max(seen) - min(seen)))
    low, usual, high = slopes
    assert low > 15
    assert low > usual + 5 > high + 8
    assert abs(high) < 3


def test_at_low_prompt_strength_even_the_rain_follows_the_motion(folder: Path) -> None:
    """Something moves in the first half of the clip alone."""
    clip = folder / "half.mp4"
    behind = clips.textured(320, 180)

    def picture(moment: float) -> clips.Image:
        image = behind(moment)
        x = 160 + 90 * math.sin(4 * min(moment, 1.5))
        clips.draw_ball(image, (x, 90), 25, (40, 200, 250))
        return image

    clips.film(clip, picture, seconds=3.0)

    def drop(strength: float) -> float:
        takes = [envelope(generate("rain", clip, prompt_strength=strength, seed=seed).samples, 10) for seed in range(2)]
        course = np.sqrt(np.mean(np.square(takes), axis=0))
        return float(20 * np.log10(course[2:13].mean() / course[18:28].mean()))

    assert drop(1.0) > drop(20.0) + 6
    assert abs(drop(20.0)) < 2


# --- Focus on Subject


def test_with_focus_only_the_subject_is_heard(folder: Path) -> None:
    """A small ball bounces before a crowd that sways and flickers, while a large one strikes in the background."""
    clip = folder / "busy.mp4"
    impacts = (0.43, 0.91, 1.37, 1.98, 2.41, 3.13)
    clips.bouncing_ball(clip, impacts=impacts, seconds=3.6, background="busy", radius=9, noise=1.0)
    found = onsets(generate("wooden knocks", clip, focus_on_subject=True).samples)
    assert matched(found, impacts, 0.04) == len(impacts)
    assert len(found) <= len(impacts) + 1


def test_without_focus_the_rest_of_the_picture_is_heard_too(folder: Path) -> None:
    """Two balls: one flies far, the other hops in a corner. Focus keeps to the first."""
    clip = folder / "two.mp4"
    near, far = (0.5, 1.1, 1.7, 2.3), (0.8, 1.4, 2.0, 2.6)
    behind = clips.textured(320, 180)
    high, low = clips.bounces(near, 150, 30, 200), clips.bounces(far, 150, 105, 60)

    def picture(moment: float) -> clips.Image:
        image = behind(moment)
        clips.draw_ball(image, high(moment), 12, (40, 200, 250))
        clips.draw_ball(image, low(moment), 12, (240, 220, 240))
        return image

    clips.film(clip, picture, seconds=3.0)
    every = onsets(generate("wooden knocks", clip, prompt_strength=20.0).samples)
    focused = onsets(generate("wooden knocks", clip, prompt_strength=20.0, focus_on_subject=True).samples)
    assert matched(every, near + far, 0.04) == 8
    assert matched(focused, near, 0.04) == 4
    assert matched(focused, far, 0.04) == 0


def test_without_a_thing_to_follow_focus_keeps_to_the_liveliest_part_of_the_picture(folder: Path) -> None:
    """Two sticks strike in turn at either side of the picture, the left one swinging further."""
    clip = folder / "sticks.mp4"
    behind = clips.textured(320, 180)

    def picture(moment: float) -> clips.Image:
        image = behind(moment)
        for x, swing, late in ((0, 0.5, 0.0), (210, 0.25, 0.3)):
            tip = round(150 - 180 * swing * abs(math.sin(math.pi * (moment - late) / 0.6)))
            image[tip - 40 : tip, x : x + 110] = clips.texture(110, 40, 3)
        return image

    clips.film(clip, picture, seconds=3.5)
    left = [0.6 * turn for turn in range(1, 6)]
    right = [0.3 + 0.6 * turn for turn in range(1, 5)]
    focused = [event.time for event in generate("wooden knocks", clip, focus_on_subject=True).events]
    assert matched(focused, left, 0.04) == len(left)
    assert matched(focused, right, 0.04) == 0


# --- Seed

PROMPT = "metal hits and footsteps on gravel with wind in a hall"


def test_the_same_seed_gives_the_same_samples_in_every_process(ball: Path) -> None:
    program = (
        "import hashlib, pathlib, sys; from tests.engine.foley.listening import generate;"
        "sound = generate(sys.argv[2], pathlib.Path(sys.argv[1]), seed=7, focus_on_subject=True);"
        "print(hashlib.sha256(sound.samples.tobytes()).hexdigest(), sound.events)"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", program, str(ball), PROMPT],
            capture_output=True, text=True, check=True, timeout=60, env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    here = generate(PROMPT, ball, seed=7, focus_on_subject=True)
    prints.add(f"{hashlib.sha256(here.samples.tobytes()).hexdigest()} {here.events}\n")
    assert len(prints) == 1


def test_another_seed_is_another_take_with_the_same_timing(ball: Path) -> None:
    one, other = (generate("wooden knocks", ball, seed=seed) for seed in (1, 2))
    assert one.events == other.events
    assert onsets(one.samples) == pytest.approx(onsets(other.samples), abs=0.01)
    alike = float(np.corrcoef(mono(one.samples), mono(other.samples))[0, 1])
    assert abs(alike) < 0.9
    one, other = (generate("footsteps on gravel", seed=seed, duration=3.0) for seed in (1, 2))
    assert onsets(one.samples)[0] == pytest.approx(onsets(other.samples)[0], abs=0.01)
    assert abs(float(np.corrcoef(mono(one.samples), mono(other.samples))[0, 1])) < 0.5
