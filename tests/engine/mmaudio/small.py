"""The networks of MMAudio, all of them, so small that a processor runs them in a moment. Their weights are drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_mmaudio import MMAudioVAE
from diffusers.models.autoencoders.mmaudio_vocoder import MMAudioVocoder
from torch import Tensor, nn

from engine.mmaudio import clip_towers
from engine.mmaudio.clip_towers import ClipTowers, Words
from engine.mmaudio.decoder import Decoder
from engine.mmaudio.lengths import CODEC_16K
from engine.mmaudio.model import MMAudio
from engine.mmaudio.network import Architecture, FlowNetwork
from engine.mmaudio.networks import Networks
from engine.mmaudio.settings import Settings
from engine.mmaudio.synchformer import Synchformer
from engine.model import Parameters, Sound
from tests.engine.work import done

WIDTH = 64
SYNC_WIDTH = 96
ARCHITECTURE = Architecture(128, 2, 1, 20, second=True, clip_width=WIDTH, sync_width=SYNC_WIDTH, text_width=WIDTH)


def vocabulary(folder: Path) -> tuple[Path, Path]:
    """Every byte a token, within a word and at its end, and no pairs."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + place) for place in range(len(others))]
    tokens = letters + [f"{letter}</w>" for letter in letters]
    paths = folder / "vocab.json", folder / "merges.txt"
    paths[0].write_text(json.dumps({token: place for place, token in enumerate(tokens)}))
    paths[1].write_text("#version: 0.2\n")
    return paths


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    torch.manual_seed(0)
    small = {"hidden_size": WIDTH, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 4}
    flow = FlowNetwork(ARCHITECTURE)
    for name in ("sync_pos_emb", "empty_string_feat", "empty_clip_feat", "empty_sync_feat"):
        torch.nn.init.normal_(getattr(flow, name), std=0.2)
    vae = MMAudioVAE(80, 20, 16, (1, 2, 4), 1, sample_rate=16_000, n_fft=1024, hop_length=256)
    vocoder = MMAudioVocoder(80, 64, (4, 4, 2, 2, 2, 2), (8, 8, 4, 4, 4, 4))
    return Networks(
        name="small",
        codec=CODEC_16K,
        flow=flow.requires_grad_(False).eval(),
        clip=ClipTowers(
            clip_towers.make_vision(clip_towers.VISION | small | {"projection_dim": WIDTH}).eval(),
            clip_towers.make_text(clip_towers.TEXT | small).eval(),
        ),
        words=Words(*vocabulary(tmp_path_factory.mktemp("vocabulary"))),
        synchformer=Synchformer(blocks=1, width=SYNC_WIDTH).eval(),
        decoder=Decoder(vae.eval(), vocoder.eval()),
    )


@pytest.fixture
def model(networks: Networks) -> MMAudio:
    """One that has seen nothing yet."""
    return MMAudio(networks, Settings(device="cpu"))


def generate(model: MMAudio, clip: Path | None, **parameters: Any) -> Sound:
    """One generation run to its end, whose progress must rise from 0 to 1."""
    asked = Parameters("rain on a roof", **({"seed": 7, "duration": 1.0, "quality_steps": 4} | parameters))
    return done(model.generate(clip, asked))


def rows_of(given: tuple[Any, ...], named: dict[str, Any]) -> int:
    """How large the batch is that a network is given."""
    return max(len(each) for each in [*given, *named.values()] if isinstance(each, Tensor))


@contextmanager
def counted(module: nn.Module) -> Iterator[list[int]]:
    """The batches that a network is given."""
    batches: list[int] = []
    hook = module.register_forward_pre_hook(
        lambda _, given, named: batches.append(rows_of(given, named)), with_kwargs=True
    )
    yield batches
    hook.remove()
