"""Reading the published files of weights, and filling networks with them.

Every file is opened without running anything that is in it (`weights_only`). Names that are missing, left over or of
another shape are told. Numbers may be stored in 32 or 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.model import Unloadable

Tensors = dict[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)

PORTION = 2**28
"""Bytes of a large file that are in memory at once while it is read."""

_TOLD = 5  # names of each kind in a message


def read(path: Path, part: str = "") -> Tensors:
    """The tensors of a `.safetensors` file, or of a PyTorch one; `part` is the entry of it that holds them.

    PyTorch files stay on disk until a tensor is used, but for those from before 2020. Raises `Unloadable`.
    """
    if not path.is_file():
        raise Unloadable(f"{path} is not there.")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except (OSError, RuntimeError, ValueError, EOFError, SafetensorError) as error:
        raise Unloadable(f"{path} is not a file of weights that can be read: {error}") from error
    except Exception as error:  # weights_only refuses whatever is not a tensor with an error of pickle's
        raise Unloadable(f"{path} holds more than weights, or is damaged, and was not opened.") from error
    tensors = loaded.get(part) if part and isinstance(loaded, dict) else loaded
    if not isinstance(tensors, Mapping) or not all(isinstance(each, Tensor) for each in tensors.values()):
        raise Unloadable(f"{path} does not hold weights by name{f' under “{part}”' if part else ''}.")
    return dict(tensors)


def rounded(path: Path, dtype: torch.dtype) -> Tensors:
    """The tensors of a large file as `dtype`, beside which little of the file is in memory. Raises `Unloadable`."""
    tensors, done = read(path), Tensors()
    for names in _portions({name: tensor.nbytes for name, tensor in tensors.items()}):
        done |= {name: tensors[name].to(dtype) for name in names}
        tensors = read(path)  # what has been looked at of the file goes with the former ones
    return done


def build(make: Callable[[], Network]) -> Network:
    """A network without memory for its weights: `fill` gives it the tensors themselves."""
    with torch.device("meta"):
        return make()


def fill(
    network: nn.Module,
    tensors: Tensors,
    source: Path,
    dtype: torch.dtype,
    device: torch.device,
    published: Callable[[str], str] = str,
) -> None:
    """Make `tensors` the weights of `network`, as `dtype` on `device`.

    `published` gives the name in the file of a weight that has another one here. Raises `Unloadable`, with the file's
    own names, where they don't fit.
    """
    wanted = network.state_dict()
    missing = [published(name) for name in wanted if name not in tensors]
    unexpected = [published(name) for name in tensors if name not in wanted]
    shapes = [
        f"{published(name)} is {tuple(tensors[name].shape)}, not {tuple(own.shape)}"
        for name, own in wanted.items()
        if name in tensors and tensors[name].shape != own.shape
    ]
    kinds = (("misses", missing), ("has unknown", unexpected), ("has a wrong shape:", shapes))
    if faults := [f"{kind} {_some([*dict.fromkeys(names)])}" for kind, names in kinds if names]:
        raise Unloadable(f"{source} does not fit: it {'; it '.join(faults)}.")
    placed = {name: tensor.to(device=device, dtype=dtype) for name, tensor in tensors.items()}
    network.load_state_dict(placed, assign=True)
    network.to(device).requires_grad_(False).eval()


def without_weight_norm(tensors: Tensors) -> Tensors:
    """Weights that are kept as direction and length multiplied out: `g * v / |v|`, by the first axis.

    Salimans and Kingma, "Weight normalization" (2016); in PyTorch's old spelling, its new one, or done already.
    """
    folded = {}
    for name, tensor in tensors.items():
        for length, direction in (
            (".weight_g", ".weight_v"),
            (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
        ):
            # A length or a direction that is alone stays as it is, and is told as one that fits nowhere.
            if name.endswith(length) and name.removesuffix(length) + direction in tensors:
                stem = name.removesuffix(length)
                vectors = tensors[stem + direction].float()
                norms = vectors.flatten(1).norm(dim=1).view(-1, *[1] * (vectors.dim() - 1))
                folded[f"{stem}.weight"] = tensor.float() * vectors / norms
                break
            if name.endswith(direction) and name.removesuffix(direction) + length in tensors:
                break
        else:
            folded[name] = tensor
    return folded


def with_unit_rows(tensors: Tensors) -> Tensors:
    """Convolutions that keep magnitudes (Karras et al., EDM2, 2024), normalised per output channel as they are used."""
    normalised = {}
    for name, tensor in tensors.items():
        if name.endswith(".weight") and tensor.dim() == 3:
            weight = tensor.float()
            root = weight[0].numel() ** 0.5
            norms = weight.flatten(1).norm(dim=1)[:, None, None]
            tensor = weight / (1e-4 + norms / root) / root
        normalised[name] = tensor
    return normalised


def _portions(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Names, as many at a time as are at most `PORTION` bytes together, or one of more."""
    names: list[str] = []
    for name, size in sizes.items():
        if names and sum(map(sizes.__getitem__, names)) + size > PORTION:
            yield names
            names = []
        names.append(name)
    yield names


def _some(names: list[str]) -> str:
    rest = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {rest} more" if rest > 0 else "")
