"""The command that lists, checks and fetches weights, against a real server."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.mmaudio import weights
from engine.mmaudio.model import MMAudio
from engine.mmaudio.variants import VARIANTS, WeightFile
from engine.model import Unloadable

CONTENT = bytes(range(256)) * 4096


class Publisher(BaseHTTPRequestHandler):
    """Serves CONTENT, from where it is asked; under /cut it breaks off in the middle of what is asked."""

    asked: list[str | None] = []

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0  # type: ignore[index]
        if start >= len(CONTENT):
            self.send_response(416)
            self.end_headers()
            return
        rest = CONTENT[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: len(rest) // 2] if self.path == "/cut" else rest)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def published() -> Iterator[WeightFile]:
    Publisher.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    yield WeightFile("some.pth", f"http://127.0.0.1:{server.server_port}/whole", len(CONTENT), "none", md5)
    server.shutdown()
    server.server_close()


def test_a_download_that_was_cut_off_goes_on_where_it_stopped(published: WeightFile, tmp_path: Path) -> None:
    cut = replace(published, source=published.source.replace("/whole", "/cut"))
    with pytest.raises(weights.Broken, match="goes on where it stopped"):
        weights.download(cut, tmp_path)
    assert not (tmp_path / "some.pth").exists()
    with pytest.raises(weights.Broken, match=r"is missing: .* \(0.5 MB of it are here"):
        weights.check(published, tmp_path)
    weights.download(published, tmp_path)
    assert Publisher.asked == [None, f"bytes={len(CONTENT) // 2}-"]
    assert (tmp_path / "some.pth").read_bytes() == CONTENT
    assert weights.check(published, tmp_path) == f"is there and whole: {tmp_path / 'some.pth'}"


def test_a_download_that_can_not_be_written_is_told(published: WeightFile, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("this is a file")
    with pytest.raises(weights.Broken, match="could not be written"):
        weights.download(published, tmp_path / "folder")


def test_a_file_that_is_not_the_published_one_is_told(published: WeightFile, tmp_path: Path) -> None:
    (tmp_path / "some.pth").write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(weights.Broken, match="not the published file"):
        weights.check(published, tmp_path)
    (tmp_path / "some.pth").unlink()
    with pytest.raises(weights.Broken, match="is missing: it belongs at"):
        weights.check(published, tmp_path)


def test_the_list_names_every_file_its_source_size_and_licence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights.main(["small_16k", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    for file in VARIANTS["small_16k"].files:
        assert file.name in said
        assert file.source in said
    assert "CC-BY-NC 4.0" in said
    assert f"small_16k needs 6.7 GB in {tmp_path}" in said
    assert "629.4 MB" in said
    assert list(tmp_path.iterdir()) == []


def test_settings_that_make_no_sense_are_told_by_their_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGINE_MMAUDIO_VARIANT", "huge")
    assert weights.main([]) == 2
    assert capsys.readouterr().err.startswith("ENGINE_MMAUDIO_VARIANT: There are the variants small_16k, ")
    with pytest.raises(Unloadable, match="ENGINE_MMAUDIO_VARIANT"):
        MMAudio()
