"""Form fields that several pages ask with."""

from __future__ import annotations

from typing import Any

from django import forms


class NameField(forms.CharField):
    """What people call a thing of theirs, in one line of at most `most` characters.

    Characters that show nothing are not kept, nor those that turn the direction of the text around them.
    """

    def __init__(self, label: str, *, missing: str, most: int = 100, **more: Any) -> None:
        widget = forms.TextInput({"class": "box", "autocomplete": "off", "dir": "auto"})
        super().__init__(label=label, max_length=most, widget=widget, error_messages={"required": missing}, **more)

    def to_python(self, value: Any) -> str:
        return " ".join("".join(c if c.isprintable() else " " for c in super().to_python(value) or "").split())
