"""The building blocks of the flow network. Tensors are (batch, tokens, width) throughout; convolutions run over tokens.

The names of parameters are those of the published checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

HEAD_WIDTH = 64

CACHE_BYTES = 2**22
"""What a processor keeps at hand of what it has just made: more is slower to come back to."""

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines of shape (tokens, HEAD_WIDTH / 2), float32."""


class TokenConv(nn.Conv1d):
    """A convolution over the tokens with zero padding: (B, L, width in) to (B, L, width out)."""

    def __init__(self, width_in: int, width_out: int, kernel: int, bias: bool = True) -> None:
        super().__init__(width_in, width_out, kernel, padding=kernel // 2, bias=bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """As a convolution over a picture one pixel high: of those, tokens side by side are a layout without copies."""
        picture, kernel = tokens.transpose(1, 2)[:, :, None], self.weight[:, :, None]
        seen = functional.conv2d(picture, kernel, self.bias, padding=(0, self.padding[0]))
        return seen[:, :, 0].transpose(1, 2)


class GatedMLP(nn.Module):
    """`w2(silu(w1 x) * w3 x)` (Shazeer, "GLU variants improve transformer", 2020), pointwise or over neighbours.

    `kernel` 1 is a linear map of each token; otherwise `kernel` tokens around each are seen. No biases.
    """

    def __init__(self, width: int, kernel: int = 1) -> None:
        super().__init__()
        hidden = 256 * -(-int(2 * 4 * width / 3) // 256)

        def layer(width_in: int, width_out: int) -> nn.Module:
            if kernel == 1:
                return nn.Linear(width_in, width_out, bias=False)
            return TokenConv(width_in, width_out, kernel, bias=False)

        self.w1 = layer(width, hidden)
        self.w2 = layer(hidden, width)
        self.w3 = layer(width, hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.w2(functional.silu(self.w1(tokens)) * self.w3(tokens))
        return out


def rotation(tokens: int, stretch: float, device: torch.device) -> Rotation:
    """Rotary positions (Su et al., "RoFormer", 2021) of `tokens`, spread `stretch` times as wide; float32."""
    pairs = torch.arange(0, HEAD_WIDTH, 2, dtype=torch.float32, device=device)
    frequencies = 1.0 / 10_000 ** (pairs / HEAD_WIDTH) * stretch
    angles = torch.outer(torch.arange(tokens, dtype=torch.float32, device=device), frequencies)
    return angles.cos(), angles.sin()


def rotate(heads: Tensor, by: Rotation) -> Tensor:
    """Turn neighbouring pairs of the last axis of (B, heads, L, HEAD_WIDTH), in float32, and cast back."""
    cosine, sine = by
    even, odd = heads.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([cosine * even - sine * odd, sine * even + cosine * odd], dim=-1)
    return turned.flatten(-2).to(heads.dtype)


class Projections(nn.Module):
    """Queries, keys and values of one stream, for an attention that others may take part in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm = nn.RMSNorm(HEAD_WIDTH, eps=torch.finfo(torch.float32).eps)
        self.k_norm = nn.RMSNorm(HEAD_WIDTH, eps=torch.finfo(torch.float32).eps)

    def forward(self, tokens: Tensor, positions: Rotation | None) -> tuple[Tensor, Tensor, Tensor]:
        """Three of shape (B, heads, L, HEAD_WIDTH). The checkpoint's rows run (head, place in the head, q|k|v)."""
        heads = self.qkv(tokens).unflatten(-1, (-1, HEAD_WIDTH, 3))
        query, key, value = heads.permute(4, 0, 2, 1, 3).contiguous()  # as the fast kernels of attention want them
        query, key = self.q_norm(query), self.k_norm(key)
        if positions is not None:
            query, key = rotate(query, positions), rotate(key, positions)
        return query, key, value


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention over (B, heads, L, d), to the same shape: of every token to every token.

    On a processor with 16 bits PyTorch's fused kernel reckons in 32. Products of matrices use the 16 that the processor
    has; they are made for so many heads at a time that their weights stay in its cache.
    """
    if query.device.type != "cpu" or query.dtype == torch.float32:
        return functional.scaled_dot_product_attention(query, key, value)
    at_once = max(1, CACHE_BYTES // (query.element_size() * query.shape[2] * key.shape[2]))
    done = torch.empty(query.shape, dtype=query.dtype)
    heads = (part.flatten(0, 1).split(at_once) for part in (query * query.shape[-1] ** -0.5, key, value, done))
    for queries, keys, values, place in zip(*heads, strict=True):
        torch.bmm((queries @ keys.mT).softmax(dim=-1), values, out=place)
    return done


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of every token to every token; the heads side by side again: (B, L, width)."""
    return attention(query, key, value).transpose(1, 2).flatten(2)


def modulate(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normalise each token, then scale and shift it as its condition says (Peebles and Xie, "DiT", 2023).

    Tokens are float32, whatever the network's numbers are: what the blocks add to them is not rounded each time.
    """
    return (functional.layer_norm(tokens, tokens.shape[-1:], eps=1e-5) * (1 + scale.float()) + shift).to(shift.dtype)


class Modulation(nn.Sequential):
    """From a condition to `parts` shifts, scales and gates side by side; the linear layer is number 1 of a sequence."""

    def __init__(self, width: int, parts: int) -> None:
        super().__init__(nn.SiLU(), nn.Linear(width, parts * width))
        self.parts = parts

    def cut(self, output: Tensor) -> tuple[Tensor, ...]:
        """The parts, each of the tokens' width."""
        return output.chunk(self.parts, dim=-1)


class Stream(nn.Module):
    """One stream's side of a transformer block: what goes into the attention, and what is made of its result.

    `kernel` is how many neighbours its layers see. A stream that is `read_only` gives keys and values for the last
    time: nothing is made of it any more.
    """

    def __init__(self, width: int, kernel: int = 1, read_only: bool = False) -> None:
        super().__init__()
        self.attn = Projections(width)
        self.read_only = read_only
        self.adaLN_modulation = Modulation(width, 2 if read_only else 6)
        if not read_only:
            self.linear1 = nn.Linear(width, width) if kernel == 1 else TokenConv(width, width, kernel)
            self.ffn = GatedMLP(width, kernel)

    def project(
        self, tokens: Tensor, modulation: tuple[Tensor, ...], positions: Rotation | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        heads: tuple[Tensor, Tensor, Tensor] = self.attn(modulate(tokens, *modulation[:2]), positions)
        return heads

    def update(self, tokens: Tensor, attended: Tensor, modulation: tuple[Tensor, ...]) -> Tensor:
        if self.read_only:
            return tokens
        gate, shift, scale, second_gate = modulation[2:]
        tokens = tokens + gate * self.linear1(attended)
        return tokens + second_gate * self.ffn(modulate(tokens, shift, scale))


class FusedBlock(Stream):
    """A transformer block of the audio alone."""

    def forward(self, latent: Tensor, modulation: tuple[Tensor, ...], positions: Rotation) -> Tensor:
        return self.update(latent, attend(*self.project(latent, modulation, positions)), modulation)


class JointBlock(nn.Module):
    """A block in which audio, appearance and text attend to each other, each with weights of its own."""

    def __init__(self, width: int, last: bool) -> None:
        super().__init__()
        self.latent_block = Stream(width, kernel=3)
        self.clip_block = Stream(width, kernel=3, read_only=last)
        self.text_block = Stream(width, read_only=last)

    def forward(
        self,
        streams: tuple[Tensor, Tensor, Tensor],
        modulations: tuple[tuple[Tensor, ...], ...],
        positions: tuple[Rotation, Rotation, None],
    ) -> tuple[Tensor, Tensor, Tensor]:
        blocks = self.latent_block, self.clip_block, self.text_block
        projected = [
            block.project(tokens, modulation, where)
            for block, tokens, modulation, where in zip(blocks, streams, modulations, positions, strict=True)
        ]
        query, key, value = (torch.cat(parts, dim=2) for parts in zip(*projected, strict=True))
        attended = attend(query, key, value).split([tokens.shape[1] for tokens in streams], dim=1)
        latent, clip, text = (
            block.update(tokens, result, modulation)
            for block, tokens, result, modulation in zip(blocks, streams, attended, modulations, strict=True)
        )
        return latent, clip, text
