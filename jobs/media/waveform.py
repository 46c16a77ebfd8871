"""A sound as the page draws it."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np

BINS = 1600
"""More than a wide screen's pixels across a player."""


def peaks(wav: Path, count: int = BINS) -> list[tuple[float, float]]:
    """The lowest and highest sample, -1..1 to three decimals, of `count` equal stretches of a 24-bit WAV.

    Channels are drawn as one. Fewer stretches where there are fewer samples. Reads one stretch at a time.
    """
    with wave.open(str(wav), "rb") as sound:
        if sound.getsampwidth() != 3:
            raise ValueError("peaks() draws 24-bit WAV, as extract_audio() writes it")
        total = sound.getnframes()
        bins = min(count, total)
        edges = [total * index // bins for index in range(bins + 1)] if bins else []
        drawn = []
        for first, last in pairwise(edges):
            raw = np.frombuffer(sound.readframes(last - first), np.uint8).reshape(-1, 3)
            words = np.zeros((len(raw), 4), np.uint8)
            words[:, 1:] = raw  # the three bytes are the upper ones of a 32-bit word
            samples = words.view("<i4")
            drawn.append((round(int(samples.min()) / 2**31, 3), round(int(samples.max()) / 2**31, 3)))
        return drawn
