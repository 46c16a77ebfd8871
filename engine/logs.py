"""The engine's log: text for people or JSON for machines, each line with the request that it is about."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.json import JsonFormatter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

HEADER = "X-Soundstage-Generation"
"""By which a caller may say what a request is called on its side."""
CALLED = re.compile(r"[\w-]{1,64}", re.ASCII)

generation: ContextVar[str] = ContextVar("generation", default="")
"""What the call that is being answered is about, on its caller's side; "" where it does not say."""


def configure(style: str, level: int = logging.INFO) -> None:
    """Log to standard error from `level` on, as "json" or "text"."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    handler.setFormatter(JSONLine() if style == "json" else text)
    logging.basicConfig(level=level, handlers=[handler], force=True)


class JSONLine(JsonFormatter):
    """One object a line: time (ISO 8601, UTC), level, logger, message; generation, request and exception where there
    is one."""

    def __init__(self) -> None:
        renamed = {"levelname": "level", "name": "logger", "exc_info": "exception"}
        super().__init__(["levelname", "name", "message"], rename_fields=renamed, timestamp="time")

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        log_data.setdefault("generation", generation.get())
        names = ("time", "level", "logger", "message", "generation", "request", "exception")
        return {name: log_data[name] for name in names if log_data.get(name)}


class Generations:
    """Binds `generation` while a call is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        called = Headers(scope=scope).get(HEADER, "") if scope["type"] == "http" else ""
        token = generation.set(called if CALLED.fullmatch(called) else "")
        try:
            await self.app(scope, receive, send)
        finally:
            generation.reset(token)
