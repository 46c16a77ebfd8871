"""`manage.py check_backends`: do the installation's backends answer, and do they take its keys? Buys nothing."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management import BaseCommand

from jobs.backends import registry
from jobs.backends.base import BackendError

WIDTH = max(map(len, registry.NAMES)) + 1


class Command(BaseCommand):
    help = "Ask each configured backend whether address and key work, buying nothing. Exit code 1 if one fails."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        fine = [self.check_backend(name) for name in registry.NAMES]
        if not all(fine):
            sys.exit(1)

    def check_backend(self, name: str) -> bool:
        """Print one line on a backend; False if it is configured and does not work."""
        needs = registry.offer(name).needs
        credentials = registry.installed(name)
        missing = [needed for needed in needs if needed not in dict(credentials)]
        if missing:
            self.stdout.write(f"{name:{WIDTH}} not configured: {' and '.join(missing)} not set")
            return not credentials  # half of its keys is a mistake, none of them a choice
        try:
            registry.client(name, credentials).check()
        except BackendError as error:
            self.stdout.write(f"{name:{WIDTH}} failed: {error}")
            return False
        self.stdout.write(f"{name:{WIDTH}} works")
        return True
