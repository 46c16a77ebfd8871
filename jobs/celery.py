"""The Celery application: `celery -A jobs.celery worker`, `celery -A jobs.celery beat`."""

import os
from logging.config import dictConfig
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
app = Celery("soundstage")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["jobs"])


@setup_logging.connect
def log_as_everything_does(**_: Any) -> None:
    """Celery would take the log over, with handlers of its own."""
    dictConfig(settings.LOGGING)
