"""Which backends there are, what they cost, and that no key is ever written anywhere."""

from __future__ import annotations

import logging
import traceback
from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from jobs.backends import registry
from jobs.backends.base import Backend, BackendError, BadKey, Credentials
from tests.jobs.backends.conftest import REQUEST
from tests.jobs.backends.servers import (
    FAL_KEY,
    HANG_UP,
    SCENARIO_KEY,
    SCENARIO_SECRET,
    FalServer,
    Reply,
    ScenarioServer,
)

SECRETS = (
    *FAL_KEY.split(":"),
    SCENARIO_KEY,
    SCENARIO_SECRET,
    b64encode(f"{SCENARIO_KEY}:{SCENARIO_SECRET}".encode()).decode(),
)


@pytest.mark.parametrize("name", registry.NAMES)
def test_every_backend_says_what_a_person_should_know(name: str) -> None:
    offer = registry.offer(name)
    assert offer.label
    for sentence in (offer.licence, offer.data_goes):
        assert sentence.endswith(".")
    assert (offer.price is None) == (not offer.needs)


@pytest.mark.parametrize("ask", [registry.offer, lambda name: registry.client(name, ())])
def test_an_unknown_backend_is_a_key_error(ask: Any) -> None:
    with pytest.raises(KeyError):
        ask("fax")


def test_costs_follow_the_prices(settings: Any) -> None:
    settings.FAL_PRICE_PER_SECOND, settings.SCENARIO_PRICE_PER_JOB = Decimal("0.001"), Decimal("2")
    assert registry.cost("engine", 30, True) is None
    assert registry.cost("fal", 8, True) == Decimal("0.008")
    assert registry.cost("fal", 7.3333333, False) == Decimal("0.0073")
    assert registry.cost("scenario", 30, True) == registry.cost("scenario", 1, False) == Decimal("2")


def test_one_client_for_one_set_of_credentials(fal: FalServer) -> None:
    first, second = (("FAL_KEY", "one-key"),), (("FAL_KEY", "another-key"),)
    assert registry.client("fal", first) is registry.client("fal", first)
    assert registry.client("fal", first) is not registry.client("fal", second)


def test_what_hosted_backends_do_differently_from_our_own(fal_client: Backend, scenario_client: Backend) -> None:
    engine = registry.client("engine", ())
    assert [(b.name, b.paid, b.sends_proxy, b.remembers_uploads) for b in (engine, fal_client, scenario_client)] == [
        ("engine", False, False, False),
        ("fal", True, True, False),
        ("scenario", True, True, True),
    ]


@pytest.mark.parametrize(
    ("name", "credentials"),
    [
        ("fal", (("FAL_KEY", "se\ncret-of-mine"),)),
        ("fal", (("FAL_KEY", "secret-of-mine-…"),)),
        ("scenario", (("SCENARIO_API_KEY", "k"), ("SCENARIO_API_SECRET", "secret-of-mine\r"))),
    ],
)
def test_a_key_that_cannot_travel_is_refused_without_being_shown(name: str, credentials: Credentials) -> None:
    """The libraries below would quote it in what they raise."""
    with pytest.raises(BadKey) as caught:
        registry.client(name, credentials)
    assert "of-mine" not in "".join(traceback.format_exception(caught.value))


def everything(client: Backend, folder: Path) -> None:
    """All a client can do; raises what goes wrong."""
    clip = folder / "clip.mp4"
    clip.write_bytes(b"clip")
    client.check()
    upload = client.upload(clip)
    while not upload["ready"]:
        upload = client.check_upload(upload)
    ticket = client.submit(REQUEST, upload)
    while not client.poll(ticket).done:
        pass
    client.fetch(ticket, folder)
    client.cancel(ticket)


BAD_ANSWERS = [
    Reply({"detail": f"bad key {FAL_KEY}", "message": f"{SCENARIO_KEY} {SCENARIO_SECRET}"}, 401),
    Reply({"detail": f"no balance on {FAL_KEY}", "message": f"{SCENARIO_KEY} {SCENARIO_SECRET}"}, 403),
    Reply({"detail": f"bad {FAL_KEY}", "message": f"{SCENARIO_KEY} {SCENARIO_SECRET}"}, 422),
    Reply(b"", 404),
    Reply(b"", 429),
    Reply(b"", 500),
    Reply(b"not json"),
    Reply(b"", 302, {"Location": "https://elsewhere.example/"}),
    HANG_UP,
]


@pytest.mark.parametrize("bad", BAD_ANSWERS, ids=lambda reply: f"{reply.status}{' hang up' * reply.hang_up}")
def test_no_secret_is_in_an_error_a_log_or_a_repr(
    fal: FalServer, scenario: ScenarioServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: Reply
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for server, name in ((fal, "fal"), (scenario, "scenario")):
        client = registry.client(name, registry.installed(name))
        said += [repr(client), str(client), repr(vars(client))]
        everything(client, tmp_path)
        for _, _, what in server.routes:
            server.always_say(what, bad)
            try:
                everything(client, tmp_path)
            except BackendError as error:
                said += [repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
            server.always_say(what, server.behave)
        client.close()
    assert len(said) > 12
    assert len(caplog.records) > 50, "the libraries below did log"
    everything_said = "\n".join(said) + caplog.text + "".join(repr(record.__dict__) for record in caplog.records)
    assert [secret for secret in SECRETS if secret in everything_said] == []
