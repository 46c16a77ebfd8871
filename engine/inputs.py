"""What callers send: JSON bodies with fal's names and ranges, uploads, and the clip a request names by an address.

Everything is bounded in size and time, and refused with a `Failure`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from fastapi import Request as HTTPRequest
from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.requests import ClientDisconnect

from engine.failures import Failure, invalid, model_failure, too_large
from engine.files import Files, Folder, Published, safe_name
from engine.model import Parameters

BODY_SECONDS = 60.0
LINGER_SECONDS = 5.0
MAX_SEED = 65_535

NO_ADDRESS = "The clip must be an http(s) address, a data: URI, or a file uploaded here."

Input = TypeVar("Input", bound=BaseModel)
Text = Annotated[str, StringConstraints(max_length=4000)]


class TextInput(BaseModel):
    """The input of `fal-ai/mmaudio-v2/text-to-audio`, with fal's ranges and defaults."""

    prompt: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
    negative_prompt: Text = ""
    seed: int | None = Field(None, ge=0, le=MAX_SEED)
    num_steps: int = Field(25, ge=4, le=50)
    duration: float = Field(8.0, ge=1, le=30, allow_inf_nan=False)
    cfg_strength: float = Field(4.5, ge=0, le=20, allow_inf_nan=False)
    mask_away_clip: bool = False
    # Beyond fal's: one of the variants that the engine's readiness lists.
    variant: Annotated[str, StringConstraints(max_length=100)] = ""

    def parameters(self) -> Parameters:
        """In our own names; a seed that was left out is drawn."""
        return Parameters(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            seed=secrets.randbelow(MAX_SEED + 1) if self.seed is None else self.seed,
            duration=self.duration,
            quality_steps=self.num_steps,
            prompt_strength=self.cfg_strength,
            focus_on_subject=self.mask_away_clip,
            variant=self.variant,
        )


class VideoInput(TextInput):
    """The input of `fal-ai/mmaudio-v2`."""

    video_url: str


class UploadInput(BaseModel):
    """What is known of a file before it is sent."""

    file_name: str = "clip"
    content_type: str = "application/octet-stream"


async def read(http: HTTPRequest, kind: type[Input], max_bytes: int) -> Input:
    """The JSON body, validated. Raises `Failure`."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            content = b"".join([chunk async for chunk in body(http, max_bytes)])
        return kind.model_validate_json(content)
    except TooLarge:
        await linger(http)
        raise too_large(max_bytes, "body") from None
    except TimeoutError:
        raise Failure(408, "request_timeout", "The request took too long to arrive.", retry=True) from None
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise invalid([{**detail, "loc": ["body", *detail["loc"]]} for detail in details]) from None


class TooLarge(Exception):
    """More bytes come than the limit allows."""


async def body(http: HTTPRequest, max_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises `TooLarge`: at once where its announced length says so."""
    if int(http.headers.get("content-length", 0)) > max_bytes:
        raise TooLarge
    received = 0
    async for chunk in http.stream():
        received += len(chunk)
        if received > max_bytes:
            raise TooLarge
        yield chunk


async def linger(http: HTTPRequest) -> None:
    """Let a caller that is still sending finish, for a moment: it reads our answer only then."""
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):
        async with asyncio.timeout(LINGER_SECONDS):
            async for _ in http.stream():
                pass


async def place(url: str, folder: Folder, files: Files, base: str, max_bytes: int) -> tuple[Path, str | None]:
    """Bring the clip at `url` into the request's folder: where it is now, and None; or where to put it, and `url`.

    A file of ours (the engine's own address is `base`) is not fetched but gets a second name in the folder, so that
    the request still has it when the upload expires.
    """
    source = folder.path / "clip"
    source.mkdir()
    if url[:5].lower() == "data:":
        clip = source / "clip"
        await asyncio.to_thread(_decode_data, url, clip, max_bytes)
        return clip, None
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _no_clip(NO_ADDRESS) from None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise _no_clip(NO_ADDRESS)
    clip = source / safe_name(unquote(parts.path))
    if ours := _own_file(files, parts.path):
        try:
            await ours.ready()
            os.link(ours.path, clip)
        except FileNotFoundError:
            raise _no_clip("This upload was never sent, or its time is over. Upload the clip again.") from None
        return clip, None
    if url.startswith(f"{base}/"):
        raise _no_clip("There is no such file here, or its time is over. Upload the clip again.")
    return clip, url


def _own_file(files: Files, path: str) -> Published | None:
    """The file of ours that the path names. The token alone decides: the host depends on who asks and how."""
    match path.strip("/").split("/"):
        case [*_, "files", token, name]:
            return files.find(token, unquote(name))
    return None


def _decode_data(url: str, target: Path, max_bytes: int) -> None:
    """Write what a `data:` URI (RFC 2397) holds."""
    head, comma, data = url.partition(",")
    if not comma:
        raise _no_clip("The data: URI of the clip has no data.")
    try:
        encoded = unquote_to_bytes(data)
        content = base64.b64decode(encoded, validate=True) if head.lower().endswith(";base64") else encoded
    except binascii.Error:
        raise _no_clip("The data: URI of the clip is not proper base64.") from None
    if len(content) > max_bytes:
        raise too_large(max_bytes, "body", "video_url")
    target.write_bytes(content)


def _no_clip(sentence: str) -> Failure:
    return model_failure(422, "file_download_error", sentence, "body", "video_url")
