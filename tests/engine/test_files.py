"""Uploads in, results out: addresses nobody guesses, sizes that are bounded, types that do no harm."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from engine.files import safe_name
from tests.engine.running import VIDEO, Body, RunningEngine, engine


def initiate(running: RunningEngine, **body: str) -> Body:
    answer = running.http.post("/storage/upload/initiate?storage_type=fal-cdn-v3", json=body)
    assert answer.status_code == 200
    initiated: Body = answer.json()
    return initiated


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """An engine that takes uploads of at most 1 MB."""
    with engine(tmp_path_factory.mktemp("small"), max_upload_bytes=1_000_000) as started:
        yield started


def test_an_uploaded_clip_reaches_the_model(running: RunningEngine) -> None:
    initiated = initiate(running, file_name="clip.mp4", content_type="video/mp4")
    assert httpx.put(initiated["upload_url"], content=b"c" * 3_000_000).status_code == 200
    result = running.run(VIDEO, video_url=initiated["file_url"])
    assert result["understood"]["clip_bytes"] == 3_000_000


def test_an_upload_is_ours_by_whatever_name_the_engine_is_called(running: RunningEngine) -> None:
    initiated = initiate(running, file_name="clip.mp4")
    httpx.put(initiated["upload_url"], content=b"clip")
    elsewhere = httpx.URL(initiated["file_url"]).copy_with(host="engine.invalid", port=None)
    assert running.run(VIDEO, video_url=str(elsewhere))["understood"]["clip_bytes"] == 4


def test_an_upload_can_be_read_back_without_a_key(tmp_path: Path) -> None:
    with engine(tmp_path, key="s3cret") as keyed:
        initiated = initiate(keyed, file_name="clip.mp4", content_type="video/mp4")
        assert httpx.put(initiated["upload_url"], content=b"clip").status_code == 200
        answer = httpx.get(initiated["file_url"])
        assert (answer.content, answer.headers["content-type"]) == (b"clip", "video/mp4")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_upload_is_never_served_as_a_page(running: RunningEngine) -> None:
    initiated = initiate(running, file_name="page.html", content_type="text/html")
    httpx.put(initiated["upload_url"], content=b"<script>alert(1)</script>")
    answer = httpx.get(initiated["file_url"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_reading_an_upload_does_not_allow_to_replace_it(running: RunningEngine) -> None:
    initiated = initiate(running, file_name="clip.mp4")
    httpx.put(initiated["upload_url"], content=b"clip")
    token = httpx.URL(initiated["file_url"]).path.split("/")[2]
    assert running.http.put(f"/storage/upload/{token}", content=b"other").status_code == 404
    assert httpx.get(initiated["file_url"]).content == b"clip"


def test_a_sent_upload_may_be_sent_again(running: RunningEngine) -> None:
    initiated = initiate(running, file_name="clip.mp4")
    for content in (b"first", b"second"):
        assert httpx.put(initiated["upload_url"], content=content).status_code == 200
        assert httpx.get(initiated["file_url"]).content == content


def test_an_upload_that_never_came_is_no_clip(running: RunningEngine) -> None:
    initiated = initiate(running, file_name="clip.mp4")
    response = running.http.post(VIDEO, json={"prompt": "a tone", "video_url": initiated["file_url"]})
    assert response.status_code == 422
    (detail,) = response.json()["detail"]
    assert detail["loc"] == ["body", "video_url"]
    assert detail["type"] == "file_download_error"
    assert httpx.get(initiated["file_url"]).status_code == 404


def test_a_file_of_ours_that_is_not_there_is_no_clip(running: RunningEngine) -> None:
    response = running.http.post(VIDEO, json={"prompt": "a", "video_url": f"{running.url}/files/no-such-token/x.mp4"})
    assert response.status_code == 422
    assert response.json()["detail"][0]["type"] == "file_download_error"


def test_an_upload_that_broke_off_is_no_clip(running: RunningEngine) -> None:
    initiated = initiate(running, file_name="clip.mp4")
    address = httpx.URL(initiated["upload_url"])
    with socket.create_connection((address.host, address.port or 80)) as raw:
        head = f"PUT {address.path} HTTP/1.1\r\nHost: {address.host}\r\nContent-Length: 1000000\r\n\r\n"
        raw.sendall(head.encode() + b"c" * 500_000)
    assert httpx.get(initiated["file_url"]).status_code == 404


def test_an_upload_that_says_it_is_too_large_is_refused(small: RunningEngine) -> None:
    initiated = initiate(small, file_name="clip.mp4")
    refused = httpx.put(initiated["upload_url"], content=b"c" * 1_000_001)
    assert refused.status_code == 413
    assert refused.json()["detail"][0]["type"] == "file_too_large"
    assert refused.json()["detail"][0]["ctx"] == {"max_size": 1_000_000}
    assert httpx.get(initiated["file_url"]).status_code == 404
    assert httpx.put(initiated["upload_url"], content=b"c" * 1_000_000).status_code == 200


def test_an_upload_that_turns_out_too_large_is_refused(small: RunningEngine) -> None:
    initiated = initiate(small, file_name="clip.mp4")
    refused = httpx.put(initiated["upload_url"], content=iter([b"c" * 100_000] * 20))
    assert refused.status_code == 413
    assert httpx.get(initiated["file_url"]).status_code == 404


def test_an_upload_that_the_disk_has_no_room_for_is_told_so(tmp_path: Path) -> None:
    with engine(tmp_path) as full:
        initiated = initiate(full, file_name="clip.mp4")
        resource.prlimit(full.process.pid, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        refused = httpx.put(initiated["upload_url"], content=b"c" * 3_000_000)
        assert refused.status_code == 507
        assert refused.json()["error_type"] == "disk_full"
        assert httpx.get(initiated["file_url"]).status_code == 404
        assert httpx.put(initiated["upload_url"], content=b"c" * 900_000).status_code == 200


def test_an_upload_to_nowhere_is_404(running: RunningEngine) -> None:
    assert running.http.put("/storage/upload/guessed", content=b"clip").status_code == 404


def test_uploads_are_forgotten_but_not_those_a_request_waits_with(tmp_path: Path) -> None:
    with engine(tmp_path, keep_seconds=1) as forgetful:
        gate = tmp_path / "gate"
        busy = forgetful.occupy(gate)
        initiated = initiate(forgetful, file_name="clip.mp4")
        httpx.put(initiated["upload_url"], content=b"clip")
        waiting = forgetful.submit(VIDEO, video_url=initiated["file_url"])
        while httpx.get(initiated["file_url"]).status_code == 200:
            pass
        assert httpx.put(initiated["upload_url"], content=b"clip").status_code == 404
        gate.touch()
        forgetful.wait(busy)
        assert forgetful.result(waiting).json()["understood"]["clip_bytes"] == 4


def test_results_can_be_asked_for_by_head_and_in_ranges(running: RunningEngine) -> None:
    audio = running.run(duration=1)["audio"]
    head = httpx.head(audio["url"])
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == audio["file_size"]
    assert head.headers["content-type"] == "audio/wav"
    assert head.headers["x-content-type-options"] == "nosniff"
    part = httpx.get(audio["url"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")


def test_addresses_of_results_can_not_be_guessed(running: RunningEngine) -> None:
    tokens = {httpx.URL(running.run()["audio"]["url"]).path.split("/")[2] for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) >= 32 for token in tokens)
    assert running.http.get(f"/files/{tokens.pop()}/clip").status_code == 404


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\clips\\Tür zu.mov", "T-r-zu.mov"),
        ("..", "clip"),
        ("", "clip"),
        (".lock", "lock"),
        ("a\0b\n.mp4", "a-b-.mp4"),
        ("x" * 200 + ".mp4", "x" * 76 + ".mp4"),
    ],
)
def test_a_name_from_outside_can_only_name(running: RunningEngine, name: str, safe: str) -> None:
    assert safe_name(name) == safe
    initiated = initiate(running, file_name=name)
    assert initiated["file_url"].endswith(f"/{safe}")
    assert httpx.put(initiated["upload_url"], content=b"clip").status_code == 200
    assert running.run(VIDEO, video_url=initiated["file_url"])["understood"]["clip_bytes"] == 4
