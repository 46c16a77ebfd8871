"""A clip and its sound in one MP4: a program of its own, since it reads a file from outside.

`python -m engine.mux CLIP SOUND TARGET MEMORY_BYTES SECONDS`. The picture's packets are copied; a codec that can't
live in MP4 is encoded anew as H.264. The picture ends where the sound does, as with fal's MMAudio. The licence that
the sound names is written into the MP4.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import PictureType

from engine import process
from engine.frames import FORMATS
from engine.model import SAMPLE_RATE

AUDIO_BIT_RATE = 192_000
TICK = Fraction(1, 90_000)
"""Seconds; fine enough for any frame rate, variable ones too."""

Packets: TypeAlias = "Iterator[Packet[Any]]"


def mux(clip: Path, sound: Path, target: Path) -> None:
    """Write `target`, an MP4 with the picture of `clip` and the WAV `sound`. Raises `av.FFmpegError`, `ValueError`."""
    try:
        _write(clip, sound, target, copy=True)
    except (av.FFmpegError, ValueError):
        _write(clip, sound, target, copy=False)


def _write(clip: Path, sound: Path, target: Path, copy: bool) -> None:
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    with (
        av.open(f"file:{clip.resolve()}", container_options=options) as source,
        av.open(f"file:{sound.resolve()}") as voice,
        av.open(str(target), "w", format="mp4", container_options={"movflags": "+faststart"}) as output,
    ):
        if licence := voice.metadata.get("copyright"):
            output.metadata["copyright"] = licence
        picture = _picture(source)
        end = Fraction(voice.duration or 0, av.time_base)
        track = output.add_stream_from_template(picture) if copy else _h264_track(output, picture)
        packets = (_copied if copy else _encoded)(source, picture, track, end)
        tracks = (packets, _voice(voice, output))
        for packet in heapq.merge(*tracks, key=lambda packet: (packet.dts or 0) * (packet.time_base or 0)):
            output.mux(packet)


def _picture(source: InputContainer) -> av.VideoStream:
    """The video stream that players choose, never a cover."""
    pictures = [each for each in source.streams.video if not each.disposition & Disposition.attached_pic]
    best = source.streams.best("video")
    return next((each for each in pictures if each is best), pictures[0])


def _copied(source: InputContainer, picture: av.VideoStream, track: av.VideoStream, end: Fraction) -> Packets:
    """The picture's packets with the first frame at 0, as far as frames before `end` need them."""
    first: int | None = None
    for packet in source.demux(picture):
        if packet.dts is None or packet.pts is None or packet.time_base is None:
            continue
        if first is None:
            first = picture.start_time if picture.start_time is not None else packet.pts
        packet.pts -= first
        packet.dts -= first
        if packet.dts * packet.time_base >= end:
            return
        packet.stream = track
        yield packet


def _h264_track(output: OutputContainer, picture: av.VideoStream) -> av.VideoStream:
    track = output.add_stream("libx264", rate=picture.average_rate or 25, options={"crf": "18", "preset": "veryfast"})
    track.width, track.height = picture.width // 2 * 2, picture.height // 2 * 2
    track.pix_fmt = "yuv420p"
    track.codec_context.time_base = TICK
    return track


def _encoded(source: InputContainer, picture: av.VideoStream, track: av.VideoStream, end: Fraction) -> Packets:
    """The picture's frames with the first one at 0, those before `end`, as H.264."""
    first: float | None = None
    for frame in source.decode(picture):
        if frame.pts is None:
            continue
        if first is None:
            first = frame.time
            track.set_display_rotation(frame.rotation)
        if frame.time - first >= end:
            break
        even = frame.reformat(width=track.width, height=track.height, format="yuv420p")
        even.pts, even.time_base = round((frame.time - first) / TICK), TICK
        even.pict_type = PictureType.NONE
        yield from track.encode(even)
    yield from track.encode()


def _voice(voice: InputContainer, output: OutputContainer) -> Packets:
    track = output.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", bit_rate=AUDIO_BIT_RATE)
    return (packet for frame in (*voice.decode(audio=0), None) for packet in track.encode(frame))


def main() -> None:
    clip, sound, target, memory_bytes, seconds = sys.argv[1:]
    process.limit_resources(int(memory_bytes), cpu_seconds=int(seconds))
    mux(Path(clip), Path(sound), Path(target))


if __name__ == "__main__":
    main()
