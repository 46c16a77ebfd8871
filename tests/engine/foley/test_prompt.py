"""What the words of a prompt and a negative prompt do to the sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.foley.understand import understand
from engine.model import BadInput
from tests import clips
from tests.engine.foley.listening import (
    Signal,
    centroid,
    decay,
    flatness,
    generate,
    level,
    level_between,
    onsets,
)

FAMILIES = {
    "wooden hits": ("impact", "wood"),
    "metal hits": ("impact", "metal"),
    "glass hits": ("impact", "glass"),
    "stone hits": ("impact", "stone"),
    "plastic hits": ("impact", "plastic"),
    "footsteps on concrete": ("footsteps", "concrete"),
    "walking on wooden floorboards": ("footsteps", "wood"),
    "footsteps on gravel": ("footsteps", "gravel"),
    "boots in the snow": ("footsteps", "snow"),
    "steps on a metal grate": ("footsteps", "metal"),
    "a creaking door": ("door_creak", "wood"),
    "a heavy door slams shut": ("door_slam", "wood"),
    "rain": ("rain", None),
    "howling wind": ("wind", None),
    "a running stream": ("water", None),
    "a crackling fire": ("fire", None),
    "a car engine": ("engine", None),
    "machinery running": ("machinery", None),
    "a fast whoosh": ("whoosh", None),
    "an explosion": ("explosion", None),
    "a church bell": ("bell", "metal"),
    "a mouse click": ("click", "plastic"),
    "typing on a keyboard": ("typing", "plastic"),
    "an arrow shot at a target": ("arrow", "wood"),
    "a camera shutter": ("camera_shutter", "plastic"),
    "a rattling chain": ("chain", "metal"),
    "a chair scraping on the floor": ("chair_scrape", "wood"),
    "wind chimes": ("chime", "metal"),
    "glasses clinking": ("clink", "glass"),
    "a coin spinning on a table": ("coin_spin", "wood"),
    "a cork popping": ("cork", None),
    "dice rolling on a table": ("dice", "wood"),
    "dishes clattering": ("dishes", "ceramic"),
    "a power drill": ("drill", "wood"),
    "a body fall": ("fall", "wood"),
    "a large gong": ("gong", "metal"),
    "hammering a nail": ("hammer", "wood"),
    "keys jingling": ("keys", "metal"),
    "a key turning in a lock": ("lock", "metal"),
    "turning pages": ("page", None),
    "paper crumpling": ("paper", None),
    "paper being torn": ("paper_tear", "cardboard"),
    "a ratchet": ("ratchet", "metal"),
    "a rattling toolbox": ("rattle", "metal"),
    "sawing wood": ("saw", "wood"),
    "scissors snipping": ("scissors", "metal"),
    "a spray can": ("spray", None),
    "a stapler": ("stapler", "metal"),
    "a light switch": ("switch", "plastic"),
    "swords clashing": ("sword", "metal"),
    "an old typewriter": ("typewriter", "metal"),
    "a user interface click": ("ui_click", None),
    "a whip cracking": ("whip", None),
    "a referee's whistle": ("whistle", None),
    "a branch snaps": ("wood_crack", "wood"),
    "writing with a pencil": ("writing", None),
    "a zip closing": ("zip", "metal"),
    "a fire alarm": ("alarm", None),
    "someone breathing heavily": ("breath", None),
    "a car passing by": ("car_pass", None),
    "a cat meowing": ("cat", None),
    "a cow mooing": ("cow", None),
    "the murmur of a crowd": ("crowd_murmur", None),
    "a quadcopter drone": ("drone", None),
    "crackling electricity": ("electricity", None),
    "wind in the trees": ("foliage", None),
    "frogs croaking": ("frogs", None),
    "a galloping horse": ("gallop", "dirt"),
    "hail": ("hail", None),
    "a helicopter": ("helicopter", None),
    "a car horn": ("horn", None),
    "a horse neighing": ("horse", None),
    "a buzzing bee": ("insect_buzz", None),
    "a laser shot": ("laser", None),
    "a magic shimmer": ("magic_shimmer", None),
    "an electric motor": ("motor", None),
    "pouring water": ("pour", None),
    "a propeller plane": ("propeller", None),
    "a spaceship": ("sci_fi_hum", None),
    "a sheep bleating": ("sheep", None),
    "someone snoring": ("snore", None),
    "an electric spark": ("spark", None),
    "hissing steam": ("steam", None),
    "a train": ("train", None),
    "underwater": ("underwater", None),
    "a waterfall": ("waterfall", None),
    "flapping wings": ("wings", None),
}
ROOMS = ("dry", "room", "hall", "corridor", "cave", "outdoors")


@pytest.fixture(scope="module")
def ball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "ball.mp4"
    clips.bouncing_ball(path)
    return path


@pytest.mark.parametrize("prompt", FAMILIES)
def test_a_family_is_understood(prompt: str) -> None:
    """How each sounds, and that none sounds like another, is tested in test_fit."""
    plan = understand(prompt)
    assert [(layer.family.name, layer.material or None) for layer in plan.layers] == [FAMILIES[prompt]]
    assert plan.unknown == ()


def test_materials_ring_as_they_do() -> None:
    hits = {
        name: generate(f"one {name} hit, dry", duration=2.0).samples for name in ("wood", "metal", "glass", "plastic")
    }
    ringing = {name: decay(samples, 30) for name, samples in hits.items()}
    bright = {name: centroid(samples) for name, samples in hits.items()}
    assert ringing["metal"] > 1.5 * ringing["glass"] > 2 * ringing["wood"] > ringing["plastic"]
    assert min(bright["metal"], bright["glass"]) > 1.5 * max(bright["wood"], bright["plastic"])


def test_shoes_sound_as_hard_as_they_are() -> None:
    """High heels are all click, boots have weight, bare feet do neither ring nor knock."""
    steps = {
        shoe: generate(f"footsteps in {shoe} on concrete, dry", duration=3.0).samples
        for shoe in ("high heels", "boots", "bare feet")
    }
    bright = {shoe: centroid(samples) for shoe, samples in steps.items()}
    assert bright["high heels"] > 1.5 * bright["boots"]
    weight = {shoe: level_between(samples, 40, 200) - level(samples) for shoe, samples in steps.items()}
    assert weight["bare feet"] > weight["boots"] > weight["high heels"] + 3


def test_a_thing_s_form_is_heard() -> None:
    """A sheet of metal has many modes, a pipe few and far apart."""
    sheet, pipe = (generate(f"one hit on a metal {thing}, dry", duration=2.0).samples for thing in ("plate", "pipe"))
    assert flatness(sheet) > 3 * flatness(pipe)


def test_gravel_and_metal_in_a_cave_differ_as_the_words_say(ball: Path) -> None:
    """Gravel: bright, noisy, gone at once. Metal in a cave: tones that ring on."""
    gravel = generate("footsteps on gravel", ball).samples
    metal = generate("metal hits in a cave", ball).samples
    last = round(2.45 * 48_000)  # the last of the impacts alone
    assert flatness(gravel) > 10 * flatness(metal)
    assert centroid(gravel) > 1.2 * centroid(metal)
    assert level(metal[last + 14_400 :]) - level(metal[last:][:4800]) > -20
    assert level(gravel[last + 14_400 :]) - level(gravel[last:][:4800]) < -20


def test_rooms_ring_for_as_long_as_they_are_large() -> None:
    sounds = {room: generate(f"one wooden hit in a {room}", duration=3.0) for room in ROOMS if room != "outdoors"}
    sounds["outdoors"] = generate("one wooden hit outdoors", duration=3.0)
    assert {room: sound.understood["room"] for room, sound in sounds.items()} == {room: room for room in ROOMS}
    tails = {room: decay(sound.samples, 30) for room, sound in sounds.items()}
    assert sorted(tails, key=lambda room: tails[room]) == ["dry", "room", "outdoors", "corridor", "hall", "cave"] or (
        sorted(tails, key=lambda room: tails[room]) == ["dry", "outdoors", "room", "corridor", "hall", "cave"]
    )
    assert tails["cave"] > 1.2 * tails["hall"] > 1.2 * tails["corridor"] > 2 * tails["room"] > 2.4 * tails["dry"]


@pytest.mark.parametrize(
    ("quiet", "loud", "measure", "ratio"),
    [
        ("a small bell", "a huge church bell", lambda sound: 1 / centroid(sound), 2.0),
        ("dull metal hits", "bright metal hits", centroid, 1.5),
        ("slow footsteps", "fast footsteps", lambda sound: float(len(onsets(sound))), 1.3),
        ("a light drizzle", "torrential rain", lambda sound: 1 / np.percentile(np.abs(sound), 99.9), 1.1),
    ],
)
def test_qualities_do_what_they_say(quiet: str, loud: str, measure: Callable[[Signal], float], ratio: float) -> None:
    less, more = (measure(generate(prompt, duration=3.0).samples) for prompt in (quiet, loud))
    assert more > ratio * less


def test_numbers_and_order_are_obeyed() -> None:
    assert len(onsets(generate("three knocks on a wooden door", duration=4.0).samples)) == 3
    first = generate("a gunshot then a church bell", duration=6.0)
    assert [layer["family"] for layer in first.understood["layers"]] == ["gunshot", "bell"]


def test_what_the_negative_prompt_names_is_gone() -> None:
    """Wind is low where rain is high: below 200 Hz only wind is heard."""
    both = generate("rain and wind", duration=3.0)
    without = generate("rain and wind", duration=3.0, negative_prompt="wind")
    alone = generate("rain", duration=3.0)
    assert level_between(without.samples, 30, 200) < level_between(both.samples, 30, 200) - 15
    assert np.array_equal(without.samples, alone.samples), "nothing of the wind is left"
    assert without.understood["excluded"] == ["wind"]
    assert [layer["family"] for layer in without.understood["layers"]] == ["rain"]


@pytest.mark.parametrize("prompt", ["rain without wind", "rain, no wind", "rain and no wind"])
def test_a_prompt_can_say_what_must_not_sound(prompt: str) -> None:
    sound = generate(prompt, duration=1.0)
    assert [layer["family"] for layer in sound.understood["layers"]] == ["rain"]
    assert sound.understood["excluded"] == ["wind"]


def test_a_negative_prompt_takes_the_room_away(ball: Path) -> None:
    echoing = generate("metal hits in a cave", ball)
    dry = generate("metal hits in a cave", ball, negative_prompt="echo")
    assert dry.understood["room"] == "dry"
    assert decay(dry.samples, 30) < decay(echoing.samples, 30)


def test_a_negative_prompt_that_leaves_nothing_is_refused_with_a_sentence() -> None:
    with pytest.raises(BadInput, match=r"rules out everything .*\.$"):
        generate("wind", duration=1.0, negative_prompt="wind")


def test_unknown_words_are_reported_and_known_ones_still_sound() -> None:
    understood = generate("zorbing glockenspiel and rain", duration=1.0).understood
    assert understood["unknown"] == ["zorbing", "glockenspiel"]
    assert set(understood["suggestions"]) == {"zorbing", "glockenspiel"}
    assert all(understood["suggestions"].values())
    assert [layer["family"] for layer in understood["layers"]] == ["rain"]
    assert "Not understood: zorbing, glockenspiel." in understood["summary"]


def test_a_prompt_without_a_known_word_gets_the_sound_of_the_picture_and_says_so(ball: Path) -> None:
    sound = generate("zorbing", ball)
    assert sound.understood["unknown"] == ["zorbing"]
    assert any("from the picture alone" in note for note in sound.understood["notes"])
    assert len(onsets(sound.samples)) >= 4
    quiet = generate("zorbing", duration=2.0)
    assert any("quiet air" in note for note in quiet.understood["notes"])
    assert -60 < level(quiet.samples) < level(sound.samples) - 5


def test_slips_of_the_finger_are_forgiven_and_told() -> None:
    understood = generate("footsetps on gravle", duration=1.0).understood
    assert [layer["family"] for layer in understood["layers"]] == ["footsteps"]
    assert any("footsetps" in note for note in understood["notes"])


@pytest.mark.parametrize("prompt", ["", "   ", "!?", "🎬🔊", "a" * 5000, "the of and", "映画の音", "no\nno\nno"])
def test_any_text_gets_an_answer(prompt: str) -> None:
    assert np.isfinite(generate(prompt, duration=1.0).samples).all()
