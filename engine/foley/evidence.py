"""Evidence over time for something that happens at instants: where it peaks, and what is strong in one clip."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from engine.foley.scene import CURVE_RATE

Times = NDArray[np.float64]

SPREAD = 0.04
"""Seconds (standard deviation) over which the parts of one instant are taken together, whatever the frame rate."""

WEAKEST = 0.1
"""Of what is strong in a clip: weaker evidence never counts."""

GAP = 3.0
"""How many times as much as the next weaker evidence is clearly more."""

AROUND = 0.5
"""Seconds before and after an instant that it must stand out from."""


def standing_out(times: Times, evidence: Times, duration: float) -> list[tuple[float, float]]:
    """The instants (seconds) at which evidence peaks, and by how much each stands out from what is usual around it."""
    if len(times) < 2:
        return []
    points = round(duration * CURVE_RATE) + 1
    curve = np.zeros(points)
    np.add.at(curve, np.clip(np.round(times * CURVE_RATE).astype(int), 0, points - 1), evidence)
    sigma = SPREAD * CURVE_RATE
    curve = gaussian_filter1d(curve, sigma, mode="constant") * sigma * np.sqrt(2 * np.pi)
    window = min(2 * round(AROUND * CURVE_RATE) + 1, 2 * (points // 2) + 1)
    standing = curve - median_filter(curve, window, mode="reflect")
    peaks = [i for i in range(1, points - 1) if curve[i - 1] < curve[i] >= curve[i + 1] and standing[i] > 0]
    return [(peak / CURVE_RATE, float(standing[peak])) for peak in peaks]


def strong(evidence: Times) -> float:
    """What is strong among some evidence: its mean weighted by its square; 0 where there is none.

    Many weak instants hardly lower it, as they would a percentile, and a single one hardly raises it, as the maximum.
    """
    squares = evidence**2
    return float((squares @ evidence) / max(float(squares.sum()), 1e-12))


def weakest(evidence: Times, share: float) -> float:
    """The least evidence that counts: a share of what is strong, or less where what is still weaker is far weaker."""
    strongly = strong(evidence)
    least = share * strongly
    for here, below in pairwise(np.sort(evidence)[::-1]):
        if WEAKEST * strongly <= here < least and below < here / GAP:
            least = float(here)
    return least
