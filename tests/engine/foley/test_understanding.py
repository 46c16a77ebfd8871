"""What the words of a prompt mean: read through the public face, without a sound being made."""

from __future__ import annotations

import itertools
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import engine.foley.lexicon
from engine.foley.lexicon import LANGUAGES, lexicon
from engine.foley.lexicon.forms import comparisons, inflections
from engine.foley.rooms import ROOMS
from engine.foley.scene import Pointer
from engine.foley.sound.brief import Character
from engine.foley.understand import Layer, understand


def layers(prompt: str, negative: str = "") -> list[Layer]:
    return list(understand(prompt, negative).layers)


def families(prompt: str) -> list[str]:
    return [layer.family.name for layer in layers(prompt)]


def only(prompt: str) -> Layer:
    (layer,) = layers(prompt)
    return layer


# --- The lexicon


def test_the_lexicon_knows_many_families_and_words_beside_their_inflections() -> None:
    words = lexicon()
    known = sorted({word for phrase in words.phrases for word in phrase}, key=lambda word: (len(word), word))
    plain: dict[str, str] = {}
    for word in known:
        for form in inflections(word) | comparisons(word):
            plain.setdefault(form, plain.get(word, word))
    assert len({tuple(plain[word] for word in phrase) for phrase in words.phrases}) >= 1000
    assert len(words.families) >= 60


def test_every_meaning_sets_what_a_sound_or_a_mood_can_be() -> None:
    known = {field.name for field in fields(Character)} | {"room", "x", "y"}
    for phrase, meaning in lexicon().phrases.items():
        assert {name for name, _ in meaning.qualities} <= known, phrase
        assert dict(meaning.qualities).get("room", "room") in ROOMS, phrase


def test_what_a_family_offers_is_understood_as_that_family() -> None:
    for family in lexicon().families.values():
        plan = understand(family.offer)
        assert family.name in [layer.family.name for layer in plan.layers], family.offer
        assert plan.unknown == (), family.offer


# --- What answers to what


@pytest.mark.parametrize(
    ("prompt", "roles"),
    [
        ("footsteps and rain", {"footsteps": "event", "rain": "ambient"}),
        ("constant hammering in the background", {"hammer": "ambient"}),
        ("constant hammering", {"hammer": "event"}),
        ("footsteps, a dog barking in the background", {"footsteps": "event", "dog": "ambient"}),
        ("a dog barking in the background", {"dog": "event"}),
        ("knocks throughout, then glass breaks", {"knock": "ambient", "glass_break": "event"}),
        ("wind gusts when he moves", {"wind": "motion"}),
        ("a whoosh whenever it lands", {"whoosh": "event"}),
        ("whenever it lands, a bell rings", {"bell": "event"}),
        ("water on every hit", {"water": "event"}),
        ("a car engine", {"engine": "motion"}),
        ("a car engine in the background", {"engine": "ambient"}),
        ("a continuous whoosh", {"whoosh": "ambient"}),
        ("a bell rings when the door opens", {"bell": "event", "door": "event"}),
    ],
)
def test_family_and_words_decide_what_a_sound_answers_to(prompt: str, roles: dict[str, str]) -> None:
    assert {layer.family.name: layer.role for layer in layers(prompt)} == roles


@pytest.mark.parametrize(
    ("prompt", "turns"),
    [
        ("footsteps, then a door slams, rain throughout", {"footsteps": 0, "door_slam": 1, "rain": 0}),
        ("first footsteps, then knocks, finally a gunshot", {"footsteps": 0, "knock": 1, "gunshot": 2}),
        ("after the footsteps, a door slams", {"footsteps": 0, "door_slam": 1}),
        ("After the footsteps a door slams", {"footsteps": 0, "door_slam": 1}),
        ("a door slams after the footsteps", {"footsteps": 0, "door_slam": 1}),
        ("footsteps before a door slams", {"footsteps": 0, "door_slam": 1}),
        ("before the gunshot, footsteps", {"footsteps": 0, "gunshot": 1}),
        ("a gunshot at the end, footsteps", {"footsteps": 0, "gunshot": 1}),
        ("footsteps, a gunshot at the start", {"footsteps": 1, "gunshot": 0}),
        ("At the end, a bell. Footsteps", {"footsteps": 0, "bell": 1}),
        ("a bell next to footsteps", {"footsteps": 0, "bell": 0}),
    ],
)
def test_words_of_order_give_each_sound_its_turn(prompt: str, turns: dict[str, int]) -> None:
    assert {layer.family.name: layer.order for layer in layers(prompt)} == turns


@pytest.mark.parametrize(
    ("prompt", "count", "every", "group"),
    [
        ("three knocks", 3, None, 1),
        ("5 gunshots", 5, None, 1),
        ("a bell rings twice", 2, None, 1),
        ("a bell rings every two seconds", None, 2.0, 1),
        ("a bell every other second", None, 2.0, 1),
        ("knocks twice per second", None, 0.5, 1),
        ("a drum four times a second", None, 0.25, 1),
        ("a drum at 120 bpm", None, 0.5, 1),
        ("a drum at 120bpm", None, 0.5, 1),
        ("three knocks every two seconds", None, 2.0, 3),
        ("three knocks, 2 seconds apart", 3, 2.0, 1),
        ("knocks in triplets", None, None, 3),
        ("knocks for 5 seconds", None, None, 1),
    ],
)
def test_numbers_and_rhythms(prompt: str, count: int | None, every: float | None, group: int) -> None:
    layer = only(prompt)
    assert (layer.count, layer.every, layer.group) == (count, every, group)


def test_regularity_is_heard_in_words_of_rhythm() -> None:
    irregular, plain, steady = (
        only(f"footsteps {how}").character.regularity for how in ("at irregular", "", "in a steady rhythm")
    )
    assert irregular < plain < steady


# --- Where


@pytest.mark.parametrize(
    ("prompt", "pointer"),
    [
        ("a bell on the left", Pointer(x=0.0)),
        ("the ball on the right bounces", Pointer(x=1.0)),
        ("wooden knocks in the middle of the picture", Pointer(x=0.5)),
        ("the one at the bottom", Pointer(y=1.0)),
        ("the hammer in the upper left corner", Pointer(x=0.0, y=0.0)),
        ("the small one bounces", Pointer(size=0.0)),
        ("the biggest drum", Pointer(size=1.0)),
        ("the one on the left", Pointer(x=0.0)),
        ("a small bell on the left and a drum on the right", Pointer()),
        ("birds on the left", Pointer()),
        ("his left foot steps on gravel", Pointer()),
        ("he left, a door closes", Pointer()),
        ("a bell", Pointer()),
    ],
)
def test_words_of_place_point_at_the_subject(prompt: str, pointer: Pointer) -> None:
    assert understand(prompt).pointer == pointer


def test_each_sound_has_the_place_that_is_said_of_it() -> None:
    bell, drum = layers("a small bell on the left and a drum on the right")
    assert (bell.family.name, bell.at.x, bell.character.size < 0.5) == ("bell", 0.0, True)
    assert (drum.family.name, drum.at.x, drum.character.size) == ("drum", 1.0, 0.5)
    assert only("a whoosh from left to right").sweep == (0.0, 1.0)
    two = layers("a bell on the left, a bell on the right")
    assert [layer.at.x for layer in two] == [0.0, 1.0]


def test_the_background_is_softer_and_further_away_than_the_foreground() -> None:
    behind, usual, before = (only(f"rain {where}") for where in ("in the background", "", "in the foreground"))
    assert behind.prominence < usual.prominence < before.prominence
    assert behind.character.distance > usual.character.distance


# --- How


@pytest.mark.parametrize(
    ("mood", "changes", "room"),
    [
        ("eerie", {"brightness": -1, "speed": -1, "intensity": -1, "regularity": -1}, "hall"),
        ("tense", {"brightness": -1, "speed": 1, "regularity": 1, "distance": -1}, None),
        ("playful", {"brightness": 1, "speed": 1, "size": -1}, None),
        ("gloomy", {"brightness": -1, "speed": -1, "intensity": -1}, "hall"),
        ("peaceful", {"brightness": -1, "speed": -1, "intensity": -1}, None),
        ("epic", {"size": 1, "intensity": 1, "weight": 1}, None),
        ("cosy", {"brightness": -1, "intensity": -1}, "room"),
        ("lonely", {"distance": 1, "speed": -1}, None),
        ("chaotic", {"regularity": -1, "speed": 1, "intensity": 1}, None),
    ],
)
def test_a_mood_changes_every_sound_and_the_room(mood: str, changes: dict[str, int], room: str | None) -> None:
    plan = understand(f"{mood} footsteps and a bell")
    assert plan.room == room
    for layer in plan.layers:
        for name, direction in changes.items():
            moved = getattr(layer.character, name) - getattr(Character(), name)
            assert moved * direction > 0, name


def test_what_is_said_of_a_sound_counts_more_than_the_mood() -> None:
    plan = understand("eerie fast footsteps in a small room")
    assert (plan.room, plan.layers[0].character.speed > 0.5) == ("room", True)


def test_a_quality_of_the_room_is_not_the_sounds() -> None:
    assert only("footsteps in a large hall").character == Character()


@pytest.mark.parametrize(
    ("less", "more", "quality"),
    [
        ("softer", "louder", "intensity"),
        ("slower", "faster", "speed"),
        ("smallest", "biggest", "size"),
        ("lighter", "heavier", "weight"),
        ("closer", "further away", "distance"),
    ],
)
def test_comparisons_are_understood(less: str, more: str, quality: str) -> None:
    low, high = (understand(f"{word} footsteps") for word in (less, more.replace("further away", "far away")))
    if quality == "size":  # "the smallest" points at one of several
        assert (low.pointer.size, high.pointer.size) == (0.0, 1.0)
    else:
        assert getattr(low.layers[0].character, quality) < getattr(high.layers[0].character, quality)


# --- Words of several meanings


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("keys jingle", ["keys"]),
        ("keys on a keyboard", ["typing"]),
        ("crickets at night", ["crickets"]),
        ("a cricket bat hits the ball", ["ball"]),
        ("bats in a cave flutter", ["wings"]),
        ("a dog barks", ["dog"]),
        ("he saw a dog", ["dog"]),
        ("he saws a plank", ["saw"]),
        ("light rain", ["rain"]),
        ("a light switch", ["switch"]),
        ("the ring of a bell", ["bell"]),
        ("footsteps in a boxing ring", ["footsteps"]),
        ("an archer draws his bow", ["arrow"]),
        ("the bow of a ship, waves", ["waves"]),
        ("a fan hums", ["machinery"]),
        ("football fans cheer in a stadium", ["crowd_murmur", "applause"]),
        ("the trunk of a car slams", ["door_slam"]),
        ("tap water", ["water"]),
        ("tap on a glass", ["impact"]),
        ("a fly buzzes", ["insect_buzz"]),
        ("a train passes", ["train"]),
        ("a police siren passing by", ["siren"]),
        ("rain hammering on a tin roof", ["rain"]),
        ("a laser gun fires", ["laser"]),
        ("a machine gun burst", ["gunshot"]),
        ("a balloon pops", ["cork"]),
        ("a neon light buzzing", ["electricity"]),
        ("a phone vibrates on a table", ["motor"]),
        ("a stone thrown into a lake", ["splash"]),
        ("the lake", ["water"]),
        ("a rooster crows", ["birds"]),
        ("women in a marble lobby, high heels", ["footsteps"]),
        ("horses pull a cart", ["gallop"]),
        ("a drone flies", ["drone", "whoosh"]),
        ("a swarm of flies", ["insect_buzz"]),
        ("a subway arriving in a station", ["train"]),
        ("a match is struck", ["fire"]),
        ("a kite flutters", ["cloth"]),
        ("bubble wrap pops", ["cork"]),
    ],
)
def test_the_company_of_a_word_decides_between_its_meanings(prompt: str, expected: list[str]) -> None:
    assert families(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "materials"),
    [
        ("drilling into concrete", {"drill": "concrete"}),
        ("footsteps on creaky wooden floorboards", {"footsteps": "wood", "door_creak": "wood"}),
        ("rain on a metal roof, knocks on a glass door", {"rain": "metal", "knock": "glass"}),
        ("a coin dropped on wood", {"coin": "metal"}),
    ],
)
def test_what_something_happens_on_is_heard_in_it(prompt: str, materials: dict[str, str]) -> None:
    assert {layer.family.name: layer.material for layer in layers(prompt)} == materials


@pytest.mark.parametrize(
    ("prompt", "kinds"),
    [
        ("an owl and a crow", ["owl", "crow"]),
        ("a rooster crows, an old cock", ["cock"]),
        ("a dog growls", ["growl"]),
        ("an old telephone rings", ["ringer"]),
        ("bacon fries in a pan", ["fry"]),
        ("boots on wood, then high heels", ["boot", "heel"]),
        ("ein Wolf heult", ["howl"]),
        ("olas y gaviotas", ["", "gull"]),
        ("カラス", ["crow"]),
    ],
)
def test_two_kinds_of_one_family_are_two_sounds(prompt: str, kinds: list[str]) -> None:
    assert [layer.character.kind for layer in layers(prompt)] == kinds


# --- The negative prompt


def test_the_negative_prompt_turns_qualities_to_their_other_side() -> None:
    plain = only("knocks").character
    (layer,) = layers("knocks", "loud, harsh")
    assert (layer.character.intensity < plain.intensity, layer.character.brightness < plain.brightness) == (True, True)
    assert layers("knocks", "bass")[0].character.brightness > plain.brightness
    assert layers("wet footsteps", "wet")[0].character.wetness == 0
    assert only("knocks, not too loud").character.intensity < plain.intensity
    assert understand("zorbing", "loud").manner.intensity < 0.5


@pytest.mark.parametrize("words", ["music", "voices", "no music", "speech, singing"])
def test_what_is_never_made_is_honoured_and_said(words: str) -> None:
    plan = understand("rain", words)
    assert plan.honoured
    assert any("never made" in note for note in plan.notes)


def test_music_that_is_asked_for_is_said_to_be_never_made() -> None:
    plan = understand("piano music and rain")
    assert [layer.family.name for layer in plan.layers] == ["rain"]
    assert any("never made" in note for note in plan.notes)


# --- What is not understood


def test_the_nearest_families_are_offered_for_what_was_not_understood() -> None:
    """Those spelt alike; else what is akin to what was understood."""
    words = lexicon().families
    plan = understand("thundel and a qwxyz with a sword")
    assert plan.unknown == ("qwxyz",) or plan.unknown == ("thundel", "qwxyz")
    akin = {family.offer for family in words.values() if family.theme == "weapons"} - {words["sword"].offer}
    assert set(plan.suggestions["qwxyz"]) <= akin
    assert understand("drumz").suggestions["drumz"][0] == words["drum"].offer
    assert understand("qwxyz Regen").suggestions["qwxyz"][0] in dict.fromkeys(lexicon("de").names.values())


# --- Other languages


def _names() -> list[tuple[str, str, str]]:
    """Every language, what it calls each family, and the family."""
    folder = Path(engine.foley.lexicon.__file__).parent / "languages"
    named = []
    for language in LANGUAGES[1:]:
        data = tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))
        named += [(language, words[0], family) for family, words in data["families"].items()]
    return named


def test_every_family_has_a_name_in_every_language_that_leads_to_it() -> None:
    for language, known in itertools.groupby(_names(), key=lambda entry: entry[0]):
        entries = list(known)
        assert {family for *_, family in entries} == set(lexicon().families), language
        for _, name, family in entries:
            assert families(name) == [family], (language, name)
            assert families(name.upper()) == [family], (language, name)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (
            "drei Schritte auf Kies, dann schlägt eine Tür zu",
            [("footsteps", "gravel", 3, 0), ("door_slam", "wood", None, 1)],
        ),
        ("Glockenläuten und leiser Regen", [("bell", "metal", None, 0), ("rain", "", None, 0)]),
        ("das Knarren einer alten Holztür", [("door_creak", "wood", None, 0)]),
        ("Schritte auf einer Metalltreppe", [("footsteps", "metal", None, 0)]),
        ("Regenschauer auf dem Blechdach", [("rain", "metal", None, 0)]),
        ("drei schuesse, danach ein schrei", [("gunshot", "", 3, 0)]),
        ("ein Hund bellt zweimal, kein Wind", [("dog", "", 2, 0)]),
        ("pluie sur un toit, sans écho", [("rain", "", None, 0)]),
        (
            "trois coups à la porte, puis des pas dans la neige",
            [("knock", "wood", 3, 0), ("footsteps", "snow", None, 1)],
        ),
        ("l'eau d'un ruisseau, pas de vent", [("water", "", None, 0)]),
        ("un marteau lourd frappe du metal", [("hammer", "metal", None, 0)]),
        ("pasos en la nieve", [("footsteps", "snow", None, 0)]),
        ("dos disparos, luego una campana de iglesia", [("gunshot", "", 2, 0), ("bell", "metal", None, 1)]),
        ("lluvia suave y truenos lejanos, sin viento", [("rain", "", None, 0), ("thunder", "", None, 0)]),
        ("雨の中の足音", [("rain", "", None, 0), ("footsteps", "concrete", None, 0)]),
        ("砂利の上を歩く足音、その後ドアが閉まる", [("footsteps", "gravel", None, 0), ("door", "wood", None, 1)]),
        ("木のドアを三回ノックする、エコーなし", [("knock", "wood", 3, 0)]),
        ("あめとかぜ", [("rain", "", None, 0), ("wind", "", None, 0)]),
    ],
)
def test_phrases_of_other_languages(prompt: str, expected: list[tuple[str, str, int | None, int]]) -> None:
    found = [(layer.family.name, layer.material, layer.count, layer.order) for layer in layers(prompt)]
    assert found == expected


@pytest.mark.parametrize("prompt", ["Schritte, ohne Hall", "des pas, sans écho", "pasos, sin eco", "足音、エコーなし"])
def test_no_echo_dries_the_room_in_every_language(prompt: str) -> None:
    plan = understand(prompt)
    assert (plan.room, plan.unknown, [layer.family.name for layer in plan.layers]) == ("dry", (), ["footsteps"])


@pytest.mark.parametrize(
    ("soft", "loud"), [("leise", "laut"), ("doucement", "fort"), ("suave", "fuerte"), ("静かな", "激しい")]
)
def test_soft_and_loud_in_every_language(soft: str, loud: str) -> None:
    rain = {"leise": "Regen", "doucement": "pluie", "suave": "lluvia", "静かな": "雨"}[soft]
    assert only(f"{soft} {rain}").character.intensity < 0.5 < only(f"{loud} {rain}").character.intensity


def test_numbers_to_six_in_every_language() -> None:
    spelt = {
        "{} Schüsse": ("ein", "zwei", "drei", "vier", "fünf", "sechs"),
        "{} coups de feu": ("un", "deux", "trois", "quatre", "cinq", "six"),
        "{} disparos": ("un", "dos", "tres", "cuatro", "cinco", "seis"),
        "銃声を{}回": ("一", "二", "三", "四", "五", "六"),
    }
    for phrase, numbers in spelt.items():
        for number, word in enumerate(numbers, start=1):
            count = only(phrase.format(word)).count
            assert count == number or (number == 1 and count is None), phrase.format(word)  # "ein" is "a"


@pytest.mark.parametrize(
    "prompt",
    [
        "a pan hits the floor, pain, sale, four coins on a table",
        "the fire dies, a gift is unwrapped",
        "die, rock, wind and rain in the hall",
        "a bald man in a hut, coins fall on sand",
        "angst and gravel",
    ],
)
def test_english_is_not_taken_for_another_language(prompt: str) -> None:
    assert not any("was read as" in note for note in understand(prompt).notes)


def test_the_language_a_prompt_was_read_in_is_said() -> None:
    notes = [understand(prompt).notes[0] for prompt in ("Regen", "la pluie", "lluvia", "雨")]
    assert [note.split()[-1] for note in notes] == ["German.", "French.", "Spanish.", "Japanese."]
