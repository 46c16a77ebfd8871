"""Weights laid out in memory as the kernels that use them want them: once, not anew at each call."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.mmaudio.fitting import release
from engine.mmaudio.layers import TokenConv


class PackedLinear(nn.Module):
    """A linear layer whose weight is packed; it works as before, and has no state to save."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight)
        self.bias = layer.bias

    def forward(self, tokens: Tensor) -> Tensor:
        return _linear(tokens, self.weight, self.bias)


class PackedTokenConv(nn.Module):
    """A convolution over three tokens that makes two of them from four products of matrices, not from six.

    F(2, 3) of Winograd's minimal filters: Lavin and Gray, "Fast algorithms for convolutional neural networks" (CVPR
    2016), section 4.1. The products are added up in float32.
    """

    def __init__(self, layer: TokenConv) -> None:
        super().__init__()
        before, own, after = layer.weight.float().permute(2, 0, 1)
        parts = before, (before + own + after) / 2, (before - own + after) / 2, after
        self.weights = [torch.ops.mkldnn._reorder_linear_weight(part.to(layer.weight.dtype)) for part in parts]
        self.bias = layer.bias

    def forward(self, tokens: Tensor) -> Tensor:
        count = tokens.shape[1]
        padded = functional.pad(tokens, (0, 0, 1, 1 + count % 2))
        even, odd = padded[:, ::2], padded[:, 1::2]
        (first, third), (second, fourth) = (even[:, :-1], even[:, 1:]), (odd[:, :-1], odd[:, 1:])
        seen = first - third, second + third, third - second, second - fourth
        one, two, three, four = (_linear(each, weight) for each, weight in zip(seen, self.weights, strict=True))
        out = one.new_empty(len(tokens), count + count % 2, one.shape[-1])
        out[:, ::2] = one.float().add_(two).add_(three)
        out[:, 1::2] = two.float().sub_(three).sub_(four)
        out = out[:, :count]
        return out if self.bias is None else out + self.bias


def _linear(tokens: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    out: Tensor = torch.ops.mkldnn._linear_pointwise(tokens, weight, bias, "none", [], "")
    return out


@torch.inference_mode()
def pack(network: nn.Module) -> None:
    """Lay out the weights of a network that is ready to work.

    On a processor (with oneDNN) linear layers and convolutions over three tokens are packed. Other convolutions over
    tokens have their weights tap by tap, on a GPU too.
    """
    # A layer that has been packed goes at once: only those that have layers are in the list.
    for parent in [module for module in network.modules() if next(module.children(), None)]:
        for name, layer in [*parent.named_children()]:
            if type(layer) is nn.Linear and _packs(layer.weight):
                setattr(parent, name, PackedLinear(layer))
            elif isinstance(layer, TokenConv) and layer.kernel_size == (3,) and _packs(layer.weight):
                setattr(parent, name, PackedTokenConv(layer))
            elif isinstance(layer, TokenConv):
                layer.weight = nn.Parameter(layer.weight.mT.contiguous().mT, requires_grad=False)
    release()


def _packs(weight: Tensor) -> bool:
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    return weight.dtype == torch.float32 or (
        weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
