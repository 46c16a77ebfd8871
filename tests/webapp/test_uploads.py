"""Uploads and the sample, as the studio's scripts ask for them: the clip's facts, or one sentence."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from jobs.media.sample import SAMPLE_PROMPT
from jobs.models import Clip
from tests.clips import film, plain, still

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

JSON = {"Accept": "application/json"}


def upload(client: Client, content: bytes, name: str = "clip.mp4") -> HttpResponse:
    file = SimpleUploadedFile(name, content, content_type="video/mp4")
    response: HttpResponse = client.post(reverse("clip-upload"), {"upload": file}, headers=JSON)  # type: ignore[assignment]
    return response


def facts(response: Any) -> dict[str, Any]:
    found: dict[str, Any] = response.json()
    return found


def left_over(settings: Any) -> list[Path]:
    """Files in the store and in the places where work is done."""
    folders = (settings.MEDIA_ROOT, settings.FILE_UPLOAD_TEMP_DIR, settings.WORK_DIR)
    return [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]


def test_a_clip_comes_in_and_its_facts_go_out(alice: Client, ball: Path, settings: Any) -> None:
    response = upload(alice, ball.read_bytes(), "ball.mp4")
    assert response.status_code == 201
    clip = Clip.objects.get()
    known = facts(response)
    assert (known["duration"], known["fps"]) == (pytest.approx(1.5), pytest.approx(30))
    labels = known.pop("labels")
    assert known == {
        "id": clip.public_id, "name": "ball.mp4", "duration": known["duration"], "width": 320, "height": 180,
        "fps": known["fps"], "has_audio": False, "size_bytes": len(ball.read_bytes()), "preview_pending": False,
        **{f"{kind}_url": f"/media/clips/{clip.public_id}/{kind}" for kind in ("poster", "playable", "original")},
    }  # fmt: skip
    assert [labels[name] for name in ("name", "length", "dimensions", "frame_rate", "sound", "id")] == [
        "ball.mp4", "1.5 s", "320 × 180", "30 fps", "silent", clip.public_id,
    ]  # fmt: skip
    assert alice.get(reverse("clip-facts", args=[clip.public_id])).json() == known | {"labels": labels}
    assert {path.name for path in left_over(settings)} == {"original.mp4", "poster.jpg"}


def test_the_same_file_is_the_same_clip(alice: Client, ball: Path) -> None:
    first, again = upload(alice, ball.read_bytes()), upload(alice, ball.read_bytes(), "other.mp4")
    assert facts(first)["id"] == facts(again)["id"]
    assert Clip.objects.count() == 1


def test_a_clip_browsers_cannot_play_has_no_playable_address_yet(alice: Client, tmp_path: Path) -> None:
    path = tmp_path / "old.avi"
    film(path, plain(64, 48), seconds=0.5, codec="mjpeg")
    known = facts(upload(alice, path.read_bytes(), "old.avi"))
    assert (known["playable_url"], known["preview_pending"], known["name"]) == (None, True, "old.avi")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("/root/clip.mp4", "clip.mp4"),
        ("clip\u202e4pm.mp4", "clip4pm.mp4"),
        ("a\r\nSet-Cookie: x=1.mp4", "a%0D%0ASet-Cookie: x=1.mp4"),
        ("Küche – Tür №1 🚪.mp4", "Küche – Tür №1 🚪.mp4"),
        ("x" * 300 + ".mp4", "x" * 200),
    ],
)
def test_a_name_is_shown_and_never_a_path(alice: Client, ball: Path, settings: Any, name: str, shown: str) -> None:
    quoted = name.replace("\\", "\\\\").replace("\r\n", "%0D%0A")  # as browsers send them
    head = f'--cut\r\nContent-Disposition: form-data; name="upload"; filename="{quoted}"\r\n\r\n'.encode()
    body = head + ball.read_bytes() + b"\r\n--cut--\r\n"
    response = alice.generic("POST", reverse("clip-upload"), body, "multipart/form-data; boundary=cut", headers=JSON)
    assert response.status_code == 201
    clip = Clip.objects.get()
    assert clip.name == shown
    inside = Path(settings.MEDIA_ROOT).resolve() / "clips" / clip.public_id
    assert {path.resolve() for path in left_over(settings)} == {inside / "original.mp4", inside / "poster.jpg"}


def _sound(path: Path) -> bytes:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(bytes(48_000))
    return path.read_bytes()


def _cut_off(path: Path) -> bytes:
    still(path, seconds=1.0, noise=10)
    return path.read_bytes()[: path.stat().st_size * 6 // 10]


def _long(path: Path) -> bytes:
    film(path, plain(64, 48), fps=1, seconds=5)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda path: b"", "The file is empty."),
        (lambda path: b"A poem.\n" * 900, "This is not a video."),
        (lambda path: b"\x89PNG\r\n\x1a\n" + bytes(99), "still picture"),
        (_sound, "This file has sound but no picture."),
        (_cut_off, "damaged or was cut off"),
        (_long, "the limit is 3 s."),
        (lambda path: b"#EXTM3U\n#EXTINF:1.0,\nfile:///etc/passwd\n", "This is a playlist that points to other files."),
        (lambda path: b"ffconcat version 1.0\nfile '/etc/passwd'\n", "This is a playlist that points to other files."),
    ],
    ids=["empty", "text", "picture", "sound alone", "cut off", "too long", "playlist", "concat list"],
)
def test_what_is_no_clip_is_refused_in_a_sentence_and_leaves_nothing(
    alice: Client, tmp_path: Path, settings: Any, content: Callable[[Path], bytes], words: str
) -> None:
    settings.MAX_CLIP_SECONDS = 3
    name = "sound.wav" if content is _sound else "clip.mp4"
    response = upload(alice, content(tmp_path / name))
    assert response.status_code == 422
    sentence = facts(response)["error"]
    assert words in sentence
    assert sentence.endswith(".")
    assert not Clip.objects.exists()
    assert left_over(settings) == []


def test_no_file_at_all_is_said(alice: Client) -> None:
    response = alice.post(reverse("clip-upload"), {"upload": "words"}, headers=JSON)
    assert (response.status_code, response.json()) == (422, {"error": "No file arrived. Choose the clip again."})


# Larger than the limit


class Untouchable(io.RawIOBase):
    """A body that must not be read."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the upload was read")


@pytest.mark.parametrize("path", ["/clips/", "/", "/nowhere/"])
def test_an_upload_that_is_too_large_is_refused_before_a_byte_is_read(alice: Client, settings: Any, path: str) -> None:
    settings.MAX_UPLOAD_BYTES = 3 * 1024 * 1024
    announced = {"CONTENT_LENGTH": str(5 * 1024 * 1024), "wsgi.input": Untouchable()}
    response = alice.post(path, {"prompt": "x"}, headers=JSON, **announced)  # type: ignore[arg-type]
    assert response.status_code == 413
    assert response.json() == {"error": "This file is larger than 3 MB. Trim or compress the clip."}
    page = alice.post(path, {"prompt": "x"}, **announced)  # type: ignore[arg-type]
    assert page.status_code == 413
    assert "This file is larger than 3 MB." in page.content.decode()
    assert 'class="brand"' in page.content.decode()
    assert left_over(settings) == []


def test_an_upload_of_just_the_limit_is_looked_at(alice: Client, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 100_000
    assert upload(alice, bytes(100_000)).status_code == 422


def test_without_a_session_a_large_upload_is_refused_all_the_same(
    client: Client, victor: Client, settings: Any
) -> None:
    settings.MAX_UPLOAD_BYTES = 1024
    announced = {"CONTENT_LENGTH": str(5 * 1024 * 1024), "wsgi.input": Untouchable()}
    assert client.post("/clips/", {"prompt": "x"}, **announced).status_code == 413  # type: ignore[arg-type]


# The sample


def test_the_sample_is_made_on_the_spot_with_its_prompt(alice: Client) -> None:
    response = alice.post(reverse("clip-sample"), headers=JSON)
    assert response.status_code == 201
    known = response.json()
    assert (known["name"], known["prompt"], known["has_audio"]) == ("Soundstage sample.mp4", SAMPLE_PROMPT, False)
    assert known["playable_url"]
    assert alice.post(reverse("clip-sample"), headers=JSON).json()["id"] == known["id"]


@pytest.mark.parametrize("name", ["clip-upload", "clip-sample"])
def test_only_a_post_makes_a_clip(alice: Client, name: str) -> None:
    assert alice.get(reverse(name)).status_code == 405
