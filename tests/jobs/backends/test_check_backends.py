"""The operator's check: one line for each backend, an exit code, no purchase, no key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from jobs.backends import registry
from tests.engine.running import engine as running_engine
from tests.jobs.backends.servers import FAL_KEY, FalServer, Reply, ScenarioServer, fal_server

Check = Callable[[], tuple[int, list[str]]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Run it: the exit code, and the lines."""

    def check() -> tuple[int, list[str]]:
        registry.client.cache_clear()
        code = 0
        try:
            call_command("check_backends")
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, capsys.readouterr().out.splitlines()

    return check


@pytest.fixture(autouse=True)
def engine(settings: Any) -> Iterator[FalServer]:
    """Our engine speaks fal's protocol."""
    with fal_server() as server:
        settings.ENGINE_URL, settings.ENGINE_KEY = server.url, FAL_KEY
        yield server


def test_what_is_not_configured_is_no_failure(check: Check) -> None:
    assert check() == (
        0,
        [
            "engine    works",
            "fal       not configured: FAL_KEY not set",
            "scenario  not configured: SCENARIO_API_KEY and SCENARIO_API_SECRET not set",
        ],
    )


def test_all_that_works(check: Check, fal: FalServer, scenario: ScenarioServer) -> None:
    assert check() == (0, ["engine    works", "fal       works", "scenario  works"])
    assert fal.purchases == scenario.purchases == []


def test_half_a_configuration_is_a_failure(check: Check, settings: Any) -> None:
    settings.SCENARIO_API_KEY = "only-the-key"
    code, lines = check()
    assert (code, lines[2]) == (1, "scenario  not configured: SCENARIO_API_SECRET not set")


@pytest.mark.parametrize("name", ["fal", "scenario"])
def test_a_wrong_key_is_said_and_not_shown(
    check: Check, settings: Any, fal: FalServer, scenario: ScenarioServer, name: str
) -> None:
    settings.FAL_KEY = settings.SCENARIO_API_SECRET = "wrong-and-secret"
    code, lines = check()
    assert code == 1
    who = {"fal": "fal", "scenario": "Scenario"}[name]
    assert f"{name:9} failed: {who} refuses the key. Ask your administrator to check it." in lines
    assert "wrong-and-secret" not in "".join(lines)


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("ENGINE_URL", "engine    failed: The sound engine can’t be reached. Try again in a moment."),
        ("FAL_QUEUE_URL", "fal       failed: fal can’t be reached. Try again in a moment."),
        ("FAL_REST_URL", "fal       failed: fal can’t be reached. Try again in a moment."),
        ("SCENARIO_BASE_URL", "scenario  failed: Scenario can’t be reached. Try again in a moment."),
    ],
)
def test_an_address_that_does_not_answer_is_a_failure_and_the_others_are_still_checked(
    check: Check, settings: Any, fal: FalServer, scenario: ScenarioServer, setting: str, line: str
) -> None:
    setattr(settings, setting, "http://127.0.0.1:9")
    code, lines = check()
    assert code == 1
    assert line in lines
    assert sum(line.endswith("works") for line in lines) == 2


def test_a_model_that_the_plan_does_not_include_is_a_failure(check: Check, scenario: ScenarioServer) -> None:
    scenario.say("model", Reply({"reason": "ModelAccessRestrictedError"}, 403))
    code, lines = check()
    assert code == 1
    assert lines[2].startswith("scenario  failed: The account’s plan at Scenario does not include this model")


def test_our_own_engine_passes_the_check(check: Check, settings: Any, tmp_path: Path) -> None:
    with running_engine(tmp_path, key="the-key") as running:
        settings.ENGINE_URL, settings.ENGINE_KEY = running.url, "the-key"
        assert check()[1][0] == "engine    works"
        settings.ENGINE_KEY = "another"
        assert (
            check()[1][0] == "engine    failed: The sound engine refuses the key. Ask your administrator to check it."
        )
