"""Words move what they name: a table of prompts that differ in a word, and how their sounds are measured to differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kurtosis

from engine.model import SAMPLE_RATE
from tests import clips
from tests.engine.foley.listening import (
    Signal,
    centroid,
    decay,
    envelope,
    flatness,
    generate,
    level,
    level_between,
    levels_after,
    mono,
    onsets,
)

SEEDS = (1, 2)
SECONDS = 2.5


@cache
def takes(prompt: str) -> tuple[Signal, ...]:
    return tuple(generate(prompt, duration=SECONDS, seed=seed).samples for seed in SEEDS)


@dataclass(frozen=True)
class Measure:
    """Something that is heard, its unit, and whether two of it are told apart by their ratio or their difference."""

    name: str
    of: Callable[[Signal], float]
    ratio: bool = True


def low(samples: Signal) -> float:
    """How much of the sound lies below 250 Hz, in dB."""
    return level_between(samples, 25, 250) - level(samples)


def treble(samples: Signal) -> float:
    """How much of the sound lies above 5 kHz, in dB."""
    return level_between(samples, 5000, 16_000) - level(samples)


def tail(samples: Signal) -> float:
    """What is left 150 to 250 ms after each onset, beside the first 50 ms, in dB."""
    times = onsets(samples)
    late = levels_after(samples, [time + 0.15 for time in times])
    return float(np.mean(late) - np.mean(levels_after(samples, times, 0.05)))


def loud(samples: Signal) -> Signal:
    """Where, each 10 ms, the sound is within 20 dB of its loudest."""
    course = envelope(samples)
    return np.asarray(course > 0.1 * course.max())


def width(samples: Signal) -> float:
    """How unlike the two sides are: 0 where they are the same."""
    left, right = np.asarray(samples, np.float64).T
    return 1 - float(np.corrcoef(left, right)[0, 1])


def beats(samples: Signal) -> list[float]:
    """Onsets at least a quarter of a second apart: a heel and its toe are one step."""
    kept: list[float] = []
    for time in onsets(samples):
        if not kept or time - kept[-1] > 0.25:
            kept.append(time)
    return kept


def unevenness(samples: Signal) -> float:
    """How far the gaps between beats are from each other, beside the usual gap."""
    gaps = np.diff(beats(samples))
    return float(np.std(gaps) / np.mean(gaps)) + 0.01


def pulse(samples: Signal) -> float:
    """The rate of the strongest rhythm of the envelope between 0.5 and 12 Hz."""
    course = envelope(samples)
    power = np.abs(np.fft.rfft((course - course.mean()) * np.hanning(len(course)), 4096))
    rate = np.fft.rfftfreq(4096, 0.01)
    heard = (rate > 0.5) & (rate < 12)
    return float(rate[heard][np.argmax(power[heard])])


RING = Measure("seconds until it has lost 30 dB", lambda samples: decay(samples, 30))
CENTRE = Measure("the spectrum's centre of gravity in Hz", centroid)
NOISE = Measure("how noisy it is, 0 to 1", flatness)
SPIKES = Measure("how much single grains stand out", lambda samples: float(kurtosis(mono(samples))) + 3.1)
COUNT = Measure("the number of beats", lambda samples: float(len(beats(samples))))
BUSY = Measure("the share of time that is not silent", lambda samples: float(np.mean(loud(samples))))
PULSE = Measure("beats a second", pulse)
UNEVEN = Measure("how uneven the rhythm is", unevenness)
LOW = Measure("what lies below 250 Hz, in dB", low, ratio=False)
TREBLE = Measure("what lies above 5 kHz, in dB", treble, ratio=False)
TAIL = Measure("what is left after each onset, in dB", tail, ratio=False)
WIDTH = Measure("how unlike the sides are", width, ratio=False)

PROMISES: tuple[tuple[str, str, Measure, float], ...] = (
    # less                                 more                                        of what   at least by
    # --- what a thing is made of
    ("one wooden hit, dry",                "one metal hit, dry",                       RING,     2.0),
    ("one wooden hit, dry",                "one glass hit, dry",                       RING,     1.3),
    ("one plastic hit, dry",               "one ceramic hit, dry",                     RING,     1.2),
    ("one stone hit, dry",                 "one metal hit, dry",                       RING,     3.0),
    ("one cardboard hit, dry",             "one wooden hit, dry",                      RING,     1.2),
    ("one rubber hit, dry",                "one wooden hit, dry",                      CENTRE,   1.3),
    ("one wooden hit, dry",                "one glass hit, dry",                       CENTRE,   2.0),
    ("one leather hit, dry",               "one stone hit, dry",                       CENTRE,   2.0),
    ("one metal hit, dry",                 "one cardboard hit, dry",                   NOISE,    2.0),
    # --- what it happens on
    ("footsteps on carpet, dry",           "footsteps on concrete, dry",               CENTRE,   2.0),
    ("footsteps on snow, dry",             "footsteps on gravel, dry",                 CENTRE,   1.3),
    ("footsteps on dirt, dry",             "footsteps on leaves, dry",                 CENTRE,   2.0),
    ("footsteps on wood, dry",             "footsteps on gravel, dry",                 NOISE,    3.0),
    ("footsteps on concrete, dry",         "footsteps on a metal grate, dry",          RING,     1.3),
    ("footsteps on stone, dry",            "footsteps on wood, dry",                   LOW,      3.0),
    ("footsteps on concrete, dry",         "footsteps on wet concrete, dry",           TREBLE,   1.0),
    ("scraping on wood, dry",              "scraping on metal, dry",                   CENTRE,   1.2),
    # --- size and weight
    ("a huge metal hit, dry",              "a small metal hit, dry",                   CENTRE,   2.0),
    ("a small bell, dry",                  "a huge church bell, dry",                  LOW,      6.0),
    ("a large dog barking, dry",           "a small dog barking, dry",                 CENTRE,   1.3),
    ("a huge drum, dry",                   "a small drum, dry",                        CENTRE,   1.3),
    ("a large clock ticking, dry",         "a small clock ticking, dry",               CENTRE,   1.2),
    ("a small splash, dry",                "a huge splash, dry",                       LOW,      5.0),
    ("a large ball bounces, dry",          "a tiny ball bounces, dry",                 CENTRE,   1.3),
    ("heavy footsteps on wood, dry",       "light footsteps on wood, dry",             CENTRE,   1.5),
    ("a large bird singing, dry",          "a tiny bird singing, dry",                 CENTRE,   1.2),
    ("a huge explosion, dry",              "a tiny explosion, dry",                    CENTRE,   1.3),
    ("a huge body fall, dry",              "a tiny body fall, dry",                    CENTRE,   1.2),
    # --- kinds
    ("an owl hoots, dry",                  "a crow caws, dry",                         NOISE,    5.0),
    ("a candle flame, dry",                "a campfire, dry",                          SPIKES,   2.0),
    ("a campfire, dry",                    "bacon frying in a pan, dry",               CENTRE,   2.0),
    ("a dog growls, dry",                  "a dog barks, dry",                         CENTRE,   1.2),
    # --- force
    ("soft wooden knocks, dry",            "hard wooden knocks, dry",                  CENTRE,   1.05),
    ("a soft drum, dry",                   "a hard drum, dry",                         CENTRE,   1.1),
    ("a gentle breeze",                    "a violent storm wind",                     CENTRE,   1.1),
    ("heavy rain, dry",                    "a light drizzle, dry",                     SPIKES,   1.3),
    ("loud applause, dry",                 "quiet applause, dry",                      SPIKES,   1.1),
    # --- pace and rhythm
    ("slow footsteps on wood, dry",        "fast footsteps on wood, dry",              COUNT,    1.5),
    ("walking on wood, dry",               "sprinting on wood, dry",                   COUNT,    1.2),
    ("slow typing on a keyboard, dry",     "fast typing on a keyboard, dry",           BUSY,     1.2),
    ("slow clock ticking, dry",            "fast clock ticking, dry",                  COUNT,    1.3),
    ("a slow heartbeat, dry",              "a fast heartbeat, dry",                    PULSE,    1.3),
    ("two knocks, dry",                    "three knocks, dry",                        COUNT,    1.4),
    ("steady wooden knocks, dry",          "irregular wooden knocks, dry",             UNEVEN,   2.0),
    # --- brightness
    ("dull metal hits, dry",               "bright metal hits, dry",                   CENTRE,   1.5),
    ("muffled footsteps on stone, dry",    "crisp footsteps on stone, dry",            CENTRE,   1.5),
    ("a low beep, dry",                    "a high pitched beep, dry",                 CENTRE,   1.5),
    ("a dull drum, dry",                   "a bright drum, dry",                       CENTRE,   1.3),
    # --- distance
    ("distant rain, outdoors",             "nearby rain, outdoors",                    TREBLE,   3.0),
    ("distant applause, hall",             "nearby applause, hall",                    CENTRE,   1.2),
    ("nearby wooden knocks, hall",         "distant wooden knocks, hall",              TAIL,     5.0),
    ("a distant bark, outdoors",           "a nearby bark, outdoors",                  TREBLE,   3.0),
    # --- rooms
    ("wooden knocks, dry",                 "wooden knocks in a room",                  TAIL,     3.0),
    ("wooden knocks in a room",            "wooden knocks in a bathroom",              TAIL,     3.0),
    ("one wooden hit outdoors",            "one wooden hit in a street",               RING,     1.2),
    ("one wooden hit in a room",           "one wooden hit in a corridor",             RING,     1.5),
    ("one wooden hit in a corridor",       "one wooden hit in a concert hall",         RING,     1.1),
    ("one wooden hit in a concert hall",   "one wooden hit in a cathedral",            RING,     1.2),
    ("wooden knocks, dry",                 "wooden knocks in a cave",                  WIDTH,    0.1),
)  # fmt: skip


@pytest.mark.parametrize(
    ("less", "more", "measure", "by"),
    PROMISES,
    ids=[f"{less} / {more}: {measure.name}" for less, more, measure, _ in PROMISES],
)
def test_a_word_moves_what_it_names(less: str, more: str, measure: Measure, by: float) -> None:
    low, high = (float(np.mean([measure.of(take) for take in takes(prompt)])) for prompt in (less, more))
    assert high > (low * by if measure.ratio else low + by)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_as_many_sound_as_were_asked_for(count: int) -> None:
    number = {1: "one knock", 2: "two knocks", 3: "three knocks", 5: "five knocks"}[count]
    assert len(onsets(generate(f"{number} on a wooden door, dry", duration=5.0).samples)) == count


def test_then_is_later() -> None:
    """A bell is high and clear, an explosion low: each half of the sound is one of them."""
    prompts = ("a bicycle bell, then an explosion, dry", "an explosion, then a bicycle bell, dry")
    for prompt, rising in zip(prompts, (False, True), strict=True):
        samples = generate(prompt, duration=5.0).samples
        first, *rest = onsets(samples)
        second = next(time for time in rest if time > first + 1.0)
        before, after = (samples[round(time * SAMPLE_RATE) :][:9600] for time in (first, second))
        assert (centroid(after) > centroid(before)) is rising


def test_without_echo_the_tail_is_gone() -> None:
    echoing, dry = (
        generate("wooden knocks in a cathedral", duration=3.0, negative_prompt=words).samples for words in ("", "echo")
    )
    assert tail(dry) < tail(echoing) - 10


def test_sides_are_where_things_are_seen(tmp_path: Path) -> None:
    """From left to right in four steps, each louder on the right than the one before."""
    balance = []
    for x in (0.1, 0.37, 0.63, 0.9):
        clip = tmp_path / f"{x}.mp4"
        clips.bouncing_ball(clip, x=x, impacts=(0.5, 1.0), seconds=1.4)
        left, right = np.asarray(generate("wooden knocks, room", clip).samples, np.float64).T
        balance.append(level(right[:, None]) - level(left[:, None]))
    assert np.all(np.diff(balance) > 2)
    assert balance[0] < -6 < 6 < balance[-1]
