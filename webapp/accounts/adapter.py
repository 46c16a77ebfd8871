"""How Soundstage's accounts differ from allauth's defaults."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect

from jobs import keys
from webapp.accounts import invitations
from webapp.accounts.models import User
from webapp.accounts.teams import Refused

log = logging.getLogger(__name__)
ON_ITS_WAY = "account/messages/email_confirmation_sent.txt"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, str]] = DefaultAccountAdapter.error_messages | {
        "enter_current_password": "This is not your current password. Enter the one you sign in with.",
        "incorrect_password": "This is not your password. Try again.",
        "too_many_login_attempts": "Too many failed login attempts. Wait five minutes, then try again.",
        "rate_limited": "Too many requests at once. Wait a minute, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whoever was invited signs up; everybody, where the installation says so."""
        return bool(settings.SIGN_UP_OPEN or invitations.pending(request))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is down costs nobody their page; who is signed in is told.

        Not who is not: only an account that exists gets mail, and nobody is to find out which do.
        """
        try:
            super().send_mail(template_prefix, email, context)
        except OSError:  # smtplib.SMTPException is one
            log.exception("a mail (%s) could not be sent", template_prefix)
            self.request.mail_failed = True
            if self.request.user.is_authenticated:
                messages.error(self.request, f"The mail to {email} could not be sent. Try again in a while.")

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Nothing is said to be on its way that is not."""
        if not (message_template == ON_ITS_WAY and getattr(request, "mail_failed", False)):
            super().add_message(request, level, message_template, *args, **kwargs)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """The secrets of authenticator apps are kept encrypted, as the teams' keys are."""

    error_messages: ClassVar[dict[str, str]] = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is not right. Enter the one that your app shows now, or an unused recovery code."
    }

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
