"""Alerts: mailed once when something begins to be wrong, and once when it no longer is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from jobs import alerts
from jobs.models import Generation, Source, Status
from jobs.tasks import check_alerts
from webapp.accounts.models import Team

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _told(settings: Any) -> None:
    settings.ALERT_EMAILS = ["night@example.org", "day@example.org"]
    settings.ALERT_FAILURE_PERCENT, settings.ALERT_FAILURE_MINUTES, settings.ALERT_FAILURE_LEAST = 25, 60, 4
    settings.ALERT_WAITING_SECONDS = 600


def make(status: Status, count: int = 1, minutes: int = 1, **values: Any) -> list[Generation]:
    """Generations that were asked for, and ended where they have, so many minutes ago."""
    team, _ = Team.objects.get_or_create(name="Night Shift")
    at = timezone.now() - timedelta(minutes=minutes)
    ended = at if status in (Status.SUCCEEDED, Status.FAILED) else None
    row = {"team": team, "prompt": "Rain", "seed": 7, "effective_duration": 1.0, "status": status, **values}
    return [Generation.everything.create(**row, created_at=at, finished_at=ended) for _ in range(count)]


def subjects() -> Iterator[str]:
    """Of the mails since the last time."""
    told, mail.outbox[:] = list(mail.outbox), []
    return (str(one.subject) for one in told)


def test_a_change_is_told_once_with_its_numbers() -> None:
    make(Status.FAILED)
    make(Status.SUCCEEDED, 2)
    # Neither what ended long ago, nor what was made for trying out, nor what was cancelled counts.
    make(Status.FAILED, 5, minutes=61)
    make(Status.FAILED, 5, source=Source.MADE)
    make(Status.CANCELLED, 5)
    check_alerts()
    assert list(subjects()) == []  # three are too few
    make(Status.SUCCEEDED)
    check_alerts()
    (told,) = mail.outbox
    assert told.to == ["night@example.org", "day@example.org"]
    assert told.body.startswith("1 of the 4 jobs that ended in the last 60 minutes failed.")
    assert "/admin/review/failures/" in told.body
    assert list(subjects()) == ["Soundstage: many jobs fail"]
    check_alerts()
    assert list(subjects()) == []
    make(Status.SUCCEEDED)
    check_alerts()
    check_alerts()
    assert list(subjects()) == ["Soundstage: over: many jobs fail"]


def test_a_mail_that_could_not_be_sent_is_sent_later(settings: Any) -> None:
    (waiting,) = make(Status.QUEUED, minutes=11)
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    check_alerts()
    settings.EMAIL_BACKEND = backend
    check_alerts()
    check_alerts()
    assert mail.outbox[0].body.startswith("1 job waits, the oldest for 66")
    assert list(subjects()) == ["Soundstage: jobs wait for long"]
    Generation.everything.filter(pk=waiting.pk).update(status=Status.CANCELLED)
    check_alerts()
    assert list(subjects()) == ["Soundstage: over: jobs wait for long"]


@pytest.mark.parametrize("setting", ["ALERT_EMAILS", "ALERT_WAITING_SECONDS"])
def test_nobody_is_told_of_what_is_switched_off(settings: Any, setting: str) -> None:
    make(Status.QUEUED, minutes=11)
    setattr(settings, setting, [] if setting == "ALERT_EMAILS" else 0)
    check_alerts()
    assert list(subjects()) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_that_look_at_once_one_tells() -> None:
    make(Status.QUEUED, minutes=11)
    start = Barrier(2)

    def look() -> None:
        start.wait()
        try:
            alerts.check()
        finally:
            connection.close()

    both = [Thread(target=look) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert list(subjects()) == ["Soundstage: jobs wait for long"]
