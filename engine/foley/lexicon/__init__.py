"""The words the foley model knows, read from the files beside this one.

`words.toml` has the English words that hold for every family, `families/` the families of sound by theme, `languages/`
what the same things are called in other languages.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from engine.foley.lexicon.forms import comparisons, folded, inflections, stems
from engine.foley.scene import Moment
from engine.foley.sound.brief import Role

Kind = Literal[
    "family", "hint", "material", "room", "echo", "quality", "mood", "number", "order", "negation", "prominence",
    "place", "sweep", "answers", "condition", "every", "spaced", "per", "unit", "pace", "group", "never", "idle",
]  # fmt: skip

LANGUAGES = ("en", "de", "fr", "es", "ja")
"""The languages that are read, English first: it is taken where none explains a prompt better."""

_FOLDER = Path(__file__).parent
_SHORTEST_PART = 3  # letters of a part of a compound
_LONGEST_COMPOUND = 40  # letters; what is longer is no word


@dataclass(frozen=True)
class Family:
    """A kind of sound the model can make, as the lexicon describes it. `gain` is in dB, `theme` its file's name."""

    name: str
    role: Role
    offer: str
    material: str = ""
    surface: bool = False
    generic: bool = False
    runs: bool = False
    pace: str = "steady"
    moment: Moment = "contact"
    gain: float = 0.0
    place: str = ""
    theme: str = ""


@dataclass(frozen=True)
class Meaning:
    """What a word or phrase means: `value` names a family, material, room, ...; `qualities` are set along with it."""

    kind: Kind
    value: str = ""
    qualities: tuple[tuple[str, float | str], ...] = ()


@dataclass(frozen=True)
class Sense:
    """One of several meanings of a word: it is meant where a word of its `company` is in the prompt too."""

    meaning: Meaning
    company: frozenset[str]


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The words of one language: `phrases` by their plain words, `forms` from a written form to plain words.

    `idle` are phrases that are passed over, as they are written; `cues` what "whenever it ..." may wait for. A word of
    `parting` ends a clause, one of `joining` a clause but not its "no"; after one of `towards` comes what something
    happens on. `negation_follows` where "no" comes after what it refuses, `compounds` where words are written together.
    `names` are what the families are called where the language isn't English.
    """

    language: str
    name: str
    families: dict[str, Family]
    phrases: dict[tuple[str, ...], Meaning]
    forms: dict[str, tuple[str, ...]]
    stop: frozenset[str]
    longest: int
    idle: frozenset[tuple[str, ...]] = frozenset()
    senses: dict[str, tuple[Sense, ...]] = field(default_factory=dict)
    cues: dict[str, Role] = field(default_factory=dict)
    indefinite: frozenset[str] = frozenset()
    definite: frozenset[str] = frozenset()
    parting: frozenset[str] = frozenset()
    joining: frozenset[str] = frozenset()
    towards: frozenset[str] = frozenset()
    negation_follows: bool = False
    compounds: bool = False
    names: dict[str, str] = field(default_factory=dict)

    @property
    def articles(self) -> frozenset[str]:
        return self.indefinite | self.definite

    def folded(self, written: str) -> str:
        """A written word as `stop` and the other sets have it."""
        return written if self.language == "en" else folded(written, self.language)

    def plain(self, written: str) -> tuple[str, ...]:
        """The plain words a written one (in small letters) may be a form of, the likeliest first."""
        if self.language == "en":
            return self.forms.get(written, ())
        word = folded(written, self.language)
        found = (self.forms.get(stem, ()) for stem in stems(word, self.language))
        return tuple(dict.fromkeys(itertools.chain.from_iterable(found)))

    def meaning(self, written: Sequence[str]) -> tuple[tuple[str, ...], Meaning] | None:
        """The phrase that written words are, by its plain words, and what it means; None for none."""
        if tuple(written) in self.idle:
            return tuple(written), Meaning("idle")
        for phrase in itertools.product(*map(self.plain, written)):
            if meaning := self.phrases.get(phrase):
                return phrase, meaning
        return None

    def parts(self, written: str, forgiving: bool = True) -> list[str]:
        """The words a compound is made of, the last its head; [] where it is none.

        "Holztür": Holz, Tür. A part may have an s or n between it and the next. What comes before the head may be
        unknown, when `forgiving`.
        """
        if not self.compounds or len(written) > _LONGEST_COMPOUND:
            return []
        known = self._parts(written)
        if known or not forgiving:
            return known
        for cut in range(_SHORTEST_PART, len(written) - _SHORTEST_PART):
            if len(written) - cut > _SHORTEST_PART and self._known(written[cut:]):
                return [written[cut:]]
        return []

    def _parts(self, written: str) -> list[str]:
        for cut in range(len(written) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
            head, tail = written[:cut], written[cut:]
            first = next((part for part in (head, head[:-1]) if len(part) >= _SHORTEST_PART and self._known(part)), "")
            if first:
                rest = [tail] if self._known(tail) else self._parts(tail)
                if rest:
                    return [first, *rest]
        return []

    def _known(self, word: str) -> bool:
        passes = len(word) > _SHORTEST_PART and self.folded(word) in self.stop
        return passes or any((plain,) in self.phrases for plain in self.plain(word))


@cache
def lexicon(language: str = "en") -> Lexicon:
    """The words of a language (one of `LANGUAGES`), read once.

    Raises ValueError when a family is described or a phrase is listed twice, or a translation is of no known phrase.
    """
    return _english() if language == "en" else _translated(language)


def _english() -> Lexicon:
    data = tomllib.loads((_FOLDER / "words.toml").read_text(encoding="utf-8")) | {"families": _read_families()}
    indefinite, definite = (frozenset(data[kind].split()) for kind in ("indefinite", "definite"))
    articles = indefinite | definite
    phrases = _phrases(_entries(data), articles, str.lower, "English")
    adjectives = {word for phrase, meaning in phrases.items() if meaning.kind == "quality" for word in phrase}
    forms: dict[str, set[str]] = {}
    for word in sorted({word for phrase in phrases for word in phrase} | _cued(data)):
        for form in inflections(word) | (comparisons(word) if word in adjectives else set()):
            forms.setdefault(form, set()).add(word)
    words = Lexicon(
        language="en",
        name="English",
        families={name: _family(name, entry) for name, entry in data["families"].items()},
        phrases=phrases,
        forms={form: tuple(sorted(words, key=lambda word: (word != form, word))) for form, words in forms.items()},
        stop=frozenset(data["stop"].split()),
        longest=max(len(phrase) for phrase in phrases),
        idle=frozenset(_phrase(written, articles, str.lower) for written in data["idle"]["phrases"]),
        cues={word: role for role, words in data["cues"].items() for word in words},
        indefinite=indefinite,
        definite=definite,
        parting=frozenset(data["parting"].split()),
        joining=frozenset(data["joining"].split()),
        towards=frozenset(data["towards"].split()),
    )
    words.senses.update({word: _senses(words, word, senses) for word, senses in data["senses"].items()})
    return words


def _translated(language: str) -> Lexicon:
    english = lexicon()
    data = tomllib.loads((_FOLDER / "languages" / f"{language}.toml").read_text(encoding="utf-8"))

    def fold(written: str) -> str:
        return folded(written, language)

    indefinite, definite = (frozenset(map(fold, data.get(kind, "").split())) for kind in ("indefinite", "definite"))
    articles = indefinite | definite
    phrases = _phrases(_translations(english, data), articles, fold, data["name"])
    cues = {fold(word): role for role, words in data.get("cues", {}).items() for word in words}
    forms: dict[str, list[str]] = {}
    for word in sorted({word for phrase in phrases for word in phrase} | set(cues)):
        for stem in stems(word, language):
            forms.setdefault(stem, []).append(word)
    return Lexicon(
        language=language,
        name=data["name"],
        families=english.families,
        phrases=phrases,
        forms={form: tuple(sorted(words, key=lambda word: (word != form, word))) for form, words in forms.items()},
        stop=frozenset(map(fold, data["stop"].split())),
        longest=max(len(phrase) for phrase in phrases),
        idle=frozenset(_phrase(written, articles, fold) for written in data.get("idle", ())),
        cues=cues,
        indefinite=indefinite,
        definite=definite,
        parting=frozenset(map(fold, data["parting"].split())),
        joining=frozenset(map(fold, data["joining"].split())),
        towards=frozenset(map(fold, data["towards"].split())),
        negation_follows=data.get("negation_follows", False),
        compounds=data.get("compounds", False),
        names={name: written[0] for name, written in data["families"].items()},
    )


def _phrase(written: str, articles: frozenset[str], fold: Any) -> tuple[str, ...]:
    words = [fold(word) for word in written.replace("-", " ").replace("’", "'").split()]
    return tuple(word for word in words if word not in articles)


def _phrases(
    entries: Iterable[tuple[str, Meaning]], articles: frozenset[str], fold: Any, language: str
) -> dict[tuple[str, ...], Meaning]:
    phrases: dict[tuple[str, ...], Meaning] = {}
    for written, meaning in entries:
        phrase = _phrase(written, articles, fold)
        if phrases.get(phrase, meaning) != meaning:
            raise ValueError(f"{language}: “{written}” has two meanings: {phrases[phrase]} and {meaning}.")
        phrases[phrase] = meaning
    return phrases


def _read_families() -> dict[str, Any]:
    """The tables of all the files in families/, each with the theme that its file is about."""
    families: dict[str, Any] = {}
    for file in sorted((_FOLDER / "families").glob("*.toml")):
        described = tomllib.loads(file.read_text(encoding="utf-8"))
        if again := families.keys() & described.keys():
            raise ValueError(f"{file.name} describes {', '.join(sorted(again))} again.")
        families |= {name: entry | {"theme": file.stem} for name, entry in described.items()}
    return families


def _family(name: str, entry: dict[str, Any]) -> Family:
    described = {key: value for key, value in entry.items() if key not in ("words", "hints", "kinds", "hint_kinds")}
    return Family(name=name, **described)


def _entries(data: dict[str, Any]) -> Iterator[tuple[str, Meaning]]:
    for name, entry in data["families"].items():
        for phrase in entry.get("words", ()):
            yield phrase, Meaning("family", name)
        for phrase in entry.get("hints", ()):
            yield phrase, Meaning("hint", name)
        for phrase, qualities in entry.get("kinds", {}).items():
            yield phrase, Meaning("family", name, tuple(qualities.items()))
        for phrase, qualities in entry.get("hint_kinds", {}).items():
            yield phrase, Meaning("hint", name, tuple(qualities.items()))
    tables: tuple[tuple[Kind, str], ...] = (
        ("material", "materials"),
        ("room", "rooms"),
        ("order", "order"),
        ("prominence", "prominence"),
        ("answers", "answers"),
        ("sweep", "sweeps"),
        ("never", "never"),
    )
    for kind, table in tables:
        for value, phrases in data[table].items():
            for phrase in phrases:
                yield phrase, Meaning(kind, value)
    sets: tuple[tuple[Kind, str], ...] = (("quality", "qualities"), ("mood", "moods"), ("place", "places"))
    for kind, table in sets:
        for entry in data[table]:
            for phrase in entry["words"]:
                yield phrase, Meaning(kind, qualities=tuple(entry["set"].items()))
    counted: tuple[tuple[Kind, str], ...] = (
        ("number", "numbers"),
        ("unit", "units"),
        ("pace", "paces"),
        ("group", "groups"),
        ("every", "every"),
    )
    for kind, table in counted:
        for phrase, number in data[table].items():
            yield phrase, Meaning(kind, str(number))
    alone: tuple[tuple[Kind, str], ...] = (
        ("echo", "echo"),
        ("negation", "negation"),
        ("condition", "conditions"),
        ("per", "per"),
        ("spaced", "spaced"),
    )
    for kind, table in alone:
        for phrase in data[table]["words"]:
            yield phrase, Meaning(kind)


def _cued(data: dict[str, Any]) -> set[str]:
    return {word for words in data["cues"].values() for word in words}


def _senses(words: Lexicon, word: str, senses: dict[str, list[str]]) -> tuple[Sense, ...]:
    """The meanings of a word of several, each named by a phrase of the lexicon ("": none), in the file's order."""
    if (word,) not in words.phrases:
        raise ValueError(f"“{word}” has several senses, but isn't in the lexicon.")
    return tuple(Sense(_named(words, phrase), frozenset(company)) for phrase, company in senses.items())


def _named(words: Lexicon, written: str) -> Meaning:
    if not written:
        return Meaning("idle")
    phrase = _phrase(written, words.articles, str.lower)
    if phrase not in words.phrases:
        raise ValueError(f"“{written}” is said to mean something, but isn't in the lexicon.")
    return words.phrases[phrase]


def _translations(english: Lexicon, data: dict[str, Any]) -> Iterator[tuple[str, Meaning]]:
    for name, written in data["families"].items():
        if name not in english.families:
            raise ValueError(f"{data['name']} names {name}, which is no family.")
        for phrase in written:
            yield phrase, Meaning("family", name)
    for translated, written in data["words"].items():
        for phrase in written:
            yield phrase, _named(english, translated)
