"""A clip as the two encoders want to see it: at 8 and at 25 pictures a second, by the frames' own timestamps.

Picture k of a rate f is the first frame shown at k / f or later; where the clip has ended, its last. The ticks are
exact, so that a clip of any rate keeps its length. What does not change is kept once.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import av
import torch
from torch import Tensor
from torch.nn import functional

from engine import frames
from engine.mmaudio import clip_towers, synchformer
from engine.mmaudio.lengths import CLIP_RATE, SEGMENT_FRAMES, SYNC_RATE
from engine.model import Progress

Edges = Literal["crop", "squeeze"]
"""How a picture becomes a square for the timing encoder: its middle, or all of it squeezed."""

_SLACK = 1e-6  # seconds: below any clock of a file, above what reckoning with floats loses


@dataclass
class Pictures:
    """`images` of shape (3, side, side), uint8; `order` says which of them is shown at each tick of `rate`."""

    rate: int
    images: list[Tensor] = field(default_factory=list)
    order: list[int] = field(default_factory=list)

    def wants(self, time: float) -> bool:
        """Whether a frame at `time` is shown at a tick."""
        return time + _SLACK >= len(self.order) / self.rate

    def show(self, image: Tensor, time: float) -> None:
        """Take the image of a frame at `time` for each tick up to it."""
        if not (self.images and torch.equal(image, self.images[-1])):
            self.images.append(image)
        while self.wants(time):
            self.order.append(len(self.images) - 1)

    def until(self, ticks: int) -> None:
        """Let the last picture stand until there are `ticks`, and leave out what comes later."""
        self.order += [len(self.images) - 1] * (ticks - len(self.order))
        del self.order[ticks:]
        del self.images[max(self.order) + 1 :]


def look(
    clip: Path, seconds: float, ticks: tuple[int, int], edges: Edges
) -> Generator[Progress, None, tuple[Pictures, Pictures]]:
    """Decode the clip; return the pictures for appearance and for timing, `ticks` of each.

    Raises `BadInput` where nothing can be decoded.
    """
    appearance, timing = Pictures(CLIP_RATE), Pictures(SYNC_RATE)
    for time, frame in frames.decoded(clip, seconds):
        if appearance.wants(time) or timing.wants(time):
            image = _rgb(frame)
            if appearance.wants(time):
                appearance.show(squeezed(image, clip_towers.SIDE), time)
            if timing.wants(time):
                square = cropped if edges == "crop" else squeezed
                timing.show(square(image, synchformer.SIDE), time)
        yield Progress(min(1.0, time / seconds), "Opening the clip")
    appearance.until(ticks[0])
    timing.until(ticks[1])
    return appearance, timing


def _rgb(frame: av.VideoFrame) -> Tensor:
    """(3, height, width), uint8, upright."""
    return torch.from_numpy(frames.upright(frame.to_ndarray(format="rgb24"), frame)).permute(2, 0, 1)


def squeezed(image: Tensor, side: int) -> Tensor:
    """The whole image (3, H, W), uint8, as a square whatever its shape."""
    return _resized(image, side, side)


def cropped(image: Tensor, side: int) -> Tensor:
    """The middle square of the image (3, H, W), uint8, its short edge resized to `side`."""
    height, width = image.shape[-2:]
    short = min(height, width)
    image = _resized(image, int(side * height / short), int(side * width / short))
    top, left = round((image.shape[-2] - side) / 2), round((image.shape[-1] - side) / 2)
    return image[:, top : top + side, left : left + side].contiguous()


def _resized(image: Tensor, height: int, width: int) -> Tensor:
    """Bicubic with antialiasing, in whole numbers, as the network's training pictures were made."""
    return functional.interpolate(image[None], (height, width), mode="bicubic", antialias=True, align_corners=False)[0]


def segments(timing: Pictures, batch: range) -> Tensor:
    """The frames of some segments: (len(batch), 16, 3, side, side), -1..1."""
    half = SEGMENT_FRAMES // 2
    starts = [half * number for number in batch]
    shown = [[timing.images[place] for place in timing.order[start : start + SEGMENT_FRAMES]] for start in starts]
    stacked = torch.stack([torch.stack(images) for images in shown])
    return (stacked.float() / 255 - 0.5) / 0.5
