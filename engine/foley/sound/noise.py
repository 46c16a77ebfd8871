"""Noise with a spectrum that moves: the stuff of wind, rain, water, fire, breath and rumble."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import fft

from engine.foley.sound.brief import RATE, Signal
from engine.foley.sound.filters import HIGHEST, stretch

FRAME = 2048


def paint(levels: Signal, centres: Signal, length: int, random: Generator) -> Signal:
    """Gaussian noise of `length` samples whose spectrum follows a picture of it.

    `levels` has shape (moments, bands): the amplitude in each band (centres in Hz, ascending) at evenly spread moments;
    1 everywhere is white noise of unit variance. Between bands levels run straight over log frequency. Frames of
    independent noise are shaped in frequency and overlapped under a sine window, whose squares add up to 1.
    """
    hop = FRAME // 2
    frames = length // hop + 2
    bins = np.fft.rfftfreq(FRAME, 1 / RATE)
    bins[0] = bins[1] / 4
    weights = np.stack([np.interp(np.log(bins), np.log(centres), row) for row in np.eye(len(centres))])
    weights[:, bins > HIGHEST] = 0.0
    moments = np.linspace(0.0, len(levels) - 1.0, frames)
    low = np.minimum(moments.astype(int), max(len(levels) - 2, 0))
    high = np.minimum(low + 1, len(levels) - 1)
    share = (moments - low)[:, None]
    gains = (levels[low] * (1 - share) + levels[high] * share) @ weights
    white = fft.rfft(random.standard_normal((frames, FRAME), dtype=np.float32), axis=1)
    shaped = fft.irfft(white * gains.astype(np.float32), n=FRAME, axis=1)
    shaped *= np.sin(np.pi * (np.arange(FRAME, dtype=np.float32) + 0.5) / FRAME)
    out = np.zeros((frames + 1, hop))
    out[:-1] += shaped[:, :hop]
    out[1:] += shaped[:, hop:]
    return out.reshape(-1)[hop : hop + length]


def coloured(spectrum: dict[float, float], length: int, random: Generator) -> Signal:
    """Steady noise of a spectrum given as {Hz: level in dB}, scaled to unit RMS."""
    centres = np.array(sorted(spectrum))
    levels = 10 ** (np.array([spectrum[hz] for hz in centres]) / 20)
    out = paint(levels[None, :], centres, length, random)
    return out / max(float(np.sqrt(np.mean(out**2))), 1e-9)


def wander(points: int, hertz: float, rate: float, random: Generator) -> Signal:
    """A smooth random curve of `points` at `rate` Hz that turns about `hertz` times a second: mean 0, deviation 1."""
    span = max(points / rate, 1e-3)
    knots = random.standard_normal(int(span * hertz * 2) + 4)
    place = np.linspace(0.0, span * hertz * 2, points)
    index = place.astype(int)
    part = place - index
    ease = 0.5 - 0.5 * np.cos(np.pi * part)
    return np.asarray(1.15 * (knots[index] * (1 - ease) + knots[index + 1] * ease))


def burst(length: int, random: Generator, tau: float) -> Signal:
    """White noise that dies away by 1/e every `tau` seconds."""
    return random.standard_normal(length) * np.exp(-np.arange(length) / (tau * RATE))


def lively(activity: Signal, length: int) -> Signal:
    """A bed's activity drawn over its samples."""
    return stretch(activity, length)


def whistle(frequency: Signal, width: float, length: int, random: Generator) -> Signal:
    """Narrow noise around a moving frequency (Hz, a curve): what an edge or a gap sings in a stream of air.

    `width` is the bandwidth in Hz. Slow complex noise carried by a phase that runs as the curve says; unit RMS.
    """
    slow = max(int(length / RATE * width * 2) + 4, 8)
    knots = random.standard_normal((2, slow))
    place = np.linspace(0.0, slow - 1.0, length)
    index = np.minimum(place.astype(int), slow - 2)
    ease = 0.5 - 0.5 * np.cos(np.pi * (place - index))
    real, imaginary = (row[index] * (1 - ease) + row[index + 1] * ease for row in knots)
    phase = 2 * np.pi * np.cumsum(np.minimum(stretch(frequency, length), HIGHEST)) / RATE
    return np.asarray(1.15 * (real * np.cos(phase) - imaginary * np.sin(phase)))
