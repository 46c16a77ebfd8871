"""The log: how its lines look, and which generation they are about.

Whoever begins to work on a generation binds its id; every line of the same thread has it until the scope ends, also
those that libraries write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.json import JsonFormatter

HEADER = "X-Soundstage-Generation"
"""What our engine is told the id by, for its own log."""

_generation: ContextVar[str] = ContextVar("generation", default="")


@contextmanager
def scope() -> Iterator[None]:
    """What is bound within is forgotten at the end."""
    token = _generation.set(_generation.get())
    try:
        yield
    finally:
        _generation.reset(token)


def bind(public_id: str) -> None:
    """What follows is about this generation; about none, where it is ""."""
    _generation.set(public_id)


def header() -> dict[str, str]:
    """`HEADER`, where a generation is bound."""
    bound = _generation.get()
    return {HEADER: bound} if bound else {}


class JSONLine(JsonFormatter):
    """One object a line: time (ISO 8601, UTC), level, logger, message; generation and exception where there is one.

    Nothing else that a record carries: a request, say, has an address, and that may hold a key.
    """

    def __init__(self) -> None:
        renamed = {"levelname": "level", "name": "logger", "exc_info": "exception"}
        super().__init__(["levelname", "name", "message"], rename_fields=renamed, timestamp="time")

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        log_data["generation"] = _generation.get()
        names = ("time", "level", "logger", "message", "generation", "exception")
        return {name: log_data[name] for name in names if log_data.get(name)}


FORMATTERS: dict[str, dict[str, Any]] = {
    "json": {"()": JSONLine},
    "text": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
}
"""By `LOG_FORMAT`, for `logging.config.dictConfig`."""
