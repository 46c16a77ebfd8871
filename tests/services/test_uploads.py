"""What a large upload costs, and what a too large one is told."""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.clips import still
from tests.programs import Soundstage, wait_until
from tests.services.person import Person, signed_in

MEGABYTE = 1024 * 1024


def padded(path: Path, size: int) -> None:
    """A clip of `size` bytes: two seconds of picture, and a box of nothing after them (ISO/IEC 14496-12, 8.1.2)."""
    still(path)
    free = size - path.stat().st_size
    with path.open("ab") as file:
        file.write(free.to_bytes(4, "big") + b"free")
        file.truncate(size)


def resident(process: int) -> int:
    """Bytes of memory that this process alone holds (proc_pid_smaps(5))."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


@contextmanager
def highest(processes: list[int]) -> Iterator[list[int]]:
    """Watches, a hundred times a second, what the processes hold together: every new peak, in bytes."""
    peaks, done = [sum(map(resident, processes))], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            if (now := sum(map(resident, processes))) > peaks[-1]:
                peaks.append(now)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


def test_half_a_gigabyte_goes_to_disk_and_not_through_memory(stage: Soundstage, person: Person, tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    padded(path, 499 * MEGABYTE)
    with signed_in(stage.url) as warm_up:
        still(tmp_path / "small.mp4")
        assert warm_up.upload(tmp_path / "small.mp4").status_code == 201
    web = stage.processes("-m gunicorn")
    with highest(web) as peaks:
        answer = person.upload(path)
    assert answer.status_code == 201, answer.text
    assert answer.json()["size_bytes"] == 499 * MEGABYTE
    assert stage.processes("-m gunicorn") == web
    assert peaks[-1] - peaks[0] < 50 * MEGABYTE
    stored = stage.python(
        f"import json; print(json.dumps(Clip.objects.get(public_id={answer.json()['id']!r}).file.path))"
    )
    assert Path(stored).stat().st_size == 499 * MEGABYTE
    os.truncate(stored, 0)  # the disk is needed for other things
    assert list((stage.data / "incoming").iterdir()) == []


def test_a_too_large_upload_is_refused_before_a_byte_of_it_is_sent(stage: Soundstage, person: Person) -> None:
    status, answer = head_only(stage, person, {"Content-Length": str(502 * MEGABYTE)})
    assert status == 413
    assert json.loads(answer) == {"error": "This file is larger than 500 MB. Trim or compress the clip."}


def test_an_upload_of_unknown_length_is_not_read(stage: Soundstage, person: Person) -> None:
    status, _ = head_only(stage, person, {"Transfer-Encoding": "chunked"})
    assert status == 403


def head_only(stage: Soundstage, person: Person, headers: dict[str, str]) -> tuple[int, bytes]:
    """The answer to an upload of which only the head was sent; nothing may be stored of it."""
    before = sorted((stage.data / "media").rglob("*"))
    with closing(http.client.HTTPConnection(stage.url.removeprefix("http://"), timeout=30)) as connection:
        connection.putrequest("POST", "/clips/")
        connection.putheader("Cookie", "; ".join(f"{name}={value}" for name, value in person.client.cookies.items()))
        connection.putheader("Content-Type", "multipart/form-data; boundary=b")
        connection.putheader("Accept", "application/json")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
    assert list((stage.data / "incoming").iterdir()) == []
    assert sorted((stage.data / "media").rglob("*")) == before
    return answer.status, body


def test_an_upload_that_breaks_off_leaves_nothing(stage: Soundstage, person: Person) -> None:
    class Gone(Exception):
        pass

    def body() -> Iterator[bytes]:
        token = person.client.cookies["csrftoken"]
        yield f'--b\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n'.encode()
        yield b'--b\r\nContent-Disposition: form-data; name="upload"; filename="a.mp4"\r\n\r\n'
        for _ in range(64):
            yield b"\0" * MEGABYTE
        wait_until(lambda: list((stage.data / "incoming").iterdir()), "the file on disk")
        raise Gone

    person.client.get("/")
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(200 * MEGABYTE)}
    with pytest.raises(Gone):
        person.client.post("/clips/", content=body(), headers=headers)
    wait_until(lambda: not list((stage.data / "incoming").iterdir()), "an empty folder")
