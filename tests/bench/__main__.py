"""Prints one table: what was measured, as a ratio or a time, against its target, and what limits it.

After a warm-up, on the embedded set-up as `make run` starts it: the median of several runs of what people wait for, and
the fastest of the parts alone, which is what the machine's other work disturbs least.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright

from jobs.media import sandbox
from jobs.media.formats import sniff
from jobs.media.probe import Limits, probe
from tests.bench.hosted import FEW, IN_FLIGHT, bytes_sent, in_flight
from tests.clips import bouncing_ball
from tests.programs import ROOT, Soundstage, soundstage
from tests.services.person import ACCOUNT, Person, signed_in

RUNS = 5
SECONDS, LONG_SECONDS, LARGE_SECONDS = 8, 80, 30
GROWTH_SECONDS = (8, 16, 32)
PAGE_PAUSE = 0.4  # seconds between a page's questions while a generation runs
MMAUDIO_SECONDS = 2
FPS, WIDTH, HEIGHT = 30, 1280, 720
PROMPT = "knocks on wood, light wind"


@dataclass(frozen=True)
class Row:
    what: str
    measured: str
    target: str
    limit: str


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="soundstage-bench-") as folder:
        home = Path(folder)
        clip, long_clip = _clip(home / "clip.mp4", SECONDS), _clip(home / "long.mp4", LONG_SECONDS)
        print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
        print(f"clip: {SECONDS} s, {WIDTH}x{HEIGHT}, {FPS} fps, {clip.stat().st_size / 1e6:.1f} MB; {RUNS} runs each\n")
        _print(Row("", "measured", "target", "limited by"))
        with soundstage(home / "data", **ACCOUNT) as stage, signed_in(stage.url) as person:
            asset = person.upload(clip).json()["id"]
            _print(*_job(stage, person, asset))
            _print(*_click(stage, asset))
        _print(*_foley(clip, home))
        _print(*_mux(clip, long_clip, home))
        _print(*_hosted(home))
        _print(*_mmaudio(home))


# --- The whole job ----------------------------------------------------------------------------------------------------


def _job(stage: Soundstage, person: Person, asset: str) -> list[Row]:
    """From sending the form to the row saying that it succeeded, with the stages' shares as the row tells them."""

    def once() -> tuple[float, dict[str, float]]:
        begun = time.time()
        page = person.ask(asset, prompt=PROMPT, duration=str(SECONDS))
        assert person.outcome(page, pause=PAGE_PAUSE) == "succeeded"
        code = (
            f"import json; g = Generation.objects.get(public_id={page.split('/')[2]!r}); "
            "print(json.dumps([g.finished_at.timestamp(), g.timings]))"
        )
        finished, timings = stage.python(code)
        return finished - begun, timings

    once()
    seconds, timings = sorted((once() for _ in range(RUNS)), key=lambda measured: measured[0])[RUNS // 2]
    shares = [f"{stage} {spent / seconds:.0%}" for stage, spent in timings.items()]
    waiting = 1 - sum(timings.values()) / seconds
    return [
        Row(
            "submit to succeeded, of the clip’s length",
            f"{seconds / SECONDS:.3f} ({seconds:.2f} s)",
            "0.5",
            "looking at the picture, in the engine",
        ),
        Row("    its shares", ", ".join([*shares, f"sending and queueing {waiting:.0%}"]), "", ""),
    ]


# --- The page ---------------------------------------------------------------------------------------------------------

WATCH = """
addEventListener("click", () => sessionStorage.setItem("clicked", Date.now()), true);
const look = () => {
  const phase = document.querySelector("[data-phase]")?.dataset.phase;
  if (!phase || phase === "queued") return;
  if (!sessionStorage.getItem("running")) sessionStorage.setItem("running", Date.now());
};
new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
"""


def _click(stage: Soundstage, asset: str) -> list[Row]:
    """From the click on Generate to the results page saying that it runs, in a browser."""
    program = shutil.which("chromium")
    if program is None:
        return [Row("click to “running” on the page", "not measured: Chromium is not installed", "300 ms", "")]

    def once() -> float:
        page.goto(f"{stage.url}/?from={earlier}")
        page.evaluate("sessionStorage.clear()")
        page.get_by_role("button", name="Generate").last.click()
        page.wait_for_url("**/g/**")
        page.wait_for_function("sessionStorage.getItem('running')", polling=20)
        took = page.evaluate("sessionStorage.getItem('running') - sessionStorage.getItem('clicked')")
        page.wait_for_selector('[data-phase="finished"]')
        return float(took)

    with sync_playwright() as playwright, signed_in(stage.url) as person:
        earlier = person.ask(asset, prompt=PROMPT, duration=str(SECONDS)).split("/")[2]
        person.outcome(f"/g/{earlier}/")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(bypass_csp=True)  # for what watches the page
        context.add_cookies([{"name": n, "value": v, "url": stage.url} for n, v in person.client.cookies.items()])
        context.add_init_script(WATCH)
        page = context.new_page()
        once()
        took = [once() for _ in range(RUNS)]
        browser.close()
    return [
        Row(
            "click to “running” on the page",
            f"{median(took):.0f} ms (at most {max(took):.0f})",
            "300 ms",
            "the queue folder is looked into every 50 ms, the page asks every 120 ms",
        )
    ]


# --- The parts alone --------------------------------------------------------------------------------------------------


def _mux(clip: Path, long_clip: Path, home: Path) -> list[Row]:
    measured: dict[Path, list[dict[str, float]]] = {}
    for each, seconds in ((clip, SECONDS), (long_clip, LONG_SECONDS)):
        sound, target = _sound(home / f"{seconds}.wav", seconds), home / f"muxed-{seconds}.mp4"
        facts = json.dumps(asdict(probe(each, Limits())))
        command = [sys.executable, "-m", "tests.bench.muxing", str(each), facts, str(sound), str(target)]
        measured[each] = [json.loads(subprocess.check_output(command, cwd=ROOT)) for _ in range(RUNS)]
    took = min(run["seconds"] for run in measured[clip])
    short, long = (median(run["megabytes"] for run in measured[each]) for each in (clip, long_clip))
    start = _fastest(lambda: sandbox.run(sniff, clip, timeout_seconds=60))
    return [
        Row(
            "mux alone, of the clip’s length",
            f"{took / SECONDS:.4f} ({took * 1000:.0f} ms)",
            "0.03",
            "encoding the sound as AAC",
        ),
        Row(
            "    its process’s memory at most",
            f"{short:.1f} MB for {SECONDS} s, {long:.1f} MB for {LONG_SECONDS} s",
            "no growth",
            "",
        ),
        Row("    a process to do it in", f"{start * 1000:.0f} ms", "", "starting Python and importing PyAV and NumPy"),
    ]


def _foley(clip: Path, home: Path) -> list[Row]:
    """The embedded model alone, each case in a process of its own, and how its cost grows with the length."""
    large = _clip(home / "large.mp4", LARGE_SECONDS, fps=60, width=1920, height=1080)
    cases: list[tuple[str, int, list[str], str]] = [
        (f"foley: {SECONDS} s, {HEIGHT}p, {FPS} fps, of its length", SECONDS, [str(clip)], "0.15"),
        (f"foley: {LARGE_SECONDS} s, 1080p, 60 fps", LARGE_SECONDS, [str(large)], "0.5"),
        (f"foley: {LARGE_SECONDS} s from words alone", LARGE_SECONDS, [], "0.1"),
    ]
    rows = []
    for what, seconds, arguments, target in cases:
        cost = _generating(seconds, *arguments)
        parts, whole = cost["parts"], sum(cost["parts"].values())
        shares = ", ".join(f"{part} {spent / whole:.0%}" for part, spent in parts.items())
        busy = f"processors {whole / seconds:.3f}"
        rows += [
            Row(what, f"{cost['seconds'] / seconds:.3f} ({busy}: {shares})", target, max(parts, key=parts.__getitem__)),
            Row("    its process’s memory at most", f"{cost['megabytes']:.0f} MB", "500 MB", ""),
        ]
    growth = {seconds: _clip(home / f"{seconds}-s.mp4", seconds) for seconds in GROWTH_SECONDS}
    grown = [f"{_generating(each, str(path))['seconds'] / each:.3f} at {each} s" for each, path in growth.items()]
    return [*rows, Row("foley: growth with the length", ", ".join(grown), "no growth", "")]


def _generating(seconds: int, *clip: str) -> Any:
    command = [sys.executable, "-m", "tests.bench.generating", str(seconds), *clip]
    return json.loads(subprocess.check_output(command, cwd=ROOT))


def _hosted(home: Path) -> list[Row]:
    """What leaves the house for a hosted backend, and what its jobs cost our workers meanwhile."""
    ratios = bytes_sent(home)
    held, seconds = in_flight(home / "hosted")
    few, many, after = held["few"], held["many"], held["after"]
    return [
        Row(
            "sent to a hosted backend, of the original",
            ", ".join(f"{what} {ratio:.3f}" for what, ratio in ratios),
            "0.1",
            "what is kept of the picture: 25 fps, 384 pixels",
        ),
        Row(
            f"two workers’ memory, {IN_FLIGHT} jobs of {FEW}",
            f"{many.workers / few.workers:.2f} ({few.workers:.0f} MB, {many.workers:.0f}, after {after.workers:.0f})",
            "no growth",
            "",
        ),
        Row(
            "    their parent’s",
            f"{many.parent / few.parent:.2f} ({few.parent:.0f} MB, {many.parent:.0f}, after {after.parent:.0f})",
            "no growth",
            "the messages that wait for their time",
        ),
        Row("    to hand them over", f"{seconds:.0f} s", "", "one process per core, and the database"),
    ]


def _mmaudio(home: Path) -> list[Row]:
    """MMAudio beside the reference's way, with the same synthetic weights, one after the other on this device."""
    variant = os.environ.get("BENCH_MMAUDIO_VARIANT", "small_16k")
    seconds = int(os.environ.get("BENCH_MMAUDIO_SECONDS", MMAUDIO_SECONDS))
    what = f"MMAudio {variant}: {seconds} s"
    if importlib.util.find_spec("torch") is None:
        return [Row(what, "not measured: PyTorch is not installed (make mmaudio)", "1.25", "")]
    folder, clip = home / "mmaudio", _clip(home / "mmaudio.mp4", seconds)
    _mmaudio_way("weights", folder, variant)

    def measured(way: str) -> tuple[dict[str, Any], NDArray[np.float32]]:
        sound = home / f"{way}.npy"
        cost = json.loads(_mmaudio_way(way, folder, variant, clip, seconds, sound))
        return cost, np.load(sound)

    (theirs, plain), (ours, sound) = measured("reference"), measured("ours")
    (reference,), (first, further) = theirs["takes"], ours["takes"]
    took, took_first, took_further = (sum(take.values()) for take in (reference, first, further))

    def slowest(take: dict[str, float]) -> str:
        return max(take, key=take.__getitem__)

    def both(name: str) -> str:
        return "not on a GPU" if ours[name] is None else f"{ours[name]:.0f} MB, reference {theirs[name]:.0f} MB"

    def busy(place: int) -> str:
        """The same by the processors' time, which what else the machine does disturbs less."""
        return f"{sum(theirs['busy'][0].values()) / sum(ours['busy'][place].values()):.2f} by processor time"

    difference = np.linalg.norm(sound - plain) / np.linalg.norm(plain)
    return [
        Row(
            f"{what}, first take", f"{took / took_first:.2f} × the reference’s speed, {busy(0)}", "1.25", slowest(first)
        ),
        Row("    a further take of it", f"{took / took_further:.2f} ×, {busy(1)}", "3", slowest(further)),
        Row("    seconds of the reference", f"{took:.1f}: {_seconds(reference)}", "", ""),
        Row("    seconds of our first take", f"{took_first:.1f}: {_seconds(first)}", "", ""),
        Row("    seconds of our further take", f"{took_further:.1f}: {_seconds(further)}", "", ""),
        Row("    memory at most", both("own_megabytes"), "6144 MB", "the weights"),
        Row("    with what is mapped of files", both("megabytes"), "", "weights while they are read"),
        Row("    memory of the GPU at most", both("device_megabytes"), "6144 MB", ""),
        Row("    cold start", f"{ours['cold']:.1f} s, reference {theirs['cold']:.1f} s", "", "reading the weights"),
        Row("    the sounds differ by, of their size", f"{difference:.3f}", "", "rounding, which 16 bits do more of"),
    ]


def _mmaudio_way(*arguments: object) -> bytes:
    command = [sys.executable, "-m", "tests.bench.mmaudio", *map(str, arguments)]
    return subprocess.check_output(command, cwd=ROOT)


def _seconds(take: dict[str, float]) -> str:
    return ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in take.items())


def _fastest(work: Callable[[], object]) -> float:
    def once() -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    once()
    return min(once() for _ in range(RUNS))


# --- What it is measured with -----------------------------------------------------------------------------------------


def _clip(path: Path, seconds: int, fps: int = FPS, width: int = WIDTH, height: int = HEIGHT) -> Path:
    impacts = [0.5 + 0.75 * n for n in range(int((seconds - 0.5) / 0.75))]
    bouncing_ball(path, fps=fps, seconds=seconds, width=width, height=height, impacts=impacts, background="textured")
    return path


def _sound(path: Path, seconds: int) -> Path:
    noise = np.random.default_rng(1).integers(-8000, 8000, (seconds * 48_000, 2), dtype=np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(noise.tobytes())
    return path


def _print(*rows: Row) -> None:
    for row in rows:
        print(f"{row.what:42} {row.measured:88} {row.target:10} {row.limit}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
