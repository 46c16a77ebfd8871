"""The history: what the team asked for, newest first."""

from __future__ import annotations

from typing import Any

from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import conditional_page, require_safe

from jobs.models import Generation
from webapp.accounts.access import TeamRequest

GENERATIONS_PER_PAGE = 24


@require_safe
def history(request: TeamRequest) -> HttpResponse:
    """`GET /history/?page=2`"""
    page = _page(request)
    numbers = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    return render(request, "studio/history.html", _context(request, page) | {"page_numbers": numbers})


@require_safe
@conditional_page
def live(request: TeamRequest) -> HttpResponse:
    """`GET /history/live/?page=2`: the list alone, as it is now; 304 while it hasn't changed (RFC 9110, 13.1.2)."""
    response = render(request, "studio/_history.html", _context(request, _page(request)))
    patch_cache_control(response, private=True, no_cache=True)
    return response


def listed() -> QuerySet[Generation]:
    """Generations as lists show them, with their clips and makers."""
    large = ("peaks", "events", "understood", "remote", "timings")
    return Generation.objects.select_related("clip", "created_by").defer(*large)


def _page(request: TeamRequest) -> Page[Generation]:
    generations = listed().filter(team=request.team).order_by("-created_at", "-id")
    try:
        return Paginator(generations, GENERATIONS_PER_PAGE).page(request.GET.get("page", 1))
    except InvalidPage:
        raise Http404("There is no such page of the history.") from None


def _context(request: TeamRequest, page: Page[Generation]) -> dict[str, Any]:
    """`live_url` is there while something on the page is still under way."""
    under_way = any(not generation.is_finished for generation in page)
    live_url = f"{reverse('history-live')}?team={request.team.public_id}&page={page.number}"
    return {"page": page, "live_url": live_url if under_way else None}
