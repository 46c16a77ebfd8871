"""What every generation backend can do, and how it fails, in our words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Ticket = dict[str, Any]
"""What a backend needs to find a submitted request again; JSON, stored before the first poll."""


class BackendError(Exception):
    """The message is one sentence for a person. This class itself: final, trying again would not help."""


class Unreachable(BackendError):
    """The backend can't be reached or is out of order for now: the same call may work soon."""


class Busy(BackendError):
    """The backend asks to come back later: after `delay` seconds."""

    def __init__(self, message: str, delay: float) -> None:
        super().__init__(message)
        self.delay = delay


class Lost(BackendError):
    """The backend does not know this request (any more)."""


@dataclass(frozen=True)
class Request:
    """One generation as a backend sees it. `clip` is a local file, None for text to audio; `duration` in seconds."""

    prompt: str
    negative_prompt: str
    duration: float
    quality_steps: int
    prompt_strength: float
    focus_on_subject: bool
    seed: int
    clip: Path | None = None


@dataclass(frozen=True)
class State:
    """Where a submitted request is: `progress` 0..1, `message` for a person."""

    done: bool
    progress: float = 0.0
    message: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back: the path of the downloaded file that carries the audio, and what else the backend told."""

    carrier: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    understood: dict[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    name: str
    first_poll: float
    """Seconds from submission to the first poll; later ones come at growing intervals up to `slowest_poll`."""
    slowest_poll: float

    def submit(self, request: Request) -> Ticket:
        """Hand the request over. Raises BackendError."""

    def poll(self, ticket: Ticket) -> State:
        """Ask how it stands. Raises BackendError."""

    def fetch(self, ticket: Ticket, folder: Path) -> Answer:
        """Download the result into `folder`. Raises BackendError, also when the request itself failed."""

    def cancel(self, ticket: Ticket) -> None:
        """Ask the backend to stop. Raises BackendError."""

    def close(self) -> None:
        """Give the connections back; the backend is not used again."""
