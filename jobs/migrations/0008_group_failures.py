from django.db import migrations, transaction

from jobs.failures import fingerprint, normalised

BATCH = 1000


def group_failures(apps, schema_editor):
    """Put what failed until now into groups, some at a time, so that nobody waits for all of it."""
    Generation = apps.get_model("jobs", "Generation")
    FailureGroup = apps.get_model("jobs", "FailureGroup")
    failed = Generation.objects.filter(status="failed", fingerprint="").order_by("pk")
    rows = failed.only("backend", "error_kind", "error", "finished_at", "created_at")
    last = 0
    while some := list(rows.filter(pk__gt=last)[:BATCH]):
        groups = {}
        for row in some:
            row.fingerprint = fingerprint(row.backend, row.error_kind, row.error)
            row.failed_at = row.finished_at or row.created_at
            groups[row.fingerprint] = FailureGroup(
                fingerprint=row.fingerprint, backend=row.backend, kind=row.error_kind, message=normalised(row.error)
            )
        with transaction.atomic():
            FailureGroup.objects.bulk_create(groups.values(), ignore_conflicts=True)
            Generation.objects.bulk_update(some, ["fingerprint", "failed_at"])
        last = some[-1].pk


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("jobs", "0007_operations")]
    operations = [migrations.RunPython(group_failures, migrations.RunPython.noop, elidable=True)]
