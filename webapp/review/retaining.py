"""What the retention rules removed, run by run, the rules and the holds there are now; and all that went as CSV."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, QuerySet, Sum
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from jobs import holds, retention
from jobs.models import RetentionLine, RetentionRun, Rule
from webapp.review import paging, spreadsheet
from webapp.review.scope import ReviewRequest, show

RUNS_PER_PAGE = 30
HOLDS_SHOWN = 100
COLUMNS = ("at", "rule", "id", "team", "bytes", "why")


@require_safe
def index(request: ReviewRequest) -> HttpResponse:
    """`GET …/retention/?before=<id>`: the newest run first; of a team, what went of it."""
    lines = _lines(request)
    runs = RetentionRun.objects.filter(pk__in=lines.values("run")).order_by("-pk")
    shown, pages = paging.newest(request, runs, RUNS_PER_PAGE)
    went: dict[int, list[tuple[str, int, int]]] = {run.pk: [] for run in shown}
    sums = lines.filter(run__in=shown).values_list("run", "rule").annotate(count=Count("pk"), size=Sum("bytes"))
    order = list(Rule)
    for run, rule, count, size in sorted(sums, key=lambda row: order.index(Rule(row[1]))):
        went[run].append((Rule(rule).label, count, size))
    context = {
        "rules": [(rule.label, days) for rule, days in retention.rules().items()],
        "runs": [(run, went[run.pk]) for run in shown],
        # Who is held, and why, is the installation's to know.
        "holds": None if request.scope.team else holds.in_force().select_related("by").order_by("-pk")[:HOLDS_SHOWN],
        "csv": request.scope.url("jobs-retention-csv"),
        **pages,
    }
    return show(request, "review/retention.html", context)


@require_safe
def as_csv(request: ReviewRequest) -> HttpResponseBase:
    """`GET …/retention.csv`: everything that went, in the order in which it did."""
    return spreadsheet.download("retention", COLUMNS, _rows(_lines(request)))


def _rows(lines: QuerySet[RetentionLine]) -> Iterator[tuple[str, ...]]:
    for line in lines.select_related("run", "team").order_by("pk").iterator(1000):
        at = line.run.at.isoformat(timespec="seconds")
        yield at, line.rule, line.public_id, line.team.name if line.team else "", str(line.bytes), line.why


def _lines(request: ReviewRequest) -> QuerySet[RetentionLine]:
    lines = RetentionLine.objects.all()
    return lines.filter(team=request.scope.team) if request.scope.team else lines
