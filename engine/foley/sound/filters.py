"""Filters and envelopes shared by the families. Frequencies in Hz, times in seconds, signals mono or (n, 2)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal as dsp

from engine.foley.sound.brief import RATE, Signal

HIGHEST = 18_000.0
"""Hz; nothing is synthesised above: well under half the rate, so nothing folds back."""


@lru_cache(maxsize=512)
def _butter(order: int, edges: tuple[float, ...], kind: Literal["low", "high", "band"]) -> NDArray[np.float64]:
    sections: Any = dsp.butter(order, edges if kind == "band" else edges[0], kind, fs=RATE, output="sos")
    return np.asarray(sections, dtype=np.float64)


def _edge(hz: float) -> float:
    """Rounded to a thousandth, so that the cache is found again, and kept where a filter can be made."""
    return float(f"{min(max(hz, 5.0), 0.47 * RATE):.3g}")


def lowpass(signal: Signal, hz: float, order: int = 2) -> Signal:
    return np.asarray(dsp.sosfilt(_butter(order, (_edge(hz),), "low"), signal, axis=0))


def highpass(signal: Signal, hz: float, order: int = 2) -> Signal:
    return np.asarray(dsp.sosfilt(_butter(order, (_edge(hz),), "high"), signal, axis=0))


def bandpass(signal: Signal, low: float, high: float, order: int = 2) -> Signal:
    low, high = _edge(low), _edge(high)
    if high <= low * 1.01:
        high = _edge(low * 1.1)
    return np.asarray(dsp.sosfilt(_butter(order, (low, high), "band"), signal, axis=0))


def resonate(signal: Signal, hz: float, quality: float) -> Signal:
    """Through one resonance of unit gain at its peak; `quality` is centre over bandwidth."""
    b, a = dsp.iirpeak(_edge(hz), quality, fs=RATE)
    return np.asarray(dsp.lfilter(b, a, signal, axis=0))


def tilt(signal: Signal, brightness: float) -> Signal:
    """Darken (below 0.5) or brighten (above) as the words "dull" and "bright" ask; 0.5 leaves it alone.

    Treble is taken or given, and bass the other way, so that what has no treble is heard to change as well.
    """
    share = 2.0 * abs(brightness - 0.5)
    if brightness < 0.5:
        dark = lowpass(signal, 12_000.0 * 10 ** (-1.2 * share), order=1)
        return dark + 1.2 * share * lowpass(dark, 200.0, order=1)
    if brightness > 0.5:
        return signal + 1.5 * share * highpass(signal, 3000.0, order=1) - 0.65 * share * lowpass(signal, 250.0, order=1)
    return signal


def saturate(signal: Signal, drive: float) -> Signal:
    """A mono signal driven into tanh: thicker and harder. At four times the rate, so that no harmonic folds back."""
    # Up: whole up to `HIGHEST`, gone from its first image on. Down: gone from 20.5 kHz on, so that nothing folds back.
    up, down = _quadruple(257, 21_500.0), _quadruple(449, 19_100.0)
    driven = np.tanh(drive * dsp.resample_poly(signal, 4, 1, window=up))
    return np.asarray(dsp.resample_poly(driven, 1, 4, window=down))


@lru_cache(maxsize=2)
def _quadruple(taps: int, hz: float) -> Any:
    """A lowpass at four times the rate of so many taps, half way down at `hz`, then by 100 dB."""
    return dsp.firwin(taps, hz, window=("kaiser", 10.0), fs=4 * RATE)


def dynamics(signal: Signal, force: float, softest: float = 0.3) -> Signal:
    """Play softer and so duller below a force of 1: contacts last longer and things slip less; `softest` at 0."""
    level = softest + (1.0 - softest) * force
    return level * (lowpass(signal, 2500.0 * 10.0**force, order=1) if force < 0.95 else signal)


def seconds(length: int) -> Signal:
    """The time of each of `length` samples."""
    return np.arange(length) / RATE


def samples(duration: float) -> int:
    return max(1, round(duration * RATE))


def decay(length: int, tau: float) -> Signal:
    """An exponential that falls by 1/e in `tau` seconds."""
    return np.exp(-seconds(length) / tau)


def swell(length: int, peak: float, tau: float) -> Signal:
    """Rises smoothly to 1 at `peak` seconds, then decays by 1/e every `tau` seconds."""
    time = seconds(length)
    return np.where(time < peak, np.sin(0.5 * np.pi * time / max(peak, 1e-6)) ** 2, np.exp(-(time - peak) / tau))


def fade(signal: Signal, start: float = 0.0, end: float = 0.005) -> Signal:
    """Raised-cosine fades over the first `start` and the last `end` seconds."""
    out = signal.copy()
    shape = (-1,) + (1,) * (signal.ndim - 1)
    for count, part in ((samples(start), slice(None)), (samples(end), slice(None, None, -1))):
        count = min(count, len(signal))
        if count > 1:
            ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / count)
            out[part][:count] *= ramp.reshape(shape)
    return out


def stretch(curve: Signal, length: int) -> Signal:
    """A curve of any number of points, drawn over `length` samples."""
    return np.interp(np.linspace(0.0, len(curve) - 1.0, length), np.arange(len(curve)), curve)


def add(target: Signal, part: Signal, at: int) -> None:
    """Mix `part` into `target` from sample `at` on; what lies outside is left out."""
    first = max(0, -at)
    count = min(len(part), len(target) - at)
    if count > first:
        target[at + first : at + count] += part[first:count]


def unit(signal: Signal) -> Signal:
    """Scaled to a peak of 1; silence stays silence."""
    peak = float(np.max(np.abs(signal), initial=0.0))
    return signal / peak if peak > 0 else signal
