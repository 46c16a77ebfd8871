"""Bells: inharmonic partials, each a pair a little apart, which beat.

Partials, their decay and the split of each into two by a bell's slight unevenness: Fletcher and Rossing, "The Physics
of Musical Instruments", 1998, chapter 21 (church bells: hum, prime, tierce, quint, nominal, ...; handbells: twelfth
first).
"""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import Hit, Signal
from engine.foley.sound.filters import HIGHEST, add, bandpass, fade, samples, tilt
from engine.foley.sound.modal import ring
from engine.foley.sound.noise import burst

# Over the prime: (ratio, level, ringing time beside the prime's).
_CHURCH = np.array([
    (0.5, 0.30, 3.0), (1.0, 0.6, 1.0), (1.2, 1.0, 0.85), (1.5, 0.35, 0.5), (2.0, 1.1, 0.6), (2.5, 0.35, 0.32),
    (2.62, 0.35, 0.3), (3.0, 0.7, 0.35), (4.0, 0.6, 0.25), (5.33, 0.45, 0.17), (6.66, 0.35, 0.11), (8.1, 0.28, 0.08),
    (9.7, 0.2, 0.05), (11.4, 0.16, 0.04), (13.2, 0.12, 0.03), (15.0, 0.10, 0.025),
])  # fmt: skip
_HAND = np.array([
    (1.0, 1.0, 1.0), (2.0, 0.10, 0.5), (3.0, 0.75, 0.45), (3.9, 0.22, 0.3), (5.4, 0.35, 0.25), (7.1, 0.22, 0.18),
    (8.9, 0.16, 0.12), (10.9, 0.12, 0.09), (13.1, 0.1, 0.07),
])  # fmt: skip

_MOST = 40


def _with_overtones(table: Signal) -> Signal:
    """The named partials, and above them the many short ones that make the clang of the clapper."""
    n = np.arange(1, _MOST - len(table) + 1)
    last = table[-1]
    return np.concatenate([table, np.stack([last[0] + 0.9 * n, last[1] * 0.93**n, last[2] * 0.95**n], axis=1)])


def bell(hit: Hit) -> Signal:
    """Large ones are church bells, small ones hand bells; a door's rings twice, a third apart, a bicycle's trills.

    In a ringer (an old telephone, an alarm clock) a clapper swings between two cups some twenty times a second.
    """
    random = hit.random
    if hit.character.kind == "doorbell":
        strokes = [(0.0, 1.0, 1.0), (random.uniform(0.42, 0.5), 2 ** (-4 / 12), 0.85)]
    elif hit.character.kind == "bicycle":
        gaps = np.tile([0.042] * 5 + [0.16], 2)[:-1] * random.uniform(0.85, 1.15, 11)
        strokes = [(at, 1.0, random.uniform(0.4, 0.8)) for at in np.concatenate([[0.0], np.cumsum(gaps)])]
    elif hit.character.kind == "ringer":
        return _ringer(hit)
    else:
        return _rung(hit, 1.0)
    parts = [(samples(at) if at else 0, level * _rung(hit, pitch)) for at, pitch, level in strokes]
    out = np.zeros(max(start + len(part) for start, part in parts))
    for start, part in parts:
        add(out, part, start)
    return out


def _ringer(hit: Hit) -> Signal:
    random = hit.random
    cups = [[fade(_rung(hit, pitch)[: samples(0.7)], end=0.7) for _ in range(2)] for pitch in (1.0, 1.19)]
    times = np.arange(0.0, 1.4, 0.048) * random.uniform(0.94, 1.06)
    out = np.zeros(samples(float(times[-1]) + 0.1) + max(len(cup) for pair in cups for cup in pair))
    for stroke, at in enumerate(times):
        cup = cups[stroke % 2][int(random.integers(2))]
        add(out, random.uniform(0.4, 0.6) * cup, samples(at + random.uniform(0.0, 0.003)) if stroke else 0)
    return out


def _rung(hit: Hit, pitch: float) -> Signal:
    """One stroke of the clapper; `pitch` is over the bell's own."""
    character = hit.character
    size = character.bulk
    table = _with_overtones(_CHURCH if size > 0.35 else _HAND)
    table = table[: hit.detail.of(len(table), least=4)]
    nature = hit.nature()
    prime = pitch * 520.0 * 4.5 ** (1.0 - 2.0 * size) * nature.uniform(0.94, 1.06)
    # The hum of a great bell is heard for a minute, a doorbell for two seconds; ten seconds are kept.
    lasting = 1.0 * 5.0 ** (1.2 * size) * (0.8 if character.material in ("", "metal") else 0.3)
    force = 0.1 + 0.9 * hit.force
    warp = 1 + 0.006 * nature.standard_normal(_MOST)[: len(table)]
    split = 0.0012 * nature.uniform(0.3, 1.6, _MOST)[: len(table)]
    level = table[:, 1] * table[:, 0] ** (0.55 * (force - 0.75)) * np.exp(0.22 * hit.random.standard_normal(len(table)))
    pair = nature.uniform(0.15, 0.5, _MOST)[: len(table)] * np.exp(0.2 * hit.random.standard_normal(len(table)))
    frequency = prime * table[:, 0] * warp
    frequency = np.concatenate([frequency, frequency * (1 + split)])
    tau = np.tile(0.55 * lasting * table[:, 2], 2)
    amplitude = np.concatenate([level, level * pair])
    heard = frequency < HIGHEST
    length = samples(min(10.0, 6.0 * float(tau.max())))
    out = ring(frequency[heard], tau[heard], amplitude[heard], length) / np.sqrt(len(table))
    clap = bandpass(burst(samples(0.03), hit.random, 0.003), 1200.0, 9000.0, order=1)
    add(out, 0.35 * force * clap, 0)
    rise = min(samples(0.0006), length)
    out[:rise] *= np.linspace(0.0, 1.0, rise)
    return force * tilt(fade(out, end=min(1.0, 0.2 * length / 48_000)), character.brightness)


def gong(hit: Hit) -> Signal:
    """A large gong: the soft beater wakes its low modes, and out of them a shimmer grows within a second and dies.

    Energy passes upwards through the plate's non-linear modes after the stroke: what lies at some hundred Hz is loudest
    after a third of a second, the treble after one (Fletcher and Rossing 1998, chapter 20). A plate's modes lie as
    densely everywhere; the harder the stroke, the further up they are woken.
    """
    character = hit.character
    force = 0.15 + 0.85 * hit.force
    nature = hit.nature()
    most = 150
    lowest = 82.0 * 3.0 ** (1.0 - 2.0 * character.bulk) * nature.uniform(0.94, 1.06)
    spread = np.sort(nature.random(most))
    frequency = lowest * (1.0 + spread * 5.0) + 7500.0 * spread**2
    frequency[:4] = lowest * np.array([1.0, 1.52, 2.06, 2.68])
    level = np.exp(0.4 * hit.random.standard_normal(most)) * (frequency / lowest) ** (-0.85 + 0.45 * force)
    tau = (1.1 + 1.6 * character.bulk) * (frequency / lowest) ** -0.30
    delay = np.clip(0.15 * np.log2(frequency / lowest), 0.004, 0.9) * (1.3 - 0.6 * force)
    kept = np.unique(np.linspace(0, most - 1, hit.detail.of(most, least=12)).astype(int))
    kept = kept[frequency[kept] < HIGHEST]
    frequency, level, tau, delay = frequency[kept], level[kept], tau[kept], delay[kept]
    length = samples(min(7.0, 5.0 * float(tau.max())))
    # A mode that swells is the difference of two that decay: one slowly, one within its delay.
    quick = 1.0 / (1.0 / tau + 1.0 / delay)
    phase = hit.random.uniform(0.0, 2 * np.pi, kept.size)
    out = ring(frequency, tau, level, length, phase) - ring(frequency, quick, level, length, phase)
    out /= np.sqrt(kept.size)
    beater = bandpass(burst(samples(0.08), hit.random, 0.012), 80.0, 700.0, order=1)
    add(out, 0.4 * force * beater, 0)
    return force * tilt(fade(out, start=0.001, end=1.0), character.brightness)
