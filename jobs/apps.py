from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

AUDITORS = "Auditors"


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Clips and generations"

    def ready(self) -> None:
        post_migrate.connect(make_auditors, sender=self)


def make_auditors(**_: Any) -> None:
    """The group of those who see every job of the installation and change nothing; made once its permissions are."""
    from django.contrib.auth.models import Group, Permission

    auditors, _made = Group.objects.get_or_create(name=AUDITORS)
    looking = Permission.objects.filter(content_type__app_label="jobs", codename__startswith="view_")
    auditors.permissions.add(*looking.exclude(codename="view_backendkey"))
