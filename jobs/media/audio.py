"""The sound a generation delivered, brought to the house format: WAV, 48 kHz, 24 bit."""

from __future__ import annotations

import math
import os
import struct
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.media.errors import NoAudio
from jobs.media.files import written_whole
from jobs.media.formats import open_media
from jobs.media.sound import SAMPLE_RATE, sound_frames, sound_stream

TOLERANCE_SECONDS = 0.1
"""Codecs round a length to their blocks: sound that lacks no more than this isn't called short."""

LONGEST_LICENCE = 500
"""Characters of what a file says of its licence: a sentence, not a text."""

SILENCE_DBFS = -60.0

FLOOR_DBFS = -144.5
"""What nothing at all is reported as: below the last of 24 bits."""

_FULL_SCALE = 1 - 2**-15


@dataclass(frozen=True)
class AudioFacts:
    """What was delivered, measured before it was cut or padded to `seconds`.

    duration_delivered: seconds. sample_rate: Hz, as delivered. channels: as written, 1 or 2.
    peak_dbfs, rms_dbfs: dB relative to full scale, at least `FLOOR_DBFS`.
    short: more than `TOLERANCE_SECONDS` were missing. silent: the peak is below `SILENCE_DBFS`.
    clipped: three samples in a row are at full scale.
    """

    duration_delivered: float
    sample_rate: int
    channels: int
    peak_dbfs: float
    rms_dbfs: float
    short: bool
    silent: bool
    clipped: bool


def extract_audio(source: Path, target_wav: Path, seconds: float) -> AudioFacts:
    """Take the sound out of a WAV, FLAC, MP3, MP4, WebM, ... and write it as the house WAV.

    The WAV has exactly `round(seconds * 48000)` samples, cut or padded with silence; mono stays mono, more than two
    channels become two. Where the source has a picture, time 0 is its first frame. The licence that it names goes
    along. Raises `NoAudio` or another `MediaError`.
    """
    total = round(seconds * SAMPLE_RATE)
    with open_media(source) as container, written_whole(target_wav) as part:
        stream = sound_stream(container)
        if stream is None:
            raise NoAudio("There is no sound in this file.")
        picture = next(iter(container.streams.video), None)
        origin = None
        if picture is not None and picture.start_time is not None and picture.time_base is not None:
            origin = float(picture.start_time * picture.time_base)
        channels = min(2, stream.channels)
        layout = "mono" if channels == 1 else "stereo"
        meter = _Meter()
        with wave.open(str(part), "wb") as out:
            out.setnchannels(channels)
            out.setsampwidth(3)
            out.setframerate(SAMPLE_RATE)
            for frame in sound_frames(container, stream, origin=origin, sample_format="flt", layout=layout):
                samples = frame.to_ndarray().reshape(-1, channels).astype(np.float32, copy=False)
                meter.add(samples)
                out.writeframesraw(_as_24_bit(samples[: max(0, total - out.tell())]))
            out.writeframes(bytes(3 * channels * max(0, total - out.tell())))
        if licence := container.metadata.get("copyright", "")[:LONGEST_LICENCE]:
            _add_licence(part, licence)
        if meter.count == 0:
            raise NoAudio("The sound in this file can't be decoded: it is damaged.")
        delivered = meter.count / SAMPLE_RATE
        return AudioFacts(
            duration_delivered=delivered,
            sample_rate=stream.sample_rate,
            channels=channels,
            peak_dbfs=_dbfs(meter.peak),
            rms_dbfs=_dbfs(math.sqrt(meter.energy / (meter.count * channels))),
            short=delivered < seconds - TOLERANCE_SECONDS,
            silent=_dbfs(meter.peak) < SILENCE_DBFS,
            clipped=meter.clipped,
        )


def _add_licence(wav: Path, sentence: str) -> None:
    """Write into a finished WAV by which licence it may be used: a LIST chunk of INFO (RIFF, 1991) after the sound."""
    text = sentence.encode() + b"\0"
    text += b"\0" * (len(text) % 2)
    chunk = struct.pack("<4sI4s4sI", b"LIST", len(text) + 12, b"INFO", b"ICOP", len(text)) + text
    with wav.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        size = end - 8 + file.write(b"\0" * (end % 2) + chunk)
        file.seek(4)
        file.write(struct.pack("<I", size))


class _Meter:
    """Peak, energy and clipping of sound that comes in blocks."""

    def __init__(self) -> None:
        self.count = 0
        self.peak = 0.0
        self.energy = 0.0
        self.clipped = False

    def add(self, samples: NDArray[np.float32]) -> None:
        size = np.abs(samples)
        full = size >= _FULL_SCALE
        self.count += len(samples)
        self.peak = max(self.peak, float(size.max(initial=0.0)))
        self.energy += float(np.square(samples, dtype=np.float64).sum())
        self.clipped = self.clipped or bool((full[2:] & full[1:-1] & full[:-2]).any())


def _as_24_bit(samples: NDArray[np.float32]) -> bytes:
    scaled = np.clip(np.rint(samples * float(2**23)), -(2**23), 2**23 - 1).astype("<i4")
    words: NDArray[np.uint8] = scaled.view(np.uint8).reshape(-1, 4)
    return words[:, :3].tobytes()


def _dbfs(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR_DBFS
