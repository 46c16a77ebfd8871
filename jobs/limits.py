"""How much a team may have made by hosted backends: at once, and in a day."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q, Sum
from django.utils import timezone

from jobs.backends import registry
from jobs.backends.base import BackendError
from jobs.models import UNFINISHED, EarlierPurchase, Generation, Status

if TYPE_CHECKING:
    from webapp.accounts.models import Team


class LimitReached(BackendError):
    """The team's spending limit of the day leaves no room for this generation."""

    kind = "limit"


def is_hosted(backend: str) -> bool:
    return not registry.is_own(backend)


def hold(team: Team) -> None:
    """Let nobody else count for this team until the transaction ends, so that two don't take the last place."""
    type(team).objects.select_for_update().get(pk=team.pk)


def crowded(generation: Generation) -> str:
    """Why a queued generation has to wait for others of its team, as a sentence; "" when it may begin."""
    if not is_hosted(generation.backend):
        return ""
    running = Generation.everything.filter(
        team=generation.team, backend=generation.backend, status=Status.RUNNING
    ).count()
    if not settings.TEAM_CONCURRENCY or running < settings.TEAM_CONCURRENCY:
        return ""
    jobs = "1 job" if running == 1 else f"{running} jobs"
    return f"Waiting: your team has {jobs} at {registry.provider(generation.backend)}"


def check_spending(generation: Generation, *, planned: bool) -> None:
    """Raises LimitReached if `generation` would take its team over the limit of the day.

    What was bought today counts, and with `planned` also what is still to be bought.
    """
    limit = of_the_day(generation.backend)
    if not limit or generation.cost is None:
        return
    spent = spent_today(generation.team, generation.backend, planned=planned, apart_from=generation)
    if spent + generation.cost <= limit:
        return
    price, provider = registry.offer(generation.backend).price, registry.provider(generation.backend)
    unit = price.unit if price else ""
    raise LimitReached(
        f"Your team may spend {limit.normalize():f} {unit} a day at {provider}; {spent.normalize():f} are spent or "
        f"planned, and this would cost {generation.cost.normalize():f}. Choose another backend, or wait until tomorrow."
    )


def of_the_day(backend: str) -> Decimal:
    """What a team may spend there in a day, in the unit of the backend's price; 0: as much as it likes."""
    limit: Decimal = getattr(settings, f"{backend.upper()}_DAILY_LIMIT", Decimal())
    return limit


def spent_today(team: Team, backend: str, *, planned: bool = False, apart_from: Generation | None = None) -> Decimal:
    """What `team` bought there since midnight, and with `planned` also what it is still to buy."""
    counted = Q(submitted_at__gte=_midnight())
    if planned:
        counted |= Q(submitted_at__isnull=True, status__in=UNFINISHED)
    bought = Generation.everything.filter(counted, team=team, backend=backend)
    if apart_from is not None:
        bought = bought.exclude(pk=apart_from.pk)
    earlier = EarlierPurchase.objects.filter(team=team, backend=backend, at__gte=_midnight())
    return sum((some.aggregate(total=Sum("cost"))["total"] or Decimal() for some in (bought, earlier)), Decimal())


def _midnight() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
