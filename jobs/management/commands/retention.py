"""`manage.py retention`: keeps the retention rules now; with `--dry-run`, lists exactly what that would remove."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandParser

from jobs import retention


class Command(BaseCommand):
    help = "Remove what the retention rules (RETENTION_…_DAYS) keep no longer; with --dry-run, only list it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="list what would go: rule, ID, bytes, why")

    def handle(self, *args: Any, **options: Any) -> None:
        if not retention.rules():
            self.stdout.write("No retention rule is set: nothing goes. See RETENTION_MEDIA_DAYS in docs/operations.md.")
            return
        if options["dry_run"]:
            count = size = 0
            for item in retention.plan():
                self.stdout.write(str(item))
                count, size = count + 1, size + item.bytes
            self.stdout.write(f"Would go: {count}, {size} bytes. Nothing was removed.")
            return
        record = retention.run()
        if record is None:
            self.stdout.write("Nothing is older than the retention rules.")
            return
        lines = record.lines.order_by("pk")
        for line in lines:
            self.stdout.write(f"{line.rule}\t{line.public_id}\t{line.bytes}\t{line.why}")
        self.stdout.write(f"Gone: {len(lines)}, {sum(line.bytes for line in lines)} bytes.")
