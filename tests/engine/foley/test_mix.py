"""Space and the mix: rooms, distance, how layers stand to each other, and what the finished sound is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import signal as dsp

from engine.foley.mix import air_absorption
from engine.foley.rooms import ROOMS, impulse_response
from engine.foley.sound import TEXTURES
from engine.foley.sound.brief import Bed, Character, Detail
from engine.foley.sound.filters import saturate
from engine.model import SAMPLE_RATE
from tests import clips
from tests.engine.foley.listening import (
    BANDS,
    Signal,
    decibels,
    generate,
    level,
    loudness,
    matched,
    onsets,
    true_peak,
)

# --- Rooms

OCTAVES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
LARGE = ("hall", "cathedral", "cave")


def response(room: str) -> Signal:
    return impulse_response(room, Detail(25))


def reverberation(answer: Signal, hz: float) -> float:
    """RT60 in seconds of an octave: from the fall between -5 and -35 dB of Schroeder's integral (ISO 3382)."""
    octave = dsp.butter(4, (hz / 2**0.5, hz * 2**0.5), "band", fs=SAMPLE_RATE, output="sos")
    power = (dsp.sosfilt(octave, answer, axis=0) ** 2).sum(axis=1)
    rest = decibels(np.cumsum(power[::-1])[::-1] / power.sum())
    falling = np.flatnonzero((rest < -5) & (rest > -35))
    return float(-60 / np.polyfit(falling / SAMPLE_RATE, rest[falling], 1)[0])


def echo_density(answer: Signal, at: float) -> float:
    """The share of samples beyond one deviation in 20 ms, beside that of Gaussian noise (Abel and Huang, AES 121)."""
    part = answer[round(at * SAMPLE_RATE) :][:960, 0]
    return float(np.mean(np.abs(part) > part.std()) / 0.3173)


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "outdoors"])
def test_a_room_rings_at_each_pitch_for_as_long_as_it_says(room: str) -> None:
    """But outdoors, where single echoes outweigh the tail."""
    measured = [reverberation(response(room), hz) for hz in OCTAVES]
    ratios = np.array(measured) / ROOMS[room].ring
    assert np.all(np.abs(ratios[:-1] - 1) < 0.2), measured
    assert measured[-1] < measured[3], "the air takes the treble"


@pytest.mark.parametrize("room", LARGE)
def test_first_come_single_echoes_then_a_tail_as_dense_as_noise(room: str) -> None:
    densities = [echo_density(response(room), at) for at in (0.03, 0.2, 1.0)]
    assert densities == sorted(densities)
    assert densities[0] < 0.3
    assert densities[2] > 0.5


def test_the_first_echo_comes_later_in_a_larger_room() -> None:
    first = {room: int(np.argmax(np.abs(response(room)).max(axis=1) > 0.05)) for room in ROOMS}
    assert 2 * first["room"] < first["hall"] < first["cathedral"]


@pytest.mark.parametrize("room", ROOMS)
def test_the_tail_is_around_the_listener(room: str) -> None:
    """Both sides are as loud and hardly alike, so that the room is wide."""
    left, right = response(room)[SAMPLE_RATE // 20 :].T
    alike = dsp.correlate(left, right, "full", "fft") / np.sqrt((left @ left) * (right @ right))
    middle = len(left) - 1
    assert np.abs(alike[middle - 48 : middle + 49]).max() < 0.5  # within the millisecond between two ears
    assert decibels(left @ left) == pytest.approx(decibels(right @ right), abs=1.5)


# --- Distance


def test_air_takes_what_the_standard_says() -> None:
    """ISO 9613-1, table 1: dB per kilometre at 20 degrees and 50 % humidity."""
    table = {125: 0.445, 250: 1.32, 500: 2.73, 1000: 4.66, 2000: 9.86, 4000: 29.4, 8000: 104.0}
    taken = 1000 * air_absorption(np.array(list(table), dtype=float))
    assert taken == pytest.approx(list(table.values()), rel=0.03)


# --- Layers


@cache
def heard(prompt: str) -> Signal:
    return np.asarray(generate(prompt, duration=2.0).samples, np.float64)


def contributions(one: str, other: str) -> tuple[Signal, Signal]:
    """What each of two layers has in their mix: the same takes alone, at the levels that add up to it."""
    both, first, second = (heard(prompt) for prompt in (f"{one}, {other}, room", f"{one}, room", f"{other}, room"))
    alone = np.stack([first.ravel(), second.ravel()], axis=1)
    gains, *_ = np.linalg.lstsq(alone, both.ravel(), rcond=None)
    assert level(both - gains[0] * first - gains[1] * second) < level(both) - 15
    return first * gains[0], second * gains[1]


def cells(samples: Signal) -> Signal:
    """The power in each third of an octave of each 43 ms."""
    frequency, _, spectra = dsp.stft(samples.T, SAMPLE_RATE, nperseg=2048)
    power = (np.abs(spectra) ** 2).sum(axis=0)
    band = np.digitize(frequency, BANDS)
    return np.stack([power[band == index].sum(axis=0) for index in range(1, len(BANDS)) if (band == index).any()])


@pytest.mark.parametrize(
    ("front", "behind"),
    [
        ("footsteps on gravel", "rain"),
        ("wooden knocks", "howling wind"),
        ("typing on a keyboard", "machinery running"),
        ("a mouse click", "heavy rain"),
        ("a church bell", "waves on a beach"),
        ("metal hits", "footsteps on gravel"),
        ("a heartbeat", "a low rumble"),
    ],
)
def test_both_of_two_layers_are_heard(front: str, behind: str) -> None:
    """Neither masks the other: each is the louder one in many places of time and pitch."""
    one, other = (cells(part) for part in contributions(front, behind))
    audible = np.maximum(one, other) > 1e-6 * max(one.max(), other.max())
    for part, rest in ((one, other), (other, one)):
        stands_out = np.any(audible & (part > rest), axis=0)
        assert stands_out.mean() > 0.05, f"for {stands_out.mean():.0%} of the time"


def test_what_happens_stands_before_what_is_always_there() -> None:
    front, behind = contributions("footsteps on gravel", "rain")
    assert 8 < loudness(front) - loudness(behind) < 16


def test_words_move_a_layer_forward_and_back_and_away() -> None:
    """The rain beside the footsteps, in LU: by the words for planes and for distances, which are far from alike."""
    beside = {
        words: loudness(behind) - loudness(front)
        for words, (front, behind) in {
            words: contributions("footsteps on gravel", words)
            for words in ("rain", "rain in the foreground", "rain in the background", "nearby rain", "distant rain")
        }.items()
    }
    moved = {words: value - beside["rain"] for words, value in beside.items()}
    assert 3 < moved["rain in the foreground"] < 5
    assert -9 < moved["rain in the background"] < -6
    assert 2 < moved["nearby rain"] < 6
    assert -20 < moved["distant rain"] < -8


# --- The finished sound

SCENES = (
    "footsteps on gravel, birds and a distant car engine, outdoors",
    "heavy rain, thunder and wind throughout",
    "a crackling fire, an owl in the distance and crickets at night",
    "typing on a keyboard, a clock ticking, office",
    "metal hits in a cave with dripping water",
    "a church bell and applause, cathedral",
    "glass breaks, then footsteps on wood, corridor",
)


@pytest.mark.parametrize("prompt", SCENES)
def test_a_full_scene_has_the_house_loudness_and_room_above(prompt: str) -> None:
    samples = generate(prompt, duration=3.0).samples
    assert loudness(samples) == pytest.approx(-23.0, abs=1.0)
    assert true_peak(samples) <= -1.0


def test_where_nothing_should_sound_there_is_silence(tmp_path: Path) -> None:
    """Before the first contact that is seen, between two, and after the last."""
    clips.bouncing_ball(tmp_path / "clip.mp4", impacts=(1.0, 2.6), seconds=4.2)
    sound = generate("wooden knocks, dry", tmp_path / "clip.mp4")
    struck = onsets(sound.samples)
    assert matched(struck, (1.0, 2.6), 0.04) == len(struck) == 2
    silent = [slice(0, round(0.9 * SAMPLE_RATE)), slice(round(2.1 * SAMPLE_RATE), round(2.5 * SAMPLE_RATE))]
    silent.append(slice(round(3.7 * SAMPLE_RATE), None))
    assert all(level(sound.samples[part]) < -90 for part in silent), [level(sound.samples[part]) for part in silent]


@pytest.mark.parametrize("prompt", ["heavy rain", "howling wind", "waves on a beach", "applause", "a crackling fire"])
def test_what_is_all_around_is_truly_stereo(prompt: str) -> None:
    """Two sides that differ, are as loud, and don't cancel each other where a room has one loudspeaker."""
    samples = heard(f"{prompt}, dry")
    left, right = samples.T
    assert abs(float(np.corrcoef(left, right)[0, 1])) < 0.8
    assert level(left[:, None]) == pytest.approx(level(right[:, None]), abs=2.0)
    assert level(samples.mean(axis=1)[:, None]) > level(samples) - 4


@pytest.mark.parametrize("family", sorted(TEXTURES))
def test_what_lasts_can_be_still(family: str) -> None:
    """Where nothing moves nothing arrives; only a running engine idles on."""
    still = Bed(Character(), 2.0, np.zeros(201), np.random.default_rng(3), Detail(25))
    assert bool(np.any(TEXTURES[family](still))) == (family == "engine")


# --- Aliasing

TONES = ("a siren", "birds singing", "a beep", "a tiny bright beep")


@pytest.mark.parametrize("prompt", TONES)
def test_no_tone_folds_back(prompt: str) -> None:
    """A partial that passes half the rate comes back just below it, where nothing is ever meant to be."""
    samples = heard(f"{prompt}, dry")
    frequency, power = dsp.welch(samples, SAMPLE_RATE, ("kaiser", 14), 4096, axis=0)
    assert decibels(power[frequency > 20_000].sum()) < decibels(power.sum()) - 80


@pytest.mark.parametrize("hz", [997.0, 3989.0, 7919.0])
def test_saturation_adds_harmonics_and_nothing_else(hz: float) -> None:
    driven = saturate(np.sin(2 * np.pi * hz * np.arange(SAMPLE_RATE) / SAMPLE_RATE), 2.0)
    power = np.abs(np.fft.rfft(driven[4096:-4096] * dsp.windows.kaiser(len(driven) - 8192, 14))) ** 2
    frequency = np.fft.rfftfreq(len(driven) - 8192, 1 / SAMPLE_RATE)
    beside = np.abs(frequency - hz * np.round(frequency / hz)) > 20
    assert decibels(power[~beside].sum()) > decibels(power[beside & (frequency > 20)].sum()) + 80
