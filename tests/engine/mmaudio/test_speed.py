"""What is done in another way than the published one, because it is faster, gives the same."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.autoencoders.mmaudio_vocoder import MMAudioActivation1d
from torch import nn
from torch.nn import functional

from engine.mmaudio.decoder import Activation
from engine.mmaudio.layers import attend_by_heads
from engine.mmaudio.packing import pack

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
def test_attention_by_heads_is_attention(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, 50, 16, dtype=dtype) for _ in range(3))
    exact = functional.scaled_dot_product_attention(query.double(), key.double(), value.double())
    difference = attend_by_heads(query, key, value).double() - exact
    assert difference.norm() < tolerance * exact.norm()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_packed_layers_are_the_layers(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(48, 96), nn.SiLU(), nn.Sequential(nn.Linear(96, 32, bias=False))).to(dtype)
    tokens = torch.randn(2, 3, 5, 48, dtype=dtype)
    with torch.inference_mode():
        plain = network(tokens)
        pack(network)
        packed = network(tokens)
    assert all(type(layer) is not nn.Linear for layer in network.modules()) == (dtype == torch.float32 or BFLOAT16)
    assert (packed - plain).norm() < tolerance * plain.norm()
