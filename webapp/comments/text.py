"""The words of a comment: plain text, in which a mention is of a person and not of what they are called today.

People write `@Mia Chen` or `@mia@example.org`; stored is `@{42}`, the key of the account. What is shown takes the name
that the person has then.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from django.utils.html import format_html, format_html_join, urlize
from django.utils.safestring import SafeString, mark_safe

from webapp.accounts.models import User

MENTION = re.compile(r"@\{(\d+)\}")
# Embeddings and overrides turn the direction of what follows them, and spoof it; marks and isolates are left alone.
TURNING = {chr(point) for point in range(0x202A, 0x202F)}


def clean(text: str) -> str:
    """Line breaks of one kind, at most one empty line in a row, and no characters that show nothing and do harm."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in text if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in TURNING))
    return re.sub(r"\n{3,}", "\n\n", kept).strip()


def handles(people: Iterable[User]) -> dict[str, User]:
    """What to write after the @ for each: their name where only one is called so, and always their address."""
    everybody = list(people)
    names = Counter(person.shown_name.lower() for person in everybody)
    found = {person.email.lower(): person for person in everybody}
    return found | {name: one for one in everybody if names[name := one.shown_name.lower()] == 1}


def handle(person: User, known: Mapping[str, User]) -> str:
    """What is written after the @ for this person, among those of `handles`."""
    name = person.shown_name
    return name if known.get(name.lower()) == person else person.email


def stored(text: str, people: Iterable[User]) -> tuple[str, set[User]]:
    """The text as it is kept, and whom of `people` it mentions."""
    known = handles(people)
    found: set[User] = set()

    def mention(match: re.Match[str]) -> str:
        person = known.get(match[1].lower())
        if person is None:
            return match[0]
        found.add(person)
        return f"@{{{person.pk}}}"

    if not known:
        return text, found
    # Of "Mia" and "Mia Chen" the longer one is meant.
    either = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    return re.sub(rf"(?<![\w@])@({either})(?!\w)", mention, text, flags=re.IGNORECASE), found


def written(text: str, mentioned: Iterable[User], people: Iterable[User]) -> str:
    """The text as its author wrote it, to be edited; among `people`, with those it mentions, handles are unique."""
    known = handles({*people, *mentioned})
    return _replaced(text, mentioned, lambda person: f"@{handle(person, known)}")


def plain(text: str, mentioned: Iterable[User], name: Callable[[User], str]) -> str:
    """The text with names, for mail and for what a screen reader says."""
    return _replaced(text, mentioned, lambda person: f"@{name(person)}")


def rendered(text: str, mentioned: Iterable[User], name: Callable[[User], str]) -> SafeString:
    """The text as HTML: names for mentions and links for addresses; nothing that anybody wrote is markup."""
    by_key = {person.pk: person for person in mentioned}
    parts: list[SafeString] = []
    at = 0
    for match in MENTION.finditer(text):
        person = by_key.get(int(match[1]))
        if person is not None:
            parts.append(_linked(text[at : match.start()]))
            parts.append(format_html('<span class="mention">@<bdi>{}</bdi></span>', name(person)))
            at = match.end()
    parts.append(_linked(text[at:]))
    return format_html_join("", "{}", ((part,) for part in parts))


def _linked(text: str) -> SafeString:
    return mark_safe(urlize(text, nofollow=True, autoescape=True))  # noqa: S308 - it escapes all but its own links


def _replaced(text: str, mentioned: Iterable[User], words: Callable[[User], str]) -> str:
    by_key = {person.pk: person for person in mentioned}
    return MENTION.sub(lambda match: words(by_key[int(match[1])]) if int(match[1]) in by_key else match[0], text)
