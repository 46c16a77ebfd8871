"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}


@pytest.fixture(autouse=True)
def _plain_files(tmp_path: Path) -> Iterator[None]:
    """Each test has a media folder of its own; static files keep their names, as nothing collected them."""
    media = tmp_path / "media"
    with override_settings(MEDIA_ROOT=media, STORAGES=STORAGES):
        yield
