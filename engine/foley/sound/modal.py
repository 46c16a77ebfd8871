"""Things that ring: bodies as sums of damped sinusoids, struck at a place with a force.

After van den Doel and Pai, "The Sounds of Physical Shapes", Presence 7(4), 1998: a struck body sounds as its modes,
each with a frequency from its shape, a decay from its material and an amplitude from where it is struck. Decay follows
the material's loss factor, faster for higher modes: 1/tau = d0 + pi * f * loss (Klatzky, Pai and Krotkov, "Perception
of Material from Contact Sounds", Presence 9(4), 2000). Shapes: Fletcher and Rossing, "The Physics of Musical
Instruments", 1998, chapters 2 and 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engine.foley.sound.brief import RATE, Detail, Signal
from engine.foley.sound.filters import HIGHEST, fade, samples

MOST_MODES = 96
_KNOWN_MODES = 24 * 24
_BLOCK = 256
_GONE = -40.0  # e to this: 350 dB down

Shape = Literal["plate", "bar", "shell", "disc", "membrane"]


@dataclass(frozen=True)
class Material:
    """A substance as a sounding body of middling size.

    `pitch` is its lowest mode in Hz, `damping` the decay rate in 1/s that all its modes share (air, support), `loss`
    its internal loss factor, `hardness` 0..1 sets how short a contact with it is, `grit` how rough its surface is.
    """

    pitch: float
    damping: float
    loss: float
    hardness: float
    grit: float
    shape: Shape


MATERIALS: dict[str, Material] = {
    "metal": Material(430.0, 1.6, 0.0007, 0.95, 0.15, "plate"),
    "glass": Material(1250.0, 5.0, 0.0011, 0.98, 0.10, "shell"),
    "ceramic": Material(900.0, 10.0, 0.0040, 0.95, 0.15, "shell"),
    "wood": Material(230.0, 16.0, 0.020, 0.62, 0.30, "plate"),
    "stone": Material(900.0, 38.0, 0.014, 0.95, 0.55, "bar"),
    "concrete": Material(240.0, 75.0, 0.030, 0.90, 0.60, "plate"),
    "plastic": Material(560.0, 30.0, 0.040, 0.70, 0.20, "plate"),
    "rubber": Material(120.0, 38.0, 0.110, 0.20, 0.10, "membrane"),
    "cardboard": Material(170.0, 40.0, 0.085, 0.38, 0.45, "membrane"),
    "flesh": Material(95.0, 60.0, 0.200, 0.25, 0.25, "membrane"),
    "gravel": Material(1400.0, 90.0, 0.030, 0.85, 0.95, "bar"),
    "snow": Material(160.0, 90.0, 0.200, 0.15, 0.90, "membrane"),
    "sand": Material(140.0, 100.0, 0.200, 0.20, 0.90, "membrane"),
    "grass": Material(130.0, 95.0, 0.200, 0.15, 0.80, "membrane"),
    "leaves": Material(150.0, 90.0, 0.180, 0.20, 0.95, "membrane"),
    "dirt": Material(110.0, 85.0, 0.200, 0.20, 0.60, "membrane"),
    "carpet": Material(85.0, 80.0, 0.200, 0.12, 0.40, "membrane"),
}


@dataclass(frozen=True)
class Body:
    """A resonating thing: mode frequencies in Hz, ascending, and decay times (1/e) in seconds; and its mode numbers.

    `share` is how many modes each stands for, as an amplitude: where a thing has more of them than are rendered, the
    lowest are there one by one and the rest are sampled up to the top, so that it stays as bright.
    """

    frequency: Signal
    tau: Signal
    numbers: Signal
    share: Signal

    def struck_at(self, x: float, y: float) -> Signal:
        """How strongly each mode answers to a stroke at a place, 0..1 across the body each way, and to which side."""
        along, across = np.sin(np.pi * self.numbers * (x, y)).T
        answer = along * across
        return np.asarray(self.share * (answer + np.where(answer < 0, -0.04, 0.04)))

    def held(self, tau: float) -> Body:
        """The same thing damped by what holds it: nothing rings longer than `tau` seconds (1/e)."""
        return replace(self, tau=1.0 / (1.0 / self.tau + 1.0 / tau))


def body(material: Material, size: float, detail: Detail, random: Generator, most: int = MOST_MODES) -> Body:
    """A thing of a material; `size` 0..1 is palm to door. Its proportions are drawn from `random`."""
    pitch = material.pitch * 4.0 ** (1.0 - 2.0 * size) * random.uniform(0.92, 1.09)
    aspect = random.uniform(1.15, 1.75)
    scatter = random.normal(0.0, 1.0, _KNOWN_MODES)
    ratios, numbers = _shape(material.shape, aspect)
    frequency = pitch * ratios * (1.0 + 0.008 * scatter[: ratios.size])
    frequency[0] = min(pitch, HIGHEST)
    heard = np.flatnonzero(frequency <= HIGHEST)
    chosen, share = _sampled(heard.size, detail.of(most, least=3))
    kept = heard[chosen]
    damping = material.damping * (1.35 - 0.7 * size)
    tau = 1.0 / (damping + np.pi * material.loss * frequency[kept])
    return Body(frequency[kept], tau, numbers[kept], share)


def _sampled(count: int, most: int) -> tuple[NDArray[np.intp], Signal]:
    """Which of `count` modes to render, at most `most`, and how many each stands for (the root of it: an amplitude)."""
    if count <= most:
        return np.arange(count), np.ones(count)
    low = most // 2
    chosen = np.concatenate([np.arange(low), np.linspace(low, count - 1, most - low).astype(np.intp)])
    return chosen, np.sqrt(np.diff(chosen, append=count))


def _shape(shape: Shape, aspect: float) -> tuple[Signal, Signal]:
    """Mode frequencies over the lowest, ascending, and mode numbers (n, 2), for the modes known of a shape."""
    if shape == "bar":  # free bar: (2n + 1)^2 after the first; a stone is thick, so its high modes lie closer
        n = np.arange(1.0, MOST_MODES + 1)
        ratios = ((2.0 * n + 1.0) / 3.0011) ** 1.6
        return ratios, np.stack([n, np.full(n.size, 0.5)], axis=1)
    if shape == "shell":  # rim modes of a glass: about n^2 (French, "In Vino Veritas", Am. J. Phys. 51, 1983)
        n = np.repeat(np.arange(2.0, MOST_MODES // 2 + 2), 2)  # each in two, a little apart: no glass is quite round
        ratios = (n / 2.0) ** 1.72 * np.where(np.arange(n.size) % 2, 1.013, 1.0)
        return ratios, np.stack([n, np.full(n.size, 0.5)], axis=1)
    if shape == "disc":  # free at its rim (Fletcher and Rossing 1998, table 3.2); those with diameters in two
        ratios = np.repeat([1.0, 1.73, 2.33, 3.91, 4.11, 6.30, 6.71], 2) * np.tile([1.0, 1.004], 7)
        return ratios, np.stack([np.repeat([2.0, 1.0, 3.0, 1.0, 4.0, 2.0, 5.0], 2), np.full(14, 0.5)], axis=1)
    numbers = np.mgrid[1.0:25.0, 1.0:25.0].reshape(2, -1).T
    square = numbers[:, 0] ** 2 + (numbers[:, 1] / aspect) ** 2
    # Complete up to the first mode the grid lacks: (25, 1) or (1, 25).
    order = np.argsort(square, kind="stable")[: int(np.sum(square < 1.0 + (25.0 / aspect) ** 2))]
    ratios = (square[order] / square[order[0]]) ** (0.5 if shape == "membrane" else 1.0)
    return ratios, numbers[order]


def ring(frequency: Signal, tau: Signal, amplitude: Signal, length: int, phase: Signal | float = 0.0) -> Signal:
    """The sum of damped sines, `length` samples of it.

    A damped exponential is the product of its value at the start of a block and its course inside one, so the whole sum
    is one small matrix product: about a thousandth of the cost of a sine per mode and sample.
    """
    turn = (2j * np.pi * frequency - 1.0 / tau) / RATE
    blocks = -(-length // _BLOCK)
    starts = amplitude * np.exp(1j * (phase - np.pi / 2)) * _powers(np.outer(np.arange(blocks) * _BLOCK, turn))
    course = _powers(np.outer(turn, np.arange(_BLOCK)))
    parts = np.concatenate([starts.real, -starts.imag], axis=1) @ np.concatenate([course.real, course.imag], axis=0)
    return np.asarray(parts).reshape(-1)[:length]


def _powers(exponent: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The exponential, with what has died away at nought: numbers below the normal ones would cost tenfold."""
    powers = np.exp(exponent)
    powers[exponent.real < _GONE] = 0.0
    return powers


def contact(hardness: float, force: float, mass: float = 0.5) -> Signal:
    """The force of two bodies meeting over time: a smooth pulse of unit area.

    Hertz: the contact is the shorter the stiffer the bodies, the lighter the striker and, weakly (v^-1/5), the faster
    the blow. 0.08 ms (glass on steel) to about 6 ms (a fist on snow).
    """
    duration = 0.010 * 0.006**hardness * (0.6 + 0.8 * mass) * (0.15 + force) ** -0.2
    count = max(3, round(duration * RATE))
    pulse = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 1.5
    return np.asarray(pulse / pulse.sum())


def strike(
    thing: Body,
    amplitude: Signal,
    force: Signal,
    longest: float = 6.0,
) -> Signal:
    """A body's answer to a contact force, for as long as it is heard (60 dB), at most `longest` seconds.

    Radiation rises with frequency and the energy a pulse gives falls with it: the modes start level, and the contact's
    own spectrum shapes them.
    """
    duration = min(longest, 7.0 * float(np.max(thing.tau)) + 0.02)
    response = ring(thing.frequency, thing.tau, amplitude, samples(duration))
    return fade(np.convolve(response, force), end=min(0.02, duration / 4))


def blow(thing: Body, random: Generator, force: float, hardness: float, mass: float = 0.3, held: float = 1.0) -> Signal:
    """A blow somewhere on a thing, each one somewhere else; as loud however many modes are rendered.

    `held` damps it: what lies in a hand or on felt rings no longer than so many seconds (1/e).
    """
    thing = thing.held(held)
    amplitude = thing.struck_at(*random.uniform(0.06, 0.47, 2)) * np.exp(0.25 * random.standard_normal(len(thing.tau)))
    return strike(thing, amplitude / np.sqrt(np.sum(thing.share**2)), contact(hardness, force, mass))


def clatter(
    things: Sequence[Body], at: Signal, strength: Signal, random: Generator, hardness: float, length: int, held: float
) -> Signal:
    """Loose things that strike one another: at each instant (in samples) one of them, with a strength.

    Each thing answers from one of two places, as loud as it was struck.
    """
    answers = [blow(thing, random, 0.6, hardness, 0.1, held) for thing in things for _ in range(2)]
    out = np.zeros(length)
    starts = np.clip(at, 0, length).astype(int)
    for start, level, which in zip(starts, strength, random.integers(0, len(answers), len(at)), strict=True):
        answer = answers[which][: length - start]
        out[start : start + len(answer)] += level * answer
    return out
