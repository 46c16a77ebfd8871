"""Small real models for the tests of the queue: each does what a model may do, good or bad."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.model import SAMPLE_RATE, BadInput, Event, News, Parameters, Progress, Sound, Take, Unloadable


class Scripted:
    """A tone whose pitch follows the seed; the prompt's first word may ask for trouble on the way."""

    name = "scripted"
    licence = "none"
    longest_step = 2.0
    variants = ("plain", "other")

    def load(self) -> Iterator[Progress]:
        print("what a library prints must not disturb the engine")
        yield Progress(0.5, "Halfway there")

    def generate(self, clip: Path | None, parameters: Parameters) -> Generator[Progress, None, Sound]:
        yield Progress(0.25, "Looking")
        deed, _, argument = parameters.prompt.partition(" ")
        match deed:
            case "crash":
                os.abort()
            case "refuse":
                raise BadInput("There is nothing to hear in this clip.", "unsupported_video_format")
            case "disagree":
                raise BadInput("The negative prompt rules out everything the prompt asks for.")
            case "break" if not (broken := Path(argument)).exists():  # as PyTorch tells of a GPU that failed
                broken.touch()
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            case "wreck":
                raise RuntimeError("CUDA error: unspecified launch failure")
            case "nap":
                time.sleep(float(argument))
            case "bug":
                raise KeyError(parameters.prompt)
            case "gorge":
                self.hoard: Any = [np.empty(2**28) for _ in range(64)]
            case "hang":
                time.sleep(3600)
            case "wait":  # until the file named by the prompt is there, yielding all the time
                while not Path(argument).exists():
                    yield Progress(0.5, "Waiting")
                    time.sleep(0.01)
            case "whoami":
                yield Progress(0.5, f"pid {os.getpid()}")
        yield Progress(0.75, "Sounding")
        return Sound(
            samples=tone(parameters.duration, parameters.seed),
            events=(Event(time=0.5, strength=1.0),),
            understood={
                "clip_bytes": clip.stat().st_size if clip else None,
                "heard": [parameters.prompt, parameters.negative_prompt],
                "numbers": [parameters.quality_steps, parameters.prompt_strength, parameters.focus_on_subject],
                "threads": os.environ.get("OMP_NUM_THREADS"),
                "key": os.environ.get("ENGINE_KEY"),
                "lane": os.environ["ENGINE_LANE"],
                "licence": argument if deed == "licensed" else "",
                "variant": parameters.variant,
            },
        )


class Hasty(Scripted):
    """One whose steps never take long."""

    longest_step = 0.1


class Broken(Scripted):
    """One whose loading fails in a way that nobody foresaw."""

    def load(self) -> Iterator[Progress]:
        raise ZeroDivisionError("by nothing at all")


class Chorus(Scripted):
    """Up to three takes at once, step by step: until each one's gate is there, or for the time of a few."""

    at_once = 3

    def generate_together(self, takes: Sequence[Take]) -> Generator[tuple[Take, News], None, None]:
        count, going = len(takes), list(takes)
        while going := [take for take in going if not take.stopped]:
            for take in going:
                deed, _, argument = take.parameters.prompt.partition(" ")
                if deed == "crash":
                    os.abort()
                yield take, Progress(0.5, f"One of {count}")
                if deed != "wait" or Path(argument).exists():
                    sound = tone(take.parameters.duration, take.parameters.seed)
                    yield take, Sound(sound, understood={"together": count})
                    going.remove(take)
            time.sleep(0.01)


class WithoutWeights:
    """A model whose weights are missing."""

    name = "unloadable"
    licence = "none"
    longest_step = 2.0
    variants = ()

    def load(self) -> Iterator[Progress]:
        yield Progress(0.25, "Looking for the weights")
        raise Unloadable("The weights are not there. Fetch them first.")

    def generate(self, clip: Path | None, parameters: Parameters) -> Generator[Progress, None, Sound]:
        yield Progress(0.0, "never")
        raise AssertionError


def tone(duration: float, seed: int) -> npt.NDArray[np.float32]:
    """A stereo sine of `220 + seed` Hz at -6 dBFS, `duration` seconds; shape (frames, 2)."""
    t = np.arange(round(duration * SAMPLE_RATE)) / SAMPLE_RATE
    return np.repeat(0.5 * np.sin(2 * np.pi * (220 + seed) * t)[:, None], 2, axis=1).astype(np.float32)
