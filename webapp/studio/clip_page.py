"""A clip's own page: the original, all that was made of it, and the take that was chosen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_POST, require_safe

from jobs import choosing, previews
from jobs.choosing import Seen
from jobs.models import Clip, Generation, Status
from jobs.trash import expires_at
from webapp.accounts.access import TeamRequest, clip_of
from webapp.accounts.permissions import Action
from webapp.studio.clips import facts
from webapp.studio.history import listed
from webapp.studio.projects import open_projects
from webapp.studio.results import peaks_words
from webapp.studio.tags import suggested

MOST_TAKES = 50
GONE = "This take is in the trash or gone, so it can’t be chosen. Choose another one."
TOO_LONG = "Say it in at most 500 characters."


class Choice(forms.Form):
    """What is chosen, "" for none, why, and what was chosen when the page was made."""

    take = forms.CharField(required=False, max_length=40)
    note = forms.CharField(required=False, max_length=500)
    seen = forms.CharField(required=False, max_length=40)
    seen_at = forms.CharField(required=False, max_length=40)

    def clean_note(self) -> str:
        return " ".join(self.cleaned_data["note"].split())

    def clean_seen_at(self) -> object:
        given = self.cleaned_data["seen_at"]
        return forms.DateTimeField().clean(given) if given else None


@dataclass(frozen=True)
class Take:
    """One of the clip's takes as its row shows it: `note` is in its field, `refusal` beside that."""

    generation: Generation
    note: str = ""
    refusal: str = ""


@dataclass(frozen=True)
class Side:
    """One of two takes that are compared: `gain` (0..1) brings it to the loudness of the quieter one.

    `page` is what the player's templates show of it.
    """

    letter: str
    generation: Generation
    gain: float
    page: dict[str, Any]


@require_safe
def clip(request: TeamRequest, clip_id: str) -> HttpResponse:
    """`GET /clips/<id>/`, with `?a=gen_…&b=gen_…` to compare two takes; of what is in the trash, that it is."""
    shown = clip_of(request, clip_id, in_trash_too=True)
    if shown.deleted_at:
        context = {"clip": shown, "expires_at": expires_at(shown.deleted_at)}
        return render(request, "trash/in_trash.html", context, status=410)
    previews.make_again(shown)
    return _page(request, shown)


@require_safe
def live(request: TeamRequest, clip_id: str) -> HttpResponse:
    """`GET /clips/<id>/live/?a=&b=`: its takes alone, as they are now; 304 while they haven't changed."""
    shown = clip_of(request, clip_id)
    compared = _compared(shown, request.GET.get("a", ""), request.GET.get("b", ""))
    context = _takes(request, shown, compared)
    unchanged = get_conditional_response(request, etag=context["version"])
    response = unchanged or render(request, "studio/_takes.html", context)
    response.headers["ETag"] = context["version"]
    patch_cache_control(response, private=True, no_cache=True)
    return response


@require_POST
def choose(request: TeamRequest, clip_id: str) -> HttpResponse:
    """`POST /clips/<id>/choose/` with `take`, "" for none, `note`, and `seen` and `seen_at` as the page had them."""
    chosen_for = clip_of(request, clip_id, Action.ORGANISE)
    form = Choice(request.POST)
    if not form.is_valid():
        refusal = TOO_LONG if "note" in form.errors else "The choice could not be read. Choose again."
        return _page(request, chosen_for, form, refusal, status=422)
    given = form.cleaned_data
    seen = Seen(given["seen"], given["seen_at"])
    try:
        if not given["take"]:
            choosing.unchoose(chosen_for, request.user, seen)
            messages.success(request, "No take is chosen now.")
        else:
            take = Generation.objects.filter(clip=chosen_for, public_id=given["take"]).first()
            if take is None:
                return _page(request, chosen_for, form, GONE, status=422)
            choosing.choose(chosen_for, take, given["note"], request.user, seen)
            messages.success(request, f"The take with seed {take.seed} is chosen.")
    except choosing.Refused as refused:
        return _page(request, chosen_for, form, str(refused), status=409)
    return redirect("clip", chosen_for.public_id)


def _page(
    request: TeamRequest, shown: Clip, form: Choice | None = None, refusal: str = "", status: int = 200
) -> HttpResponse:
    """The page; where a choice was refused, with what was written still in its field."""
    compared = _compared(shown, request.GET.get("a", ""), request.GET.get("b", ""))
    context = _takes(request, shown, compared, form, refusal) | {
        "known_tags": suggested(shown.team),
        "projects": open_projects(shown.team),
        # Where its forms lead back to: also from what a choice that was refused is answered with.
        "here": f"{reverse('clip', args=[shown.public_id])}?{request.GET.urlencode()}",
        "matched": all(side.generation.loudness is not None for side in compared),
    }
    return render(request, "studio/clip.html", context, status=status)


def _takes(
    request: TeamRequest, shown: Clip, compared: list[Side], form: Choice | None = None, refusal: str = ""
) -> dict[str, Any]:
    """What the templates show of the takes. `live_url` is there while one is under way and nothing was refused, and
    `version` is an entity tag over what can change until then."""
    refused, written = (form.data.get("take", ""), form.data.get("note", "")) if form else ("", "")

    def take(generation: Generation) -> Take:
        if refused == generation.public_id and generation.status == Status.SUCCEEDED:
            return Take(generation, written, refusal)
        return Take(generation, shown.chosen_note if generation.pk == shown.chosen_id else "")

    takes = listed().filter(clip=shown).order_by("-created_at", "-id")
    chosen = takes.filter(pk=shown.chosen_id).first() if shown.chosen_id else None
    others = list((takes.exclude(pk=chosen.pk) if chosen else takes)[: MOST_TAKES + 1])
    more, others = len(others) > MOST_TAKES, others[:MOST_TAKES]
    if refused and refused not in [one.public_id for one in (chosen, *others) if one]:
        # So many came meanwhile that it is not among the first any more; what was written is kept all the same.
        others += takes.filter(public_id=refused, status=Status.SUCCEEDED)
    first, rows = take(chosen) if chosen else None, [take(generation) for generation in others]
    all_shown = [row.generation for row in (first, *rows) if row]
    seen = Seen.of(shown)
    said = [(one.public_id, one.status, one.stage, one.progress, one.cancel_requested) for one in all_shown]
    live_url = f"{reverse('clip-live', args=[shown.public_id])}?{request.GET.urlencode()}"
    under_way = any(not generation.is_finished for generation in all_shown)
    return {
        "clip": shown,
        "facts": facts(shown),
        "chosen": first,
        "takes": rows,
        "more": more,
        "comparable": sum(generation.has_sound for generation in all_shown) > 1,
        "compared": compared,
        "seen": seen,
        # It is said at the take that it is about, where that has a field on the page.
        "refusal": "" if any(row.refusal for row in (first, *rows) if row) else refusal,
        "live_url": live_url if under_way and form is None else None,
        "version": f'"{hashlib.sha256(repr((said, seen, shown.chosen_note)).encode()).hexdigest()[:20]}"',
    }


def _compared(shown: Clip, *chosen: str) -> list[Side]:
    """The two takes with these ids, in this order; none where one has no sound, is not the clip's, or both are one."""
    takes = Generation.objects.filter(clip=shown, public_id__in=[*filter(None, chosen)])
    by_id = {take.public_id: take for take in takes if take.has_sound}
    if len(by_id) != len(chosen):
        return []
    pair = [by_id[public_id] for public_id in chosen]
    measured = [take.loudness for take in pair if take.loudness is not None]
    quieter = min(measured) if len(measured) == len(pair) else None
    sides = []
    for letter, take in zip("AB", pair, strict=True):
        louder_by = take.loudness - quieter if quieter is not None and take.loudness is not None else 0.0
        page = {"duration": shown.duration, "marks": [], "peaks": peaks_words(take), "original": {"silent": False}}
        sides.append(Side(letter, take, 10 ** (-louder_by / 20), page))
    return sides
