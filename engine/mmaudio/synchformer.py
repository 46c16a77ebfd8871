"""The timing encoder: the visual half of Synchformer (Iashin et al., ICASSP 2024, arXiv 2401.16423).

A MotionFormer with divided attention (Patrick et al., "Keeping your eye on the ball", NeurIPS 2021; Bertasius et al.,
"TimeSformer", ICML 2021): every patch attends over time to its own place, then over space to its own instant, and one
class token to everything. Modules are named as in the published checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.mmaudio.layers import attend, attention
from engine.mmaudio.lengths import SEGMENT_FRAMES, SEGMENT_TOKENS

SIDE = 224
"""Pixels of a frame's side."""

PATCH = 16
WIDTH = 768
HEADS = 12
EPSILON = 1e-6


class DividedAttention(nn.Module):
    """Attention within groups of tokens, to which the class token is lent; the class token itself sees everything."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, over_time: bool) -> Tensor:
        """Tokens (B, 1 + T * P, width), the class token first, then those of each instant in turn."""
        batch = tokens.shape[0]
        query, key, value = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(tokens).chunk(3, dim=-1)
        )
        first = attend(query[:, :, :1], key, value)

        def grouped(part: Tensor) -> Tensor:
            """(B, heads, T * P, d) as (B, groups, heads, tokens of a group, d)."""
            apart = part.unflatten(2, (SEGMENT_TOKENS, -1))
            return apart.permute(0, 3, 1, 2, 4) if over_time else apart.permute(0, 2, 1, 3, 4)

        groups = [grouped(part[:, :, 1:]) for part in (query, key, value)]
        lent = [part[:, None, :, :1].expand(-1, groups[0].shape[1], -1, -1, -1) for part in (key, value)]
        rest = attention(
            groups[0].flatten(0, 1),
            torch.cat([lent[0], groups[1]], dim=3).flatten(0, 1),
            torch.cat([lent[1], groups[2]], dim=3).flatten(0, 1),
        ).unflatten(0, (batch, -1))
        # Back from (B, groups, heads, tokens of a group, d) to (B, T, P, width).
        rest = rest.permute(0, 3, 1, 2, 4) if over_time else rest.permute(0, 1, 3, 2, 4)
        out: Tensor = self.proj(torch.cat([first, rest.flatten(3).flatten(1, 2)], dim=1))
        return out


class FeedForward(nn.Module):
    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return out


class Block(nn.Module):
    """Attention over time, attention over space, and a feed-forward network, each on normalised tokens."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.norm3 = nn.LayerNorm(width, eps=EPSILON)
        self.timeattn = DividedAttention(width)
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attn = DividedAttention(width)
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = FeedForward(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.timeattn(self.norm3(tokens), over_time=True)
        tokens = tokens + self.attn(self.norm1(tokens), over_time=False)
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class Summary(nn.TransformerEncoderLayer):
    """One vector of an instant's patches: a class token that attends to them.

    A layer of a transformer, of which only the class token is followed: nothing else would be made of the patches.
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__(width, HEADS, 4 * width, layer_norm_eps=EPSILON)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, patches: Tensor) -> Tensor:
        """(B, P, width) to (B, width)."""
        first = self.cls_token.expand(patches.shape[0], -1, -1)
        tokens, width = self.norm1(torch.cat([first, patches], dim=1)), patches.shape[-1]
        weight, bias = self.self_attn.in_proj_weight, self.self_attn.in_proj_bias
        asked = functional.linear(tokens[:, :1], weight[:width], bias[:width])
        known = functional.linear(tokens, weight[width:], bias[width:])
        heads = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (asked, *known.chunk(2, dim=-1)))
        summary = first + self.self_attn.out_proj(attend(*heads))
        out: Tensor = summary + self.linear2(functional.gelu(self.linear1(self.norm2(summary))))
        return out[:, 0]


class Patches(nn.Module):
    """Pairs of frames cut into squares: (B, 3, 16, 224, 224) to (B, 8 * 196, width), instant by instant."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        size = SEGMENT_FRAMES // SEGMENT_TOKENS, PATCH, PATCH
        self.proj = nn.Conv3d(3, width, kernel_size=size, stride=size)

    def forward(self, frames: Tensor) -> Tensor:
        out: Tensor = self.proj(frames).flatten(2).transpose(1, 2)
        return out


class Synchformer(nn.Module):
    """(segments, 16, 3, 224, 224), values -1..1, to (segments, 8, 768)."""

    def __init__(self, blocks: int = 12, width: int = WIDTH) -> None:
        super().__init__()
        patches = (SIDE // PATCH) ** 2
        self.patch_embed_3d = Patches(width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + patches, width))
        self.temp_embed = nn.Parameter(torch.zeros(1, SEGMENT_TOKENS, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.spatial_attn_agg = Summary(width)

    def forward(self, frames: Tensor) -> Tensor:
        patches = self.patch_embed_3d(frames.transpose(1, 2)).unflatten(1, (SEGMENT_TOKENS, -1))
        placed = patches + self.pos_embed[:, None, 1:] + self.temp_embed[:, :, None]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(frames.shape[0], -1, -1)
        tokens = torch.cat([first, placed.flatten(1, 2)], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        patches = self.norm(tokens[:, 1:]).unflatten(1, (SEGMENT_TOKENS, -1))
        summed: Tensor = self.spatial_attn_agg(patches.flatten(0, 1)).unflatten(0, (-1, SEGMENT_TOKENS))
        return summed
