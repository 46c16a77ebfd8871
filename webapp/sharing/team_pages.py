"""The team's side of its share links: making one, seeing them all, revoking."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import InvalidPage, Paginator
from django.db.models import Count, Prefetch, Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs.models import Generation, Status
from webapp.accounts.access import TeamRequest, needs, thing_of
from webapp.accounts.models import Team
from webapp.accounts.permissions import RULES, Action, may
from webapp.sharing import links
from webapp.sharing.models import ShareLink
from webapp.studio.selection import onward, selected

# More at once is a library, not a choice that somebody is asked to compare.
GENERATIONS_PER_LINK = 50
LINKS_PER_PAGE = 25
DAYS = [("1", "1 day"), ("7", "7 days"), ("30", "30 days"), ("", "Until it is revoked")]


class ShareForm(forms.Form):
    days = forms.TypedChoiceField(
        label="Works for",
        choices=DAYS,
        coerce=int,
        empty_value=None,
        required=False,
        initial="30",
        widget=forms.Select({"class": "box"}),
        error_messages={"invalid_choice": "Choose one of these."},
    )
    password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        max_length=128,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text="Leave it empty to let in everybody who has the link. It can’t be looked up later.",
        error_messages={"max_length": "Use 128 characters at most."},
    )
    downloads = forms.BooleanField(
        label="Downloads", required=False, help_text="What can be played can be recorded, with this off too."
    )
    takes_comments = forms.BooleanField(
        label="Comments by guests",
        required=False,
        help_text="Whoever has the link writes under a name of their own, and sees what others with it wrote and your "
        "answers to that. What your team says among itself stays with your team.",
    )


class ChangeForm(ShareForm):
    """The same of a link that is there already, as it is now: what is not touched stays."""

    KEEP = "keep"

    open = forms.BooleanField(
        label="No password any more", required=False, help_text="From then on everybody who has the link is let in."
    )
    field_order = ("days", "password", "open", "downloads", "takes_comments")

    def __init__(self, link: ShareLink, data: Any = None) -> None:
        now = {"days": self.KEEP, "downloads": link.downloads, "takes_comments": link.takes_comments}
        super().__init__(data, initial=now)
        days = cast("forms.TypedChoiceField", self.fields["days"])
        until = date_format(timezone.localtime(link.expires_at), "j M Y, H:i") if link.expires_at else "it is revoked"
        days.choices = [
            (self.KEEP, f"As now, until {until}"),
            *((days, f"{words} from now" if days else words) for days, words in DAYS),
        ]
        days.coerce = lambda value: value if value == self.KEEP else int(value)
        if link.password:
            help_text = "It has one. Leave this empty to keep it; whoever opened the link is asked for a new one."
            self.fields["password"].help_text = help_text
        else:
            del self.fields["open"]


@require_POST
@needs(Action.SHARE)
def create(request: TeamRequest) -> HttpResponse:
    """`POST /team/links/new/` with `generation`s: asks how; with `confirmed` and the form it makes the link."""
    chosen = selected(request)
    generations = [one for one in chosen.generations if one.status == Status.SUCCEEDED]
    if not generations:
        messages.error(request, "Nothing with a sound was chosen, so nothing was shared. Choose finished generations.")
        return onward(request, "history")
    if len(generations) > GENERATIONS_PER_LINK:
        messages.error(request, f"A link shows at most {GENERATIONS_PER_LINK} generations. Choose fewer.")
        return onward(request, "history")
    form = ShareForm(request.POST if "confirmed" in request.POST else None)
    if form.is_valid():
        links.share(request.team, request.user, generations, **form.cleaned_data)
        messages.success(request, "The link is ready. Copy it, and hand it to whom it is for.")
        return redirect(_page(request.team))
    context = {
        "form": form,
        "generations": generations,
        "left_out": len(chosen.clips) + len(chosen.generations) - len(generations),
        "next": request.POST.get("next", ""),
    }
    return render(request, "sharing/new.html", context, status=422 if form.is_bound else 200)


@require_safe
@never_cache
@needs(Action.SHARE)
def index(request: TeamRequest) -> HttpResponse:
    """`GET /team/links/?page=2`: all of the team's, the newest first."""
    shown = Prefetch("generations", Generation.objects.only("prompt", "public_id").order_by("created_at", "id"))
    found = ShareLink.objects.filter(team=request.team).select_related("created_by").prefetch_related(shown)
    found = found.annotate(said=Count("comments", filter=Q(comments__author=None), distinct=True))
    try:
        page = Paginator(found.order_by("-created_at", "-id"), LINKS_PER_PAGE).page(request.GET.get("page", 1))
    except InvalidPage:
        raise Http404("There is no such page of the links.") from None
    rows = [
        {
            "link": link,
            "address": request.build_absolute_uri(reverse("share", args=[link.token])),
            "may_change": _may_change(request, link),
        }
        for link in page
    ]
    numbers = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    return render(request, "sharing/index.html", {"rows": rows, "page": page, "page_numbers": numbers})


@require_safe
def find(request: TeamRequest, link_id: int) -> HttpResponse:
    """`GET /team/links/<id>/`: leads to the link on whichever page of the list it is now."""
    return redirect(_place(thing_of(request, ShareLink.objects.select_related("team"), Action.SHARE, pk=link_id)))


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: TeamRequest, link_id: int) -> HttpResponse:
    """`/team/links/<id>/revoke/`: asks first. One's own, or anybody's for admins."""
    link = _link(request, link_id)
    if request.method == "POST":
        if links.revoke(link, request.user):
            messages.success(request, "The link is revoked: it shows nothing any more.")
        else:
            messages.error(request, "This link was revoked already.")
        return redirect(_place(link))
    context = {"generations": link.generations.filter(deleted_at=None), "back": _place(link)}
    return render(request, "sharing/revoke.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: TeamRequest, link_id: int) -> HttpResponse:
    """`/team/links/<id>/change/`: how long it works, its password, and what its guests may."""
    link = _link(request, link_id)
    if not link.works:
        messages.error(request, "This link has ended. Share the sounds again to make a new one.")
        return redirect(_place(link))
    form = ChangeForm(link, request.POST if request.method == "POST" else None)
    if form.is_valid():
        wanted = form.cleaned_data
        if wanted["days"] != ChangeForm.KEEP:
            link.expires_at = links.end(wanted["days"])
        if wanted["password"] or wanted.get("open"):
            link.password = links.hashed(wanted["password"])
        link.downloads, link.takes_comments = wanted["downloads"], wanted["takes_comments"]
        link.save(update_fields=["expires_at", "password", "downloads", "takes_comments"])
        messages.success(request, "The link is changed.")
        return redirect(_place(link))
    context = {"form": form, "generations": link.generations.filter(deleted_at=None), "back": _place(link)}
    return render(request, "sharing/change.html", context, status=422 if form.is_bound else 200)


def _link(request: TeamRequest, link_id: int) -> ShareLink:
    """A link of one of the person's teams that is theirs to change."""
    link = thing_of(request, ShareLink.objects.select_related("team"), Action.SHARE, pk=link_id)
    if not _may_change(request, link):
        raise PermissionDenied(RULES[Action.MANAGE_LINKS].refusal)
    return link


def _page(team: Team, number: int = 1) -> str:
    """The address of a page of the team's links."""
    return f"{reverse('team-links')}?{urlencode({'team': team.public_id, 'page': number})}"


def _place(link: ShareLink) -> str:
    """Where the list shows the link."""
    same_time = Q(created_at=link.created_at, pk__gt=link.pk)
    newer = ShareLink.objects.filter(Q(created_at__gt=link.created_at) | same_time, team=link.team_id).count()
    return f"{_page(link.team, newer // LINKS_PER_PAGE + 1)}#link-{link.pk}"


def _may_change(request: TeamRequest, link: ShareLink) -> bool:
    return link.created_by_id == request.user.pk or may(request.membership, Action.MANAGE_LINKS)
