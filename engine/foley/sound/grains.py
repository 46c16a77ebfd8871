"""Crowds of tiny sounds: gravel, rain, crackle. Each grain is a damped sine with its own pitch, length and force.

After Cook, "Physically Informed Sonic Modeling (PhISM)", Computer Music Journal 21(3), 1997: many particles collide at
random instants, as often as the energy in the system makes them, each with an exponential decay and a resonance.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from engine.foley.sound.brief import RATE, Signal
from engine.foley.sound.filters import HIGHEST

_CHUNK = 4096
_HEARD = 6.0  # time constants until a grain is gone: 52 dB


def arrivals(count: int, rate: Signal, length: int, random: Generator) -> Signal:
    """`count` instants (in samples, unsorted) at random, as dense at each moment as the curve `rate` says.

    The first k of them are themselves such a crowd, so a coarser rendering is a part of a finer one.
    """
    total = np.concatenate([[0.0], np.cumsum(np.maximum(rate, 0.0))])
    if total[-1] <= 0:
        return np.zeros(0)
    place = np.interp(random.random(count) * total[-1], total, np.arange(total.size))
    return np.asarray(place / rate.size * length)


def scatter(at: Signal, frequency: Signal, tau: Signal, amplitude: Signal, length: int) -> Signal:
    """Grains mixed into `length` samples: starts in samples, frequencies in Hz, decays (1/e) in seconds."""
    out = np.zeros(length)
    order = np.argsort(tau, kind="stable")
    for first in range(0, len(order), _CHUNK):
        chosen = order[first : first + _CHUNK]
        count = max(8, int(_HEARD * tau[chosen[-1]] * RATE))
        steps = np.arange(count)
        turn = 2.0 * np.pi * np.minimum(frequency[chosen], HIGHEST) / RATE
        grains = np.sin(np.outer(turn, steps))
        grains *= np.exp(np.outer(-1.0 / (tau[chosen] * RATE), steps))
        grains *= amplitude[chosen, None]
        place = at[chosen].astype(np.int64)[:, None] + steps
        inside = place < length
        out += np.bincount(place[inside], weights=grains[inside], minlength=length)[:length]
    return out


def heavy_tailed(count: int, random: Generator, spread: float = 1.0) -> Signal:
    """Amplitudes as of colliding particles: many faint, few strong (log-normal), median 1."""
    return np.exp(spread * random.standard_normal(count))
