"""A folder of weights as they are published, names and spellings and all, of networks small enough for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.mmaudio import clip_towers, decoder, networks
from engine.mmaudio.checkpoints import Tensors
from engine.mmaudio.lengths import CODEC_16K, CODEC_44K, Codec
from engine.mmaudio.network import FlowNetwork
from engine.mmaudio.synchformer import Synchformer
from engine.mmaudio.variants import CLIP, SYNCHFORMER, VARIANTS, Variant
from tests.engine.mmaudio.small import ARCHITECTURE, SYNC_WIDTH, WIDTH, vocabulary

SIZES = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": 1, "num_attention_heads": 4}
SYNC = partial(Synchformer, blocks=1, width=SYNC_WIDTH)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files of `large_44k_v2` as PyTorch's, those of `small_16k` alone as safetensors in 16 bits.

    While it is there all variants are small.
    """
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as small:
        for name, variant in VARIANTS.items():
            sizes = replace(ARCHITECTURE, channels=variant.codec.channels, second=variant.architecture.second)
            small.setitem(VARIANTS, name, replace(variant, architecture=sizes))
        for codec in (CODEC_16K, CODEC_44K):
            settings = decoder.SETTINGS[codec]
            vae = settings["vae"] | {"hidden_channels": 16, "layers_per_block": 1}
            vocoder = settings["vocoder"] | {"upsample_initial_channel": 64}
            small.setitem(decoder.SETTINGS, codec, {"vae": vae, "vocoder": vocoder})
        for name, value in SIZES.items():
            small.setitem(clip_towers.VISION, name, value)
            small.setitem(clip_towers.TEXT, name, value)
        small.setitem(clip_towers.VISION, "projection_dim", WIDTH)
        small.setattr(networks, "Synchformer", SYNC)
        write(folder)
        yield folder


def write(folder: Path) -> None:
    torch.manual_seed(3)
    vocabulary(folder)
    torch.save(open_clip(), folder / CLIP.name)
    timing = {f"vfeat_extractor.{name}": each for name, each in drawn(SYNC).items()}
    unused = {"vfeat_extractor.patch_embed.proj.weight": torch.zeros(1), "afeat_extractor.norm": torch.zeros(1)}
    torch.save(timing | unused, folder / SYNCHFORMER.name)
    large, small = VARIANTS["large_44k_v2"], VARIANTS["small_16k"]
    torch.save(flow(large), folder / large.flow.name)
    save_file(
        {name: each.half() for name, each in (flow(small) | {"latent_rot": torch.zeros(1)}).items()},
        (folder / small.flow.name).with_suffix(".safetensors"),
    )
    for variant in (large, small):
        torch.save(vae(variant.codec), folder / variant.vae.name)
        torch.save({"generator": vocoder(variant.codec), "steps": 1}, folder / variant.vocoder.name)


def drawn(make: Callable[[], nn.Module]) -> Tensors:
    return {
        name: 0.1 * torch.randn_like(each) if each.dim() > 1 and not each.any() else each.detach()
        for name, each in make().state_dict().items()
    }


def flow(variant: Variant) -> Tensors:
    return drawn(lambda: FlowNetwork(variant.architecture))


def vae(codec: Codec) -> Tensors:
    """With the half that encodes, which is published too."""
    names = drawn(lambda: decoder.make_vae(codec))
    return {name.removeprefix("vae."): each for name, each in names.items()} | {"encoder.conv_in": torch.zeros(1)}


def vocoder(codec: Codec) -> Tensors:
    """With its weights as direction and length, in PyTorch's old spelling."""
    spelled: Tensors = {}
    for name, each in drawn(lambda: decoder.make_vocoder(codec)).items():
        if name.endswith(".weight"):
            spelled[f"{name}_g"] = each.flatten(1).norm(dim=1).view(-1, *[1] * (each.dim() - 1))
            spelled[f"{name}_v"] = each
        else:
            spelled[name] = each
    return spelled


def open_clip() -> Tensors:
    """Both towers in open_clip's names."""

    def tower(prefix: str) -> dict[str, Tensor]:
        block = f"{prefix}transformer.resblocks.0"
        return {
            **{f"{block}.{norm}.weight": torch.ones(WIDTH) for norm in ("ln_1", "ln_2")},
            **{f"{block}.{norm}.bias": torch.zeros(WIDTH) for norm in ("ln_1", "ln_2")},
            f"{block}.attn.in_proj_weight": torch.randn(3 * WIDTH, WIDTH) / 8,
            f"{block}.attn.in_proj_bias": torch.zeros(3 * WIDTH),
            f"{block}.attn.out_proj.weight": torch.randn(WIDTH, WIDTH) / 8,
            f"{block}.attn.out_proj.bias": torch.zeros(WIDTH),
            f"{block}.mlp.c_fc.weight": torch.randn(4 * WIDTH, WIDTH) / 8,
            f"{block}.mlp.c_fc.bias": torch.zeros(4 * WIDTH),
            f"{block}.mlp.c_proj.weight": torch.randn(WIDTH, 4 * WIDTH) / 16,
            f"{block}.mlp.c_proj.bias": torch.zeros(WIDTH),
        }

    return {
        **tower("visual."),
        **tower(""),
        **{f"{norm}.weight": torch.ones(WIDTH) for norm in ("visual.ln_pre", "visual.ln_post", "ln_final")},
        **{f"{norm}.bias": torch.zeros(WIDTH) for norm in ("visual.ln_pre", "visual.ln_post", "ln_final")},
        "visual.class_embedding": torch.randn(WIDTH),
        "visual.positional_embedding": torch.randn(1 + 27 * 27, WIDTH),
        "visual.proj": torch.randn(WIDTH, WIDTH) / 8,
        "visual.conv1.weight": torch.randn(WIDTH, 3, 14, 14) / 24,
        "token_embedding.weight": torch.randn(clip_towers.TEXT["vocab_size"], WIDTH),
        "positional_embedding": torch.randn(clip_towers.TOKENS, WIDTH),
        "text_projection": torch.zeros(WIDTH, WIDTH),
        "logit_scale": torch.tensor(4.6),
    }
