"""What the studio shows of a clip, the same in its page and in the JSON for its scripts."""

from __future__ import annotations

from typing import TypedDict

from django.urls import reverse

from jobs.models import Clip
from webapp.accounts.models import Team
from webapp.studio import labels

RECENT = 12


class Facts(TypedDict):
    """A clip as the studio shows it. Seconds, pixels and bytes; `labels` says the same for people."""

    id: str
    name: str
    duration: float
    width: int
    height: int
    fps: float
    has_audio: bool
    size_bytes: int
    poster_url: str
    playable_url: str | None
    preview_pending: bool
    original_url: str
    labels: dict[str, str]


def facts(clip: Clip) -> Facts:
    """`playable_url` is None while the copy that browsers can play is being made, and for good if none can be.

    Where the clip's files are gone, `poster_url` is "".
    """
    size_bytes = int(clip.facts["size_bytes"])
    return {
        "id": clip.public_id,
        "name": clip.name,
        "duration": clip.duration,
        "width": clip.width,
        "height": clip.height,
        "fps": clip.fps,
        "has_audio": clip.has_audio,
        "size_bytes": size_bytes,
        "poster_url": "" if clip.media_gone_at else _file_url(clip, "poster"),
        "playable_url": _file_url(clip, "playable") if clip.is_playable else None,
        "preview_pending": clip.preview_due_since is not None,
        "original_url": _file_url(clip, "original"),
        "labels": {
            "name": clip.name,
            "length": labels.length(clip.duration),
            "dimensions": labels.dimensions(clip.width, clip.height),
            "frame_rate": labels.frame_rate(clip.fps),
            "size": labels.size(size_bytes),
            "sound": "has sound" if clip.has_audio else "silent",
            "id": clip.public_id,
        },
    }


def recent(team: Team) -> list[Facts]:
    """The team's latest clips, newest first."""
    return [facts(clip) for clip in Clip.objects.filter(team=team, media_gone_at=None).order_by("-created_at")[:RECENT]]


def _file_url(clip: Clip, kind: str) -> str:
    return reverse("clip-file", args=[clip.public_id, kind])
