"""The suite itself, on the database of the production shape."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.programs import ROOT, postgres_server


@pytest.mark.postgres
@pytest.mark.timeout(600)
def test_what_holds_on_sqlite_holds_on_postgres() -> None:
    """The tests that touch the database, once more on PostgreSQL.

    Of media and protocols nothing would be learnt, and the command's tests have a fresh SQLite each, wherever they run.
    """
    suite = ["tests/jobs", "tests/webapp", "-q", "-p", "no:cacheprovider"]
    for other in ("media", "backends", "test_generate_command.py"):
        suite += ["--ignore", f"tests/jobs/{other}"]
    with postgres_server() as postgres:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *suite], cwd=ROOT, env=os.environ | {"DATABASE_URL": postgres},
            check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
