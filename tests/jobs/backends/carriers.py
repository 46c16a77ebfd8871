"""What hosted models send back: a video encoded anew with mono AAC at 44.1 kHz, a mono MP3 at 64 kbit/s, a FLAC."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache

import av
import numpy as np

RATE = 44_100


@cache
def video_with_mono_aac(seconds: float, sound_seconds: float | None = None) -> bytes:
    """MP4: H.264 yuv420p at 25 fps and a 440 Hz tone as mono AAC, which may last otherwise than the picture."""
    return _video(seconds, seconds if sound_seconds is None else sound_seconds)


@cache
def video_without_sound(seconds: float) -> bytes:
    """MP4 with a picture alone."""
    return _video(seconds, None)


def _video(seconds: float, sound_seconds: float | None) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        picture = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        assert isinstance(picture, av.VideoStream)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        sound = None if sound_seconds is None else _sound_stream(container, "aac", "fltp")
        for index in range(round(seconds * 25)):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), index % 255, np.uint8), format="rgb24")
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if sound is not None and sound_seconds is not None:
            _encode(container, sound, sound_seconds, "fltp")
    return file.getvalue()


@cache
def mono_mp3(seconds: float) -> bytes:
    """A 440 Hz tone as mono MP3, 44.1 kHz, 64 kbit/s."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        sound = _sound_stream(container, "libmp3lame", "fltp")
        sound.bit_rate = 64_000
        _encode(container, sound, seconds, "fltp")
    return file.getvalue()


@cache
def mono_flac(seconds: float) -> bytes:
    """A 440 Hz tone as mono FLAC, 44.1 kHz."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        _encode(container, _sound_stream(container, "flac", "s16"), seconds, "s16")
    return file.getvalue()


def _sound_stream(container: av.container.OutputContainer, codec: str, sample_format: str) -> av.AudioStream:
    stream = container.add_stream(codec, rate=RATE)
    assert isinstance(stream, av.AudioStream)
    stream.layout, stream.format = "mono", sample_format
    return stream


def _encode(
    container: av.container.OutputContainer, stream: av.AudioStream, seconds: float, sample_format: str
) -> None:
    total = round(seconds * RATE)
    tone = 0.3 * np.sin(2 * np.pi * 440 / RATE * np.arange(total))
    samples = tone.astype(np.float32) if sample_format == "fltp" else (tone * 32767).astype("<i2")
    for start in range(0, total, 1152):
        block = av.AudioFrame.from_ndarray(samples[None, start : start + 1152], format=sample_format, layout="mono")
        block.sample_rate, block.pts, block.time_base = RATE, start, Fraction(1, RATE)
        container.mux(stream.encode(block))
    container.mux(stream.encode(None))
