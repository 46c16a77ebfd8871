"""One installation, as `make run` starts it, for all tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clips import bouncing_ball
from tests.programs import Soundstage, soundstage
from tests.services.person import ACCOUNT, Person, signed_in


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soundstage]:
    """A worker that died is given up after three seconds here, so that what it left is soon taken up. Logs as JSON."""
    with soundstage(tmp_path_factory.mktemp("stage"), LEASE_SECONDS="3", LOG_FORMAT="json", **ACCOUNT) as running:
        yield running


@pytest.fixture
def person(stage: Soundstage) -> Iterator[Person]:
    with signed_in(stage.url) as person:
        yield person


@pytest.fixture(scope="package")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "ball.mp4"
    bouncing_ball(path, seconds=2, impacts=(0.5, 1.2))
    return path
