"""Every family sounds like itself and unlike every other, whatever the seed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import signal as dsp
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from engine.foley.lexicon import lexicon
from engine.model import SAMPLE_RATE, Sound
from tests.engine.foley.listening import Signal, decibels, generate, level, mono

pytestmark = pytest.mark.timeout(600)  # a few hundred takes, once

PROMPTS = ("{offer}", "a small {name}", "a large {name}")
LEARNT, ASKED = (1, 2, 3), (4, 5, 6)
"""Seeds: of each half one for each prompt."""
SECONDS = 1.5

BANDS = np.geomspace(60.0, 18_000.0, 31)
_WINDOW, _HOP = 1024, 480
_IN_BAND = (np.digitize(np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE), BANDS)[:, None] == np.arange(1, 31)).astype(float)


@dataclass(frozen=True)
class Take:
    family: str
    seed: int
    prompt: str
    sound: Sound


def name(family: str) -> str:
    """The first of a family's words in the lexicon."""
    phrases = lexicon().phrases.items()
    named = (" ".join(words) for words, meaning in phrases if meaning.kind == "family" and meaning.value == family)
    return next(named)


@pytest.fixture(scope="module")
def takes() -> list[Take]:
    made = []
    for family in lexicon().families.values():
        for seed, form in zip(LEARNT + ASKED, PROMPTS + PROMPTS, strict=True):
            prompt = form.format(offer=family.offer, name=name(family.name))
            made.append(Take(family.name, seed, prompt, generate(prompt, duration=SECONDS, seed=seed)))
    return made


def described(samples: Signal) -> Signal:
    """A sound in 134 numbers: its spectrum on average and its swing, its course, its rhythms, its tones.

    Levels of 30 bands in dB (mean, deviation, mean while it is loud); quantiles of the envelope; how much of each fifth
    of the spectrum pulses at 0.75 to 48 Hz; how far tones stand out in nine parts of the spectrum.
    """
    heard = mono(samples)
    heard /= np.abs(heard).max()
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(heard, _WINDOW // 2), _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    bands = power @ _IN_BAND
    levels = np.maximum(decibels(bands / bands.max()), -70.0)
    course = np.maximum(decibels(bands.sum(axis=1) / bands.sum(axis=1).max()), -70.0)
    rhythms = [
        decibels(pulses / pulses.sum() + 1e-4)
        for pulses in (_pulses(np.sqrt(bands[:, low : low + 6].sum(axis=1))) for low in range(0, 30, 6))
    ]
    fine, frequency = np.abs(np.fft.rfft(heard)) ** 2 + 1e-9, np.fft.rfftfreq(len(heard), 1 / SAMPLE_RATE)
    parts = [fine[(frequency >= low) & (frequency < high)] for low, high in zip(BANDS[3::3], BANDS[6::3], strict=False)]
    tones = [5 * float(np.log(part).mean() - np.log(part.mean())) for part in parts]
    shape = [levels.mean(axis=0), levels.std(axis=0), levels[course > -30].mean(axis=0)]
    return np.concatenate([*shape, np.quantile(course, (0.1, 0.25, 0.5, 0.75, 0.9)), *rhythms, tones])


def _pulses(envelope: Signal) -> Signal:
    power = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope)))) ** 2
    rate = np.fft.rfftfreq(len(envelope), _HOP / SAMPLE_RATE)
    return np.array([power[(rate >= low) & (rate < 2 * low)].sum() for low in 0.75 * 2.0 ** np.arange(6)]) + 1e-9


def test_there_are_sixty_families_and_each_is_known_by_its_words(takes: list[Take]) -> None:
    assert len({take.family for take in takes}) >= 60
    misheard = [
        (take.prompt, take.sound.understood["summary"])
        for take in takes
        if [layer["family"] for layer in take.sound.understood["layers"]] != [take.family]
        or take.sound.understood["unknown"]
    ]
    assert misheard == []


def test_every_take_sounds(takes: list[Take]) -> None:
    assert all(np.isfinite(take.sound.samples).all() for take in takes)
    assert [take.prompt for take in takes if level(take.sound.samples) <= -45] == []


def test_who_has_heard_half_of_the_takes_knows_the_family_of_the_others(takes: list[Take]) -> None:
    ear = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
    learnt = [take for take in takes if take.seed in LEARNT]
    asked = [take for take in takes if take.seed in ASKED]
    ear.fit(np.stack([described(take.sound.samples) for take in learnt]), [take.family for take in learnt])
    answers = ear.predict(np.stack([described(take.sound.samples) for take in asked]))
    wrong = [f"{take.prompt}: {answer}" for take, answer in zip(asked, answers, strict=True) if answer != take.family]
    assert 1 - len(wrong) / len(asked) >= 0.95, wrong


def alike(one: Signal, other: Signal) -> float:
    """The largest correlation of two takes, however they are shifted against each other."""
    first, second = mono(one), mono(other)
    across = dsp.correlate(first, second, "full", "fft")
    return float(np.abs(across).max() / np.sqrt((first @ first) * (second @ second)))


def test_another_seed_is_another_take(takes: list[Take]) -> None:
    """Of one prompt; the same take would be 1."""
    copies = [
        (one.prompt, round(likeness, 2))
        for one, other in itertools.combinations(takes, 2)
        if one.prompt == other.prompt and (likeness := alike(one.sound.samples, other.sound.samples)) > 0.9
    ]
    assert copies == []
