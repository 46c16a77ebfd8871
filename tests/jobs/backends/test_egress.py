"""What the clients may reach, with and without the key: decided by the configuration, whatever an answer says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import trustme

from jobs.backends import egress
from jobs.backends.egress import Egress, Forbidden
from tests.jobs.backends.servers import FalServer, Reply, fal_server

KEY = "Key the-key"
NAME = "files.example.com"


@pytest.fixture
def home() -> Iterator[FalServer]:
    with fal_server() as server:
        server.always_say("file", Reply(b"sound"))
        server.always_say("status", Reply({}))
        server.always_say("upload", Reply())
        yield server


@pytest.fixture
def gate(home: FalServer) -> Iterator[Egress]:
    gate = Egress([home.url], KEY, result_hosts=[NAME, "*.cdn.example.com"], upload_hosts=["storage.example.com"])
    yield gate
    gate.close()


Resolve = Callable[..., list[str]]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """`resolve(name, *addresses)` lets a name have these addresses; returns the list of names that are asked for."""
    known: dict[str, tuple[str, ...]] = {}
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in known:
            asked.append(name)
            return [found for address in known[name] for found in real(address, port, *rest, **options)]
        return real(host, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def resolve(name: str, *addresses: str) -> list[str]:
        known[name] = addresses
        return asked

    return resolve


def status_url(home: FalServer) -> str:
    return f"{home.url}/fal-ai/mmaudio-v2/requests/r/status"


# The configured addresses ---------------------------------------------------------------------------------------------


def test_the_key_goes_with_calls_to_the_configured_address_and_never_with_files(gate: Egress, home: FalServer) -> None:
    with gate.call("GET", status_url(home)), gate.fetch(f"{home.url}/files/x"), gate.send(f"{home.url}/upload/x"):
        pass
    with gate.call_once("POST", f"{home.url}/fal-ai/mmaudio-v2", json={}):
        pass
    assert [(asked.what, asked.headers.get("authorization")) for asked in home.asked] == [
        ("status", KEY),
        ("file", None),
        ("upload", None),
        ("submit", KEY),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/files/x",
        "http://localhost:{port}/files/x",
        "https://127.0.0.1:{port}/files/x",
        "http://files.example.com/x",
        "https://files.example.com:444/x",
        "https://me:secret@files.example.com/x",
        "https://evilfiles.example.com/x",
        "https://files.example.com.evil.example/x",
        "https://cdn.example.com/x",
        "https://evilcdn.example.com/x",
        "https://storage.example.com/x",
        "https://elsewhere.example/x",
        "http://169.254.169.254/latest/meta-data",
        "ftp://files.example.com/x",
        "file:///etc/passwd",
        "//files.example.com/x",
        "nonsense",
        "",
    ],
)
def test_everything_that_is_not_configured_is_refused(gate: Egress, home: FalServer, url: str) -> None:
    with fal_server() as stranger:
        port, other = home.url.rpartition(":")[2], stranger.url.rpartition(":")[2]
        named = url.format(port=port, other=other)
        for attempt in (gate.fetch(named), gate.call("GET", named), gate.call_once("POST", named)):
            with pytest.raises(Forbidden), attempt:
                pass
        assert stranger.asked == home.asked == []


def test_clips_go_to_upload_hosts_and_results_come_from_result_hosts(gate: Egress) -> None:
    with pytest.raises(Forbidden), gate.send(f"https://{NAME}/x", content=b"clip"):
        pass
    with pytest.raises(Forbidden), gate.fetch("https://storage.example.com/x"):
        pass


def test_a_purchase_goes_to_the_configured_address_alone(gate: Egress) -> None:
    with pytest.raises(Forbidden), gate.call_once("POST", f"https://{NAME}/x"):
        pass


# File hosts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "::1", "::", "fc00::1", "fe80::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_whatever_its_name(
    gate: Egress, resolve: Resolve, address: str
) -> None:
    resolve(NAME, address)
    with pytest.raises(Forbidden), gate.fetch(f"https://{NAME}/x"):
        pass
    assert not egress.is_public(address)


def test_one_address_that_is_not_public_spoils_the_name(gate: Egress, resolve: Resolve) -> None:
    resolve(NAME, "93.184.215.14", "10.0.0.1")
    with pytest.raises(Forbidden), gate.fetch(f"https://{NAME}/x"):
        pass


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"])
def test_the_open_internet_is_public(address: str) -> None:
    assert egress.is_public(address)


def test_a_name_that_does_not_exist_is_a_connection_that_failed(gate: Egress) -> None:
    with pytest.raises(httpx.ConnectError), gate.fetch("https://nowhere.cdn.example.com/x"):
        pass


@contextmanager
def file_host(certificate_for: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, list[dict[str, str]]]]:
    """An https server on this machine with a certificate we trust; its port, and the headers it was sent."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certificate_for).configure_cert(context)
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"sound")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> tuple[Any, Any]:
            connection, address = super().get_request()
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    trusting = httpx.create_ssl_context()
    authority.configure_trust(trusting)
    monkeypatch.setattr(egress, "_tls", lambda: trusting)
    # This machine has no public address: for this test its loopback counts as one.
    monkeypatch.setattr(egress, "is_public", lambda address: address == "127.0.0.1")
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_file_host_is_reached_at_the_address_that_was_checked_by_its_name_and_without_the_key(
    home: FalServer, resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with file_host(NAME, monkeypatch) as (port, seen):
        asked = resolve(NAME, "127.0.0.1")
        gate = Egress([home.url], KEY, result_hosts=[f"*.example.com:{port}"])
        for reach in (gate.fetch, lambda url: gate.call("GET", url)):
            with reach(f"https://{NAME}:{port}/x") as response:
                assert response.read() == b"sound"
        gate.close()
    assert asked == [NAME, NAME], "resolved once for each request"
    assert [headers["host"] for headers in seen] == [f"{NAME}:{port}"] * 2
    assert all("authorization" not in headers for headers in seen)


def test_an_address_that_does_not_answer_is_followed_by_the_next(
    home: FalServer, resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with file_host(NAME, monkeypatch) as (port, seen):
        monkeypatch.setattr(egress, "is_public", lambda address: address.startswith("127.0.0."))
        resolve(NAME, "127.0.0.2", "127.0.0.1")
        gate = Egress([home.url], KEY, result_hosts=[f"{NAME}:{port}"])
        with gate.fetch(f"https://{NAME}:{port}/x") as response:
            assert response.read() == b"sound"
        gate.close()
    assert len(seen) == 1


def test_a_file_host_must_prove_its_name(home: FalServer, resolve: Resolve, monkeypatch: pytest.MonkeyPatch) -> None:
    with file_host("other.example.com", monkeypatch) as (port, seen):
        resolve(NAME, "127.0.0.1")
        gate = Egress([home.url], KEY, result_hosts=[f"{NAME}:{port}"])
        with pytest.raises(httpx.ConnectError), gate.fetch(f"https://{NAME}:{port}/x"):
            pass
        gate.close()
    assert seen == []


def test_a_redirect_from_home_to_a_file_host_loses_the_key(
    home: FalServer, resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with file_host(NAME, monkeypatch) as (port, seen):
        resolve(NAME, "127.0.0.1")
        home.say("status", Reply(b"", 302, {"Location": f"https://{NAME}:{port}/x"}))
        gate = Egress([home.url], KEY, result_hosts=[f"{NAME}:{port}"])
        with gate.call("GET", status_url(home)) as response:
            assert response.read() == b"sound"
        gate.close()
    assert home.asked[0].headers["authorization"] == KEY
    assert "authorization" not in seen[0]


# Redirects ------------------------------------------------------------------------------------------------------------


def test_redirects_within_the_circles_are_followed_a_few_times(gate: Egress, home: FalServer) -> None:
    hop = Reply(b"", 302, {"Location": "/files/y"})
    home.say("file", *[hop] * egress.MAX_REDIRECTS)
    with gate.fetch(f"{home.url}/files/x") as response:
        assert response.read() == b"sound"
    home.say("file", *[hop] * (egress.MAX_REDIRECTS + 1))
    with pytest.raises(Forbidden), gate.fetch(f"{home.url}/files/x"):
        pass


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["https://elsewhere.example/x", "http://{stranger}/x", f"https://{NAME}/x", "file:///x"])
def test_a_redirect_out_of_the_circles_is_refused(
    gate: Egress, home: FalServer, resolve: Resolve, status: int, to: str
) -> None:
    resolve(NAME, "10.0.0.1")
    with fal_server() as stranger:
        location = to.format(stranger=stranger.url.removeprefix("http://"))
        for what, attempt in (
            ("file", gate.fetch(f"{home.url}/files/x")),
            ("status", gate.call("GET", status_url(home))),
        ):
            home.say(what, Reply(b"", status, {"Location": location}))
            with pytest.raises(Forbidden), attempt:
                pass
        assert stranger.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_what_is_sent_is_never_sent_again_elsewhere(gate: Egress, home: FalServer, status: int) -> None:
    moved = Reply(b"", status, {"Location": "/upload/y"})
    home.say("upload", moved)
    home.say("submit", moved)
    with gate.send(f"{home.url}/upload/x", content=b"clip") as response:
        assert response.status_code == status
    with gate.call_once("POST", f"{home.url}/fal-ai/mmaudio-v2", json={}) as response:
        assert response.status_code == status
    assert len(home.asked) == 2


def test_a_proxy_of_the_environment_gets_nothing(home: FalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with fal_server() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        gate = Egress([home.url], KEY)
        with contextlib.closing(gate), gate.call("GET", status_url(home)) as response:
            assert response.status_code == 200
        assert proxy.asked == []
