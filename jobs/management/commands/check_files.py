"""`manage.py check_files`: whether stored files and rows match, both ways."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandParser

from jobs.trash import check_files


class Command(BaseCommand):
    help = "List files without a row and rows without their file; with --remove, remove the former."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--remove", action="store_true", help="remove the files that no row names")

    def handle(self, *args: Any, **options: Any) -> None:
        found = check_files(remove=options["remove"])
        for line in found.lines():
            self.stdout.write(line)
        if not found:
            self.stdout.write("Files and rows match.")
        elif options["remove"]:
            self.stdout.write(f"Removed {len(found.folders)} folders and {len(found.strays)} files.")
