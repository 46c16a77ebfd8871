"""How much a sound is like a voice, and how much like music: heuristics, from the samples alone.

The network sometimes adds babble where people are seen, and music that nobody asked for. These measures tell so; they
are cues for a person, not a verdict.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal as dsp
from scipy.ndimage import median_filter

Signal = NDArray[np.floating[Any]]

FRAME = 0.04  # seconds looked at together
STEP = 0.01  # seconds between two looks
QUIET = 40.0  # dB below the loudest: no longer counted


def voice_likeness(samples: Signal, rate: int) -> float:
    """0..1: the share of sound with a pitch of 75 to 400 Hz whose loudness also comes and goes in syllables.

    Speech is voiced about half of the time (a peak of the normalised autocorrelation above 0.5 tells so; Boersma, IFA
    Proceedings 17, 1993), and its envelope moves most between 2 and 8 Hz (Houtgast and Steeneken, J. Acoust. Soc. Am.
    77, 1985). Both must hold: a hum has the pitch and footsteps have the rhythm.
    """
    heard = dsp.resample_poly(np.asarray(samples, np.float64), 16_000, rate)
    frames, level = _frames(dsp.sosfilt(dsp.butter(4, (80, 3400), "band", fs=16_000, output="sos"), heard), 16_000)
    loud = level > level.max() - QUIET
    if len(frames) < 25 or level.max() < -80:
        return 0.0
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]), 2 * frames.shape[1])) ** 2
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(frames.shape[1]), 2 * frames.shape[1])) ** 2)
    alike = np.fft.irfft(spectrum)
    lags = slice(16_000 // 400, 16_000 // 75)
    periodic = (alike / np.maximum(alike[:, :1], 1e-12))[:, lags] / (window / window[0])[lags]
    voiced = float((loud & (periodic.max(axis=1) > 0.5)).sum() / max(loud.sum(), 1))
    envelope = 10 ** (level / 20)
    power = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope)))) ** 2
    rates = np.fft.rfftfreq(len(envelope), STEP)
    moving = power[rates > 0.5].sum()
    syllabic = float(power[(rates >= 2) & (rates <= 8)].sum() / moving) if moving > 0 else 0.0
    return float(np.clip(2 * voiced, 0, 1) * np.clip(2 * syllabic, 0, 1))


def music_likeness(samples: Signal, rate: int) -> float:
    """0..1: how far steady tones, on the places of a twelve-tone scale, carry the sound.

    Power between 100 Hz and 2 kHz that stands out of its surroundings for longer than 150 ms counts as tonal; its
    distance from the nearest semitone of the tuning that fits best says whether it keeps to a scale (Gómez, "Tonal
    description of music audio signals", 2006), and how many different tones there are, whether it is more than a hum.
    """
    heard = dsp.resample_poly(np.asarray(samples, np.float64), 8_000, rate)
    if len(heard) < 8_000 or not np.any(np.abs(heard) > 1e-4):
        return 0.0
    frequency, _, spectrum = dsp.stft(heard, 8_000, nperseg=2048, noverlap=2048 - 400)
    power = np.abs(spectrum) ** 2
    band = (frequency >= 100) & (frequency <= 2000)
    frequency, power = frequency[band], power[band]
    floor = _medians(power, 31, axis=0)
    steady = _medians(power, 7, axis=1)
    tonal = np.where(steady > 10 * floor, power, 0.0)
    whole = power.sum()
    if whole <= 0 or tonal.sum() <= 0:
        return 0.0
    semitones = 12 * np.log2(frequency / 440.0)
    weights = tonal.sum(axis=1)
    phase = np.exp(2j * np.pi * semitones)
    kept = float(np.abs((weights * phase).sum()) / weights.sum())
    classes = np.bincount(np.mod(np.round(semitones).astype(int), 12), weights, minlength=12)
    share = classes / classes.sum()
    several = float(np.exp(-(share[share > 0] * np.log(share[share > 0])).sum()))
    return float(np.clip(tonal.sum() / whole * kept * np.clip((several - 1) / 2, 0, 1), 0, 1))


def _frames(samples: Signal, rate: int) -> tuple[Signal, Signal]:
    """Overlapping frames of shape (count, length), and the level of each in dB."""
    length, step = round(FRAME * rate), round(STEP * rate)
    if len(samples) < length:
        return np.zeros((0, length)), np.full(1, -120.0)
    frames = np.lib.stride_tricks.sliding_window_view(samples, length)[::step]
    return frames, 10 * np.log10(np.maximum((frames**2).mean(axis=1), 1e-12))


def _medians(power: Signal, count: int, axis: int) -> Signal:
    size = [1, 1]
    size[axis] = count
    filtered: Signal = median_filter(power, size=size, mode="nearest")
    return filtered
