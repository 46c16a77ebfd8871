"""What every model of the engine is: frames and parameters in, progress out, samples at the end.

The HTTP face and the queue know only this file; `engine.foley` and any later model implement it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

Result = TypeVar("Result")

SAMPLE_RATE = 48_000
"""Hz; the house rate of every model's output."""


@dataclass(frozen=True)
class Parameters:
    """One request, validated. `duration` is in seconds; `seed` is drawn before it gets here.

    `variant` names one of the model's variants; empty, the one that is configured.
    """

    prompt: str
    seed: int
    negative_prompt: str = ""
    duration: float = 8.0
    quality_steps: int = 25
    prompt_strength: float = 4.5
    focus_on_subject: bool = False
    variant: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a generation is: `fraction` 0..1, and what is being done, in words for a person."""

    fraction: float
    message: str


def part(work: Generator[Progress, None, Result], low: float, high: float) -> Generator[Progress, None, Result]:
    """Do a part of some work, its progress told as that from `low` to `high` of the whole; return its result."""
    while True:
        try:
            progress = next(work)
        except StopIteration as finished:
            result: Result = finished.value
            return result
        yield Progress(low + (high - low) * progress.fraction, progress.message)


@dataclass(frozen=True)
class Event:
    """Something the model heard in the picture.

    `time` in seconds from the first frame; `strength` 0..1; `x`, `y` where on screen, 0..1 from the left and the top;
    `size` the share of the picture that moved, 0..1; `kind` names what it was ("impact", "flash", "cut").
    """

    time: float
    strength: float
    kind: str = "impact"
    x: float = 0.5
    y: float = 0.5
    size: float = 0.0


@dataclass(frozen=True)
class Sound:
    """A finished generation: float32 samples of shape (frames, 2) at `SAMPLE_RATE`, within -1..1.

    `understood` is JSON: what the model took from the prompt and what it did not (see `engine.foley.understand`).
    """

    samples: Samples
    events: tuple[Event, ...] = ()
    understood: dict[str, Any] = field(default_factory=dict)


class BadInput(Exception):
    """The clip or a parameter can't be used; the message says why, for a person. `kind` is the fal error type."""

    def __init__(self, message: str, kind: str = "value_error") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(eq=False)
class Take:
    """A request among several that a model works on together. Once it is `stopped` the model leaves it at that."""

    clip: Path | None
    parameters: Parameters
    stopped: bool = False


News: TypeAlias = Progress | Sound | BadInput
"""What a model has to tell of a take; the last two are its end."""


class Unloadable(Exception):
    """The model can't be loaded as things are; the message says what to do, for the operator."""


class Model(Protocol):
    """Loaded once per worker process by `load`, then asked to `generate` again and again."""

    name: str
    licence: str

    @property
    def variants(self) -> tuple[str, ...]:
        """Those that a request may name, the configured one first; () where there is only one."""

    @property
    def longest_step(self) -> float:
        """Seconds that may pass between two yields: a model that is told to stop and takes longer is killed."""

    def load(self) -> Iterator[Progress]:
        """Bring what is slow into memory: tables, weights. Yields how far it is. Raises `Unloadable`."""

    def generate(self, clip: Path | None, parameters: Parameters) -> Generator[Progress, None, Sound]:
        """Yield progress and return the sound: `min(duration, clip length)` seconds of it.

        The same clip, parameters and seed give the same samples. Between two yields as little work passes as can be,
        so that a cancel is obeyed soon. Raises `BadInput`, also for a variant that is not there.
        """


@runtime_checkable
class Together(Model, Protocol):
    """A model that several requests keep not much longer than one: it is given up to `at_once` of those that wait."""

    @property
    def at_once(self) -> int: ...

    def generate_together(self, takes: Sequence[Take]) -> Generator[tuple[Take, News], None, None]:
        """As `generate`, for takes of the same duration, steps and variant: each gets the sound it would get alone."""


def one_by_one(model: Model, takes: Sequence[Take]) -> Generator[tuple[Take, News], None, None]:
    """The takes one after the other, for a model that knows no better."""
    for take in takes:
        work = model.generate(take.clip, take.parameters)
        while not take.stopped:
            try:
                yield take, next(work)
            except StopIteration as finished:
                yield take, finished.value
                break
            except BadInput as refusal:
                yield take, refusal
                break
        work.close()
