"""What people search generations for: words of prompts and file names, and whole ids.

Every condition is on the generations' own columns, each with an index of its own (migration 0018), so that PostgreSQL
finds what is rare by the indexes and what is common by reading the newest.
"""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Q, QuerySet

from jobs.models import Clip

# Ids that are ours alone: of a generation, and of a clip.
OURS = re.compile(r"(?:gen|asset)_[\w-]{10,}")
# More clips, people or projects than this are not named one by one.
FEW = 500


def said(words: str) -> Q:
    """Generations with `words` in their prompt or in their clip's name, or with that id."""
    if OURS.fullmatch(words):
        return identified(words)
    clips = Clip.everything.filter(Q(name__icontains=words) | Q(public_id=words))
    return Q(public_id=words) | Q(remote__request_id=words) | Q(prompt__icontains=words) | among("clip", clips)


def identified(value: str) -> Q:
    """Generations whose id it is, or their clip's, or that of their request at a backend."""
    if OURS.fullmatch(value):
        return Q(public_id=value) if value.startswith("gen") else Q(clip__public_id=value)
    return Q(public_id=value) | Q(remote__request_id=value) | among("clip", Clip.everything.filter(public_id=value))


def among(field: str, rows: QuerySet[Any]) -> Q:
    """Generations whose `field` is one of these, which are looked up first: a join would keep the indexes from use."""
    found = rows.order_by().values_list("pk", flat=True)
    few = list(found[: FEW + 1])
    return Q(**{f"{field}__in": few if len(few) <= FEW else found})
