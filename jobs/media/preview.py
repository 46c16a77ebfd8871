"""What browsers can show of any clip: a playable copy, and a still for lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from jobs.media.encoding import MP4_OPTIONS, h264_packets, mux_in_turn, sound_packets
from jobs.media.errors import Undecodable
from jobs.media.files import written_whole
from jobs.media.formats import open_clip
from jobs.media.frames import decode
from jobs.media.picture import fitted, picture_stream, timed, upright
from jobs.media.probe import ClipFacts
from jobs.media.sound import sound_frames, sound_stream

PREVIEW_SIDE = 1280
"""Pixels of a preview's longer side, at most."""

POSTER_SIDE = 640

POSTER_PLACES = (1 / 3, 1 / 2, 2 / 3, 1 / 6, 0.0)
"""Where in the clip a poster is looked for, as shares of its length: the first place that isn't black is taken."""

POSTER_PATIENCE = 60
"""Frames decoded on the way from a key frame to the wanted place; after that the picture at hand must do."""

_LIVELY = 24
"""Range of grey levels in a picture that is worth showing."""


def preview(clip: Path, target: Path, facts: ClipFacts) -> None:
    """Write an MP4 (H.264 4:2:0, AAC) that shows the clip upright, each frame at its own time.

    The first picture is at time 0; the clip's sound, where it has some, keeps its place beside it. `facts` is the
    clip's `probe`. Raises `Undecodable` or another `MediaError`.
    """
    with open_clip(clip) as source, open_clip(clip) as again, written_whole(target) as part:
        stream = picture_stream(source)
        stream.thread_type = "AUTO"
        assert stream.time_base is not None
        size = fitted(facts.width, facts.height, longest=PREVIEW_SIDE)
        frames = timed(decode(source, stream), facts.start)
        first = next(frames, None)
        if first is None:
            raise Undecodable("No picture in this clip can be decoded.")
        with av.open(str(part), "w", format="mp4", container_options=MP4_OPTIONS) as output:
            shown = upright(chain((first,), frames), size)
            packets: list[Iterator[Packet[Any]]] = [
                h264_packets(output, shown, size=size, fps=facts.fps, time_base=stream.time_base, crf=21)
            ]
            sound = sound_stream(again)
            if sound is not None:
                heard = sound_frames(again, sound, origin=facts.start, sample_format="fltp", layout="stereo")
                packets.append(sound_packets(output, heard, codec="aac", bit_rate=128_000))
            mux_in_turn(output, *packets)


def poster(clip: Path, target: Path, facts: ClipFacts) -> None:
    """Write a JPEG of a telling picture of the clip: upright, at most 640 pixels on a side.

    Raises `Undecodable` when no picture can be decoded at all.
    """
    best: tuple[int, VideoFrame] | None = None
    for place in POSTER_PLACES:
        frame = _picture_at(clip, facts, place * facts.duration)
        if frame is None:
            continue
        contrast = _contrast(frame)
        if best is None or contrast > best[0]:
            best = contrast, frame
        if contrast >= _LIVELY:
            break
    if best is None:
        raise Undecodable("No picture in this clip can be decoded.")
    width, height = fitted(facts.width, facts.height, longest=POSTER_SIDE)
    picture = next(upright([best[1]], (width, height)))
    with written_whole(target) as part, av.open(str(part), "w", format="mjpeg") as output:
        encoder = output.add_stream("mjpeg", width=width, height=height, pix_fmt="yuvj420p")
        encoder.options = {"qmin": "3", "qmax": "3"}
        picture = picture.reformat(format="yuvj420p", dst_colorspace="ITU601", dst_color_range="JPEG")
        picture.pts = 0
        output.mux(encoder.encode(picture))
        output.mux(encoder.encode(None))


def _picture_at(clip: Path, facts: ClipFacts, seconds: float) -> VideoFrame | None:
    """The picture shown at a time of the clip, or one not long before it; None when none can be decoded there."""
    with open_clip(clip) as container:
        stream = picture_stream(container)
        assert stream.time_base is not None
        wanted = round((facts.start + seconds) / stream.time_base)
        if seconds > 0:
            with suppress(FFmpegError):  # a container without an index: decode from the start
                container.seek(wanted, stream=stream)
        latest = None
        for count, frame in enumerate(timed(decode(container, stream), facts.start), start=1):
            if latest is not None and frame.pts is not None and frame.time > seconds:
                break
            latest = frame
            if count >= POSTER_PATIENCE:
                break
        return latest


def _contrast(frame: VideoFrame) -> int:
    thumbnail = bytes(frame.reformat(width=16, height=16, format="gray", interpolation="AREA").planes[0])
    return max(thumbnail) - min(thumbnail)
