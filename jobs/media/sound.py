"""The sound of an open file, on the timeline of its picture."""

from __future__ import annotations

from collections.abc import Iterator

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from jobs.media.frames import decode, filtered

SAMPLE_RATE = 48_000
"""Hz; the rate of every sound we write."""


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The audio stream players choose: the first marked as default, else the first; None without a decodable one."""
    decodable = [stream for stream in container.streams.audio if stream.codec_context is not None]
    usual = [stream for stream in decodable if stream.disposition & Disposition.default]
    return next(iter(usual or decodable), None)


def sound_frames(
    container: InputContainer, stream: AudioStream, *, origin: float | None, sample_format: str, layout: str
) -> Iterator[AudioFrame]:
    """The sound at 48 kHz, without gaps, from `origin` on: a time on the container's timeline, seconds.

    What comes before is dropped; silence fills what is missing before the first sound. Without an `origin` the first
    sound is the start.
    """
    shifted = _shifted(decode(container, stream), origin)
    return filtered(
        shifted,
        (
            "atrim=start=0",
            f"aresample={SAMPLE_RATE}:async=1:first_pts=0",
            f"aformat=sample_fmts={sample_format}:channel_layouts={layout}",
        ),
    )


def _shifted(frames: Iterator[AudioFrame], origin: float | None) -> Iterator[AudioFrame]:
    """Frames with `origin` at time 0; those with no time of their own follow the one before."""
    expected = 0
    for frame in frames:
        assert frame.time_base is not None
        second = float(frame.time_base)
        if origin is None:
            origin = frame.pts * second if frame.pts is not None else 0.0
        frame.pts = frame.pts - round(origin / second) if frame.pts is not None else expected
        expected = frame.pts + round(frame.samples / frame.sample_rate / second)
        yield frame
