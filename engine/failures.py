"""How a request fails, in fal's terms (https://docs.fal.ai/errors): a status code, an error type, a sentence.

A failure of the model or its input carries a list of details, each pointing at a part of the request; a failure of the
platform a single sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Details = list[dict[str, Any]]


@dataclass(eq=False)
class Failure(Exception):
    """`kind` is the error type; `retry` tells the caller that the same request may succeed later."""

    status: int
    kind: str
    message: str
    details: Details | None = None
    retry: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        if self.details is not None:
            return {"detail": self.details}
        return {"detail": self.message, "error_type": self.kind}


def invalid(details: Details) -> Failure:
    """422 for what the validation found: `details` as Pydantic lists them."""
    return Failure(422, details[0]["type"], details[0]["msg"], details)


def model_failure(status: int, kind: str, message: str, *loc: str, **context: Any) -> Failure:
    """A failure of the model, or of the part of its input at `loc` ("body", "video_url")."""
    detail: dict[str, Any] = {"loc": list(loc or ("body",)), "msg": message, "type": kind}
    return Failure(status, kind, message, [detail | ({"ctx": context} if context else {})])


def too_large(limit: int, *loc: str, status: int = 422) -> Failure:
    """More than `limit` bytes came in."""
    return model_failure(
        status, "file_too_large", f"The clip is larger than {_megabytes(limit)}.", *loc, max_size=limit
    )


def queue_full() -> Failure:
    message = "Too many requests are waiting. Try again in a few seconds."
    return Failure(429, "queue_full", message, retry=True, headers={"Retry-After": "2"})


def start_timeout() -> Failure:
    message = "The request did not start within the time its caller allowed."
    return Failure(504, "request_timeout", message, retry=True, headers={"X-Fal-Request-Timeout-Type": "user"})


def cancelled() -> Failure:
    return Failure(499, "client_cancelled", "The request was cancelled.")


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.3g} MB"
