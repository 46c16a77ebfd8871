"""One mux in a process of its own: `python -m tests.bench.muxing CLIP FACTS WAV TARGET` prints what it took as JSON.

FACTS are those of the clip as JSON, so that measuring the clip is no part of it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from jobs.media.mux import mux
from jobs.media.probe import ClipFacts


def main(clip: str, facts: str, wav: str, target: str) -> None:
    begun = time.perf_counter()
    mux(Path(clip), Path(wav), Path(target), ClipFacts(**json.loads(facts)))
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "megabytes": peak_megabytes()}))


def peak_megabytes() -> float:
    """The most memory this process held (proc_pid_status(5)); `ru_maxrss` would start with its parent's."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
