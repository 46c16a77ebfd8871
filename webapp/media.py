"""The team's media: the access check first, then the bytes, in the ranges a player asks for.

What is in the trash is there for its team until it is removed for good: whoever plays it when it is deleted hears it to
its end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils.cache import patch_cache_control
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe
from django.utils.text import Truncator
from django.views.decorators.http import require_safe

from jobs import retention
from jobs.models import Clip, Generation
from webapp.accounts.access import TeamRequest, clip_of, generation_of

# Fixed by what we stored, never by what an uploader called it.
CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".jpg": "image/jpeg",
    ".wav": "audio/wav",
}
CHUNK_BYTES = 256 * 1024
# One range with at least one end; numbers longer than any file's length are no numbers of ours.
RANGE = re.compile(r"bytes=(?=\d|-\d)(\d{0,18})-(\d{0,18})$")


class Part:
    """`length` bytes of `file` from `start`; `close`, called when the response ends or is given up, closes the file."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self.file, self.start, self.length = file, start, length

    def __iter__(self) -> Iterator[bytes]:
        self.file.seek(self.start)
        left = self.length
        while left and (chunk := self.file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk

    def close(self) -> None:
        self.file.close()


@require_safe
def clip_file(request: TeamRequest, clip_id: str, kind: str) -> HttpResponseBase:
    """`original`, `playable` (the preview where browsers can't play the original) or `poster` of a clip."""
    clip = clip_of(request, clip_id, in_trash_too=True)
    if refusal := gone(clip):
        return refusal
    files = {"original": clip.file, "playable": playable(clip), "poster": clip.poster}
    return serve(request, files.get(kind), Path(clip.name).stem)


@require_safe
def generation_file(request: TeamRequest, generation_id: str, kind: str) -> HttpResponseBase:
    """`video`, `playable` (its preview where browsers can't play the picture) or `audio` of a generation."""
    generation = generation_of(request, generation_id, in_trash_too=True)
    if refusal := gone(generation):
        return refusal
    files = {
        "video": generation.video,
        "playable": generation.video_preview or generation.video,
        "audio": generation.audio,
    }
    return serve(request, files.get(kind), download_name(generation))


def gone(thing: Clip | Generation) -> HttpResponse | None:
    """410 with a sentence, where the retention rules removed the files."""
    if not thing.media_gone_at:
        return None
    return HttpResponse(retention.gone(thing), status=410, content_type="text/plain; charset=utf-8")


def playable(clip: Clip) -> FieldFile:
    return clip.file if clip.plays_in_browsers else clip.preview


def download_name(generation: Generation) -> str:
    """What a download is called, without suffix: after the clip or the prompt, with the seed that made it."""
    clip = generation.clip
    subject = Path(clip.name).stem if clip else Truncator(" ".join(generation.prompt.split())).chars(60, truncate="…")
    return f"{subject} - seed {generation.seed}"


def serve(
    request: HttpRequest, stored: FieldFile | None, name: str, *, store_seconds: int | None = None
) -> HttpResponseBase:
    """The stored file, called `name` and its own suffix, to whom the caller has let in.

    From S3 that is a presigned redirect, for `store_seconds` (None: as the store is set up); else the file is streamed,
    in one range if one is asked for (RFC 9110, section 14; `If-Range` by date). A list of ranges is answered with the
    whole file.
    """
    if not stored:
        raise Http404("There is no such file.")
    suffix = Path(str(stored.name)).suffix
    content_type = CONTENT_TYPES.get(suffix, "application/octet-stream")
    disposition = content_disposition_header("download" in request.GET, name + suffix) or "inline"
    if not isinstance(stored.storage, FileSystemStorage):
        return HttpResponseRedirect(
            stored.storage.url(  # type: ignore[call-arg]
                str(stored.name),
                parameters={"ResponseContentType": content_type, "ResponseContentDisposition": disposition},
                expire=store_seconds,
            )
        )
    try:
        file = Path(stored.path).open("rb")  # noqa: SIM115 - the response closes it
    except FileNotFoundError:
        raise Http404("This file is gone from the store.") from None
    facts = os.fstat(file.fileno())
    size, modified = facts.st_size, int(facts.st_mtime)
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": disposition,
        "Accept-Ranges": "bytes",
        "Last-Modified": http_date(modified),
        # Whatever a file claims to be, it never runs as a page of ours.
        "Content-Security-Policy": "default-src 'none'; media-src 'self'; sandbox",
    }
    start, end, status = 0, size - 1, 200
    wanted = _wanted_range(request, size, modified)
    if wanted:
        start, end = wanted
        if start > end:
            file.close()
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    headers["Content-Length"] = str(end - start + 1)
    length = 0 if request.method == "HEAD" else end - start + 1
    response = StreamingHttpResponse(Part(file, start, length), status=status, headers=headers)
    patch_cache_control(response, private=True, max_age=3600)
    return response


def _wanted_range(request: HttpRequest, size: int, modified: int) -> tuple[int, int] | None:
    """The first and last byte asked for, first > last where the file has none of them; None for the whole file."""
    match = RANGE.match(request.headers.get("Range", ""))
    condition = request.headers.get("If-Range")
    if match is None or (condition is not None and parse_http_date_safe(condition) != modified):
        return None
    first, last = match.groups()
    if not first:
        return max(size - int(last), 0), size - 1
    if last and int(last) < int(first):
        return None  # not a range at all
    return int(first), min(int(last or size), size - 1)
