"""One job, with everything that is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from jobs.attempts import Attempt, attempts
from jobs.models import Generation, JobEvent, Status
from jobs.review import MODES
from webapp import media
from webapp.review.listing import NOT_LISTED, duration, row
from webapp.review.operating import Offers
from webapp.review.scope import ReviewRequest, show
from webapp.sharing.models import ShareLink
from webapp.studio import labels

OTHER_TAKES = 12
# What events hold that the page has elsewhere.
TOLD_APART = ("traceback", "sha256")
# The width of the longest attempt's bar, in units of its own, and of the shortest part that can still be seen.
BAR_WIDTH, LEAST_WIDTH = 1000, 3


@require_safe
def page(request: ReviewRequest, generation_id: str) -> HttpResponse:
    """`GET …/jobs/job/<id>/?events=`: all of it, and of its events those with the word; `&format=text` gives these
    alone as a text file, `?format=json` all of it as JSON."""
    scope, generation = request.scope, _generation(request, generation_id)
    now = timezone.now()
    events = list(generation.job_events.all())
    files = _files(generation, events)
    if request.GET.get("format") == "json":
        told = _told(generation, events, files, attempts(events, now))
        return JsonResponse(told, json_dumps_params={"indent": 2, "ensure_ascii": False})
    word = request.GET.get("events", "").strip()
    shown = [event for event in events if word.casefold() in _line(event, generation).casefold()]
    if request.GET.get("format") == "text":
        return _as_text(generation, shown)
    own = any(membership.team_id == generation.team_id for membership in request.memberships)
    clip = generation.clip
    tried = attempts(events, now)
    context = {
        **row(request, generation),
        "files": files,
        "players": _players(request, generation, files),
        "worker": generation.leased_by or next((one.worker for one in reversed(tried) if one.worker), ""),
        "next": _next(generation, now),
        "inputs": _inputs(generation),
        "probed": _probed(generation),
        "attempts": list(_drawn(generation, tried)),
        "traceback": _traceback(generation, events),
        "word": word,
        "any_events": bool(events),
        "timeline": [(event, _data(event, *TOLD_APART), duration(_elapsed(event.at, generation))) for event in shown],
        "text": scope.url("jobs-job", generation.public_id, format="text", **({"events": word} if word else {})),
        "own": own,
        "offers": Offers.of(request, generation),
        "operate": scope.url("jobs-operate"),
        "list": scope.url("jobs"),
        "json": scope.url("jobs-job", generation.public_id, format="json"),
        "takes": _takes(request, generation),
        "all_takes": scope.url("jobs", q=f"id:{clip.public_id}") if clip else "",
        "links": ShareLink.objects.filter(generations=generation).select_related("created_by").order_by("-pk"),
    }
    return show(request, "review/job.html", context)


@require_safe
def file(request: ReviewRequest, generation_id: str, kind: str) -> HttpResponseBase:
    """`GET …/jobs/job/<id>/<kind>`: one of the files that are stored of it, as `_stored` calls them."""
    generation = _generation(request, generation_id)
    stored = _stored(generation)
    if kind not in stored:
        raise Http404("There is no such file.")
    return media.serve(request, stored[kind][1], media.download_name(generation))


def _generation(request: ReviewRequest, generation_id: str) -> Generation:
    rows = request.scope.generations().select_related("team", "created_by", "clip", "project")
    return get_object_or_404(rows, public_id=generation_id)


def _elapsed(at: datetime, generation: Generation) -> float:
    return (at - generation.created_at).total_seconds()


def _next(generation: Generation, now: datetime) -> tuple[str, datetime | None]:
    """What happens next, and when; "" where nothing will."""
    if generation.is_finished:
        return "", None
    if generation.leased_until and generation.leased_until > now:
        return "A worker is at it. Should it die, another takes over after", generation.leased_until
    if generation.wake_at <= now:
        return "Due: the next worker that is free takes it", None
    wait = duration((generation.wake_at - now).total_seconds())
    if generation.trouble_since:
        return f"Its backend can’t be reached. Tried again in {wait}, at", generation.wake_at
    return f"{'Taken up' if generation.status == Status.QUEUED else 'Looked after'} in {wait}, at", generation.wake_at


def _inputs(generation: Generation) -> dict[str, str]:
    """What was asked for, and what it came to."""
    asked, effective = labels.length(generation.duration), labels.length(generation.effective_duration)
    return {
        "Prompt": generation.prompt,
        "Negative prompt": generation.negative_prompt,
        "Mode": MODES["video" if generation.clip_id else "text"],
        "Duration": asked if asked == effective else f"{effective} ({asked} asked for)",
        "Quality steps": str(generation.quality_steps),
        "Prompt strength": f"{generation.prompt_strength:g}",
        "Focus on subject": "yes" if generation.focus_on_subject else "no",
        "Seed": str(generation.seed),
    }


def _probed(generation: Generation) -> dict[str, str]:
    """What its clip was found to be, as `jobs.media.probe.ClipFacts` has it."""
    facts = generation.clip.facts if generation.clip else {}
    return {name.replace("_", " ").capitalize(): _shown(value) for name, value in facts.items()}


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{round(value, 3):g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Part:
    """A stage of an attempt, and where its bar is drawn."""

    stage: str
    at: datetime
    elapsed: str
    took: str
    x: float
    width: float


def _drawn(generation: Generation, tried: list[Attempt]) -> Iterable[tuple[Attempt, str, list[Part]]]:
    """Each attempt, how long it took, and its parts; the longest one's bars fill the width."""
    longest = max((attempt.seconds for attempt in tried), default=0) or 1
    for attempt in tried:
        parts, x = [], 0.0
        for span in attempt.spans:
            width = max(span.seconds / longest * BAR_WIDTH, LEAST_WIDTH)
            elapsed = duration(_elapsed(span.began, generation))
            parts.append(Part(span.stage, span.began, elapsed, duration(span.seconds), round(x, 1), round(width, 1)))
            x += width
        yield attempt, duration(attempt.seconds), parts


def _traceback(generation: Generation, events: list[JobEvent]) -> str:
    """Of the failure it ended with, where nobody expected that."""
    last = next((event for event in reversed(events) if event.kind == Status.FAILED), None)
    return str(last.data.get("traceback", "")) if last and generation.status == Status.FAILED else ""


def _data(event: JobEvent, *without: str) -> dict[str, Any]:
    return {name: value for name, value in event.data.items() if name not in without}


def _line(event: JobEvent, generation: Generation) -> str:
    """An event as a line of text; tracebacks within its data go on below it."""
    data = _data(event, "traceback")
    words = (event.kind, event.stage, event.message, json.dumps(data, ensure_ascii=False) if data else "")
    line = f"{event.at.isoformat()} +{_elapsed(event.at, generation):.3f} s {' '.join(filter(None, words))}"
    return "\n".join([line, *event.data.get("traceback", "").splitlines()])


def _as_text(generation: Generation, events: list[JobEvent]) -> HttpResponse:
    lines = [f"{_line(event, generation)}\n" for event in events]
    headers = {"Content-Disposition": f'attachment; filename="{generation.public_id}-events.txt"'}
    return HttpResponse(lines, content_type="text/plain; charset=utf-8", headers=headers)


@dataclass(frozen=True)
class File:
    """`bytes` is None where it is gone; `sha256` "" for results from before it was reckoned."""

    kind: str
    what: str
    bytes: int | None
    sha256: str

    @property
    def size(self) -> str:
        return "missing" if self.bytes is None else labels.size(self.bytes)


def _stored(generation: Generation) -> dict[str, tuple[str, FieldFile]]:
    """What is stored of it, by the names that addresses use."""
    clip = generation.clip
    of_clip = {"clip": ("Clip", clip.file), "clip_preview": ("Clip’s preview", clip.preview)} if clip else {}
    of_result = {
        "video": ("Video", generation.video),
        "video_preview": ("Preview", generation.video_preview),
        "audio": ("Audio", generation.audio),
    }
    return {kind: (what, stored) for kind, (what, stored) in (of_clip | of_result).items() if stored}


def _files(generation: Generation, events: list[JobEvent]) -> list[File]:
    published = next((event for event in reversed(events) if event.kind == Status.SUCCEEDED), None)
    hashes = dict(published.data.get("sha256", {})) if published else {}
    if generation.clip:
        hashes["clip"] = generation.clip.sha256
    stored = _stored(generation).items()
    return [File(kind, what, _size(stored), hashes.get(kind, "")) for kind, (what, stored) in stored]


def _size(file: FieldFile) -> int | None:
    try:
        return file.size
    except FileNotFoundError:
        return None


def _players(request: ReviewRequest, generation: Generation, files: list[File]) -> list[tuple[str, str, str]]:
    """What can be played of it: "video" or "audio", what that is, and its address."""
    there = {file.kind for file in files if file.bytes is not None}
    clip = generation.clip

    def address(kind: str) -> str:
        return request.scope.url("jobs-file", generation.public_id, kind)

    players = []
    source = "clip_preview" if "clip_preview" in there else "clip"
    if source in there and clip and (clip.plays_in_browsers or source == "clip_preview"):
        players.append(("video", "Source", address(source)))
    result = next((kind for kind in ("video_preview", "video") if kind in there), "")
    if result:
        players.append(("video", "Result", address(result)))
    elif "audio" in there:
        players.append(("audio", "Result", address("audio")))
    return players


def _takes(request: ReviewRequest, generation: Generation) -> list[dict[str, Any]]:
    """Other jobs for the same clip, the latest first, `OTHER_TAKES` at most."""
    if not generation.clip_id:
        return []
    others = request.scope.generations().filter(clip=generation.clip_id).exclude(pk=generation.pk).defer(*NOT_LISTED)
    return [row(request, other) for other in others.order_by("-created_at", "-id")[:OTHER_TAKES]]


TOLD = (
    "status", "stage", "progress", "message", "error", "error_kind", "fingerprint", "failed_at", "cancel_requested",
    "backend", "cost", "submitted_at", "remote", "attempts", "leased_by", "leased_until", "wake_at", "trouble_since",
    "created_at", "retried_at", "started_at", "finished_at", "deleted_at", "media_gone_at", "timings", "notes",
    "source", "prompt", "negative_prompt", "duration", "effective_duration", "quality_steps", "prompt_strength",
    "focus_on_subject", "seed",
)  # fmt: skip


def _told(generation: Generation, events: list[JobEvent], files: list[File], tried: list[Attempt]) -> dict[str, Any]:
    clip = generation.clip
    return {
        "id": generation.public_id,
        "team": generation.team.public_id,
        "person": generation.created_by.email if generation.created_by else None,
        "clip": {"id": clip.public_id, "name": clip.name, "facts": clip.facts} if clip else None,
        "project": generation.project.public_id if generation.project else None,
        **{name: getattr(generation, name) for name in TOLD},
        "files": [{"what": file.what, "bytes": file.bytes, "sha256": file.sha256 or None} for file in files],
        "attempts": [
            {
                "began": attempt.began,
                "worker": attempt.worker,
                "outcome": attempt.outcome,
                "stages": [
                    {"stage": span.stage, "began": span.began, "seconds": span.seconds} for span in attempt.spans
                ],
            }
            for attempt in tried
        ],
        "events": [
            {"at": event.at, "kind": event.kind, "stage": event.stage, "message": event.message, "data": event.data}
            for event in events
        ],
    }
