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
_BLOCK = 16
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
    """Grains mixed into `length` samples: starts in samples, frequencies in Hz, decays (1/e) in seconds.

    Where there are fewer starts than grains (nothing arrives when nothing moves) the others are left out.
    """
    out = np.zeros(length + _BLOCK)
    order = np.argsort(tau[: at.size], kind="stable")
    # Grains of about one length together: none is rendered for much longer than it is heard.
    steps = np.searchsorted(tau[order], tau[order[0]] * 1.5 ** np.arange(1, 24)) if len(order) else []
    for group in np.split(order, np.unique(steps)):
        for chosen in (group[first : first + _CHUNK] for first in range(0, len(group), _CHUNK)):
            # As in modal.ring: the value at the start of each block, times the course inside one.
            turn = (2j * np.pi * np.minimum(frequency[chosen], HIGHEST) - 1.0 / tau[chosen]) / RATE
            blocks = -(-max(8, int(_HEARD * tau[chosen[-1]] * RATE)) // _BLOCK)
            starts = amplitude[chosen, None] * np.exp(turn[:, None] * (np.arange(blocks) * _BLOCK))
            course = np.exp(turn[:, None] * np.arange(_BLOCK))
            grains = (
                starts.real[:, :, None] * course.imag[:, None, :] + starts.imag[:, :, None] * course.real[:, None, :]
            )
            place = at[chosen].astype(np.int64)[:, None] + np.arange(blocks * _BLOCK)
            np.minimum(place, length, out=place)  # what is over falls behind the end
            out += np.bincount(place.reshape(-1), grains.reshape(-1), minlength=length + _BLOCK)
    return out[:length]


def heavy_tailed(count: int, random: Generator, spread: float = 1.0) -> Signal:
    """Amplitudes as of colliding particles: many faint, few strong (log-normal), median 1."""
    return np.exp(spread * random.standard_normal(count))
