"""Links that show some of a team's generations to whoever has them."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone

from jobs.models import Generation


def share_token() -> str:
    """256 random bits in 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


class ShareLink(models.Model):
    """A public page for generations that were picked by hand.

    The token is kept as it is, so that the team can copy the link again: it opens nothing that whoever reads this
    database doesn't have already, and never lets anybody into the team (an invitation does, and is kept as a hash).
    """

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="share_links")
    token = models.CharField(max_length=43, unique=True, default=share_token, editable=False)
    generations = models.ManyToManyField(Generation, related_name="share_links")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Never, if empty")
    revoked_at = models.DateTimeField(null=True, blank=True)
    password = models.CharField(max_length=128, blank=True, help_text="As Django hashes passwords; empty for none")
    downloads = models.BooleanField(default=False)
    takes_comments = models.BooleanField(default=False, help_text="Whether its guests may comment")
    views = models.PositiveIntegerField(default=0, help_text="One for each visitor's session")
    viewed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["team", "-created_at"], name="share_links_of_team")]

    def __str__(self) -> str:
        return f"share link {self.pk}"

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def works(self) -> bool:
        """Whether it still shows anything; `webapp.sharing.links.working` asks the same of many."""
        return self.revoked_at is None and not self.has_expired
