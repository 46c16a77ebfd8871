"""The networks of one variant, loaded: what reads, what looks, what makes the sound."""

from __future__ import annotations

import resource
from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from engine.mmaudio.checkpoints import Tensors, build, fill, read, rounded
from engine.mmaudio.clip_towers import ClipTowers, Words
from engine.mmaudio.decoder import Decoder
from engine.mmaudio.lengths import Codec, Lengths
from engine.mmaudio.network import FlowNetwork
from engine.mmaudio.packing import pack
from engine.mmaudio.sampling import Stepper
from engine.mmaudio.synchformer import Synchformer
from engine.mmaudio.variants import CLIP, SYNCHFORMER, VOCABULARY, Variant
from engine.model import Progress, Unloadable

TIMING_PREFIX = "vfeat_extractor."
"""Of the published Synchformer only this part is used."""

PROMPTS_KEPT = 64
STEPPERS_KEPT = 4


@dataclass
class Networks:
    """`pictures_at_once` and `segments_at_once` bound the encoders' batches."""

    name: str
    codec: Codec
    flow: FlowNetwork
    clip: ClipTowers
    words: Words
    synchformer: Synchformer
    decoder: Decoder
    pictures_at_once: int = 1
    segments_at_once: int = 1

    def __post_init__(self) -> None:
        self._read = lru_cache(PROMPTS_KEPT)(lambda text: self.clip.read(self.words.tokens(text)))
        self._steppers = lru_cache(STEPPERS_KEPT)(lambda *shape: Stepper(self.flow, *shape))

    @classmethod
    def load(
        cls, variant: Variant, folder: Path, dtype: torch.dtype, device: torch.device
    ) -> Generator[Progress, None, Networks]:
        """Read the files one after the other. Raises `Unloadable`: what is missing, all of it, or what does not fit."""
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            raise Unloadable("The network does not fit into a worker's memory: set ENGINE_WORKER_MEMORY_BYTES=0.")
        paths = variant.paths(folder)
        # The large ones last: while a file is read, more is in memory than what is kept of it.
        yield Progress(0.0, "Loading the decoder")
        decoder = Decoder.load(variant.codec, paths[variant.vae], paths[variant.vocoder], dtype, device)
        yield Progress(0.1, "Loading Synchformer")
        synchformer = load_synchformer(read(paths[SYNCHFORMER]), paths[SYNCHFORMER], dtype, device)
        yield Progress(0.2, "Loading the flow network")
        flow = load_flow(variant, paths[variant.flow], dtype, device)
        yield Progress(0.6, "Loading CLIP")
        clip = ClipTowers.load(rounded(paths[CLIP], dtype), paths[CLIP], dtype, device)
        words = Words(*(paths[file] for file in VOCABULARY))
        networks = cls(variant.name, variant.codec, flow, clip, words, synchformer, decoder)
        if device.type == "cuda":
            # Enough to keep a GPU busy, and so few that the largest variant stays below 6 GB of its memory.
            networks.pictures_at_once, networks.segments_at_once = 16, 12
        return networks

    def become(
        self, variant: Variant, folder: Path, dtype: torch.dtype, device: torch.device
    ) -> Generator[Progress, None, None]:
        """Take another variant's flow network and decoder instead; what looks and reads is the same for all.

        The former are given up first: there is never more than one variant in memory. Raises `Unloadable`: where files
        are missing all stays as it was, where one is damaged there is no variant until the next `become`.
        """
        paths = variant.paths(folder)
        yield Progress(0.0, f"Loading the decoder of {variant.name}")
        if self.name:
            self.name = ""
            self._steppers.cache_clear()
            del self.flow, self.decoder
        self.decoder = Decoder.load(variant.codec, paths[variant.vae], paths[variant.vocoder], dtype, device)
        yield Progress(0.0, f"Loading the flow network of {variant.name}")
        flow = load_flow(variant, paths[variant.flow], dtype, device)
        self.flow, self.codec, self.name = flow, variant.codec, variant.name

    def read(self, text: str) -> Tensor:
        """The features (1, 77, 1024) of a prompt; those read lately are remembered."""
        features: Tensor = self._read(text)
        return features

    def stepper(self, count: int, guided: bool, lengths: Lengths) -> Stepper:
        """What takes that many on by a step; those of shapes had lately are remembered. One walk at a time uses it."""
        stepper: Stepper = self._steppers(count, guided, lengths)
        return stepper

    def follow(self, frames: Tensor) -> Tensor:
        """Segments (B, 16, 3, 224, 224), -1..1, to timing features (B, 8, 768)."""
        weight = self.synchformer.cls_token
        features: Tensor = self.synchformer(frames.to(weight.device, weight.dtype))
        return features


def load_flow(variant: Variant, source: Path, dtype: torch.dtype, device: torch.device) -> FlowNetwork:
    """The first version's files also hold tables that are reckoned here."""
    network = build(lambda: FlowNetwork(variant.architecture))
    tables = {"t_embed.freqs", "latent_rot", "clip_rot"}
    tensors = {name: each for name, each in rounded(source, dtype).items() if name not in tables}
    fill(network, tensors, source, dtype, device)
    del tensors  # packed, a layer needs its own no more
    pack(network)
    return network


def load_synchformer(tensors: Tensors, source: Path, dtype: torch.dtype, device: torch.device) -> Synchformer:
    """From the whole of the published model; of it, the visual half is used, less a layer that never runs."""
    network = build(Synchformer)
    visual = {
        name.removeprefix(TIMING_PREFIX): each
        for name, each in tensors.items()
        if name.startswith(TIMING_PREFIX) and not name.startswith(f"{TIMING_PREFIX}patch_embed.")
    }
    fill(network, visual, source, dtype, device, lambda name: f"{TIMING_PREFIX}{name}")
    pack(network)
    return network
