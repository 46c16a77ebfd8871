"""The keys of backends: the team's own before the installation's, unreadable at rest, and never shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from jobs import keys
from jobs.models import BackendKey
from webapp.accounts.models import Team

SECRET = "key-id:0123456789abcdef"


@pytest.fixture(autouse=True)
def installation(settings: Any) -> Any:
    settings.FAL_KEY = settings.SCENARIO_API_KEY = settings.SCENARIO_API_SECRET = ""
    settings.KEYS_SECRETS = ["the first secret"]
    return settings


def test_the_engine_needs_nothing_of_a_team(team: Team) -> None:
    assert keys.missing("engine", team) == []
    assert keys.credentials("engine", team) == ()


def test_without_a_key_what_is_missing_is_named(team: Team) -> None:
    assert keys.missing("fal", team) == ["FAL_KEY"]
    assert keys.missing("scenario", team) == ["SCENARIO_API_KEY", "SCENARIO_API_SECRET"]
    with pytest.raises(keys.MissingKey, match="FAL_KEY missing") as missing:
        keys.credentials("fal", team)
    assert missing.value.kind == "bad_key"


def test_the_installation_s_key_serves_every_team_and_a_team_s_own_only_that_team(
    team: Team, installation: Any
) -> None:
    installation.FAL_KEY = "the-house-key"
    other = Team.objects.create(name="Others")
    keys.set_key(team, "fal", {"FAL_KEY": SECRET}, None)
    assert keys.credentials("fal", team) == (("FAL_KEY", SECRET),)
    assert keys.credentials("fal", other) == (("FAL_KEY", "the-house-key"),)
    assert keys.remove_key(team, "fal")
    assert not keys.remove_key(team, "fal")
    assert keys.credentials("fal", team) == (("FAL_KEY", "the-house-key"),)


def test_a_key_set_again_replaces_the_one_before(team: Team) -> None:
    keys.set_key(team, "fal", {"FAL_KEY": "the-old-key"}, None)
    keys.set_key(team, "fal", {"FAL_KEY": f" {SECRET}\n"}, None)
    assert keys.credentials("fal", team) == (("FAL_KEY", SECRET),)
    assert BackendKey.objects.count() == 1


def test_at_rest_a_key_is_unreadable_and_each_time_different(team: Team) -> None:
    key = keys.set_key(team, "fal", {"FAL_KEY": SECRET}, None)
    assert SECRET not in f"{key!r} {key} {key.secret}"
    assert "0123456789abcdef" not in key.secret
    assert keys.encrypt({"FAL_KEY": SECRET}) != key.secret


@pytest.mark.parametrize("value", ["", "  ", "two words", "a\nb", "schlüssel"])
def test_what_is_no_key_is_refused_by_name_without_repeating_it(team: Team, value: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        keys.set_key(team, "scenario", {"SCENARIO_API_KEY": "good-enough", "SCENARIO_API_SECRET": value}, None)
    assert wrong.value.message_dict == {"SCENARIO_API_SECRET": ["Enter the key as the provider shows it."]}
    assert not BackendKey.objects.exists()


def test_a_new_secret_reads_what_the_old_one_wrote_and_once_rotated_stands_alone(
    team: Team, installation: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    keys.set_key(team, "fal", {"FAL_KEY": SECRET}, None)
    installation.KEYS_SECRETS = ["the second secret", "the first secret"]
    assert keys.credentials("fal", team) == (("FAL_KEY", SECRET),)
    call_command("rotate_keys")
    assert capsys.readouterr().out.startswith("1 encrypted anew.")
    installation.KEYS_SECRETS = ["the second secret"]
    assert keys.credentials("fal", team) == (("FAL_KEY", SECRET),)


def test_a_lost_secret_is_said_and_the_installation_s_key_is_not_taken_instead(team: Team, installation: Any) -> None:
    installation.FAL_KEY = "the-house-key"
    keys.set_key(team, "fal", {"FAL_KEY": SECRET}, None)
    installation.KEYS_SECRETS = ["another secret"]
    with pytest.raises(keys.MissingKey, match="Enter it again") as lost:
        keys.credentials("fal", team)
    assert SECRET not in str(lost.value)
    assert keys.missing("fal", team) == ["FAL_KEY"]
    with pytest.raises(CommandError, match="can't be read"):
        call_command("rotate_keys")
