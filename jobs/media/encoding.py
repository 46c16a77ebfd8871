"""Writing what we make: H.264 pictures and sound, packet by packet, in step."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from jobs.media.sound import SAMPLE_RATE

_BT709, _LIMITED_RANGE = 1, 1  # ITU-T H.273

MP4_OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact"}
"""The index first, so that playing starts before the whole file is there; the same bytes for the same input."""


def h264_packets(
    output: OutputContainer,
    frames: Iterable[VideoFrame],
    *,
    size: tuple[int, int],
    fps: float,
    time_base: Fraction,
    crf: int,
) -> Iterator[Packet[VideoStream]]:
    """Add an H.264 stream to `output`, and yield its packets as the frames come.

    Frames are yuv420p, BT.709, of `size` (width, height); they keep their own times, `fps` only guides the encoder.
    """
    rate = Fraction(fps).limit_denominator(1001)
    encoder = output.add_stream("libx264", rate=rate, time_base=time_base)
    assert isinstance(encoder, VideoStream)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.options = {"preset": "veryfast", "crf": str(crf)}
    context = encoder.codec_context
    context.flags |= Flags.frame_duration
    context.color_range = _LIMITED_RANGE
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    return _encoded(encoder, frames)


def sound_packets(
    output: OutputContainer, frames: Iterable[AudioFrame], *, codec: str, bit_rate: int
) -> Iterator[Packet[AudioStream]]:
    """Add a sound stream at 48 kHz to `output`, and yield its packets as the frames come."""
    encoder = output.add_stream(codec, rate=SAMPLE_RATE, bit_rate=bit_rate)
    assert isinstance(encoder, AudioStream)
    return _encoded(encoder, frames)


def mux_in_turn(output: OutputContainer, *streams: Iterator[Packet[Any]]) -> None:
    """Write the packets of several streams in the order of their decoding, drawing each only when its turn comes."""
    for packet in heapq.merge(*streams, key=_decoding_time):
        output.mux(packet)


def _encoded(encoder: Any, frames: Iterable[Any]) -> Iterator[Any]:
    for frame in frames:
        yield from encoder.encode(frame)
    yield from encoder.encode(None)


def _decoding_time(packet: Packet[Any]) -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return (ticks or 0) * packet.time_base
