"""What the picture shows: motion, contacts, flashes, and where on screen. The face of the foley model's vision."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import cv2
import numpy as np

from engine.foley.appearances import appearances
from engine.foley.bodies import Body, bodies
from engine.foley.contacts import contacts, speaking
from engine.foley.focus import candidates, only_bodies, only_liveliest, subject
from engine.foley.motion import Glimpse, watch
from engine.foley.scene import CURVE_RATE, Curve, Pointer, Scene
from engine.foley.starts import starts
from engine.frames import Frame, frames
from engine.model import Event, Progress, part

PIXELS = 256 * 144
"""The size of the pictures that are looked at, in all, whatever their shape."""

MAX_RATE = 60.0
"""Frames per second that are looked at, at most."""

STILL = 0.001
"""Diagonals per second: a clip whose mean speed stays well below this is still, and is not made to look lively."""

LIVELY = 0.02
"""Diagonals per second: the mean speed over the picture at which a clip is halfway lively."""


def see(clip: Path, duration: float, focus: Pointer | None) -> Generator[Progress, None, Scene]:
    """Look at the first `duration` seconds of a clip; yield progress (0..1 over the looking) and return the scene.

    `focus`: only the subject counts, for events and for motion: the body that fits the pointer best or, where it leaves
    the choice, travels furthest; where no such body is made out, the part of the picture that moves most there. None:
    all counts. The same clip gives the same scene, in every process. Raises `BadInput` where there is no picture to
    decode.
    """
    cv2.setNumThreads(1)  # the result must not depend on how work is shared out; decoding uses the other cores
    glimpses: list[Glimpse] = []
    shots: list[list[Frame]] = []
    told = 0.0
    for frame, glimpse in watch(frames(clip, duration, PIXELS, MAX_RATE)):
        if glimpse is not None:
            glimpses.append(glimpse)
        if glimpse is None or glimpse.cut:
            shots.append([])
        shots[-1].append(frame)
        if frame.time - told > duration / 50:
            told = frame.time
            yield Progress(0.8 * min(1.0, told / duration), "Watching the clip")
    found: list[Body] = []
    for index, shot in enumerate(shots):
        low, high = (0.8 + 0.2 * share / len(shots) for share in (index, index + 1))
        found += yield from part(bodies(shot), low, high)
    yield Progress(1.0, "Watched the clip")
    return _scene(glimpses, found, duration, focus)


def _scene(glimpses: Sequence[Glimpse], found: Sequence[Body], duration: float, focus: Pointer | None) -> Scene:
    things = speaking(found)
    if focus is not None:
        things = subject(candidates(things, glimpses), focus)
        glimpses = [only_bodies(each, things) for each in glimpses] if things else only_liveliest(glimpses, focus)
    points = np.arange(round(duration * CURVE_RATE) + 1) / CURVE_RATE
    speed = _curve(points, glimpses, [glimpse.speed for glimpse in glimpses], 0.0)
    liveliest = float(np.percentile(speed, 98))
    motion = np.clip(speed / max(liveliest, STILL), 0, 1)
    seen = [glimpse for glimpse in glimpses if glimpse.speed > 0]
    events = sorted([*contacts(glimpses, things, duration), *_flashes(glimpses)], key=lambda event: event.time)
    mean = float(speed.mean())
    return Scene(
        duration=duration,
        events=tuple(events),
        starts=tuple(starts(glimpses, duration)),
        appearances=tuple(appearances(glimpses)),
        motion=motion,
        pan=_curve(points, seen, [glimpse.x for glimpse in seen], 0.5),
        liveliness=mean / (mean + LIVELY),
        cadence=_cadence(motion),
    )


def _curve(points: Curve, glimpses: Sequence[Glimpse], values: Sequence[float], otherwise: float) -> Curve:
    """Values that hold between frames, as a curve at `points` (seconds)."""
    if not glimpses:
        return np.full(len(points), otherwise)
    middles = np.array([(glimpse.start + glimpse.end) / 2 for glimpse in glimpses])
    return np.interp(points, middles, np.asarray(values, np.float64))


def _flashes(glimpses: Sequence[Glimpse]) -> list[Event]:
    """Sudden light that nothing in the picture's motion explains; a rise over several frames is one flash."""
    events: list[Event] = []
    lit = -np.inf
    for glimpse in glimpses:
        if glimpse.brightening > 8:
            if glimpse.start - lit > 0.1:
                strength = min(1.0, glimpse.brightening / 80)
                events.append(Event(time=glimpse.end, strength=strength, kind="flash", size=1.0))
            lit = glimpse.end
    return events


def _cadence(motion: Curve) -> float | None:
    """The rate in Hz (0.4 to 8) at which the motion repeats itself, by autocorrelation; None where it does not."""
    wave = motion - motion.mean()
    power = float(wave @ wave)
    shortest, longest = round(CURVE_RATE / 8), min(round(CURVE_RATE / 0.4), len(wave) // 2)
    if power < 1e-9 or longest <= shortest + 2:
        return None
    spectrum = np.abs(np.fft.rfft(wave, 2 * len(wave))) ** 2
    alike = np.fft.irfft(spectrum)[: longest + 1] / power
    alike *= len(wave) / (len(wave) - np.arange(longest + 1))
    peaks = [i for i in range(shortest, longest) if alike[i - 1] < alike[i] >= alike[i + 1] and alike[i] > 0.3]
    if not peaks:
        return None
    best = max(alike[peaks])
    return CURVE_RATE / next(i for i in peaks if alike[i] > 0.85 * best)
