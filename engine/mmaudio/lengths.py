"""How many tokens of each kind a duration makes: the sequence lengths of the network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

CLIP_RATE: Final = 8
"""Frames per second that the appearance encoder (CLIP) sees."""

SYNC_RATE: Final = 25
"""Frames per second that the timing encoder (Synchformer) sees."""

SEGMENT_FRAMES: Final = 16
"""Frames in one segment of the timing encoder; segments start every half of it."""

SEGMENT_TOKENS: Final = 8
"""Tokens that one segment makes: the encoder takes frames in pairs."""

SHORTEST: Final = SEGMENT_FRAMES / SYNC_RATE
"""Seconds below which there is no segment at all."""


@dataclass(frozen=True)
class Codec:
    """The audio side of a variant: `rate` in Hz, samples per mel frame, channels of a latent, bins of a mel."""

    rate: int
    hop: int
    channels: int
    bins: int


CODEC_16K: Final = Codec(rate=16_000, hop=256, channels=20, bins=80)
CODEC_44K: Final = Codec(rate=44_100, hop=512, channels=40, bins=128)


@dataclass(frozen=True)
class Lengths:
    """Tokens of one request: `latents` of audio, `clip` of appearance, `sync` of timing."""

    latents: int
    clip: int
    sync: int

    @classmethod
    def of(cls, seconds: float, codec: Codec) -> Lengths:
        """For `seconds` of at least `SHORTEST`; a latent is two mel frames."""
        segments = (seconds * SYNC_RATE - SEGMENT_FRAMES) // (SEGMENT_FRAMES // 2) + 1
        return cls(
            latents=math.ceil(seconds * codec.rate / codec.hop / 2),
            clip=int(seconds * CLIP_RATE),
            sync=int(segments) * SEGMENT_TOKENS,
        )
