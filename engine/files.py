"""Uploads and results on disk: unguessable addresses, a lifetime for each.

Every upload and every request has a folder of its own, named by its token. They lie in a folder of this run of the
engine; what earlier runs left behind is removed at start.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import math
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

BLOCK_BYTES = 1024**2
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says when a file can't grow any more."""

Make = Callable[[Path], Awaitable[None]]


@dataclass(eq=False)
class Published:
    """A file that may be fetched. `make`, where given, writes it when it is first wanted."""

    path: Path
    content_type: str
    make: Make | None = None
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ready(self) -> None:
        """Return once the file is there. Raises `FileNotFoundError` for an upload that has not come."""
        async with self._making:
            if self.path.exists():
                return
            if self.make is None:
                raise FileNotFoundError(self.path)
            part = _beside(self.path)
            try:
                await self.make(part)
                part.replace(self.path)
            finally:
                part.unlink(missing_ok=True)


@dataclass(eq=False)
class Folder:
    """The files of one upload or request. `expires` is a time of `time.monotonic`."""

    path: Path
    expires: float = math.inf
    published: dict[str, Published] = field(default_factory=dict)

    @property
    def token(self) -> str:
        return self.path.name

    def publish(self, name: str, content_type: str, make: Make | None = None) -> Published:
        """Let `name` of this folder be fetched, and return it."""
        file = self.published[name] = Published(self.path / name, content_type, make)
        return file


class Files:
    """All folders of this run of the engine, under `root`."""

    def __init__(self, root: Path, keep_seconds: float) -> None:
        self._keep_seconds = keep_seconds
        self._folders: dict[str, Folder] = {}
        self._uploads: dict[str, Published] = {}
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / ".lock"):  # nobody takes this run's folder for a former one's while it is being made
            for former in root.glob("run-*"):
                if lock := _try_lock(former / ".lock"):
                    shutil.rmtree(former, ignore_errors=True)
                    lock.close()
            self._run = Path(tempfile.mkdtemp(prefix="run-", dir=root))
            self._lock = _try_lock(self._run / ".lock")

    def new(self) -> Folder:
        """A folder that stays until it is told to expire."""
        folder = Folder(self._run / secrets.token_urlsafe(24))
        folder.path.mkdir()
        self._folders[folder.token] = folder
        return folder

    @contextmanager
    def draft(self) -> Iterator[Folder]:
        """A new folder that goes again if the block fails."""
        folder = self.new()
        try:
            yield folder
        except BaseException:
            self.expire(folder, 0.0)
            raise

    def expire(self, folder: Folder, after: float | None = None) -> None:
        """Keep `folder` for `after` more seconds; None: as long as results are kept."""
        folder.expires = time.monotonic() + (self._keep_seconds if after is None else after)

    def find(self, token: str, name: str) -> Published | None:
        folder = self._folders.get(token)
        if folder is None or folder.expires <= time.monotonic():
            return None
        return folder.published.get(name)

    def new_upload(self, name: str, content_type: str) -> tuple[str, str]:
        """Make room for an upload. Returns the secret to send it with, and the path ("token/name") to name it by."""
        # Served from the engine's own origin, it must not be a page.
        media = content_type if re.fullmatch(r"(video|audio)/[\w.+-]+", content_type) else "application/octet-stream"
        folder, secret = self.new(), secrets.token_urlsafe(24)
        self._uploads[secret] = folder.publish(safe_name(name), media)
        self.expire(folder)
        return secret, f"{folder.token}/{safe_name(name)}"

    def upload(self, secret: str) -> Path | None:
        """Where the upload of this secret goes; None: there is none, or its time is over."""
        file = self._uploads.get(secret)
        return file.path if file and self.find(file.path.parent.name, file.path.name) else None

    async def sweep(self) -> None:
        """Remove what has expired."""
        now = time.monotonic()
        expired = [folder for folder in self._folders.values() if folder.expires <= now]
        for folder in expired:
            del self._folders[folder.token]
        gone = {folder.path for folder in expired}
        self._uploads = {secret: file for secret, file in self._uploads.items() if file.path.parent not in gone}
        for folder in expired:
            await asyncio.to_thread(shutil.rmtree, folder.path, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._run, ignore_errors=True)
        if self._lock:
            self._lock.close()


async def save(chunks: AsyncIterator[bytes], target: Path) -> None:
    """Write what comes to `target`, which appears when all of it is there."""
    part, block = _beside(target), bytearray()
    try:
        with part.open("wb") as file:
            async for chunk in chunks:
                block += chunk
                if len(block) >= BLOCK_BYTES:
                    await asyncio.to_thread(file.write, block)
                    block = bytearray()
            await asyncio.to_thread(file.write, block)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def safe_name(name: str) -> str:
    """The last part of a name from outside, as a name that can do nothing but name: letters, digits, ".", "_", "-"."""
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip(".-")[-80:] or "clip"


def _beside(path: Path) -> Path:
    return path.with_name(f"{secrets.token_hex(8)}.part")


def _locked(path: Path) -> IO[bytes]:
    """An exclusive lock on `path`, waited for; it ends when the file is closed, or with the process."""
    file = path.open("ab")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _try_lock(path: Path) -> IO[bytes] | None:
    """The lock if nobody holds it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
