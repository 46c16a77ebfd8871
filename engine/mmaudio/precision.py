"""Whether a device reckons in 16 bits, and well enough."""

from __future__ import annotations

import torch
from torch.nn import functional

BOUND = 0.01
"""The most that 16 bits may change of a layer's output, of its size: bfloat16 itself rounds by up to 1/256.

What that makes of whole networks is in docs/mmaudio.md. A device that also adds up in 16 bits is far beyond it.
"""


def dtype_for(device: torch.device) -> torch.dtype:
    """bfloat16 where the device has instructions for it, and what they reckon is within `BOUND`; else float32."""
    native = (
        torch.cuda.is_bf16_supported(including_emulation=False)
        if device.type == "cuda"
        else torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )
    return torch.bfloat16 if native and rounding_error(device) <= BOUND else torch.float32


@torch.inference_mode()
def rounding_error(device: torch.device) -> float:
    """What bfloat16 changes, of its size, in the layers that the networks are made of: the most of three."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(device)

    linear = functional.linear, drawn(64, 2048), drawn(64, 2048)
    convolution = functional.conv2d, drawn(1, 512, 1, 64), drawn(64, 512, 1, 3)
    attention = functional.scaled_dot_product_attention, *(drawn(1, 2, 256, 64) for _ in range(3))
    errors = []
    for layer, *tensors in (linear, convolution, attention):
        exact = layer(*tensors)
        rounded = layer(*(tensor.bfloat16() for tensor in tensors)).float()
        errors.append(float((rounded - exact).norm() / exact.norm()))
    return max(errors)
