"""A clip's picture as small, upright, grey images with their true times, decoded as a stream.

Times are seconds from the first frame, by the frames' own timestamps: nothing here trusts a frame rate or a length
that a header claims. Only files are opened, and only formats on `FORMATS`: a playlist or a manifest could make the
demuxer read other files or URLs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from engine.model import BadInput

Gray = NDArray[np.uint8]

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg,gif,asf,flv"
"""FFmpeg's names of the demuxers that may open a clip."""

MAX_PIXELS = 8192 * 4352
"""The largest picture that is decoded (8K, and a phone's odd formats); a tiny file can claim a huge one."""

FALLBACK_STEP = 1 / 25
"""Seconds a frame is taken to last where the file says nothing about it."""


@dataclass(frozen=True)
class Frame:
    """One frame: `time` in seconds from the clip's first frame, `image` grey, upright, of shape (height, width)."""

    time: float
    image: Gray


def frames(clip: Path, duration: float, pixels: int, max_rate: float) -> Iterator[Frame]:
    """Yield the frames of the first `duration` seconds, in order of time, each shrunk to about `pixels` in all.

    Of a clip with more than `max_rate` frames per second, as many are left out as make it no more than that. Packets
    that can't be decoded are skipped. Raises `BadInput` ("unsupported_video_format") where nothing can be decoded.
    """
    shown = -np.inf
    scaler = VideoReformatter()  # one for all frames: setting one up costs more than scaling with it
    for time, frame in decoded(clip, duration):
        if time - shown >= 0.75 / max_rate:
            shown = time
            yield Frame(time, _small(frame, pixels, scaler))


def decoded(clip: Path, duration: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yield each frame of the first `duration` seconds with its time, in order of time, as the decoder gives it.

    Packets that can't be decoded are skipped. Raises `BadInput` ("unsupported_video_format") where none can be.
    """
    with _opened(clip) as (container, stream):
        first: float | None = None
        time = -np.inf
        for frame in _decoded(container, stream):
            time = time + FALLBACK_STEP if frame.pts is None else frame.time
            if first is None:
                first = time = time if np.isfinite(time) else 0.0
            if time - first > duration:
                break
            yield time - first, frame
    if first is None:
        raise _unusable(f"No picture of {clip.name} could be decoded; it may be damaged. Please export it again.")


def clip_length(clip: Path) -> float:
    """The clip's length in seconds: from its first frame to the end of its last one, by timestamps alone.

    Packets are read but not decoded. Raises `BadInput` ("unsupported_video_format") where there is no picture.
    """
    with _opened(clip) as (container, stream):
        starts: list[float] = []
        lengths: list[float] = []
        for packet in _packets(container, stream):
            ticks = packet.pts if packet.pts is not None else packet.dts
            if ticks is None or packet.time_base is None or packet.is_discard:
                continue
            starts.append(float(ticks * packet.time_base))
            lengths.append(float((packet.duration or 0) * packet.time_base))
    if not starts:
        raise _unusable(f"{clip.name} has a video track without a single frame. Please export it again.")
    order = np.argsort(starts, kind="stable")
    times = np.asarray(starts)[order]
    usual = float(np.median(np.diff(times))) if len(times) > 1 else FALLBACK_STEP
    last = lengths[order[-1]]
    return float(times[-1] - times[0]) + (last if last > usual / 4 else usual)


@contextmanager
def _opened(clip: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The clip and the video stream that players choose (never a cover picture)."""
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        container = av.open(f"file:{clip.resolve()}", container_options=options)
    except (av.FFmpegError, ValueError) as error:
        raise _unusable(f"{clip.name} is not a video that can be read. Please upload MP4, MOV, WebM or MKV.") from error
    with container:
        pictures = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
        if not pictures:
            raise _unusable(f"{clip.name} has no video track. Please upload a file with a picture.")
        best = container.streams.best("video")
        stream = next((each for each in pictures if each is best), pictures[0])
        if stream.width * stream.height > MAX_PIXELS:
            raise _unusable(f"The picture of {clip.name} is too large ({stream.width}×{stream.height}).")
        yield container, stream


def _packets(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet[av.VideoStream]]:
    """The stream's packets, up to where the file ends or can no longer be read."""
    try:
        yield from container.demux(stream)
    except av.FFmpegError:
        return


def _decoded(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """The stream's frames in order of time. The bound on pixels also holds for what a header did not admit."""
    stream.thread_type = "AUTO"
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    for packet in _packets(container, stream):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue


def _small(frame: av.VideoFrame, pixels: int, scaler: VideoReformatter) -> Gray:
    """The frame in grey, shrunk to about `pixels` (never enlarged), and turned as the file asks."""
    scale = min(1.0, (pixels / (frame.width * frame.height)) ** 0.5)
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    small = scaler.reformat(frame, width, height, "gray", interpolation=Interpolation.AREA, threads=1)
    return upright(small.to_ndarray(), frame)


def upright(image: NDArray[Any], frame: av.VideoFrame) -> Gray:
    """An image of `frame`, of shape (height, width, ...), turned as the file asks."""
    turns = round(frame.rotation / 90)  # counter-clockwise, as np.rot90 counts
    return np.ascontiguousarray(np.rot90(image, turns))


def _unusable(sentence: str) -> BadInput:
    return BadInput(sentence, "unsupported_video_format")
