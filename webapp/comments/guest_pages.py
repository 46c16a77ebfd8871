"""What guests of a share link say, where the link takes comments."""

from __future__ import annotations

from allauth.core import ratelimit
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from webapp.accounts.teams import Refused
from webapp.comments import answers, panel, writing
from webapp.comments.forms import GuestForm
from webapp.comments.team_pages import TOO_FAST
from webapp.sharing import links
from webapp.sharing.guest_pages import GUEST_NAME, is_opened, unlisted


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@unlisted
def comments(request: HttpRequest, share_token: str, generation_id: str) -> HttpResponse:
    """`/share/<token>/<id>/comments/`: the threads of the link's guests; `POST` with `name` and `text` writes one."""
    link = links.find(share_token)
    if not link.takes_comments or not is_opened(request, link):
        raise Http404("The link takes no comments.")
    generation = get_object_or_404(links.shown(link), public_id=generation_id)
    if request.method != "POST":
        name = request.session.get(GUEST_NAME, "")
        version = panel.version(panel.rows_of_guest(link, generation), name)
        context = {"generation": generation, "link": link}
        return answers.threads(request, version, lambda: panel.of_guest(link, generation, name), context)
    page = f"{reverse('share', args=[link.token])}?g={generation.public_id}"
    form = GuestForm(request.POST, seconds=panel.seconds(generation))
    if not form.is_valid():
        return answers.invalid(request, page, form)
    if not ratelimit.consume(request, action="guest_comment"):
        return answers.refused(request, page, "text", TOO_FAST, status=429)
    guest = form.cleaned_data["name"]
    try:
        comment = writing.write(generation, form.cleaned_data["text"], form.at(), guest=guest, link=link)
    except Refused as refusal:
        return answers.refused(request, page, "text", str(refusal), status=409)
    request.session[GUEST_NAME] = guest
    return answers.done(request, page, comment)
