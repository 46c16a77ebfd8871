"""Which backends there are, what each offers, and the one client per backend and key."""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from functools import lru_cache

from django.conf import settings

from jobs import logs
from jobs.backends.base import Backend, BadKey, Credentials, Offer, Price
from jobs.backends.egress import Egress
from jobs.backends.fal import Fal
from jobs.backends.scenario import Scenario

NAMES: tuple[str, ...] = settings.BACKENDS
"""A variant of our engine's model that may be chosen is a backend too: "engine-" and its name."""

_WEIGHTS = "the weights of MM Audio are published for non-commercial use (CC BY-NC 4.0)"


def offer(name: str) -> Offer:
    """What a person should know of a backend before choosing it. Raises KeyError for an unknown name."""
    if is_own(name):
        return _engine_offer(_variant(name))
    return {"fal": _fal_offer, "scenario": _scenario_offer}[name]()


def is_own(name: str) -> bool:
    """Whether a backend is our engine, with whichever variant of its model."""
    return name.partition("-")[0] == "engine"


def provider(name: str) -> str:
    """Who a backend is, within a sentence: its label without the model's name."""
    return offer(name).label.partition(" · ")[0]


def cost(name: str, seconds: float, with_clip: bool) -> Decimal | None:
    """What a generation of `seconds` will cost in the unit of the backend's price; None where it costs nothing.

    Both modes cost the same on both providers; whether a clip is sent (`with_clip`) changes nothing today.
    """
    price = offer(name).price
    if price is None:
        return None
    amount = price.amount * Decimal(str(seconds)) if price.per == "second" else price.amount
    return amount.quantize(Decimal("0.0001"))


def installed(name: str) -> Credentials:
    """The installation's own credentials for a backend, as far as they are set."""
    values = ((needed, str(getattr(settings, needed))) for needed in offer(name).needs)
    return tuple((needed, value) for needed, value in values if value)


@lru_cache(maxsize=256)
def client(name: str, credentials: Credentials) -> Backend:
    """The client of a backend for one set of credentials; () for the engine. One per process, shared by its threads.

    Raises KeyError for an unknown name and for a credential that is not there.
    """
    if is_own(name):
        return _engine(name)
    return {"fal": _fal, "scenario": _scenario}[name](dict(credentials))


def _engine(name: str) -> Backend:
    url, key = settings.ENGINE_URL, _checked("The sound engine", settings.ENGINE_KEY)
    egress = Egress([url], f"Key {key}" if key else "", context=logs.header)
    return Fal(name, url, url, egress, key=key, variant=_variant(name))


def _variant(name: str) -> str:
    """Which variant of the engine's model a backend is; "" for the one that the engine is set to.

    One that is no longer offered can still be asked for what it has begun.
    """
    return name.partition("-")[2]


def _fal(credentials: dict[str, str]) -> Backend:
    queue, rest, key = settings.FAL_QUEUE_URL, settings.FAL_REST_URL, _checked("fal", credentials["FAL_KEY"])
    egress = Egress([queue, rest], f"Key {key}", settings.RESULT_HOSTS, settings.UPLOAD_HOSTS)
    return Fal("fal", queue, rest, egress, key=key, hosted=True)


def _scenario(credentials: dict[str, str]) -> Backend:
    url, key = settings.SCENARIO_BASE_URL, _checked("Scenario", credentials["SCENARIO_API_KEY"])
    secret = _checked("Scenario", credentials["SCENARIO_API_SECRET"])
    authorisation = f"Basic {b64encode(f'{key}:{secret}'.encode()).decode()}"
    egress = Egress([url], authorisation, settings.RESULT_HOSTS, settings.UPLOAD_HOSTS)
    return Scenario(url, egress, key=key, secret=secret, authorisation=authorisation)


def _checked(who: str, key: str) -> str:
    """A key that can travel in a header. What else refuses it would quote it."""
    if not key.isascii() or not key.isprintable():
        raise BadKey(f"The key for {who.replace('The ', 'the ')} holds characters that no key has. Enter it again.")
    return key


def _engine_offer(variant: str) -> Offer:
    """The engine's model is its operator's choice: our own, or the published network with its licence."""
    network = "mmaudio" in settings.ENGINE_MODEL
    model = " ".join(["MMAudio"] * network + [variant] * bool(variant))
    return Offer(
        label=f"Soundstage engine · {model}" if model else "Soundstage engine",
        licence=f"On your own machine; {_WEIGHTS}." if network else "No third party’s model: what it makes is yours.",
        commercial_use=not network,
        data_goes="The clip stays in this installation.",
        price=None,
        needs=(),
    )


def _fal_offer() -> Offer:
    return Offer(
        label="fal · MM Audio 2",
        licence=f"fal labels this model for commercial use; {_WEIGHTS}. Ask fal where it matters.",
        commercial_use=True,
        data_goes=(
            "A small silent copy of the seconds asked for and the prompt go to fal. "
            "Whoever has its address can read the copy there for a day."
        ),
        price=Price(settings.FAL_PRICE_PER_SECOND, "USD", "second"),
        needs=("FAL_KEY",),
    )


def _scenario_offer() -> Offer:
    return Offer(
        label="Scenario · MM Audio 2",
        licence=f"As your Scenario plan says; {_WEIGHTS}. Ask Scenario before commercial use.",
        commercial_use=False,
        data_goes=(
            "A small silent copy of the seconds asked for and the prompt go to Scenario. "
            "The copy and the result stay in your Scenario account until you delete them there."
        ),
        price=Price(settings.SCENARIO_PRICE_PER_JOB, "CU", "job"),
        needs=("SCENARIO_API_KEY", "SCENARIO_API_SECRET"),
    )
