"""What the tests of jobs.media look at: the packets and pictures of a file, sounds made to measure, who opened what."""

from __future__ import annotations

import ctypes
import hashlib
import os
import struct
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.media.formats import open_clip, open_media
from jobs.media.frames import decode
from jobs.media.picture import picture_packets, picture_stream, turn_of
from jobs.media.probe import ClipFacts, Limits, probe
from jobs.media.sound import SAMPLE_RATE, sound_frames, sound_stream

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "clips"


def facts(path: Path) -> ClipFacts:
    return probe(path, Limits())


@dataclass(frozen=True)
class Copied:
    """One packet of the picture: what must survive a mux. Times are seconds from the first packet's."""

    digest: str
    shown: float
    decoded: float
    duration: float


def packets(path: Path) -> list[Copied]:
    with open_clip(path) as container:
        stream = picture_stream(container)
        assert stream.time_base is not None
        second = float(stream.time_base)
        found = [
            (hashlib.sha256(bytes(packet)).hexdigest(), packet.pts or 0, packet.dts or 0, packet.duration or 0)
            for packet in picture_packets(container, stream)
        ]
    first = found[0][1]
    return [Copied(d, (pts - first) * second, (dts - first) * second, length * second) for d, pts, dts, length in found]


@dataclass(frozen=True)
class Shown:
    """One decoded picture: its content, how it is turned, and what its colours mean."""

    digest: str
    degrees: int
    colour: tuple[int, int, int, int]


def pictures(path: Path) -> tuple[list[float], list[Shown]]:
    """Times, from the first picture, and the pictures themselves, as stored."""
    times, shown = [], []
    with open_clip(path) as container:
        for frame in decode(container, picture_stream(container)):
            digest = hashlib.sha256()
            for plane in frame.planes:
                # The padding at the end of each line is whatever was in memory before.
                lines = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
                used = _line_bytes(plane.width, frame.format.name, len(frame.planes))
                digest.update(lines[:, :used].tobytes())
            colour = (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)
            times.append(frame.time)
            shown.append(Shown(digest.hexdigest(), turn_of(frame).degrees, colour))
    return [time - times[0] for time in times], shown


def _line_bytes(width: int, pixel_format: str, planes: int) -> int:
    deep = any(pixel_format.endswith(depth) for depth in ("10le", "12le"))
    packed = 4 if pixel_format in ("bgra", "rgba") else 3 if pixel_format in ("rgb24", "bgr24") else 1
    return width * (packed if planes == 1 else 1) * (2 if deep else 1)


def rgb(path: Path, index: int = 0) -> NDArray[np.uint8]:
    """One decoded picture as it is stored, uint8 of shape (height, width, 3)."""
    with open_clip(path) as container:
        for count, frame in enumerate(decode(container, picture_stream(container))):
            if count == index:
                return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    raise AssertionError(f"{path.name} has no picture {index}")


def sound(path: Path, origin: float | None = None) -> NDArray[np.float32]:
    """Samples at 48 kHz of shape (frames, 2), from `origin` on."""
    with open_media(path) as container:
        stream = sound_stream(container)
        assert stream is not None
        blocks = [
            frame.to_ndarray().T
            for frame in sound_frames(container, stream, origin=origin, sample_format="fltp", layout="stereo")
        ]
    return np.concatenate(blocks).astype(np.float32)


def write_wav(path: Path, samples: NDArray[np.floating], rate: int = SAMPLE_RATE, width: int = 3) -> Path:
    """Samples in -1..1, of shape (frames, channels), as PCM of `width` bytes."""
    scaled = np.clip(np.rint(samples * 2.0 ** (8 * width - 1)), -(2 ** (8 * width - 1)), 2 ** (8 * width - 1) - 1)
    words = scaled.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width]
    with wave.open(str(path), "wb") as out:
        out.setnchannels(samples.shape[1])
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(words.tobytes())
    return path


def tone(seconds: float, *, channels: int = 2, rate: int = SAMPLE_RATE, peak: float = 0.25) -> NDArray[np.floating]:
    time = np.arange(round(seconds * rate)) / rate
    return np.repeat(peak * np.sin(2 * np.pi * 440 * time)[:, None], channels, axis=1)


def click(seconds: float, at: float) -> NDArray[np.floating]:
    """Silence with one short bump whose top is at `at`."""
    samples = np.zeros((round(seconds * SAMPLE_RATE), 2))
    first = round(at * SAMPLE_RATE) - 100
    samples[first : first + 201] = 0.5 * np.hanning(201)[:, None]
    return samples


def top_level_boxes(path: Path) -> list[str]:
    """The types of an MP4's or MOV's boxes, in their order in the file."""
    content, at, boxes = path.read_bytes(), 0, []
    while at + 8 <= len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        boxes.append(kind.decode("latin-1"))
        at += struct.unpack(">Q", content[at + 8 : at + 16])[0] if size == 1 else size or len(content)
    return boxes


@dataclass
class Opened:
    """Names of the watched files that were opened by anybody while the watch lasted."""

    names: list[str] = field(default_factory=list)


@contextmanager
def watching(*files: Path) -> Iterator[Opened]:
    """Let the kernel (inotify) tell which of `files` is opened, by whatever means."""
    opens = 0x20  # IN_OPEN
    library = ctypes.CDLL(None, use_errno=True)
    watch = library.inotify_init1(os.O_NONBLOCK)
    assert watch >= 0
    names = {library.inotify_add_watch(watch, os.fsencode(file), opens): file.name for file in files}
    assert -1 not in names
    opened = Opened()
    try:
        yield opened
        try:
            events = os.read(watch, 1 << 16)
        except BlockingIOError:
            events = b""
        at = 0
        while at < len(events):
            which, _, _, length = struct.unpack_from("iIII", events, at)
            opened.names.append(names[which])
            at += 16 + length
    finally:
        os.close(watch)
