"""What a generation's timeline says of its attempts: when each began, which worker had it, how long each stage took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from jobs.models import JobEvent, Stage, Status

WAITING = "waiting"
ENDS = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True)
class Span:
    """`stage` is one of `jobs.models.Stage`, or `WAITING` in the queue."""

    stage: str
    began: datetime
    ended: datetime

    @property
    def seconds(self) -> float:
        return max((self.ended - self.began).total_seconds(), 0.0)


@dataclass
class Attempt:
    """From the queue, or from the death of the worker before, to its end.

    `outcome` is the status it ended with, "worker died", or "" while it goes on.
    """

    began: datetime
    worker: str = ""
    outcome: str = ""
    spans: list[Span] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(span.seconds for span in self.spans)


def attempts(events: Iterable[JobEvent], now: datetime) -> list[Attempt]:
    """The attempts that `events`, the earliest first, tell of; one that has not ended is measured until `now`."""
    told: list[Attempt] = []
    attempt: Attempt | None = None
    stage, since = WAITING, now

    def pass_to(stage_after: str, at: datetime) -> None:
        nonlocal stage, since
        if attempt is not None:
            attempt.spans.append(Span(stage, since, at))
        stage, since = stage_after, at

    for event in events:
        if event.kind in ("queued", "retried"):
            attempt, stage, since = Attempt(event.at), WAITING, event.at
            told.append(attempt)
        elif attempt is None:
            continue
        elif event.kind == "started":
            pass_to(event.stage or Stage.PREPARING, event.at)
            attempt.worker = event.data.get("worker", "")
        elif event.kind == "stage":
            pass_to(event.stage, event.at)
        elif event.kind == "taken_back":
            pass_to(stage, event.at)
            attempt.outcome = "worker died"
            attempt = Attempt(event.at, worker=event.data.get("worker", ""))
            told.append(attempt)
        elif event.kind in ENDS:
            pass_to(stage, event.at)
            attempt.outcome, attempt = event.kind, None
    if attempt is not None:
        pass_to(stage, now)
    return told
