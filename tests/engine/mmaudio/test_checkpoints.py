"""Files of weights: every published spelling is read, and what does not fit is told by name."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.mmaudio.checkpoints import build, fill, read, without_weight_norm
from engine.mmaudio.clip_towers import ClipTowers, from_open_clip, in_open_clip
from engine.mmaudio.networks import Networks, load_flow
from engine.mmaudio.variants import VARIANTS
from engine.model import Unloadable
from tests.engine.mmaudio.published import open_clip
from tests.engine.mmaudio.small import ARCHITECTURE

CPU = torch.device("cpu")


def two_layers() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Conv1d(4, 2, 3))


def weights() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return dict(two_layers().state_dict())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin"])
def test_weights_come_out_as_they_went_in(tmp_path: Path, suffix: str, dtype: torch.dtype) -> None:
    path = tmp_path / f"weights{suffix}"
    stored = {name: tensor.to(dtype) for name, tensor in weights().items()}
    if suffix == ".safetensors":
        save_file(stored, path)
    else:  # as PyTorch writes it, and as it did before 2020
        torch.save(stored, path, _use_new_zipfile_serialization=suffix == ".pth")
    network = build(two_layers)
    fill(network, read(path), path, torch.float32, CPU)
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, stored[name].float())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"0.bias": None}, "misses 0.bias"),
        ({"2.weight": torch.zeros(1)}, "has unknown 2.weight"),
        ({"0.weight": torch.zeros(5, 3)}, r"0.weight is \(5, 3\), not \(4, 3\)"),
    ],
    ids=["missing", "unexpected", "shape"],
)
def test_what_does_not_fit_is_told_by_name(change: dict[str, Tensor | None], said: str) -> None:
    changed = {name: tensor for name, tensor in (weights() | change).items() if tensor is not None}
    with pytest.raises(Unloadable, match=f"some.pth does not fit: it .*{said}"):
        fill(build(two_layers), changed, Path("some.pth"), torch.float32, CPU)


def test_clips_weights_are_told_by_the_names_in_their_file(published: Path) -> None:
    tensors = open_clip()
    for name, tensor in tensors.items():
        assert {in_open_clip(renamed) for renamed in from_open_clip({name: tensor})} <= {name}
    attention = "visual.transformer.resblocks.0.attn.in_proj_weight"
    changed = tensors | {"visual.more.weight": torch.zeros(1), attention: torch.zeros(2, 64)}
    del changed["visual.proj"]
    with pytest.raises(Unloadable) as caught:
        ClipTowers.load(changed, Path("clip.bin"), torch.float32, CPU)
    message = str(caught.value)
    for told in ("misses", "visual.proj", "has unknown visual.more.weight", f"{attention} is (1, 64), not (64, 64)"):
        assert told in message
    assert "vision_model" not in message


class Program:
    """Something that would run when it is unpacked."""

    def __reduce__(self) -> tuple[object, ...]:
        return print, ("this must never be seen",)


def test_a_file_that_holds_a_program_is_not_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"generator": Program()}, path)
    with pytest.raises(Unloadable, match="more than weights"):
        read(path)
    path.write_bytes(pickle.dumps(Program()))
    with pytest.raises(Unloadable):
        read(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"not weights at all" * 100])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_damaged_file_is_told(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(Unloadable, match="weights"):
        read(path)


def test_a_part_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "vocoder.pt"
    torch.save({"optimizer": {}}, path)
    with pytest.raises(Unloadable, match="under “generator”"):
        read(path, "generator")


def test_every_spelling_of_weight_norm_gives_the_same_layer() -> None:
    torch.manual_seed(2)
    for layer, size in ((nn.Conv1d(4, 6, 3), 6), (nn.ConvTranspose1d(4, 6, 4), 4)):
        normed = nn.utils.parametrizations.weight_norm(layer)
        normed.parametrizations.weight.original0.data.uniform_(0.5, 2.0)
        new = {name: tensor.detach() for name, tensor in normed.state_dict().items()}
        old = {
            "bias": new["bias"],
            "weight_g": new["parametrizations.weight.original0"],
            "weight_v": new["parametrizations.weight.original1"],
        }
        expected = normed.weight.detach()
        assert new["parametrizations.weight.original0"].shape[0] == size
        for spelling in (new, old, {"bias": new["bias"], "weight": expected}):
            prefixed = {f"conv.{name}": tensor for name, tensor in spelling.items()}
            torch.testing.assert_close(without_weight_norm(prefixed)["conv.weight"], expected)


def test_half_of_a_weight_norm_is_told_by_its_name() -> None:
    lone = {"conv.weight_g": torch.ones(6, 1, 1), "other.parametrizations.weight.original1": torch.ones(6, 4, 3)}
    assert without_weight_norm(lone).keys() == lone.keys()


def test_tables_that_older_files_hold_are_passed_over(networks: Networks, tmp_path: Path) -> None:
    path = tmp_path / "flow.pth"
    tables = {"t_embed.freqs": torch.zeros(64), "latent_rot": torch.zeros(1), "clip_rot": torch.zeros(1)}
    torch.save(networks.flow.state_dict() | tables, path)
    flow = load_flow(replace(VARIANTS["small_16k"], architecture=ARCHITECTURE), path, torch.float32, CPU)
    for name, tensor in flow.state_dict().items():
        torch.testing.assert_close(tensor, networks.flow.state_dict()[name])


def test_all_that_is_missing_is_told_at_once_and_where_it_belongs(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text("{}")
    with pytest.raises(Unloadable) as caught:
        list(Networks.load(VARIANTS["large_44k_v2"], tmp_path, torch.float32, CPU))
    message = str(caught.value)
    for name in ("mmaudio_large_44k_v2.pth", "synchformer_state_dict.pth", "v1-44.pth", "merges.txt", str(tmp_path)):
        assert name in message
    assert "vocab.json" not in message
    assert "python -m engine.mmaudio.weights large_44k_v2" in message
