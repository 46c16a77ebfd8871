"""The engine's HTTP face: the fal queue protocol (https://docs.fal.ai/model-endpoints/queue) for MMAudio's endpoints.

fal's names of things end here: inside, a request has the names of `engine.model.Parameters`.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Response
from fastapi import Request as HTTPRequest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from engine import logs, process
from engine.failures import Failure, invalid, model_failure, too_large
from engine.files import NO_ROOM, Files, Folder, save
from engine.inputs import TextInput, TooLarge, UploadInput, VideoInput, body, linger, place, read
from engine.requests import Request, RequestQueue
from engine.settings import Settings

APPLICATION = "fal-ai/mmaudio-v2"
TEXT_TO_AUDIO = f"{APPLICATION}/text-to-audio"

PING_SECONDS = 15.0
MUX_SECONDS = 120


class Engine:
    """What every call needs at hand."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.files = Files(settings.data_dir, settings.keep_seconds)
        self.queue = RequestQueue(settings, self.files)
        self._muxing = asyncio.Semaphore(1)

    async def mux(self, clip: Path, sound: Path, target: Path) -> None:
        """Write `target`, the picture of `clip` with `sound`, in a process of its own."""
        limits = str(self.settings.worker_memory_bytes), str(MUX_SECONDS)
        async with self._muxing:
            running = await process.spawn("engine.mux", str(clip), str(sound), str(target), *limits)
            try:
                with suppress(TimeoutError):
                    await asyncio.wait_for(running.communicate(), MUX_SECONDS)
            finally:
                await process.end(running)
        if running.returncode != 0:
            raise Failure(500, "internal_server_error", "The clip and its sound could not be put into one file.")

    def base(self, http: HTTPRequest) -> str:
        """The address under which the caller reaches the engine, without a slash at its end."""
        return self.settings.public_url or str(http.base_url).rstrip("/")


def create_app(settings: Settings) -> FastAPI:
    """The engine as an ASGI application. Its worker processes live as long as its lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = app.state.engine = Engine(settings)
        engine.queue.start()
        try:
            yield
        finally:
            await engine.queue.close()
            engine.files.close()

    app = FastAPI(title="Soundstage engine", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False
    app.add_middleware(WithoutTrailingSlash)
    app.add_middleware(logs.Generations)
    app.add_exception_handler(Failure, _on_failure)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(OSError, _on_os_error)
    app.add_exception_handler(Exception, _on_bug)
    app.include_router(open_calls)
    app.include_router(submissions)
    for endpoint in (APPLICATION, TEXT_TO_AUDIO):
        app.include_router(followings, prefix=f"/{endpoint}/requests/{{request_id}}")
    return app


class WithoutTrailingSlash:
    """Makes `/path/` mean `/path`, without the redirect that would lose a body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self.app(scope, receive, send)


# --- What calls depend on --------------------------------------------------------------------------------------------


async def _engine(http: HTTPRequest) -> Engine:
    engine: Engine = http.app.state.engine
    return engine


TheEngine = Annotated[Engine, Depends(_engine)]


async def _require_key(engine: TheEngine, authorization: Annotated[str, Header()] = "") -> None:
    key = engine.settings.key.get_secret_value()
    if key and not hmac.compare_digest(authorization.encode(), f"Key {key}".encode()):
        raise Failure(401, "unauthorized", "This engine wants `Authorization: Key …` with its key.")


async def _known(engine: TheEngine, request_id: str) -> Request:
    request = engine.queue.get(request_id)
    if request is None:
        raise Unknown
    return request


class Unknown(Failure):
    """No request has this id: it never existed, it is too long ago, or the engine was restarted since."""

    def __init__(self) -> None:
        super().__init__(404, "not_found", "There is no such request.")

    @property
    def body(self) -> dict[str, Any]:
        return {"status": "NOT_FOUND"}


TheRequest = Annotated[Request, Depends(_known)]

# --- Open calls: health, and files by their unguessable addresses ----------------------------------------------------

open_calls = APIRouter()


@open_calls.get("/healthz")
@open_calls.get("/readyz")
async def readyz(engine: TheEngine) -> JSONResponse:
    state = engine.queue.state
    return JSONResponse(state, status_code=200 if state["status"] == "ok" else 503)


@open_calls.api_route("/files/{token}/{name}", methods=["GET", "HEAD"])
async def file(engine: TheEngine, token: str, name: str) -> Response:
    found = engine.files.find(token, name)
    if found is None:
        raise HTTPException(404)
    try:
        await found.ready()
    except FileNotFoundError as error:
        raise HTTPException(404) from error
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}
    return FileResponse(found.path, media_type=found.content_type, headers=headers)


@open_calls.put("/storage/upload/{secret}")
async def upload(engine: TheEngine, http: HTTPRequest, secret: str) -> Response:
    target, limit = engine.files.upload(secret), engine.settings.max_upload_bytes
    if target is None:
        raise HTTPException(404)
    try:
        async with asyncio.timeout(engine.settings.keep_seconds):
            await save(body(http, limit), target)
    except TooLarge:
        await linger(http)
        raise too_large(limit, status=413) from None
    except TimeoutError as error:
        raise Failure(408, "request_timeout", "The upload took too long.", retry=True) from error
    except FileNotFoundError as error:
        raise HTTPException(404) from error  # its time ran out while it was being sent
    return Response(status_code=200)


# --- Submitting ------------------------------------------------------------------------------------------------------

submissions = APIRouter(dependencies=[Depends(_require_key)])


class Terms:
    """What a caller may ask of the queue, beside the input itself."""

    def __init__(
        self,
        fal_webhook: Annotated[str | None, Query()] = None,
        fal_max_queue_length: Annotated[int | None, Query(ge=0)] = None,
        x_fal_request_timeout: Annotated[float | None, Header(gt=0, le=86_400, allow_inf_nan=False)] = None,
    ) -> None:
        if fal_webhook is not None:
            sentence = "This engine calls no webhooks. Leave fal_webhook out, and poll the status_url."
            raise model_failure(422, "feature_not_supported", sentence, "query", "fal_webhook")
        self.max_waiting = float("inf") if fal_max_queue_length is None else fal_max_queue_length
        self.start_within = x_fal_request_timeout


@submissions.post(f"/{APPLICATION}")
async def submit_video(engine: TheEngine, http: HTTPRequest, terms: Annotated[Terms, Depends()]) -> JSONResponse:
    sent = await read(http, VideoInput, engine.settings.max_body_bytes)
    with engine.files.draft() as folder:
        limit = engine.settings.max_upload_bytes
        clip, url = await place(sent.video_url, folder, engine.files, engine.base(http), limit)
        request = Request(APPLICATION, sent.parameters(), folder, clip, url)
        folder.publish("video.mp4", "video/mp4", partial(engine.mux, clip, request.sound))
        return _submit(engine, http, request, terms)


@submissions.post(f"/{TEXT_TO_AUDIO}")
async def submit_text(engine: TheEngine, http: HTTPRequest, terms: Annotated[Terms, Depends()]) -> JSONResponse:
    sent = await read(http, TextInput, engine.settings.max_body_bytes)
    with engine.files.draft() as folder:
        return _submit(engine, http, Request(TEXT_TO_AUDIO, sent.parameters(), folder), terms)


@submissions.post("/storage/upload/initiate")
async def initiate_upload(engine: TheEngine, http: HTTPRequest) -> dict[str, str]:
    sent = await read(http, UploadInput, 64 * 1024)
    secret, path = engine.files.new_upload(sent.file_name, sent.content_type)
    base = engine.base(http)
    return {"upload_url": f"{base}/storage/upload/{secret}", "file_url": f"{base}/files/{path}"}


def _submit(engine: Engine, http: HTTPRequest, request: Request, terms: Terms) -> JSONResponse:
    request.folder.publish(request.sound.name, "audio/wav")
    engine.queue.submit(request, terms.max_waiting, terms.start_within)
    return _answer(request, 200, _status(engine, request, engine.base(http), logs=None))


# --- Following a request ---------------------------------------------------------------------------------------------

followings = APIRouter(dependencies=[Depends(_require_key)])


@followings.get("/status")
async def status(engine: TheEngine, http: HTTPRequest, request: TheRequest, logs: bool = False) -> JSONResponse:
    body = _status(engine, request, engine.base(http), request.logs if logs else None)
    return _answer(request, 200 if request.outcome else 202, body)


@followings.get("/status/stream")
async def stream(engine: TheEngine, http: HTTPRequest, request: TheRequest, logs: bool = False) -> StreamingResponse:
    base = engine.base(http)

    async def events() -> AsyncIterator[str]:
        told = 0
        while True:
            change, fresh = request.next_change, request.logs[told:]
            told += len(fresh)
            yield f"data: {json.dumps(_status(engine, request, base, fresh if logs else None))}\n\n"
            if request.outcome:
                return
            while not change.is_set():
                try:
                    await asyncio.wait_for(change.wait(), PING_SECONDS)
                except TimeoutError:
                    yield ": ping\n\n"

    headers = {"x-fal-request-id": request.id, "Cache-Control": "no-cache"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


@followings.get("")
@followings.get("/response")
async def result(engine: TheEngine, http: HTTPRequest, request: TheRequest) -> JSONResponse:
    outcome, base = request.outcome, engine.base(http)
    if outcome is None:
        return _refusal(Failure(400, "bad_request", "Request is still in progress", retry=True), request)
    if isinstance(outcome, Failure):
        return _refusal(outcome, request)
    files = {"audio": _file(base, request.folder, "sound.wav")}
    if request.clip:
        files["video"] = _file(base, request.folder, "video.mp4")
    facts = {"events": outcome.events, "understood": outcome.understood, "duration": outcome.duration}
    return _answer(request, 200, {**files, **facts, "seed": request.parameters.seed})


@followings.put("/cancel")
async def cancel(engine: TheEngine, request: TheRequest) -> JSONResponse:
    before = request.status
    if before == "COMPLETED":
        return _answer(request, 400, {"status": "ALREADY_COMPLETED"})
    engine.queue.cancel(request)
    if before == "IN_QUEUE":
        return _answer(request, 200, {"status": "OK"})
    return _answer(request, 202, {"status": "CANCELLATION_REQUESTED"})


# --- What is answered ------------------------------------------------------------------------------------------------


def _status(engine: Engine, request: Request, base: str, logs: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A request's state as fal puts it. A failed one is COMPLETED too, and says so by `error`."""
    address = f"{base}/{APPLICATION}/requests/{request.id}"
    body: dict[str, Any] = {
        "status": request.status,
        "request_id": request.id,
        "response_url": address,
        "status_url": f"{address}/status",
        "cancel_url": f"{address}/cancel",
        "logs": logs,
    }
    if request.status == "IN_QUEUE":
        body["queue_position"] = engine.queue.position(request)
    if request.finished is not None and request.started is not None:
        body["metrics"] = {"inference_time": request.finished - request.started}
    if isinstance(request.outcome, Failure):
        body |= {"error": request.outcome.message, "error_type": request.outcome.kind}
    return body


def _file(base: str, folder: Folder, name: str) -> dict[str, Any]:
    """fal's File object. The size of a file that is made when it is first fetched is not known yet."""
    published = folder.published[name]
    return {
        "url": f"{base}/files/{folder.token}/{name}",
        "content_type": published.content_type,
        "file_name": name,
        "file_size": published.path.stat().st_size if published.path.exists() else None,
    }


def _answer(request: Request, status_code: int, body: dict[str, Any]) -> JSONResponse:
    return JSONResponse(body, status_code, headers={"x-fal-request-id": request.id})


def _refusal(failure: Failure, request: Request | None = None) -> JSONResponse:
    headers = {
        "x-fal-request-id": request.id if request else str(uuid.uuid4()),
        "X-Fal-Error-Type": failure.kind,
        "X-Fal-Needs-Retry": "1" if failure.retry else "0",
        "X-Fal-Retryable": "true" if failure.retry else "false",
    }
    return JSONResponse(failure.body, failure.status, headers=headers | failure.headers)


async def _on_failure(_: HTTPRequest, failure: Exception) -> Response:
    assert isinstance(failure, Failure)
    return _refusal(failure)


async def _on_invalid(_: HTTPRequest, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _refusal(invalid([_without_input(detail) for detail in error.errors()]))


async def _on_http_exception(_: HTTPRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = "not_found" if error.status_code == 404 else "bad_request"
    return _refusal(Failure(error.status_code, kind, error.detail, headers=dict(error.headers or {})))


async def _on_disconnect(_: HTTPRequest, error: Exception) -> Response:
    return _refusal(Failure(499, "client_disconnected", "The caller went away."))


async def _on_os_error(_: HTTPRequest, error: Exception) -> Response:
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return _refusal(Failure(507, "disk_full", "The engine's disk is full. Try again later.", retry=True))
    raise error


async def _on_bug(_: HTTPRequest, error: Exception) -> Response:
    return _refusal(Failure(500, "internal_error", "The engine failed on this call."))


def _without_input(detail: dict[str, Any]) -> dict[str, Any]:
    """An error without what was entered: it may be a prompt, or a whole clip."""
    return {name: value for name, value in detail.items() if name in {"loc", "msg", "type", "ctx"}}
