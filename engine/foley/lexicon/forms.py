"""The forms a word takes: regular inflections of English words, and what is left of the words of other languages."""

from __future__ import annotations

import re
import unicodedata

_VOWELS = "aeiou"
_KATAKANA_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}

_ENDINGS = {
    "de": ("e", "en", "er", "es", "em", "ern", "end", "ende", "enden", "ender", "endes", "endem", "n", "s",
           "t", "te", "st", "lich", "ig", "ige", "iges"),
    "fr": ("s", "x", "e", "es", "ee", "ees", "er", "ent", "ant", "ante", "antes", "ants", "ement",
           "ements", "ir", "it"),
    "es": ("s", "es", "o", "a", "e", "os", "as", "ar", "er", "ir", "an", "en", "ando", "iendo", "ado", "ada", "ados",
           "adas", "ido", "ida", "mente", "amente"),
    "ja": (),
}  # fmt: skip
_SHORTEST_STEM = {"de": 3, "fr": 4, "es": 4, "ja": 1}
_ELIDED = re.compile(r"^(?:[cdjlmnst]|qu)'(?=\w)")


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
        if _doubles(word):
            forms |= {word + last + "ed", word + last + "ing"}
    if word.endswith(("f", "fe")) and not word.endswith("ff"):
        forms.add(word.removesuffix("e")[:-1] + "ves")
    return forms


def comparisons(word: str) -> set[str]:
    """What a plain English adjective becomes: "heavy" gives heavy, heavier, heaviest, heavily."""
    if not word.isascii() or len(word) < 3:
        return {word}
    if word[-1] == "y":
        return {word, word[:-1] + "ier", word[:-1] + "iest", word[:-1] + "ily"}
    if word[-1] == "e":
        return {word, word + "r", word + "st", word + "ly", word[:-1] + "y"}
    stem = word + word[-1] if _doubles(word) else word
    return {word, stem + "er", stem + "est", word + "ly"}


def _doubles(word: str) -> bool:
    """Whether the last letter is doubled before an ending: "tap", "big"."""
    return word[-2] in _VOWELS and word[-3] not in _VOWELS and word[-1] not in "wxy" + _VOWELS


def folded(word: str, language: str) -> str:
    """A word as it is compared: small letters without accents or elided words; in Japanese all kana as hiragana."""
    if language == "ja":
        return unicodedata.normalize("NFKC", word).lower().translate(_KATAKANA_TO_HIRAGANA)
    if language == "fr":
        word = _ELIDED.sub("", word.replace("’", "'").casefold())
    return "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))


def stems(word: str, language: str) -> tuple[str, ...]:
    """A folded word and what is left of it without one of its language's endings, the longest first."""
    left = {
        word[: -len(ending)]
        for ending in _ENDINGS[language]
        if word.endswith(ending)
        and len(word) - len(ending) >= _SHORTEST_STEM[language] + (language == "de" and ending in ("s", "n", "t"))
    }
    return (word, *sorted(left - {word}, key=lambda stem: (-len(stem), stem)))
