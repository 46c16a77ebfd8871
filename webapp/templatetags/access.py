"""What a person may do, for templates; known to all of them without `{% load %}` (settings.TEMPLATES)."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.socialaccount.adapter import get_adapter as get_social_adapter
from django import template
from django.conf import settings
from django.http import HttpRequest

from webapp.accounts import invitations, permissions
from webapp.accounts.models import Invitation, Membership

register = template.Library()


@register.filter
def may(membership: Membership | str | None, action: str) -> bool:
    """`{% if request.membership|may:"create" %}`; whoever has no membership may nothing. A wrong word is an error."""
    wanted = permissions.Action(action)
    return isinstance(membership, Membership) and permissions.may(membership, wanted)


@register.simple_tag
def sign_up_is_open(request: HttpRequest) -> bool:
    """Whether whoever asks may make an account: `{% sign_up_is_open request as is_open %}`."""
    return bool(get_adapter().is_open_for_signup(request))


@register.simple_tag
def single_sign_on(request: HttpRequest) -> Any:
    """Where the installation has single sign-on, allauth's provider of it: its `name` and where it begins."""
    return next(iter(get_social_adapter().list_providers(request)), None) if settings.SOCIALACCOUNT_PROVIDERS else None


@register.simple_tag
def pending_invitation(request: HttpRequest) -> Invitation | None:
    """The invitation with which whoever asks came here to make an account."""
    token = invitations.pending(request)
    return invitations.find(token) if token else None
