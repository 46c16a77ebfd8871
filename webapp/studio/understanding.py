"""What an engine says it understood of a prompt, made fit to show.

The engine is another program, perhaps of another version or another maker: whatever is missing or of another shape is
left out, never an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROLES = {"event": "on what happens", "motion": "follows the movement", "ambient": "all the time"}


@dataclass(frozen=True)
class Layer:
    """One sound: the words it was found in, what is played for them, and when."""

    words: str
    sound: str
    when: str


@dataclass(frozen=True)
class Understanding:
    summary: str
    layers: list[Layer]
    room: str
    excluded: list[str]
    unknown: list[str]
    suggestions: list[str]
    notes: list[str]

    @classmethod
    def of(cls, said: dict[str, Any]) -> Understanding:
        layers = said.get("layers")
        return cls(
            summary=_text(said.get("summary")),
            layers=[_layer(layer) for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else [],
            room=_text(said.get("room")),
            excluded=_texts(said.get("excluded")),
            unknown=_texts(said.get("unknown")),
            suggestions=_texts(said.get("suggestions")),
            notes=_texts(said.get("notes")),
        )


def _layer(layer: dict[str, Any]) -> Layer:
    sound = " · ".join(filter(None, (_text(layer.get("family")), _text(layer.get("material")))))
    return Layer(
        words=" ".join(_texts(layer.get("words"))), sound=sound, when=ROLES.get(_text(layer.get("role")), "")
    )


def _text(value: object) -> str:
    return value.replace("_", " ").strip() if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    """A text, a list of texts, or texts grouped under a name, as one flat list."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [_text(value)] if _text(value) else []
