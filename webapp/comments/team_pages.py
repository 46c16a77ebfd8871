"""The team's side of the comments: reading, writing, resolving."""

from __future__ import annotations

from allauth.core import ratelimit
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from jobs.models import Generation
from webapp.accounts.access import TeamRequest, generation_of, thing_of
from webapp.accounts.permissions import RULES, Action, may
from webapp.accounts.teams import Refused
from webapp.comments import answers, notifications, panel, text, writing
from webapp.comments.forms import EditForm, WriteForm
from webapp.comments.models import Comment

TOO_FAST = "That was a lot at once. Wait a minute, then send this again."


@require_http_methods(["GET", "HEAD", "POST"])
def comments(request: TeamRequest, generation_id: str) -> HttpResponse:
    """`/g/<id>/comments/`: the threads as they are now; `POST` with `text` and `start`, `end` or `thread` writes."""
    if request.method == "POST":
        return _write(request, generation_id)
    generation = generation_of(request, generation_id)

    def changed() -> panel.Panel:
        notifications.read(request.user, generation)
        return panel.of_team(request, generation)

    version = panel.version(panel.rows_of_team(generation), request.membership)
    return answers.threads(request, version, changed, {"generation": generation})


def _write(request: TeamRequest, generation_id: str) -> HttpResponse:
    generation = generation_of(request, generation_id, Action.COMMENT)
    page = _page(generation)
    form = WriteForm(request.POST, seconds=panel.seconds(generation))
    if not form.is_valid():
        return answers.invalid(request, page, form)
    if not ratelimit.consume(request, action="comment", user=request.user):
        return answers.refused(request, page, "text", TOO_FAST, status=429)
    try:
        comment = writing.write(generation, form.cleaned_data["text"], form.at(), author=request.user)
    except Refused as refusal:
        return answers.refused(request, page, "text", str(refusal), status=409)
    return answers.done(request, page, comment)


@require_POST
def edit(request: TeamRequest, comment_id: int) -> HttpResponse:
    """`POST /comments/<id>/edit/` with `text`, and the `revision` that was read. One's own alone."""
    comment = _comment(request, comment_id)
    if comment.author_id != request.user.pk:
        raise PermissionDenied("Only whoever wrote a comment changes its words.")
    page = _page(comment.generation)
    form = EditForm(request.POST)
    if not form.is_valid():
        return answers.invalid(request, page, form)
    try:
        writing.edit(comment, **form.cleaned_data)
    except writing.Conflict as conflict:
        now = conflict.now
        reads = text.plain(now.text, now.mentioned.all(), panel.team_name)
        return answers.refused(request, page, "text", str(conflict), status=409, now=now, reads=reads)
    except Refused as refusal:
        return answers.refused(request, page, "text", str(refusal), status=409)
    return answers.done(request, page, comment)


@require_POST
def delete(request: TeamRequest, comment_id: int) -> HttpResponse:
    """`POST /comments/<id>/delete/`: one's own, or anybody's for those who manage them."""
    comment = _comment(request, comment_id)
    if comment.author_id != request.user.pk and not may(request.membership, Action.MANAGE_COMMENTS):
        raise PermissionDenied(RULES[Action.MANAGE_COMMENTS].refusal)
    writing.delete(comment, request.user)
    return answers.done(request, _page(comment.generation))


@require_POST
def resolve(request: TeamRequest, comment_id: int) -> HttpResponse:
    """`POST /comments/<id>/resolve/` with `resolved` for a thread that is settled, without it to take it up again."""
    comment = _comment(request, comment_id)
    writing.resolve(comment, request.user, resolved="resolved" in request.POST)
    return answers.done(request, _page(comment.generation), comment)


def _comment(request: TeamRequest, comment_id: int) -> Comment:
    """A comment on one of the team's sounds, which is not in the trash."""
    among = Comment.objects.filter(generation__deleted_at=None).select_related("generation", "author", "team")
    return thing_of(request, among, Action.COMMENT, pk=comment_id)


def _page(generation: Generation) -> str:
    return reverse("generation", args=[generation.public_id])
