"""What a person is told of each backend before choosing it: whether it is ready, how long, how much, on what terms."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from django.conf import settings
from django.core.cache import cache
from django.db.models.functions import Coalesce

from jobs import keys, limits
from jobs.backends import registry
from jobs.backends.base import Offer
from jobs.models import Clip, Generation, Status
from webapp.accounts.models import Team
from webapp.studio import labels

# The expected wait: of how many generations, and for how many seconds it is remembered.
RECENT = 20
WAIT_REMEMBERED = 60

UNITS = {"USD": "US dollars", "CU": "compute units"}
UNKNOWN_PRICE = "See your plan"


@dataclass(frozen=True)
class Spend:
    """What a team has bought from a backend today, and of how much, for people; `limit` "" without one, then
    `percent` 0..100 is how much of it is gone."""

    amount: str
    limit: str
    percent: int


@dataclass(frozen=True)
class Choice:
    """A backend as `team` may choose it. `missing` names the credentials it lacks, empty where it is ready."""

    name: str
    offer: Offer
    missing: list[str]
    wait: str

    @property
    def ready(self) -> bool:
        return not self.missing

    @property
    def provider(self) -> str:
        return provider(self.offer)

    @property
    def refusal(self) -> str:
        """Why it can't be chosen; only where it is not ready."""
        return f"{self.offer.label} is not ready: {' and '.join(self.missing)} missing. Choose another backend."

    @property
    def free(self) -> bool:
        return not self.offer.needs

    @property
    def price(self) -> str:
        price = self.offer.price
        if price is None:
            return "No charge" if self.free else UNKNOWN_PRICE
        return f"{labels.money(price.amount, price.unit)} per {price.per}"


def choices(team: Team) -> list[Choice]:
    """Every backend, ready or not, in the order they are shown."""
    return [Choice(name, registry.offer(name), keys.missing(name, team), wait(name)) for name in registry.NAMES]


def default_of(team: Team, among: list[Choice]) -> str:
    """The backend of whoever names none: the team's, else the installation's, else the first that is ready."""
    ready = [choice.name for choice in among if choice.ready]
    return team.default_backend if team.default_backend in ready else of_installation(among)


def of_installation(among: list[Choice]) -> str:
    """The backend of teams that have chosen none."""
    ready = [choice.name for choice in among if choice.ready]
    return settings.DEFAULT_BACKEND if settings.DEFAULT_BACKEND in ready else ready[0]


def refusal(name: str, team: Team) -> str:
    """Why `team` can't have anything made there now; "" where it can. Raises KeyError for an unknown name."""
    choice = Choice(name, registry.offer(name), keys.missing(name, team), "")
    return "" if choice.ready else choice.refusal


def label(name: str) -> str:
    """What people call a backend, also one that is no longer offered."""
    return registry.offer(name).label if name in registry.NAMES else name


def provider(offer: Offer) -> str:
    """Whose account it is: "fal" of "fal · MM Audio 2"."""
    return offer.label.partition(" · ")[0]


def wait(name: str) -> str:
    """How long it took from asking to hearing, in the middle of the latest that succeeded; "" before there is one."""
    return str(cache.get_or_set(f"expected-wait:{name}", lambda: _wait(name), WAIT_REMEMBERED))


def _wait(name: str) -> str:
    latest = (
        Generation.objects.filter(backend=name, status=Status.SUCCEEDED, finished_at__isnull=False)
        .order_by("-id")
        .values_list(Coalesce("retried_at", "created_at"), "finished_at")[:RECENT]
    )
    seconds = [(finished - asked).total_seconds() for asked, finished in latest if finished]
    return labels.roughly(median(seconds)) if seconds else ""


def cost(name: str, seconds: float, clip: Clip | None) -> str:
    """What a job of so many seconds costs, for a person; "" where that is not known before."""
    offer = registry.offer(name)
    if not offer.needs:
        return "No charge"
    amount = registry.cost(name, min(seconds, clip.duration) if clip else seconds, clip is not None)
    return money(name, amount)


def money(name: str, amount: Decimal | None) -> str:
    """`amount` in the unit of the backend's price; "" where there is none."""
    price = registry.offer(name).price if name in registry.NAMES else None
    return "" if amount is None or price is None else labels.money(amount, price.unit)


def spent_today(team: Team, choice: Choice) -> Spend | None:
    """None for a backend that costs nothing."""
    price = choice.offer.price
    if price is None:
        return None
    spent, limit = limits.spent_today(team, choice.name), limits.of_the_day(choice.name)
    return Spend(
        amount=labels.money(spent, price.unit),
        limit=labels.money(limit, price.unit) if limit else "",
        percent=min(round(100 * spent / limit), 100) if limit else 0,
    )
