"""Which containers are read, and how a file is opened without it being able to reach anything else.

What a file is, is told by its first bytes, never by its name. FFmpeg's own guessing isn't used: it accepts playlists
and scripts that name other files (HLS, DASH, SDP, ffconcat), and has opened those by the time it reports what it found.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError

from jobs.media.errors import NotMedia, NoVideo, UnsupportedFormat

HEAD_BYTES = 4096

MAX_PIXELS = 8192 * 4320
"""Decoders refuse larger pictures, whatever the container said of their size."""

DECODER_OPTIONS = {"max_pixels": str(MAX_PIXELS)}

CLIP_DEMUXERS = {
    "mp4": "mov",
    "mov": "mov",
    "3gp": "mov",
    "webm": "matroska",
    "mkv": "matroska",
    "avi": "avi",
    "wmv": "asf",
    "flv": "flv",
    "ts": "mpegts",
    "mpg": "mpeg",
    "ogv": "ogg",
    "gif": "gif",
}
"""Container, as it is called in `ClipFacts.container`, to the one FFmpeg demuxer that may read it."""

SOUND_DEMUXERS = {"wav": "wav", "aiff": "aiff", "flac": "flac", "mp3": "mp3", "aac": "aac"}
"""Containers that hold sound alone."""

DAMAGED = "The file can't be read: it is damaged or was cut off on its way. Export or upload it again."

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_EBML = b"\x1a\x45\xdf\xa3"
_QUICKTIME_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_STILL_PICTURE_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"avif", b"avis"}
_STILL_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*", b"8BPS")
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"v=0", b"[playlist]")


def sniff(path: Path) -> str:
    """Name the container of a file by its first bytes: a key of `CLIP_DEMUXERS` or `SOUND_DEMUXERS`.

    Raises `NotMedia` or `UnsupportedFormat`.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise NotMedia("The file is empty. Export or upload it again.")
    for tells in (_iso_media, _matroska, _riff, _by_signature, _transport_stream):
        if name := tells(head):
            return name
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(_PLAYLISTS) or b"<MPD" in head:
        raise UnsupportedFormat("This is a playlist that points to other files. Choose the video file itself.")
    if head.startswith(_STILL_PICTURES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP") or b"<svg" in head:
        raise _still_picture()
    raise NotMedia("This is not a video. Choose a video file, such as MP4, MOV or WebM.")


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a clip or a sound for reading.

    The demuxer is forced to the one that fits the content, and gets the bytes of this one open file: whatever the
    content says, it can open no other file and no network address. Raises `NotMedia` or `UnsupportedFormat`.
    """
    demuxer = (CLIP_DEMUXERS | SOUND_DEMUXERS)[sniff(path)]
    with path.open("rb") as file:
        try:
            container = av.open(
                file,
                "r",
                format=demuxer,
                options=DECODER_OPTIONS,
                container_options={"format_whitelist": demuxer, "protocol_whitelist": "none"},
                metadata_errors="replace",
                io_open=_refuse,
            )
        except FFmpegError as error:
            raise NotMedia(DAMAGED) from error
        with container:
            yield container


@contextmanager
def open_clip(path: Path) -> Iterator[InputContainer]:
    """`open_media` for what must be a video: raises `NoVideo` for a container that holds sound alone."""
    if sniff(path) in SOUND_DEMUXERS:
        raise NoVideo("This file has sound but no picture. Choose a video.")
    with open_media(path) as container:
        yield container


def is_cut_off(path: Path) -> bool:
    """Whether a WebM or MKV file is shorter than its segment says (RFC 9559); other containers are not judged."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    at = head.find(b"\x18\x53\x80\x67")
    if not head.startswith(_EBML) or at < 0 or at + 12 > len(head):
        return False
    # A length in EBML: the leading zeros of its first byte count the bytes that follow; all ones mean "not known".
    length = 9 - head[at + 4].bit_length()
    size = int.from_bytes(head[at + 4 : at + 4 + length]) & ((1 << 7 * length) - 1)
    return size != (1 << 7 * length) - 1 and at + 4 + length + size > path.stat().st_size


def _refuse(url: str, flags: int, options: dict[str, str]) -> Any:
    raise PermissionError("a media file may not open another")


def _iso_media(head: bytes) -> str | None:
    """ISO base media (ISO/IEC 14496-12) and QuickTime: the type of the first box, then the major brand."""
    box, brand = head[4:8], head[8:12]
    if box == b"ftyp":
        if brand in _STILL_PICTURE_BRANDS:
            raise _still_picture()
        if brand.startswith((b"3gp", b"3g2")):
            return "3gp"
        return "mov" if brand == b"qt  " else "mp4"
    return "mov" if box in _QUICKTIME_BOXES else None


def _matroska(head: bytes) -> str | None:
    """EBML (RFC 8794): the DocType element, 0x4282, tells WebM from Matroska."""
    if not head.startswith(_EBML):
        return None
    return "webm" if b"\x42\x82\x84webm" in head[:64] else "mkv"


def _riff(head: bytes) -> str | None:
    form = head[8:12]
    if head.startswith(b"RIFF"):
        return {b"AVI ": "avi", b"WAVE": "wav"}.get(form)
    if head.startswith(b"FORM") and form in (b"AIFF", b"AIFC"):
        return "aiff"
    return None


def _by_signature(head: bytes) -> str | None:
    signatures: list[tuple[tuple[bytes, ...], str]] = [
        ((b"GIF87a", b"GIF89a"), "gif"),
        ((_ASF_HEADER,), "wmv"),
        ((b"FLV\x01",), "flv"),
        ((b"OggS",), "ogv"),
        ((b"\x00\x00\x01\xba",), "mpg"),
        ((b"fLaC",), "flac"),
        ((b"\xff\xf1", b"\xff\xf9"), "aac"),
        ((b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xfa"), "mp3"),
    ]
    return next((name for starts, name in signatures if head.startswith(starts)), None)


def _transport_stream(head: bytes) -> str | None:
    """MPEG-TS (ISO/IEC 13818-1): a sync byte every 188 bytes; 192 with the time code of M2TS in front."""
    for first, step in ((0, 188), (4, 192)):
        packets = range(first, len(head), step)
        if len(packets) >= 3 and all(head[at] == 0x47 for at in packets):
            return "ts"
    return None


def _still_picture() -> UnsupportedFormat:
    return UnsupportedFormat("This is a still picture. Choose a video.")
