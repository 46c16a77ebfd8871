"""What happened in the team, as sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from jobs.models import Activity, Verb
from webapp.accounts.access import TeamRequest, needs
from webapp.accounts.models import Role
from webapp.accounts.permissions import Action

LINES_PER_PAGE = 50

# {by} did something to {subject}; the other words come from the line's data.
SENTENCES = {
    Verb.JOINED: "{by} joined as {role}",
    Verb.LEFT: "{by} left",
    Verb.REMOVED: "{by} removed {subject} from the team",
    Verb.ROLE_CHANGED: "{by} made {subject} {role}",
    Verb.HANDED_OVER: "{by} handed the team over to {subject}",
    Verb.RENAMED: "{by} renamed the team from {before} to {subject}",
    Verb.UPLOADED: "{by} added the clip {subject}",
    Verb.MADE: "{by} asked for {subject}",
    Verb.DELETED: "{by} put {what} into the trash",
    Verb.RESTORED: "{by} restored {what}",
    Verb.MOVED: "{by} moved {what} to {subject}",
    Verb.SHARED: "{by} shared {subject}",
    Verb.LINK_REVOKED: "{by} revoked a link to {subject}",
    Verb.COMMENTED: "{by} commented on {subject}",
    Verb.GUEST_COMMENTED: "The guest {guest} commented on {subject}",
    Verb.COMMENT_DELETED: "{by} deleted a comment of {whose} on {subject}",
    Verb.PROJECT_MADE: "{by} made the project {subject}",
    Verb.PROJECT_RENAMED: "{by} renamed the project {before} to {subject}",
    Verb.PROJECT_ARCHIVED: "{by} archived the project {subject}",
    Verb.PROJECT_RESTORED: "{by} took the project {subject} out of the archive",
    Verb.CHOSEN: "{by} chose {subject} for the clip {clip}",
    Verb.UNCHOSEN: "{by} took back the choice for the clip {subject}",
}
# Which page shows a thing, by how its public id begins.
PAGES = {"asset": "clip", "gen": "generation", "project": "project"}


@dataclass(frozen=True)
class Line:
    at: datetime
    sentence: SafeString


@require_safe
@needs(Action.LOOK)
def activity(request: TeamRequest) -> HttpResponse:
    """`GET /team/activity/?before=<id>`: the newest first, and what came before a line."""
    found = Activity.objects.filter(team=request.team).select_related("by").order_by("-id")
    before = request.GET.get("before")
    if before is not None:
        if not before.isascii() or not before.isdigit() or len(before) > 18:
            raise Http404("There is no such part of the activity.")
        found = found.filter(pk__lt=int(before))
    rows = list(found[: LINES_PER_PAGE + 1])
    shown = rows[:LINES_PER_PAGE]
    context = {
        "lines": [Line(row.at, sentence(row)) for row in shown],
        "older": shown[-1].pk if len(rows) > len(shown) else None,
        "before": before,
    }
    return render(request, "teams/activity.html", context)


def sentence(row: Activity) -> SafeString:
    """What a line says; every name in it as text, isolated from the direction of the words around it."""
    page = PAGES.get(row.about.partition("_")[0])
    shown = format_html("<bdi>{}</bdi>", row.subject or "no project")
    subject = format_html('<a href="{}">{}</a>', reverse(page, args=[row.about]), shown) if page else shown
    role = row.data.get("role", "")
    return format_html(
        SENTENCES[Verb(row.verb)],
        by=format_html("<strong><bdi>{}</bdi></strong>", row.by.shown_name if row.by else "Somebody"),
        subject=subject,
        before=format_html("<bdi>{}</bdi>", row.data.get("before", "")),
        clip=format_html("<bdi>{}</bdi>", row.data.get("clip", "")),
        guest=format_html("<bdi>{}</bdi>", row.data.get("guest", "")),
        whose=format_html("<bdi>{}</bdi>", row.data.get("whose", "")),
        role=Role(role).described if role in Role.values else role,
        what=_what(row),
    )


def _what(row: Activity) -> SafeString:
    """One thing by its name, several by their number."""
    counts = [(row.data.get("clips", 0), "clip"), (row.data.get("generations", 0), "generation")]
    if row.verb != Verb.MOVED and sum(count for count, _ in counts) == 1:
        return format_html("the {} <bdi>{}</bdi>", *(word for count, word in counts if count), row.subject)
    return format_html(
        "{}", " and ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count)
    )
