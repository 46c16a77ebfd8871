"""Tiny real clips whose content is known exactly: balls that bounce at given instants, pans, cuts, flashes, stills.

`film` writes any picture that is a function of time; the scenes below it are the ones many tests need. Every scene
returns the true instants (seconds from the first frame) of what happens in it, those within the clip alone.
Images are uint8 BGR of shape (height, width, 3). Everything is deterministic.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Picture = Callable[[float], Image]
FrameRate = float | Literal["variable"]

TIME_BASE = Fraction(1, 60_000)
"""A whole number of ticks per frame at 8, 12, 15, 24, 25, 29.97, 30, 50, 60 and 120 frames per second."""

AUDIO_RATE = 48_000


def frame_times(fps: FrameRate, seconds: float) -> list[float]:
    """The instants of the frames of a clip of `seconds`; "variable" wanders between 15 and 60 frames per second."""
    if fps != "variable":
        return [index / fps for index in range(max(1, math.ceil(seconds * fps - 1e-6)))]
    random = np.random.default_rng(7)
    times = [0.0]
    while times[-1] < seconds:
        times.append(times[-1] + float(random.choice([1 / 60, 1 / 30, 1 / 24, 1 / 15])))
    return times[:-1]


def film(
    path: Path,
    picture: Picture,
    *,
    fps: FrameRate = 30.0,
    seconds: float = 3.0,
    codec: str = "libx264",
    with_audio: bool = False,
    noise: float = 0.0,
    rotate: int = 0,
) -> None:
    """Write `picture(time)` as a clip at `path`, whose suffix chooses the container (.mp4, .mkv, .webm, .gif, ...).

    `noise` is the standard deviation of fresh Gaussian noise in every frame (grey levels of 255). `with_audio` adds a
    quiet 440 Hz tone (AAC; Opus in WebM, PCM in AVI). `rotate` (MP4 and MOV) asks players to turn the picture
    clockwise by 90, 180 or 270 degrees: `picture` is then what is stored, not what is seen.
    """
    write_frames(path, ((t, picture(t)) for t in frame_times(fps, seconds)), fps, codec, with_audio, seconds, noise)
    if rotate:
        _ask_to_rotate(path, rotate)


def write_frames(
    path: Path,
    frames: Iterable[tuple[float, Image]],
    fps: FrameRate = 30.0,
    codec: str = "libx264",
    with_audio: bool = False,
    seconds: float = 0.0,
    noise: float = 0.0,
) -> None:
    """Write frames with their times as a clip; `film` says what the rest means."""
    random = np.random.default_rng(3)
    with av.open(str(path), "w") as container:
        rate = Fraction(30 if fps == "variable" else fps).limit_denominator(1001)
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        time_base = Fraction(1, 100) if codec == "gif" else 1 / rate if path.suffix == ".avi" else TIME_BASE
        stream.codec_context.time_base = time_base
        stream.pix_fmt = {"gif": "rgb8", "mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}.get(codec, "yuv420p")
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "crf": "18"}
        audio: av.AudioStream | None = None
        if with_audio:
            audio_codec = {".webm": "libopus", ".avi": "pcm_s16le"}.get(path.suffix, "aac")
            added = container.add_stream(audio_codec, rate=AUDIO_RATE)
            assert isinstance(added, av.AudioStream)
            audio = added
        for time, image in frames:
            if noise:
                image = np.clip(image + random.normal(0, noise, image.shape), 0, 255).astype(np.uint8)
            if not stream.codec_context.is_open:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            frame.pts, frame.time_base = round(time / time_base), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            for block in _tone(seconds):
                container.mux(audio.encode(block))
            container.mux(audio.encode(None))


def _tone(seconds: float) -> Iterator[av.AudioFrame]:
    total = round(seconds * AUDIO_RATE)
    tone = (0.1 * np.sin(2 * np.pi * 440 / AUDIO_RATE * np.arange(total))).astype(np.float32)
    for start in range(0, total, 960):
        block = av.AudioFrame.from_ndarray(np.tile(tone[start : start + 960], (2, 1)), format="fltp", layout="stereo")
        block.sample_rate, block.pts, block.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
        yield block


def _ask_to_rotate(path: Path, clockwise: int) -> None:
    """Write the rotation into the video track's header box (tkhd, ISO/IEC 14496-12 8.3.2) of an MP4 or MOV file."""
    content = bytearray(path.read_bytes())
    one = 1 << 16
    cos, sin = {90: (0, one), 180: (-one, 0), 270: (0, -one)}[clockwise]
    at = content.index(b"tkhd") + 4 + 40  # the first track is the video's; version 0: 40 bytes before the matrix
    content[at : at + 36] = struct.pack(">9i", cos, sin, 0, -sin, cos, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


# Backgrounds: what moves or stays behind the subject. Each is a picture.


def plain(width: int, height: int, shade: int = 60) -> Picture:
    image = np.full((height, width, 3), shade, np.uint8)
    return lambda time: image.copy()


def textured(width: int, height: int, seed: int = 1) -> Picture:
    """A still scene with detail at several scales."""
    image = texture(width, height, seed)
    return lambda time: image.copy()


def texture(width: int, height: int, seed: int = 1) -> Image:
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((4, 0.4), (12, 0.3), (40, 0.3)):
        coarse = random.uniform(0, 255, (max(1, cells * height // width), cells, 3)).astype(np.float32)
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(total, 0, 255).astype(np.uint8)


def busy(width: int, height: int, seed: int = 1) -> Picture:
    """A crowd: patches that drift and sway each in its own rhythm, and lights that flicker, over a still texture."""
    random = np.random.default_rng(seed)
    still, detail = texture(width, height, seed), texture(width, height, seed + 1)
    size = max(8, min(width, height) // 8)
    patches = [
        (random.uniform(0, 1, 2), random.uniform(0.5, 1.5, 2), random.uniform(0, 2 * np.pi, 2), random.integers(2))
        for _ in range(14)
    ]

    def picture(time: float) -> Image:
        image = still.copy()
        for centre, rhythm, phase, flickers in patches:
            sway = 0.0 if flickers else 0.06
            place = np.clip(centre + sway * np.sin(2 * np.pi * rhythm * time + phase), 0, 1)
            x, y = int(place[0] * (width - size)), int(place[1] * (height - size))
            patch = detail[y : y + size, x : x + size] if flickers else detail[:size, :size]
            light = 0.7 + 0.3 * math.sin(2 * np.pi * 5 * rhythm[0] * time + phase[0]) if flickers else 1.0
            image[y : y + size, x : x + size] = (patch * light).astype(np.uint8)
        return image

    return picture


# Movers: where a ball is at an instant, in pixels.

Path2D = Callable[[float], tuple[float, float]]


def bounces(impacts: Sequence[float], floor: float, ceiling: float, x: float, drift: float = 0.0) -> Path2D:
    """A ball under one gravity that touches the floor exactly at `impacts` and, in the longest gap, the ceiling.

    Heights are pixels of the ball's centre from the top; `drift` is a sideways speed in pixels per second. Before the
    first impact it falls from where its flight would have begun; after the last it flies on as after a longest gap.
    """
    impacts = sorted(impacts)
    gaps = np.diff(impacts)
    longest = float(gaps.max()) if len(gaps) else 1.0
    gravity = 8 * (floor - ceiling) / longest**2
    times = [impacts[0] - longest, *impacts, impacts[-1] + longest]

    def where(time: float) -> tuple[float, float]:
        after = int(np.clip(np.searchsorted(times, time), 1, len(times) - 1))
        height = gravity / 2 * (time - times[after - 1]) * (times[after] - time)
        return x + drift * time, floor - max(0.0, height)

    return where


def draw_ball(image: Image, centre: tuple[float, float], radius: float, colour: tuple[int, int, int]) -> None:
    """An anti-aliased disc at a sub-pixel place, with a darker stripe so that it has texture."""
    fine = 16
    place = (round(centre[0] * fine), round(centre[1] * fine))
    cv2.circle(image, place, round(radius * fine), colour, -1, cv2.LINE_AA, 4)
    inner = tuple(int(0.5 * part) for part in colour)
    cv2.circle(image, place, round(0.4 * radius * fine), inner, -1, cv2.LINE_AA, 4)


# Scenes.


def bouncing_ball(
    path: Path,
    *,
    fps: FrameRate = 30.0,
    impacts: Sequence[float] = (0.5, 1.2, 1.7, 2.5),
    seconds: float = 3.0,
    width: int = 320,
    height: int = 180,
    radius: float | None = None,
    x: float = 0.5,
    drift: float = 0.0,
    background: Literal["plain", "textured", "busy"] = "plain",
    codec: str = "libx264",
    with_audio: bool = False,
    noise: float = 0.0,
    rotate: int = 0,
) -> list[float]:
    """A ball that touches the floor at `impacts` (seconds); `x` from 0 (left) to 1, `drift` in widths per second."""
    size = radius if radius is not None else min(width, height) / 12
    floor, ceiling = height * 0.9 - size, height * 0.1 + size
    where = bounces(impacts, floor, ceiling, x * width, drift * width)
    behind = {"plain": plain, "textured": textured, "busy": busy}[background](width, height)

    def picture(time: float) -> Image:
        image = behind(time)
        draw_ball(image, where(time), size, (40, 200, 250))
        return image

    film(path, picture, fps=fps, seconds=seconds, codec=codec, with_audio=with_audio, noise=noise, rotate=rotate)
    return [time for time in sorted(impacts) if time < seconds]


def several_balls(
    path: Path,
    *,
    impacts: Sequence[Sequence[float]] = ((0.5, 1.5, 2.5), (0.9, 1.9)),
    fps: FrameRate = 30.0,
    seconds: float = 3.0,
    width: int = 320,
    height: int = 180,
    noise: float = 0.0,
) -> list[list[float]]:
    """One ball for each sequence of impacts, side by side from left to right. Returns each ball's impacts."""
    radius = min(width, height) / 12
    floor, ceiling = height * 0.9 - radius, height * 0.1 + radius
    count = len(impacts)
    balls = [bounces(each, floor, ceiling, width * (i + 0.5) / count) for i, each in enumerate(impacts)]
    colours = [(40, 200, 250), (240, 120, 60), (90, 90, 240), (120, 240, 120)]
    behind = plain(width, height)

    def picture(time: float) -> Image:
        image = behind(time)
        for index, ball in enumerate(balls):
            draw_ball(image, ball(time), radius, colours[index % len(colours)])
        return image

    film(path, picture, fps=fps, seconds=seconds, noise=noise)
    return [[time for time in sorted(each) if time < seconds] for each in impacts]


def pan(
    path: Path,
    *,
    fps: FrameRate = 30.0,
    seconds: float = 3.0,
    speed: float = 0.2,
    width: int = 320,
    height: int = 180,
    noise: float = 0.0,
) -> list[float]:
    """The camera pans over a still texture: it rests, sets off, and stops (`speed` in widths per second). No events."""
    wide = texture(width * 3, height, 5)

    def picture(time: float) -> Image:
        travelled = np.clip(time - seconds * 0.2, 0, seconds * 0.6) * speed * width
        centre = (width / 2 + min(float(travelled), 2.0 * width - 1), height / 2 - 0.5)
        return np.asarray(cv2.getRectSubPix(wide, (width, height), centre), np.uint8)

    film(path, picture, fps=fps, seconds=seconds, noise=noise)
    return []


def cuts(
    path: Path,
    *,
    at: Sequence[float] = (1.0, 2.0),
    fps: FrameRate = 30.0,
    seconds: float = 3.0,
    width: int = 320,
    height: int = 180,
) -> list[float]:
    """Still shots, one after the other, with a hard cut at each of `at`."""
    shots = [texture(width, height, 11 + index) for index in range(len(at) + 1)]
    film(path, lambda time: shots[int(np.searchsorted(at, time, "right"))], fps=fps, seconds=seconds)
    return [time for time in sorted(at) if time < seconds]


def flash(
    path: Path,
    *,
    at: Sequence[float] = (1.0,),
    fps: FrameRate = 30.0,
    seconds: float = 3.0,
    width: int = 320,
    height: int = 180,
    noise: float = 0.0,
) -> list[float]:
    """A still, dim scene lit up at once at each of `at`, the light dying away within half a second (lightning)."""
    still = (0.4 * texture(width, height, 9)).astype(np.float32)

    def picture(time: float) -> Image:
        light = sum(math.exp(-(time - start) / 0.12) for start in at if time >= start)
        return np.asarray(np.clip(still * (1 + 1.5 * light) + 120 * light, 0, 255), np.uint8)

    film(path, picture, fps=fps, seconds=seconds, noise=noise)
    return [time for time in sorted(at) if time < seconds]


def still(
    path: Path,
    *,
    fps: FrameRate = 30.0,
    seconds: float = 2.0,
    width: int = 320,
    height: int = 180,
    codec: str = "libx264",
    with_audio: bool = False,
    noise: float = 0.0,
) -> list[float]:
    """A picture in which nothing moves."""
    picture = textured(width, height)
    film(path, picture, fps=fps, seconds=seconds, codec=codec, with_audio=with_audio, noise=noise)
    return []


def falling_blocks(
    path: Path,
    *,
    impacts: Sequence[float] = (0.6, 1.35, 2.1, 3.0),
    fps: FrameRate = 30.0,
    seconds: float = 3.5,
    width: int = 320,
    height: int = 180,
    noise: float = 0.0,
) -> list[float]:
    """Blocks that appear, fall for 0.4 s, land at `impacts`, lie for 0.35 s and vanish: one at a time, on a texture."""
    behind = textured(width, height)
    side, floor, fall = height // 8, height * 5 // 6, height * 2 / 3

    def picture(time: float) -> Image:
        image = behind(time)
        for impact in impacts:
            if impact - 0.4 <= time < impact + 0.35:
                bottom = round(floor - fall * (1 - min(1.0, (time - impact + 0.4) / 0.4) ** 2))
                cv2.rectangle(image, (width // 2, bottom - side), (width // 2 + side, bottom), (230, 230, 230), -1)
        return image

    film(path, picture, fps=fps, seconds=seconds, noise=noise)
    return [time for time in sorted(impacts) if time < seconds]


def drumstick(
    path: Path,
    *,
    beat: float = 0.5,
    fps: FrameRate = 30.0,
    seconds: float = 3.2,
    width: int = 320,
    height: int = 180,
    noise: float = 0.0,
) -> list[float]:
    """A slanting stick that strikes every `beat` seconds, first at `beat`, and swings up again in between."""
    behind = plain(width, height)
    fine = 16

    def picture(time: float) -> Image:
        image = behind(time)
        tip = height * (0.83 - 0.38 * abs(math.sin(math.pi * time / beat)))
        ends = [(0.38 * width, tip - 0.14 * height), (0.62 * width, tip)]
        start, end = ((round(x * fine), round(y * fine)) for x, y in ends)
        cv2.line(image, start, end, (180, 200, 230), 6, cv2.LINE_AA, 4)
        return image

    film(path, picture, fps=fps, seconds=seconds, noise=noise)
    return [beat * turn for turn in range(1, math.ceil(seconds / beat))]
