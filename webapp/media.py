"""The team's media: the access check first, then the bytes, in the ranges a player asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.utils.cache import patch_cache_control
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe
from django.views.decorators.http import require_safe

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
RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


@require_safe
def clip_file(request: TeamRequest, clip_id: str, kind: str) -> HttpResponseBase:
    """`original`, `playable` (the preview where browsers can't play the original) or `poster` of a clip."""
    clip = clip_of(request, clip_id)
    files = {"original": clip.file, "playable": playable(clip), "poster": clip.poster}
    return serve(request, files.get(kind), clip.name)


@require_safe
def generation_file(request: TeamRequest, generation_id: str, kind: str) -> HttpResponseBase:
    """`video`, `playable` (its preview where browsers can't play the picture) or `audio` of a generation."""
    generation = generation_of(request, generation_id)
    files = {
        "video": generation.video,
        "playable": generation.video_preview or generation.video,
        "audio": generation.audio,
    }
    return serve(request, files.get(kind), download_name(generation))


def playable(clip: Clip) -> FieldFile:
    return clip.file if clip.plays_in_browsers else clip.preview


def download_name(generation: Generation) -> str:
    """What a download is called: after the clip, or after the prompt, with the seed that made it."""
    stem = Path(generation.clip.name).stem if generation.clip else " ".join(generation.prompt.split()[:6])[:60]
    return f"{stem} - seed {generation.seed}"


def serve(request: TeamRequest, stored: FieldFile | None, name: str) -> HttpResponseBase:
    """The stored file to its team: a presigned redirect from S3, else streamed, in one range if one is asked for.

    Range per RFC 9110, section 14: one range, `If-Range` by date; a list of ranges is answered with the whole file.
    """
    if not stored:
        raise Http404("There is no such file.")
    suffix = Path(str(stored.name)).suffix
    content_type = CONTENT_TYPES.get(suffix, "application/octet-stream")
    disposition = content_disposition_header("download" in request.GET, Path(name).stem + suffix) or "inline"
    if not isinstance(stored.storage, FileSystemStorage):
        return HttpResponseRedirect(
            stored.storage.url(  # type: ignore[call-arg]
                str(stored.name),
                parameters={"ResponseContentType": content_type, "ResponseContentDisposition": disposition},
            )
        )
    try:
        file = Path(stored.path).open("rb")  # noqa: SIM115 - the response closes it
    except FileNotFoundError:
        raise Http404("This file is gone from the store.") from None
    size = stored.size
    modified = int(stored.storage.get_modified_time(str(stored.name)).timestamp())
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": disposition,
        "Accept-Ranges": "bytes",
        "Last-Modified": http_date(modified),
        "X-Content-Type-Options": "nosniff",
        # Whatever a file claims to be, it never runs as a page of ours.
        "Content-Security-Policy": "default-src 'none'; media-src 'self'; sandbox",
    }
    start, end, status = 0, size - 1, 200
    wanted = RANGE.match(request.headers.get("Range", ""))
    if wanted and wanted.group(0) != "bytes=-" and _unchanged(request, modified):
        first, last = wanted.groups()
        start, end = (int(first), min(int(last or size), size - 1)) if first else (max(size - int(last), 0), size - 1)
        if start > end:
            file.close()
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    headers["Content-Length"] = str(end - start + 1)
    body = iter(()) if request.method == "HEAD" else _read(file, start, end - start + 1)
    response = StreamingHttpResponse(body, status=status, headers=headers)
    response._resource_closers.append(file.close)  # closed with the response, also when the player goes away early
    patch_cache_control(response, private=True, max_age=3600)
    return response


def _unchanged(request: TeamRequest, modified: int) -> bool:
    condition = request.headers.get("If-Range")
    return condition is None or parse_http_date_safe(condition) == modified


def _read(file: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    file.seek(start)
    while length > 0 and (chunk := file.read(min(CHUNK_BYTES, length))):
        length -= len(chunk)
        yield chunk
