"""Weights laid out in memory as a processor's kernels (oneDNN) want them: once, not anew at each call."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PackedLinear(nn.Module):
    """A linear layer whose weight is packed; it works as before, and has no state to save."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight)
        self.bias = layer.bias

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(tokens, self.weight, self.bias, "none", [], "")
        return out


@torch.inference_mode()
def pack(network: nn.Module) -> None:
    """Pack the linear layers of a network that is ready to work; on a GPU, or without oneDNN, leave it as it is."""
    for parent in [*network.modules()]:
        for name, layer in [*parent.named_children()]:
            if type(layer) is nn.Linear and _packs(layer.weight):
                setattr(parent, name, PackedLinear(layer))


def _packs(weight: Tensor) -> bool:
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    return weight.dtype == torch.float32 or (
        weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
