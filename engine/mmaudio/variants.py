"""The published variants of MMAudio, and the files that each needs.

Sources, sizes and checksums: the project's own list of models (https://github.com/hkchengrex/MMAudio, docs/MODELS.md
and its downloader); the vocoder for 44.1 kHz is NVIDIA's, CLIP is Apple's, its vocabulary OpenAI's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.mmaudio.lengths import CODEC_16K, CODEC_44K, Codec
from engine.mmaudio.network import Architecture
from engine.model import Unloadable

MMAUDIO_LICENCE: Final = "CC-BY-NC 4.0 (MMAudio): not for commercial use"


@dataclass(frozen=True)
class WeightFile:
    """One file: its name on disk, where it is published, about how many bytes it has, its MD5 where one is known."""

    name: str
    source: str
    size: int
    licence: str
    md5: str = ""

    def find(self, folder: Path) -> Path:
        """Where it is in the operator's folder: under its own name, or as `.safetensors`."""
        own, other = folder / self.name, (folder / self.name).with_suffix(".safetensors")
        return other if other.is_file() and not own.is_file() else own


@dataclass(frozen=True)
class Variant:
    """A flow network and the codec it was trained for."""

    name: str
    architecture: Architecture
    codec: Codec
    flow: WeightFile

    @property
    def vae(self) -> WeightFile:
        return VAE[self.codec]

    @property
    def vocoder(self) -> WeightFile:
        return VOCODER[self.codec]

    @property
    def files(self) -> tuple[WeightFile, ...]:
        """All that must be there."""
        return self.flow, SYNCHFORMER, CLIP, *VOCABULARY, self.vae, self.vocoder

    def missing(self, folder: Path) -> list[str]:
        """The names of the files that are not there."""
        return [file.name for file in self.files if not file.find(folder).is_file()]

    def paths(self, folder: Path) -> dict[WeightFile, Path]:
        """Where each file is. Raises `Unloadable` with all that are missing, by name."""
        if missing := self.missing(folder):
            raise Unloadable(
                f"{self.name} needs {', '.join(missing)} in {folder}. "
                f"`python -m engine.mmaudio.weights {self.name}` says where from; with --download it fetches them."
            )
        return {file: file.find(folder) for file in self.files}


def _published(name: str, size: int, md5: str) -> WeightFile:
    folder = "weights" if name.startswith("mmaudio_") else "ext_weights"
    source = f"https://huggingface.co/hkchengrex/MMAudio/resolve/main/{folder}/{name}"
    return WeightFile(name, source, size, MMAUDIO_LICENCE, md5)


VAE: Final = {
    CODEC_16K: _published("v1-16.pth", 686_700_000, "69f56803f59a549a1a507c93859fd4d7"),
    CODEC_44K: _published("v1-44.pth", 1_222_000_000, "fab020275fa44c6589820ce025191600"),
}
VOCODER: Final = {
    CODEC_16K: _published("best_netG.pt", 449_000_000, "eeaf372a38a9c31c362120aba2dde292"),
    CODEC_44K: WeightFile(
        "bigvgan_generator.pt",
        "https://huggingface.co/nvidia/bigvgan_v2_44khz_128band_512x/resolve/main/bigvgan_generator.pt",
        489_041_291,
        "MIT (BigVGAN)",
    ),
}
SYNCHFORMER: Final = _published("synchformer_state_dict.pth", 950_058_171, "5b2f5594b0730f70e41e549b7c94390c")
CLIP: Final = WeightFile(
    "open_clip_pytorch_model.bin",
    "https://huggingface.co/apple/DFN5B-CLIP-ViT-H-14-378/resolve/main/open_clip_pytorch_model.bin",
    3_947_000_000,
    "Apple's licence for sample code (CLIP)",
)
VOCABULARY: Final = tuple(
    WeightFile(
        name,
        f"https://huggingface.co/openai/clip-vit-large-patch14/resolve/main/{name}",
        size,
        "MIT (CLIP's vocabulary)",
    )
    for name, size in (("vocab.json", 961_143), ("merges.txt", 524_619))
)


def _variant(name: str, architecture: Architecture, codec: Codec, size: int, md5: str) -> Variant:
    return Variant(name, architecture, codec, _published(f"mmaudio_{name}.pth", size, md5))


VARIANTS: Final = {
    variant.name: variant
    for variant in (
        _variant("small_16k", Architecture(448, 4, 8, 20), CODEC_16K, 629_395_261, "af93cde404179f58e3919ac085b8033b"),
        _variant("small_44k", Architecture(448, 4, 8, 40), CODEC_44K, 629_700_000, "babd74c884783d13701ea2820a5f5b6d"),
        _variant(
            "medium_44k", Architecture(896, 4, 8, 40), CODEC_44K, 2_487_300_000, "5a56b6665e45a1e65ada534defa903d0"
        ),
        _variant(
            "large_44k", Architecture(896, 7, 14, 40), CODEC_44K, 4_120_388_840, "fed96c325a6785b85ce75ae1aafd2673"
        ),
        _variant(
            "large_44k_v2",
            Architecture(896, 7, 14, 40, second=True),
            CODEC_44K,
            4_122_474_715,
            "01ad4464f049b2d7efdaa4c1a59b8dfe",
        ),
    )
}
