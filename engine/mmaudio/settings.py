"""The settings of the MMAudio network: environment variables with the prefix `ENGINE_MMAUDIO_`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

import torch
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine.mmaudio.pictures import Edges
from engine.mmaudio.precision import dtype_for
from engine.mmaudio.variants import VARIANTS
from engine.model import Unloadable
from engine.settings import complaints


class Settings(BaseSettings):
    """`read` once, when the model is loaded."""

    model_config = SettingsConfigDict(env_prefix="ENGINE_MMAUDIO_", env_ignore_empty=True)

    weights: Path = Path("data/mmaudio")
    variant: str = "large_44k_v2"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    # Numbers of 32 bits or of 16 (bfloat16); auto: 16 where the device reckons with them, and well enough.
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    # How the timing encoder's square is made of a picture; published: crop.
    edges: Edges = "crop"
    # Clips whose features are kept, so that another take of one need not look at it again.
    clips_kept: int = Field(default=64, ge=0)
    # Requests that wait and go together as one batch; 0: 8 on a GPU, 1 on a processor.
    at_once: int = Field(default=0, ge=0)

    # Which of the engine's workers this is: each has a GPU to itself, as far as there are as many.
    lane: int = Field(default=0, ge=0, validation_alias="ENGINE_LANE")

    @field_validator("variant")
    @classmethod
    def _is_published(cls, variant: str) -> str:
        if variant not in VARIANTS:
            raise ValueError(f"There are the variants {', '.join(VARIANTS)}.")
        return variant

    @classmethod
    def read(cls) -> Self:
        """Those of the environment. Raises `Unloadable` where they make no sense."""
        try:
            return cls()
        except ValidationError as error:
            raise Unloadable(" ".join(complaints(error, "ENGINE_MMAUDIO"))) from error

    @property
    def torch_device(self) -> torch.device:
        if self.device == "cpu" or (self.device == "auto" and not torch.cuda.is_available()):
            return torch.device("cpu")
        return torch.device("cuda", self.lane % max(1, torch.cuda.device_count()))

    @property
    def dtype(self) -> torch.dtype:
        if self.precision != "auto":
            return torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        return dtype_for(self.torch_device)
