"""The flow network of MMAudio: from noisy latents, a time and conditions to the velocity towards sound.

Cheng et al., "Taming multimodal joint training for high-quality video-to-audio synthesis" (CVPR 2025, arXiv
2412.15322): transformer blocks that audio, appearance and text share, then blocks of the audio alone. Timing enters as
a condition of every latent token. Modules are named as in the published checkpoints.

Shapes: B requests; latents (B, N, channels), appearance (B, Lc, 1024), timing (B, Ls, 768), text (B, 77, 1024); inside,
everything is (B, tokens, width).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from engine.mmaudio.layers import (
    HEAD_WIDTH,
    FusedBlock,
    GatedMLP,
    JointBlock,
    Modulation,
    TokenConv,
    modulate,
    rotation,
)
from engine.mmaudio.lengths import SEGMENT_TOKENS

TEXT_TOKENS: Final = 77


@dataclass(frozen=True)
class Architecture:
    """The sizes of a flow network. `second` is the second version: other activations, another sense of time."""

    width: int
    joint_blocks: int
    fused_blocks: int
    channels: int
    second: bool = False
    clip_width: int = 1024
    sync_width: int = 768
    text_width: int = 1024

    @property
    def heads(self) -> int:
        return self.width // HEAD_WIDTH


@dataclass(frozen=True)
class Conditions:
    """What the velocity depends on beside latents and time: made once a request, used in every step.

    `clip` (B, Lc, width) and `text` (B, 77, width) take part in the attention; `sync` (B, Ls, width) and `whole`
    (B, 1, width), which sums up picture and words, modulate the latents.
    """

    clip: Tensor
    sync: Tensor
    text: Tensor
    whole: Tensor

    @property
    def parts(self) -> tuple[Tensor, ...]:
        return self.clip, self.sync, self.text, self.whole

    @classmethod
    def batch(cls, several: Iterable[Conditions]) -> Conditions:
        """Those of several requests as one batch; their lengths must agree."""
        return cls(*(torch.cat(parts) for parts in zip(*(each.parts for each in several), strict=True)))


class TimeEmbedding(nn.Module):
    """A time in 0..1 as waves of many lengths, through a small network: (K,) to (K, width).

    The waves stay in float32 whatever the network's numbers are: the second version's reach 10,000 radians, of which
    16 bits keep nothing.
    """

    def __init__(self, waves: int, fastest: float, width: int) -> None:
        super().__init__()
        self.waves, self.fastest = waves, fastest
        self.mlp = nn.Sequential(nn.Linear(waves, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, times: Tensor) -> Tensor:
        even = torch.arange(0, self.waves, 2, dtype=torch.float32, device=times.device)
        frequencies = self.fastest * (1.0 / 10_000 ** (even / self.waves))
        angles = torch.outer(times.float(), frequencies)
        embedded: Tensor = self.mlp(torch.cat([angles.cos(), angles.sin()], dim=-1).to(self.mlp[0].weight.dtype))
        return embedded


class FinalLayer(nn.Module):
    """From tokens to the velocity of their latents."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.adaLN_modulation = Modulation(width, 2)
        self.conv = TokenConv(width, channels, 7)

    def forward(self, tokens: Tensor, modulation: tuple[Tensor, ...]) -> Tensor:
        out: Tensor = self.conv(modulate(tokens, *modulation))
        return out


class FlowNetwork(nn.Module):
    """`conditions` once a request, `moments` once a schedule, `forward` in every step."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        width, second = architecture.width, architecture.second

        def project(first: nn.Module, activation: nn.Module | None, mlp: nn.Module) -> nn.Sequential:
            return nn.Sequential(*(part for part in (first, activation, mlp) if part is not None))

        def wave() -> nn.Module:
            return nn.SiLU() if second else nn.SELU()

        def token() -> nn.Module | None:
            return nn.SiLU() if second else None

        self.audio_input_proj = project(TokenConv(architecture.channels, width, 7), wave(), GatedMLP(width, 7))
        self.clip_input_proj = project(nn.Linear(architecture.clip_width, width), token(), GatedMLP(width, 3))
        self.sync_input_proj = project(TokenConv(architecture.sync_width, width, 7), wave(), GatedMLP(width, 3))
        self.text_input_proj = project(nn.Linear(architecture.text_width, width), token(), GatedMLP(width))
        self.clip_cond_proj = nn.Linear(width, width)
        self.text_cond_proj = nn.Linear(width, width)
        self.global_cond_mlp = GatedMLP(width)
        self.t_embed = TimeEmbedding(width, 10_000.0, width) if second else TimeEmbedding(256, 1.0, width)
        last = architecture.joint_blocks - 1
        self.joint_blocks = nn.ModuleList(JointBlock(width, last=index == last) for index in range(last + 1))
        self.fused_blocks = nn.ModuleList(FusedBlock(width, kernel=3) for _ in range(architecture.fused_blocks))
        self.final_layer = FinalLayer(width, architecture.channels)
        # What hangs on time and the whole alone; `moments` has their outputs in this order, after the condition itself.
        self._timed = [
            *(block.clip_block.adaLN_modulation for block in self.joint_blocks),
            *(block.text_block.adaLN_modulation for block in self.joint_blocks),
            self.final_layer.adaLN_modulation,
        ]

        self.sync_pos_emb = nn.Parameter(torch.zeros(1, 1, SEGMENT_TOKENS, architecture.sync_width))
        self.latent_mean = nn.Parameter(torch.zeros(1, 1, architecture.channels))
        self.latent_std = nn.Parameter(torch.ones(1, 1, architecture.channels))
        self.empty_string_feat = nn.Parameter(torch.zeros(TEXT_TOKENS, architecture.text_width))
        self.empty_clip_feat = nn.Parameter(torch.zeros(1, architecture.clip_width))
        self.empty_sync_feat = nn.Parameter(torch.zeros(1, architecture.sync_width))

    def conditions(self, clip: Tensor, sync: Tensor, text: Tensor) -> Conditions:
        """From the encoders' features (B, Lc, 1024), (B, Ls, 768) and (B, 77, 1024)."""
        placed = (sync.unflatten(1, (-1, SEGMENT_TOKENS)) + self.sync_pos_emb).flatten(1, 2)
        clip, sync, text = self.clip_input_proj(clip), self.sync_input_proj(placed), self.text_input_proj(text)
        clip_whole = self.clip_cond_proj(clip.mean(dim=1, keepdim=True))
        text_whole = self.text_cond_proj(text.mean(dim=1, keepdim=True))
        return Conditions(clip, sync, text, self.global_cond_mlp(clip_whole + text_whole))

    def empty_clip(self, tokens: int) -> Tensor:
        """Appearance features (1, tokens, 1024) that stand for no picture."""
        return self.empty_clip_feat.expand(1, tokens, -1)

    def empty_sync(self, tokens: int) -> Tensor:
        """Timing features (1, tokens, 768) that stand for no picture."""
        return self.empty_sync_feat.expand(1, tokens, -1)

    def moments(self, times: Tensor, conditions: Conditions) -> Tensor:
        """What the velocity depends on by time alone, for each of `times` (K,): (K, B, 1, `moment_width`).

        That is a condition, and the modulations that follow from it alone; all times at once, so that each weight is
        read once.
        """
        condition = self.t_embed(times)[:, None, None] + conditions.whole
        return torch.cat([condition, *(layer(condition) for layer in self._timed)], dim=-1)

    @property
    def moment_width(self) -> int:
        return self.architecture.width * (1 + sum(layer.parts for layer in self._timed))

    def forward(self, latents: Tensor, moment: Tensor, conditions: Conditions) -> Tensor:
        """The velocity (B, N, channels) at `latents` (B, N, channels) and a moment (B, 1, `moment_width`).

        Where there are fewer latents than conditions, they stand for the next ones again: guidance asks for the same
        latents twice, and what is made of them alone is made once.
        """
        count, clip_count = latents.shape[1], conditions.clip.shape[1]
        places = rotation(count, 1.0, latents.device)
        positions = places, rotation(clip_count, count / clip_count, latents.device), None
        nearest = upsampling(conditions.sync.shape[1], count, latents.device)
        widths = [self.architecture.width * parts for parts in (1, *(layer.parts for layer in self._timed))]
        condition, *outputs = moment.split(widths, dim=-1)
        timed = iter([layer.cut(output) for layer, output in zip(self._timed, outputs, strict=True)])
        clip_modulations, text_modulations = ([next(timed) for _ in self.joint_blocks] for _ in range(2))
        every = condition + conditions.sync

        def modulation(layer: Modulation) -> tuple[Tensor, ...]:
            """That of the latents: made for each token of timing, of which there are fewer, and then spread."""
            return layer.cut(layer(every)[:, nearest])

        latent = self.audio_input_proj(latents).float().repeat(len(condition) // len(latents), 1, 1)
        clip, text = conditions.clip.float(), conditions.text.float()
        for block, of_clip, of_text in zip(self.joint_blocks, clip_modulations, text_modulations, strict=True):
            modulations = modulation(block.latent_block.adaLN_modulation), of_clip, of_text
            latent, clip, text = block((latent, clip, text), modulations, positions)
        for fused in self.fused_blocks:
            latent = fused(latent, modulation(fused.adaLN_modulation), places)
        velocity: Tensor = self.final_layer(latent, next(timed))
        return velocity

    def unnormalise(self, latents: Tensor) -> Tensor:
        """Latents as the decoder wants them."""
        return latents * self.latent_std + self.latent_mean


def upsampling(tokens: int, count: int, device: torch.device) -> Tensor:
    """For each of `count` places the nearest of `tokens`: indices (count,).

    Reckoned in float32, as the network was trained: at a few places exact arithmetic would give the neighbour.
    """
    middles = torch.arange(count, dtype=torch.float32, device=device) + 0.5
    scale = torch.full((), tokens, dtype=torch.float32, device=device) / count
    return (middles * scale).floor().long().clamp(max=tokens - 1)
