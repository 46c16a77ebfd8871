"""The pages of the review, each mounted twice: below `/team/jobs/` and in the administration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from webapp.review import auditing, failing, job, listing, measuring, operating, retaining, viewing
from webapp.review.scope import in_administration, in_team

PAGES: list[tuple[str, Callable[..., Any], str]] = [
    ("", listing.index, "jobs"),
    ("live/", listing.live, "jobs-live"),
    ("numbers/", listing.numbers, "jobs-numbers"),
    ("views/", viewing.save, "jobs-view-save"),
    ("views/<int:view_id>/remove/", viewing.remove, "jobs-view-remove"),
    ("jobs.csv", listing.as_csv, "jobs-csv"),
    ("job/<str:generation_id>/", job.page, "jobs-job"),
    ("job/<str:generation_id>/<str:kind>", job.file, "jobs-file"),
    ("operate/", operating.operate, "jobs-operate"),
    ("operations/<str:bulk_id>/", operating.operation, "jobs-operation"),
    ("failures/", failing.index, "jobs-failures"),
    ("failures.csv", failing.as_csv, "jobs-failures-csv"),
    ("failures/<str:fingerprint>/resolve/", failing.resolve, "failures-resolve"),
    ("failures/<str:fingerprint>/reopen/", failing.reopen, "failures-reopen"),
    ("statistics/", measuring.index, "jobs-statistics"),
    ("statistics/<str:table>.csv", measuring.as_csv, "jobs-statistics-csv"),
    ("audit/", auditing.index, "jobs-audit"),
    ("audit.csv", auditing.as_csv, "jobs-audit-csv"),
    ("retention/", retaining.index, "jobs-retention"),
    ("retention.csv", retaining.as_csv, "jobs-retention-csv"),
]


def mounted(at: str, within: Callable[..., Any], prefix: str) -> list[URLPattern]:
    return [path(f"{at}{route}", within(page), name=f"{prefix}-{name}") for route, page, name in PAGES]


urlpatterns = [
    *mounted("team/jobs/", in_team, "team"),
    *mounted("admin/review/", in_administration, "admin"),
]
