"""Sound made visible: a spectrogram as an image, a waveform as an SVG path."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from scipy import signal as dsp

from engine.model import SAMPLE_RATE
from tests.engine.foley.listening import Signal, mono

LOWEST, HIGHEST = 40.0, 20_000.0
"""Hz at the lower and the upper edge of a spectrogram, whose frequency runs logarithmically."""
DEPTH = 80.0
"""dB from the brightest colour to black."""
WIDTH, HEIGHT = 640, 192

_WINDOW = 2048


def spectrogram(samples: Signal, path: Path) -> None:
    """Write a PNG of `WIDTH` x `HEIGHT`: time from left to right, frequency upwards, the loudest brightest."""
    heard = mono(samples)
    hop = max(1, len(heard) // WIDTH)
    padded = np.pad(heard, _WINDOW // 2)
    starts = np.linspace(0, max(len(heard) - hop, 0), WIDTH).astype(int)
    frames = padded[np.minimum(starts[:, None] + np.arange(_WINDOW), len(padded) - 1)] * dsp.windows.hann(_WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges = np.geomspace(LOWEST, HIGHEST, HEIGHT + 1) * _WINDOW / SAMPLE_RATE
    # The energy up to each edge, between the bins too: a row is the mean over its band, however narrow.
    until = np.concatenate([np.zeros((WIDTH, 1)), np.cumsum(power, axis=1)], axis=1)
    low = edges.astype(int)
    reached = until[:, low] + (edges - low) * power[:, low]
    levels = 10 * np.log10(np.diff(reached, axis=1) / np.diff(edges) + 1e-12)
    shade = np.clip(255 * (1 + (levels - levels.max()) / DEPTH), 0, 255).astype(np.uint8)
    image = cv2.applyColorMap(np.ascontiguousarray(shade.T[::-1]), cv2.COLORMAP_INFERNO)
    assert cv2.imwrite(str(path), image)


def waveform(samples: Signal, columns: int = 320) -> str:
    """The path of an outline in a box of `columns` x 100, silence at 50: the extremes of both channels together."""
    whole = np.asarray(samples, np.float64)
    parts = np.array_split(whole, min(columns, len(whole)))
    scale = columns / len(parts)
    upper = [f"{column * scale:.4g},{50 - 49 * part.max():.3g}" for column, part in enumerate(parts)]
    lower = [f"{column * scale:.4g},{50.5 - 49 * part.min():.3g}" for column, part in enumerate(parts)]
    return f"M{' '.join(upper)} {' '.join(lower[::-1])}Z"
