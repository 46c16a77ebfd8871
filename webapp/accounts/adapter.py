"""How Soundstage's accounts differ from allauth's defaults."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect

from jobs import keys
from webapp.accounts import invitations
from webapp.accounts.models import User
from webapp.accounts.teams import Refused


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whoever was invited signs up; everybody, where the installation says so."""
        return bool(settings.SIGN_UP_OPEN or invitations.pending(request))


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """The secrets of authenticator apps are kept encrypted, as the teams' keys are."""

    def encrypt(self, text: str) -> str:
        return keys.encrypt({"secret": text})

    def decrypt(self, encrypted_text: str) -> str:
        return keys.decrypt(encrypted_text)["secret"]


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Whoever the provider knows signs in to the account of the same confirmed address, or makes one if they may."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(settings.OIDC_SIGN_UP or super().is_open_for_signup(request, sociallogin))

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        """The account and, with an invitation, the membership: together or not at all."""
        try:
            with transaction.atomic():
                user: User = super().save_user(request, sociallogin, form)
                invitations.redeem(request, user)
        except Refused:
            raise ImmediateHttpResponse(redirect("invitation", request.session[invitations.PENDING])) from None
        return user
