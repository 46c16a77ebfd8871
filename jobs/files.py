"""Between Django storage, which may be far away, and programs that need a path on this machine."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage
from django.db.models.fields.files import FieldFile

from jobs.media import sandbox

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
log = logging.getLogger(__name__)


def sandboxed(function: Callable[[*Arguments], Result], *args: *Arguments, extra_seconds: float = 0.0) -> Result:
    """Run a function of `jobs.media` in a process of its own, within the configured time and memory.

    `extra_seconds` come on top, for work that grows with the clip. Raises `jobs.media.errors.MediaError`, also when
    that process crashed, hung or ran out of memory.
    """
    return sandbox.run(
        function,
        *args,
        timeout_seconds=settings.MEDIA_TIMEOUT_SECONDS + extra_seconds,
        memory_bytes=settings.MEDIA_MEMORY_BYTES,
    )


@contextmanager
def work_folder() -> Iterator[Path]:
    """A private folder for one piece of work, gone afterwards whatever happens."""
    with tempfile.TemporaryDirectory(dir=settings.WORK_DIR) as folder:
        yield Path(folder)


def local_path(stored: FieldFile, folder: Path) -> Path:
    """Where the stored file can be read on this machine: its own place if local, else a copy streamed into `folder`."""
    if isinstance(stored.storage, FileSystemStorage):
        return Path(stored.path)
    target = folder / Path(str(stored.name)).name
    with stored.open("rb") as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, length=1024 * 1024)
    return target


def remove_folder(storage: Storage, folder: str) -> None:
    """Everything that lies in a row's folder, and the folder; what is gone already is no error. Raises OSError."""
    for name in list_folder(storage, folder):
        storage.delete(f"{folder}/{name}")
    if isinstance(storage, FileSystemStorage):  # elsewhere a folder is only a part of its files' names
        storage.delete(folder)


def list_folder(storage: Storage, folder: str) -> list[str]:
    """The names of the files in it; none where there is no such folder."""
    try:
        return list(storage.listdir(folder)[1])
    except FileNotFoundError:
        return []


def remove_stored(*files: FieldFile) -> None:
    """Take back files whose row never came to be; a file that can't be removed is logged, never raised."""
    for file in files:
        if not file:
            continue
        try:
            file.storage.delete(str(file.name))
        except OSError:
            log.exception("could not remove %s", file.name)
