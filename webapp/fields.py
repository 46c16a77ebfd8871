"""Form fields that several pages ask with."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict


class NameField(forms.CharField):
    """What people call a thing of theirs, in one line of at most `most` characters.

    Characters that show nothing are not kept, nor those that turn the direction of the text around them.
    """

    def __init__(self, label: str, *, missing: str, most: int = 100, **more: Any) -> None:
        widget = forms.TextInput({"class": "box", "autocomplete": "off", "dir": "auto"})
        super().__init__(label=label, max_length=most, widget=widget, error_messages={"required": missing}, **more)

    def to_python(self, value: Any) -> str:
        return " ".join("".join(c if c.isprintable() else " " for c in super().to_python(value) or "").split())


class RenameForm(forms.Form):
    """A new name, in a field that says what for, of something that is called `current`.

    `seen` is what it was called on the page. Where somebody else renamed it since, that is said, and asked again:
    nobody takes back what they have not seen.
    """

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, field: NameField, current: str, data: QueryDict | None = None) -> None:
        super().__init__(data, initial={"name": current, "seen": current})
        self.fields["name"] = field
        self._current = current

    def clean(self) -> None:
        seen, wanted = self.cleaned_data["seen"], self.cleaned_data.get("name")
        if seen and wanted and self._current not in (seen, wanted):
            self.add_error("name", f"Somebody renamed it to “{self._current}” meanwhile. Press again to rename that.")
            self.data = {**self.data, "name": wanted, "seen": self._current}
