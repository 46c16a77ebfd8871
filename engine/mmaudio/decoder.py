"""From latents to sound: MMAudio's autoencoder gives a mel spectrogram, BigVGAN (Lee et al., ICLR 2023) the waveform.

Both networks are those of diffusers; how the published weights fit them is ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_mmaudio import MMAudioVAE
from diffusers.models.autoencoders.mmaudio_vocoder import MMAudioVocoder
from torch import Tensor, nn

from engine.mmaudio.checkpoints import Tensors, build, fill, read, with_unit_rows, without_weight_norm
from engine.mmaudio.lengths import CODEC_16K, CODEC_44K, Codec


class TanhConv(nn.Conv1d):
    """The last layer of the first BigVGAN: its samples are bent into -1..1, not cut."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs).tanh()


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
        mel = self.vae.decode(latents.transpose(1, 2)).sample
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
    if codec is CODEC_16K:
        last = vocoder.conv_post
        vocoder.conv_post = TanhConv(last.in_channels, 1, last.kernel_size[0], padding=last.padding[0])
    return vocoder


def load_vae(codec: Codec, tensors: Tensors, source: Path, dtype: torch.dtype, device: torch.device) -> MMAudioVAE:
    vae = build(lambda: make_vae(codec))
    wanted = {f"vae.{name}": each for name, each in tensors.items() if not name.startswith("encoder.")}
    fill(vae, with_unit_rows(wanted), source, dtype, device)
    return vae


def load_vocoder(
    codec: Codec, tensors: Tensors, source: Path, dtype: torch.dtype, device: torch.device
) -> MMAudioVocoder:
    vocoder = build(lambda: make_vocoder(codec))
    fill(vocoder, without_weight_norm(tensors), source, dtype, device)
    return vocoder
