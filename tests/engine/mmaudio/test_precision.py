"""What 16 bits change, network by network, and when they are chosen."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.mmaudio import precision
from engine.mmaudio.clip_towers import ClipTowers
from engine.mmaudio.decoder import Decoder
from engine.mmaudio.lengths import Lengths
from engine.mmaudio.networks import Networks
from engine.mmaudio.packing import pack
from engine.mmaudio.sampling import Features, guided
from engine.mmaudio.settings import Settings

BOUND = 0.03
"""What bfloat16 may change of a network's output, of its size, as docs/mmaudio.md says."""


def in_16_bits(networks: Networks) -> Networks:
    """The same, laid out as they work for people."""
    clip, decoder = networks.clip, networks.decoder
    flow, vision, text, synchformer, vae, vocoder = (
        deepcopy(each).to(torch.bfloat16)
        for each in (networks.flow, clip.vision, clip.text, networks.synchformer, decoder.vae, decoder.vocoder)
    )
    for each in (flow, vision, text, synchformer):
        pack(each)
    towers = ClipTowers(vision, text)
    return replace(networks, flow=flow, clip=towers, synchformer=synchformer, decoder=Decoder(vae, vocoder))


@torch.inference_mode()
def outputs(networks: Networks) -> dict[str, Tensor]:
    """What each network makes of the same inputs."""
    torch.manual_seed(5)
    flow, dtype = networks.flow, networks.flow.latent_mean.dtype
    lengths = Lengths.of(1.0, networks.codec)
    made = {
        "appearance": networks.clip.see(torch.randint(0, 256, (1, 3, 384, 384), dtype=torch.uint8)),
        "words": networks.read("rain on a roof"),
        "timing": networks.follow(2 * torch.rand(1, 16, 3, 224, 224) - 1),
    }
    features = torch.randn(2, 77, 64), torch.randn(lengths.clip, 64), torch.randn(lengths.sync, 96)
    text, clip, sync = (each.to(dtype) for each in features)
    conditions, _ = guided(flow, lengths, Features(text[:1], text[1:], clip[None], sync[None]))
    (moment,) = flow.moments(torch.tensor([0.3]), conditions)
    made["velocity"] = flow(torch.randn(1, lengths.latents, 20).to(dtype), moment, conditions)
    decoder = networks.decoder
    made["spectrogram"] = decoder.vae.decode(torch.randn(1, 20, 16).to(dtype)).sample
    made["waveform"] = decoder.vocoder(torch.randn(1, 80, 16).to(dtype)).sample
    return made


def test_16_bits_change_little_of_any_network(networks: Networks) -> None:
    exact, rounded = outputs(networks), outputs(in_16_bits(networks))
    errors = {name: float((rounded[name].float() - each).norm() / each.norm()) for name, each in exact.items()}
    assert all(0 < error < BOUND for error in errors.values()), errors


def test_16_bits_are_chosen_where_they_are_exact_enough_and_not_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    error = precision.rounding_error(torch.device("cpu"))
    assert 0 < error < precision.BOUND
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert Settings(device="cpu").dtype == torch.bfloat16
    monkeypatch.setattr(precision, "BOUND", error / 2)
    assert Settings(device="cpu").dtype == torch.float32
    assert Settings(device="cpu", precision="bfloat16").dtype == torch.bfloat16
