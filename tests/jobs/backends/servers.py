"""fal and Scenario as their contracts describe them, on real sockets, and as badly as a test wants them.

Left alone, a server behaves well: it checks the key and the fields, keeps jobs, and lets them run through their states.
`say` replaces the next answers to one kind of call; `asked` remembers every call; `purchases` are the jobs somebody
would have to pay for.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from tests.jobs.backends.carriers import mono_flac, mono_mp3, video_with_mono_aac

FAL_KEY = "fal-id-for-tests:fal-secret-for-tests"
SCENARIO_KEY, SCENARIO_SECRET = "scenario-key-for-tests", "scenario-secret-for-tests"


@dataclass(frozen=True)
class Reply:
    """An answer. `wait` seconds before it and `wait_between` its blocks of 4 KiB; after `cut_after` bytes of the body
    the connection breaks; `hang_up` breaks it without a word."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    wait_between: float = 0.0
    cut_after: int | None = None
    hang_up: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


HANG_UP = Reply(hang_up=True)


@dataclass(frozen=True)
class Asked:
    """One call as it arrived; `path` with its query."""

    what: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int
    """Of the client: two calls from one port came on one connection."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}

    @property
    def parts(self) -> list[str]:
        return urlsplit(self.path).path.strip("/").split("/")


Answer = Reply | Callable[[Asked], Reply]


@dataclass
class Server:
    """What both have in common. Names of calls are in each server's `routes`."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    purchases: list[dict[str, Any]] = field(default_factory=list)
    carrier: bytes | None = None
    """What results hold, instead of a sound as long as asked for."""
    file_type: str = "application/octet-stream"
    polls_until_done: int = 2
    stopping: threading.Event = field(default_factory=threading.Event)
    _planned: dict[str, list[Answer]] = field(default_factory=dict)
    _always: dict[str, Answer] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    routes: tuple[tuple[str, str, str], ...] = ()
    """Method, pattern of the whole path without the query, name."""

    def say(self, what: str, *answers: Answer) -> None:
        """The next calls of this kind get these answers, one each."""
        self._planned.setdefault(what, []).extend(answers)

    def always_say(self, what: str, answer: Answer) -> None:
        self._always[what] = answer

    def calls(self, what: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.what == what]

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes, port: int) -> Reply:
        plain = urlsplit(path).path.rstrip("/")
        what = next((name for verb, at, name in self.routes if verb == method and re.fullmatch(at, plain)), "unknown")
        asked = Asked(what, method, path, headers, body, port)
        with self._lock:
            self.asked.append(asked)
            planned = self._planned.get(what)
            answer = planned.pop(0) if planned else self._always.get(what)
        if answer is None:
            with self._lock:
                return self.behave(asked)
        return answer(asked) if callable(answer) else answer

    def behave(self, asked: Asked) -> Reply:
        """The good answer."""
        raise NotImplementedError

    def sound(self, seconds: float, with_clip: bool) -> bytes:
        raise NotImplementedError


@dataclass
class Job:
    body: dict[str, Any]
    with_clip: bool
    polls: int = 0
    cancelled: bool = False
    failure: Reply | None = None
    status: dict[str, Any] = field(default_factory=dict)
    """What its last status says besides."""


@dataclass
class FalServer(Server):
    """https://queue.fal.run and https://rest.fal.ai at one address."""

    jobs: dict[str, Job] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    _failures: list[tuple[Reply, dict[str, Any]]] = field(default_factory=list)

    routes: tuple[tuple[str, str, str], ...] = (
        ("POST", "/storage/upload/initiate", "initiate"),
        ("PUT", "/upload/[^/]+", "upload"),
        ("POST", "/fal-ai/mmaudio-v2(/text-to-audio)?", "submit"),
        ("GET", "/fal-ai/mmaudio-v2/requests/[^/]+/status", "status"),
        ("GET", "/fal-ai/mmaudio-v2/requests/[^/]+(/response)?", "result"),
        ("PUT", "/fal-ai/mmaudio-v2/requests/[^/]+/cancel", "cancel"),
        ("GET", "/files/[^/]+", "file"),
    )

    def fail_next(self, failure: Reply, **status: Any) -> None:
        """The next job is COMPLETED, with `status` beside it (`error`, `error_type`), and `failure` as its result."""
        self._failures.append((failure, status))

    def sound(self, seconds: float, with_clip: bool) -> bytes:
        return video_with_mono_aac(seconds) if with_clip else mono_flac(seconds)

    def behave(self, asked: Asked) -> Reply:
        if asked.what == "unknown":
            return Reply({"detail": "Not Found"}, 404)
        if asked.what not in {"upload", "file"} and asked.headers.get("authorization") != f"Key {FAL_KEY}":
            return Reply({"detail": "Cannot access application. Authentication is required."}, 401)
        reply: Reply = getattr(self, f"_{asked.what}")(asked)
        return reply

    def _initiate(self, asked: Asked) -> Reply:
        wanted = asked.json
        if not {"file_name", "content_type"} <= set(wanted):
            return Reply({"detail": [{"loc": ["body"], "msg": "field required", "type": "missing"}]}, 422)
        name = f"up{len(self.uploads) + 1}.mp4"
        self.uploads[name] = b""
        return Reply({"upload_url": f"{self.url}/upload/{name}?token=x", "file_url": f"{self.url}/files/{name}"})

    def _upload(self, asked: Asked) -> Reply:
        self.uploads[asked.parts[-1]] = asked.body
        return Reply()

    def _submit(self, asked: Asked) -> Reply:
        body, with_clip = asked.json, not asked.path.endswith("text-to-audio")
        wrong = _wrong_fal_fields(body, with_clip)
        if wrong:
            return Reply({"detail": wrong}, 422, {"x-fal-request-id": "none"})
        job = Job(body, with_clip)
        if self._failures:
            job.failure, job.status = self._failures.pop(0)
        request_id = f"req-{len(self.jobs) + 1}"
        self.jobs[request_id] = job
        self.purchases.append(body)
        return Reply({"request_id": request_id, "status": "IN_QUEUE", "queue_position": 0, **self._urls(request_id)})

    def _status(self, asked: Asked) -> Reply:
        request_id = asked.parts[-2]
        job = self.jobs.get(request_id)
        if job is None:
            return Reply({"status": "NOT_FOUND"}, 404)
        job.polls += 1
        said: dict[str, Any] = {"request_id": request_id, **self._urls(request_id)}
        if job.polls >= self.polls_until_done:
            return Reply(
                {"status": "COMPLETED", "logs": None, "metrics": {"inference_time": 3.4}, **said, **job.status}
            )
        if job.polls == 1:
            return Reply({"status": "IN_QUEUE", "queue_position": 2, **said}, 202)
        return Reply({"status": "IN_PROGRESS", "logs": None, **said}, 202)

    def _result(self, asked: Asked) -> Reply:
        request_id = asked.parts[3]
        job = self.jobs.get(request_id)
        if job is None:
            return Reply({"status": "NOT_FOUND"}, 404)
        if job.cancelled:
            said = {"detail": "Request was cancelled", "error_type": "client_cancelled"}
            return Reply(said, 499, {"X-Fal-Error-Type": "client_cancelled"})
        if job.polls < self.polls_until_done:
            return Reply({"detail": "Request is still in progress"}, 400)
        if job.failure:
            return job.failure
        name = f"{request_id}.{'mp4' if job.with_clip else 'flac'}"
        file = {"url": f"{self.url}/files/{name}", "content_type": self.file_type, "file_name": name, "file_size": None}
        return Reply({"video" if job.with_clip else "audio": file}, headers={"x-fal-request-id": request_id})

    def _cancel(self, asked: Asked) -> Reply:
        job = self.jobs.get(asked.parts[-2])
        if job is None:
            return Reply({"status": "NOT_FOUND"}, 404)
        if job.polls >= self.polls_until_done:
            return Reply({"status": "ALREADY_COMPLETED"}, 400)
        job.cancelled = True
        return Reply({"status": "CANCELLATION_REQUESTED"}, 202)

    def _file(self, asked: Asked) -> Reply:
        name = asked.parts[-1]
        if name in self.uploads:
            return Reply(self.uploads[name])
        job = self.jobs[name.partition(".")[0]]
        content = self.carrier if self.carrier is not None else self.sound(job.body.get("duration", 8), job.with_clip)
        return Reply(content, headers={"Content-Type": self.file_type})

    def _urls(self, request_id: str) -> dict[str, str]:
        address = f"{self.url}/fal-ai/mmaudio-v2/requests/{request_id}"
        return {"response_url": address, "status_url": f"{address}/status", "cancel_url": f"{address}/cancel"}


def _wrong_fal_fields(body: dict[str, Any], with_clip: bool) -> list[dict[str, Any]]:
    """FastAPI's words for what is missing or out of range."""
    required = ["prompt", "video_url"] if with_clip else ["prompt"]
    wrong: list[dict[str, Any]] = [
        {"loc": ["body", name], "msg": "field required", "type": "missing"} for name in required if name not in body
    ]
    for name, low, high in (("duration", 1, 30), ("num_steps", 4, 50), ("cfg_strength", 0, 20), ("seed", 0, 65535)):
        value = body.get(name)
        if value is not None and not low <= value <= high:
            kind, word, bound = (
                ("less_than_equal", "less", high) if value > high else ("greater_than_equal", "greater", low)
            )
            message = f"Input should be {word} than or equal to {bound}"
            wrong.append({"loc": ["body", name], "msg": message, "type": kind, "input": value})
    return wrong


@dataclass
class ScenarioUpload:
    announced: dict[str, Any]
    parts: dict[int, bytes] = field(default_factory=dict)
    complete: bool = False
    polls: int = 0

    @property
    def content(self) -> bytes:
        return b"".join(self.parts[number] for number in sorted(self.parts))


@dataclass
class ScenarioServer(Server):
    """https://api.cloud.scenario.com/v1, its storage and its CDN at one address; `url` ends in /v1."""

    jobs: dict[str, Job] = field(default_factory=dict)
    uploads: dict[str, ScenarioUpload] = field(default_factory=dict)
    polls_until_imported: int = 2
    signatures: int = 0
    _failures: list[dict[str, Any]] = field(default_factory=list)

    routes: tuple[tuple[str, str, str], ...] = (
        ("POST", "/v1/uploads", "announce"),
        ("PUT", "/storage/[^/]+/[0-9]+", "part"),
        ("POST", "/v1/uploads/[^/]+/action", "complete"),
        ("GET", "/v1/uploads/[^/]+", "upload"),
        ("POST", "/v1/generate/custom/[^/]+", "submit"),
        ("GET", "/v1/jobs/[^/]+", "job"),
        ("POST", "/v1/jobs/[^/]+/action", "cancel"),
        ("GET", "/v1/assets/[^/]+", "asset"),
        ("GET", "/v1/models/[^/]+", "model"),
        ("GET", "/cdn/[^/]+", "file"),
    )

    def fail_next(self, **metadata: Any) -> None:
        """The next job ends as `failure` with this metadata (`error`, `hint`)."""
        self._failures.append(metadata)

    def sound(self, seconds: float, with_clip: bool) -> bytes:
        return video_with_mono_aac(seconds) if with_clip else mono_mp3(seconds)

    def behave(self, asked: Asked) -> Reply:
        if asked.what == "unknown":
            return Reply({"message": "Not found"}, 404)
        good = f"Basic {b64encode(f'{SCENARIO_KEY}:{SCENARIO_SECRET}'.encode()).decode()}"
        if asked.what not in {"part", "file"} and asked.headers.get("authorization") != good:
            return Reply({"message": "Unauthorized"}, 401)
        reply: Reply = getattr(self, f"_{asked.what}")(asked)
        return reply

    @property
    def _host(self) -> str:
        return self.url.removesuffix("/v1")

    def _announce(self, asked: Asked) -> Reply:
        upload_id = f"upload_{len(self.uploads) + 1}"
        self.uploads[upload_id] = ScenarioUpload(asked.json)
        parts = [
            {"number": number, "url": f"{self._host}/storage/{upload_id}/{number}?X-Amz-Signature=s", "expires": "soon"}
            for number in range(1, asked.json["parts"] + 1)
        ]
        return Reply({"upload": {"id": upload_id, "jobId": "job_up", "status": "pending", "parts": parts}})

    def _part(self, asked: Asked) -> Reply:
        if "authorization" in asked.headers:
            return Reply(b"<Error><Code>InvalidArgument</Code></Error>", 400)
        self.uploads[asked.parts[1]].parts[int(asked.parts[2])] = asked.body
        return Reply(headers={"ETag": '"e"'})

    def _complete(self, asked: Asked) -> Reply:
        upload = self.uploads[asked.parts[2]]
        if asked.json != {"action": "complete"} or len(upload.parts) != upload.announced["parts"]:
            return Reply({"message": "Parts are missing"}, 400)
        sizes = [len(upload.parts[number]) for number in sorted(upload.parts)]
        if any(size < 5_000_000 for size in sizes[:-1]) or sum(sizes) != upload.announced["fileSize"]:
            return Reply({"message": "EntityTooSmall"}, 400)
        upload.complete = True
        return Reply({"upload": {"id": asked.parts[2], "status": "validating"}})

    def _upload(self, asked: Asked) -> Reply:
        upload_id = asked.parts[2]
        upload = self.uploads.get(upload_id)
        if upload is None:
            return Reply({"message": "Upload not found"}, 404)
        upload.polls += upload.complete
        state: dict[str, Any] = {"id": upload_id, "status": "validating" if upload.complete else "pending"}
        if upload.polls >= self.polls_until_imported:
            state |= {"status": "imported", "entityId": f"asset_of_{upload_id}"}
        return Reply({"upload": state})

    def _submit(self, asked: Asked) -> Reply:
        model, body = asked.parts[-1], asked.json
        wrong = _wrong_scenario_fields(model, body)
        if model not in {"model_mm-audio-2", "model_mm-audio-2-t2a"}:
            return Reply({"message": "Model not found"}, 404)
        if wrong:
            return Reply({"message": wrong}, 422)
        with_clip = model == "model_mm-audio-2"
        if with_clip and body["video"] not in {f"asset_of_{upload_id}" for upload_id in self.uploads}:
            return Reply({"message": "Asset not found"}, 404)
        job_id = f"job_{len(self.jobs) + 1}"
        job = Job(body, with_clip)
        if self._failures:
            job.status = self._failures.pop(0)
            job.failure = Reply()
        self.jobs[job_id] = job
        self.purchases.append(body)
        said = self._job_state(job_id, "queued", 0)
        return Reply({"job": said, "creativeUnitsCost": 1})

    def _job(self, asked: Asked) -> Reply:
        job_id = asked.parts[-1]
        job = self.jobs.get(job_id)
        if job is None:
            return Reply({"message": "Job not found"}, 404)
        job.polls += 1
        if job.cancelled:
            return Reply({"job": self._job_state(job_id, "canceled", 0)})
        if job.polls < self.polls_until_done:
            steps = ("queued", "warming-up", "in-progress", "finalizing")
            state = steps[min(job.polls - 1, 3)]
            return Reply({"job": self._job_state(job_id, state, job.polls / self.polls_until_done)})
        if job.failure:
            return Reply({"job": self._job_state(job_id, "failure", 1, **job.status)})
        return Reply({"job": self._job_state(job_id, "success", 1, assetIds=[f"asset_of_{job_id}"])})

    def _cancel(self, asked: Asked) -> Reply:
        return Reply({"message": "Only inference jobs can be canceled"}, 400)

    def _asset(self, asked: Asked) -> Reply:
        asset_id = asked.parts[-1]
        self.signatures += 1
        # CloudFront's signed addresses hold ~, - and _ (its own base64) and percent-encodings; none may change.
        query = f"p=100&Policy=eyJTdGF0~_-__&Signature=sig~{self.signatures}%2Fx-&Key-Pair-Id=K36FIAB9LE2OLR"
        asset = {
            "id": asset_id,
            "url": f"{self._host}/cdn/{asset_id}?{query}",
            "mimeType": "image/png",
            "kind": "video",
            "status": "success",
            "properties": {"size": 1, "duration": 8},
        }
        return Reply({"asset": asset})

    def _model(self, asked: Asked) -> Reply:
        if asked.parts[-1] not in {"model_mm-audio-2", "model_mm-audio-2-t2a"}:
            return Reply({"message": "Model not found"}, 404)
        return Reply({"model": {"id": asked.parts[-1], "inputs": []}})

    def _file(self, asked: Asked) -> Reply:
        job = self.jobs[asked.parts[-1].removeprefix("asset_of_")]
        content = self.carrier if self.carrier is not None else self.sound(job.body.get("duration", 8), job.with_clip)
        return Reply(content, headers={"Content-Type": self.file_type})

    @staticmethod
    def _job_state(job_id: str, status: str, progress: float, **metadata: Any) -> dict[str, Any]:
        return {
            "jobId": job_id, "jobType": "custom", "status": status, "progress": progress,
            "metadata": {"assetIds": [], **metadata}, "statusHistory": [],
            "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
            "billing": {"cuCost": 1, "cuDiscount": 0},
        }  # fmt: skip


def _wrong_scenario_fields(model: str, body: dict[str, Any]) -> str:
    required = ["prompt", "video"] if model == "model_mm-audio-2" else ["prompt"]
    for name in required:
        if name not in body:
            return f"{name} is required"
    for name, low, high in (("duration", 1, 30), ("numSteps", 4, 50), ("cfgStrength", 1, 20), ("seed", 0, 65535)):
        value = body.get(name)
        if value is not None and not low <= value <= high:
            return f"{name} must be between {low} and {high}"
    return ""


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer waits for the acknowledgement of its headers

        def answer(self) -> None:
            body = self._body()
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.handle(self.command, self.path, headers, body, self.client_address[1])
            server.stopping.wait(reply.wait)
            if reply.hang_up:
                self._break()
                return
            content = reply.content
            try:
                self.send_response(reply.status)
                for name, value in ({"Content-Length": str(len(content))} | reply.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                for start in range(0, len(content[: reply.cut_after]), 4096):
                    server.stopping.wait(reply.wait_between)
                    self.wfile.write(content[: reply.cut_after][start : start + 4096])
                    self.wfile.flush()
            except OSError:  # the client had enough
                self.close_connection = True
                return
            if reply.cut_after is not None:
                self._break()

        def _break(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names http.server calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            pass

    return Handler


class _Sockets(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what some tests are about."""


S = TypeVar("S", bound=Server)


@contextmanager
def _running(server: S, path: str) -> Iterator[S]:
    sockets = _Sockets(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{sockets.server_address[1]}{path}"
    thread = threading.Thread(target=sockets.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        sockets.shutdown()
        sockets.server_close()
        thread.join()


@contextmanager
def fal_server() -> Iterator[FalServer]:
    """fal that knows `FAL_KEY`. Settings for it: FAL_QUEUE_URL and FAL_REST_URL are its `url`."""
    with _running(FalServer(), "") as server:
        yield server


@contextmanager
def scenario_server() -> Iterator[ScenarioServer]:
    """Scenario that knows `SCENARIO_KEY` and `SCENARIO_SECRET`. SCENARIO_BASE_URL is its `url`."""
    with _running(ScenarioServer(), "/v1") as server:
        yield server
