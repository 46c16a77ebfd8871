"""What a picture shows and what a prompt says: the two towers of CLIP ViT-H/14 (DFN5B, Fang et al., ICLR 2024).

The networks are those of transformers; their weights come from the published file in open_clip's names. Radford et
al., "Learning transferable visual models from natural language supervision" (ICML 2021).
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import ftfy
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AttentionInterface,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)
from transformers.models.clip.modeling_clip import CLIPEncoderLayer

from engine.mmaudio.checkpoints import Tensors, build, fill
from engine.mmaudio.layers import attend, attention
from engine.mmaudio.packing import pack
from engine.model import Unloadable

SIDE = 384
"""Pixels of a picture's side. Of these the patches of 14 cover the upper left 378."""

COVERED = 378

MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)

TOKENS = 77
START, END, PADDING = 49_406, 49_407, 0

VISION = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 16,
    "patch_size": 14,
    "image_size": COVERED,
    "projection_dim": 1024,
}
TEXT = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "max_position_embeddings": TOKENS,
    "vocab_size": 49_408,
}
ALIKE = {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}

_LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_NAMES = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre": "vision_model.pre_layrnorm",  # so spelled there
    "visual.ln_post": "vision_model.post_layernorm",
    "visual.proj": "visual_projection.weight",
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final": "final_layer_norm",
}
_LAYER_BACK, _NAMES_BACK = ({ours: theirs for theirs, ours in each.items()} for each in (_LAYER, _NAMES))
_UNUSED = {"text_projection", "logit_scale"}


class ClipTowers:
    """Both towers. Features come out as unit vectors."""

    def __init__(self, vision: CLIPVisionModelWithProjection, text: CLIPTextModel) -> None:
        self.vision, self.text = vision, text

    @classmethod
    def load(cls, tensors: Tensors, source: Path, dtype: torch.dtype, device: torch.device) -> ClipTowers:
        """Those of the published sizes, from weights in open_clip's names. Raises `Unloadable`."""
        towers = cls(build(lambda: make_vision(VISION)), build(lambda: make_text(TEXT)))
        towers.fill(tensors, source, dtype, device)
        del tensors  # packed, a layer needs its own no more
        pack(towers.vision)
        pack(towers.text)
        return towers

    def fill(self, tensors: Tensors, source: Path, dtype: torch.dtype, device: torch.device) -> None:
        """Share the weights out to the two towers. Raises `Unloadable`."""
        renamed = from_open_clip(tensors)
        seen = {name: each for name, each in renamed.items() if name.startswith(("vision_model.", "visual"))}
        read = {name: each for name, each in renamed.items() if name not in seen}
        fill(self.vision, seen, source, dtype, device, in_open_clip)
        fill(self.text, read, source, dtype, device, in_open_clip)

    def see(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, 384, 384), uint8, to features (B, 1024)."""
        weight = self.vision.visual_projection.weight
        shown = pictures[..., :COVERED, :COVERED].to(weight.device).float() / 255
        mean, deviation = (torch.tensor(each, device=weight.device)[:, None, None] for each in (MEAN, DEVIATION))
        features = self.vision(pixel_values=((shown - mean) / deviation).to(weight.dtype)).image_embeds
        return functional.normalize(features, dim=-1)

    def read(self, tokens: Tensor) -> Tensor:
        """Tokens (B, 77) to features (B, 77, 1024): every place counts, the padding too."""
        device = self.text.get_input_embeddings().weight.device
        return functional.normalize(self.text(input_ids=tokens.to(device)).last_hidden_state, dim=-1)


def _attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *_: object, **__: object
) -> tuple[Tensor, None]:
    """In transformers' terms: three of (B, heads, tokens, d), to (B, tokens, heads, d) and no weights."""
    return attention(query, key, value).transpose(1, 2), None


AttentionInterface.register("grouped_heads", _attend)


class LastLayer(CLIPEncoderLayer):
    """The vision tower's last: of what comes out of it the class token alone is used, and made."""

    def forward(self, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
        first, normal, own = hidden_states[:, :1], self.layer_norm1(hidden_states), self.self_attn
        projected = own.q_proj(normal[:, :1]), own.k_proj(normal), own.v_proj(normal)
        heads = (part.unflatten(-1, (own.num_heads, -1)).transpose(1, 2) for part in projected)
        first = first + own.out_proj(attend(*heads))
        out: Tensor = first + self.mlp(self.layer_norm2(first))
        return out


def make_vision(sizes: dict[str, int]) -> CLIPVisionModelWithProjection:
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes, **ALIKE, attn_implementation="grouped_heads"))
    model.vision_model.encoder.layers[-1] = LastLayer(model.config)
    embeddings = model.vision_model.embeddings
    embeddings.position_ids = torch.arange(embeddings.num_positions, device="cpu")[None]
    return model


def make_text(sizes: dict[str, int]) -> CLIPTextModel:
    model = CLIPTextModel(CLIPTextConfig(**sizes, **ALIKE, attn_implementation="sdpa"))
    model.embeddings.position_ids = torch.arange(sizes["max_position_embeddings"], device="cpu")[None]
    return model


def from_open_clip(tensors: Tensors) -> Tensors:
    """The weights under transformers' names; queries, keys and values, one tensor there, are three here."""
    renamed: Tensors = {}
    for name, tensor in tensors.items():
        if name in _UNUSED:
            continue
        if name == "visual.proj":
            renamed[_NAMES[name]] = tensor.T
            continue
        if match := re.fullmatch(r"(visual\.)?transformer\.resblocks\.(\d+)\.(.+)\.(\w+)", name):
            tower = "vision_model." if match[1] else ""
            layer, part, kind = f"{tower}encoder.layers.{match[2]}", match[3], match[4]
            if kind.startswith("in_proj_"):
                for letter, third in zip("qkv", tensor.chunk(3), strict=False):  # of too few rows some are missed
                    renamed[f"{layer}.self_attn.{letter}_proj.{kind.removeprefix('in_proj_')}"] = third
            else:
                renamed[f"{layer}.{_LAYER.get(part, part)}.{kind}"] = tensor
            continue
        stem, _, kind = name.rpartition(".")
        renamed[_NAMES.get(name) or f"{_NAMES.get(stem, stem)}.{kind}"] = tensor
    return renamed


def in_open_clip(name: str) -> str:
    """The name in the published file of what has `name` in transformers' towers."""
    if match := re.fullmatch(r"(vision_model\.)?encoder\.layers\.(\d+)\.(.+)\.(\w+)", name):
        layer, part, kind = f"{'visual.' if match[1] else ''}transformer.resblocks.{match[2]}", match[3], match[4]
        if re.fullmatch(r"self_attn\.[qkv]_proj", part):
            return f"{layer}.attn.in_proj_{kind}"
        return f"{layer}.{_LAYER_BACK.get(part, part)}.{kind}"
    stem, _, kind = name.rpartition(".")
    return _NAMES_BACK.get(name) or f"{_NAMES_BACK.get(stem, stem)}.{kind}"


class Words:
    """CLIP's tokenizer: byte pairs (Sennrich et al., 2016) of the published vocabulary."""

    def __init__(self, vocabulary: Path, merges: Path) -> None:
        """From `vocab.json` and `merges.txt`. Raises `Unloadable`."""
        try:
            pairs = models.BPE.from_file(str(vocabulary), str(merges), end_of_word_suffix="</w>")
        except Exception as error:  # tokenizers raises nothing more specific
            raise Unloadable(f"{vocabulary} and {merges} are no vocabulary that can be read: {error}") from error
        self._tokenizer = Tokenizer(pairs)
        self._tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
        )
        words = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+")
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(words, "removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )

    def tokens(self, text: str) -> Tensor:
        """(1, 77): start, the words, end, padding; what is too long is cut off."""
        clean = html.unescape(html.unescape(ftfy.fix_text(text))).strip()
        words = self._tokenizer.encode(clean, add_special_tokens=False).ids[: TOKENS - 2]
        row = [START, *words, END]
        return torch.tensor([row + [PADDING] * (TOKENS - len(row))])
