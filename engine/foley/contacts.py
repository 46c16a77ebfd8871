"""Choosing the instants of contact from the stops that were seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from engine.foley.motion import Glimpse
from engine.foley.scene import CURVE_RATE
from engine.model import Event

SPREAD = 0.04
"""Seconds (standard deviation) over which the parts of one stop are taken together, whatever the frame rate."""

APART = 0.12
"""Seconds between two contacts, at least."""

FAINTEST = 0.03
"""Diagonals per second: a smaller loss of speed is noise in any clip."""

SHARE = 0.35
"""Of the clip's own strong contacts: a weaker stop is no contact."""


def contacts(glimpses: Sequence[Glimpse], duration: float) -> list[Event]:
    """The impacts in order of time: stops that stand out from the motion around them and among the clip's own."""
    if len(glimpses) < 2:
        return []
    evidence = np.array([float(glimpse.stops.max()) for glimpse in glimpses])
    times = np.array([glimpse.start for glimpse in glimpses])
    points = round(duration * CURVE_RATE) + 1
    curve = np.zeros(points)
    np.add.at(curve, np.clip(np.round(times * CURVE_RATE).astype(int), 0, points - 1), evidence)
    sigma = SPREAD * CURVE_RATE
    curve = gaussian_filter1d(curve, sigma, mode="constant") * sigma * np.sqrt(2 * np.pi)
    usual = median_filter(curve, min(2 * round(0.5 * CURVE_RATE) + 1, 2 * (points // 2) + 1), mode="reflect")
    standing = curve - usual
    peaks = [i for i in range(1, points - 1) if curve[i - 1] < curve[i] >= curve[i + 1]]
    strong = float(np.percentile(standing[peaks], 90)) if peaks else 0.0
    chosen: list[int] = []
    for peak in sorted(peaks, key=lambda i: -standing[i]):
        if standing[peak] < max(FAINTEST, SHARE * strong):
            break
        if all(abs(peak - other) >= APART * CURVE_RATE for other in chosen):
            chosen.append(peak)
    return [_event(glimpses, times, peak / CURVE_RATE, float(standing[peak]) / strong) for peak in sorted(chosen)]


def _event(glimpses: Sequence[Glimpse], times: np.ndarray, about: float, strength: float) -> Event:
    """The event near `about`, its instant found between the frames.

    A body that is struck between two frames shows its change of speed in two shares, before and after, in proportion
    to how near each frame is: their centre of gravity is the instant.
    """
    near = int(np.argmin(np.abs(times - about)))
    near = max(range(max(0, near - 1), min(len(glimpses), near + 2)), key=lambda i: float(glimpses[i].stops.max()))
    cells = glimpses[near].stops
    row, column = np.unravel_index(int(np.argmax(cells)), cells.shape)
    around = range(max(0, near - 1), min(len(glimpses), near + 2))
    shares = np.array([float(glimpses[i].stops[row, column]) for i in around])
    shares = np.maximum(shares - shares.min(), 0) + 1e-12
    return Event(
        time=float((shares @ times[list(around)]) / shares.sum()),
        strength=float(np.clip(strength, 0.05, 1.0)),
        x=float((column + 0.5) / cells.shape[1]),
        y=float((row + 0.5) / cells.shape[0]),
        size=float(np.mean(cells > 0.3 * cells.max())),
    )
