"""From noise to latents: Euler's method along the flow, with classifier-free guidance (Ho and Salimans, 2022).

Takes of the same lengths walk together, as one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.mmaudio.fitting import is_out_of_memory, release
from engine.mmaudio.lengths import Lengths
from engine.mmaudio.network import TEXT_TOKENS, Conditions, FlowNetwork

WARMING = 3
"""Steps that a GPU takes before it is told to remember one: libraries choose their kernels in the first."""


@dataclass(frozen=True)
class Features:
    """What the encoders made of a picture and of words, each with a batch of 1; None is no picture."""

    text: Tensor
    negative_text: Tensor
    clip: Tensor | None = None
    sync: Tensor | None = None


@dataclass(eq=False)
class Walker:
    """One take on its way: where it is, (1, N, channels), and what draws it and what it is drawn away from.

    `strength` is that of the guidance: the velocity is `strength` times the wanted one less (`strength` - 1) times the
    unwanted one. Below 1 there is no guidance. `taken` is how many steps lie behind it. One that is `stopped` leaves
    the others at the next step; one that memory does not suffice for is `lost`.
    """

    latents: Tensor
    wanted: Conditions
    unwanted: Conditions
    strength: float
    taken: int = 0
    stopped: bool = False
    lost: bool = False

    @property
    def guided(self) -> bool:
        return self.strength >= 1.0


class Stepper:
    """A step of Euler's method for a number of walkers at once, guided or not.

    All it reads and writes keeps its place in memory, so that a GPU is told the step's thousand kernels once, and
    repeats them at a word (a CUDA graph). Latents add up in float32 whatever the network's numbers are.
    """

    def __init__(self, network: FlowNetwork, count: int, guided: bool, lengths: Lengths) -> None:
        self._network, self._guided = network, guided
        weight, rows = network.latent_mean, 2 * count if guided else count
        width, channels = network.architecture.width, network.architecture.channels

        def place(*shape: int, dtype: torch.dtype = weight.dtype) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=weight.device)

        self.latents = place(count, lengths.latents, channels, dtype=torch.float32)
        self._conditions = Conditions(
            *(place(rows, tokens, width) for tokens in (lengths.clip, lengths.sync, TEXT_TOKENS, 1))
        )
        self._moment = place(rows, 1, network.moment_width)
        self._strength = place(count, 1, 1, dtype=torch.float32)
        self._stride = place(1, dtype=torch.float32)
        self._go = recorded(self._step) if weight.device.type == "cuda" else self._step

    def _step(self) -> None:
        latents = self.latents.to(self._moment.dtype)
        if self._guided:
            wanted, unwanted = self._network(latents, self._moment, self._conditions).float().chunk(2)
            velocity = self._strength * wanted + (1 - self._strength) * unwanted
        else:
            velocity = self._network(latents, self._moment, self._conditions).float()
        self.latents.add_(self._stride * velocity)

    def begin(self, walkers: Sequence[Walker]) -> Conditions:
        """Put them at their start; return the conditions of all, from which `step` wants its moments made."""
        sides = [walker.wanted for walker in walkers]
        if self._guided:
            sides += [walker.unwanted for walker in walkers]
        for own, given in zip(self._conditions.parts, Conditions.batch(sides).parts, strict=True):
            own.copy_(given)
        self.latents.copy_(torch.cat([walker.latents for walker in walkers]))
        # One without guidance among guided ones is drawn by the wanted velocity alone.
        strengths = [walker.strength if walker.guided else 1.0 for walker in walkers]
        self._strength.copy_(torch.tensor(strengths)[:, None, None])
        return self._conditions

    def step(self, moment: Tensor, stride: Tensor) -> None:
        """Go on by `stride` of time, from a moment (rows, 1, ·)."""
        self._moment.copy_(moment)
        self._stride.copy_(stride)
        self._go()


Steppers = Callable[[int, bool, Lengths], Stepper]
"""Where steppers are had from: for so many walkers, guided or not, of these lengths."""


def recorded(step: Callable[[], None]) -> Callable[[], None]:
    """The same step, remembered by the GPU."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARMING):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    replay: Callable[[], None] = graph.replay
    return replay


def noise(seed: int, lengths: Lengths, network: FlowNetwork) -> Tensor:
    """Where a take starts: (1, N, channels), the only random draw there is, by the device's own generator."""
    parameter = network.latent_mean
    generator = torch.Generator(parameter.device).manual_seed(seed)
    shape = 1, lengths.latents, network.architecture.channels
    return torch.randn(shape, generator=generator, dtype=parameter.dtype, device=parameter.device)


def guided(network: FlowNetwork, lengths: Lengths, features: Features) -> tuple[Conditions, Conditions]:
    """The conditions of a request, and those of its opposite: no picture, and the words of the negative prompt."""
    no_clip, no_sync = network.empty_clip(lengths.clip), network.empty_sync(lengths.sync)
    clip = no_clip if features.clip is None else features.clip
    sync = no_sync if features.sync is None else features.sync
    return (
        network.conditions(clip, sync, features.text),
        network.conditions(no_clip, no_sync, features.negative_text),
    )


def walk(
    network: FlowNetwork, steppers: Steppers, walkers: Sequence[Walker], lengths: Lengths, steps: int
) -> Generator[tuple[int, Sequence[Walker]], None, None]:
    """Take them from noise to latents; yield, after each step, its number and who took it.

    Where memory does not suffice for all, one half goes after the other.
    """
    try:
        yield from _together(network, steppers, walkers, lengths, steps)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return
    release()  # after the error, whose trace holds what was in memory
    if len(walkers) == 1:
        walkers[0].lost = True
        return
    half = len(walkers) // 2
    for part in (walkers[:half], walkers[half:]):
        yield from walk(network, steppers, part, lengths, steps)


def _together(
    network: FlowNetwork, steppers: Steppers, walkers: Sequence[Walker], lengths: Lengths, steps: int
) -> Generator[tuple[int, Sequence[Walker]], None, None]:
    """Those that are equally far; when some are stopped the others go on as a smaller batch."""
    times = torch.linspace(0, 1, steps + 1, device=network.latent_mean.device)
    while going := [walker for walker in walkers if not walker.stopped and walker.taken < steps]:
        stepper = steppers(len(going), any(walker.guided for walker in going), lengths)
        moments = network.moments(times[going[0].taken : -1], stepper.begin(going))
        for moment, step in zip(moments, range(going[0].taken, steps), strict=True):
            stepper.step(moment, times[step + 1] - times[step])
            yield step + 1, going
            if any(walker.stopped for walker in going):
                break
        for walker, latents in zip(going, stepper.latents.clone().split(1), strict=True):
            walker.latents, walker.taken = latents, step + 1
