"""Which of the things that are seen is which of the sounds that were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from engine.foley.scene import CURVE_RATE, Scene
from engine.foley.spotting import spot
from engine.foley.understand import understand
from engine.model import Event

SECONDS = 8.0


def dealt(prompt: str, *events: tuple[float, float]) -> dict[str, list[float]]:
    """The instants of each family where things are seen at (seconds, place from left to right)."""
    points = round(SECONDS * CURVE_RATE) + 1
    scene = Scene(
        duration=SECONDS,
        events=tuple(Event(time=time, strength=1.0 if time < 4 else 0.9, x=x) for time, x in events),
        motion=np.ones(points),
        pan=np.full(points, 0.5),
    )
    sheet = spot(understand(prompt, ""), scene, 4.5, False, True)
    return {part.layer.family.name: [cue.time for cue in part.cues] for part in sheet.parts}


def test_then_begins_after_the_pause() -> None:
    steps = [(0.5 * n, 0.3 + 0.03 * n) for n in range(1, 9)]
    assert dealt("footsteps on gravel, then a door slams", *steps, (6.0, 0.8)) == {
        "footsteps": [time for time, _ in steps],
        "door_slam": [6.0],
    }


def test_then_begins_where_something_else_moves() -> None:
    here, there = [(1.0, 0.1), (1.5, 0.15), (2.0, 0.1)], [(2.5, 0.9), (3.0, 0.9)]
    assert dealt("wooden knocks, then glass breaks", *here, *there) == {
        "knock": [1.0, 1.5, 2.0],
        "glass_break": [2.5, 3.0],
    }


def test_a_number_before_then_is_how_many() -> None:
    seen = [(1.0, 0.5), (1.4, 0.5), (1.8, 0.5), (2.2, 0.5), (2.6, 0.5)]
    assert dealt("three knocks, then a bell", *seen) == {"knock": [1.0, 1.4, 1.8], "bell": [2.2, 2.6]}


def test_what_is_beyond_a_number_sounds_as_the_other_thing() -> None:
    seen = [(1.0, 0.2), (2.0, 0.2), (3.0, 0.2), (5.0, 0.8)]
    shares = dealt("one knock and footsteps", *seen)
    assert len(shares["knock"]) == 1
    assert sorted(shares["knock"] + shares["footsteps"]) == [1.0, 2.0, 3.0, 5.0]


def test_a_number_alone_is_how_many_sound() -> None:
    assert len(dealt("two knocks", (1.0, 0.5), (2.0, 0.5), (3.0, 0.5))["knock"]) == 2


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_events_are_shared_out_and_none_is_lost(count: int) -> None:
    shares = dealt("knocks, then a bell, then a gunshot", *[(1.0 + n, 0.5) for n in range(count)])
    heard = {time for times in shares.values() for time in times}
    assert heard >= {1.0 + n for n in range(count)}
