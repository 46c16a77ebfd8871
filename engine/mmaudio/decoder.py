"""From latents to sound: MMAudio's autoencoder gives a mel spectrogram, BigVGAN (Lee et al., ICLR 2023) the waveform.

Both networks are those of diffusers; how the published weights fit them is ours.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_mmaudio import MMAudioVAE
from diffusers.models.autoencoders.mmaudio_vocoder import MMAudioActivation1d, MMAudioVocoder
from torch import Tensor, nn
from torch.nn import functional

from engine.mmaudio.checkpoints import Tensors, build, fill, read, with_unit_rows, without_weight_norm
from engine.mmaudio.layers import CACHE_BYTES
from engine.mmaudio.lengths import CODEC_16K, CODEC_44K, Codec


class TanhConv(nn.Conv1d):
    """The last layer of the first BigVGAN: its samples are bent into -1..1, not cut."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs).tanh()


class Activation(MMAudioActivation1d):
    """BigVGAN's activation: twice the rate, Snake, half the rate, each time through a lowpass of twelve taps.

    Filters of so few taps, a channel each, are what convolutions are slowest at. Here both run over blocks of samples:
    a product of matrices that makes a block, at even and at odd places, from it and its neighbours. Equal, and several
    times as fast.
    """

    BLOCK = 8

    @cached_property
    def filters(self) -> tuple[Tensor, Tensor]:
        """(2 * BLOCK, BLOCK, 1, 3) that raises the rate, and (BLOCK, 2 * BLOCK, 1, 3) that lowers it.

        An even place is made of the odd taps over three samples before it to two after, an odd one of the even taps
        over two before it to three after; back, it is the other way round.
        """
        up, down = self.upsample.filter.flatten(), self.downsample.lowpass.filter.flatten()
        block, zero = self.BLOCK, up.new_zeros(1)
        raising = 2 * torch.stack([torch.cat([up[1::2].flip(0), zero]), torch.cat([zero, up[0::2].flip(0)])])
        lowering = torch.stack([torch.cat([zero, down[1::2]]), torch.cat([down[0::2], zero])])
        raise_, lower = up.new_zeros(2, block, 3 * block), up.new_zeros(block, 2, 3 * block)
        for place in range(block):
            seen = slice(block + place - 3, block + place + 4)
            raise_[:, place, seen] = raising
            lower[place, :, seen] = lowering
        return (
            raise_.view(2 * block, 3, block).transpose(1, 2)[:, :, None],
            lower.view(block, 2, 3, block).transpose(2, 3).reshape(block, 2 * block, 1, 3),
        )

    def forward(self, sound: Tensor) -> Tensor:
        """(B, channels, L) to the same. Beyond its ends, a sound stands still at each rate."""
        at_once = len(self.act.alpha)
        if sound.device.type == "cpu":
            at_once = max(1, CACHE_BYTES // (2 * sound[:, 0].nbytes))
        frequency, inverse = self.act.alpha.exp(), 1 / (self.act.beta.exp() + 1e-9)
        parts = zip(sound.split(at_once, dim=1), frequency.split(at_once), inverse.split(at_once), strict=True)
        return torch.cat([self._some(*each) for each in parts], dim=1)

    def _some(self, sound: Tensor, frequency: Tensor, inverse: Tensor) -> Tensor:
        """The same for some channels, each with its own frequency and gain of the wave that is added."""
        batch, channels, length = sound.shape
        block, blocks = self.BLOCK, -(-length // self.BLOCK)
        raising, lowering = self.filters
        rows = functional.pad(sound.reshape(-1, 1, length), (2 * block, (blocks + 2) * block - length), "replicate")
        # A row's blocks are the pixels of a picture one pixel high, with as many channels as a block has samples.
        raised = functional.conv2d(rows.view(-1, 1, blocks + 4, block).permute(0, 3, 1, 2), raising)
        fine = raised.permute(0, 3, 2, 1).contiguous().view(batch, channels, blocks + 2, 2, block)
        last, place = 1 + (length - 1) // block, (length - 1) % block
        fine[:, :, 0] = fine[:, :, 1, :1, :1]
        fine[:, :, last, :, place + 1 :] = fine[:, :, last, 1:, place : place + 1]
        fine[:, :, -1] = fine[:, :, last, 1:, place : place + 1]
        waves = (fine * frequency[:, None, None, None]).sin_()
        fine += waves.square_().mul_(inverse[:, None, None, None])
        lowered = functional.conv2d(fine.view(-1, 1, blocks + 2, 2 * block).permute(0, 3, 1, 2), lowering)
        return lowered.permute(0, 2, 3, 1).reshape(batch, channels, -1)[..., :length]


class Decoder:
    """Holds both networks of one codec."""

    def __init__(self, vae: MMAudioVAE, vocoder: MMAudioVocoder) -> None:
        self.vae, self.vocoder = vae, vocoder

    @classmethod
    def load(cls, codec: Codec, vae: Path, vocoder: Path, dtype: torch.dtype, device: torch.device) -> Decoder:
        """Read both files. Raises `Unloadable`."""
        return cls(
            load_vae(codec, read(vae), vae, dtype, device),
            load_vocoder(codec, read(vocoder, "generator"), vocoder, dtype, device),
        )

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (B, N, channels), not normalised, to a waveform (B, N * 2 * hop), -1..1, at the codec's rate."""
        mel = self.vae.decode(latents.to(self.vae.dtype).transpose(1, 2)).sample
        waveform: Tensor = self.vocoder(mel).sample
        return waveform[:, 0].float()


SETTINGS: dict[Codec, dict[str, dict[str, Any]]] = {
    CODEC_16K: {
        "vae": {"hidden_channels": 384, "n_fft": 1024},
        "vocoder": {"upsample_rates": (4, 4, 2, 2, 2, 2), "upsample_kernel_sizes": (8, 8, 4, 4, 4, 4)},
    },
    CODEC_44K: {"vae": {"hidden_channels": 512, "n_fft": 2048}, "vocoder": {}},
}


def make_vae(codec: Codec) -> MMAudioVAE:
    """The autoencoder without the half that encodes: it is not asked for here, and large."""
    vae = MMAudioVAE(
        mel_bins=codec.bins,
        latent_channels=codec.channels,
        sample_rate=codec.rate,
        hop_length=codec.hop,
        **SETTINGS[codec]["vae"],
    )
    del vae.vae.encoder, vae.mel_converter
    return vae


def make_vocoder(codec: Codec) -> MMAudioVocoder:
    vocoder = MMAudioVocoder(num_mels=codec.bins, **SETTINGS[codec]["vocoder"])
    for module in [*vocoder.modules()]:
        for name, child in module.named_children():
            if isinstance(child, MMAudioActivation1d):
                setattr(module, name, Activation(child.act.alpha.numel()))
    if codec is CODEC_16K:
        last = vocoder.conv_post
        vocoder.conv_post = TanhConv(last.in_channels, 1, last.kernel_size[0], padding=last.padding[0])
    return vocoder


def load_vae(codec: Codec, tensors: Tensors, source: Path, dtype: torch.dtype, device: torch.device) -> MMAudioVAE:
    vae = build(lambda: make_vae(codec))
    wanted = {f"vae.{name}": each for name, each in tensors.items() if not name.startswith("encoder.")}
    fill(vae, with_unit_rows(wanted), source, dtype, device, lambda name: name.removeprefix("vae."))
    return vae


def load_vocoder(
    codec: Codec, tensors: Tensors, source: Path, dtype: torch.dtype, device: torch.device
) -> MMAudioVocoder:
    vocoder = build(lambda: make_vocoder(codec))
    fill(vocoder, without_weight_norm(tensors), source, dtype, device)
    return vocoder
