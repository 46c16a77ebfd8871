"""The fal queue protocol (https://docs.fal.ai/model-endpoints/queue), which our own engine serves as well.

One client for both: a team moves between hosted and own hardware by changing an address.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from jobs.backends.base import Answer, BackendError, Busy, Lost, Request, State, Ticket, Unreachable, Upload

APPLICATION = "fal-ai/mmaudio-v2"
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
MAX_ANSWER_BYTES = 2 * 1024 * 1024
MAX_RESULT_BYTES = 200 * 1024 * 1024
DEFAULT_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 300.0

RUBBISH = "The sound engine sent an answer we could not read. Try again; if it stays so, tell your administrator."


class Fal:
    """A client of one server that speaks the protocol.

    `queue_url` takes the requests, `storage_url` the uploads. The key goes to these two origins alone, whatever
    addresses an answer names, and results are fetched only from `result_hosts` ("host" or "host:port").
    """

    def __init__(self, name: str, queue_url: str, storage_url: str, key: str, result_hosts: frozenset[str]) -> None:
        self.name, self.paid = name, False
        self.sends_proxy = self.remembers_uploads = False
        self.first_poll, self.slowest_poll = 0.15, 0.6
        self._queue_url = queue_url.rstrip("/")
        self._storage_url = storage_url.rstrip("/")
        self._key = key
        self._result_hosts = result_hosts | {urlsplit(queue_url).netloc}
        self._client = httpx.Client(timeout=TIMEOUT, follow_redirects=False)

    def upload(self, clip: Path) -> Upload:
        """The two-call upload; the file is streamed."""
        return {"url": self._upload(clip), "ready": True}

    def check_upload(self, upload: Upload) -> Upload:
        return upload

    def submit(self, request: Request, upload: Upload | None) -> Ticket:
        body: dict[str, Any] = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "duration": request.duration,
            "num_steps": request.quality_steps,
            "cfg_strength": request.prompt_strength,
            "mask_away_clip": request.focus_on_subject,
            "seed": request.seed,
        }
        application = f"{APPLICATION}/text-to-audio"
        if upload:
            body["video_url"] = upload["url"]
            application = APPLICATION
        answer = self._call("POST", f"{self._queue_url}/{application}", json=body)
        ticket = {name: answer.get(name) for name in ("request_id", "status_url", "response_url", "cancel_url")}
        if not all(isinstance(value, str) and value for value in ticket.values()):
            raise BackendError(RUBBISH)
        return ticket

    def poll(self, ticket: Ticket) -> State:
        answer = self._call("GET", ticket["status_url"], params={"logs": 1})
        match answer.get("status"):
            case "COMPLETED":
                return State(done=True, progress=1.0)
            case "IN_QUEUE":
                ahead = answer.get("queue_position") or 0
                return State(done=False, message=f"{ahead} ahead in the engine’s queue" if ahead else "")
            case "IN_PROGRESS":
                return _latest(answer.get("logs"))
        raise BackendError(RUBBISH)

    def fetch(self, ticket: Ticket, folder: Path) -> Answer:
        answer = self._call("GET", ticket["response_url"])
        # Our engine sends the audio by itself; fal sends a re-encoded video, which carries it.
        file = answer.get("audio") or answer.get("video")
        if not isinstance(file, dict) or not isinstance(file.get("url"), str):
            raise BackendError(RUBBISH)
        events, understood = answer.get("events"), answer.get("understood")
        return Answer(
            carrier=self._download(file["url"], folder / "carrier"),
            events=_events(events),
            understood=understood if isinstance(understood, dict) else {},
        )

    def cancel(self, ticket: Ticket) -> None:
        self._call("PUT", ticket["cancel_url"], allowed=(400, 404))  # finished or gone already: nothing left to stop

    def close(self) -> None:
        self._client.close()

    def _upload(self, clip: Path) -> str:
        """The two-call upload; the file is streamed, and its address returned."""
        content_type = mimetypes.guess_type(clip.name)[0] or "application/octet-stream"
        answer = self._call(
            "POST",
            f"{self._storage_url}/storage/upload/initiate",
            params={"storage_type": "fal-cdn-v3"},
            json={"file_name": f"clip{clip.suffix}", "content_type": content_type},
        )
        upload_url, file_url = answer.get("upload_url"), answer.get("file_url")
        if not isinstance(upload_url, str) or not isinstance(file_url, str):
            raise BackendError(RUBBISH)
        with clip.open("rb") as file, _our_words():
            headers = {"Content-Type": content_type, "Content-Length": str(clip.stat().st_size)}
            response = self._client.put(upload_url, content=iter(lambda: file.read(256 * 1024), b""), headers=headers)
            _check(response)
        return file_url

    def _call(self, method: str, url: str, *, allowed: tuple[int, ...] = (), **options: Any) -> dict[str, Any]:
        """One JSON call; `allowed` are error statuses that mean nothing is wrong."""
        with _our_words(), self._client.stream(method, url, headers=self._authorisation(url), **options) as response:
            body = _bounded(response)
            if response.status_code in allowed:
                return {}
            _check(response, body)
            answer = httpx.Response(200, content=body).json()
        if not isinstance(answer, dict):
            raise BackendError(RUBBISH)
        return answer

    def _authorisation(self, url: str) -> dict[str, str]:
        ours = {_origin(self._queue_url), _origin(self._storage_url)}
        if _origin(url) not in ours:
            raise BackendError(RUBBISH)  # an answer that sends us elsewhere is not followed
        return {"Authorization": f"Key {self._key}"} if self._key else {}

    def _download(self, url: str, target: Path) -> Path:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or parts.netloc not in self._result_hosts:
            raise BackendError(RUBBISH)
        with _our_words(), self._client.stream("GET", url) as response, target.open("wb") as file:
            if response.status_code != 200:
                _check(response, _bounded(response))
                raise BackendError(RUBBISH)
            received = 0
            for chunk in response.iter_bytes(256 * 1024):
                received += len(chunk)
                if received > MAX_RESULT_BYTES:
                    raise BackendError("The sound engine sent far more than was asked for. Try again.")
                file.write(chunk)
        return target


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


@contextmanager
def _our_words() -> Iterator[None]:
    """What httpx and a JSON parser raise, as backend errors with sentences."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise Unreachable("The sound engine takes too long to answer. Try again in a moment.") from error
    except httpx.TransportError as error:
        raise Unreachable("The sound engine can’t be reached. Try again in a moment.") from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise BackendError(RUBBISH) from error


def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes(64 * 1024):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise BackendError(RUBBISH)
    return bytes(body)


def _check(response: httpx.Response, body: bytes = b"") -> None:
    """Sort an error status into our tree (a model's error body is a list, the platform's a string)."""
    status = response.status_code
    if status < 300:
        return
    if status == 404:
        raise Lost("The sound engine no longer knows this job. Try again.")
    if status == 429:
        raise Busy("The sound engine has too much to do.", _retry_after(response))
    if status in {401, 403}:
        raise BackendError("The sound engine refuses our key. Ask your administrator to check it.")
    if status == 499:
        raise BackendError("The job was cancelled at the sound engine.")
    sentence = _first_message(body)
    if status in {400, 422}:
        raise BackendError(f"The sound engine could not use this: {sentence}" if sentence else RUBBISH)
    if response.headers.get("X-Fal-Error-Type", "") in {"generation_timeout", "request_timeout"}:
        raise BackendError("The sound engine ran out of time on this clip. Try a shorter duration or fewer steps.")
    if status >= 500 and response.request.method == "GET" and "X-Fal-Error-Type" in response.headers:
        raise BackendError("The sound engine failed on this job. Try again; another clip or prompt may work.")
    if status >= 500:
        raise Unreachable("The sound engine is out of order. Try again in a moment.")
    raise BackendError(RUBBISH)


def _retry_after(response: httpx.Response) -> float:
    try:
        return min(max(float(response.headers.get("Retry-After", "")), 0.1), LONGEST_RETRY_SECONDS)
    except ValueError:
        return DEFAULT_RETRY_SECONDS


def _first_message(body: bytes) -> str:
    try:
        detail = httpx.Response(200, content=body).json()["detail"]
        message = detail if isinstance(detail, str) else detail[0]["msg"]
    except (ValueError, LookupError, TypeError):
        return ""
    return str(message)[:300]


def _latest(logs: object) -> State:
    """Progress as the newest log entry tells it; our engine labels its entries with a fraction."""
    progress, message = 0.0, ""
    for entry in logs if isinstance(logs, list) else []:
        if not isinstance(entry, dict):
            continue
        message = str(entry.get("message") or message)
        labels = entry.get("labels")
        fraction = labels.get("progress") if isinstance(labels, dict) else None
        if isinstance(fraction, int | float):
            progress = min(max(float(fraction), 0.0), 1.0)
    return State(done=False, progress=progress, message=message)


def _events(events: object) -> list[dict[str, Any]]:
    """The visual events of an answer: those with a sensible time, at most a thousand."""
    if not isinstance(events, list):
        return []
    return [e for e in events if isinstance(e, dict) and isinstance(e.get("time"), int | float)][:1000]
