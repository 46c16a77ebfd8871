"""Invitations: a link that lets one person into a team, once, for some days.

The link's token has 256 random bits, and only its SHA-256 is stored: whoever reads the database can't use it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from jobs import activity
from jobs.models import Verb
from webapp.accounts.models import Invitation, Membership, Role, Team, User
from webapp.accounts.teams import SWITCHED_TO, Refused

# Where the session keeps the token while its holder makes an account.
PENDING = "invitation"

UNKNOWN = "There is no such invitation. Check that the link is whole, or ask for a new one."
REVOKED = "This invitation was taken back. Ask {name} for a new one."
USED = "This invitation was used already; each link lets one person in. Ask {name} for one of your own."
EXPIRED = "This invitation has expired. Ask {name} for a new one."
MEMBER_ALREADY = "You are in {name} already."


def invite(team: Team, role: Role, by: User, email: str = "") -> tuple[Invitation, str]:
    """A new invitation and its token, which nobody can read again. `email` only says whom it is meant for."""
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        team=team,
        role=role,
        email=email,
        token_hash=_hash(token),
        invited_by=by,
        expires_at=timezone.now() + timedelta(days=settings.INVITATION_DAYS),
    )
    return invitation, token


def link(request: HttpRequest, token: str) -> str:
    return request.build_absolute_uri(reverse("invitation", args=[token]))


def send(invitation: Invitation, address: str) -> None:
    """Mail the link to where the invitation says. Raises what the mail server does."""
    context = {"invitation": invitation, "team": invitation.team, "link": address, "days": settings.INVITATION_DAYS}
    # A name has no line breaks, but a header that got one would be refused with an error.
    subject = " ".join(render_to_string("teams/mail/invitation_subject.txt", context).split())
    send_mail(subject, render_to_string("teams/mail/invitation.txt", context), None, [invitation.email])


def find(token: str) -> Invitation:
    """The invitation if it still lets somebody in. Raises Refused, with a sentence that says why it does not."""
    invitation = Invitation.objects.select_related("team", "invited_by").filter(token_hash=_hash(token)).first()
    if invitation is None:
        raise Refused(UNKNOWN)
    return _usable(invitation)


def accept(token: str, user: User) -> Membership:
    """`user` joins the team; the link is used up. Raises Refused, also for whoever is in the team already."""
    with transaction.atomic():
        found = find(token)
        # Of two at the same moment the second finds it used.
        invitation = _usable(Invitation.objects.select_for_update(of=("self",)).get(pk=found.pk))
        team = found.team
        if Membership.objects.filter(team=team, user=user).exists():
            raise Refused(MEMBER_ALREADY.format(name=team.name))
        membership = Membership.objects.create(team=team, user=user, role=invitation.role)
        invitation.accepted_at, invitation.accepted_by = timezone.now(), user
        invitation.save(update_fields=["accepted_at", "accepted_by"])
        activity.record(team, user, Verb.JOINED, user.shown_name, data={"role": invitation.role})
    return membership


def revoke(invitation: Invitation) -> bool:
    """From now on the link lets nobody in; False where it did so already."""
    still = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
    return bool(still.update(revoked_at=timezone.now()))


def pending(request: HttpRequest) -> str:
    """The token that this session came with, if it still lets somebody in; "" otherwise."""
    token = request.session.get(PENDING, "")
    try:
        return token if token and find(token) else ""
    except Refused:
        return ""


def redeem(request: HttpRequest, user: User) -> None:
    """Let a new account into the team of the invitation that this session came with, if it came with one, and switch
    to it. Raises Refused; the session still has the token then."""
    token = request.session.get(PENDING, "")
    if token:
        request.session[SWITCHED_TO] = accept(token, user).team.public_id
        del request.session[PENDING]


def _usable(invitation: Invitation) -> Invitation:
    whom = invitation.invited_by.shown_name if invitation.invited_by else "the team"
    if invitation.revoked_at:
        raise Refused(REVOKED.format(name=whom))
    if invitation.accepted_at:
        raise Refused(USED.format(name=whom))
    if invitation.expires_at <= timezone.now():
        raise Refused(EXPIRED.format(name=whom))
    return invitation


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
