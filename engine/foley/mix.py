"""The mix: layers balanced, placed in a room, brought to loudness and under the ceiling.

Loudness is measured as ITU-R BS.1770-4 and EBU R 128 say (pyloudnorm); true peaks by four-fold oversampling (BS.1770-4
annex 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyloudnorm
from scipy import signal as dsp
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d

from engine.foley.rooms import impulse_response
from engine.foley.sound.brief import RATE, Detail, Role, Signal
from engine.foley.sound.filters import fade, highpass, samples
from engine.model import Samples

LOUDNESS = -23.0
"""LUFS; EBU R 128's target."""
CEILING = -1.0
"""dBFS, true peak."""

_MOST_LIMITING = 12.0  # dB; sparse clicks are left quieter rather than squashed further
_UNDER = {"event": 0.0, "motion": -5.0, "ambient": -12.0}
"""dB beside events, in loudness: what happens is in front of what moves, and that of what is always there."""
_USUAL = 1.5 * 400.0**0.2  # m; where a layer is of which nothing is said
_DIRECT_LOSS, _ROOM_LOSS = 2.4, 0.8
"""dB for each doubling of the distance. In the open it is 6, and a room's answer keeps its level; faders go less far,
so that what was asked for is still heard."""
_AIR_TAPS = 129
_BLOCK = 0.4  # s; the loudness meter's
_FINER = dsp.firwin(81, 1 / 4, window=("kaiser", 5.0))  # what lies between samples, for four times as many


@dataclass(frozen=True)
class Stem:
    """One layer rendered: samples (n, 2), its role, its level in dB beside its role's, how far away it is (0..1)."""

    samples: Samples
    role: Role
    level: float
    distance: float


def mix(stems: list[Stem], room: str, detail: Detail, loudness: float = LOUDNESS) -> Samples:
    """The finished sound of some stems of one length, as float32 (n, 2): `loudness` LUFS where its peaks allow it."""
    return master(_in_room(stems, impulse_response(room, detail)), loudness)


def _in_room(stems: list[Stem], response: Signal) -> Signal:
    """The stems together, with what the room answers."""
    bus, sent = _balanced(stems)
    response = response[: len(bus)]  # what comes after the end is not heard
    if len(response):
        for side in range(2):
            bus[:, side] += dsp.oaconvolve(sent[:, side], response[:, side])[: len(bus)]
    return bus


def _balanced(stems: list[Stem]) -> tuple[Signal, Signal]:
    """The stems at their levels: what goes out directly, and what goes to the room.

    Each is brought to one loudness, set under the foremost role by `_UNDER`, moved by its own level, and put where it
    is. Far is softer, duller and wetter: the direct sound loses more than the room's answer.
    """
    length = len(stems[0].samples)
    dry, sent = np.zeros((length, 2)), np.zeros((length, 2))
    foremost = max(_UNDER[stem.role] for stem in stems)
    for stem in stems:
        measured = measure(stem.samples) if len(stems) > 1 else LOUDNESS  # alone it stands beside nothing
        if not np.isfinite(measured):
            continue
        level = LOUDNESS - measured + _UNDER[stem.role] - foremost + stem.level
        part = stem.samples * 10 ** (level / 20)
        away = metres(stem.distance)
        if away > _USUAL:
            part = dsp.oaconvolve(part, _air(away - _USUAL)[:, None], mode="same", axes=0)
        doublings = float(np.log2(away / _USUAL))
        dry += part * 10 ** (-_DIRECT_LOSS * doublings / 20)
        share = 0.5 if stem.role == "ambient" else 1.0  # what is all around brings its own space along
        sent += part * share * 10 ** (-_ROOM_LOSS * doublings / 20)
    return dry, sent


def metres(distance: float) -> float:
    """How far a distance of 0..1 is: 1.5 m at 0, 5 m where nothing is said (0.2), 245 m for "distant", 600 m at 1."""
    return 1.5 * float(400.0**distance)


@lru_cache(maxsize=32)
def _air(way: float) -> Signal:
    """A symmetric filter that takes what `way` metres of air take: see `air_absorption`."""
    hz = np.linspace(0.0, RATE / 2, 257)
    gain = 10 ** (-np.maximum(air_absorption(hz) * way, 0.0) / 20)
    return np.asarray(dsp.firwin2(_AIR_TAPS, hz, gain, fs=RATE))


def air_absorption(hz: Signal) -> Signal:
    """Decibels that a metre of air takes at each frequency: ISO 9613-1 at 20 °C, 50 % humidity, one atmosphere."""
    kelvin, reference, triple = 293.15, 293.15, 273.16
    saturation = 10 ** (-6.8346 * (triple / kelvin) ** 1.261 + 4.6151)
    water = 50.0 * saturation  # molar concentration of vapour, in per cent
    oxygen = 24.0 + 4.04e4 * water * (0.02 + water) / (0.391 + water)  # Hz, the relaxation of each gas
    nitrogen = 9.0 + 280.0 * water
    warmth = kelvin / reference
    relaxing = 0.01275 * np.exp(-2239.1 / kelvin) * oxygen / (oxygen**2 + hz**2)
    relaxing += 0.1068 * np.exp(-3352.0 / kelvin) * nitrogen / (nitrogen**2 + hz**2)
    return np.asarray(8.686 * hz**2 * (1.84e-11 * warmth**0.5 + warmth**-2.5 * relaxing))


def measure(signal: Signal | Samples) -> float:
    """Integrated loudness in LUFS of samples (n, 2); -inf for silence. Shorter than a meter's block: as if repeated."""
    peak = float(np.max(np.abs(signal), initial=0.0))
    if peak < 1e-7:
        return -np.inf
    least = samples(_BLOCK) + 1
    # At full scale first: the meter's absolute gate is not meant for a quiet stem.
    heard = np.asarray(signal, np.float64) / peak
    if len(heard) < least:
        heard = np.tile(heard, (-(-least // len(heard)), 1))
    value = float(pyloudnorm.Meter(RATE).integrated_loudness(heard))
    return value + 20.0 * float(np.log10(peak))


def master(bus: Signal, loudness: float = LOUDNESS) -> Samples:
    """No DC, the loudness asked for, true peaks under the ceiling, no clicks at the ends."""
    bus = fade(highpass(bus, 20.0), start=0.0008, end=min(0.02, 0.1 * len(bus) / RATE))
    measured = measure(bus)
    if not np.isfinite(measured):
        return np.zeros(bus.shape, dtype=np.float32)
    gain = loudness - measured
    over = true_peak(bus) + gain - CEILING
    bus = bus * 10 ** ((gain - max(0.0, over - _MOST_LIMITING)) / 20)
    if over > 0:
        limited = limit(bus)
        missing = loudness - measure(limited)
        if over < _MOST_LIMITING and missing > 0:
            bus *= 10 ** (min(missing, 3.0) / 20)
            limited = limit(bus)
        bus = limited
    return bus.astype(np.float32)


def _true_envelope(bus: Signal) -> Signal:
    """The largest true peak around each sample, both channels; looked up only where samples come near the ceiling."""
    envelope = _loudest(bus)
    near = 10 ** ((CEILING - 6.0) / 20)
    loud = np.flatnonzero(envelope > near)
    if loud.size == 0:
        return envelope
    block, margin = 2048, 64
    fine_filter: Any = _FINER
    for index in np.unique(loud // block):
        first, last = max(0, index * block - margin), min(len(bus), (index + 1) * block + margin)
        fine = _loudest(dsp.resample_poly(bus[first:last], 4, 1, axis=0, window=fine_filter))
        peaks = np.maximum.reduce([fine[shift::4] for shift in range(4)])
        envelope[first:last] = np.maximum(envelope[first:last], maximum_filter1d(peaks, 3))
    return envelope


def _loudest(bus: Signal) -> Signal:
    """The larger of both channels, sample by sample."""
    return np.asarray(np.maximum(np.abs(bus[:, 0]), np.abs(bus[:, 1])))


def true_peak(bus: Signal) -> float:
    """The true peak in dBTP of samples (n, 2)."""
    peak = float(np.max(np.abs(bus), initial=1e-9))
    scaled = bus / peak * 0.95  # so that the neighbourhood of the peak is looked at, whatever its level
    return 20.0 * float(np.log10(np.max(_true_envelope(scaled)) * peak / 0.95))


def limit(bus: Signal) -> Signal:
    """A look-ahead limiter: the gain dips smoothly 2 ms before a peak and comes back within 40."""
    ceiling = 10 ** ((CEILING - 0.15) / 20)
    for _ in range(4):
        envelope = _true_envelope(bus)
        if envelope.max() <= ceiling * 1.005:
            break
        ahead, after = samples(0.002), samples(0.04)
        gain = np.minimum(1.0, ceiling / np.maximum(envelope, 1e-9))
        gain = minimum_filter1d(gain, 2 * ahead + 1)
        gain = minimum_filter1d(gain, after, origin=(after - 1) // 2)
        gain = uniform_filter1d(gain, 2 * ahead)
        bus = bus * gain[:, None]
    return bus
