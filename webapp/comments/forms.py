"""What is sent to write a comment."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from webapp.comments.text import clean
from webapp.comments.writing import Place
from webapp.fields import NameField

LONGEST = 2000
# As static/js/times.js writes them: "1:23.45", and bare seconds.
TIMECODE = re.compile(r"(?:(\d{1,4}):)?(\d{1,6}(?:[.,]\d{0,6})?)", re.ASCII)


class TimecodeField(forms.CharField):
    """Seconds, from "1:23.45" or "83.45"; None where it is left empty."""

    def clean(self, value: Any) -> float | None:
        text = str(value or "").strip()
        if not text:
            return None
        match = TIMECODE.fullmatch(text)
        if match is None:
            raise ValidationError("Write a time like 0:03.20, or seconds like 3.2.")
        return round(60 * int(match[1] or 0) + float(match[2].replace(",", ".")), 3)


class WordsField(forms.CharField):
    def __init__(self) -> None:
        super().__init__(error_messages={"required": "Write something first."}, strip=False)

    def clean(self, value: Any) -> str:
        text = clean(str(value or ""))
        if not text:
            raise ValidationError(self.error_messages["required"])
        if len(text) > LONGEST:
            raise ValidationError(f"Use {LONGEST} characters at most; these are {len(text)}.")
        return text


class EditForm(forms.Form):
    text = WordsField()
    revision = forms.IntegerField(min_value=0, max_value=2**31 - 1)


class WriteForm(forms.Form):
    """A new thread, with its place within `seconds` of sound and picture, or a reply to `thread`."""

    text = WordsField()
    start = TimecodeField(required=False)
    end = TimecodeField(required=False)
    thread = forms.IntegerField(required=False, min_value=1)

    def __init__(self, data: Any, *, seconds: float) -> None:
        super().__init__(data)
        self.seconds = seconds

    def clean_start(self) -> float | None:
        return self._within(self.cleaned_data["start"])

    def clean_end(self) -> float | None:
        return self._within(self.cleaned_data["end"])

    def at(self) -> Place | int:
        """The thread that is answered, or where a new one is. Its ends may be given in either order."""
        if self.cleaned_data["thread"]:
            return int(self.cleaned_data["thread"])
        start, end = self.cleaned_data["start"] or 0.0, self.cleaned_data["end"]
        if end is None or end == start:
            return Place(start)
        return Place(min(start, end), max(start, end))

    def _within(self, time: float | None) -> float | None:
        # The last frame's time, as a player shows it, may be a little late.
        if time is not None and time > self.seconds + 0.1:
            raise ValidationError(f"This is {self.seconds:.2f} s long; choose a time within it.")
        return time if time is None else min(time, self.seconds)


class GuestForm(WriteForm):
    name = NameField("Your name", missing="Say who you are: whoever reads this wants to know.")
