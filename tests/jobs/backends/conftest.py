"""Both providers, and the clients that are configured for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.backends import registry
from jobs.backends.base import Backend, Request
from tests.jobs.backends.servers import (
    FAL_KEY,
    SCENARIO_KEY,
    SCENARIO_SECRET,
    FalServer,
    ScenarioServer,
    fal_server,
    scenario_server,
)

REQUEST = Request(
    prompt="gravel under boots",
    negative_prompt="music",
    duration=2.0,
    quality_steps=30,
    prompt_strength=6.5,
    focus_on_subject=True,
    seed=99,
)


@pytest.fixture
def fal(settings: Any) -> Iterator[FalServer]:
    with fal_server() as server:
        settings.FAL_KEY, settings.FAL_QUEUE_URL, settings.FAL_REST_URL = FAL_KEY, server.url, server.url
        registry.client.cache_clear()
        yield server
        registry.client.cache_clear()


@pytest.fixture
def fal_client(fal: FalServer) -> Iterator[Backend]:
    client = registry.client("fal", registry.installed("fal"))
    yield client
    client.close()


@pytest.fixture
def scenario(settings: Any) -> Iterator[ScenarioServer]:
    with scenario_server() as server:
        settings.SCENARIO_API_KEY, settings.SCENARIO_API_SECRET = SCENARIO_KEY, SCENARIO_SECRET
        settings.SCENARIO_BASE_URL = server.url
        registry.client.cache_clear()
        yield server
        registry.client.cache_clear()


@pytest.fixture
def scenario_client(scenario: ScenarioServer) -> Iterator[Backend]:
    client = registry.client("scenario", registry.installed("scenario"))
    yield client
    client.close()


@pytest.fixture
def clip_file(tmp_path: Path) -> Path:
    """Bytes that stand for a clip: the clients don't look inside."""
    path = tmp_path / "proxy.mp4"
    path.write_bytes(bytes(range(256)) * 40)
    return path
