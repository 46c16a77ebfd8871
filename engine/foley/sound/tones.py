"""Tones with many partials that move: what turns, hums and sings. Nothing above the highest frequency that is made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from engine.foley.sound.brief import RATE, Signal
from engine.foley.sound.filters import HIGHEST, stretch
from engine.foley.sound.noise import paint

_BLOCK = 4096
_STEP = 128  # samples between two looks at a voice's formants
_MARGIN = 2000.0  # Hz over which a partial is faded out below the highest


def phase_of(pitch: Signal) -> Signal:
    """The phase in radians of a tone whose pitch in Hz is given for every sample."""
    return 2 * np.pi * np.cumsum(pitch) / RATE


def course(points: Sequence[tuple[float, float]], length: int) -> Signal:
    """A curve through (place 0..1, value), eased, over `length` samples."""
    place, value = np.array(points).T
    curve = np.interp(np.linspace(0, 1, 200), place, value)
    smooth = np.convolve(np.pad(curve, 6, mode="edge"), np.hanning(15)[1:-1] / np.hanning(15).sum(), mode="valid")
    return stretch(smooth, length)


def harmonics(pitch: Signal, levels: Sequence[float] | Signal, start: float = 0.0) -> Signal:
    """The sum of the harmonics of a moving pitch (Hz, every sample), the first at `levels[0]`; `start` in radians.

    sin(k x) = 2 cos(x) sin((k - 1) x) - sin((k - 2) x): a multiplication for each partial and sample instead of a sine.
    """
    phase = phase_of(pitch) + start
    out = np.zeros(len(pitch))
    for first in range(0, len(pitch), _BLOCK):
        block = slice(first, first + _BLOCK)
        hz = pitch[block]
        low, high = float(hz.min()), float(hz.max())
        before, now = np.zeros(len(hz)), np.sin(phase[block])
        twice = 2.0 * np.cos(phase[block])
        for number, level in enumerate(levels, start=1):
            if number * low >= HIGHEST:
                break
            if number * high > HIGHEST - _MARGIN:
                level = level * np.clip((HIGHEST - number * hz) / _MARGIN, 0.0, 1.0)
            out[block] += level * now
            before, now = now, twice * now - before
    return out


def formants(frequency: Signal, centres: Signal, widths: Signal) -> Signal:
    """How a vocal tract answers at `frequency`: resonances in cascade, each 1 at 0 Hz (Fant, 1960, chapter 1.3).

    `centres` and `widths` (Hz) have the resonances along their last axis, and broadcast against `frequency[..., None]`.
    """
    squared = centres**2
    apart = squared - frequency[..., None] ** 2
    return np.asarray(np.prod(squared / np.sqrt(apart**2 + (widths * frequency[..., None]) ** 2), axis=-1))


def voice(pitch: Signal, tract: Signal, sharpness: float, slope: float, partials: int, wide: float = 0.08) -> Signal:
    """Vocal folds through a tract: harmonics of a moving pitch (Hz, every sample) under moving formants.

    `tract` (moments, formants) are the formants in Hz at evenly spread moments, each `wide` of its frequency and 40 Hz
    broad; harmonics fall by k^-slope at the source; `sharpness` is the weight of the formants' peaks (1: as they are).
    """
    count = max(2, len(pitch) // _STEP + 1)
    place = np.linspace(0.0, len(pitch) - 1.0, count)
    hz = np.interp(place, np.arange(len(pitch)), pitch)
    centres = np.stack([stretch(track, count) for track in np.atleast_2d(tract).T], axis=1)
    number = np.arange(1.0, partials + 1)
    frequency = hz[:, None] * number
    answer = formants(frequency, centres[:, None, :], 40.0 + wide * centres[:, None, :]) ** sharpness
    answer *= number**-slope * np.clip((HIGHEST - frequency) / _MARGIN, 0.0, 1.0)
    phase = phase_of(pitch)
    twice, before, now = 2.0 * np.cos(phase), np.zeros(len(pitch)), np.sin(phase)
    out = np.zeros(len(pitch))
    steps = np.arange(len(pitch))
    for level in answer.T:
        if not level.any():
            break
        out += np.interp(steps, place, level) * now
        before, now = now, twice * now - before
    return out


def breath(tract: Signal, level: Signal, length: int, random: Generator, wide: float = 0.15) -> Signal:
    """Air through the same tract, unvoiced: noise under moving formants; `level` is a curve of its loudness."""
    count = max(2, length // 1024)
    centres = np.stack([stretch(track, count) for track in np.atleast_2d(tract).T], axis=1)
    bands = np.geomspace(80.0, 16_000.0, 48)
    answer = formants(np.tile(bands, (count, 1)), centres[:, None, :], 60.0 + wide * centres[:, None, :])
    answer *= (bands / 1000.0) ** 0.35 / (1.0 + (bands / 7000.0) ** 2)
    return paint(answer * stretch(level, count)[:, None], bands, length, random)
