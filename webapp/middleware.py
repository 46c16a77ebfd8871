"""What is true of every request, whatever page it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from jobs import logs
from webapp.refusals import upload_too_large

GetResponse = Callable[[HttpRequest], HttpResponse]

# A form's other fields and the multipart wrapping, beside the file itself.
FORM_ALLOWANCE_BYTES = 1024 * 1024


class UploadLimit:
    """Refuses an oversized upload by its announced length, before a byte of it is read or stored.

    Bodies without a length (chunked) are not read by Django at all.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > settings.MAX_UPLOAD_BYTES + FORM_ALLOWANCE_BYTES:
            return upload_too_large(request)
        return self.get_response(request)


class LogScope:
    """Lines of the log about a page of a generation have its id."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Not at the end: the answer is still to be sent, and Django logs a refusal after all middleware.
        logs.bind("")
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: dict[str, Any]) -> None:
        if generation_id := kwargs.get("generation_id"):
            logs.bind(generation_id)


class ContentSecurityPolicy:
    """Everything comes from our own origin; media also from the file store's presigned addresses and local previews."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        media = "'self' blob:"
        store: dict[str, Any] = settings.STORAGES["default"].get("OPTIONS", {})
        if "bucket_name" in store:
            endpoint = urlsplit(store["endpoint_url"] or "https://*.amazonaws.com")
            media += f" {endpoint.scheme}://{endpoint.netloc}"
        self.policy = (
            f"default-src 'self'; media-src {media}; img-src {media} data:; style-src 'self' 'unsafe-inline'; "
            "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
        )

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        return response
