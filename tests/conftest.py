"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.test import override_settings

# As in the engine's processes; set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

TESTS = Path(__file__).parent

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}


LONGEST = (
    "services/test_postgres.py",
    "engine/mmaudio/test_golden.py",
    "services/test_hosted.py",
    "engine/foley/test_fit.py",
    "services/test_up.py",
    "engine/foley/test_seeing.py",
)
"""Begun late, one of these would be waited for while all else is done. Some wait and some reckon, side by side."""

FIRST = ("services", "engine", "browser")
"""The folders that take longest, the longest first."""


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: whole installations are waited for most of their tests' time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> tuple[int, int]:
        path = item.path.relative_to(TESTS)
        file, folder = path.as_posix(), path.parts[0]
        return (
            LONGEST.index(file) if file in LONGEST else len(LONGEST),
            FIRST.index(folder) if folder in FIRST else len(FIRST),
        )

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is installed (REQUIRE_SERVICES=1), a test that is left out has failed.

    But for those that measure against material beside the repository, which is not everybody's, or on a GPU, and those
    that have their turn in the suite on PostgreSQL.
    """
    report = yield
    excused = any(item.get_closest_marker(name) for name in ("shared", "gpu", "on_postgres"))
    if report.skipped and os.environ.get("REQUIRE_SERVICES") == "1" and not excused:
        report.outcome, report.longrepr = "failed", f"left out although everything is required: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _plain_files(tmp_path: Path) -> Iterator[None]:
    """Each test has a media folder of its own; static files keep their names, as nothing collected them."""
    media = tmp_path / "media"
    with override_settings(MEDIA_ROOT=media, STORAGES=STORAGES):
        yield
