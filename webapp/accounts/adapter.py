"""How Soundstage's accounts differ from allauth's defaults."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from jobs import keys
from webapp.accounts import invitations


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
