"""Alerts: what is wrong with the work as a whole is mailed to `ALERT_EMAILS` when it begins, and when it ends.

Whether something is known to be wrong stands in the database. Of two that look at the same moment one changes that, and
it alone sends the mail.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from jobs import statistics
from jobs.models import Alert, AlertName, Generation, Source, Status

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """Whether something is wrong now, the numbers in a sentence, and the address where one sees more."""

    name: AlertName
    wrong: bool
    sentence: str
    address: str


def check() -> None:
    """Mail what has changed since the last look. A mail that could not be sent is tried again at the next one."""
    if not settings.ALERT_EMAILS:
        return
    Alert.objects.bulk_create([Alert(name=name) for name in AlertName], ignore_conflicts=True)
    for finding in _findings():
        now = timezone.now()
        known = Alert.objects.filter(name=finding.name, raised=not finding.wrong)
        if not known.update(raised=finding.wrong, changed_at=now):
            continue
        try:
            _mail(finding).send()
        except OSError:  # smtplib's own errors too
            log.exception("an alert could not be mailed; it is tried again")
            ours = Alert.objects.filter(name=finding.name, raised=finding.wrong, changed_at=now)
            ours.update(raised=not finding.wrong)
        else:
            log.warning("alert %s: %s", "raised" if finding.wrong else "cleared", finding.sentence)


def _findings() -> Iterator[Finding]:
    """Of everything but a made history, whose failures nobody minds."""
    generations = Generation.everything.exclude(source=Source.MADE)
    if settings.ALERT_FAILURE_PERCENT:
        minutes = settings.ALERT_FAILURE_MINUTES
        ended = generations.filter(
            finished_at__gte=timezone.now() - timedelta(minutes=minutes),
            status__in=[Status.SUCCEEDED, Status.FAILED],
        ).aggregate(jobs=Count("pk"), failed=Count("pk", filter=Q(status=Status.FAILED)))
        jobs, failed = ended["jobs"], ended["failed"]
        wrong = jobs >= settings.ALERT_FAILURE_LEAST and 100 * failed >= settings.ALERT_FAILURE_PERCENT * jobs > 0
        sentence = f"{failed} of the {jobs} jobs that ended in the last {minutes} minutes failed."
        yield Finding(AlertName.FAILURES, wrong, sentence, reverse("admin-jobs-failures"))
    if settings.ALERT_WAITING_SECONDS:
        queue = statistics.queue(generations)
        wrong = queue.oldest_seconds >= settings.ALERT_WAITING_SECONDS
        wait = "job waits" if queue.depth == 1 else "jobs wait"
        waits = f"{queue.depth} {wait}, the oldest for {queue.oldest_seconds:.0f} seconds."
        sentence = waits if queue.depth else "No job waits."
        yield Finding(AlertName.WAITING, wrong, sentence, f"{reverse('admin-jobs')}?status={Status.QUEUED}")


def _mail(finding: Finding) -> EmailMessage:
    subject = f"Soundstage: {finding.name.label}" if finding.wrong else f"Soundstage: over: {finding.name.label}"
    then = "You will be told when this is over." if finding.wrong else "This is over."
    text = f"{finding.sentence} {then}\n\n{settings.PUBLIC_URL}{finding.address}\n"
    return EmailMessage(subject, text, to=settings.ALERT_EMAILS)
