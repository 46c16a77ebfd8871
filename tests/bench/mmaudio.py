"""MMAudio in a process of its own, in our way or in the reference's: `python -m tests.bench.mmaudio WAY …`.

`weights FOLDER VARIANT` writes synthetic weights under the published names. `ours` and `reference`, each with FOLDER
VARIANT CLIP SECONDS SOUND, load them and make takes of the clip; they print their cost as JSON. `cold` is the seconds
from the program's start to the model's being ready; `takes` the seconds of each stage of each take, `busy` those of the
processors; `megabytes` the most memory of the process, files that it has read from included, `own_megabytes` the most
without them, at the end of a stage, `device_megabytes` that of the GPU. The last take's sound is written to SOUND
(.npy).
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.mmaudio import decoder
from engine.mmaudio.model import MMAudio
from engine.mmaudio.network import FlowNetwork
from engine.mmaudio.networks import TIMING_PREFIX
from engine.mmaudio.settings import Settings
from engine.mmaudio.synchformer import Synchformer
from engine.mmaudio.variants import CLIP, SYNCHFORMER, VARIANTS
from engine.model import Parameters, Progress, Sound
from engine.mux import mux
from engine.worker import write_wav
from tests.bench.muxing import peak_megabytes
from tests.bench.reference import Clip, Reference
from tests.engine.mmaudio.small import vocabulary

BEGUN = (
    time.time()
    - time.clock_gettime(time.CLOCK_BOOTTIME)
    + float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / 100
)
"""When this process was started, as `time.time` tells it (proc_pid_stat(5))."""

PROMPT, SEED = "knocks on wood, light wind", 7

STAGES = {
    "Opening": "pictures",
    "Looking": "CLIP",
    "Following": "Synchformer",
    "Reading": "words",
    "Starting": "steps",
    "Step": "steps",
    "Making": "decoder",
    "Writing": "file",
}
"""What our progress and the reference's calls its stages, by their first word."""


def ours(folder: str, variant: str, clip: str, seconds: str, sound: str) -> None:
    """A first take and a further one, of another seed."""
    model = MMAudio(settings=Settings(weights=Path(folder), variant=variant))
    for _ in model.load():
        pass

    def take(seed: int) -> Generator[Progress, None, Sound]:
        made = yield from model.generate(Path(clip), Parameters(PROMPT, seed, duration=float(seconds)))
        yield Progress(1.0, "Writing the file")
        wav, target = Path(sound).with_suffix(".wav"), Path(sound).with_suffix(".mp4")
        write_wav(wav, made.samples)
        mux(Path(clip), wav, target)
        return made

    _measure(take, [SEED + 1, SEED], sound)


def reference(folder: str, variant: str, clip: str, seconds: str, sound: str) -> None:
    """One take: it does the same work for each."""
    settings = Settings(weights=Path(folder), variant=variant)
    with torch.inference_mode():
        model = Reference(VARIANTS[variant], settings.weights, settings.dtype, settings.torch_device)

        def take(seed: int) -> Generator[Progress, None, Sound]:
            target = Path(sound).with_suffix(".mp4")
            return (yield from model.generate(Path(clip), target, Parameters(PROMPT, seed, duration=float(seconds))))

        _measure(take, [SEED], sound)


def _measure(take: Callable[[int], Generator[Progress, None, Sound]], seeds: list[int], sound: str) -> None:
    cold = time.time() - BEGUN
    takes: list[dict[str, float]] = []
    busy: list[dict[str, float]] = []
    own = 0.0
    for seed in seeds:
        takes.append(defaultdict(float))
        busy.append(defaultdict(float))
        steps, stage, begun, worked = take(seed), "pictures", time.perf_counter(), time.process_time()
        while True:
            try:
                progress = next(steps)
            except StopIteration as finished:
                made: Sound = finished.value
                progress = None
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            now, done = time.perf_counter(), time.process_time()
            takes[-1][stage] += now - begun
            busy[-1][stage] += done - worked
            begun, worked = now, done
            own = max(own, own_megabytes())
            if progress is None:
                break
            stage = STAGES[progress.message.split()[0]]
    np.save(sound, made.samples)
    device = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None
    megabytes = {"megabytes": peak_megabytes(), "own_megabytes": own, "device_megabytes": device}
    print(json.dumps({"cold": cold, "takes": takes, "busy": busy, **megabytes}))


def own_megabytes() -> float:
    """The memory of this process that is no file's (proc_pid_status(5))."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) / 1024


# --- Weights ---------------------------------------------------------------------------------------------------------


def weights(folder: str, variant: str) -> None:
    """Write all that the variant needs, as published: in 32 bits."""
    home, chosen = Path(folder), VARIANTS[variant]
    home.mkdir(exist_ok=True)
    vocabulary(home)

    def drawn(make: Callable[[], nn.Module], prefix: str = "", without: str = "") -> dict[str, torch.Tensor]:
        with torch.device("meta"):
            shapes = make().state_dict()
        return {f"{prefix}{name.removeprefix(without)}": _weight(name, each.shape) for name, each in shapes.items()}

    torch.save(drawn(lambda: FlowNetwork(chosen.architecture)), home / chosen.flow.name)
    torch.save(drawn(Synchformer, TIMING_PREFIX), home / SYNCHFORMER.name)
    torch.save(drawn(Clip), home / CLIP.name)
    torch.save(drawn(lambda: decoder.make_vae(chosen.codec), without="vae."), home / chosen.vae.name)
    vocoder = drawn(lambda: decoder.make_vocoder(chosen.codec))
    lowpass = decoder.make_vocoder(chosen.codec).activation_post.upsample.filter
    filters = {name: lowpass for name in vocoder if name.endswith(".filter")}
    torch.save({"generator": vocoder | filters}, home / chosen.vocoder.name)


_BLOCK = torch.randn(2**20, generator=torch.Generator().manual_seed(0))


def _weight(name: str, shape: torch.Size) -> torch.Tensor:
    """Of the size that keeps what goes through a layer as large as it was; norms' gains are 1."""
    count = shape.numel()
    block = _BLOCK.repeat(-(-count // len(_BLOCK)))[:count].view(shape)
    if len(shape) > 1:
        return block * max(1, shape[1:].numel()) ** -0.5
    gain = "norm" in name or ".ln_" in name or name.startswith("ln_")
    return torch.ones(shape) if gain and name.endswith("weight") else 0.1 * block


if __name__ == "__main__":
    ways: dict[str, Callable[..., None]] = {"weights": weights, "ours": ours, "reference": reference}
    ways[sys.argv[1]](*sys.argv[2:])
