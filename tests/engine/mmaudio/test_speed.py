"""What is done in another way than the published one, because it is faster, gives the same."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.autoencoders.mmaudio_vocoder import MMAudioActivation1d
from torch import nn
from torch.nn import functional

from engine.mmaudio import layers
from engine.mmaudio.decoder import Activation
from engine.mmaudio.layers import TokenConv, attention
from engine.mmaudio.lengths import Lengths
from engine.mmaudio.networks import Networks
from engine.mmaudio.packing import pack
from engine.mmaudio.synchformer import Synchformer
from tests.bench import reference

BFLOAT16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()


@pytest.mark.parametrize("length", [1, 7, 8, 9, 100])
def test_the_vocoders_activation_by_blocks_is_the_published_one(length: int) -> None:
    torch.manual_seed(length)
    published = MMAudioActivation1d(4)
    for weights in (published.act.alpha, published.act.beta):
        torch.nn.init.normal_(weights, std=0.3)
    ours = Activation(4)
    ours.load_state_dict(published.state_dict())
    sound = torch.randn(2, 4, length)
    with torch.inference_mode():
        torch.testing.assert_close(ours(sound), published(sound), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_attention_by_some_heads_at_a_time_is_attention(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, tolerance: float
) -> None:
    monkeypatch.setattr(layers, "CACHE_BYTES", 2 * 2 * 50 * 50)  # of the six heads two
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, 50, 16, dtype=dtype) for _ in range(3))
    exact = functional.scaled_dot_product_attention(query.double(), key.double(), value.double())
    difference = attention(query, key, value).double() - exact
    assert difference.norm() < tolerance * exact.norm()


@pytest.mark.parametrize("count", [1, 6, 7])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_packed_layers_are_the_layers(dtype: torch.dtype, tolerance: float, count: int) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(48, 96),
        nn.Sequential(TokenConv(96, 64, 3), TokenConv(64, 64, 7), TokenConv(64, 96, 3, bias=False)),
        nn.Linear(96, 32, bias=False),
    )
    tokens = torch.randn(2, count, 48).to(dtype)
    with torch.inference_mode():
        exact = network(tokens.float())
        pack(network.to(dtype))
        difference = network(tokens).float() - exact
    packed = dtype == torch.float32 or BFLOAT16
    layers_left = [type(layer) for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv1d)]
    assert layers_left == [TokenConv] if packed else len(layers_left) == 5
    assert difference.norm() < tolerance * exact.norm()


@torch.inference_mode()
def test_what_the_bench_measures_ours_against_makes_the_same(networks: Networks) -> None:
    torch.manual_seed(0)
    timing = Synchformer(blocks=1).eval()
    for weights in (timing.cls_token, timing.pos_embed, timing.temp_embed, timing.spatial_attn_agg.cls_token):
        nn.init.normal_(weights)
    segments = 2 * torch.rand(2, 16, 3, 224, 224) - 1
    torch.testing.assert_close(reference.follow(timing, segments), timing(segments), rtol=0, atol=1e-4)

    flow, lengths = networks.flow, Lengths.of(1.0, networks.codec)
    features = torch.randn(1, lengths.clip, 64), torch.randn(1, lengths.sync, 96), torch.randn(1, 77, 64)
    latents, time = torch.randn(1, lengths.latents, 20), torch.tensor([0.3])
    conditions = flow.conditions(*features)
    ours = flow(latents, flow.moments(time, conditions)[0], conditions)
    theirs = reference.velocity(flow, latents, time, reference.conditions(flow, lengths, *features))
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4)
