"""How writing a comment is answered: to the page's script in JSON, to whoever has none with a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.cache import get_conditional_response, patch_cache_control

from webapp.comments.models import Comment
from webapp.comments.panel import Panel
from webapp.refusals import wants_json


def done(request: HttpRequest, page: str, comment: Comment | None = None) -> HttpResponse:
    """It is done; `page` is the address of the page it was done on."""
    if wants_json(request):
        return JsonResponse({"comment": comment.pk if comment else None})
    return redirect(f"{page}#comment-{comment.pk}" if comment else f"{page}#comments")


def refused(
    request: HttpRequest, page: str, field: str, sentence: str, *, status: int = 422, **more: Any
) -> HttpResponse:
    """Why it is not done, beside the field that it is about; what was written is kept.

    Without a script a page shows the form again, as it was sent, with `more` in its context.
    """
    if wants_json(request):
        return JsonResponse({"error": sentence, "field": field}, status=status)
    context = {"sent": request.POST, "field": field, "sentence": sentence, "page": page, **more}
    return render(request, "comments/again.html", context, status=status)


def invalid(request: HttpRequest, page: str, form: forms.Form) -> HttpResponse:
    """The first thing that is wrong with a form."""
    field, errors = next(iter(form.errors.items()))
    return refused(request, page, field, " ".join(str(error) for error in errors))


def threads(request: HttpRequest, version: str, panel: Callable[[], Panel], context: dict[str, Any]) -> HttpResponse:
    """The threads as they are now; 304 while they are as the one who asks has them (RFC 9110, 13.1.2)."""
    unchanged = get_conditional_response(request, etag=version)
    response = unchanged or render(request, "comments/_threads.html", {"panel": panel(), **context})
    response.headers["ETag"] = version
    patch_cache_control(response, private=True, no_cache=True)
    return response
