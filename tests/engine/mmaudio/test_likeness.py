"""Voice and music are told from other sounds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal as dsp

from engine.mmaudio.likeness import music_likeness, voice_likeness

RATE = 48_000
SECONDS = 4.0

Signal = NDArray[np.float64]


def times() -> Signal:
    return np.arange(round(SECONDS * RATE)) / RATE


def babble() -> Signal:
    """Vowels: a gliding pulse train through three formants, five syllables a second with pauses."""
    t = times()
    pitch = 130 + 25 * np.sin(2 * np.pi * 0.7 * t) + 8 * np.sin(2 * np.pi * 2.3 * t)
    phase = np.cumsum(pitch) / RATE
    pulses = np.diff(np.floor(phase), prepend=0.0)
    voice = sum(
        dsp.sosfilt(dsp.butter(1, (centre - 60, centre + 60), "band", fs=RATE, output="sos"), pulses)
        for centre in (600, 1200, 2500)
    )
    return np.asarray(voice * np.clip(np.sin(2 * np.pi * 4.5 * t), 0, 1) ** 0.5)


def chords() -> Signal:
    """Three chords of three tones each, a second or so long."""
    t = times()
    out = np.zeros_like(t)
    for start, steps in ((0.0, (0, 4, 7)), (1.3, (5, 9, 12)), (2.6, (7, 11, 14))):
        within = (t >= start) & (t < start + 1.3)
        for step in steps:
            for harmonic in (1, 2, 3):
                out += within * np.sin(2 * np.pi * harmonic * 220 * 2 ** (step / 12) * t) / harmonic
    return out


def noise() -> Signal:
    return np.random.default_rng(1).standard_normal(len(times()))


def steps() -> Signal:
    """Two thuds a second."""
    t = times()
    return noise() * np.exp(-(t % 0.5) / 0.03)


def hum() -> Signal:
    t = times()
    return np.asarray(sum(np.sin(2 * np.pi * 50 * harmonic * t) / harmonic for harmonic in range(1, 20)))


@pytest.mark.parametrize("other", [noise, steps, hum, chords])
def test_babble_is_more_like_a_voice_than_other_sounds_are(other: object) -> None:
    assert callable(other)
    assert voice_likeness(babble(), RATE) > 0.5
    assert voice_likeness(other(), RATE) < 0.35


@pytest.mark.parametrize("other", [noise, steps, hum, babble])
def test_chords_are_more_like_music_than_other_sounds_are(other: object) -> None:
    assert callable(other)
    assert music_likeness(chords(), RATE) > 0.5
    assert music_likeness(other(), RATE) < 0.35


def test_silence_is_like_neither() -> None:
    silence = np.zeros(RATE)
    assert voice_likeness(silence, RATE) == 0.0
    assert music_likeness(silence, RATE) == 0.0
