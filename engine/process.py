"""Programs of our own that run beside the HTTP loop: what a clip can crash or hang is never in the loop's process."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_LINE_BYTES = 16 * 1024**2


async def spawn(module: str, *arguments: str, threads: int = 1, lane: int = 0) -> asyncio.subprocess.Process:
    """Start `python -m module arguments` with pipes for standard input and output, and `threads` threads of its own.

    It is no child of the terminal (Ctrl-C reaches the engine alone, which ends it) and never sees the engine's key.
    `ENGINE_LANE` tells it which of the engine's lanes it serves: what there are several of, such as GPUs, is shared
    out by that.
    """
    environment = {name: value for name, value in os.environ.items() if name != "ENGINE_KEY"}
    environment["ENGINE_LANE"] = str(lane)
    for library in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        environment.setdefault(library, str(threads))
    # NumPy's matrices are small here: more threads would wait for each other, at a third more of the processors' time.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        limit=MAX_LINE_BYTES,
    )


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill the process, if it still runs, and wait until it is gone."""
    kill(process)
    await process.wait()


def kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


def limit_resources(memory_bytes: int, cpu_seconds: int | None = None) -> None:
    """Bound this process: its address space (0: unbounded), the processor time it may use, and no core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    if cpu_seconds is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
