"""Which backends there are, and what a person should know of each before choosing it."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from django.conf import settings

from jobs.backends.base import Backend, Credentials, Offer
from jobs.backends.fal import Fal

NAMES = ("engine", "fal", "scenario")


def offer(name: str) -> Offer:
    """Raises KeyError for an unknown name."""
    return {
        "engine": Offer("Own engine", "Yours, without conditions.", True, "Stays on your own machines.", None, ()),
        "fal": Offer("fal", "Commercial use.", True, "Goes to fal.", None, ("FAL_KEY",)),
        "scenario": Offer(
            "Scenario",
            "As your plan at Scenario says.",
            True,
            "Goes to Scenario.",
            None,
            ("SCENARIO_API_KEY", "SCENARIO_API_SECRET"),
        ),
    }[name]


@cache
def client(name: str, credentials: Credentials) -> Backend:
    """The client of a backend for these credentials, one per process. Raises KeyError for an unknown name."""
    return {"engine": _engine}[name]()


def cost(name: str, seconds: float, with_clip: bool) -> Decimal | None:
    """What a generation will cost, in the unit of the backend's price; None where it costs nothing."""
    return None


def _engine() -> Backend:
    return Fal("engine", settings.ENGINE_URL, settings.ENGINE_URL, settings.ENGINE_KEY, frozenset())
