"""What a prompt asks for: the clauses of a prompt in, a plan out.

Families become layers, and each material, quality, number, place and rhythm goes to the family nearest to it. Moods and
rooms are the whole plan's. The negative prompt, and what the prompt itself says "no" to, is taken out of it again.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from engine.foley.lexicon import Family, Lexicon, Meaning, lexicon
from engine.foley.reading import Clause, Match, Reader, read
from engine.foley.scene import Pointer
from engine.foley.sound.brief import Character, Role

_BEHIND = -4.0  # dB; what is in the background, which is further away besides
_BEHIND_DISTANCE = 0.4
_BEFORE = 4.0  # dB; what is in the foreground
_MOST_COUNTED = 64
_LEFT_TO_RIGHT = (0.0, 1.0)


@dataclass(frozen=True)
class Layer:
    """One sound of a plan.

    `answers` is what it answers to where the words say so: events, movement, or nothing ("ambient": always there).
    `count` is how many were asked for, `every` its period in seconds, `group` how many come in quick succession.
    `order` is its turn ("then"); `throughout` it lasts whatever comes next. `prominence` is in dB. `at` is where on
    screen and how large it is, `sweep` from where to where it goes, 0 (left) to 1 (right).
    """

    family: Family
    words: str
    character: Character
    count: int | None = None
    many: bool = False
    order: int = 0
    prominence: float = 0.0
    answers: Role | None = None
    throughout: bool = False
    every: float | None = None
    group: int = 1
    at: Pointer = field(default_factory=Pointer)
    sweep: tuple[float, float] | None = None

    @property
    def role(self) -> Role:
        return self.answers or self.family.role

    @property
    def material(self) -> str:
        """The material that gives this layer its sound."""
        named = self.character
        return (named.surface or named.material if self.family.surface else named.material) or self.family.material


@dataclass(frozen=True)
class Plan:
    """What to make of a prompt and a negative prompt.

    `pointer` says which thing in the picture is the subject. `manner` is how things sound that no word names.
    `excluded` are the names of the families that must not sound, `refused` the layers they cost; `honoured` the words
    of the negative prompt that were obeyed, for the person; `unknown` the words not understood and `suggestions` what
    to ask for instead.
    """

    layers: tuple[Layer, ...] = ()
    room: str | None = None
    pointer: Pointer = field(default_factory=Pointer)
    manner: Character = field(default_factory=Character)
    excluded: frozenset[str] = frozenset()
    refused: tuple[Layer, ...] = ()
    honoured: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    suggestions: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def understand(prompt: str, negative_prompt: str = "") -> Plan:
    """Read a prompt and a negative prompt (any of `LANGUAGES`; any case; one line or many).

    "No wind", "without echo" in the prompt count as negative. Never raises: what is not known is in `Plan.unknown`.
    """
    reader, against = read(prompt), read(negative_prompt)
    wanted = [clause for clause in reader.clauses if not clause.negated]
    refusals = [(reader, clause) for clause in reader.clauses if clause.negated]
    refusals += [(against, clause) for clause in against.clauses]

    plan = _planned(reader, wanted)
    for source, clause in refusals:
        plan = _refuse(plan, source, clause)
    for word in against.unknown:
        plan = replace(plan, notes=(*plan.notes, f"Nothing here makes “{word}”, so it will not be heard."))
    return plan


def _planned(reader: Reader, wanted: list[Clause]) -> Plan:
    """What the clauses of a prompt ask for, before anything is refused."""
    mood = _mood(wanted)
    drafts, loose = _drafts(reader, wanted)
    layers = tuple(draft.finish(reader, mood) for draft in _in_order(drafts))
    rest = _Draft(lexicon().families["impact"], "generic", 0, 0)
    for match in loose:
        rest.take(match)
    notes, unknown = list(reader.notes), list(reader.unknown)
    if reader.words.language != "en":
        notes.insert(0, f"The prompt was read as {reader.words.name}.")
    for clause in wanted:
        for match in clause.matches:
            words = reader.span(match.first, match.last)
            if match.meaning.kind == "never" and match.meaning.value != "faults":
                notes.append(f"“{words}” is never made here.")
            elif match.meaning.kind == "never" and words.lower() != "noise":
                unknown.append(words.lower())
    return Plan(
        layers=layers,
        room=_room(wanted) or str(mood.get("room", "")) or None,
        pointer=_pointer(layers) if layers else Pointer(**rest.at),
        manner=rest.character(mood),
        unknown=tuple(dict.fromkeys(unknown)),
        suggestions={word: suggest(word, reader.words, layers) for word in unknown},
        notes=tuple(dict.fromkeys(notes)),
    )


def suggest(word: str, words: Lexicon, beside: Iterable[Layer] = (), most: int = 3) -> list[str]:
    """Prompts that would be understood instead of `word`, in the language of `words`.

    Those nearest in spelling, else what is akin to the sounds understood `beside` it, else some of each role.
    """
    close = difflib.get_close_matches(words.folded(word), words.forms, n=12, cutoff=0.75)
    plain = itertools.chain.from_iterable(words.forms[form] for form in close)
    named = (words.phrases[(word,)] for word in plain if (word,) in words.phrases)
    families = [words.families[meaning.value] for meaning in named if meaning.kind in ("family", "hint")]
    heard = {layer.family.name for layer in beside}
    themes = {layer.family.theme for layer in beside if not layer.family.generic}
    akin = [family for family in words.families.values() if family.theme in themes and family.name not in heard]
    general = [words.families[name] for name in ("impact", "whoosh", "wind")]
    return list(dict.fromkeys(words.names.get(family.name, family.offer) for family in families or akin or general))[
        :most
    ]


# -------------------------------------------------------------------------------------------------------------- layers


@dataclass
class _Draft:
    """A layer being put together from a clause: what its own word implies ("clink": glass), and what others set."""

    family: Family
    strength: Literal["strong", "generic", "hint"]
    first: int
    last: int
    order: float = 0.0
    set: dict[str, float | str] = field(default_factory=dict)
    implied: dict[str, float | str] = field(default_factory=dict)
    at: dict[str, float] = field(default_factory=dict)
    count: int | None = None
    many: bool = False
    prominence: float = 0.0
    answers: Role | None = None
    throughout: bool = False
    constant: bool = False
    every: float | None = None
    spaced: bool = False
    group: int = 1
    sweep: tuple[float, float] | None = None

    def take(self, match: Match) -> None:
        """Let a word that is not a family say more about this layer; what is set already stays."""
        meaning = match.meaning
        match meaning.kind:
            case "material":
                slot = "surface" if match.towards or "material" in self.set else "material"
                self.set.setdefault(slot, meaning.value)
            case "quality":
                for name, value in meaning.qualities:
                    self.set.setdefault(name, value)
                if match.definite:  # "the small ball" is one of several
                    self.at |= {name: float(value) for name, value in meaning.qualities if name in ("size",)}
            case "place":
                self.at = {name: float(value) for name, value in meaning.qualities} | self.at
            case "number" if self.count is None:
                self.count = min(round(float(meaning.value)), _MOST_COUNTED) or None
            case "prominence":
                self.prominence = _BEHIND if meaning.value == "background" else _BEFORE
            case "answers":
                self._answer(meaning)
            case "every" | "spaced":
                self.every = float(meaning.value)
                self.spaced = meaning.kind == "spaced"
            case "group":
                self.group = int(meaning.value)
            case "sweep":
                self.sweep = _LEFT_TO_RIGHT if meaning.value == "right" else _LEFT_TO_RIGHT[::-1]
            case _:
                pass

    def _answer(self, meaning: Meaning) -> None:
        if meaning.value == "constant":
            self.constant = True
            self.set.setdefault("regularity", 0.95)
        elif meaning.value == "ambient":
            self.answers, self.throughout = "ambient", True
        else:
            self.answers = "event" if meaning.value == "event" else "motion"

    def differs(self, kind: float | str | None) -> bool:
        """Whether it is of another kind of its family: "an owl and a crow" are two."""
        return bool(kind) and self.implied.get("kind", kind) != kind

    def stretch(self, match: Match) -> None:
        self.first, self.last = min(self.first, match.first), max(self.last, match.last)

    def character(self, mood: dict[str, float | str]) -> Character:
        """How it sounds: as its words say, else as its kind does, else as the mood is."""
        behind: dict[str, float | str] = {"distance": _BEHIND_DISTANCE} if self.prominence < 0 else {}
        qualities: dict[str, Any] = behind | mood | self.implied | self.set
        qualities.pop("room", None)
        return Character(**qualities)

    def finish(self, reader: Reader, mood: dict[str, float | str]) -> Layer:
        group, count = self.group, self.count
        if self.every and not self.spaced and count and count > 1:  # "three knocks every two seconds"
            group, count = count, None
        return Layer(
            family=self.family,
            words=reader.span(self.first, self.last),
            character=self.character(mood),
            count=count,
            many=self.many,
            order=int(self.order),
            prominence=self.prominence,
            answers=self.answers,
            throughout=self.throughout,
            every=self.every,
            group=group,
            at=Pointer(**self.at),
            sweep=self.sweep,
        )


_DESCRIBING = frozenset(
    {"quality", "material", "number", "prominence", "place", "answers", "every", "spaced", "group", "sweep"}
)
"""The kinds of words that say more about a sound that another clause names."""


def _drafts(reader: Reader, clauses: list[Clause]) -> tuple[list[_Draft], list[Match]]:
    """A draft for each sound, and the describing words that no sound is there for."""
    drafts: list[_Draft] = []
    waiting: list[Match] = []  # what describes a sound that is still to come: "slow and heavy footsteps"
    timed: list[Clause] = []  # the same for when it comes: "At the end, a bell"
    sentence = -1
    for clause in clauses:
        found = _families(reader, clause)
        others = [match for match in clause.matches if match.meaning.kind not in ("family", "hint")]
        before = drafts[-1:] if clause.sentence == sentence else []
        sentence = clause.sentence
        for match in others:
            if found:
                _nearest(found, match).take(match)
            elif before and not (match.meaning.kind == "quality" and not _only_describes(clause)):
                before[0].take(match)
            else:
                waiting.append(match)
        if not found:
            if before:
                _time(before, clause)
            else:
                timed.append(clause)
            continue
        for draft in found:
            for match in others:
                if _nearest(found, match) is draft and match.meaning.kind not in ("prominence", "answers"):
                    draft.stretch(match)
        for match in waiting:
            found[0].take(match)
        for one in (*timed, clause):
            _time(found, one)
        waiting.clear()
        timed.clear()
        drafts += found
    for match in waiting if drafts else ():  # a sentence of its own: "Footsteps. Slow and heavy."
        if match.meaning.kind != "quality" or _only_describes(clauses[-1]):
            drafts[-1].take(match)
    if not drafts:
        drafts = _bare_materials(waiting)
    return _with_roles(_merged(_without_idle_hints(drafts))), waiting


def _time(drafts: Iterable[_Draft], clause: Clause) -> None:
    """Let a clause say when some sounds come, and what they answer to."""
    for draft in drafts:
        if clause.turn:
            draft.order = float("inf") if clause.turn == "end" else float("-inf")
        if clause.answers and draft.answers is None:
            draft.answers = clause.answers


def _only_describes(clause: Clause) -> bool:
    return all(match.meaning.kind in _DESCRIBING for match in clause.matches)


def _apart(draft: _Draft, match: Match) -> float:
    """How far a modifier is from a family, in words; what stands before a family is a little nearer to it."""
    return match.first - draft.last if match.first > draft.last else draft.first - match.last - 0.5


def _nearest(drafts: list[_Draft], match: Match) -> _Draft:
    """The sound of a clause that a word says more about: the nearest.

    But what something happens on belongs to what is said before it: "steps on creaking wooden boards" are on wood.
    """
    happening = [one for one in drafts if one.family.surface and one.first < match.first]
    on = match.towards and match.meaning.kind == "material"
    return min(happening if on and happening else drafts, key=lambda draft: _apart(draft, match))


def _families(reader: Reader, clause: Clause) -> list[_Draft]:
    """The families one clause names: the specific before the generic, hints where there is nothing better."""
    drafts: list[_Draft] = []
    for match in clause.matches:
        if match.meaning.kind not in ("family", "hint"):
            continue
        family = reader.words.families[match.meaning.value]
        strength: Literal["strong", "generic", "hint"] = (
            "hint" if match.meaning.kind == "hint" else "generic" if family.generic else "strong"
        )
        kind = dict(match.meaning.qualities).get("kind")
        same = next((draft for draft in drafts if draft.family == family and not draft.differs(kind)), None)
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
                if name not in ("material", "kind"):
                    kept[0].implied.setdefault(name, value)
            kept[0].first, kept[0].last = min(kept[0].first, draft.first), max(kept[0].last, draft.last)
    return kept


def _bare_materials(waiting: Iterable[Match]) -> list[_Draft]:
    """A prompt that names a material and no sound is about things of it being hit."""
    named = [match for match in waiting if match.meaning.kind == "material"]
    if not named:
        return []
    draft = _Draft(lexicon().families["impact"], "generic", named[0].first, named[-1].last)
    for match in waiting:
        draft.take(match)
    return [draft]


def _without_idle_hints(drafts: list[_Draft]) -> list[_Draft]:
    """A hint gives way to a sound of the same role that another clause of its turn names, unless it means the same."""
    spoken = [draft for draft in drafts if draft.strength != "hint"]
    taken = {(draft.family.role, draft.order) for draft in spoken}
    meant = {draft.family.name for draft in spoken}
    return [
        draft
        for draft in drafts
        if draft.strength != "hint" or (draft.family.role, draft.order) not in taken or draft.family.name in meant
    ]


def _merged(drafts: list[_Draft]) -> list[_Draft]:
    """One layer per family, unless the words set them apart by order, place, material or kind."""
    merged: list[_Draft] = []
    for draft in drafts:
        for other in merged:
            apart = any(other.set.get(slot, value) != value for slot, value in draft.set.items() if slot == "material")
            apart = apart or any(other.at.get(axis, value) != value for axis, value in draft.at.items())
            apart = apart or other.differs(draft.implied.get("kind"))
            if other.family == draft.family and other.order == draft.order and not apart:
                other.set = draft.set | other.set
                other.implied = draft.implied | other.implied
                other.at = draft.at | other.at
                other.count = other.count or draft.count
                other.many = other.many or draft.many
                other.every = other.every or draft.every
                break
        else:
            merged.append(draft)
    for draft in merged:  # "striking and scraping asphalt": what is struck is named with the second verb
        if draft.family.generic and not draft.set.keys() & {"material", "surface"} and "material" not in draft.implied:
            slots = ("surface", "material")
            named = (str(other.set[slot]) for other in merged for slot in slots if slot in other.set)
            draft.implied["material"] = next(named, "")
    return merged


def _with_roles(drafts: list[_Draft]) -> list[_Draft]:
    """What each sound answers to, where the words change what its family answers to by itself.

    What sounds once for each event can only answer to events or be always there, in its own time. In the background it
    is so where something before it answers to the events, or where it is constant. What lasts may answer to anything;
    in the background movement is none of its business.
    """
    before = any(draft.family.role == "event" and draft.prominence >= 0 and not draft.throughout for draft in drafts)
    for draft in drafts:
        behind = draft.prominence < 0
        if draft.family.role == "event":
            always = draft.throughout or (behind and (before or draft.constant))
            draft.answers = "ambient" if always else "event"
        elif draft.answers is None and (draft.constant or (behind and draft.family.role == "motion")):
            draft.answers = "ambient"
    return drafts


def _in_order(drafts: list[_Draft]) -> Iterator[_Draft]:
    """The drafts with their turns counted from 0; what lasts throughout is there from the first."""
    turns = sorted({draft.order for draft in drafts if not draft.throughout})
    for draft in drafts:
        draft.order = 0 if draft.throughout else turns.index(draft.order)
        yield draft


# ---------------------------------------------------------------------------------------------------- the whole plan's


def _mood(clauses: Iterable[Clause]) -> dict[str, float | str]:
    """What the moods that are named set for every layer, and the room; of two that differ the first counts."""
    mood: dict[str, float | str] = {}
    for clause in clauses:
        for match in clause.matches:
            if match.meaning.kind == "mood":
                mood = dict(match.meaning.qualities) | mood
    return mood


def _room(clauses: Iterable[Clause]) -> str | None:
    kinds = [match.meaning for clause in clauses for match in clause.matches]
    rooms = [meaning.value for meaning in kinds if meaning.kind == "room"]
    return rooms[0] if rooms else "hall" if any(meaning.kind == "echo" for meaning in kinds) else None


def _pointer(layers: Iterable[Layer]) -> Pointer:
    """Where and how large the subject is: what the layers that the picture drives say of it, and agree on."""
    driven = [layer for layer in layers if layer.role != "ambient"]
    said = {
        axis: {value for layer in driven if (value := getattr(layer.at, axis)) is not None}
        for axis in ("x", "y", "size")
    }
    return Pointer(**{axis: values.pop() for axis, values in said.items() if len(values) == 1})


# ------------------------------------------------------------------------------------------------------------ refusals


def _refuse(plan: Plan, reader: Reader, clause: Clause) -> Plan:
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
        elif meaning.kind in ("quality", "mood") and not families:
            layers = (replace(one, character=_without_quality(one.character, meaning)) for one in plan.layers)
            plan = replace(plan, layers=tuple(layers), manner=_without_quality(plan.manner, meaning))
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


def _without_quality(character: Character, meaning: Meaning) -> Character:
    """Move a quality to the other side of its middle: not "loud" is soft, not "distant" is close, not "wet" is dry."""
    changes: dict[str, Any] = {}
    for name, value in meaning.qualities:
        if name == "room":
            continue
        now = getattr(character, name)
        low = {"distance": 0.1, "wetness": 0.0}.get(name, 0.3)
        changes[name] = min(now, low) if float(value) > 0.5 else max(now, 0.7)
    return replace(character, **changes)
