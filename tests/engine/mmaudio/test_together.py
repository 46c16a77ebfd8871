"""Several takes in one batch: what each gets, who leaves, and where memory does not suffice."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.mmaudio.lengths import CODEC_16K, Lengths
from engine.mmaudio.model import MMAudio
from engine.mmaudio.network import FlowNetwork
from engine.mmaudio.networks import Networks
from engine.mmaudio.sampling import Features, Stepper, Walker, guided, noise, walk
from engine.model import BadInput, News, Parameters, Progress, Sound, Take
from tests import clips
from tests.engine.mmaudio.small import counted, generate, rows_of

STEPS = 4
ASKED: list[dict[str, Any]] = [
    {"seed": 1, "prompt": "rain on a roof"},
    {"seed": 2, "prompt": "a dog", "negative_prompt": "music", "prompt_strength": 7.3},
    {"seed": 3, "prompt": "a bell", "prompt_strength": 0.0},
    {"seed": 4, "prompt": "steps", "focus_on_subject": True},
]

SAME = 1e-4
"""How far samples (-1..1) of a take in a batch may be from those it would have alone: the order of sums differs."""


def takes(clip: Path | None, *asked: dict[str, Any]) -> list[Take]:
    return [Take(clip, Parameters(**{"duration": 1.0, "quality_steps": STEPS, **each})) for each in asked]


def ends(work: Generator[tuple[Take, News], None, None]) -> dict[Take, News]:
    return {take: news for take, news in work if not isinstance(news, Progress)}


def assert_as_alone(model: MMAudio, made: dict[Take, News], several: list[Take]) -> None:
    for take in several:
        sound = made[take]
        assert isinstance(sound, Sound)
        (alone,) = ends(model.generate_together([Take(take.clip, take.parameters)])).values()
        assert isinstance(alone, Sound)
        np.testing.assert_allclose(sound.samples, alone.samples, rtol=0, atol=SAME)


@contextmanager
def memory_for(module: nn.Module, rows: int) -> Iterator[None]:
    """A network that finds no memory for more than so many rows, as PyTorch tells of it on a processor."""

    def check(_: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        if rows_of(inputs, named) > rows:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")

    hook = module.register_forward_pre_hook(check, with_kwargs=True)
    yield
    hook.remove()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "ball.mp4"
    clips.bouncing_ball(path, fps=30.0, seconds=1.0, width=96, height=64)
    return path


def test_each_gets_what_it_would_get_alone(model: MMAudio, clip: Path) -> None:
    several = [*takes(clip, *ASKED), *takes(None, *ASKED[:1])]
    with counted(model.networks.flow) as rows:
        made = ends(model.generate_together(several))
    assert rows == [2 * len(several)] * STEPS, "one batch of both branches of all"
    assert_as_alone(model, made, several)


def test_one_that_is_stopped_leaves_and_the_others_go_on(model: MMAudio) -> None:
    several = takes(None, *ASKED[:3])
    made: dict[Take, News] = {}
    with counted(model.networks.flow) as rows:
        for take, news in model.generate_together(several):
            if take is several[1] and news == Progress(0.45, f"Step 2 of {STEPS}"):
                take.stopped = True
            if not isinstance(news, Progress):
                made[take] = news
    assert rows == [6, 6, 4, 4]
    assert [take in made for take in several] == [True, False, True]
    assert_as_alone(model, made, [several[0], several[2]])


def test_where_memory_does_not_suffice_for_all_halves_go_one_after_the_other(model: MMAudio, clip: Path) -> None:
    several = takes(clip, *ASKED)
    model.networks.pictures_at_once = 8
    with (
        memory_for(model.networks.flow, 4),
        memory_for(model.networks.clip.vision, 3),
        counted(model.networks.flow) as rows,
    ):
        made = ends(model.generate_together(several))
    model.networks.pictures_at_once = 1
    assert rows == [4] * 2 * STEPS
    assert_as_alone(model, made, several)


@pytest.mark.parametrize("network", ["flow", "synchformer"])
def test_where_memory_does_not_suffice_for_one_it_is_refused_with_a_sentence(
    model: MMAudio, clip: Path, network: str
) -> None:
    with memory_for(getattr(model.networks, network), 0):
        made = ends(model.generate_together(takes(clip, *ASKED[:2])))
    assert [str(news).partition(".")[0] for news in made.values()] == [
        "This request needs more memory than there is"
    ] * 2
    assert all(isinstance(news, BadInput) for news in made.values())
    assert len(generate(model, clip).samples)


def test_an_error_that_is_not_of_memory_is_no_refusal(model: MMAudio) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    hook = model.networks.flow.register_forward_pre_hook(break_down)
    with pytest.raises(RuntimeError, match="CUDA error"):
        ends(model.generate_together(takes(None, *ASKED[:2])))
    hook.remove()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_step_that_a_gpu_remembers_is_the_step_itself(networks: Networks) -> None:
    flow = FlowNetwork(networks.flow.architecture)
    flow.load_state_dict(networks.flow.state_dict())
    flow.to("cuda").requires_grad_(False).eval()
    lengths = Lengths.of(1.0, CODEC_16K)
    width = flow.architecture.text_width

    class Eager(Stepper):
        def __init__(self, *shape: Any) -> None:
            super().__init__(flow, *shape)
            self._go = self._step

    def walked(stepper: Callable[[int, bool, Lengths], Stepper]) -> Tensor:
        torch.manual_seed(0)
        walkers = []
        for seed in range(2):
            texts = torch.randn(2, 1, 77, width, device="cuda").unbind()
            walkers.append(Walker(noise(seed, lengths, flow), *guided(flow, lengths, Features(*texts)), 4.5))
        for _ in walk(flow, stepper, walkers, lengths, STEPS):
            pass
        return torch.cat([walker.latents for walker in walkers])

    with torch.inference_mode():
        torch.testing.assert_close(walked(partial(Stepper, flow)), walked(Eager), rtol=1e-4, atol=1e-4)
