"""The production shape is what was tested, and what is documented."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
import yaml

from engine.settings import Settings
from tests.programs import ROOT
from webapp.management.commands.up import programs

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
READ = re.compile(
    r'environment\.(?:text|number|flag|words|amount|days|address|hosts|variants|one_of)\(\s*"(\w+)"|os\.environ\.get\("(\w+)"'
)


def variables() -> set[str]:
    """Every variable that the web app and its workers read."""
    sources = [ROOT / "webapp" / name for name in ("settings.py", "gunicorn_conf.py")]
    found = {name for source in sources for groups in READ.findall(source.read_text()) for name in groups if name}
    assert {"SECRET_KEY", "PORT", "WEB_PROCESSES", "S3_BUCKET"} <= found
    return found


def engine_variables() -> set[str]:
    return {f"ENGINE_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", ["web", "worker", "beat", "engine"])
def test_containers_run_the_commands_that_make_run_does(name: str) -> None:
    images = (ROOT / "Dockerfile").read_text()
    defaults = [json.loads(line.removeprefix("CMD ")) for line in images.splitlines() if line.startswith("CMD ")]
    engine, app = ([part for part in command if part not in {"python", "-m"}] for command in defaults)
    ours = {program.name: program.command[2:] for program in programs()}
    command = COMPOSE["services"][name].get("command")
    assert (shlex.split(command) if command else {"web": app, "engine": engine}[name]) == ours[name]


def test_containers_are_given_only_what_the_program_reads() -> None:
    for name in ("web", "worker", "beat", "migrate"):
        assert set(COMPOSE["services"][name]["environment"]) <= variables()
    assert set(COMPOSE["services"]["engine"]["environment"]) <= engine_variables()


def test_every_variable_is_documented_and_no_other() -> None:
    tables = [line.split("|")[1] for line in (ROOT / "docs/operations.md").read_text().splitlines() if "|" in line]
    documented = {name for cell in tables for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", cell)}
    assert documented == variables() | engine_variables()
