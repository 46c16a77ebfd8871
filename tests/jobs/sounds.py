"""Sounds as a backend might deliver them."""

from __future__ import annotations

import io
import wave

import numpy as np

RATE = 48_000


def wav(seconds: float, level: float = 0.3, rate: int = RATE, channels: int = 2) -> bytes:
    """A 440 Hz tone as 16-bit WAV."""
    tone = level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    samples = np.repeat((tone * 32767).astype("<i2")[:, None], channels, axis=1)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()
