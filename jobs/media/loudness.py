"""How loud a sound is, as people hear it."""

from __future__ import annotations

import math
from pathlib import Path

from jobs.media.formats import open_media
from jobs.media.frames import decode, filtered
from jobs.media.sound import sound_stream

LEAST_LUFS = -70.0
"""The gate of ITU-R BS.1770-4: what never gets louder has no loudness."""


def loudness(sound: Path) -> float | None:
    """Integrated loudness (ITU-R BS.1770-4, EBU R 128) in LUFS, by FFmpeg's meter; None for silence, and for less than
    the 0.4 s that a first reading takes."""
    measured = ""
    with open_media(sound) as container:
        stream = sound_stream(container)
        if stream is None:
            return None
        for frame in filtered(decode(container, stream), ("ebur128=metadata=1",)):
            measured = frame.metadata.get("lavfi.r128.I", measured)
    value = float(measured or "nan")
    return round(value, 2) if math.isfinite(value) and value > LEAST_LUFS else None
