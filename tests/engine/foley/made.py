"""Made scenes: small clips of several things that move at random, whose contacts are known exactly.

A scene is drawn from its seed alone: its shape, frame rate, background, noise and light, how the camera moves, a cut
or a flash, and its movers. Some strike (balls, hammers, blocks, pucks), some don't (pendulums, drifters).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from tests import clips
from tests.clips import FrameRate, Image

RATES: tuple[FrameRate, ...] = (12.0, 15.0, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0, "variable")
SHAPES = ((256, 144), (144, 256), (192, 192), (208, 156))
SECONDS = 2.4
GRAVITY = 3000.0
"""Pixels per second squared: as where the picture shows about half a metre."""

Draw = Callable[[Image, float], None]


@dataclass(frozen=True)
class Made:
    """A scene as it was drawn: its frame rate, when things strike, when it is lit up, and what it is, in words."""

    fps: FrameRate
    contacts: tuple[float, ...]
    flashes: tuple[float, ...]
    described: str

    @property
    def tolerance(self) -> float:
        """Seconds: 20 ms from 24 frames a second on, a frame below; a varying rate goes down to 15."""
        slowest = 15.0 if self.fps == "variable" else self.fps
        return 0.02 if slowest >= 24 else 1 / slowest


def made(seed: int, clip: Path) -> Made:
    """Draw the scene of a seed as a clip."""
    random = np.random.default_rng([seed, 77])
    fps = RATES[seed % len(RATES)]
    width, height = SHAPES[int(random.choice(4, p=(0.55, 0.15, 0.15, 0.15)))]
    camera = str(random.choice(["still", "pan", "hand"], p=(0.6, 0.2, 0.2)))
    what = str(random.choice(["plain", "textured"], p=(0.4, 0.6))) if camera == "still" else "textured"
    special = str(random.choice(["", "cut", "flash", "dark"], p=(0.55, 0.15, 0.15, 0.15)))
    noise = float(random.choice([0.0, 1.5, 4.0]))
    light = 0.35 if special == "dark" else 1.0
    middle = float(random.uniform(0.4, 0.6)) * SECONDS
    quiet = middle if special in ("cut", "flash") else None
    times = _contacts(random, quiet, 0.2 if fps == "variable" else max(0.2, 4 / fps))
    strikers = int(random.integers(1, 4 if width > 200 else 3))
    kinds = [str(random.choice(["ball", "hammer", "block", "puck"])) for _ in range(strikers)]
    others = [str(random.choice(["pendulum", "drifter"])) for _ in range(int(random.integers(0, 2)))]
    draws: list[Draw] = []
    known: list[float] = []
    slots = random.permutation(strikers + len(others))
    for index, kind in enumerate([*kinds, *others]):
        span = width / (strikers + len(others))
        box = (slots[index] * span, 0.08 * height, span, 0.8 * height)
        own = tuple(times[index::strikers]) if index < strikers else ()
        if index < strikers and not own:
            continue
        kind = "ball" if kind == "puck" and span < 70 else kind
        draws.append(_MOVERS[kind](random, box, own))
        known += own
    behind, after = (_background(what, width, height, random) for _ in range(2))
    travel = _travel(camera, random, width)

    def picture(time: float) -> Image:
        image = behind.copy() if special != "cut" or time < middle else after.copy()
        for draw in draws:
            draw(image, time)
        x, y = travel(time)
        if camera != "still":
            move = np.array([[1, 0, x], [0, 1, y]], np.float64)
            image = np.asarray(cv2.warpAffine(image, move, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)
        if special == "cut" and time >= middle:
            image = np.ascontiguousarray(image[:, ::-1])
        if light != 1.0 or (special == "flash" and time >= middle):
            lit = math.exp(-(time - middle) / 0.1) if special == "flash" else 0.0
            image = np.clip(image.astype(np.float32) * light + 110 * lit, 0, 255).astype(np.uint8)
        return image

    clips.film(clip, picture, fps=fps, seconds=SECONDS, noise=noise)
    described = f"{fps} fps {width}x{height} {camera} {what} {special} noise {noise} {kinds} {others}"
    return Made(fps, tuple(sorted(known)), (middle,) if special == "flash" else (), described)


def _contacts(random: np.random.Generator, quiet: float | None, least: float) -> list[float]:
    """Instants apart enough to be heard one by one, and away from a cut or a flash."""
    times = []
    time = float(random.uniform(0.3, 0.5))
    while time < SECONDS - 0.15:
        if quiet is None or abs(time - quiet) > 0.2:
            times.append(time)
        time += float(random.uniform(least, least + 0.25))
    return times


def _background(what: str, width: int, height: int, random: np.random.Generator) -> Image:
    seed = int(random.integers(1000))
    if what == "textured":
        return np.asarray(20 + clips.texture(width, height, seed) * 0.45, np.uint8)
    return clips.plain(width, height, int(random.integers(30, 110)))(0.0)


def _travel(camera: str, random: np.random.Generator, width: int) -> Callable[[float], tuple[float, float]]:
    """Where the camera has moved the picture, in pixels: steadily, or trembling as a hand does."""
    if camera == "pan":
        speed = float(random.choice([-1, 1])) * float(random.uniform(0.03, 0.08)) * width
        return lambda time: (speed * time, 0.0)
    phases, rates = random.uniform(0, 6.3, 4), random.uniform(0.4, 1.6, 4)
    size = 0.006 * width
    return lambda time: (
        size * float(np.sin(6.3 * rates[0] * time + phases[0]) + 0.4 * np.sin(12 * rates[1] * time + phases[1])),
        size * float(np.sin(6.3 * rates[2] * time + phases[2]) + 0.4 * np.sin(12 * rates[3] * time + phases[3])),
    )


Box = tuple[float, float, float, float]
"""The part of the picture in which a mover keeps: left, top, width, height."""


def _between(contacts: tuple[float, ...], time: float) -> tuple[float, float]:
    """How far the time is between two contacts, 0..1, and the seconds from the one to the other."""
    for before, after in pairwise(_endless(contacts)):
        if time < after:
            return (time - before) / (after - before), after - before
    raise ValueError(time)


def _endless(contacts: tuple[float, ...]) -> tuple[float, ...]:
    """The contacts with one before the clip and one after it."""
    return (min(-0.1, contacts[0] - 0.4), *contacts, max(SECONDS + 0.1, contacts[-1] + 0.4))


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    blue, green, red = (int(value) for value in random.integers(170, 256, 3))
    return blue, green, red


def _ball(random: np.random.Generator, box: Box, contacts: tuple[float, ...]) -> Draw:
    left, top, wide, high = box
    radius = float(random.uniform(6, min(13.0, 0.35 * wide)))
    contacts = _endless(contacts)
    longest = float(np.diff(contacts).max())
    rise = min(high - 2 * radius, GRAVITY * longest**2 / 8 * float(random.uniform(0.5, 1.0)))
    where = clips.bounces(contacts, top + high, top + high - rise, left + wide / 2)
    colour = _colour(random)
    return lambda image, time: clips.draw_ball(image, (where(time)[0], where(time)[1] - radius), radius, colour)


def _hammer(random: np.random.Generator, box: Box, contacts: tuple[float, ...]) -> Draw:
    """A stick on a pivot: lifted slowly, swung down fast, thrown back by what it strikes."""
    left, top, wide, high = box
    colour, reach = _colour(random), min(0.8 * wide, 0.6 * high)
    share, thick = float(random.uniform(0.6, 1.0)), int(random.integers(4, 9))

    def draw(image: Image, time: float) -> None:
        place, lasting = _between(contacts, time)
        lifted = min(1.1, share * GRAVITY * lasting**2 / 8 / reach) * math.sin(math.pi * place**1.5)
        pivot = left + 0.1 * wide, top + high - 6
        tip = pivot[0] + reach * math.cos(lifted), pivot[1] - reach * math.sin(lifted)
        ends = [(round(16 * x), round(16 * y)) for x, y in (pivot, tip)]
        cv2.line(image, ends[0], ends[1], colour, thick, cv2.LINE_AA, 4)
        cv2.circle(image, ends[1], 16 * (thick + 2), colour, -1, cv2.LINE_AA, 4)

    return draw


def _block(random: np.random.Generator, box: Box, contacts: tuple[float, ...]) -> Draw:
    """A textured block: lifted gently, dropped, dead where it lands."""
    left, top, wide, high = box
    side = int(max(10, min(0.45 * wide, random.uniform(16, 34))))
    face = np.clip(0.3 * clips.texture(side, side, int(random.integers(1000))) + _colour(random), 0, 255).astype(
        np.uint8
    )
    share = float(random.uniform(0.5, 1.0))

    def draw(image: Image, time: float) -> None:
        place, lasting = _between(contacts, time)
        height = min(high - side, share * GRAVITY * (0.35 * lasting) ** 2 / 2)
        lifted = 0.5 - 0.5 * math.cos(math.pi * (place - 0.15) / 0.5) if 0.15 < place < 0.65 else 0.0
        if place >= 0.65:
            lifted = 1 - ((place - 0.65) / 0.35) ** 2
        y, x = top + high - side - height * lifted, left + (wide - side) / 2
        move = np.array([[1, 0, x], [0, 1, y]], np.float64)
        cv2.warpAffine(face, move, image.shape[1::-1], dst=image, borderMode=cv2.BORDER_TRANSPARENT)

    return draw


def _puck(random: np.random.Generator, box: Box, contacts: tuple[float, ...]) -> Draw:
    """A disc that slides to and fro between two walls."""
    left, top, wide, high = box
    radius = float(random.uniform(5, min(9.0, 0.2 * wide)))
    y = top + high * float(random.uniform(0.2, 0.9))
    colour = _colour(random)

    def draw(image: Image, time: float) -> None:
        place, _ = _between(contacts, time)
        turn = sum(contact <= time for contact in contacts) % 2
        across = place if turn else 1 - place
        x = left + radius + (wide - 2 * radius) * across
        for wall in (left + 1, left + wide - 1):
            cv2.line(image, (round(wall), round(y - 14)), (round(wall), round(y + 14)), (230, 230, 230), 2)
        clips.draw_ball(image, (x, y), radius, colour)

    return draw


def _pendulum(random: np.random.Generator, box: Box, contacts: tuple[float, ...]) -> Draw:
    left, top, wide, high = box
    rate, radius = float(random.uniform(0.5, 1.0)), float(random.uniform(5, 9))
    colour = _colour(random)

    def draw(image: Image, time: float) -> None:
        angle = 0.5 * math.sin(2 * math.pi * rate * time)
        length = 0.6 * high
        x = left + wide / 2 + min(0.5 * wide, length) * math.sin(angle)
        clips.draw_ball(image, (x, top + length * math.cos(angle)), radius, colour)

    return draw


def _drifter(random: np.random.Generator, box: Box, contacts: tuple[float, ...]) -> Draw:
    left, top, wide, high = box
    radius, y = float(random.uniform(6, 14)), top + high * float(random.uniform(0.2, 0.8))
    speed = float(random.uniform(0.2, 0.35)) * wide
    colour = _colour(random)
    return lambda image, time: clips.draw_ball(image, (left + radius + speed * time, y), radius, colour)


_MOVERS: dict[str, Callable[[np.random.Generator, Box, tuple[float, ...]], Draw]] = {
    "ball": _ball,
    "hammer": _hammer,
    "block": _block,
    "puck": _puck,
    "pendulum": _pendulum,
    "drifter": _drifter,
}
