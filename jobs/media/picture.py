"""The moving picture of an open clip: which stream it is, when its frames show, and which way up."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import cast

from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from jobs.media.errors import NoVideo, Undecodable
from jobs.media.frames import filtered

_UNSPECIFIED = 2
_HIGH_DYNAMIC_RANGE = (16, 18)  # PQ and HLG, transfer characteristics of ITU-T H.273

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


def fitted(width: int, height: int, *, longest: int | None = None, shortest: int | None = None) -> tuple[int, int]:
    """The largest even size of the same shape, never enlarged, whose longer or shorter side has at most so many pixels.

    Even, because 4:2:0 pictures need it; at least 2 x 2.
    """
    share = 1.0
    if longest is not None:
        share = min(share, longest / max(width, height))
    if shortest is not None:
        share = min(share, shortest / min(width, height))
    return max(2, round(width * share / 2) * 2), max(2, round(height * share / 2) * 2)


def timed(frames: Iterable[VideoFrame], start: float) -> Iterator[VideoFrame]:
    """Frames with `start` (seconds, on the container's timeline) at time 0; those without a time are left out."""
    for frame in frames:
        if frame.pts is not None and frame.time_base is not None:
            frame.pts -= round(start / frame.time_base)
            yield frame


def upright(frames: Iterable[VideoFrame], size: tuple[int, int]) -> Iterator[VideoFrame]:
    """Frames turned the right way up, scaled to `size`, as yuv420p in BT.709; high dynamic range becomes standard."""
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        return
    width, height = size
    scale = f"scale={width}:{height}:flags=bicubic:out_range=tv:out_color_matrix=bt709"
    if first.colorspace == _UNSPECIFIED:  # what players assume of a picture that doesn't say
        scale += ":in_color_matrix=" + ("bt709" if min(first.width, first.height) >= 720 else "bt601")
    if first.color_trc in _HIGH_DYNAMIC_RANGE:
        scale += ":out_primaries=bt709:out_transfer=bt709"
    yield from filtered(chain((first,), frames), (*turn_of(first).filters, scale, "format=yuv420p"))


def _sign(number: int) -> int:
    return -1 if number < 0 else 1
