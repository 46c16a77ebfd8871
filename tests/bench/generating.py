"""The foley model in a process of its own: `python -m tests.bench.generating SECONDS [CLIP]` prints its cost as JSON.

`seconds` is the wall time of a generation of so many seconds of sound, the fastest of a few; `megabytes` the most
memory the process held for the first of them; `parts` the processor time, of all threads, of each part of the work.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from engine.foley import mix
from engine.foley.model import Foley
from engine.foley.see import MAX_RATE, PIXELS, see
from engine.frames import frames
from engine.model import Parameters
from tests.bench.muxing import peak_megabytes

RUNS = 3
PROMPT = "knocks on wood, light wind"


def main(duration: str, clip: str = "") -> None:
    seconds, picture = float(duration), Path(clip) if clip else None
    model, parameters = Foley(), Parameters(prompt=PROMPT, seed=7, duration=seconds)
    model.load()

    def whole() -> float:
        return _spent(time.perf_counter, model.generate(picture, parameters))

    first = whole()
    megabytes = peak_megabytes()
    fastest = min(first, *(whole() for _ in range(RUNS - 1)))
    parts: dict[str, float] = {}
    if picture:
        parts["decoding"] = _spent(time.process_time, frames(picture, seconds, PIXELS, MAX_RATE))
        parts["vision"] = _spent(time.process_time, see(picture, seconds, None)) - parts["decoding"]
    mixing: list[float] = []
    real_mix = mix.mix

    def watched(*arguments: Any) -> Any:
        begun = time.process_time()
        mixed = real_mix(*arguments)
        mixing.append(time.process_time() - begun)
        return mixed

    with patch.object(mix, "mix", watched):
        sounding = _spent(time.process_time, model.generate(None, parameters))
    parts |= {"synthesis": sounding - sum(mixing), "mix": sum(mixing)}
    print(json.dumps({"seconds": fastest, "megabytes": megabytes, "parts": parts}))


def _spent(clock: Callable[[], float], work: Any) -> float:
    begun = clock()
    for _ in work:
        pass
    return clock() - begun


if __name__ == "__main__":
    main(*sys.argv[1:])
