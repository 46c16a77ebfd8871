"""Renders the gallery into build/gallery: `python -m tests.gallery [FAMILY ...]`, all of them where none is named."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.foley.lexicon import lexicon
from tests.gallery.page import render
from tests.gallery.scenes import SCENES
from tests.programs import ROOT

TARGET = ROOT / "build" / "gallery"


def main(names: list[str]) -> None:
    families = lexicon().families
    if unknown := [name for name in names if name not in families]:
        sys.exit(f"No such family: {', '.join(unknown)}. There are: {', '.join(families)}.")
    chosen = [families[name] for name in names] if names else list(families.values())
    page: Path = render(TARGET, chosen, () if names else SCENES, report=print)
    print(f"Open {page.as_uri()}")


if __name__ == "__main__":
    main(sys.argv[1:])
