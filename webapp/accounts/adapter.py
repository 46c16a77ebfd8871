"""How Soundstage's accounts differ from allauth's defaults."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from webapp.accounts import invitations


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whoever was invited signs up; everybody, where the installation says so."""
        return bool(settings.SIGN_UP_OPEN or invitations.pending(request))
