"""`manage.py rotate_keys`: after it, no stored key needs an earlier secret than the first of KEYS_SECRET."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management import BaseCommand, CommandError

from jobs import keys


class Command(BaseCommand):
    help = "Encrypt every team's backend keys anew under the first secret in KEYS_SECRET."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = keys.rotate()
        except InvalidToken:
            raise CommandError(
                "A stored key can't be read with any secret in KEYS_SECRET. Put the earlier one after the new one."
            ) from None
        self.stdout.write(f"{count} encrypted anew. Earlier secrets can be taken out of KEYS_SECRET.")
