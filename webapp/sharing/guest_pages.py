"""What whoever has a link sees and hears, without an account. Every request, media too, looks the link up anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from allauth.core import ratelimit
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.hashers import check_password
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from jobs.models import Generation
from webapp import media
from webapp.comments import panel
from webapp.refusals import wants_json
from webapp.sharing import links
from webapp.sharing.models import ShareLink
from webapp.studio.results import Page

# Where the session keeps the links whose password was given (with its hash: another one is asked for anew), and those
# whose visit is counted.
OPENED, COUNTED = "share_opened", "share_counted"
# And what a guest who writes comments is called.
GUEST_NAME = "guest_name"
# A presigned address of the file store works without us; this is for how long.
STORE_SECONDS = 60

CLOSED = "This link does not work any more. What you wrote is still here: copy it, and ask whoever sent you the link."

P = ParamSpec("P")


def unlisted(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """For nobody's cache, which would go on showing what was revoked, and for no search engine.

    A link that does not work says what to do, in the same words whether it ended or never was.
    """

    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            response: HttpResponseBase = view(request, *args, **kwargs)
        except Http404:
            if wants_json(request):
                response = JsonResponse({"error": CLOSED}, status=404)
            else:
                response = render(request, "sharing/closed.html", status=404)
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        # Not `no-referrer`, with which browsers send no origin either and the password's form would be refused.
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    return answer


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@unlisted
def page(request: HttpRequest, share_token: str) -> HttpResponse:
    """`/share/<token>/?g=<id>`: one of what the link shows, the first by default; `POST` with `password` opens it."""
    link = links.find(share_token)
    generations = list(links.shown(link))
    if not generations:
        raise Http404("What this link showed is deleted.")
    if request.method == "POST":
        if not ratelimit.consume(request, action="share_password", key=link.token):
            return cast("HttpResponse", ratelimit.respond_429(request))
        right = not link.password or check_password(request.POST.get("password", ""), link.password)
        if not right:
            return render(request, "sharing/locked.html", {"wrong": True}, status=422)
        _remember(request, OPENED, [link.pk, link.password])
        return redirect("share", share_token)
    if not is_opened(request, link):
        return render(request, "sharing/locked.html")
    ids = [one.public_id for one in generations]
    wanted = request.GET.get("g", ids[0])
    if wanted not in ids:
        raise Http404("The link does not show this.")
    place = ids.index(wanted)
    generation = generations[place]
    if request.method == "GET" and _remember(request, COUNTED, link.pk):
        links.count_view(link)
    context: dict[str, Any] = {
        "link": link,
        "generations": generations,
        "generation": generation,
        "place": place + 1,
        "before": ids[place - 1] if place else None,
        "after": ids[place + 1] if place + 1 < len(ids) else None,
        "clip": generation.clip,
        "page": _page(link, generation),
        "address": request.build_absolute_uri(reverse("share", args=[link.token])),
    }
    if link.takes_comments:
        context["panel"] = panel.of_guest(link, generation, request.session.get(GUEST_NAME, ""))
    if context["page"].poster:
        context["preview"] = request.build_absolute_uri(_file(link, generation, "poster"))
    return render(request, "sharing/page.html", context)


@login_not_required
@require_safe
@unlisted
def file(request: HttpRequest, share_token: str, generation_id: str, kind: str) -> HttpResponseBase:
    """`poster`, `original` and `playable` of a generation; `video` and `audio` where downloads are on."""
    link = links.find(share_token)
    if not is_opened(request, link) or ("download" in request.GET and not link.downloads):
        raise Http404("The link does not give this.")
    generation = get_object_or_404(links.shown(link), public_id=generation_id)
    clip = generation.clip
    if refusal := media.gone(clip if clip and kind in ("original", "poster") else generation):
        return refusal
    files = {"playable": generation.video_preview or generation.video or generation.audio}
    if clip:
        files |= {"original": media.playable(clip), "poster": clip.poster}
    if link.downloads:
        files |= {"video": generation.video, "audio": generation.audio}
    return media.serve(request, files.get(kind), media.download_name(generation), store_seconds=STORE_SECONDS)


def _page(link: ShareLink, generation: Generation) -> Page:
    """The results page's player, with the link's addresses for what it plays."""
    page = Page.of(generation)
    original, result = page.original, page.result
    if original and original.url:
        original = replace(original, url=_file(link, generation, "original"))
    if result:
        result = replace(result, url=_file(link, generation, "playable"))
    poster = _file(link, generation, "poster") if page.poster else ""
    return replace(page, original=original, result=result, poster=poster, live_url=None)


def _file(link: ShareLink, generation: Generation, kind: str) -> str:
    return reverse("share-file", args=[link.token, generation.public_id, kind])


def is_opened(request: HttpRequest, link: ShareLink) -> bool:
    """Whether this session gave the link's password, if it has one."""
    return not link.password or [link.pk, link.password] in request.session.get(OPENED, [])


def _remember(request: HttpRequest, what: str, which: Any) -> bool:
    """Note a link in the session; False where it was noted already."""
    known: list[Any] = request.session.get(what, [])
    if which in known:
        return False
    request.session[what] = [*known, which]
    return True
