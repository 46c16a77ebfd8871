"""Reading: a prompt's text in, clauses of known phrases out.

A prompt is read in the language whose lexicon explains most of it, English first. It is parted into clauses ("and",
"then", "with" and punctuation part them), and in a clause the longest phrases of the lexicon are found, whatever their
inflection. What is left over and is not a stop word was not understood.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.foley.lexicon import LANGUAGES, Kind, Lexicon, Meaning, lexicon
from engine.foley.sound.brief import Role

_TOKEN = re.compile(r"\d+(?:\.\d+)?(?=(?:bpm|hz|s|sec|x)?\b)|[^\W_]+(?:['’][^\W\d_]+)?|[^\w\s'’\-]")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_KANA_OR_KANJI = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々ー]+")
_HIRAGANA = re.compile(r"[\u3040-\u309fー]+")
_ENDS = frozenset(".!?;:。！？；")
_TYPO_LENGTH = 6
_TYPO_LIKENESS = 0.86
_PASSED = 0.25  # of its letters, a word that says nothing explains of a text
_BORROWED = 0.5  # of its letters, an English word in another language explains
_CLOSE = 3  # tokens from one word of a rhythm ("twice per second") to the next


@dataclass(frozen=True)
class Token:
    """A word or sign; `single` with an "a" before it, `definite` with a "the"."""

    text: str
    start: int
    end: int
    single: bool = False
    definite: bool = False


@dataclass(frozen=True)
class Match:
    """A phrase of the lexicon found in a prompt: tokens `first` to `last`, inclusive, of all its tokens."""

    meaning: Meaning
    first: int
    last: int
    plural: bool = False
    single: bool = False
    definite: bool = False
    towards: bool = False


@dataclass
class Clause:
    """A stretch of a prompt that is about one thing, and when that happens.

    `order` is its turn, `turn` whether it is said to come first or last of all, `answers` what it waits for ("whenever
    it lands"). A clause that says so itself is `conditional`, its `cue` what it names. `sentence` counts the sentences.
    """

    matches: list[Match] = field(default_factory=list)
    negated: bool = False
    order: int = 0
    turn: Literal["", "start", "end"] = ""
    answers: Role | None = None
    sentence: int = 0
    conditional: bool = False
    cue: Role | None = None

    @property
    def names_sound(self) -> bool:
        return any(match.meaning.kind in ("family", "hint") for match in self.matches)


class Reader:
    """Finds the phrases of a language in a text, clause by clause; `forgiving` slips of the finger, where asked to.

    `clauses` are those that say something, `unknown` the words that were not understood, `notes` what a person should
    know of the reading; `explained` is how much of the text is in the lexicon, in letters.
    """

    def __init__(self, text: str, words: Lexicon, forgiving: bool = True) -> None:
        self.text = text
        self.words = words
        self.forgiving = forgiving
        self.unknown: list[str] = []
        self.notes: list[str] = []
        self.explained = 0.0
        self.tokens = self._tokens()
        self.company = {plain for token in self.tokens for plain in (token.text, *words.plain(token.text))}
        self._order = 0
        self._lead: Literal["", "before", "after"] = ""
        self.clauses = self._settled(self._read())

    def span(self, first: int, last: int) -> str:
        """The text as it was written, from one token to another."""
        return " ".join(self.text[self.tokens[first].start : self.tokens[last].end].split())

    # ------------------------------------------------------------------------------------------------------- tokens

    def _tokens(self) -> list[Token]:
        text = self.text.lower() if len(self.text.lower()) == len(self.text) else self.text
        tokens: list[Token] = []
        before = ""
        for match in _TOKEN.finditer(text):
            word = match[0].replace("’", "'")
            folded = self.words.folded(word)
            if folded not in self.words.articles:
                single, definite = before in self.words.indefinite, before in self.words.definite
                tokens += self._split(Token(word, *match.span(), single=single, definite=definite))
            before = folded
        return tokens

    def _split(self, token: Token) -> list[Token]:
        """A token in its parts: the words of Japanese, which has no spaces, and of compounds."""
        if self.words.language == "ja" and _KANA_OR_KANJI.search(token.text):
            return self._without_spaces(token)
        if self.words.compounds and not self.words.plain(token.text) and not self._passes(token.text):
            return [replace(token, text=part) for part in self.words.parts(token.text, self.forgiving)] or [token]
        return [token]

    def _without_spaces(self, token: Token) -> list[Token]:
        """The longest known words one after another; what is between them is one unknown word, unless it is grammar."""
        tokens: list[Token] = []
        index, begin, text = 0, 0, token.text

        def flush(end: int) -> None:
            if end > begin and not _HIRAGANA.fullmatch(text[begin:end]):
                tokens.append(Token(text[begin:end], token.start + begin, token.start + end))

        while index < len(text):
            length = next(
                (length for length in range(min(12, len(text) - index), 0, -1) if self._is_word(text[index:][:length])),
                0,
            )
            if length:
                flush(index)
                tokens.append(Token(text[index : index + length], token.start + index, token.start + index + length))
                begin = index + length
            index += max(length, 1)
        flush(index)
        return tokens

    def _is_word(self, text: str) -> bool:
        return bool(self.words.plain(text)) or self._passes(text) or bool(_NUMBER.fullmatch(text))

    def _passes(self, text: str) -> bool:
        """Whether a word says nothing about sound."""
        return self.words.folded(text) in self.words.stop | self.words.parting | self.words.towards

    # ------------------------------------------------------------------------------------------------------ clauses

    def _read(self) -> list[Clause]:
        clauses = [Clause()]
        index = 0
        while index < len(self.tokens):
            current = clauses[-1]
            if self._notes_cue(index, current):
                index += 1
                continue
            match = self._longest(index)
            if match is None:
                self._pass(index, clauses)
                index += 1
                continue
            if self._ends_lead(index, current):
                current = self._part(clauses)
            if match.meaning.kind == "order":
                self._turn(match.meaning.value, clauses)
            elif match.meaning.kind == "negation":
                self._negate(clauses)
            elif match.meaning.kind == "condition":
                clauses.append(Clause(order=self._order, sentence=current.sentence, conditional=True))
            elif match.meaning.kind != "idle":
                current.matches.append(match)
            index = match.last + 1
        return clauses

    def _pass(self, index: int, clauses: list[Clause]) -> None:
        """A word or sign that is no phrase: it parts clauses, or is a number, or says nothing, or is not known."""
        text, current = self.tokens[index].text, clauses[-1]
        folded = self.words.folded(text)
        if not text[0].isalnum() or folded in self.words.parting:
            # "No echo or reverb" refuses both; a comma or a "but" ends the refusal.
            self.explained += _PASSED * len(text)
            self._part(clauses, current.negated and folded in self.words.joining, text in _ENDS)
        elif _NUMBER.fullmatch(text):
            current.matches.append(Match(Meaning("number", text), index, index))
        elif folded not in self.words.stop and (len(text) > 1 or _KANA_OR_KANJI.fullmatch(text)):
            self._miss(text, index, current)
        else:
            self.explained += _PASSED * len(text)

    def _part(self, clauses: list[Clause], negated: bool = False, sentence_ends: bool = False) -> Clause:
        """Begin a clause; after one that said what it follows ("after the bell, ...") the turn changes."""
        current = clauses[-1]
        if self._lead and current.names_sound:
            self._order += 1 if self._lead == "after" else -1
            self._lead = ""
        clauses.append(Clause(negated=negated, order=self._order, sentence=current.sentence + sentence_ends))
        return clauses[-1]

    def _ends_lead(self, index: int, clause: Clause) -> bool:
        """Whether the next clause begins at a token though nothing parts them: "after the bell a door slams"."""
        begins = self.tokens[index].single or self.tokens[index].definite
        return bool(self._lead and clause.names_sound and begins and clause.matches[-1].last == index - 1)

    def _turn(self, when: str, clauses: list[Clause]) -> None:
        """A word of order: "then" and "before" begin a later turn, "after" says what the clause follows."""
        current = clauses[-1]
        if when in ("start", "end"):
            current.turn = "start" if when == "start" else "end"
            return
        order = self._order
        if when == "then" or (when == "before" and current.names_sound):
            self._order += 1
            order = self._order
        elif when == "before":  # "before the bell, footsteps": the bell's turn is the second
            self._lead = "before"
            self._order += 1
            order = self._order
        elif current.names_sound:  # "a door slams after the footsteps": the door's turn is the second
            self._order += 1
            current.order = self._order
        else:
            self._lead = "after"
        clauses.append(Clause(order=order, sentence=current.sentence))

    def _negate(self, clauses: list[Clause]) -> None:
        current = clauses[-1]
        if self.words.negation_follows:
            refused = current.matches[-1:]
            del current.matches[-1:]
            clauses.append(Clause(refused, negated=True, order=current.order, sentence=current.sentence))
            clauses.append(Clause(order=current.order, sentence=current.sentence))
        else:
            clauses.append(Clause(negated=True, order=self._order, sentence=current.sentence))

    def _notes_cue(self, index: int, clause: Clause) -> bool:
        """Whether a token is what a condition waits for: "lands" in "whenever it lands"."""
        if not clause.conditional or clause.cue:
            return False
        found = [self.words.cues[word] for word in self.words.plain(self.tokens[index].text) if word in self.words.cues]
        if found:
            clause.cue = found[0]
            if match := self._longest(index):
                clause.matches.append(match)
        return bool(found)

    def _settled(self, clauses: list[Clause]) -> list[Clause]:
        """The clauses that say something: rhythms reckoned, and conditions taken by the clauses they belong to."""
        for clause in clauses:
            self._reckon(clause)
            self._leave_rooms_their_size(clause)
        kept: list[Clause] = []
        for index, clause in enumerate(clauses):
            if not clause.cue:
                kept.append(clause)
                continue
            around = [*reversed(clauses[:index]), *clauses[index + 1 :]]
            main = next((other for other in around if other.names_sound and not other.cue), None)
            if main is None:  # "whenever it lands" alone: what lands is heard
                kept.append(clause)
                continue
            main.answers = main.answers or clause.cue
            families = [
                self.words.families[match.meaning.value] for match in main.matches if match.meaning.kind == "family"
            ]
            if not any(not family.generic for family in families):
                main.matches += clause.matches  # "a hit when the hammer strikes": it is the hammer that is heard
        return [clause for clause in kept if clause.matches or clause.turn or clause.answers]

    def _reckon(self, clause: Clause) -> None:
        """Replace the words of a rhythm ("every two seconds", "twice per second", "120 bpm") by its period in s."""
        matches: list[Match] = []
        for match in clause.matches:
            near = _tail(matches, match)
            period = _period(match, near)
            if period is None:
                matches.append(match)
            else:
                del matches[len(matches) - len(near) :]
                first = near[0] if near else match
                kind: Kind = "spaced" if match.meaning.kind == "spaced" else "every"
                beat = Meaning(kind, f"{min(max(period, 0.02), 600.0):.4g}")
                matches.append(Match(beat, first.first, match.last, towards=True))
        clause.matches = self._without_lengths(matches)

    def _without_lengths(self, matches: list[Match]) -> list[Match]:
        """Without lengths of time that are no rhythm, such as "for two seconds"."""
        kept: list[Match] = []
        for match in matches:
            if match.meaning.kind in ("unit", "per", "pace"):
                if kept and kept[-1].meaning.kind == "number" and match.first - kept[-1].last < _CLOSE:
                    words = self.span(kept.pop().first, match.last)
                    self.notes.append(f"“{words}” is passed over: the picture and the rhythm asked for say when.")
            elif match.meaning.kind not in ("every", "spaced") or match.towards:
                kept.append(match)
        return kept

    def _leave_rooms_their_size(self, clause: Clause) -> None:
        """A quality before a room is the room's: "a large empty hall" makes no sound large."""
        rooms = [match for match in clause.matches if match.meaning.kind == "room"]
        for room in rooms:
            before = [match for match in clause.matches if 0 <= room.first - match.last <= 2]
            clause.matches = [
                match
                for match in clause.matches
                if match not in before or match.meaning.kind not in ("quality", "place")
            ]

    # -------------------------------------------------------------------------------------------------------- words

    def _longest(self, index: int) -> Match | None:
        """The longest phrase that starts at a token; of one length, the one nearest to what is written."""
        most = min(self.words.longest, len(self.tokens) - index)
        for words in dict.fromkeys((self.words, lexicon())):
            if words is not self.words and (self._passes(self.tokens[index].text)):
                return None  # a word of this language isn't the English one that is spelt alike
            for length in range(most, 0, -1):
                written = [words.folded(token.text) for token in self.tokens[index : index + length]]
                if found := words.meaning(written):
                    self.explained += _letters(written, *found) * (1.0 if words is self.words else _BORROWED)
                    return self._match(index, length, *found)
        return None

    def _match(self, index: int, length: int, phrase: tuple[str, ...], meaning: Meaning) -> Match:
        if length == 1:
            meaning = self._sense(phrase[0], meaning)
        written = self.tokens[index + length - 1].text
        several = self.words.folded(written) != phrase[-1] and written.endswith("s")
        # "A heavy door slams" is one: its -s is the verb's.
        single = any(token.single for token in self.tokens[max(0, index - 3) : index + length])
        return Match(
            meaning,
            index,
            index + length - 1,
            plural=several and not single,
            single=single,
            definite=self.tokens[index].definite,
            towards=self._towards(index),
        )

    def _sense(self, word: str, meaning: Meaning) -> Meaning:
        """What a word of several meanings means beside the others of this prompt."""
        for sense in self.words.senses.get(word, ()):
            if sense.company & self.company:
                return sense.meaning
        return meaning

    def _towards(self, index: int) -> bool:
        """Whether the words just before name what something happens on: "on wet", "against the"."""
        before = self.tokens[max(0, index - 3) : index]
        return any(self.words.folded(token.text) in self.words.towards for token in before)

    def _miss(self, text: str, index: int, clause: Clause) -> None:
        """Take a slip of the finger for what was meant, and say so; else note the word as unknown."""
        if self.forgiving and len(text) >= _TYPO_LENGTH:
            near = difflib.get_close_matches(self.words.folded(text), self.words.forms, n=1, cutoff=_TYPO_LIKENESS)
            meant = self.words.meaning(near)
            if near and near[0][0] == self.words.folded(text)[0] and meant:
                clause.matches.append(Match(meant[1], index, index, near[0].endswith("s")))
                self.notes.append(f"“{text}” was taken as “{near[0]}”.")
                return
        self._unknown(text)

    def _unknown(self, text: str) -> None:
        if text not in self.unknown:
            self.unknown.append(text)


def read(text: str) -> Reader:
    """A text read in the language that explains most of it; English where none does better."""
    best = Reader(text, lexicon(), forgiving=False)
    if best.unknown:
        for language in LANGUAGES[1:]:
            other = Reader(text, lexicon(language), forgiving=False)
            if other.explained > best.explained:
                best = other
    return Reader(text, best.words)


def _period(match: Match, near: list[Match]) -> float | None:
    """The period in seconds that a match ends the words of, given the `near` ones before it; None where it does not."""
    kind = match.meaning.kind
    before = [(one.meaning.kind, float(one.meaning.value or 1)) for one in near]
    numbers = [value for kind, value in before if kind == "number"]
    if kind == "pace":  # "120 bpm"
        return float(match.meaning.value) / max(numbers[-1], 0.01) if numbers else None
    if kind in ("every", "spaced"):  # "two seconds apart", and in Japanese "two seconds each"
        return before[-1][1] * (numbers or [1.0])[0] if before and before[-1][0] == "unit" else None
    if kind != "unit":
        return None
    unit = float(match.meaning.value)
    kinds = [kind for kind, _ in before]
    if "every" in kinds:  # "(twice) every (two) seconds"
        at = kinds.index("every")
        often, each = ([value for kind, value in some if kind == "number"] for some in (before[:at], before[at:]))
        return unit * before[at][1] * (each or [1.0])[0] / max((often or [1.0])[-1], 0.01)
    if numbers and (kinds[-1] == "per" or match.single):  # "twice per second", "twice a second"
        return unit / max(numbers[-1], 0.01)
    return None


def _letters(written: list[str], phrase: tuple[str, ...], meaning: Meaning) -> float:
    """How much of a text a phrase explains, in letters: a little more as it is listed, and where it names a sound."""
    exact = sum(len(word) for word, plain in zip(written, phrase, strict=True) if word == plain)
    return 0.9 * sum(map(len, written)) + 0.1 * exact + 0.5 * (meaning.kind == "family")


def _tail(matches: list[Match], match: Match) -> list[Match]:
    """The words of a rhythm just before a match: numbers, "every" and "per", one close to the next."""
    kinds = ("number", "every", "per", "unit")
    tail: list[Match] = []
    after = match
    for one in reversed(matches):
        if one.meaning.kind not in kinds or after.first - one.last > _CLOSE:
            break
        tail.insert(0, one)
        after = one
    return tail
