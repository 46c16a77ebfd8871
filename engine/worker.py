"""The process that runs a model, and the engine's handle on it.

One line of JSON a message. To the worker, on standard input: `{"jobs": […]}`, to be done together, or `{"stop": n}`,
the n-th of them. From it, on standard output: `kind` is "progress" while the model is loaded and "ready" once it is,
then for each job, with its number as `job`, "progress" as often as the model yields, and one of "finished", "stopped",
"refused"; or "failed", for all that have no end yet. A worker that failed is in doubt: it ends, and a fresh one takes
its place. When standard input ends the engine is gone, however it went, and the worker goes too.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import queue
import struct
import sys
import threading
import traceback
import wave
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from engine import logs, process
from engine.fetch import fetch
from engine.files import NO_ROOM
from engine.model import (
    SAMPLE_RATE,
    BadInput,
    Model,
    News,
    Parameters,
    Progress,
    Samples,
    Take,
    Together,
    Unloadable,
    one_by_one,
)

DEVICE_FAILURES = ("CUDA error", "CUBLAS_STATUS_", "cuDNN error", "CUDNN_STATUS_", "HIP error")

Message = dict[str, Any]

log = logging.getLogger("engine.worker")


@dataclass(frozen=True)
class Options:
    """What a worker is told once: the model as "module:Class", and the bounds of its work."""

    model: str
    memory_bytes: int
    max_clip_bytes: int
    allowed_sources: tuple[str, ...]
    log_format: str = "text"


@dataclass(frozen=True)
class Job:
    """One generation: `clip` is where the clip is, or where to put it when it must be fetched from `url` first."""

    parameters: Parameters
    sound: Path
    clip: Path | None = None
    url: str | None = None


@dataclass(frozen=True)
class Finished:
    """A generation that succeeded: its WAV is at the job's `sound`. `duration` in seconds."""

    duration: float
    events: list[Message]
    understood: Message


class Stopped(Exception):
    """The generation was stopped as asked."""


class WorkerLost(Exception):
    """The worker ended, or was killed, in the middle; the message says what is known, for a person.

    `device` tells that its device failed under it: the same request may well succeed in a fresh process.
    """

    def __init__(self, message: str, device: bool = False) -> None:
        super().__init__(message)
        self.device = device


# --- The engine's side -----------------------------------------------------------------------------------------------


Report: TypeAlias = "Callable[[int, Progress | Finished | BadInput | Stopped], None]"
"""Is told of a job, by its place among those that run together, how far it is and at last what came of it."""


class Worker:
    """A running worker whose model is loaded. While it is `usable`, it takes up to `at_once` jobs together."""

    def __init__(self, running: asyncio.subprocess.Process, ready: Message) -> None:
        self.model: str = ready["name"]
        self.licence: str = ready["licence"]
        self.variants: list[str] = ready["variants"]
        self.at_once: int = ready["at_once"]
        self._longest_step: float = ready["longest_step"]
        self.exited = asyncio.create_task(running.wait())
        self._process = running
        self._answered = True
        self._stopping: dict[int, asyncio.TimerHandle] = {}

    @classmethod
    async def start(
        cls, options: Options, lane: int, threads: int, patience: float, report: Callable[[Progress], None]
    ) -> Worker:
        """Start a process and wait until its model is loaded, at most `patience` seconds for each part of it.

        Raises `WorkerLost`.
        """
        running = await process.spawn("engine.worker", json.dumps(asdict(options)), threads=threads, lane=lane)
        try:
            while True:
                async with asyncio.timeout(patience):
                    message = await _receive(running)
                if message["kind"] == "ready":
                    return cls(running, message)
                if message["kind"] == "failed":
                    raise WorkerLost(message["message"])
                report(Progress(message["fraction"], message["message"]))
        except BaseException as error:
            await process.end(running)
            if isinstance(error, TimeoutError):
                raise WorkerLost(f"Loading the model stood still for {patience:g} seconds.") from error
            raise

    @property
    def usable(self) -> bool:
        """False once the process ended, or left jobs without an answer."""
        return self._answered and not self.exited.done()

    async def generate(self, jobs: Sequence[Job], report: Report) -> None:
        """Run jobs together, until all have their end. Raises `WorkerLost`, for those that have none yet."""
        assert self._process.stdin is not None
        self._answered, unanswered = False, set(range(len(jobs)))

        def end(number: int, outcome: Finished | BadInput | Stopped) -> None:
            unanswered.discard(number)
            if number in self._stopping:
                self._stopping.pop(number).cancel()
            report(number, outcome)

        self._process.stdin.write(_line({"jobs": [asdict(job) for job in jobs]}))
        try:
            while unanswered:
                message = await _receive(self._process)
                match message["kind"]:
                    case "progress":
                        report(message["job"], Progress(message["fraction"], message["message"]))
                    case "finished":
                        sound = Finished(message["duration"], message["events"], message["understood"])
                        end(message["job"], sound)
                    case "refused":
                        end(message["job"], BadInput(message["message"], message["type"]))
                    case "stopped":
                        end(message["job"], Stopped())
                    case _:
                        raise WorkerLost(message["message"], message["device"])
        except WorkerLost:
            for number in [*self._stopping]:
                end(number, Stopped())
            if unanswered:
                raise
        else:
            self._answered = True
        finally:
            for timer in self._stopping.values():
                timer.cancel()
            self._stopping.clear()

    def stop(self, number: int) -> None:
        """Ask the model to leave a job at its next yield, and kill the process if none comes in the time it claims."""
        if number not in self._stopping and self._process.stdin is not None:
            self._process.stdin.write(_line({"stop": number}))
            timer = asyncio.get_running_loop().call_later(self._longest_step, process.kill, self._process)
            self._stopping[number] = timer

    async def end(self) -> None:
        await process.end(self._process)
        await self.exited


def _line(message: Message) -> bytes:
    return json.dumps(message, default=str).encode() + b"\n"


async def _receive(running: asyncio.subprocess.Process) -> Message:
    assert running.stdout is not None
    try:
        line = await running.stdout.readline()
    except ValueError as error:
        raise WorkerLost("The model sent more than a message may hold.") from error
    if not line.endswith(b"\n"):
        raise WorkerLost("The model ended unexpectedly on this request.")
    message: Message = json.loads(line)
    return message


# --- The worker's side -----------------------------------------------------------------------------------------------


class Line:
    """The worker's line to the engine. A thread reads it: a stop, or the engine's end, is noticed in any work."""

    def __init__(self) -> None:
        # What libraries print must not get between the messages: from here on standard output is standard error.
        self._output = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self.jobs: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.stopped: set[int] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, kind: str, **message: Any) -> None:
        try:
            self._output.write(_line({"kind": kind, **message}))
            self._output.flush()
        except BrokenPipeError:
            os._exit(0)

    def _read(self) -> None:
        with os.fdopen(os.dup(0), "rb") as lines:
            for line in lines:
                message = json.loads(line)
                if "stop" in message:
                    self.stopped.add(message["stop"])
                else:
                    self.stopped = set()
                    self.jobs.put(message)
        os._exit(0)


def main() -> None:
    engine = Line()
    options = Options(**json.loads(sys.argv[1]))
    logs.configure(options.log_format, logging.WARNING)  # libraries below tell of addresses
    process.limit_resources(options.memory_bytes)
    module, _, name = options.model.partition(":")
    try:
        model: Model = getattr(importlib.import_module(module), name)()
        for progress in model.load():
            engine.send("progress", fraction=progress.fraction, message=progress.message)
    except Unloadable as error:
        engine.send("failed", message=str(error))
        sys.exit(1)
    except Exception as error:
        log.exception("the model could not be loaded")
        engine.send("failed", message=f"The model could not be loaded ({type(error).__name__}): {error}")
        sys.exit(1)
    engine.send(
        "ready",
        name=model.name,
        licence=model.licence,
        variants=model.variants,
        longest_step=model.longest_step,
        at_once=model.at_once if isinstance(model, Together) else 1,
    )
    while True:
        message = engine.jobs.get()
        try:
            _run(engine, model, options, [_job(each) for each in message["jobs"]])
        except Exception as error:
            # The trace without the error's own words: they may quote the prompt.
            log.error("the model failed\n%s%s", "".join(traceback.format_tb(error.__traceback__)), type(error).__name__)
            engine.send("failed", message=_cause(error), device=_is_of_the_device(error))
            os._exit(1)


def _job(message: Message) -> Job:
    return Job(
        parameters=Parameters(**message["parameters"]),
        sound=Path(message["sound"]),
        clip=Path(message["clip"]) if message["clip"] else None,
        url=message["url"],
    )


def _run(engine: Line, model: Model, options: Options, jobs: list[Job]) -> None:
    """Do the jobs together, and tell the engine all that there is to tell."""
    takes = {Take(job.clip, job.parameters): number for number, job in enumerate(jobs)}
    going = dict(takes)
    for take, news in _work(model, options, jobs, [*takes]):
        for each, number in takes.items():
            if each in going and number in engine.stopped:
                del going[each]
                each.stopped = True
                engine.send("stopped", job=number)
        if take in going:
            _tell(engine, going[take], jobs[going[take]], news)
            if not isinstance(news, Progress):
                del going[take]


def _tell(engine: Line, number: int, job: Job, news: News) -> None:
    if isinstance(news, Progress):
        engine.send("progress", job=number, fraction=news.fraction, message=news.message)
    elif isinstance(news, BadInput):
        engine.send("refused", job=number, message=str(news), type=news.kind)
    else:
        write_wav(job.sound, news.samples, news.understood.get("licence", ""))
        engine.send(
            "finished",
            job=number,
            duration=len(news.samples) / SAMPLE_RATE,
            events=[asdict(event) for event in news.events],
            understood=news.understood,
        )


def _work(
    model: Model, options: Options, jobs: list[Job], takes: list[Take]
) -> Generator[tuple[Take, News], None, None]:
    for job, take in zip(jobs, [*takes], strict=True):
        if job.url and job.clip:
            try:
                for progress in fetch(job.url, job.clip, options.max_clip_bytes, options.allowed_sources):
                    yield take, progress
                    if take.stopped:
                        break
            except BadInput as refusal:
                takes.remove(take)
                yield take, refusal
    if isinstance(model, Together):
        yield from model.generate_together(takes)
    else:
        yield from one_by_one(model, takes)


def write_wav(path: Path, samples: Samples, licence: str = "") -> None:
    """Write float samples of shape (frames, 2), -1..1, as 24-bit PCM at `SAMPLE_RATE`, and the licence beside them."""
    whole = np.rint(np.clip(samples, -1.0, 1.0).astype(np.float64) * (2**23 - 1)).astype("<i4")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(3)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    if licence:
        _add_licence(path, licence)


def _add_licence(wav: Path, sentence: str) -> None:
    """Write into a finished WAV by which licence it may be used: a LIST chunk of INFO (RIFF, 1991) after the sound."""
    text = sentence.encode() + b"\0"
    text += b"\0" * (len(text) % 2)
    chunk = struct.pack("<4sI4s4sI", b"LIST", len(text) + 12, b"INFO", b"ICOP", len(text)) + text
    with wav.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        size = end - 8 + file.write(b"\0" * (end % 2) + chunk)
        file.seek(4)
        file.write(struct.pack("<I", size))


def _cause(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "This request needs more memory than a worker may use. Use a smaller or shorter clip."
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return "The engine's disk is full."
    if _is_of_the_device(error):
        return "The graphics card failed on this request. Try again; if it happens again, tell your administrator."
    return "The model failed on this request."


def _is_of_the_device(error: Exception) -> bool:
    """Whether a GPU failed: nothing that a process has on it can be used after that.

    By its words, which are the same in every version of PyTorch: the engine itself does not know PyTorch.
    """
    return isinstance(error, RuntimeError) and any(word in str(error) for word in DEVICE_FAILURES)


if __name__ == "__main__":
    main()
