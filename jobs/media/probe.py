"""What a clip is: told by its content, its packets and its first decoded picture, not by its name or its headers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from jobs.media.errors import NotMedia, TooLarge, TooLong, Undecodable
from jobs.media.formats import DAMAGED, MAX_PIXELS, is_cut_off, open_clip, open_media, sniff
from jobs.media.frames import decode, filtered
from jobs.media.picture import displayed_size, picture_packets, picture_stream, shown_at, turn_of
from jobs.media.sound import sound_stream

SILENCE = 33
"""16-bit sample value, about -60 dBFS; a sound track that stays below it is called silent."""


@dataclass(frozen=True)
class Limits:
    """What is accepted. They act on what the packets say, before anything is decoded."""

    max_seconds: float = 600.0
    max_side: int = 8192
    max_pixels: int = MAX_PIXELS
    max_frames: int = 150_000


@dataclass(frozen=True)
class ClipFacts:
    """A clip in numbers. JSON by `dataclasses.asdict`; back by `ClipFacts(**stored)`.

    container: mp4, mov, 3gp, webm, mkv, avi, wmv, flv, ts, mpg, ogv or gif.
    duration: seconds of picture, from the start of the first frame to the end of the last.
    start: where the first picture sits on the container's own timeline, seconds.
    width, height: pixels as displayed, sample aspect ratio and rotation applied.
    rotation: degrees clockwise that the stored picture is turned for display: 0, 90, 180 or 270.
    fps: frames per second of picture, on average.
    silent: there is a sound track, and nothing is heard in it.
    """

    container: str
    duration: float
    start: float
    width: int
    height: int
    rotation: int
    fps: float
    frame_count: int
    variable_rate: bool
    video_codec: str
    pixel_format: str
    alpha: bool
    has_audio: bool
    audio_codec: str | None
    audio_channels: int | None
    audio_rate: int | None
    silent: bool
    size_bytes: int
    plays_in_browsers: bool


def probe(path: Path, limits: Limits) -> ClipFacts:
    """Measure a clip: reads every packet once, decodes one picture, and sound until some is heard.

    Raises a `MediaError` that says why the file is refused.
    """
    with open_clip(path) as container:
        stream = picture_stream(container)
        _check_size(stream.width, stream.height, limits)
        times = _measure(container, stream, limits)
    if is_cut_off(path):
        raise _cut_off()
    with open_clip(path) as container:
        stream = picture_stream(container)
        frame = _first_picture(container, stream)
        width, height = displayed_size(frame, stream)
        _check_size(width, height, limits)
        sound = sound_stream(container)
        name = sniff(path)
        codec = stream.codec_context.codec.canonical_name
        return ClipFacts(
            container=name,
            duration=times.duration,
            start=times.start,
            width=width,
            height=height,
            rotation=turn_of(frame).degrees,
            fps=times.count / times.duration,
            frame_count=times.count,
            variable_rate=times.variable_rate,
            video_codec=codec,
            pixel_format=frame.format.name,
            alpha=stream.metadata.get("alpha_mode") == "1" or any(part.is_alpha for part in frame.format.components),
            has_audio=sound is not None,
            audio_codec=sound.codec_context.codec.canonical_name if sound else None,
            audio_channels=sound.channels if sound else None,
            audio_rate=sound.sample_rate if sound else None,
            silent=sound is not None and _is_silent(path),
            size_bytes=path.stat().st_size,
            plays_in_browsers=_plays_in_browsers(name, codec, frame.format.name),
        )


@dataclass(frozen=True)
class _Times:
    start: float
    duration: float
    count: int
    variable_rate: bool


def _measure(container: InputContainer, stream: VideoStream, limits: Limits) -> _Times:
    """When the frames of a clip show, by its packets alone. Raises `NotMedia`, `TooLarge` or `TooLong`."""
    shown: list[int] = []
    packet_count = last_duration = 0
    for packet in picture_packets(container, stream):
        packet_count += 1
        at = shown_at(packet)
        if at is None:
            continue
        if not shown or at >= max(shown[-1], shown[0]):
            last_duration = packet.duration or 0
        shown.append(at)
        if len(shown) > limits.max_frames:
            raise TooLarge(f"The clip has more than {limits.max_frames:,} pictures. Choose a shorter clip.")
    if not shown or stream.time_base is None:
        raise NotMedia(DAMAGED)
    if packet_count < 0.9 * stream.frames:  # `frames` is what an MP4's sample table lists, 0 elsewhere
        raise _cut_off()

    shown.sort()
    second = float(stream.time_base)
    gaps = [(after - before) * second for before, after in pairwise(shown)]
    usual = median(gaps) if gaps else 1 / float(stream.guessed_rate or 25)
    # Some MKV claim a thousand frames a second: half the usual gap is the least a last frame is believed to last.
    last = last_duration * second if last_duration * second >= usual / 2 else usual
    duration = (shown[-1] - shown[0]) * second + last
    if duration > limits.max_seconds:
        raise TooLong(f"The clip is {_spoken(duration)} long; the limit is {_spoken(limits.max_seconds)}.")
    return _Times(
        start=shown[0] * second,
        duration=duration,
        count=len(shown),
        # Containers round to a millisecond or to some tick: that much jitter is not a variable rate.
        variable_rate=any(abs(gap - usual) > max(0.0025, 0.25 * usual) for gap in gaps),
    )


def _first_picture(container: InputContainer, stream: VideoStream) -> VideoFrame:
    stream.thread_count = 1  # frame threads would hold the first picture back
    for frame in decode(container, stream):
        return frame
    raise Undecodable("No picture in this file can be decoded: it is damaged. Export it again, best as MP4 (H.264).")


def _is_silent(path: Path) -> bool:
    """Whether no sound is heard anywhere in the track. Stops at the first that is."""
    with open_media(path) as container:
        stream = sound_stream(container)
        assert stream is not None
        for frame in filtered(decode(container, stream), ("aformat=sample_fmts=s16:channel_layouts=mono",)):
            samples = memoryview(frame.planes[0]).cast("h")[: frame.samples]
            if max(samples) > SILENCE or min(samples) < -SILENCE:
                return False
    return True


def _plays_in_browsers(container: str, codec: str, pixel_format: str) -> bool:
    """Whether Chrome, Firefox and Safari of today all show the picture without help."""
    if pixel_format not in ("yuv420p", "yuvj420p"):
        return False
    playable = {"mp4": {"h264", "av1"}, "mov": {"h264"}, "webm": {"vp8", "vp9", "av1"}}
    return codec in playable.get(container, set())


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width <= 0 or height <= 0:
        raise TooLarge("The size of the picture is missing or absurd. Export the clip again, best as MP4 (H.264).")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise TooLarge(
            f"The picture is {width} × {height} pixels; the limit is {limits.max_side} on a side and "
            f"{limits.max_pixels // 1_000_000} megapixels. Export the clip smaller."
        )


def _cut_off() -> NotMedia:
    return NotMedia("The file is cut off: part of the clip is missing. Export or upload it again.")


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.3g} minutes"
    return f"{seconds / 3600:.3g} h"
