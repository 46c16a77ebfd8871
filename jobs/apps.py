from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

AUDITORS = "Auditors"


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Clips and generations"

    def ready(self) -> None:
        post_migrate.connect(make_auditors, sender=self)


def make_auditors(sender: AppConfig, using: str, **_: Any) -> None:
    """The group of those who may see every job of the installation and change nothing."""
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    create_permissions(sender, verbosity=0, using=using)  # Django would make them later than this is called
    looking = Permission.objects.filter(content_type__app_label=sender.label, codename__startswith="view_")
    auditors, _made = Group.objects.get_or_create(name=AUDITORS)
    auditors.permissions.add(*looking.exclude(codename="view_backendkey"))
