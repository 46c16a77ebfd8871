"""MMAudio in the way of the published code, written afresh and plainly, to measure ours against.

What it does: every frame is kept at its full size and looked at, 40 pictures and all segments at a time; the encoders
run for every take; both branches of the guidance are forward passes of their own; each step makes all modulations
anew, those of the latents for each latent; the vocoder's filters are convolutions of a channel each; the picture is
encoded anew with its sound. Conditions are made once a take there too. Modules hold the weights by their published
names; where ours do, they are used as mere holders. Precision is ours in both.
"""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_mmaudio import MMAudioVAE
from diffusers.models.autoencoders.mmaudio_vocoder import MMAudioVocoder
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.mmaudio import clip_towers, decoder
from engine.mmaudio.checkpoints import Tensors, build, fill, with_unit_rows, without_weight_norm
from engine.mmaudio.layers import Modulation, Projections, Stream, TokenConv, rotate, rotation
from engine.mmaudio.lengths import CODEC_16K, SEGMENT_FRAMES, Lengths
from engine.mmaudio.model import in_house_format
from engine.mmaudio.network import FlowNetwork
from engine.mmaudio.networks import TIMING_PREFIX
from engine.mmaudio.pictures import cropped, squeezed
from engine.mmaudio.synchformer import DividedAttention, Synchformer
from engine.mmaudio.variants import CLIP, SYNCHFORMER, VOCABULARY, Variant
from engine.model import Parameters, Progress, Sound

Image: TypeAlias = NDArray[np.uint8]

PICTURES_AT_ONCE = 40
BIT_RATE = 10_000_000


class Reference:
    """All networks of a variant."""

    def __init__(self, variant: Variant, folder: Path, dtype: torch.dtype, device: torch.device) -> None:
        def placed(network: nn.Module, tensors: Tensors, source: Path) -> nn.Module:
            fill(network, tensors, source, dtype, device)
            return network

        def read(path: Path) -> Any:
            return torch.load(path, map_location="cpu", weights_only=True)

        paths, codec = variant.paths(folder), variant.codec
        self.variant, self.dtype, self.device = variant, dtype, device
        self.flow = placed(build(lambda: FlowNetwork(variant.architecture)), read(paths[variant.flow]), folder)
        timing = {name.removeprefix(TIMING_PREFIX): each for name, each in read(paths[SYNCHFORMER]).items()}
        self.synchformer = placed(build(Synchformer), timing, folder)
        self.clip = placed(build(Clip), read(paths[CLIP]), folder)
        self.words = clip_towers.Words(*(paths[file] for file in VOCABULARY))
        settings = decoder.SETTINGS[codec]
        with torch.device("meta"):
            vae = MMAudioVAE(
                codec.bins, codec.channels, sample_rate=codec.rate, hop_length=codec.hop, **settings["vae"]
            )
            vocoder = MMAudioVocoder(codec.bins, **settings["vocoder"])
        del vae.vae.encoder, vae.mel_converter
        if codec is CODEC_16K:
            vocoder.conv_post = decoder.TanhConv(vocoder.conv_post.in_channels, 1, 7, padding=3)
        tensors = {f"vae.{name}": each for name, each in read(paths[variant.vae]).items()}
        self.vae = placed(vae, with_unit_rows(tensors), folder)
        generator: Tensors = read(paths[variant.vocoder])["generator"]
        self.vocoder = placed(vocoder, without_weight_norm(generator), folder)

    def generate(self, clip: Path, target: Path, parameters: Parameters) -> Generator[Progress, None, Sound]:
        """The sound of a clip, and a film of both in `target`."""
        yield Progress(0.0, "Opening the clip")
        seconds, codec = parameters.duration, self.variant.codec
        lengths = Lengths.of(seconds, codec)
        everything, shown, timed = look(clip, seconds)
        shown, timed = shown[: lengths.clip], timed[: int(25 * seconds)]
        yield Progress(0.1, "Looking at the clip")
        seen = (shown.float() / 255).to(self.device, self.dtype).split(PICTURES_AT_ONCE)
        appearance = torch.cat([self.clip.see(pictures) for pictures in seen])[None]
        yield Progress(0.5, "Following the movement")
        frames = ((timed.float() / 255 - 0.5) / 0.5).to(self.device, self.dtype)
        half = SEGMENT_FRAMES // 2
        starts = range(0, half * (lengths.sync // 8), half)
        segments = torch.stack([frames[start : start + SEGMENT_FRAMES] for start in starts])
        timing = follow(self.synchformer, segments).flatten(0, 1)[None]
        yield Progress(0.6, "Reading the prompt")
        texts = [self.clip.read(self.words.tokens(text).to(self.device)) for text in (parameters.prompt, "")]
        flow = self.flow
        wanted = conditions(flow, lengths, appearance, timing, texts[0])
        unwanted = conditions(flow, lengths, flow.empty_clip(lengths.clip), flow.empty_sync(lengths.sync), texts[1])
        generator = torch.Generator(self.device).manual_seed(parameters.seed)
        shape = 1, lengths.latents, codec.channels
        latents = torch.randn(shape, generator=generator, dtype=self.dtype, device=self.device)
        strength, times = parameters.prompt_strength, torch.linspace(0, 1, parameters.quality_steps + 1)
        for step in range(parameters.quality_steps):
            yield Progress(0.6, f"Step {step + 1}")
            time = times[step : step + 1].to(self.device)
            towards = velocity(flow, latents, time, wanted)
            away = velocity(flow, latents, time, unwanted)
            latents = latents + (times[step + 1] - times[step]) * (strength * towards + (1 - strength) * away)
        yield Progress(0.9, "Making the sound")
        mel = self.vae.decode(flow.unnormalise(latents).transpose(1, 2)).sample
        waveform = self.vocoder(mel).sample[0, 0].float().cpu().numpy()
        yield Progress(0.95, "Writing the file")
        film(everything, waveform, codec.rate, target)
        return Sound(in_house_format(waveform, codec.rate, seconds))


# --- The clip --------------------------------------------------------------------------------------------------------


def look(clip: Path, seconds: float) -> tuple[list[Image], Tensor, Tensor]:
    """All frames, and those at 8 and at 25 a second, resized."""
    everything: list[Image] = []
    chosen: tuple[list[Tensor], list[Tensor]] = [], []
    wanted = [0.0, 0.0]
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            if frame.time > seconds:
                break
            everything.append(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False))
            for place, rate in enumerate((8.0, 25.0)):
                while frame.time >= wanted[place]:
                    chosen[place].append(torch.from_numpy(everything[-1]).permute(2, 0, 1))
                    wanted[place] += 1 / rate
    shown = torch.stack([squeezed(image, 384) for image in torch.stack(chosen[0])])
    return everything, shown, torch.stack([cropped(image, 224) for image in torch.stack(chosen[1])])


def film(frames: list[Image], waveform: NDArray[np.float32], rate: int, target: Path) -> None:
    with av.open(str(target), "w") as output:
        picture = output.add_stream("h264", rate=30)
        picture.height, picture.width = frames[0].shape[:2]
        picture.pix_fmt, picture.bit_rate = "yuv420p", BIT_RATE
        voice = output.add_stream("aac", rate=rate)
        for image in frames:
            output.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(picture.encode())
        sound = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="flt", layout="mono")
        sound.sample_rate, sound.time_base, sound.pts = rate, Fraction(1, rate), 0
        output.mux(voice.encode(sound))
        output.mux(voice.encode())


# --- CLIP ------------------------------------------------------------------------------------------------------------


class ResidualBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        normal = self.ln_1(tokens)
        tokens = tokens + self.attn(normal, normal, normal, need_weights=False, attn_mask=mask)[0]
        wide = self.mlp["c_fc"](self.ln_2(tokens))
        out: Tensor = tokens + self.mlp["c_proj"](wide * torch.sigmoid(1.702 * wide))
        return out


class Transformer(nn.Module):
    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(ResidualBlock(width, heads) for _ in range(layers))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.resblocks:
            tokens = block(tokens, mask)
        return tokens


class Tower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(1280))
        self.positional_embedding = nn.Parameter(torch.zeros(730, 1280))
        self.proj = nn.Parameter(torch.zeros(1280, 1024))
        self.conv1 = nn.Conv2d(3, 1280, 14, 14, bias=False)
        self.ln_pre, self.ln_post = nn.LayerNorm(1280), nn.LayerNorm(1280)
        self.transformer = Transformer(1280, 32, 16)

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.conv1(pictures).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_embedding.expand(len(patches), 1, -1), patches], dim=1)
        seen = self.transformer(self.ln_pre(tokens + self.positional_embedding))
        out: Tensor = self.ln_post(seen)[:, 0] @ self.proj
        return out


class Clip(nn.Module):
    """Both towers, in open_clip's names."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.transformer = Tower(), Transformer(1024, 24, 16)
        self.token_embedding = nn.Embedding(49_408, 1024)
        self.positional_embedding = nn.Parameter(torch.zeros(77, 1024))
        self.ln_final = nn.LayerNorm(1024)

    def see(self, pictures: Tensor) -> Tensor:
        mean, deviation = (
            torch.tensor(each, device=pictures.device, dtype=pictures.dtype)[:, None, None]
            for each in (clip_towers.MEAN, clip_towers.DEVIATION)
        )
        return functional.normalize(self.visual((pictures - mean) / deviation), dim=-1)

    def read(self, tokens: Tensor) -> Tensor:
        mask = torch.full((77, 77), -torch.inf, device=tokens.device, dtype=self.ln_final.weight.dtype).triu(1)
        embedded = self.token_embedding(tokens) + self.positional_embedding
        return functional.normalize(self.ln_final(self.transformer(embedded, mask)), dim=-1)


# --- Synchformer -----------------------------------------------------------------------------------------------------


def follow(network: Synchformer, frames: Tensor) -> Tensor:
    patches = network.patch_embed_3d.proj(frames.transpose(1, 2)).flatten(2).transpose(1, 2)
    first = network.cls_token.expand(len(frames), -1, -1)
    place = network.pos_embed[:, 1:].repeat(1, 8, 1) + network.temp_embed.repeat_interleave(196, dim=1)
    tokens = torch.cat([first, patches], dim=1) + torch.cat([network.pos_embed[:, :1], place], dim=1)
    for block in network.blocks:
        tokens = tokens + divided(block.timeattn, block.norm3(tokens), over_time=True)
        tokens = tokens + divided(block.attn, block.norm1(tokens), over_time=False)
        tokens = tokens + block.mlp.fc2(functional.gelu(block.mlp.fc1(block.norm2(tokens))))
    patches = network.norm(tokens[:, 1:]).unflatten(1, (8, 196)).flatten(0, 1)
    last = network.spatial_attn_agg
    tokens = torch.cat([last.cls_token.expand(len(patches), -1, -1), patches], dim=1)
    normal = last.norm1(tokens).transpose(0, 1)  # this layer wants tokens first
    tokens = tokens + last.self_attn(normal, normal, normal, need_weights=False)[0].transpose(0, 1)
    tokens = tokens + last.linear2(functional.gelu(last.linear1(last.norm2(tokens))))
    return tokens[:, 0].unflatten(0, (-1, 8))


def divided(layer: DividedAttention, tokens: Tensor, over_time: bool) -> Tensor:
    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return (query @ key.transpose(-1, -2)).softmax(dim=-1) @ value

    batch = len(tokens)
    parts = [each.unflatten(-1, (12, 64)).transpose(1, 2).flatten(0, 1) for each in layer.qkv(tokens).chunk(3, dim=-1)]
    query, key, value = parts[0] * 64**-0.5, *parts[1:]
    first = attend(query[:, :1], key, value)

    def grouped(part: Tensor) -> Tensor:
        apart = part[:, 1:].unflatten(1, (8, 196))
        return (apart.transpose(1, 2) if over_time else apart).flatten(0, 1)

    groups = [grouped(part) for part in (query, key, value)]
    lent = [part[:, :1].repeat_interleave(196 if over_time else 8, dim=0) for part in (key, value)]
    rest = attend(groups[0], torch.cat([lent[0], groups[1]], dim=1), torch.cat([lent[1], groups[2]], dim=1))
    rest = rest.unflatten(0, (len(first), -1))
    rest = (rest.transpose(1, 2) if over_time else rest).flatten(1, 2)
    both = torch.cat([first, rest], dim=1).unflatten(0, (batch, 12)).transpose(1, 2).flatten(2)
    out: Tensor = layer.proj(both)
    return out


# --- The flow network ------------------------------------------------------------------------------------------------

Made = tuple[Tensor, Tensor, Tensor, Tensor]


def conditions(network: FlowNetwork, lengths: Lengths, clip: Tensor, sync: Tensor, text: Tensor) -> Made:
    made = network.conditions(clip, sync, text)
    spread = functional.interpolate(made.sync.transpose(1, 2), size=lengths.latents, mode="nearest-exact")
    return made.clip, spread.transpose(1, 2), made.text, made.whole


def velocity(network: FlowNetwork, latents: Tensor, time: Tensor, made: Made) -> Tensor:
    clip, sync, text, whole = made
    places = rotation(latents.shape[1], 1.0, latents.device)
    positions = places, rotation(clip.shape[1], latents.shape[1] / clip.shape[1], latents.device), None
    latent = sequence(network.audio_input_proj, latents)
    condition = network.t_embed(time)[:, None] + whole
    every = condition + sync
    for block in network.joint_blocks:
        streams = (
            (block.latent_block, latent, every),
            (block.clip_block, clip, condition),
            (block.text_block, text, condition),
        )
        modulations = [modulation(stream.adaLN_modulation, given) for stream, _, given in streams]
        projected = [
            project(stream.attn, modulated(tokens, *shifts[:2]), where)
            for (stream, tokens, _), shifts, where in zip(streams, modulations, positions, strict=True)
        ]
        heads = [torch.cat(parts, dim=2) for parts in zip(*projected, strict=True)]
        attended = functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
        counts = [tokens.shape[1] for _, tokens, _ in streams]
        latent, clip, text = (
            update(stream, tokens, result, shifts)
            for (stream, tokens, _), result, shifts in zip(
                streams, attended.split(counts, dim=1), modulations, strict=True
            )
        )
    for block in network.fused_blocks:
        shifts = modulation(block.adaLN_modulation, every)
        heads = [*project(block.attn, modulated(latent, *shifts[:2]), places)]
        attended = functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
        latent = update(block, latent, attended, shifts)
    final = network.final_layer
    return conv(final.conv, modulated(latent, *modulation(final.adaLN_modulation, condition)))


def conv(layer: nn.Module, tokens: Tensor) -> Tensor:
    if not isinstance(layer, TokenConv):
        out: Tensor = layer(tokens)
        return out
    return nn.Conv1d.forward(layer, tokens.transpose(1, 2)).transpose(1, 2)


def gated(layer: nn.Module, tokens: Tensor) -> Tensor:
    return conv(layer.w2, functional.silu(conv(layer.w1, tokens)) * conv(layer.w3, tokens))


def sequence(layers: nn.Sequential, tokens: Tensor) -> Tensor:
    for layer in layers:
        tokens = gated(layer, tokens) if hasattr(layer, "w1") else conv(layer, tokens)
    return tokens


def modulation(layer: Modulation, condition: Tensor) -> tuple[Tensor, ...]:
    return layer[1](functional.silu(condition)).chunk(layer.parts, dim=-1)


def modulated(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return functional.layer_norm(tokens, tokens.shape[-1:], eps=1e-5) * (1 + scale) + shift


def project(layer: Projections, tokens: Tensor, where: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = layer.qkv(tokens).unflatten(-1, (-1, 64, 3)).transpose(1, 2).unbind(-1)
    query, key = layer.q_norm(query), layer.k_norm(key)
    if where is not None:
        query, key = rotate(query, where), rotate(key, where)
    return query.contiguous(), key.contiguous(), value.contiguous()


def update(stream: Stream, tokens: Tensor, attended: Tensor, shifts: tuple[Tensor, ...]) -> Tensor:
    if stream.read_only:
        return tokens
    gate, shift, scale, second = shifts[2:]
    tokens = tokens + gate * conv(stream.linear1, attended)
    return tokens + second * gated(stream.ffn, modulated(tokens, shift, scale))
