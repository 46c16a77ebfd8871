"""The queue in front of a model: requests wait, run on a worker, and are kept for a while with their outcome.

One lane per worker process. A lane keeps its worker warm, and replaces it when a request has cost it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from engine import logs
from engine.failures import Failure, cancelled, model_failure, queue_full, start_timeout, too_large
from engine.files import Files, Folder
from engine.model import BadInput, Parameters, Progress
from engine.settings import Settings
from engine.worker import Finished, Job, Options, Stopped, Worker, WorkerLost

LOAD_SECONDS = 300.0
LONGEST_RETRY_SECONDS = 30.0

CLIP_FAULTS = {
    "file_download_error",
    "file_too_large",
    "unsupported_video_format",
    "video_duration_too_long",
    "video_duration_too_short",
}
"""fal's error types for which the clip is to blame; all others concern the request as a whole."""

log = logging.getLogger("engine")


@dataclass(eq=False)
class Request:
    """One request for sound, from submission to the end of its keeping. Times are of `time.monotonic`.

    `clip` is where the clip is, or where to put it when it must be fetched from `url` first. `generation` is what its
    caller calls it, for the log.
    """

    endpoint: str
    parameters: Parameters
    folder: Folder
    clip: Path | None = None
    url: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    generation: str = field(default_factory=logs.generation.get)
    submitted: float = field(default_factory=time.monotonic)
    started: float | None = None
    finished: float | None = None
    outcome: Finished | Failure | None = None
    logs: list[dict[str, Any]] = field(default_factory=list)
    stop: Callable[[], None] | None = None
    restarted: bool = False
    start_timer: asyncio.TimerHandle | None = None
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self) -> str:
        if self.outcome is not None:
            return "COMPLETED"
        return "IN_QUEUE" if self.started is None else "IN_PROGRESS"

    @property
    def context(self) -> dict[str, str]:
        """What lines of the log about it say beside their message."""
        return {"generation": self.generation, "request": self.id}

    def goes_with(self, other: Request) -> bool:
        """Whether both can be given to a model together: their sounds take the same work, and nothing holds them up."""

        def shape(request: Request) -> tuple[float, int, str]:
            asked = request.parameters
            return asked.duration, asked.quality_steps, asked.variant

        held_up = any(each.restarted or each.url for each in (self, other))
        return not held_up and shape(self) == shape(other)

    @property
    def sound(self) -> Path:
        """Where the WAV is once the request has succeeded."""
        return self.folder.path / "sound.wav"

    @property
    def next_change(self) -> asyncio.Event:
        """Set at the next change. Take it before looking at the request, and no change is missed."""
        return self._change

    def changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    def report(self, progress: Progress) -> None:
        """Log progress, unless it says what the last entry says already, to the percent."""
        said = {"message": progress.message, "labels": {"progress": round(progress.fraction, 2)}}
        if self.logs and said.items() <= self.logs[-1].items():
            return
        self.logs.append({**said, "level": "INFO", "source": "USER", "timestamp": datetime.now(UTC).isoformat()})
        self.changed()


class RequestQueue:
    """Submit, follow, cancel. `start` it in the event loop that uses it, and `close` it there."""

    def __init__(self, settings: Settings, files: Files) -> None:
        self._settings = settings
        self._files = files
        self._requests: dict[str, Request] = {}
        self._waiting: deque[Request] = deque()
        self._arrival = asyncio.Event()
        self._workers: set[Worker] = set()
        self._loading = Progress(0.0, "Starting")
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._lane(number)) for number in range(self._settings.workers)]
        self._tasks.append(asyncio.create_task(self._sweep()))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def submit(self, request: Request, max_waiting: float = math.inf, start_within: float | None = None) -> None:
        """Put the request at the end of the queue. Raises `Failure` (429) when too many wait.

        `max_waiting` is how many may wait at most before this one, by its caller's wish; `start_within` seconds it
        must have started, or it fails.
        """
        if len(self._waiting) >= self._settings.max_queue or len(self._waiting) > max_waiting:
            raise queue_full()
        if start_within is not None:
            loop = asyncio.get_running_loop()
            request.start_timer = loop.call_later(start_within, self._leave, request, start_timeout())
        self._requests[request.id] = request
        self._waiting.append(request)
        self._arrival.set()
        log.info("request id=%s endpoint=%s submitted", request.id, request.endpoint, extra=request.context)

    def get(self, request_id: str) -> Request | None:
        return self._requests.get(request_id)

    def position(self, request: Request) -> int:
        """How many wait before this waiting request."""
        return self._waiting.index(request)

    def cancel(self, request: Request) -> None:
        """Take a waiting request out of the queue; stop a running one, which ends in seconds at most."""
        if request.status == "IN_QUEUE":
            self._leave(request, cancelled())
        elif request.stop:
            request.stop()

    @property
    def state(self) -> dict[str, Any]:
        """What `GET /readyz` tells; "ok" while a worker has its model loaded, until then how far the loading is."""
        ready = [worker for worker in self._workers if not worker.exited.done()]
        running = sum(request.status == "IN_PROGRESS" for request in self._requests.values())
        return {
            "status": "ok" if ready else "starting",
            "model": ready[0].model if ready else None,
            "licence": ready[0].licence if ready else None,
            "variants": ready[0].variants if ready else [],
            "loading": None if ready else asdict(self._loading),
            "queue": len(self._waiting),
            "running": running,
            "workers": len(ready),
        }

    async def _lane(self, number: int) -> None:
        """Keep a worker, and give it what waits: one request after the other, or those that can go together."""
        while True:
            worker = await self._hire(number)
            self._workers.add(worker)
            log.info("worker model=%s ready", worker.model)
            worker.exited.add_done_callback(lambda _: self._arrival.set())
            try:
                while requests := await self._next(worker):
                    await self._serve(requests, worker)
            finally:
                self._workers.discard(worker)
                await worker.end()

    async def _hire(self, lane: int) -> Worker:
        """A fresh worker; tried again, ever more slowly, for as long as the model can't be loaded."""
        settings = self._settings
        options = Options(
            model=settings.model,
            memory_bytes=settings.worker_memory_bytes,
            max_clip_bytes=settings.max_upload_bytes,
            allowed_sources=tuple(settings.allowed_sources),
            log_format=settings.log_format,
        )
        threads = max(1, (os.cpu_count() or 1) // settings.workers)
        pause = 0.5
        while True:
            try:
                return await Worker.start(options, lane, threads, LOAD_SECONDS, self._told)
            except WorkerLost as error:
                log.error("worker model=%s could not start: %s Trying again.", settings.model, error)
                self._told(Progress(0.0, str(error)))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY_SECONDS)

    def _told(self, loading: Progress) -> None:
        self._loading = loading

    async def _next(self, worker: Worker) -> list[Request]:
        """The next request once there is one, and those that can go with it; none when the worker can't any more."""
        while worker.usable:
            if self._waiting:
                first = self._waiting.popleft()
                others = [each for each in self._waiting if each.goes_with(first)][: worker.at_once - 1]
                for each in others:
                    self._waiting.remove(each)
                return [first, *others]
            self._arrival.clear()
            await self._arrival.wait()
        return []

    async def _serve(self, requests: list[Request], worker: Worker) -> None:
        for number, request in enumerate(requests):
            request.started, request.stop = time.monotonic(), partial(worker.stop, number)
            if request.start_timer:
                request.start_timer.cancel()
        self._moved(*requests)

        def report(number: int, news: Progress | Finished | BadInput | Stopped) -> None:
            if requests[number].outcome is not None:
                return  # its time was up before
            if isinstance(news, Progress):
                requests[number].report(news)
            elif isinstance(news, BadInput):
                self._finish(requests[number], self._refusal(news))
            else:
                self._finish(requests[number], cancelled() if isinstance(news, Stopped) else news)

        def give_up() -> None:
            """What takes too long fails at once, and the model may yet leave it in its own time, and stay loaded."""
            sentence = f"The generation took longer than {self._settings.timeout_seconds:g} seconds."
            for number, request in enumerate(requests):
                if request.outcome is None:
                    self._finish(request, model_failure(504, "generation_timeout", sentence))
                    worker.stop(number)

        jobs = [Job(each.parameters, each.sound, each.clip, each.url) for each in requests]
        failure: Failure | None = None
        patience = asyncio.get_running_loop().call_later(self._settings.timeout_seconds, give_up)
        try:
            await worker.generate(jobs, report)
        except WorkerLost as error:
            failure = model_failure(500, "internal_server_error", str(error))
            if error.device or len(requests) > 1:
                why = "the graphics card failed" if error.device else "what it ran with failed"
                for request in reversed(requests):
                    if request.outcome is None and not request.restarted:
                        self._restart(request, why)
        finally:
            patience.cancel()
        for request in requests:
            if failure and request.status == "IN_PROGRESS":
                self._finish(request, failure)

    def _restart(self, request: Request, why: str) -> None:
        """Let a request that lost its worker through no fault of its own be the next one: once, and alone."""
        request.restarted, request.started, request.stop = True, None, None
        request.report(Progress(0.0, f"Starting again: {why}"))
        self._waiting.appendleft(request)
        self._arrival.set()
        self._moved()

    def _refusal(self, error: BadInput) -> Failure:
        loc = ("body", "video_url") if error.kind in CLIP_FAULTS else ("body",)
        if error.kind == "file_too_large":
            return too_large(self._settings.max_upload_bytes, *loc)
        return model_failure(422, error.kind, str(error), *loc)

    def _leave(self, request: Request, failure: Failure) -> None:
        """End a request that has not started."""
        self._waiting.remove(request)
        self._finish(request, failure)
        self._moved()

    def _finish(self, request: Request, outcome: Finished | Failure) -> None:
        request.outcome, request.finished, request.stop = outcome, time.monotonic(), None
        if request.start_timer:
            request.start_timer.cancel()
        # Nothing of a failed request is ever fetched: its files may go at once.
        self._files.expire(request.folder, 0.0 if isinstance(outcome, Failure) else None)
        request.changed()
        log.info(
            "request id=%s endpoint=%s outcome=%s waited=%.3f seconds=%.3f",
            request.id,
            request.endpoint,
            outcome.kind if isinstance(outcome, Failure) else "succeeded",
            (request.started or request.finished) - request.submitted,
            request.finished - (request.started or request.finished),
            extra=request.context,
        )

    def _moved(self, *also: Request) -> None:
        """Tell those who watch a waiting request that its position changed."""
        for request in (*also, *self._waiting):
            request.changed()

    async def _sweep(self) -> None:
        keep = self._settings.keep_seconds
        while True:
            await asyncio.sleep(min(60.0, keep / 4))
            now = time.monotonic()
            for request in list(self._requests.values()):
                if request.finished is not None and request.finished + keep <= now:
                    del self._requests[request.id]
            await self._files.sweep()
