"""The clip with its new sound: the picture's packets copied as they are, the sound encoded beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from jobs.media.encoding import MP4_OPTIONS, mux_in_turn, sound_packets
from jobs.media.errors import NoAudio, UnsupportedFormat
from jobs.media.files import written_whole
from jobs.media.formats import open_clip, open_media
from jobs.media.frames import filtered
from jobs.media.picture import picture_packets, picture_stream
from jobs.media.probe import ClipFacts
from jobs.media.sound import SAMPLE_RATE, sound_frames, sound_stream


@dataclass(frozen=True)
class Wrapping:
    """A container for the finished clip: FFmpeg's name of its muxer, and how sound goes into it."""

    muxer: str
    audio_codec: str
    sample_format: str
    bit_rate: int = 192_000


_WRAPPINGS = {
    "mp4": Wrapping("mp4", "aac", "fltp"),
    "mov": Wrapping("mov", "aac", "fltp"),
    "webm": Wrapping("webm", "libopus", "flt"),
    "mkv": Wrapping("matroska", "libopus", "flt"),
    "flv": Wrapping("flv", "aac", "fltp"),
    "avi": Wrapping("avi", "pcm_s16le", "s16"),
    "wmv": Wrapping("asf", "wmav2", "fltp"),
}

_PREFERRED = {
    "mp4": ("mp4", "mov"),
    "mov": ("mov",),
    "webm": ("webm", "mkv"),
    "mkv": ("mkv",),
    "3gp": ("mp4", "mov"),
    "ts": ("mp4", "mkv"),
    "flv": ("mp4", "mkv", "flv"),
    "avi": ("mkv", "mov", "avi"),
    "wmv": ("mkv", "wmv"),
    "mpg": ("mkv",),
    "ogv": ("mkv",),
    "gif": ("mov",),
}
"""The first of these that can name the picture's codec wraps the finished clip. MP4, MOV, WebM and MKV stay what they
are; the others lose a container that takes no good sound, and keep it only where no other knows the codec."""


@dataclass(frozen=True)
class MuxFacts:
    """What was written: the container, as in `ClipFacts`, the sound's codec, seconds of picture, bytes."""

    container: str
    audio_codec: str
    duration: float
    size_bytes: int


def muxed_suffix(facts: ClipFacts) -> str:
    """The file name suffix of the finished clip (".mp4", ".mov", ".webm", ".mkv", ...), by what the original is."""
    return f".{_wrapping_name(facts)}"


def mux(clip: Path, audio: Path, target: Path, facts: ClipFacts) -> MuxFacts:
    """Write `clip` with `audio` as its only sound to `target`, in the container `muxed_suffix` names.

    The picture's packets and their times are copied: rotation, colour, edit lists, variable rate stay what they were.
    The sound starts with the first picture, and is cut or padded with silence to the picture's length (`facts` is the
    clip's `probe`). Nothing else of the original comes along: no other tracks, no attachments, no metadata; of the
    sound comes the licence that it names. MP4 and MOV have their index first. Both inputs are streamed: memory doesn't
    grow with them. Raises a `MediaError`.
    """
    name = _wrapping_name(facts)
    wrapping = _WRAPPINGS[name]
    with (
        written_whole(target) as part,
        open_clip(clip) as source,
        open_media(audio) as sound,
    ):
        stream = picture_stream(source)
        with av.open(str(part), "w", format=wrapping.muxer, container_options=_options(wrapping, stream)) as output:
            if licence := sound.metadata.get("copyright"):
                output.metadata["copyright"] = licence
            # A new container starts with the first picture; the one that stays keeps its own timeline.
            shift = 0.0 if name == facts.container else facts.start
            picture = _picture(source, stream, output, shift, keep_tag=name == facts.container)
            heard = _new_sound(sound, wrapping.sample_format, start=facts.start - shift, seconds=facts.duration)
            encoded = sound_packets(output, heard, codec=wrapping.audio_codec, bit_rate=wrapping.bit_rate)
            mux_in_turn(output, picture, encoded)
        return MuxFacts(name, wrapping.audio_codec.removeprefix("lib"), facts.duration, part.stat().st_size)


def _wrapping_name(facts: ClipFacts) -> str:
    # Raw pictures have no name that all containers share: they stay where they are.
    names = (facts.container,) if facts.video_codec == "rawvideo" else _PREFERRED[facts.container]
    for name in names:
        muxer = av.open("nowhere", "w", format=_WRAPPINGS[name].muxer)  # makes no file before its header
        with suppress(ValueError), muxer:
            muxer.add_mux_stream(facts.video_codec)
            return name
    raise UnsupportedFormat(
        f"A picture in the {facts.video_codec} format can't be given new sound without changing it. "
        "Export the clip as MP4 (H.264)."
    )


def _options(wrapping: Wrapping, stream: VideoStream) -> dict[str, str]:
    if wrapping.muxer not in ("mp4", "mov"):
        return {"fflags": "+bitexact"}
    assert stream.time_base is not None
    ticks = stream.time_base.denominator
    return MP4_OPTIONS | {
        # Edit lists count in the movie's own ticks, a thousand a second by default: the picture's are exact.
        "movie_timescale": str(ticks * math.ceil(1000 / ticks)),
        "strict": "unofficial",  # writes the Dolby Vision configuration of the original again
    }


def _picture(
    source: InputContainer, stream: VideoStream, output: OutputContainer, shift: float, *, keep_tag: bool
) -> Iterator[Packet[VideoStream]]:
    packets = picture_packets(source, stream)
    first = next(packets)
    copy = output.add_stream_from_template(stream, opaque=True)
    if first.duration and stream.average_rate:  # Matroska tells the length of a frame once, for all of them
        copy.codec_context.framerate = stream.average_rate
    if keep_tag:
        copy.codec_context.codec_tag = stream.codec_context.codec_tag  # QuickTime plays hvc1, not hev1
    if stream.sample_aspect_ratio:  # the container's, where it differs from the codec's
        copy.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio
    if stream.metadata.get("alpha_mode"):
        copy.metadata["alpha_mode"] = stream.metadata["alpha_mode"]
    assert stream.time_base is not None
    return _moved(chain((first,), packets), copy, round(shift / stream.time_base))


def _moved(packets: Iterable[Packet[VideoStream]], copy: VideoStream, ticks: int) -> Iterator[Packet[VideoStream]]:
    for packet in packets:
        if packet.pts is not None:
            packet.pts -= ticks
        if packet.dts is not None:
            packet.dts -= ticks
        packet.stream = copy
        yield packet


def _new_sound(sound: InputContainer, sample_format: str, *, start: float, seconds: float) -> Iterator[AudioFrame]:
    """Exactly `seconds` of sound, cut or padded with silence, the first sample at `start`."""
    stream = sound_stream(sound)
    if stream is None:
        raise NoAudio("There is no sound in what was generated.")
    total = round(seconds * SAMPLE_RATE)
    frames = sound_frames(sound, stream, origin=None, sample_format=sample_format, layout="stereo")
    first = round(start * SAMPLE_RATE)
    for frame in filtered(frames, (f"apad=whole_len={total}", f"atrim=end_sample={total}", "asetnsamples=1024:pad=0")):
        assert frame.pts is not None
        frame.pts += first
        yield frame
