"""Answers that refuse a request before a view sees it."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render


def wants_json(request: HttpRequest) -> bool:
    """Whether our own scripts ask (they say so in Accept); people get pages."""
    return "application/json" in request.headers.get("Accept", "")


def upload_too_large(request: HttpRequest) -> HttpResponse:
    """413 with the limit in a sentence."""
    message = f"This file is larger than {settings.MAX_UPLOAD_BYTES // (1024 * 1024)} MB. Trim or compress the clip."
    if wants_json(request):
        return JsonResponse({"error": message}, status=413)
    return render(request, "refused.html", {"message": message}, status=413)
