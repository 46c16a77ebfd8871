"""Long lists that only grow, the newest first: a page, and what came before it."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from webapp.review.scope import ReviewRequest

Row = TypeVar("Row", bound=Model)


def newest(request: ReviewRequest, rows: QuerySet[Row], per_page: int) -> tuple[list[Row], dict[str, Any]]:
    """Those before `?before=<id>`, and what `review/_pages.html` leads on with. `rows` has the newest first."""
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) <= 18:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: per_page + 1])
    shown = found[:per_page]
    return shown, {"before": before, "older": shown[-1].pk if len(found) > len(shown) else None}
