"""`manage.py first_account`: what the set-up page does, from ADMIN_EMAIL and ADMIN_PASSWORD."""

from typing import Any

from django.core.management import BaseCommand

from webapp.accounts.setup import create_account_from_environment


class Command(BaseCommand):
    help = "Make the first account from ADMIN_EMAIL and ADMIN_PASSWORD, if none exists and they are set."

    def handle(self, *args: Any, **options: Any) -> None:
        if create_account_from_environment():
            self.stdout.write("The first account was made.")
