"""The engine's settings: environment variables with the prefix `ENGINE_`, and defaults that run."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Read once at start. Sizes are bytes, times seconds."""

    model_config = SettingsConfigDict(env_prefix="ENGINE_", env_ignore_empty=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8010, ge=1, le=65535)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # How callers reach the engine; empty: as each request names it.
    public_url: str = ""
    # What `Authorization: Key` must carry; empty: anyone may call.
    key: SecretStr = SecretStr("")

    model: str = Field(default="engine.foley.model:Foley", pattern=r"^[\w.]+:\w+$")
    workers: int = Field(default=1, ge=1)
    timeout_seconds: float = Field(default=300.0, gt=0)
    # The address space of a worker; 0: unbounded.
    worker_memory_bytes: int = Field(default=4 * 1024**3, ge=0)

    max_queue: int = Field(default=64, ge=1)
    max_upload_bytes: int = Field(default=500 * 1024**2, ge=1)
    # The JSON of a request, with the clip where it is a `data:` URI.
    max_body_bytes: int = Field(default=32 * 1024**2, ge=1)
    # Hosts (by commas) from which clips may be fetched though their address is not public.
    allowed_sources: Annotated[frozenset[str], NoDecode] = frozenset()

    log_format: Literal["json", "text"] = "text"

    data_dir: Path = Path("data/engine")
    keep_seconds: float = Field(default=3600.0, gt=0)

    @field_validator("allowed_sources", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [host.strip().lower() for host in value.split(",") if host.strip()] if isinstance(value, str) else value

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.resolve()

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if not self.key.get_secret_value() and not _is_loopback(self.host):
            raise ValueError(f"Listening on {self.host} lets others in: set ENGINE_KEY, or ENGINE_HOST=127.0.0.1.")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("ENGINE_TLS_CERT and ENGINE_TLS_KEY belong together: set both or neither.")
        return self


def complaints(error: ValidationError, prefix: str) -> list[str]:
    """What is wrong with settings that are read from variables with `prefix`: a line each, with the variable's name."""
    return [
        f"{'_'.join([prefix, *map(str, each['loc'])]).upper()}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors()
    ]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
