"""The ears of the foley tests: what a generation's samples say, measured from the samples alone.

Signals are float arrays of shape (frames, 2) at `SAMPLE_RATE`; times are seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm
from numpy.typing import NDArray
from scipy import signal as dsp

from engine.foley.model import Foley
from engine.model import SAMPLE_RATE, Parameters, Sound
from tests.engine.work import done

Signal = NDArray[np.floating[Any]]

BANDS = np.geomspace(50.0, 16_000.0, 26)
"""Edges in Hz of 25 bands, a third of an octave each."""


def generate(prompt: str, clip: Path | None = None, **parameters: Any) -> Sound:
    """One generation by the model, run to its end, whose progress must rise from 0 to 1."""
    return done(Foley().generate(clip, Parameters(prompt, **({"seed": 1} | parameters))))


def mono(samples: Signal) -> Signal:
    return np.asarray(np.asarray(samples, np.float64).mean(axis=1))


def decibels(power: Any) -> Any:
    return 10 * np.log10(np.maximum(power, 1e-12))


def onsets(samples: Signal, rise: float = 8.0) -> list[float]:
    """When sounds begin: where the power over 10 ms jumps by `rise` dB or more over what the last 50 ms had.

    Measured above 200 Hz, where a blow is short, in steps of 1 ms; two onsets are at least 100 ms apart, and only those
    within 20 dB of the loudest count.
    """
    heard = dsp.sosfiltfilt(dsp.butter(2, 200, "high", fs=SAMPLE_RATE, output="sos"), mono(samples))
    step = SAMPLE_RATE // 1000
    power = np.pad(heard[: len(heard) // step * step] ** 2, (0, 9 * step)).reshape(-1, step).mean(axis=1)
    ahead = np.convolve(power, np.ones(10) / 10, "valid")  # the 10 ms from each instant on
    before = np.pad(np.convolve(power, np.ones(50) / 50, "full")[: len(ahead) - 1], (1, 0))
    jump = decibels(ahead + 1e-9) - decibels(before + 1e-9)
    jump[decibels(ahead) < decibels(ahead).max() - 20] = 0.0
    peaks, _ = dsp.find_peaks(np.pad(jump, 1), height=rise, distance=100)
    return [float(peak - 1) / 1000 for peak in peaks]


def matched(found: Sequence[float], true: Sequence[float], tolerance: float) -> int:
    """How many of the true instants have a found one of their own within the tolerance."""
    left, hits = list(found), 0
    for time in true:
        near = min(left, key=lambda other: abs(other - time), default=None)
        if near is not None and abs(near - time) <= tolerance:
            left.remove(near)
            hits += 1
    return hits


def spectrum(samples: Signal) -> tuple[Signal, Signal]:
    """Frequencies in Hz and the mean power at each (Welch), up to 16 kHz."""
    window = min(4096, len(samples))
    frequency, power = dsp.welch(mono(samples), SAMPLE_RATE, nperseg=window, noverlap=window // 2)
    kept = (frequency >= BANDS[0]) & (frequency <= BANDS[-1])
    return frequency[kept], power[kept]


def centroid(samples: Signal) -> float:
    """The centre of gravity of the spectrum, in Hz."""
    frequency, power = spectrum(samples)
    return float((frequency @ power) / power.sum())


def flatness(samples: Signal) -> float:
    """Geometric over arithmetic mean of the power between 500 Hz and 8 kHz: near 1 noise, near 0 tones."""
    frequency, power = spectrum(samples)
    power = power[(frequency > 500) & (frequency < 8000)] + 1e-15
    return float(np.exp(np.mean(np.log(power))) / power.mean())


def level(samples: Signal) -> float:
    """The RMS level in dBFS, the mean of both channels."""
    return float(decibels(np.mean(np.asarray(samples, np.float64) ** 2)))


def level_between(samples: Signal, low: float, high: float) -> float:
    """The level in dBFS of what lies between two frequencies in Hz."""
    bandpass = dsp.butter(4, (low, high), "band", fs=SAMPLE_RATE, output="sos")
    return level(dsp.sosfilt(bandpass, np.asarray(samples, np.float64), axis=0))


def levels_after(samples: Signal, times: Sequence[float], seconds: float = 0.1) -> list[float]:
    """The level in dBFS of the `seconds` after each of some instants."""
    starts = [round(time * SAMPLE_RATE) for time in times]
    return [level(samples[start : start + round(seconds * SAMPLE_RATE)]) for start in starts]


def decay(samples: Signal, fall: float = 20.0) -> float:
    """Seconds from the loudest moment until what is still to come has lost `fall` dB (Schroeder's integration)."""
    power = mono(samples) ** 2
    smooth = np.convolve(power, np.ones(480) / 480, "same")
    rest = np.cumsum(power[int(np.argmax(smooth)) :][::-1])[::-1]
    below = np.flatnonzero(decibels(rest) < decibels(rest[0]) - fall)
    return float(below[0] if below.size else len(rest)) / SAMPLE_RATE


def envelope(samples: Signal, rate: float = 100.0) -> Signal:
    """The RMS amplitude at `rate` Hz."""
    step = round(SAMPLE_RATE / rate)
    whole = mono(samples)[: len(samples) // step * step]
    return np.asarray(np.sqrt((whole**2).reshape(-1, step).mean(axis=1)))


def loudness(samples: Signal) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770)."""
    return float(pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(np.asarray(samples, np.float64)))


def true_peak(samples: Signal) -> float:
    """The true peak in dBTP, eight-fold oversampled."""
    return float(20 * np.log10(np.abs(dsp.resample_poly(np.asarray(samples, np.float64), 8, 1, axis=0)).max() + 1e-12))
