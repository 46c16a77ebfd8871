"""What whoever follows an invitation's link sees, with an account or without one."""

from __future__ import annotations

from urllib.parse import urlencode

from allauth.decorators import rate_limit
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from webapp.accounts import invitations
from webapp.accounts.models import Invitation, User
from webapp.accounts.teams import SWITCHED_TO, Refused

# Nobody guesses 256 bits; this keeps whoever tries from costing us anything.
LIMIT = {"invitation": "60/m/ip"}


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@rate_limit(action="invitation", config=LIMIT, limit_get=True)  # type: ignore[untyped-decorator]
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """`/invitations/<token>/`: who invites to what; `POST` joins, or leads to sign-up where nobody is signed in."""
    try:
        found = invitations.find(token)
        if request.method == "POST":
            return _accept(request, token, found)
    except Refused as refusal:
        return render(request, "teams/invitation_refused.html", {"sentence": str(refusal)}, status=410)
    user = request.user
    joined = isinstance(user, User) and found.team.members.filter(pk=user.pk).exists()
    return render(request, "teams/invitation.html", {"invitation": found, "joined": joined})


def _accept(request: HttpRequest, token: str, found: Invitation) -> HttpResponse:
    if not isinstance(request.user, User):
        request.session[invitations.PENDING] = token
        filled_in = f"?{urlencode({'email': found.email})}" if found.email else ""
        return redirect(reverse("account_signup") + filled_in)
    membership = invitations.accept(token, request.user)
    request.session[SWITCHED_TO] = membership.team.public_id
    messages.success(request, f"You are in {membership.team.name} now, as {membership.as_what}.")
    return redirect(reverse("studio"))
