from collections import defaultdict

from django.db import migrations, transaction
from django.db.models.functions import Coalesce

from jobs.failures import fingerprint, normalised

BATCH = 1000


def group_failures(apps, schema_editor):
    """Put what failed until now into groups, some at a time, so that nobody waits for all of it."""
    Generation = apps.get_model("jobs", "Generation")
    FailureGroup = apps.get_model("jobs", "FailureGroup")
    failed = Generation.objects.filter(status="failed", fingerprint="").order_by("pk")
    last = 0
    while some := list(failed.filter(pk__gt=last).values_list("pk", "backend", "error_kind", "error")[:BATCH]):
        groups, members = {}, defaultdict(list)
        for primary_key, backend, kind, error in some:
            name = fingerprint(backend, kind, error)
            groups[name] = FailureGroup(fingerprint=name, backend=backend, kind=kind, message=normalised(error))
            members[name].append(primary_key)
        with transaction.atomic():
            FailureGroup.objects.bulk_create(groups.values(), ignore_conflicts=True)
            for name, keys in members.items():
                at = Coalesce("finished_at", "created_at")
                Generation.objects.filter(pk__in=keys).update(fingerprint=name, failed_at=at)
        last = some[-1][0]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("jobs", "0007_operations")]
    operations = [migrations.RunPython(group_failures, migrations.RunPython.noop, elidable=True)]
