"""What a person is told, in one list."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts.access import TeamRequest
from webapp.comments import notifications, panel, text
from webapp.comments.models import Reason

SHOWN = 100


@require_safe
@never_cache
def index(request: TeamRequest) -> HttpResponse:
    """`GET /notifications/`: of all of one's teams, the newest first. What is opened from here is read by that."""
    rows = [
        {
            "told": told,
            "who": notifications.who(told.comment),
            "did": notifications.DID[Reason(told.reason)],
            "html": text.rendered(told.comment.text, told.comment.mentioned.all(), panel.team_name),
        }
        for told in notifications.listed(request.user)[:SHOWN]
    ]
    context = {"rows": rows, "several_teams": len(request.memberships) > 1}
    return render(request, "comments/notifications.html", context)


@require_POST
def read_all(request: TeamRequest) -> HttpResponse:
    """`POST /notifications/read/`"""
    if not notifications.read(request.user):
        messages.info(request, "There was nothing new.")
    return redirect("notifications")
