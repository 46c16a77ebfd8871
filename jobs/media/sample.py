"""The clip behind "Try it with a sample": a ball bounces, rolls into a block, the block knocks a slab, the slab falls.

Drawn here, frame by frame: every shape is a signed distance, so edges are smooth at any size and angle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from jobs.media.encoding import MP4_OPTIONS, h264_packets, mux_in_turn
from jobs.media.files import written_whole

SAMPLE_PROMPT = "a wooden ball bounces on a wooden floor, then wooden blocks knock and one falls, small room"

WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 30, 5.0

Floats = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Lengths in pixels, y downwards; times in seconds.
_FLOOR = 610.0
_HORIZON = 530
_RADIUS = 60.0
_BALL_START, _BALL_SPEED = 90.0, 400.0
_DROP, _DROP_HEIGHT, _GRAVITY, _RESTITUTION = 0.3, 200.0, 2600.0, 0.65
_BOUNCES = 2
_BLOCK_LEFT, _BLOCK_SIZE, _BLOCK_SPEED = 704.0, 100.0, 500.0
_SLAB_LEFT, _SLAB_WIDTH, _SLAB_HEIGHT = 960.0, 46.0, 240.0
_TOPPLE = 1.0

_WALL_TOP, _WALL_FOOT = (246, 240, 231), (236, 224, 208)
_GROUND_FAR, _GROUND_NEAR = (214, 193, 166), (193, 167, 134)
_BALL, _BALL_STRIPE, _BLOCK, _SLAB = (226, 88, 62), (247, 214, 190), (28, 78, 84), (142, 84, 26)


def _floor_impacts() -> list[float]:
    """When the ball meets the floor: each flight lasts `_RESTITUTION` times the one before."""
    fall = math.sqrt(2 * _DROP_HEIGHT / _GRAVITY)
    impacts = [_DROP + fall]
    for bounce in range(1, _BOUNCES):
        impacts.append(impacts[-1] + 2 * fall * _RESTITUTION**bounce)
    return impacts


_BOUNCE_TIMES = _floor_impacts()
_KNOCK = _DROP + (_BLOCK_LEFT - _RADIUS - _BALL_START) / _BALL_SPEED  # the ball meets the block
_HIT = _KNOCK + (_SLAB_LEFT - _BLOCK_LEFT - _BLOCK_SIZE) / _BLOCK_SPEED  # the block meets the slab
_SLAM = _HIT + _TOPPLE  # the slab meets the floor

SAMPLE_IMPACTS = (*(round(time, 3) for time in _BOUNCE_TIMES), round(_KNOCK, 3), round(_HIT, 3), round(_SLAM, 3))
"""Seconds of everything that should sound."""


def make_sample(target: Path) -> None:
    """Write the sample, an MP4 of 5 s, 1280 x 720, 30 frames a second, without sound. The same bytes every time."""
    with written_whole(target) as part, av.open(str(part), "w", format="mp4", container_options=MP4_OPTIONS) as output:
        packets = h264_packets(
            output, _frames(), size=(WIDTH, HEIGHT), fps=FPS, time_base=Fraction(1, FPS * 512), crf=18
        )
        mux_in_turn(output, packets)


def _frames() -> Iterator[VideoFrame]:
    background = _background()
    reformatter = VideoReformatter()
    for index in range(round(SECONDS * FPS)):
        picture = background.copy()
        _draw(picture, index / FPS)
        frame = reformatter.reformat(
            VideoFrame.from_ndarray(picture, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = index * 512, Fraction(1, FPS * 512)
        yield frame


def _background() -> Image:
    """A wall and a floor, each a soft gradient, with grain that keeps the encoder from banding them."""
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None, None]
    wall = _between(_WALL_TOP, _WALL_FOOT, rows / _HORIZON)
    ground = _between(_GROUND_FAR, _GROUND_NEAR, (rows - _HORIZON) / (HEIGHT - _HORIZON))
    shade = np.where(rows < _HORIZON, wall, ground)
    across = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :, None]
    light = 1 - 0.05 * across**2 - 0.03 * across
    grain = np.random.default_rng(1).normal(0, 0.7, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return np.clip(shade * light + grain, 0, 255).astype(np.uint8)


def _draw(picture: Image, time: float) -> None:
    ball_x, lift, stretch = _ball(time)
    block_left = _BLOCK_LEFT + _BLOCK_SPEED * _clamp(time - _KNOCK, 0, _HIT - _KNOCK)
    angle = _slab_angle(time)

    _shadow(picture, ball_x, _RADIUS * (1 + lift / 500), 0.42 / (1 + lift / 90))
    _shadow(picture, block_left + _BLOCK_SIZE / 2, _BLOCK_SIZE * 0.62, 0.4)
    reach = _SLAB_WIDTH / 2 * math.cos(angle) + _SLAB_HEIGHT / 2 * math.sin(angle)
    _shadow(picture, _SLAB_LEFT + _SLAB_WIDTH + reach - _SLAB_WIDTH * math.cos(angle), reach * 1.15 + 6, 0.4)

    half_width, half_height = _SLAB_WIDTH / 2, _SLAB_HEIGHT / 2
    sine, cosine = math.sin(angle), math.cos(angle)  # about the slab's lower right corner
    centre = (
        _SLAB_LEFT + _SLAB_WIDTH - half_width * cosine + half_height * sine,
        _FLOOR - half_width * sine - half_height * cosine,
    )
    _box(picture, centre, (half_width, half_height), angle, _SLAB)
    half = _BLOCK_SIZE / 2
    _box(picture, (block_left + half, _FLOOR - half), (half, half), 0.0, _BLOCK)
    _ball_at(picture, ball_x, lift, stretch, roll=(ball_x - _BALL_START) / _RADIUS)


def _ball(time: float) -> tuple[float, float, float]:
    """The ball's x, how far it is above the floor, and how much taller than wide it is drawn."""
    x = _BALL_START + _BALL_SPEED * _clamp(time - _DROP, 0, _KNOCK - _DROP)
    past = [impact for impact in _BOUNCE_TIMES if impact <= time]
    fall_speed = _GRAVITY * (_BOUNCE_TIMES[0] - _DROP)
    if not past:
        falling = max(0.0, time - _DROP)
        return x, _DROP_HEIGHT - _GRAVITY * falling**2 / 2, 1 + 0.14 * _GRAVITY * falling / fall_speed
    since = time - past[-1]
    speed = fall_speed * math.pow(_RESTITUTION, len(past)) if len(past) < _BOUNCES else 0.0
    lift = max(0.0, speed * since - _GRAVITY * since**2 / 2)
    stretch: float = 1 + 0.14 * abs(speed - _GRAVITY * since) / fall_speed if lift > 0 else 1.0
    squash = 0.3 * math.pow(_RESTITUTION, len(past) - 1) * math.exp(-since / 0.045)
    return x, lift, stretch - squash


def _slab_angle(time: float) -> float:
    """Radians from upright: pushed over slowly, falling faster and faster."""
    share = _clamp((time - _HIT) / _TOPPLE, 0, 1)
    return math.pi / 2 * (0.25 * share + 0.75 * math.pow(share, 3.2))


def _ball_at(picture: Image, x: float, lift: float, stretch: float, roll: float) -> None:
    radius_x, radius_y = _RADIUS / math.sqrt(stretch), _RADIUS * math.sqrt(stretch)
    y = _FLOOR - lift - radius_y
    view, across, down = _window(picture, x, y, max(radius_x, radius_y) + 2)
    u, v = across / radius_x, down / radius_y
    distance = (np.hypot(u, v) - 1) * min(radius_x, radius_y)
    turned = -math.sin(roll) * u + math.cos(roll) * v
    stripe = np.clip((0.2 - np.abs(turned)) * _RADIUS / 1.5, 0, 1)[..., None]
    body = _between(_BALL, _BALL_STRIPE, stripe)
    light = 1.06 - 0.3 * np.clip(np.hypot(u + 0.35, v + 0.45) - 0.2, 0, 2)[..., None]
    _blend(view, body * light, distance)


def _box(picture: Image, centre: tuple[float, float], half: tuple[float, float], angle: float, colour: Colour) -> None:
    view, across, down = _window(picture, *centre, math.hypot(*half) + 2)
    x = math.cos(angle) * across + math.sin(angle) * down
    y = -math.sin(angle) * across + math.cos(angle) * down
    corner = 6.0
    over_x, over_y = np.abs(x) - half[0] + corner, np.abs(y) - half[1] + corner
    distance = np.hypot(np.maximum(over_x, 0), np.maximum(over_y, 0)) + np.minimum(np.maximum(over_x, over_y), 0)
    light = 1.05 - 0.14 * (y / half[1] * 0.5 + 0.5) - 0.05 * x / half[0]
    _blend(view, np.array(colour, np.float32) * light[..., None], distance - corner)


def _shadow(picture: Image, x: float, reach: float, depth: float) -> None:
    view, across, down = _window(picture, x, _FLOOR + 4, 2.2 * reach, 26)
    darkness = depth * np.exp(-2 * (across / reach) ** 2 - (down / 10) ** 2)
    view[:] = (view * (1 - darkness[..., None])).astype(np.uint8)


def _window(
    picture: Image, x: float, y: float, reach_x: float, reach_y: float | None = None
) -> tuple[Image, Floats, Floats]:
    """The part of the picture within reach of a point, and each pixel's distance from it, across and down."""
    reach_y = reach_x if reach_y is None else reach_y
    left, right = max(0, math.floor(x - reach_x)), min(WIDTH, math.ceil(x + reach_x))
    top, bottom = max(0, math.floor(y - reach_y)), min(HEIGHT, math.ceil(y + reach_y))
    across = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5 - x)
    down = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - y)
    size = (bottom - top, right - left)
    return picture[top:bottom, left:right], np.broadcast_to(across, size), np.broadcast_to(down, size)


def _blend(view: Image, colour: Floats, distance: Floats) -> None:
    """Paint where the signed distance, in pixels, is inside; the edge is one pixel wide."""
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    view[:] = np.clip(view * (1 - cover) + colour * cover, 0, 255).astype(np.uint8)


def _between(first: Colour, second: Colour, share: Floats) -> Floats:
    start, end = np.array(first, np.float32), np.array(second, np.float32)
    mixed: Floats = start + (end - start) * np.clip(share, 0, 1)
    return mixed


def _clamp(number: float, low: float, high: float) -> float:
    return min(max(number, low), high)
