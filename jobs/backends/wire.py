"""Calls to one provider: JSON to and fro, files there and back, all bounded, and every failure one of our errors."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from json import JSONDecodeError, loads
from pathlib import Path
from typing import Any, Literal

import httpx
from django.utils import timezone

from jobs.backends.base import BackendError, Lost, NoAudio, Ticket, Unclear, Unreachable
from jobs.backends.egress import Egress, Forbidden

log = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 2 * 1024 * 1024
MAX_ANSWER_SECONDS = 60.0
MAX_RESULT_BYTES = 200 * 1024 * 1024
MAX_RESULT_SECONDS = 180.0
DOWNLOAD_TRIES = 3
DEFAULT_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 3600.0
LONGEST_QUOTE = 300

About = Literal["upload", "submit", "status", "result"]
"""What a call was made for: the same error status means different things."""

Explain = Callable[[httpx.Response, dict[str, Any], About], BackendError]
"""A provider's error answer (its body is {} where it is no JSON object) as one of our errors."""

# Before any of these, nothing of the request has left.
NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Wire:
    """`who` begins every sentence; `secrets` are kept out of whatever the provider says."""

    def __init__(self, who: str, egress: Egress, explain: Explain, secrets: tuple[str, ...]) -> None:
        self.who = who
        self._egress, self._explain = egress, explain
        self._secrets = tuple(filter(None, secrets))

    def call(
        self, method: str, url: str, about: About, *, tolerated: tuple[int, ...] = (), **options: Any
    ) -> dict[str, Any]:
        """The JSON object that answers one call; {} for the `tolerated` error statuses. Raises BackendError."""
        with self._our_words(), self._egress.call(method, url, **options) as response:
            body = self._bounded(response)
            if response.status_code in tolerated:
                return {}
            if response.status_code >= 300:
                raise self._explain(response, _object(body) or {}, about)
            return self._understood(body)

    def buy(
        self, url: str, ticket: Callable[[dict[str, Any]], Ticket | None], where_to_look: str, **options: Any
    ) -> Ticket:
        """One POST that costs money, in exactly one attempt, and the ticket that `ticket` finds in its answer.

        Raises Unclear, with `where_to_look`, unless it surely did not arrive or was surely refused: then another error.
        """
        unclear = Unclear(
            f"{self.who} may have taken this job and charge for it, or may not: no clear answer came back. "
            f"It was not sent again. {where_to_look}"
        )
        try:
            with self._egress.call_once("POST", url, **options) as response:
                status = response.status_code
                body = self._bounded(response)
        except NEVER_LEFT as error:
            raise self.unreachable() from error
        except Forbidden as error:
            raise self._forbidden(error) from error
        except (httpx.HTTPError, BackendError) as error:
            raise unclear from error
        answer = _object(body)
        if status < 300:
            bought = ticket(answer or {})
            if bought is None:
                raise unclear
            return bought
        # Busy, wrong key, bad input, moved elsewhere: refused. From 500 on, and at a time-out, only the provider knows.
        if status < 500 and status != 408:
            raise self._explain(response, answer or {}, "submit")
        if says_retry(response):
            raise self.unreachable()
        raise unclear

    def send(self, url: str, content: Iterator[bytes], length: int, content_type: str) -> None:
        """PUT `length` bytes where an answer said. Raises BackendError."""
        headers = {"Content-Type": content_type, "Content-Length": str(length)}
        with self._our_words(), self._egress.send(url, content=content, headers=headers) as response:
            if response.status_code in {401, 403}:  # the address itself is the permission, and has run out
                raise self.unreachable()
            if response.status_code >= 300:
                raise self._explain(response, _object(self._bounded(response)) or {}, "upload")

    def download(self, address: Callable[[], str], target: Path) -> Path:
        """The file at `address()`, asked for anew in each of a few tries, as what it is: its declared type is ignored.

        Raises BackendError: Unreachable when every try broke, Lost when the file is not there (any more).
        """
        for tries_left in reversed(range(DOWNLOAD_TRIES)):
            url = address()
            try:
                with self._our_words():
                    self._download(url, target)
                break
            except (Unreachable, Lost):
                if not tries_left:
                    raise
        if not target.stat().st_size:
            raise NoAudio(f"{self.who} sent an empty file. Try again.")
        return target

    def _download(self, url: str, target: Path) -> None:
        deadline = time.monotonic() + MAX_RESULT_SECONDS
        with self._egress.fetch(url) as response, target.open("wb") as file:
            if response.status_code in {401, 403, 404, 410}:
                raise Lost(f"The result is no longer at {self.who_inside}. Try again.")
            if response.status_code >= 500 or response.status_code in {408, 429}:
                raise self.unreachable()
            if response.status_code != 200:
                raise self.rubbish()
            received = 0
            # As the pieces come in, not gathered into larger ones: one that trickles must meet the deadline.
            for chunk in response.iter_raw():
                received += len(chunk)
                if received > MAX_RESULT_BYTES:
                    raise BackendError(f"{self.who} sent far more than was asked for. Try again.")
                if time.monotonic() > deadline:
                    raise self.slow()
                file.write(chunk)

    @property
    def who_inside(self) -> str:
        """`who` within a sentence."""
        return self.who.replace("The ", "the ", 1)

    def unreachable(self) -> Unreachable:
        return Unreachable(f"{self.who} can’t be reached. Try again in a moment.")

    def slow(self) -> Unreachable:
        return Unreachable(f"{self.who} takes too long to answer. Try again in a moment.")

    def rubbish(self) -> BackendError:
        return BackendError(
            f"{self.who} sent an answer we could not read. Try again; if it stays so, tell your administrator."
        )

    def quote(self, said: object) -> str:
        """A provider's own words, fit for one of our sentences: one line, not long, without our secrets."""
        words = " ".join(str(said).split()) if isinstance(said, str | int | float) else ""
        for secret in self._secrets:
            words = words.replace(secret, "…")
        return words[:LONGEST_QUOTE].rstrip(" .")

    @contextmanager
    def _our_words(self) -> Iterator[None]:
        """What httpx and the gate raise, as backend errors with sentences."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise self.slow() from error
        except httpx.TransportError as error:
            raise self.unreachable() from error
        except Forbidden as error:
            raise self._forbidden(error) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self.rubbish() from error

    def _forbidden(self, error: Forbidden) -> BackendError:
        log.warning("%s sent us to %s, which no setting allows (RESULT_HOSTS, UPLOAD_HOSTS)", self.who, error)
        return self.rubbish()

    def _bounded(self, response: httpx.Response) -> bytes:
        body = bytearray()
        deadline = time.monotonic() + MAX_ANSWER_SECONDS
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise self.rubbish()
            if time.monotonic() > deadline:
                raise self.slow()
        return bytes(body)

    def _understood(self, body: bytes) -> dict[str, Any]:
        answer = _object(body)
        if answer is None:
            raise self.rubbish()
        return answer


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = loads(body)
    except (JSONDecodeError, UnicodeDecodeError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def says_retry(response: httpx.Response) -> bool:
    """Whether the platform itself says that another try may work (fal's header has an older and a newer name)."""
    hints = (response.headers.get("X-Fal-Needs-Retry"), response.headers.get("X-Fal-Retryable"))
    return any(hint is not None and hint.lower() in {"1", "true"} for hint in hints)


def retry_after(response: httpx.Response, otherwise: object = None) -> float:
    """Seconds to wait as the headers say (Retry-After in seconds or as a date, retry-after-ms), else `otherwise`."""
    header, milliseconds = response.headers.get("Retry-After", ""), response.headers.get("retry-after-ms", "")
    try:
        if milliseconds:
            delay = float(milliseconds) / 1000
        elif header and not header[0].isalpha():
            delay = float(header)
        elif header:
            delay = (parsedate_to_datetime(header) - timezone.now()).total_seconds()
        elif isinstance(otherwise, int | float):
            delay = float(otherwise)
        else:
            return DEFAULT_RETRY_SECONDS
    except (ValueError, TypeError):
        return DEFAULT_RETRY_SECONDS
    return min(max(delay, 0.1), LONGEST_RETRY_SECONDS) if delay == delay else DEFAULT_RETRY_SECONDS
