"""What a prompt asks for: words in, a plan out. The words themselves are in `lexicon/`.

A prompt is read clause by clause ("and", "then", "with" and punctuation part them). In a clause the longest phrases of
the lexicon are found, whatever their inflection; families become layers, and each material, quality and number goes to
the family nearest to it. What is left over and is not a stop word was not understood, and is reported so.
"""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from engine.foley.scene import Moment
from engine.foley.sound.brief import Character, Role

Kind = Literal[
    "family", "hint", "material", "room", "echo", "quality", "number", "order", "negation", "prominence", "never"
]

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?|[^\w\s'’\-]")
_ARTICLES = {"a", "an", "the"}
_PARTING = {"and", "with", "while", "plus", "but", "or", "as", "over"}
_TOWARDS = {"on", "onto", "against", "across", "into", "over", "upon", "at"}
_VOWELS = "aeiou"
_TYPO_LENGTH = 6
_TYPO_LIKENESS = 0.86


@dataclass(frozen=True)
class Family:
    """A kind of sound the model can make, as the lexicon describes it. `gain` is in dB."""

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


@dataclass(frozen=True)
class Meaning:
    """What a word or phrase means: `value` names a family, material, room, ...; `qualities` are set along with it."""

    kind: Kind
    value: str = ""
    qualities: tuple[tuple[str, float | str], ...] = ()


@dataclass(frozen=True)
class Lexicon:
    """The words known: `phrases` by their plain words, `forms` from a written word to the plain words it may be."""

    families: dict[str, Family]
    phrases: dict[tuple[str, ...], Meaning]
    forms: dict[str, tuple[str, ...]]
    stop: frozenset[str]
    longest: int


@dataclass(frozen=True)
class Layer:
    """One sound of a plan. `count` is how many were asked for, `order` its turn ("then"), `prominence` its dB."""

    family: Family
    words: str
    character: Character
    count: int | None = None
    many: bool = False
    order: int = 0
    prominence: float = 0.0

    @property
    def role(self) -> Role:
        return self.family.role

    @property
    def material(self) -> str:
        """The material that gives this layer its sound."""
        named = self.character
        return (named.surface or named.material if self.family.surface else named.material) or self.family.material


@dataclass(frozen=True)
class Plan:
    """What to make of a prompt and a negative prompt.

    `excluded` are the names of the families that must not sound, `refused` the layers they cost; `honoured` the words
    of the negative prompt that were obeyed, for the person; `unknown` the words not understood and `suggestions` what
    to ask for instead.
    """

    layers: tuple[Layer, ...] = ()
    room: str | None = None
    excluded: frozenset[str] = frozenset()
    refused: tuple[Layer, ...] = ()
    honoured: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    suggestions: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Token:
    text: str
    start: int
    end: int
    single: bool  # an "a" or "an" stands before it


@dataclass(frozen=True)
class _Match:
    """A phrase of the lexicon found in a prompt: tokens `first` to `last`, inclusive, of all its tokens."""

    meaning: Meaning
    first: int
    last: int
    plural: bool = False
    towards: bool = False


@dataclass
class _Clause:
    matches: list[_Match] = field(default_factory=list)
    negated: bool = False
    order: int = 0


@cache
def lexicon() -> Lexicon:
    """The lexicon's files, read once. Raises ValueError when a family is described or a phrase is listed twice."""
    data = _read()
    phrases: dict[tuple[str, ...], Meaning] = {}
    for written, meaning in _entries(data):
        phrase = tuple(word for word in written.lower().split() if word not in _ARTICLES)
        if phrases.get(phrase, meaning) != meaning:
            raise ValueError(f"The lexicon gives “{written}” two meanings: {phrases[phrase]} and {meaning}.")
        phrases[phrase] = meaning
    forms: dict[str, set[str]] = {}
    for word in {word for phrase in phrases for word in phrase}:
        for form in inflections(word):
            forms.setdefault(form, set()).add(word)
    return Lexicon(
        families={name: _family(name, entry) for name, entry in data["families"].items()},
        phrases=phrases,
        forms={form: tuple(sorted(words, key=lambda word: (word != form, word))) for form, words in forms.items()},
        stop=frozenset(data["stop"].split()),
        longest=max(len(phrase) for phrase in phrases),
    )


def _read() -> dict[str, Any]:
    """The tables of words.toml, and as "families" those of all the files in families/."""
    folder = Path(__file__).parent / "lexicon"
    families: dict[str, Any] = {}
    for file in sorted((folder / "families").glob("*.toml")):
        described = tomllib.loads(file.read_text(encoding="utf-8"))
        if again := families.keys() & described.keys():
            raise ValueError(f"{file.name} describes {', '.join(sorted(again))} again.")
        families |= described
    return tomllib.loads((folder / "words.toml").read_text(encoding="utf-8")) | {"families": families}


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
        ("never", "never"),
    )
    for kind, table in tables:
        for value, phrases in data[table].items():
            for phrase in phrases:
                yield phrase, Meaning(kind, value)
    for entry in data["qualities"]:
        for phrase in entry["words"]:
            yield phrase, Meaning("quality", qualities=tuple(entry["set"].items()))
    for phrase, number in data["numbers"].items():
        yield phrase, Meaning("number", str(number))
    for phrase in data["echo"]["words"]:
        yield phrase, Meaning("echo")
    for phrase in data["negation"]["words"]:
        yield phrase, Meaning("negation")


def inflections(word: str) -> set[str]:
    """A plain English word and its regular inflections: "tap" gives tap, taps, tapped, tapping."""
    forms = {word}
    if not word.isascii() or len(word) < 3:
        return forms
    last, before = word[-1], word[-2]
    if last == "y" and before not in _VOWELS:
        forms |= {word[:-1] + "ies", word[:-1] + "ied", word + "ing"}
    elif last == "e":  # "tuning", but "seeing"
        forms |= {word + "s", word + "d", (word if before == "e" else word[:-1]) + "ing"}
    else:
        forms |= {word + ("es" if word.endswith(("s", "sh", "ch", "x", "z")) else "s"), word + "ed", word + "ing"}
        if before in _VOWELS and word[-3] not in _VOWELS and last not in "wxy" + _VOWELS:
            forms |= {word + last + "ed", word + last + "ing"}
    return forms


def understand(prompt: str, negative_prompt: str = "") -> Plan:
    """Read a prompt and a negative prompt (English; any case; one line or many).

    "No wind", "without echo" in the prompt count as negative. Never raises: what is not known is in `Plan.unknown`.
    """
    reader = _Reader(prompt)
    wanted = [clause for clause in reader.clauses if not clause.negated]
    against = _Reader(negative_prompt)
    refusals = [(reader, clause) for clause in reader.clauses if clause.negated]
    refusals += [(against, clause) for clause in against.clauses]

    plan = Plan(layers=_layers(reader, wanted), room=_room(wanted), notes=tuple(reader.notes))
    plan = replace(plan, unknown=tuple(reader.unknown), suggestions={word: suggest(word) for word in reader.unknown})
    for source, clause in refusals:
        plan = _refuse(plan, source, clause)
    for word in against.unknown:
        plan = replace(plan, notes=(*plan.notes, f"Nothing here makes “{word}”, so it will not be heard."))
    return plan


def suggest(word: str, most: int = 3) -> list[str]:
    """Prompts that would be understood instead of `word`: its nearest in spelling, else some of each role."""
    words = lexicon()
    close = difflib.get_close_matches(word, words.forms, n=12, cutoff=0.7)
    plain = itertools.chain.from_iterable(words.forms[form] for form in close)
    named = (words.phrases[(word,)] for word in plain if (word,) in words.phrases)
    families = [words.families[meaning.value] for meaning in named if meaning.kind in ("family", "hint")]
    general = [words.families[name] for name in ("impact", "whoosh", "wind")]
    return list(dict.fromkeys(family.offer for family in families or general))[:most]


class _Reader:
    """Finds the lexicon's phrases in a text, clause by clause."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = lexicon()
        lowered = text.lower()
        self.tokens: list[_Token] = []
        before = ""
        for match in _TOKEN.finditer(lowered):
            word = match[0].replace("’", "'")
            if word not in _ARTICLES:
                self.tokens.append(_Token(word, *match.span(), single=before in ("a", "an")))
            before = word
        self.unknown: list[str] = []
        self.notes: list[str] = []
        self.clauses = self._read()

    def span(self, first: int, last: int) -> str:
        """The text as it was written, from one token to another."""
        return " ".join(self.text[self.tokens[first].start : self.tokens[last].end].split())

    def _read(self) -> list[_Clause]:
        clauses = [_Clause()]
        index = 0
        while index < len(self.tokens):
            text = self.tokens[index].text
            match = self._longest(index)
            current = clauses[-1]
            if match is None:
                if not text[0].isalnum() or text in _PARTING:
                    # "No echo or reverb" refuses both; a comma or a "but" ends the refusal.
                    clauses.append(_Clause(negated=current.negated and text in ("or", "and"), order=current.order))
                elif text.isdigit():
                    current.matches.append(_Match(Meaning("number", text), index, index))
                elif text not in self.words.stop and len(text) > 1:
                    self._miss(text, index, current)
                index += 1
                continue
            if match.meaning.kind == "order":
                clauses.append(_Clause(order=current.order + 1))
            elif match.meaning.kind == "negation":
                clauses.append(_Clause(negated=True, order=current.order))
            else:
                current.matches.append(match)
            index = match.last + 1
        return [clause for clause in clauses if clause.matches]

    def _longest(self, index: int) -> _Match | None:
        """The longest phrase that starts at a token; of one length, the one nearest to what is written."""
        for length in range(min(self.words.longest, len(self.tokens) - index), 0, -1):
            written = [token.text for token in self.tokens[index : index + length]]
            for phrase in itertools.product(*(self.words.forms.get(text, ()) for text in written)):
                if meaning := self.words.phrases.get(phrase):
                    several = written[-1] != phrase[-1] and written[-1].endswith("s")
                    # "A heavy door slams" is one: its -s is the verb's.
                    near = self.tokens[max(0, index - 3) : index + length]
                    plural = several and not any(token.single for token in near)
                    return _Match(meaning, index, index + length - 1, plural, self._towards(index))
        return None

    def _towards(self, index: int) -> bool:
        """Whether the words just before name what something happens on: "on wet", "against the"."""
        before = [token.text for token in self.tokens[max(0, index - 3) : index]]
        return any(text in _TOWARDS for text in before)

    def _miss(self, text: str, index: int, clause: _Clause) -> None:
        """Take a slip of the finger for what was meant, and say so; else note the word as unknown."""
        if len(text) >= _TYPO_LENGTH:
            near = difflib.get_close_matches(text, self.words.forms, n=1, cutoff=_TYPO_LIKENESS)
            meanings = [self.words.phrases.get((word,)) for word in self.words.forms[near[0]]] if near else []
            if near and near[0][0] == text[0] and meanings and meanings[0]:
                clause.matches.append(_Match(meanings[0], index, index, near[0].endswith("s")))
                self.notes.append(f"“{text}” was taken as “{near[0]}”.")
                return
        if text not in self.unknown:
            self.unknown.append(text)


@dataclass
class _Draft:
    """A layer being put together from a clause: what its own word implies ("clink": glass), and what others set."""

    family: Family
    strength: Literal["strong", "generic", "hint"]
    first: int
    last: int
    order: int
    set: dict[str, float | str] = field(default_factory=dict)
    implied: dict[str, float | str] = field(default_factory=dict)
    count: int | None = None
    many: bool = False
    prominence: float = 0.0

    def take(self, match: _Match) -> None:
        """Let a word that is not a family say more about this layer; what is set already stays."""
        meaning = match.meaning
        if meaning.kind == "material":
            slot = "surface" if match.towards or "material" in self.set else "material"
            self.set.setdefault(slot, meaning.value)
        elif meaning.kind == "quality":
            for name, value in meaning.qualities:
                self.set.setdefault(name, value)
        elif meaning.kind == "number" and self.count is None:
            self.count = min(int(meaning.value), 64) or None
        elif meaning.kind == "prominence":
            self.prominence = -8.0 if meaning.value == "background" else 4.0

    def stretch(self, match: _Match) -> None:
        self.first, self.last = min(self.first, match.first), max(self.last, match.last)

    def finish(self, reader: _Reader) -> Layer:
        character = Character(**(self.implied | self.set))  # type: ignore[arg-type]
        words = reader.span(self.first, self.last)
        return Layer(self.family, words, character, self.count, self.many, self.order, self.prominence)


def _layers(reader: _Reader, clauses: list[_Clause]) -> tuple[Layer, ...]:
    drafts: list[_Draft] = []
    waiting: list[_Match] = []  # adjectives before any family: "slow and heavy footsteps"
    for clause in clauses:
        found = _families(reader, clause)
        others = [match for match in clause.matches if match.meaning.kind not in ("family", "hint")]
        for match in others:
            if found:
                nearest = min(found, key=lambda draft: _apart(draft, match))
                nearest.take(match)
            elif drafts and not (match.meaning.kind == "quality" and not _only_describes(clause)):
                drafts[-1].take(match)
            else:
                waiting.append(match)
        for draft in found:
            for match in others:
                if min(found, key=lambda one: _apart(one, match)) is draft and match.meaning.kind != "prominence":
                    draft.stretch(match)
        if found:
            for match in waiting:
                found[0].take(match)
            waiting.clear()
        drafts += found
    if not drafts:
        drafts = _bare_materials(waiting)
    drafts = _without_idle_hints(drafts)
    return tuple(draft.finish(reader) for draft in _merged(drafts))


def _only_describes(clause: _Clause) -> bool:
    return all(match.meaning.kind in ("quality", "material", "number", "prominence") for match in clause.matches)


def _apart(draft: _Draft, match: _Match) -> float:
    """How far a modifier is from a family, in words; what stands before a family is a little nearer to it."""
    return match.first - draft.last if match.first > draft.last else draft.first - match.last - 0.5


def _families(reader: _Reader, clause: _Clause) -> list[_Draft]:
    """The families one clause names: the specific before the generic, hints where there is nothing better."""
    drafts: list[_Draft] = []
    for match in clause.matches:
        if match.meaning.kind not in ("family", "hint"):
            continue
        family = reader.words.families[match.meaning.value]
        strength: Literal["strong", "generic", "hint"] = (
            "hint" if match.meaning.kind == "hint" else "generic" if family.generic else "strong"
        )
        same = next((draft for draft in drafts if draft.family == family), None)
        if same is None:
            same = _Draft(family, strength, match.first, match.last, clause.order)
            drafts.append(same)
        elif strength != "hint":
            same.strength = strength
        same.stretch(match)
        same.many = same.many or match.plural
        for name, value in match.meaning.qualities:
            same.implied.setdefault(name, value)
    strong = [draft for draft in drafts if draft.strength == "strong"]
    hinted = [draft for draft in drafts if draft.strength == "hint"]
    kept = strong or hinted[:1] or drafts
    for draft in drafts:  # what a dropped word said still counts: "tapping a drum" is a soft drum
        if draft not in kept:
            for name, value in draft.implied.items():
                if name != "material":
                    kept[0].implied.setdefault(name, value)
            kept[0].first, kept[0].last = min(kept[0].first, draft.first), max(kept[0].last, draft.last)
    return kept


def _bare_materials(waiting: Iterable[_Match]) -> list[_Draft]:
    """A prompt that names a material and no sound is about things of it being hit."""
    named = [match for match in waiting if match.meaning.kind == "material"]
    if not named:
        return []
    draft = _Draft(lexicon().families["impact"], "generic", named[0].first, named[-1].last, 0)
    for match in waiting:
        draft.take(match)
    return [draft]


def _without_idle_hints(drafts: list[_Draft]) -> list[_Draft]:
    """A hint in one clause gives way to a sound of the same role that another clause names."""
    spoken = {draft.family.role for draft in drafts if draft.strength != "hint"}
    return [draft for draft in drafts if draft.strength != "hint" or draft.family.role not in spoken]


def _merged(drafts: list[_Draft]) -> list[_Draft]:
    """One layer per family, unless the words set them apart by order or material."""
    merged: list[_Draft] = []
    for draft in drafts:
        for other in merged:
            apart = any(other.set.get(slot, value) != value for slot, value in draft.set.items() if slot == "material")
            if other.family == draft.family and other.order == draft.order and not apart:
                other.set = draft.set | other.set
                other.implied = draft.implied | other.implied
                other.count = other.count or draft.count
                other.many = other.many or draft.many
                break
        else:
            merged.append(draft)
    for draft in merged:  # "striking and scraping asphalt": what is struck is named with the second verb
        if draft.family.generic and not draft.set.keys() & {"material", "surface"} and "material" not in draft.implied:
            slots = ("surface", "material")
            named = (str(other.set[slot]) for other in merged for slot in slots if slot in other.set)
            draft.implied["material"] = next(named, "")
    return merged


def _room(clauses: Iterable[_Clause]) -> str | None:
    kinds = [match.meaning for clause in clauses for match in clause.matches]
    rooms = [meaning.value for meaning in kinds if meaning.kind == "room"]
    return rooms[0] if rooms else "hall" if any(meaning.kind == "echo" for meaning in kinds) else None


def _refuse(plan: Plan, reader: _Reader, clause: _Clause) -> Plan:
    """Take out of a plan what one clause of the negative prompt names."""
    families = [match for match in clause.matches if match.meaning.kind in ("family", "hint")]
    materials = {match.meaning.value for match in clause.matches if match.meaning.kind == "material"}
    for match in clause.matches:
        words = reader.span(match.first, match.last).lower()
        meaning = match.meaning
        if meaning.kind in ("family", "hint"):
            plan = _refuse_family(plan, meaning.value, materials)
        elif meaning.kind == "echo" or (meaning.kind == "room" and plan.room == meaning.value):
            plan = replace(plan, room="dry")
        elif meaning.kind == "material" and not families:
            plan = replace(plan, layers=tuple(_without_material(layer, meaning.value) for layer in plan.layers))
        elif meaning.kind == "quality" and not families:
            plan = replace(plan, layers=tuple(_without_quality(layer, meaning) for layer in plan.layers))
        elif meaning.kind == "never":
            plan = replace(plan, notes=(*plan.notes, f"“{words}” is never made here, so there is none."))
        plan = replace(plan, honoured=tuple(dict.fromkeys((*plan.honoured, words))))
    return plan


def _refuse_family(plan: Plan, name: str, materials: set[str]) -> Plan:
    """Without `name` and its kin ("door" is also door_slam); with a material, only those of that material."""

    def refused(family: str) -> bool:
        return family == name or family.startswith(f"{name}_")

    def stays(layer: Layer) -> bool:
        return not refused(layer.family.name) or bool(materials and layer.material not in materials)

    excluded = {family for family in lexicon().families if refused(family)} if not materials else set()
    return replace(
        plan,
        layers=tuple(layer for layer in plan.layers if stays(layer)),
        refused=plan.refused + tuple(layer for layer in plan.layers if not stays(layer)),
        excluded=plan.excluded | frozenset(excluded),
    )


def _without_material(layer: Layer, material: str) -> Layer:
    if layer.material != material:
        return layer
    other = "wood" if layer.family.material in (material, "") else ""
    return replace(layer, character=replace(layer.character, material=other, surface=other))


def _without_quality(layer: Layer, meaning: Meaning) -> Layer:
    """Move a quality to the other side of its middle: not "loud" is soft, not "distant" is close."""
    changes: dict[str, Any] = {}
    for name, value in meaning.qualities:
        now = getattr(layer.character, name)
        high = float(value) > 0.5
        changes[name] = min(now, 0.3 if name != "distance" else 0.1) if high else max(now, 0.7)
    return replace(layer, character=replace(layer.character, **changes))
