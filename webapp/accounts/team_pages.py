"""The team's pages: who is in it and as what, who is invited, what it is called; and the teams of a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from webapp.accounts import invitations, teams
from webapp.accounts.access import TeamRequest, needs, thing_of
from webapp.accounts.models import Invitation, Membership, Role, Team
from webapp.accounts.permissions import Action, may
from webapp.accounts.teams import SWITCHED_TO
from webapp.fields import NameField, RenameForm

ROLES = {
    Role.OWNER: "Owner: everything, and who owns the team",
    Role.ADMIN: "Admin: people, backends and keys",
    Role.MEMBER: "Member: uploads and makes sound",
    Role.VIEWER: "Viewer: looks and listens",
}


def name_field() -> NameField:
    return NameField("Team name", missing="Give the team a name.")


class NameForm(forms.Form):
    name = name_field()


class InvitationForm(forms.Form):
    """Without an address the link is handed over by whoever invites."""

    email = forms.EmailField(
        label="Email",
        required=False,
        max_length=254,
        widget=forms.EmailInput({"class": "box", "autocomplete": "off", "placeholder": "name@example.com"}),
        help_text="Leave it empty to get a link that you hand over yourself.",
        error_messages={"invalid": "Enter an email address, like name@example.com."},
    )
    role = forms.ChoiceField(
        label="Role",
        initial=Role.MEMBER,
        widget=forms.Select({"class": "box"}),
        error_messages={"invalid_choice": "You can’t invite with this role. Choose one of these."},
    )

    def __init__(self, inviter: Membership, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.team = inviter.team
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(role.value, ROLES[role]) for role in grantable(inviter)]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if email and Membership.objects.filter(team=self.team, user__email=email).exists():
            raise forms.ValidationError("This person is in the team already.")
        return email


def grantable(by: Membership) -> list[Role]:
    """The roles that a manager of the team may give."""
    return [role for role in Role if role != Role.OWNER or may(by, Action.MANAGE_OWNERS)]


@dataclass(frozen=True)
class Person:
    """A line of the list of members, and what the one who looks may do to them."""

    membership: Membership
    is_self: bool
    roles: list[Role]
    removable: bool
    may_own: bool


@require_safe
@needs(Action.LOOK)
def team(request: TeamRequest) -> HttpResponse:
    """`GET /team/`"""
    return _page(request)


def _page(
    request: TeamRequest,
    *,
    name: RenameForm | None = None,
    invitation: InvitationForm | None = None,
    link: str = "",
    sent_to: str = "",
    status: int = 200,
) -> HttpResponse:
    mine = request.membership
    manages, owns = may(mine, Action.MANAGE_MEMBERS), may(mine, Action.MANAGE_OWNERS)
    members = Membership.objects.filter(team=request.team).select_related("user", "team").order_by("created_at", "id")
    people = []
    for membership in members:
        is_self, within = membership.pk == mine.pk, owns or membership.role != Role.OWNER
        people.append(
            Person(
                membership,
                is_self=is_self,
                roles=grantable(mine) if manages and within else [],
                removable=manages and within and not is_self,
                may_own=owns and not is_self and membership.role != Role.OWNER,
            )
        )
    context: dict[str, object] = {"people": people, "link": link, "sent_to": sent_to}
    if may(mine, Action.RENAME_TEAM):
        context["name"] = name or RenameForm(name_field(), request.team.name)
    if may(mine, Action.INVITE):
        context["invitation"] = invitation or InvitationForm(mine)
        open_ones = Invitation.objects.filter(
            team=request.team, accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
        )
        context["invitations"] = open_ones.select_related("invited_by").order_by("-created_at", "-id")
    return render(request, "teams/team.html", context, status=status)


@require_POST
@needs(Action.RENAME_TEAM)
def rename(request: TeamRequest) -> HttpResponse:
    """`POST /team/name/` with `name`, and `seen`, the one before."""
    form = RenameForm(name_field(), request.team.name, request.POST)
    if not form.is_valid():
        return _page(request, name=form, status=422)
    teams.rename(request.team, form.cleaned_data["name"], request.user)
    messages.success(request, f"The team is called {request.team.name} now.")
    return _to_team(request)


@require_POST
@needs(Action.INVITE)
def invite(request: TeamRequest) -> HttpResponse:
    """`POST /team/invitations/` with `email` and `role`: the page with the link, which is shown this once."""
    form = InvitationForm(request.membership, request.POST)
    if not form.is_valid():
        return _page(request, invitation=form, status=422)
    email = form.cleaned_data["email"]
    invitation, token = invitations.invite(request.team, Role(form.cleaned_data["role"]), request.user, email)
    link, sent_to = invitations.link(request, token), ""
    if email:
        try:
            invitations.send(invitation, link)
            sent_to = email
        except OSError:  # smtplib.SMTPException is one
            messages.error(request, f"The mail to {email} could not be sent. Hand the link over yourself.")
    return _page(request, link=link, sent_to=sent_to)


@require_POST
def revoke_invitation(request: TeamRequest, invitation_id: int) -> HttpResponse:
    """`POST /team/invitations/<id>/revoke/`"""
    invitation = thing_of(request, Invitation.objects.all(), Action.INVITE, pk=invitation_id)
    if invitations.revoke(invitation):
        messages.success(request, "The invitation is revoked: its link lets nobody in any more.")
    else:
        messages.error(request, "This invitation was used or revoked already.")
    return _to_team(request)


@require_POST
def change_role(request: TeamRequest, membership_id: int) -> HttpResponse:
    """`POST /team/members/<id>/role/` with `role`."""
    membership = _member(request, membership_id, Action.MANAGE_MEMBERS)
    role = request.POST.get("role", "")
    if role not in Role.values:
        messages.error(request, "There is no such role. Choose one of the list.")
        return _to_team(request)
    done = f"{membership.user.shown_name} is {Role(role).described} now."
    return _try(request, lambda: teams.change_role(membership, Role(role), request.membership), done)


@require_http_methods(["GET", "HEAD", "POST"])
def remove_member(request: TeamRequest, membership_id: int) -> HttpResponse:
    """`/team/members/<id>/remove/`: asks first."""
    membership = _member(request, membership_id, Action.MANAGE_MEMBERS)
    if request.method == "POST":
        done = f"{membership.user.shown_name} is no longer in the team."
        return _try(request, lambda: teams.remove(membership, request.membership), done)
    return render(request, "teams/remove_member.html", {"person": membership.user})


@require_http_methods(["GET", "HEAD", "POST"])
def hand_over(request: TeamRequest, membership_id: int) -> HttpResponse:
    """`/team/members/<id>/owner/`: asks first."""
    membership = _member(request, membership_id, Action.MANAGE_OWNERS)
    if request.method == "POST":
        done = f"{membership.user.shown_name} owns the team now, and you are an admin of it."
        return _try(request, lambda: teams.hand_over(membership, request.membership), done)
    return render(request, "teams/hand_over.html", {"person": membership.user})


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Action.LOOK)
def leave(request: TeamRequest) -> HttpResponse:
    """`/team/leave/`: asks first."""
    if request.method == "POST":
        name = request.team.name
        try:
            teams.leave(request.membership)
        except teams.Refused as refusal:
            messages.error(request, str(refusal))
            return _to_team(request)
        messages.success(request, f"You have left {name}.")
        return redirect("studio")
    return render(request, "teams/leave.html", {"last_owner": teams.is_last_owner(request.membership)})


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: TeamRequest) -> HttpResponse:
    """`/teams/new/`: makes a team of one's own, and switches to it."""
    form = NameForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "teams/new.html", {"form": form}, status=422 if form.is_bound else 200)
    made = teams.add_team(request.user, form.cleaned_data["name"]).team
    request.session[SWITCHED_TO] = made.public_id
    messages.success(request, f"{made.name} is yours. Invite whom you work with.")
    return redirect("team")


@require_POST
def switch(request: TeamRequest, team_id: str) -> HttpResponse:
    """`POST /teams/<id>/switch/`: from now on pages without a team in their address are this one's; then to `next`."""
    chosen = get_object_or_404(Team, members=request.user, public_id=team_id)
    request.session[SWITCHED_TO] = chosen.public_id
    onward = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(onward, {request.get_host()}, require_https=request.is_secure()):
        return redirect(onward)
    return redirect("studio")


def _member(request: TeamRequest, membership_id: int, action: Action) -> Membership:
    members = Membership.objects.select_related("user", "team")
    return thing_of(request, members, action, pk=membership_id)


def _try(request: TeamRequest, do: Callable[[], None], done: str) -> HttpResponse:
    try:
        do()
    except teams.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return _to_team(request)


def _to_team(request: TeamRequest) -> HttpResponse:
    return redirect(f"{reverse('team')}?team={request.team.public_id}")
