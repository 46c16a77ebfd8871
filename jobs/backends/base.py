"""What every generation backend can do, and how it fails, in our words."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Protocol

Ticket = dict[str, Any]
"""What a backend needs to find a submitted request again; JSON, stored before the first poll."""

Upload = dict[str, Any]
"""A backend's handle of a clip that was sent to it; JSON. `ready` is False while the backend still takes it in."""

Credentials = tuple[tuple[str, str], ...]
"""Names and values of what a backend asks for, such as (("FAL_KEY", "..."),)."""


class BackendError(Exception):
    """What went wrong, in one sentence for a person, which never holds a secret.

    The tree says when the same call may be made again: soon (`Unreachable`), late (`Busy`), or never (all others).
    This class itself: an answer that makes no sense.
    """

    kind: ClassVar[str] = "rubbish"


class Unreachable(BackendError):
    """The backend can't be reached or is out of order for now: the same call may work soon."""

    kind = "down"


class Busy(BackendError):
    """The backend asks to come back later: after `delay` seconds."""

    kind = "busy"

    def __init__(self, message: str, delay: float) -> None:
        super().__init__(message)
        self.delay = delay


class Lost(BackendError):
    """The backend does not know this request (any more)."""

    kind = "lost"


class Unclear(BackendError):
    """A paid request may have arrived and may not: only the provider's own pages can tell. Never sent again."""

    kind = "unclear"


class BadKey(BackendError):
    """The key is missing, wrong, or not allowed to do this."""

    kind = "bad_key"


class NoCredit(BackendError):
    """The account has no money left, or is locked."""

    kind = "no_credit"


class PlanRestricted(BackendError):
    """The account's plan does not include this."""

    kind = "plan"


class PolicyRefused(BackendError):
    """The provider's content policy does not allow it; the sentence has the reason. Another backend may."""

    kind = "policy"


class InputRejected(BackendError):
    """The backend can't use the clip or a parameter."""

    kind = "input"


class JobFailed(BackendError):
    """The backend took the request and failed on it."""

    kind = "job_failed"


class TimedOut(BackendError):
    """The backend ran out of time on the request."""

    kind = "timeout"


class Stopped(BackendError):
    """The request was cancelled at the backend, not by us."""

    kind = "stopped"


class NoAudio(BackendError):
    """The backend finished without a sound, or its file holds none."""

    kind = "no_audio"


class Silent(BackendError):
    """The sound is silence."""

    kind = "silent"


@dataclass(frozen=True)
class Price:
    """`amount` of `unit` ("USD", or "CU": the provider's compute units) per `per` ("second" or "job")."""

    amount: Decimal
    unit: str
    per: str


@dataclass(frozen=True)
class Offer:
    """What a person should know before choosing a backend. Sentences, but for `needs`: the credentials' names."""

    label: str
    licence: str
    commercial_use: bool
    data_goes: str
    price: Price | None
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """One generation as a backend sees it, apart from the clip. `duration` in seconds."""

    prompt: str
    negative_prompt: str
    duration: float
    quality_steps: int
    prompt_strength: float
    focus_on_subject: bool
    seed: int


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
    paid: bool
    """Whether a submission costs something: it is then made once, whatever happens."""
    sends_proxy: bool
    """Whether the clip always goes as a small silent copy, never as the original."""
    remembers_uploads: bool
    """Whether an upload can be used again by another request."""
    first_poll: float
    """Seconds from submission to the first poll; later ones come at growing intervals up to `slowest_poll`."""
    slowest_poll: float

    def upload(self, clip: Path) -> Upload:
        """Send a clip; costs nothing and may be repeated. Raises BackendError."""

    def check_upload(self, upload: Upload) -> Upload:
        """An upload that was not ready, as it is now. Raises BackendError."""

    def submit(self, request: Request, upload: Upload | None) -> Ticket:
        """Hand the request over, in one attempt.

        Raises Unclear where a paid one may have arrived, any other BackendError where it surely did not.
        """

    def poll(self, ticket: Ticket) -> State:
        """Ask how it stands. Raises BackendError."""

    def fetch(self, ticket: Ticket, folder: Path) -> Answer:
        """Download the result into `folder`. Raises BackendError, also when the request itself failed."""

    def cancel(self, ticket: Ticket) -> None:
        """Ask the backend to stop. Raises BackendError."""

    def check(self) -> None:
        """Ask whether addresses and key work, buying nothing. Raises BackendError."""

    def close(self) -> None:
        """Give the connections back; the backend is not used again."""
