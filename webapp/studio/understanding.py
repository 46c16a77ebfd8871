"""What an engine says it understood of a prompt, made fit to show.

The engine is another program, perhaps of another version or another maker: whatever is missing or of another shape is
left out, never an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LIKENESSES = {"voice_likeness": "Like a voice", "music_likeness": "Like music"}
ROLES = {"event": "on what happens", "motion": "follows the movement", "ambient": "all the time"}


@dataclass(frozen=True)
class Layer:
    """One sound: the words it was found in, what is played for them, and when."""

    words: str
    sound: str
    when: str


@dataclass(frozen=True)
class Unknown:
    """Words that mean nothing to the engine, and what to ask for instead."""

    words: str
    suggestions: list[str]


@dataclass(frozen=True)
class Understanding:
    summary: str
    layers: list[Layer]
    room: str
    excluded: list[str]
    unknown: list[Unknown]
    likenesses: list[tuple[str, str]]
    notes: list[str]

    @classmethod
    def of(cls, said: dict[str, Any]) -> Understanding:
        layers, suggestions = said.get("layers"), said.get("suggestions")
        instead = suggestions if isinstance(suggestions, dict) else {}
        return cls(
            summary=_text(said.get("summary")),
            layers=[_layer(layer) for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else [],
            room=_text(said.get("room")),
            excluded=_texts(said.get("excluded")),
            unknown=[Unknown(words, _texts(instead.get(words))) for words in _texts(said.get("unknown"))],
            likenesses=[(label, share) for name, label in LIKENESSES.items() if (share := _share(said.get(name)))],
            notes=_texts(said.get("notes")),
        )


def _layer(layer: dict[str, Any]) -> Layer:
    sound = " · ".join(filter(None, (_text(layer.get("family")), _text(layer.get("material")))))
    return Layer(words=" ".join(_texts(layer.get("words"))), sound=sound, when=ROLES.get(_text(layer.get("role")), ""))


def _share(value: object) -> str:
    """A share of 0..1 in percent."""
    return f"{value:.0%}".replace("%", " %") if isinstance(value, int | float) and 0 <= value <= 1 else ""


def _text(value: object) -> str:
    return value.replace("_", " ").strip() if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    """A text or a list of texts, as a list."""
    return [text for part in (value if isinstance(value, list) else [value]) if (text := _text(part))]
