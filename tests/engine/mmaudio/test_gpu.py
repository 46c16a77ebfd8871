"""On a GPU, where there is one: loaded by the same files, the same outputs, and the same samples for the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from engine.mmaudio.lengths import CODEC_44K, Lengths
from engine.mmaudio.model import MMAudio
from engine.mmaudio.sampling import Features, guided
from engine.mmaudio.settings import Settings
from tests import clips
from tests.engine.mmaudio.small import generate

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")]


def loaded(folder: Path, device: Literal["cpu", "cuda"], precision: Literal["float32", "bfloat16"]) -> MMAudio:
    model = MMAudio(settings=Settings(weights=folder, device=device, precision=precision))
    list(model.load())
    return model


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_samples(
    published: Path, tmp_path: Path, precision: Literal["float32", "bfloat16"]
) -> None:
    clip = tmp_path / "clip.mp4"
    clips.bouncing_ball(clip, fps=25.0, seconds=1.0, width=96, height=64)
    model, afresh = (loaded(published, "cuda", precision) for _ in range(2))
    first, again, other = (generate(model, clip, seed=seed).samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, generate(afresh, clip, seed=1).samples)
    assert not np.allclose(first, other)


def test_velocities_are_those_of_the_processor(published: Path) -> None:
    lengths, velocities = Lengths.of(2.0, CODEC_44K), []
    latents = torch.randn((1, lengths.latents, 40), generator=torch.Generator().manual_seed(4))
    for device in ("cpu", "cuda"):
        networks = loaded(published, device, "float32").networks
        with torch.inference_mode():
            wanted, _ = guided(networks.flow, lengths, Features(networks.read("rain"), networks.read("")))
            (moment,) = networks.flow.moments(torch.tensor([0.5], device=device), wanted)
            velocities.append(networks.flow(latents.to(device), moment, wanted).cpu())
    # The second version's waves reach 10,000 radians: the last bit of a frequency shows.
    torch.testing.assert_close(velocities[0], velocities[1], atol=5e-3, rtol=5e-3)
