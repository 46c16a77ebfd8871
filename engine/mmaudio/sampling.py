"""From noise to latents: Euler's method along the flow, with classifier-free guidance (Ho and Salimans, 2022)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.mmaudio.lengths import Lengths
from engine.mmaudio.network import Conditions, FlowNetwork
from engine.model import Progress


@dataclass(frozen=True)
class Features:
    """What the encoders made of a picture and of words, each with a batch of 1; None is no picture."""

    text: Tensor
    negative_text: Tensor
    clip: Tensor | None = None
    sync: Tensor | None = None


def noise(seed: int, lengths: Lengths, network: FlowNetwork) -> Tensor:
    """Where a take starts: (1, N, channels), the only random draw there is, by the device's own generator."""
    parameter = network.latent_mean
    generator = torch.Generator(parameter.device).manual_seed(seed)
    shape = 1, lengths.latents, network.architecture.channels
    return torch.randn(shape, generator=generator, dtype=parameter.dtype, device=parameter.device)


def guided(network: FlowNetwork, lengths: Lengths, features: Features) -> tuple[Conditions, Conditions]:
    """The conditions of a request, and those of its opposite: no picture, and the words of the negative prompt."""
    no_clip, no_sync = network.empty_clip(lengths.clip), network.empty_sync(lengths.sync)
    clip = no_clip if features.clip is None else features.clip
    sync = no_sync if features.sync is None else features.sync
    return (
        network.conditions(clip, sync, features.text),
        network.conditions(no_clip, no_sync, features.negative_text),
    )


def sample(
    network: FlowNetwork, start: Tensor, wanted: Conditions, unwanted: Conditions, steps: int, strength: float
) -> Generator[Progress, None, Tensor]:
    """Walk from `start` (B, N, channels) to latents, ready for the decoder.

    `strength` is that of the guidance: the velocity is `strength` times the wanted one less (`strength` - 1) times
    the unwanted one. Below 1 there is no guidance.
    """
    guidance = strength >= 1.0
    conditions = Conditions.batch([wanted, unwanted]) if guidance else wanted
    times = torch.linspace(0, 1, steps + 1, device=start.device)
    moments = network.moments(times[:-1], conditions)
    latents = start
    for step, moment in enumerate(moments):
        if guidance:
            velocity, opposite = network(latents.repeat(2, 1, 1), moment, conditions).chunk(2)
            velocity = strength * velocity + (1 - strength) * opposite
        else:
            velocity = network(latents, moment, conditions)
        latents = latents + (times[step + 1] - times[step]) * velocity
        yield Progress((step + 1) / steps, f"Step {step + 1} of {steps}")
    return network.unnormalise(latents)
