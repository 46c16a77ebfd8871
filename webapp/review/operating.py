"""Operations on jobs: what would be done, to how many and at what cost, is shown first; then what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from jobs import operations
from jobs.backends import registry
from jobs.models import BulkOperation, Generation, Operation
from jobs.operations import Actor, Plan, Wish
from jobs.review import Filter
from webapp import backends
from webapp.accounts.permissions import Action, may
from webapp.review.scope import ReviewRequest, show
from webapp.studio import labels

SAID = {
    Operation.CANCEL: "The job is asked to stop.",
    Operation.RETRY: "The job is back in the queue.",
    Operation.RETRY_ELSEWHERE: "The job is back in the queue, on {backend}.",
}
NAMED = 5


@dataclass(frozen=True)
class Way:
    """One way to do an operation, as it was or on one of the backends to choose from, and what that would do."""

    wish: Wish
    plan: Plan

    @property
    def label(self) -> str:
        return backends.label(self.wish.backend)

    @property
    def count(self) -> int:
        return len(self.plan.fitting)

    @property
    def cost(self) -> str:
        return " and ".join(labels.money(amount, unit) for unit, amount in sorted(self.plan.costs.items()))

    @property
    def left_out(self) -> list[tuple[str, int]]:
        return self.plan.left_out.most_common()


@dataclass(frozen=True)
class Offers:
    """What may be done to one job: the operations that fit, a sentence on those that don't, and where it is edited.

    Editing makes another generation, in the name of whoever does it: so it is for people of the job's team alone.
    """

    operations: list[Operation]
    refusals: list[str]
    edit: str

    @classmethod
    def of(cls, request: ReviewRequest, generation: Generation) -> Offers:
        if not request.scope.may_operate:
            return cls([], [], "")
        offered = operations.offered(generation)
        creates = any(
            membership.team_id == generation.team_id and may(membership, Action.CREATE)
            for membership in request.memberships
        )
        refusals = dict.fromkeys(refusal for refusal in offered.values() if refusal)
        if generation.is_finished and not creates:
            refusals["Whoever is in its team can change its settings and try those."] = None
        editable = generation.is_finished and not generation.deleted_at and creates
        return cls(
            operations=[operation for operation, refusal in offered.items() if not refusal],
            refusals=list(refusals),
            edit=f"{reverse('studio')}?from={generation.public_id}" if editable else "",
        )


@require_POST
def operate(request: ReviewRequest) -> HttpResponse:
    """`POST` with `operation`, and `job`s by their ids or the `query` of a list: asks first; `confirmed`, it is done.

    How many it is about is counted again then: where that is another number than the one that was shown, it asks again.
    """
    request.scope.allow_operating()
    if request.POST.get("operation") not in Operation.values:
        return HttpResponseBadRequest("There is no such operation.", content_type="text/plain; charset=utf-8")
    operation = Operation(request.POST["operation"])
    rows = chosen(request)
    ways = _ways(operation, "buy_again" in request.POST, rows)
    if "confirmed" in request.POST:
        for way in ways:
            counted = request.POST.get(f"count:{way.wish.backend}")
            if way.count and way.wish.backend == request.POST.get("backend", "") and counted == str(way.count):
                return _do(request, way)
    names = rows.order_by("-created_at", "-id").values_list("prompt", flat=True)
    context = {
        "operation": operation,
        "ways": ways,
        "total": ways[0].plan.total,
        "most": operations.LARGEST,
        "fits": any(way.count for way in ways),
        "unclear": max(way.plan.unclear for way in ways),
        "resumed": max(way.plan.resumed for way in ways),
        "buy_again": "buy_again" in request.POST,
        "prompts": names[:NAMED],
        "jobs": request.POST.getlist("job"),
        "query": request.POST.get("query"),
        "next": request.POST.get("next", ""),
        "back": request.scope.url("jobs"),
        "asked_before": "confirmed" in request.POST,
    }
    return show(request, "review/operate.html", context)


def chosen(request: ReviewRequest) -> QuerySet[Generation]:
    """The jobs that the form names one by one, or all that the list shows for its `query`."""
    if "query" in request.POST:
        return Filter.of(QueryDict(request.POST["query"])).narrow(request.scope.generations())
    return request.scope.generations().filter(public_id__in=request.POST.getlist("job"))


def _ways(operation: Operation, buy_again: bool, rows: QuerySet[Generation]) -> list[Way]:
    names = registry.NAMES if operation == Operation.RETRY_ELSEWHERE else ("",)
    wishes = (Wish(operation, name, buy_again) for name in names)
    return [Way(wish, operations.plan(wish, rows)) for wish in wishes]


def _do(request: ReviewRequest, way: Way) -> HttpResponse:
    """One is done at once and said on the page it came from; of more, what came of them has a page."""
    scope, actor = request.scope, Actor(request.user, request.scope.team is None)
    if way.plan.total > 1:
        bulk = operations.begin(way.wish, way.plan.fitting, actor, scope.team)
        return redirect(scope.url("jobs-operation", bulk.public_id))
    generation = Generation.everything.select_related("clip", "team").get(pk=way.plan.fitting[0])
    refusal = operations.perform(way.wish, generation, actor)
    if refusal:
        messages.error(request, refusal)
    else:
        messages.success(request, SAID[way.wish.operation].format(backend=way.label))
    return redirect(_next(request) or scope.url("jobs-job", generation.public_id))


def _next(request: ReviewRequest) -> str:
    wanted = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if ours else ""


@require_safe
def operation(request: ReviewRequest, bulk_id: str) -> HttpResponse:
    """What comes of an operation on many jobs; of those in the administration, for the administration alone."""
    bulks = BulkOperation.objects.select_related("by").defer("chosen").filter(team=request.scope.team)
    bulk = get_object_or_404(bulks, public_id=bulk_id)
    left_out = sorted(bulk.left_out.items(), key=lambda item: -item[1])
    context = {
        "bulk": bulk,
        "backend": backends.label(bulk.backend),
        "left_out": left_out,
        "percent": round(100 * bulk.position / bulk.total),
        "live": request.scope.url("jobs-operation", bulk.public_id, live="1"),
    }
    return show(request, "review/_operation.html" if "live" in request.GET else "review/operation.html", context)
