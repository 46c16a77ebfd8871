"""`manage.py make_history`: finished jobs that nobody asked for, to try the review with, and their removal."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser

from jobs import made_history
from webapp.accounts.models import Team


def _natural(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 100_000_000:
        raise ArgumentTypeError("a number from 1 to 100,000,000 is wanted")
    return int(text)


class Command(BaseCommand):
    help = "Make finished jobs that nobody asked for, marked as made, to try the review with; or remove all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--count", type=_natural, help="how many jobs to make")
        what.add_argument("--remove", action="store_true", help="remove everything that was ever made")
        parser.add_argument("--team", metavar="PUBLIC_ID", help="make them in this team (default: in made teams)")
        parser.add_argument("--seed", type=_natural, default=1, help="the same seed makes the same jobs (default: 1)")
        parser.add_argument("--days", type=_natural, default=90, help="over how many days until today (default: 90)")
        parser.add_argument("--yes", action="store_true", help="also where PRODUCTION is set")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION and not options["yes"]:
            raise CommandError("This is a production installation. Give --yes if you mean it.")
        if options["remove"]:
            made_history.remove(lambda removed: self._tell(f"{removed:,} jobs removed"))
            self.stdout.write("Nothing made is left.")
            return
        team = Team.objects.filter(public_id=options["team"]).first() if options["team"] else None
        if options["team"] and not team:
            raise CommandError(f"There is no team {options['team']}.")
        count, seed, days = options["count"], options["seed"], options["days"]
        if days > 3650:
            raise CommandError("At most 3650 days are made.")
        try:
            made_history.make(
                count, seed=seed, days=days, team=team, told=lambda made: self._tell(f"{made:,} jobs made")
            )
        except made_history.MadeAlready:
            raise CommandError(f"A history of seed {seed} was made already. Give another, or --remove first.") from None

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
