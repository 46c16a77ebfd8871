"""An engine on a real socket that says whatever a test wants to hear: the good answers of the protocol, and the bad."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


def reply(body: Any = b"", status: int = 200, **headers: str) -> Reply:
    """JSON for anything but bytes; header names with underscores for dashes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, content


@dataclass
class PretendEngine:
    """Answers by the last word of the path: `initiate`, `upload`, `submit`, `status`, `result`, `cancel`, `file`.

    Each answer can be replaced by another reply, or by a function that makes one; `requests` remembers what was asked.
    """

    port: int = 0
    answers: dict[str, Reply | Callable[[], Reply]] = field(default_factory=dict)
    requests: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, what: str) -> int:
        return sum(1 for name, *_ in self.requests if name == what)

    def behave(self, audio: bytes, **result: Any) -> None:
        """The good answers: the request is done at once, and the result is `audio`."""
        address = f"{self.url}/fal-ai/mmaudio-v2/requests/r1"
        self.answers = {
            "initiate": reply({"upload_url": f"{self.url}/upload", "file_url": f"{self.url}/file"}),
            "upload": reply(),
            "submit": reply(
                {
                    "request_id": "r1",
                    "status": "IN_QUEUE",
                    "queue_position": 0,
                    "status_url": f"{address}/status",
                    "response_url": address,
                    "cancel_url": f"{address}/cancel",
                }
            ),
            "status": reply({"status": "COMPLETED", "request_id": "r1", "logs": []}),
            "result": reply({"audio": {"url": f"{self.url}/file"}, **result}),
            "cancel": reply({"status": "CANCELLATION_REQUESTED"}, 202),
            "file": reply(audio, Content_Type="application/octet-stream"),
        }


def _name(method: str, path: str) -> str:
    last = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    if last in {"initiate", "upload", "status", "cancel", "file"}:
        return last
    return "submit" if method == "POST" else "result"


@contextmanager
def pretend_engine() -> Iterator[PretendEngine]:
    engine = PretendEngine()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self._body()
            name = _name(self.command, self.path)
            engine.requests.append((name, self.path, body, dict(self.headers)))
            chosen = engine.answers[name]
            status, headers, content = chosen() if callable(chosen) else chosen
            self.send_response(status)
            for header, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(content)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names http.server calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    engine.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def after(seconds: float, then: Reply) -> Callable[[], Reply]:
    """A slow answer."""

    def slow() -> Reply:
        time.sleep(seconds)
        return then

    return slow
