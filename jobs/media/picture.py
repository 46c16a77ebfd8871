"""The moving picture of an open clip: which stream it is, when its frames show, and which way up."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from jobs.media.errors import NoVideo, Undecodable

_NO_PICTURE = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails


@dataclass(frozen=True)
class Turn:
    """How the stored picture is turned for display: degrees clockwise, and FFmpeg's filters that do it."""

    degrees: int
    filters: tuple[str, ...] = ()

    @property
    def sideways(self) -> bool:
        return self.degrees in (90, 270)


# Keys are a, b, c, d of the display matrix, which shows the stored point (x, y) at (a·x + c·y, b·x + d·y).
_TURNS = {
    (1, 0, 0, 1): Turn(0),
    (0, 1, -1, 0): Turn(90, ("transpose=clock",)),
    (-1, 0, 0, -1): Turn(180, ("hflip", "vflip")),
    (0, -1, 1, 0): Turn(270, ("transpose=cclock",)),
    (-1, 0, 0, 1): Turn(0, ("hflip",)),
    (1, 0, 0, -1): Turn(180, ("vflip",)),
    (0, 1, 1, 0): Turn(90, ("transpose=cclock_flip",)),
    (0, -1, -1, 0): Turn(270, ("transpose=clock_flip",)),
}


def picture_stream(container: InputContainer) -> VideoStream:
    """The video stream players show; cover art and thumbnails don't count. Raises `NoVideo` or `Undecodable`."""
    moving = [stream for stream in container.streams.video if not stream.disposition & _NO_PICTURE]
    if not moving and container.streams.audio:
        raise NoVideo("This file has sound but no picture. Choose a video.")
    if not moving:
        raise NoVideo("There is no picture in this file. Choose a video.")
    decodable = [stream for stream in moving if stream.codec_context is not None]
    if not decodable:
        raise Undecodable("The picture is in a format that can't be decoded here. Export it as MP4 (H.264).")
    best = container.streams.best("video")
    return best if isinstance(best, VideoStream) and best in decodable else decodable[0]


def picture_packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The packets of the picture, without the empty one that ends PyAV's demuxing."""
    for packet in container.demux(stream):
        if packet.size:
            yield packet


def decode_picture(container: InputContainer, stream: VideoStream, *, max_pixels: int) -> Iterator[VideoFrame]:
    """The frames that can be decoded, in the order they are shown; what is damaged is left out.

    Decoders refuse frames of more than `max_pixels`, whatever the container said of their size.
    """
    stream.codec_context.options = {"max_pixels": str(max_pixels)}
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except FFmpegError:
            continue


def shown_at(packet: Packet[VideoStream]) -> int | None:
    """When a packet's frame shows, in the stream's time base; None when it never does (hidden by an edit list)."""
    if packet.is_discard:
        return None
    return packet.pts if packet.pts is not None else packet.dts


def turn_of(frame: VideoFrame) -> Turn:
    """How a decoded frame is turned and mirrored for display, to the nearest right angle."""
    matrix = cast("bytes | None", frame.side_data.get("DISPLAYMATRIX"))  # any buffer
    if matrix is None:
        return _TURNS[1, 0, 0, 1]
    # Rows (a b u) (c d v) (x y w) of 32-bit numbers; a to d are 16.16 fixed point (ISO/IEC 14496-12, 6.2.2).
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return _TURNS[_sign(a), 0, 0, _sign(d)]
    return _TURNS[0, _sign(b), _sign(c), 0]


def displayed_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Width and height in pixels as shown: sample aspect ratio applied to the width, then turned."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    width, height = max(1, round(frame.width * aspect)), frame.height
    return (height, width) if turn_of(frame).sideways else (width, height)


def _sign(number: int) -> int:
    return -1 if number < 0 else 1
