"""Which of the things that are seen is which of the sounds that were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from engine.foley.scene import CURVE_RATE, Scene, blank
from engine.foley.spotting import Part, spot
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


# --- By place, size and rhythm


def parts(prompt: str, *events: Event, seen: bool = True, motion: float = 1.0, seconds: float = SECONDS) -> list[Part]:
    points = round(seconds * CURVE_RATE) + 1
    scene = Scene(seconds, tuple(events), motion=np.full(points, motion), pan=np.full(points, 0.5))
    return list(spot(understand(prompt), scene if seen else blank(seconds), 4.5, False, seen).parts)


def times(prompt: str, *events: Event, seen: bool = True, seconds: float = SECONDS) -> dict[str, list[float]]:
    made = parts(prompt, *events, seen=seen, seconds=seconds)
    return {part.layer.family.name: [round(cue.time, 3) for cue in part.cues] for part in made}


def hits(at: float, gap: float, count: int, **where: float) -> list[Event]:
    return [Event(time=round(at + gap * turn, 3), strength=1.0, **where) for turn in range(count)]  # type: ignore[arg-type]


def test_the_words_say_which_side_is_which_sound() -> None:
    left, right = hits(0.5, 0.7, 6, x=0.2), hits(0.9, 0.7, 6, x=0.8)
    shares = times("a small bell on the left and a drum on the right", *left, *right)
    assert shares == {"bell": [event.time for event in left], "drum": [event.time for event in right]}
    mirrored = times("a small bell on the right and a drum on the left", *left, *right)
    assert mirrored == {"bell": [event.time for event in right], "drum": [event.time for event in left]}


def test_the_words_say_it_where_things_are_all_over_the_picture_too() -> None:
    places = np.linspace(0.0, 1.0, 12)
    events = [Event(time=0.3 + 0.5 * turn, strength=1.0, x=float(x)) for turn, x in enumerate(places)]
    shares = times("a bell on the left and a drum on the right", *events)
    assert shares["bell"] == [event.time for event in events if event.x < 0.5]
    assert shares["drum"] == [event.time for event in events if event.x > 0.5]


def test_what_is_large_makes_the_large_sound() -> None:
    small, large = hits(0.5, 0.7, 6, x=0.2, size=0.01), hits(0.9, 0.7, 6, x=0.8, size=0.2)
    shares = times("a tiny bell and a huge heavy drum", *small, *large)
    assert shares == {"bell": [event.time for event in small], "drum": [event.time for event in large]}


def test_what_has_the_rhythm_of_steps_makes_the_steps() -> None:
    walked, other = hits(0.5, 0.54, 12, x=0.2, y=0.9), hits(1.0, 2.5, 3, x=0.8, y=0.3)
    shares = times("footsteps and coins", *walked, *other)
    assert shares == {
        "footsteps": [event.time for event in walked],
        "coin": [event.time for event in other],
    }


# --- What keeps its own time


def test_what_is_behind_leaves_the_events_to_what_is_before() -> None:
    seen = hits(1.0, 1.0, 5)
    shares = times("footsteps, constant hammering in the background", *seen)
    assert shares["footsteps"] == [event.time for event in seen]
    gaps = np.diff(shares["hammer"])
    assert len(gaps) > 5
    assert np.ptp(gaps) < 0.1 * np.mean(gaps)


def test_a_rhythm_that_is_asked_for_is_kept_and_meets_what_is_seen() -> None:
    seen = [Event(time=time, strength=1.0) for time in (2.35, 4.2, 5.3)]
    beats = times("a bell every two seconds", *seen)["bell"]
    assert len(beats) == 4
    assert {2.35, 4.2} <= set(beats)
    assert np.allclose(np.diff(times("a bell every two seconds", seen=False)["bell"]), 2.0, atol=0.25)


def test_groups_come_in_quick_succession() -> None:
    gaps = np.diff(times("knocks in triplets", seen=False)["knock"])
    assert np.all(gaps[2::3] > 2 * np.max([gaps[0::3][: len(gaps[2::3])], gaps[1::3][: len(gaps[2::3])]]))
    threes = times("three knocks every two seconds", seen=False)["knock"]
    assert len(threes) == 12


# --- Turns


def test_without_a_picture_turns_follow_each_other() -> None:
    shares = times("three knocks, then footsteps, then a door slams", seen=False)
    assert len(shares["knock"]) == 3
    assert len(shares["door_slam"]) == 1
    assert max(shares["knock"]) < min(shares["footsteps"]) < max(shares["footsteps"]) < shares["door_slam"][0]
    assert next(iter(times("a gunshot, then a bell", seen=False).values())) == pytest.approx([0.25], abs=0.2)


def test_what_lasts_waits_for_its_turn_and_gives_way_to_its_like() -> None:
    def level(part: Part, begin: float, end: float) -> float:
        assert part.gain is not None
        return float(np.mean(part.gain[round(begin * CURVE_RATE) : round(end * CURVE_RATE)]))

    rain, wind = parts("rain, then wind", seen=False)
    assert level(rain, 0, 3) > 0.9 > 0.1 > level(rain, 5, 8)
    assert level(wind, 5, 8) > 0.9 > 0.1 > level(wind, 0, 3)
    rain, _, wind = parts("rain throughout, knocks, then wind", *hits(1.0, 1.0, 3))
    assert level(rain, 0, 8) == pytest.approx(level(rain, 0, 1), rel=0.01)
    _, rain = parts("footsteps, then rain", *hits(1.0, 0.5, 4))
    assert level(rain, 0, 3) < 0.1 < 0.5 < level(rain, 5, 8)


def test_what_lasts_can_answer_to_events() -> None:
    (whoosh,) = parts("a whoosh whenever it lands", *hits(2.0, 3.0, 2, x=0.9))
    assert whoosh.gain is not None
    assert whoosh.pan is not None
    loud = np.flatnonzero(whoosh.gain > 0.5) / CURVE_RATE
    assert {round(float(time)) for time in loud} == {2, 5}
    assert whoosh.pan[round(2.2 * CURVE_RATE)] > 0.8


def test_turns_hold_for_sounds_that_answer_to_different_moments() -> None:
    points = round(SECONDS * CURVE_RATE) + 1
    scene = Scene(
        duration=SECONDS,
        events=tuple(hits(0.6, 0.5, 3) + hits(5.6, 0.5, 3)),
        starts=tuple(hits(0.4, 0.5, 3) + hits(5.4, 0.5, 3)),
        motion=np.ones(points),
        pan=np.full(points, 0.5),
    )
    sheet = spot(understand("a dog barks, then knocks"), scene, 4.5, False, True)
    dog, knock = ([cue.time for cue in part.cues] for part in sheet.parts)
    assert max(dog) < 3 < min(knock)


def test_the_words_place_what_no_picture_does() -> None:
    def places(prompt: str) -> list[float]:
        (part,) = parts(prompt, seen=False)
        return [cue.x for cue in part.cues]

    assert max(places("knocks on the left")) < 0.2 < 0.8 < min(places("knocks on the right"))
    walked = places("footsteps from left to right")
    assert walked[0] < 0.2 < 0.8 < walked[-1]
    (rain,) = parts("rain on the left", seen=False)
    assert rain.pan is not None
    assert rain.pan.max() < 0.2


def test_what_no_word_names_sounds_as_the_words_say() -> None:
    soft, loud = (parts(f"{how} zorbing", *hits(1.0, 1.0, 3))[0].layer.character for how in ("soft", "loud"))
    assert soft.intensity < loud.intensity
