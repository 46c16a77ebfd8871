"""The team's files over HTTP: ranges as players ask for them, types, names, and never as a page of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.files.base import ContentFile
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from django.urls import reverse

from jobs.models import Clip, Generation, Status
from webapp.accounts.models import Membership, Team
from webapp.media import clip_file

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture
def original(stored: Clip) -> bytes:
    with stored.file.open("rb") as file:
        content: bytes = file.read()
    return content


def address(clip: Clip, kind: str = "original") -> str:
    return reverse("clip-file", args=[clip.public_id, kind])


def get(client: Client, path: str, **headers: str) -> tuple[HttpResponseBase, bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = client.get(path, headers=names)
    return response, b"".join(response)


def test_the_whole_file_comes_as_it_was_stored(alice: Client, stored: Clip, original: bytes) -> None:
    response, body = get(alice, address(stored))
    assert (response.status_code, body) == (200, original)
    assert response.headers["Content-Length"] == str(len(original))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert "private" in response.headers["Cache-Control"]


def ranges(size: int) -> dict[str, tuple[int, int]]:
    """What players ask for, and the bytes that answers it: first, last."""
    return {
        "bytes=0-1": (0, 1),  # Safari's first question
        "bytes=0-": (0, size - 1),
        "bytes=100-199": (100, 199),
        f"bytes={size - 1}-": (size - 1, size - 1),
        f"bytes=5-{size + 1000}": (5, size - 1),
        "bytes=-10": (size - 10, size - 1),
        f"bytes=-{size + 10}": (0, size - 1),
        "bytes=0-0": (0, 0),
    }


@pytest.mark.parametrize("asked", ranges(0))
def test_a_range_is_answered_with_just_its_bytes(alice: Client, stored: Clip, original: bytes, asked: str) -> None:
    size = len(original)
    # The sizes in the questions differ with the file; their order does not.
    question, (first, last) = list(ranges(size).items())[list(ranges(0)).index(asked)]
    response, body = get(alice, address(stored), Range=question)
    assert response.status_code == 206
    assert body == original[first : last + 1]
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
    assert response.headers["Content-Length"] == str(last - first + 1)
    assert response.headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("beyond", ["bytes={size}-", "bytes={size}-{size}", "bytes=999999999999-", "bytes=-0"])
def test_a_range_the_file_has_not_is_416_with_its_size(
    alice: Client, stored: Clip, original: bytes, beyond: str
) -> None:
    response, body = get(alice, address(stored), Range=beyond.format(size=len(original)))
    assert (response.status_code, body) == (416, b"")
    assert response.headers["Content-Range"] == f"bytes */{len(original)}"


@pytest.mark.parametrize(
    "odd",
    [
        "bytes=0-1,4-5",
        "bytes=5-2",
        "bytes=-",
        "bytes=a-b",
        "bytes 0-1",
        "frames=0-1",
        "bytes=--5",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_what_is_no_single_range_gets_the_whole_file(alice: Client, stored: Clip, original: bytes, odd: str) -> None:
    response, body = get(alice, address(stored), Range=odd)
    assert (response.status_code, body) == (200, original)
    assert "Content-Range" not in response.headers


def test_if_range_holds_for_the_file_as_it_was_and_else_sends_all_of_it(
    alice: Client, stored: Clip, original: bytes
) -> None:
    modified = get(alice, address(stored))[0].headers["Last-Modified"]
    same = get(alice, address(stored), Range="bytes=0-9", If_Range=modified)[0]
    assert same.status_code == 206
    for other in ("Thu, 01 Jan 1970 00:00:00 GMT", '"a-tag"', "nonsense"):
        response, body = get(alice, address(stored), Range="bytes=0-9", If_Range=other)
        assert (response.status_code, body) == (200, original), other


def test_head_tells_everything_but_the_bytes(alice: Client, stored: Clip, original: bytes) -> None:
    full, _ = get(alice, address(stored))
    response = alice.head(address(stored))
    assert (response.status_code, b"".join(response)) == (200, b"")
    for name in ("Content-Length", "Content-Type", "Accept-Ranges", "Last-Modified", "Content-Disposition"):
        assert response.headers[name] == full.headers[name]
    part = alice.head(address(stored), headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.headers["Content-Length"], b"".join(part)) == (206, "10", b"")


def test_a_player_that_goes_away_leaves_no_file_open(alice: Client, stored: Clip) -> None:
    request: Any = RequestFactory().get(address(stored))
    request.memberships = [Membership.objects.get()]

    def is_open() -> bool:
        handles = Path("/proc/self/fd").iterdir()
        return stored.file.path in {str(handle.readlink()) for handle in handles if handle.is_symlink()}

    response = clip_file(request, stored.public_id, "original")
    assert is_open()
    request_finished.disconnect(close_old_connections)  # the test goes on with this connection
    try:
        response.close()
    finally:
        request_finished.connect(close_old_connections)
    assert not is_open()


# Types and names


@pytest.mark.parametrize(
    ("stored_as", "content_type"),
    [
        ("original.mp4", "video/mp4"),
        ("original.mov", "video/quicktime"),
        ("original.webm", "video/webm"),
        ("original.mkv", "video/x-matroska"),
        ("original.avi", "application/octet-stream"),
        ("original.html", "application/octet-stream"),
    ],
)
def test_the_type_is_that_of_what_we_stored_and_never_runs(
    alice: Client, stored: Clip, stored_as: str, content_type: str
) -> None:
    stored.name = "page.html"
    stored.file.save(stored_as, ContentFile(b"<script>alert(1)</script>"))
    response, _ = get(alice, address(stored))
    assert response.headers["Content-Type"] == content_type
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    policy = response.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy


def test_the_poster_is_a_picture(alice: Client, stored: Clip) -> None:
    response, body = get(alice, address(stored, "poster"))
    assert (response.headers["Content-Type"], body[:3]) == ("image/jpeg", b"\xff\xd8\xff")


def test_the_playable_one_is_the_preview_where_browsers_cannot_play_the_original(alice: Client, stored: Clip) -> None:
    assert get(alice, address(stored, "playable"))[1] == get(alice, address(stored))[1]
    stored.facts = stored.facts | {"plays_in_browsers": False}
    stored.save()
    assert alice.get(address(stored, "playable")).status_code == 404
    stored.preview.save("preview.mp4", ContentFile(b"a copy"))
    assert get(alice, address(stored, "playable"))[1] == b"a copy"


@pytest.mark.parametrize("kind", ["", "secret", "file", "../original", "original/"])
def test_other_kinds_do_not_exist(alice: Client, stored: Clip, kind: str) -> None:
    assert alice.get(f"/media/clips/{stored.public_id}/{kind}").status_code == 404


def test_a_file_that_is_gone_from_the_store_is_a_404(alice: Client, stored: Clip) -> None:
    Path(stored.file.path).unlink()
    assert alice.get(address(stored)).status_code == 404


Publish = Callable[..., Generation]


@pytest.fixture
def publish(team: Team) -> Publish:
    def publish(clip: Clip | None, prompt: str = "Rain") -> Generation:
        generation = Generation(
            team=team, clip=clip, prompt=prompt, seed=7, effective_duration=1.5, status=Status.SUCCEEDED
        )
        generation.audio.save("audio.wav", ContentFile(b"RIFF"), save=False)
        if clip:
            generation.video.save("video.mp4", ContentFile(b"a film"), save=False)
        generation.save()
        return generation

    return publish


def named(client: Client, generation: Generation, kind: str, query: str = "?download") -> tuple[str, str]:
    """The disposition and the file name that the browser is told."""
    path = reverse("generation-file", args=[generation.public_id, kind])
    disposition = get(client, path + query)[0].headers["Content-Disposition"]
    how, _, name = disposition.partition("; ")
    value = name.partition("=")[2]
    return how, unquote(value.removeprefix("utf-8''")).strip('"')


@pytest.mark.parametrize(
    ("uploaded", "downloaded"),
    [
        ("harbour.mov", "harbour - seed 7"),
        ("take 1.5.final.mp4", "take 1.5.final - seed 7"),
        ("Küche – Tür №1.mp4", "Küche – Tür №1 - seed 7"),
        ('say "hello"; x.mp4', 'say \\"hello\\"; x - seed 7'),
    ],
)
def test_a_download_is_named_after_the_clip_and_the_seed(
    alice: Client, stored: Clip, publish: Publish, uploaded: str, downloaded: str
) -> None:
    Clip.objects.update(name=uploaded)
    generation = publish(Clip.objects.get())
    assert named(alice, generation, "video") == ("attachment", f"{downloaded}.mp4")
    assert named(alice, generation, "audio") == ("attachment", f"{downloaded}.wav")
    assert named(alice, generation, "playable", "")[0] == "inline"


@pytest.mark.parametrize(
    ("prompt", "downloaded"),
    [
        ("Rain on a roof", "Rain on a roof - seed 7"),
        ("Rain,\r\n 1.5 m away / wind", "Rain, 1.5 m away / wind - seed 7"),
        ("x" * 200, "x" * 59 + "… - seed 7"),
    ],
)
def test_without_a_clip_it_is_named_after_the_prompt(
    alice: Client, publish: Publish, prompt: str, downloaded: str
) -> None:
    assert named(alice, publish(None, prompt), "audio") == ("attachment", f"{downloaded}.wav")


def test_what_was_not_made_does_not_exist(alice: Client, publish: Publish) -> None:
    generation = publish(None)
    assert alice.get(reverse("generation-file", args=[generation.public_id, "video"])).status_code == 404
