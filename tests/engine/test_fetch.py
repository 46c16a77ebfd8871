"""Clips by URL and `data:` URI, and what a URL must not reach."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from engine.fetch import fetch, is_public
from engine.model import BadInput
from tests.engine.running import VIDEO, Body, RunningEngine, engine
from tests.engine.sources import Source, source


@pytest.fixture
def clips() -> Iterator[Source]:
    with source() as running:
        running.serve("/clip.mp4", b"c" * 100_000)
        yield running


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """An engine that may fetch from "localhost", by this name alone, and at most 1 MB."""
    folder = tmp_path_factory.mktemp("trusting")
    with engine(folder, allowed_sources="clips.example, LocalHost", max_upload_bytes=1_000_000) as started:
        yield started


def refusal(running: RunningEngine, url: str) -> Body:
    """The error of a request for the clip at `url`, whether it is refused at once or in the end."""
    response = running.http.post(VIDEO, json={"prompt": "a tone", "duration": 1, "video_url": url})
    if response.status_code == 200:
        response = running.result(response.json())
    assert response.status_code == 422
    (detail,) = response.json()["detail"]
    assert detail["loc"] == ["body", "video_url"]
    assert detail["msg"].endswith(".")
    error: Body = detail
    return error


def test_a_clip_is_fetched_from_an_allowed_host(trusting: RunningEngine, clips: Source) -> None:
    submitted = trusting.submit(VIDEO, video_url=f"http://localhost:{clips.port}/clip.mp4")
    assert trusting.result(submitted).json()["understood"]["clip_bytes"] == 100_000
    assert clips.asked == [("/clip.mp4", f"localhost:{clips.port}")]
    assert trusting.wait(submitted)["logs"][0]["message"] == "Fetching the clip"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_an_address_that_is_not_public_is_refused_and_never_asked(
    running: RunningEngine, clips: Source, host: str
) -> None:
    assert refusal(running, f"http://{host}:{clips.port}/clip.mp4")["type"] == "file_download_error"
    assert clips.asked == []


def test_an_allowed_name_does_not_allow_its_address(trusting: RunningEngine, clips: Source) -> None:
    assert refusal(trusting, f"http://127.0.0.1:{clips.port}/clip.mp4")["type"] == "file_download_error"
    assert clips.asked == []


def test_a_redirect_to_an_address_that_is_not_public_is_refused(trusting: RunningEngine, clips: Source) -> None:
    with source() as internal:
        internal.serve("/secret", b"secret")
        clips.redirect("/moved", f"http://127.0.0.1:{internal.port}/secret")
        assert refusal(trusting, f"http://localhost:{clips.port}/moved")["type"] == "file_download_error"
        assert [path for path, _ in clips.asked] == ["/moved"]
        assert internal.asked == []


def test_a_redirect_to_another_scheme_is_refused(trusting: RunningEngine, clips: Source) -> None:
    clips.redirect("/moved", "file:///etc/passwd")
    assert refusal(trusting, f"http://localhost:{clips.port}/moved")["type"] == "file_download_error"


def test_three_redirects_are_followed_and_a_fourth_is_not(trusting: RunningEngine, clips: Source) -> None:
    clips.redirect("/4", "/3")
    clips.redirect("/3", "/2")
    clips.redirect("/2", "/1")
    clips.redirect("/1", "/clip.mp4")
    base = f"http://localhost:{clips.port}"
    assert trusting.run(VIDEO, video_url=f"{base}/3")["understood"]["clip_bytes"] == 100_000
    assert refusal(trusting, f"{base}/4")["type"] == "file_download_error"


@pytest.mark.parametrize("honest", [True, False], ids=["announced", "unannounced"])
def test_a_clip_that_is_too_large_is_not_fetched_to_its_end(
    trusting: RunningEngine, clips: Source, honest: bool
) -> None:
    clips.serve("/large", b"c" * 1_000_001)
    if not honest:
        clips.pages["/large"][1].pop("Content-Length")
    error = refusal(trusting, f"http://localhost:{clips.port}/large")
    assert error["type"] == "file_too_large"
    assert error["ctx"] == {"max_size": 1_000_000}


def test_a_source_that_answers_with_an_error_is_named_as_the_cause(trusting: RunningEngine, clips: Source) -> None:
    error = refusal(trusting, f"http://localhost:{clips.port}/missing")
    assert error["type"] == "file_download_error"
    assert "404" in error["msg"]


def test_a_source_that_is_down_or_breaks_off_is_a_download_error(trusting: RunningEngine, clips: Source) -> None:
    clips.serve("/broken", b"c" * 1000)
    clips.pages["/broken"][1]["Content-Length"] = "5000"
    assert refusal(trusting, f"http://localhost:{clips.port}/broken")["type"] == "file_download_error"
    assert refusal(trusting, "http://localhost:1/clip.mp4")["type"] == "file_download_error"


def test_a_source_that_takes_too_long_is_left(clips: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.fetch.MAX_SECONDS", 0.0)
    with pytest.raises(BadInput, match="longer than"):
        list(fetch(f"http://localhost:{clips.port}/clip.mp4", tmp_path / "clip", 1_000_000, {"localhost"}))


@pytest.mark.parametrize("url", ["ftp://example.com/clip.mp4", "file:///etc/passwd", "clip.mp4", "http://", "http://["])
def test_an_address_that_is_none_is_refused_at_once(running: RunningEngine, url: str) -> None:
    response = running.http.post(VIDEO, json={"prompt": "a tone", "video_url": url})
    assert response.status_code == 422
    assert response.json()["detail"][0]["type"] == "file_download_error"


def test_a_data_uri_is_a_clip(running: RunningEngine) -> None:
    encoded = base64.b64encode(bytes(range(256)) * 4000).decode()
    result = running.run(VIDEO, video_url=f"data:video/mp4;base64,{encoded}")
    assert result["understood"]["clip_bytes"] == 256 * 4000
    assert running.run(VIDEO, video_url="data:,a%20clip")["understood"]["clip_bytes"] == 6


@pytest.mark.parametrize("url", ["data:video/mp4;base64", "data:video/mp4;base64,AAA", "data:video/mp4;base64,***="])
def test_a_data_uri_that_is_broken_is_refused(running: RunningEngine, url: str) -> None:
    assert refusal(running, url)["type"] == "file_download_error"


def test_a_data_uri_that_is_too_large_is_refused(trusting: RunningEngine) -> None:
    error = refusal(trusting, "data:video/mp4;base64," + base64.b64encode(bytes(1_000_001)).decode())
    assert error["type"] == "file_too_large"


def test_a_name_is_resolved_once_and_its_address_stays(
    clips: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: list[str] = []
    resolve = socket.getaddrinfo

    def rebinding(host: Any, *arguments: Any, **options: Any) -> Any:
        """A name server that gives another address when asked again."""
        if host != "clips.example":
            return resolve(host, *arguments, **options)
        resolved.append(host)
        return resolve("127.0.0.1" if len(resolved) == 1 else "127.0.0.2", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://clips.example:{clips.port}/clip.mp4"
    for _ in fetch(url, tmp_path / "clip", 1_000_000, {"clips.example"}):
        pass
    assert resolved == ["clips.example"]
    assert clips.asked == [("/clip.mp4", f"clips.example:{clips.port}")]
    assert (tmp_path / "clip").stat().st_size == 100_000


def test_a_name_with_one_address_that_is_not_public_is_refused(
    clips: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, clips.port)) for ip in ("93.184.215.14", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: mixed)
    with pytest.raises(BadInput, match="not public"):
        list(fetch(f"http://clips.example:{clips.port}/clip.mp4", tmp_path / "clip", 1_000_000, ()))
    assert clips.asked == []


def test_over_tls_the_certificate_must_be_the_names_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with source(tls) as secure:
        secure.serve("/clip.mp4", b"clip")
        for _ in fetch(f"https://localhost:{secure.port}/clip.mp4", tmp_path / "clip", 1000, {"localhost"}):
            pass
        assert (tmp_path / "clip").read_bytes() == b"clip"
        with pytest.raises(BadInput):
            list(fetch(f"https://127.0.0.1:{secure.port}/clip.mp4", tmp_path / "clip", 1000, {"127.0.0.1"}))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1"),
        *("224.0.0.1", "255.255.255.255", "::", "::1", "fc00::1", "fe80::1", "fe80::1%eth0", "ff02::1"),
        *("::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1"),
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(address)
