"""One engine with a scripted model for all tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.running import RunningEngine, engine


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with engine(tmp_path_factory.mktemp("engine")) as started:
        yield started


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that the scripted model can wait for; it is there after the test at the latest."""
    path = tmp_path / "gate"
    yield path
    path.touch()
