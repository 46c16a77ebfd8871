"""`GET /healthz`: whether web, worker and engine are at work, for people, supervisors and load balancers."""

from __future__ import annotations

from datetime import timedelta

import httpx
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from jobs.models import WorkerHeartbeat

# The sweep runs every five seconds; three missed ones in a row mean that no worker runs.
HEARTBEAT_PATIENCE = timedelta(seconds=20)


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when all three are up, else 503; the JSON says which is not."""
    try:
        seen = WorkerHeartbeat.objects.filter(seen_at__gt=timezone.now() - HEARTBEAT_PATIENCE).exists()
        web, worker = "ok", "ok" if seen else "down"
    except DatabaseError:
        web, worker = "no database", "unknown"
    parts = {"web": web, "worker": worker, "engine": engine_state()}
    healthy = all(state == "ok" for state in parts.values())
    return JsonResponse({"status": "ok" if healthy else "degraded", **parts}, status=200 if healthy else 503)


def engine_state() -> str:
    """`ok`, `starting` or `down`, as the engine itself says."""
    try:
        response = httpx.get(f"{settings.ENGINE_URL}/healthz", timeout=2.0)
        state = str(response.json().get("status", "down"))
    except (httpx.HTTPError, ValueError, AttributeError):
        return "down"
    return state if state in {"ok", "starting"} else "down"
