"""`python -m engine.mmaudio.weights [VARIANT]`: what a variant needs, where it goes, and whether it is there and whole.

Nothing is ever fetched without being asked: `--download` does it, and goes on where it was cut off.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from engine.mmaudio.settings import Settings
from engine.mmaudio.variants import VARIANTS, WeightFile
from engine.model import Unloadable

TIMEOUT = httpx.Timeout(30.0)
"""Of connecting, and of any silence on the way."""


class Broken(Exception):
    """A file could not be fetched, or is not what was published; the message says so for the operator."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all that the variant needs is there and whole, 1 when not, 2 when the settings make no sense."""
    try:
        settings = Settings.read()
    except Unloadable as error:
        print(error, file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(prog="python -m engine.mmaudio.weights", description=__doc__)
    parser.add_argument("variant", nargs="?", default=settings.variant, choices=sorted(VARIANTS))
    parser.add_argument("--folder", type=Path, default=settings.weights, help="default: %(default)s")
    parser.add_argument("--download", action="store_true", help="fetch what is missing; you accept the licences shown")
    asked = parser.parse_args(arguments)
    whole = True
    sizes = sum(file.size for file in VARIANTS[asked.variant].files)
    print(f"{asked.variant} needs {_size(sizes)} in {asked.folder}:")
    for file in VARIANTS[asked.variant].files:
        print(f"{file.name}  {_size(file.size)}  {file.licence}\n  from {file.source}")
        try:
            if asked.download and not file.find(asked.folder).is_file():
                download(file, asked.folder)
            print(f"  {check(file, asked.folder)}")
        except Broken as error:
            whole = False
            print(f"  {error}")
    return 0 if whole else 1


def check(file: WeightFile, folder: Path) -> str:
    """A sentence about a file that is there. Raises `Broken` where it is missing or not the published one.

    Of a file that was converted to `.safetensors` only the presence can be told: its bytes are its maker's.
    """
    path = file.find(folder)
    if not path.is_file():
        part = _part(file, folder)
        begun = f" ({_size(part.stat().st_size)} of it are here: --download goes on)" if part.exists() else ""
        raise Broken(f"is missing: it belongs at {path}{begun}")
    if path.name != file.name or not file.md5:
        return f"is there: {path} (no published checksum to compare with)"
    with path.open("rb") as content:
        md5 = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if md5 != file.md5:
        raise Broken(f"is not the published file (MD5 {md5}, not {file.md5}): {path}. Delete it and fetch it again.")
    return f"is there and whole: {path}"


def download(file: WeightFile, folder: Path, transport: httpx.BaseTransport | None = None) -> None:
    """Fetch a file into the folder, going on where an earlier try was cut off. Raises `Broken`.

    It has another name until it is complete, so that a half of it is never loaded.
    """
    part = _part(file, folder)
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            httpx.Client(follow_redirects=True, timeout=TIMEOUT, transport=transport) as client,
            client.stream("GET", file.source, headers=headers) as answer,
        ):
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.rename(folder / file.name)  # it was complete already
                return
            answer.raise_for_status()
            resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
            total = int(answer.headers.get("content-length", 0)) + (have if resumed else 0)
            done = have if resumed else 0
            with part.open("ab" if resumed else "wb") as target:
                for chunk in answer.iter_raw():
                    target.write(chunk)
                    done += len(chunk)
                    _tell(file.name, done, total)
    except httpx.HTTPError as error:
        raise Broken(f"could not be fetched: {error}. Run this again: it goes on where it stopped.") from error
    except OSError as error:
        raise Broken(f"could not be written: {error}. Run this again when that is mended.") from error
    if done < total:
        raise Broken("was cut off. Run this again: it goes on where it stopped.")
    part.rename(folder / file.name)


def _part(file: WeightFile, folder: Path) -> Path:
    """The name of a file that is still being fetched."""
    return folder / f"{file.name}.part"


def _tell(name: str, done: int, total: int) -> None:
    if sys.stdout.isatty():
        share = f"{100 * done / total:.0f} %" if total else _size(done)
        print(f"\r  {name}: {share}", end="" if done < total else "\n", flush=True)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
