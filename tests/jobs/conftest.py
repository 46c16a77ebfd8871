"""A team with a clip, and generations on their way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import File

from jobs import intake, lifecycle, pipeline
from jobs.models import Clip, Generation
from tests.clips import bouncing_ball
from webapp.accounts.models import Team


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="Foley artists")


@pytest.fixture
def clip(team: Team, tmp_path: Path) -> Clip:
    path = tmp_path / "ball.mp4"
    bouncing_ball(path, seconds=1.5, impacts=(0.5, 1.0))
    with path.open("rb") as file:
        return intake.accept_clip(team, None, File(file), "ball.mp4")


Ask = Callable[..., Generation]


@pytest.fixture
def ask(team: Team) -> Ask:
    """Ask for sound as the form does, without ringing for a worker."""

    def ask(clip: Clip | None = None, **parameters: Any) -> Generation:
        chosen = intake.Parameters(**{"prompt": "knocks on wood", "seed": 7, **parameters})
        return intake.accept_generation(team, None, clip, chosen, enqueue=False)

    return ask


def step(generation: Generation) -> float | None:
    """One delivery of the generation's message to a worker, its waiting time over; the seconds it asks to wait then."""
    Generation.objects.filter(pk=generation.pk).update(wake_at=generation.created_at)
    delay = None
    with lifecycle.taken(generation.pk) as taken:
        if taken is not None:
            delay = pipeline.advance(taken)
    generation.refresh_from_db()
    return delay


def drive(generation: Generation, steps: int = 200) -> Generation:
    """Deliver messages until the generation is finished; the test fails if `steps` are not enough."""
    for _ in range(steps):
        step(generation)
        if generation.is_finished:
            return generation
    raise AssertionError(f"still {generation.status} ({generation.stage}) after {steps} steps")
