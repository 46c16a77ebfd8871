"""The results page: a generation from the moment it is asked for to the clip with its sound."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_POST, require_safe

from jobs import intake, lifecycle, previews
from jobs.backends import registry
from jobs.backends.base import Offer, PolicyRefused, Unclear
from jobs.limits import LimitReached
from jobs.models import Clip, Generation, Stage, Status
from jobs.trash import expires_at
from webapp import backends
from webapp.accounts.access import TeamRequest, generation_of
from webapp.accounts.permissions import Action
from webapp.comments import notifications, panel
from webapp.studio.projects import open_projects
from webapp.studio.tags import suggested
from webapp.studio.understanding import Understanding

SEED_OF_TAKE = {"same": True, "new": False}
# Steps of `,` and `.` where there are no frames to step by: hundredths of a second.
AUDIO_STEPS_PER_SECOND = 100
AT_REST = {Status.SUCCEEDED: "Done", Status.FAILED: "Failed", Status.CANCELLED: "Cancelled"}


@require_safe
def generation(request: TeamRequest, generation_id: str) -> HttpResponse:
    """`GET /g/<id>/`; of what is in the trash, that it is there."""
    generation = generation_of(request, generation_id, in_trash_too=True)
    if generation.deleted_at:
        context = {"generation": generation, "expires_at": expires_at(generation.deleted_at)}
        return render(request, "trash/in_trash.html", context, status=410)
    if generation.clip:
        previews.make_again(generation.clip)
    notifications.read(request.user, generation)
    filing = {"projects": open_projects(request.team), "known_tags": suggested(request.team)}
    return _render(request, "studio/generation.html", generation, **filing)


@require_safe
def live(request: TeamRequest, generation_id: str) -> HttpResponse:
    """`GET /g/<id>/live/`: the part of the page that changes, as it is now; 304 while it hasn't (RFC 9110, 13.1.2)."""
    generation = generation_of(request, generation_id, in_trash_too=True)
    stamp = version(generation)
    unchanged = get_conditional_response(request, etag=stamp)
    response = unchanged or _render(request, "studio/_generation.html", generation)
    response.headers["ETag"] = stamp
    patch_cache_control(response, private=True, no_cache=True)
    return response


@require_POST
def take(request: TeamRequest, generation_id: str) -> HttpResponse:
    """`POST /g/<id>/take/` with `seed=new` ("Another take") or `seed=same` ("Try again"); `backend` for another one."""
    generation = generation_of(request, generation_id, Action.CREATE)
    same_seed = SEED_OF_TAKE.get(request.POST.get("seed", ""))
    if same_seed is None:
        return HttpResponseBadRequest("seed is either “same” or “new”.", content_type="text/plain; charset=utf-8")
    backend = request.POST.get("backend") or generation.backend
    if backend not in registry.NAMES:
        return HttpResponseBadRequest("There is no such backend.", content_type="text/plain; charset=utf-8")
    refusal = backends.refusal(backend, request.team)
    if not refusal:
        try:
            another = intake.another_take(generation, request.user, same_seed=same_seed, backend=backend)
            return redirect("generation", another.public_id)
        except LimitReached as limit:
            refusal = str(limit)
        except ValidationError as invalid:  # the clip's files are gone
            refusal = " ".join(invalid.messages)
    messages.error(request, refusal)
    return redirect("generation", generation.public_id)


@require_POST
def cancel(request: TeamRequest, generation_id: str) -> HttpResponse:
    """`POST /g/<id>/cancel/`; what is finished already stays as it is."""
    generation = generation_of(request, generation_id, Action.CREATE)
    lifecycle.request_cancel(generation)
    return redirect("generation", generation.public_id)


def _render(request: TeamRequest, template: str, generation: Generation, **more: Any) -> HttpResponse:
    context = {"page": Page.of(generation), "generation": generation, "clip": generation.clip, **more}
    if generation.status == Status.SUCCEEDED:
        context["panel"] = panel.of_team(request, generation)
    return render(request, template, context)


def version(generation: Generation) -> str:
    """An entity tag over everything on the page that can change while it is open."""
    clip = generation.clip
    said = (
        generation.status,
        generation.stage,
        generation.progress,
        generation.message,
        generation.cancel_requested,
        bool(clip and clip.preview_due_since),
        generation.media_gone_at,
        bool(clip and clip.media_gone_at),
    )
    return f'"{hashlib.sha256(repr(said).encode()).hexdigest()[:20]}"'


@dataclass(frozen=True)
class Step:
    """One stage in the stepper; `state` is `done`, `current` or `ahead`."""

    name: str
    label: str
    state: str


@dataclass(frozen=True)
class Timing:
    """How long a stage took: seconds, and its share of the whole, 0..1."""

    label: str
    seconds: float
    share: float


@dataclass(frozen=True)
class Mark:
    """An event the engine saw: when (seconds), how strong (0..1), and where on the picture (0..1)."""

    time: float
    strength: float
    label: str
    x: float
    y: float
    size: float


@dataclass(frozen=True)
class Picture:
    """A video of the pair: its address, None where there is no copy that browsers can play (yet, if `pending`)."""

    url: str | None
    silent: bool
    pending: bool = False


@dataclass(frozen=True)
class Elsewhere:
    """Another backend that could do the same job, and what that costs there; "" for nothing."""

    name: str
    label: str
    cost: str


@dataclass(frozen=True)
class Page:
    """What the templates show beyond the rows themselves.

    Times are seconds; `peaks` are the pairs of `jobs.media.waveform`, one after the other.
    """

    phase: str
    version: str
    title: str
    announcement: str
    live_url: str | None
    elapsed: float
    steps: list[Step]
    timings: list[Timing]
    total: float | None
    original: Picture | None
    result: Picture | None
    duration: float
    frame_rate: float
    width: int
    height: int
    poster: str
    peaks: str
    marks: list[Mark]
    understanding: Understanding | None
    made_by: Offer | None
    provider: str
    cost: str
    elsewhere: list[Elsewhere]
    unclear: bool
    may_repeat: bool

    @classmethod
    def of(cls, generation: Generation) -> Page:
        clip = generation.clip
        finished, succeeded = generation.is_finished, generation.status == Status.SUCCEEDED
        original = _original(clip) if clip else None
        awaits_preview = succeeded and original is not None and original.pending
        live_url = reverse("generation-live", args=[generation.public_id])
        begun, now = generation.asked_at, generation.finished_at or timezone.now()
        made_by = _made_by(generation)
        return cls(
            phase="finished" if finished else generation.status,
            version=version(generation),
            title=title(generation),
            announcement=announcement(generation),
            live_url=live_url if awaits_preview or not finished else None,
            elapsed=(now - begun).total_seconds(),
            steps=_steps(generation),
            timings=_timings(generation.timings),
            total=(now - begun).total_seconds() if finished else None,
            original=original,
            result=_result(generation) if generation.has_sound else None,
            duration=clip.duration if clip else generation.effective_duration,
            frame_rate=clip.fps if clip else AUDIO_STEPS_PER_SECOND,
            width=clip.width if clip else 0,
            height=clip.height if clip else 0,
            poster=reverse("clip-file", args=[clip.public_id, "poster"]) if clip and not clip.media_gone_at else "",
            peaks=peaks_words(generation),
            marks=_marks(generation.events),
            understanding=Understanding.of(generation.understood) if generation.understood else None,
            made_by=made_by,
            provider=backends.provider(made_by) if made_by else generation.backend,
            cost=backends.money(generation.backend, generation.cost),
            elsewhere=_elsewhere(generation) if generation.status == Status.FAILED else [],
            unclear=generation.error_kind == Unclear.kind,
            may_repeat=generation.error_kind != PolicyRefused.kind,
        )

    @property
    def portrait(self) -> bool:
        return self.height > self.width


def title(generation: Generation) -> str:
    """The page's title: how things stand first, so that it can be read on a narrow tab."""
    subject = generation.prompt if len(generation.prompt) <= 60 else generation.prompt[:59].rstrip() + "…"
    if generation.status == Status.QUEUED:
        return f"Queued · {subject} · Soundstage"
    if generation.status == Status.RUNNING:
        return f"{generation.progress} % · {subject} · Soundstage"
    if generation.status == Status.SUCCEEDED:
        return f"{subject} · Soundstage"
    return f"{AT_REST[Status(generation.status)]} · {subject} · Soundstage"


def announcement(generation: Generation) -> str:
    """What a screen reader says when the stage changes."""
    if generation.status == Status.QUEUED:
        return f"{generation.message or 'Waiting for a free worker'}."
    if generation.status == Status.RUNNING:
        return "Cancelling." if generation.cancel_requested else f"{Stage(generation.stage).label}."
    if generation.status == Status.SUCCEEDED:
        return "The sound is ready."
    return f"{AT_REST[Status(generation.status)]}. {generation.error}".strip()


def peaks_words(generation: Generation) -> str:
    """The waveform as static/js/waveform.js reads it."""
    return ",".join(f"{low:g},{high:g}" for low, high in generation.peaks)


def _steps(generation: Generation) -> list[Step]:
    stages = list(Stage)
    at = stages.index(Stage(generation.stage)) if generation.stage else -1
    return [
        Step(str(stage), stage.label, "done" if index < at else "current" if index == at else "ahead")
        for index, stage in enumerate(stages)
    ]


def _timings(timings: dict[str, float]) -> list[Timing]:
    total = sum(timings.values()) or 1.0
    return [Timing(stage.label, timings[stage], timings[stage] / total) for stage in Stage if stage in timings]


def _made_by(generation: Generation) -> Offer | None:
    """Who made the sound, under the licence that came with it: an engine's model may have been another one then."""
    if generation.backend not in registry.NAMES:
        return None
    offer = registry.offer(generation.backend)
    licence = generation.understood.get("licence")
    return replace(offer, licence=licence, commercial_use=False) if isinstance(licence, str) else offer


def _original(clip: Clip) -> Picture:
    silent = not clip.has_audio or bool(clip.facts.get("silent"))
    url = reverse("clip-file", args=[clip.public_id, "playable"]) if clip.is_playable else None
    return Picture(url, silent, pending=clip.preview_due_since is not None)


def _result(generation: Generation) -> Picture:
    kind = "playable" if generation.video else "audio"
    return Picture(reverse("generation-file", args=[generation.public_id, kind]), silent=False)


def _elsewhere(generation: Generation) -> list[Elsewhere]:
    return [
        Elsewhere(
            name=choice.name,
            label=choice.provider,
            cost="" if choice.free else backends.cost(choice.name, generation.duration, generation.clip),
        )
        for choice in backends.choices(generation.team)
        if choice.ready and choice.name != generation.backend
    ]


def _marks(events: Iterable[dict[str, Any]]) -> list[Mark]:
    """The events that can be shown; where a number is missing or makes no sense, the middle of the road is taken."""
    marks = []
    for event in events:
        time = _number(event.get("time"), math.nan)
        if math.isnan(time) or time < 0:
            continue
        strength = _share(event.get("strength"), 0.5)
        kind = str(event.get("kind") or "event").replace("_", " ").capitalize()
        how = "soft" if strength < 1 / 3 else "strong" if strength > 2 / 3 else "medium"
        marks.append(
            Mark(
                time=round(time, 3),
                strength=round(strength, 3),
                label=f"{kind} at {time:.2f} s, {how}",
                x=_share(event.get("x"), 0.5),
                y=_share(event.get("y"), 0.5),
                size=_share(event.get("size"), 0.0),
            )
        )
    return marks


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else default


def _share(value: object, default: float) -> float:
    return min(max(_number(value, default), 0.0), 1.0)
