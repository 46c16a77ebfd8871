"""The MMAudio model: the published network on the operator's own machine, behind the engine's interface.

What each parameter does here: Prompt and Negative Prompt are the words that the two branches of the guidance read;
Prompt Strength is the guidance; Quality Steps are Euler's steps; Focus on Subject hides from the network what the
picture shows and leaves it when it moves, so that what sounds comes from the prompt alone; Seed is that of the noise.
The same clip, parameters, seed, device and precision give the same samples.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import signal as dsp
from torch import Tensor

from engine.frames import clip_length
from engine.mmaudio import likeness
from engine.mmaudio.fitting import TOO_LARGE, in_parts, refusing, trim
from engine.mmaudio.lengths import SEGMENT_TOKENS, SHORTEST, Lengths
from engine.mmaudio.networks import Networks
from engine.mmaudio.pictures import Pictures, look, segments
from engine.mmaudio.sampling import Features, Walker, guided, noise, walk
from engine.mmaudio.settings import Settings
from engine.mmaudio.variants import MMAUDIO_LICENCE, VARIANTS
from engine.model import SAMPLE_RATE, BadInput, News, Parameters, Progress, Result, Sound, Take, Unloadable, part

TRAINED_SECONDS = 8.0
"""The length of the sounds the network learned from."""

VARIANT_TOO_LARGE = (
    "{variant} does not fit into the graphics card’s memory. Choose a smaller variant, or free the card."
)

LIKE = 0.5
"""The likeness from which a person is told of a voice or of music that was not asked for."""


class Kept:
    """The features of clips seen lately, the oldest given up first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._features: OrderedDict[tuple[Any, ...], Tensor] = OrderedDict()

    def get(self, key: tuple[Any, ...]) -> Tensor | None:
        if key in self._features:
            self._features.move_to_end(key)
        return self._features.get(key)

    def put(self, key: tuple[Any, ...], features: Tensor) -> None:
        self._features[key] = features
        while len(self._features) > self._most:
            self._features.popitem(last=False)


@dataclass
class Prepared:
    """A take that is ready to walk: of `seconds`, with a share `seen` of its work done."""

    take: Take
    walker: Walker
    lengths: Lengths
    seconds: float
    seen: float


class MMAudio:
    """The network of one variant at a time. Implements `engine.model.Together`."""

    name = "mmaudio"
    licence = MMAUDIO_LICENCE

    def __init__(self, networks: Networks | None = None, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.read()
        self._usual = networks.name if networks else self.settings.variant
        if networks is not None:
            self.networks = networks
        self._kept = Kept(2 * self.settings.clips_kept)

    @property
    def variants(self) -> tuple[str, ...]:
        """Those whose files are all there, the configured one first."""
        there = [name for name, variant in VARIANTS.items() if not variant.missing(self.settings.weights)]
        return tuple(sorted(there, key=lambda name: name != self._usual))

    @property
    def longest_step(self) -> float:
        """A processor needs a minute for the waveform of a long clip; a GPU a moment for anything."""
        return 10.0 if self.settings.torch_device.type == "cuda" else 120.0

    def load(self) -> Iterator[Progress]:
        """Read the variant's files. Raises `engine.model.Unloadable`, with what is missing and where it should be."""
        settings = self.settings
        if settings.torch_device.type == "cuda":
            torch.cuda.set_device(settings.torch_device)
            torch.backends.cudnn.conv.fp32_precision = "ieee"  # else convolutions in 32 bits keep ten of a number
        variant = VARIANTS[settings.variant]
        try:
            loading = Networks.load(variant, settings.weights, settings.dtype, settings.torch_device)
            self.networks = yield from loading
            yield Progress(0.95, "Warming up")
            with torch.inference_mode():
                self.networks.stepper(1, True, Lengths.of(TRAINED_SECONDS, variant.codec))
        except torch.OutOfMemoryError as error:
            raise Unloadable(VARIANT_TOO_LARGE.format(variant=variant.name)) from error

    @property
    def at_once(self) -> int:
        """A processor is as busy with one take as with several."""
        return self.settings.at_once or (8 if self.settings.torch_device.type == "cuda" else 1)

    def generate(self, clip: Path | None, parameters: Parameters) -> Generator[Progress, None, Sound]:
        """See `engine.model.Model.generate`. Raises `BadInput`, also where memory does not suffice."""
        for _, news in self.generate_together([Take(clip, parameters)]):
            if isinstance(news, Sound):
                return news
            if isinstance(news, BadInput):
                raise news
            yield news
        raise AssertionError("a take that is not stopped ends with a sound or a refusal")

    @torch.inference_mode()
    def generate_together(self, takes: Sequence[Take]) -> Generator[tuple[Take, News], None, None]:
        """See `engine.model.Together`. Where clips are of different lengths, takes of the same length go together."""
        alike: dict[Lengths, list[Prepared]] = defaultdict(list)
        for take in takes:
            try:
                with refusing():
                    prepared = yield from _told(take, self._prepare(take))
            except BadInput as refusal:
                yield take, refusal
            else:
                if prepared is not None:
                    alike[prepared.lengths].append(prepared)
        for lengths, group in alike.items():
            yield from self._walk(group, lengths)
            for each in group:
                if each.take.stopped:
                    continue
                try:
                    with refusing():
                        yield from self._sound(each)
                except BadInput as refusal:
                    yield each.take, refusal

    def _prepare(self, take: Take) -> Generator[Progress, None, Prepared]:
        """Look at the clip, and read the words."""
        networks, clip, parameters = self.networks, take.clip, take.parameters
        yield from self._become(parameters.variant or self._usual)
        appearance = timing = None
        seconds = parameters.duration
        if clip is None:
            lengths = Lengths.of(seconds, networks.codec)
            seen = 0.0
        else:
            yield Progress(0.0, "Opening the clip")
            seconds = min(seconds, clip_length(clip))
            heard = max(seconds, SHORTEST)
            lengths = Lengths.of(heard, networks.codec)
            seen = 0.6
            looking = self._look(clip, heard, lengths, parameters.focus_on_subject)
            appearance, timing = yield from part(looking, 0.0, seen)
        yield Progress(seen, "Reading the prompt")
        texts = networks.read(parameters.prompt), networks.read(parameters.negative_prompt)
        conditions = guided(networks.flow, lengths, Features(*texts, appearance, timing))
        start = noise(parameters.seed, lengths, networks.flow)
        return Prepared(take, Walker(start, *conditions, parameters.prompt_strength), lengths, seconds, seen)

    def _walk(self, group: Sequence[Prepared], lengths: Lengths) -> Generator[tuple[Take, News], None, None]:
        """From noise to latents, together."""
        networks, steps = self.networks, group[0].take.parameters.quality_steps
        owner = {each.walker: each for each in group}
        for each in group:
            yield each.take, Progress(each.seen, "Starting from noise")
            each.walker.stopped = each.take.stopped
        for step, walkers in walk(networks.flow, networks.stepper, [*owner], lengths, steps):
            for each in (owner[walker] for walker in walkers):
                fraction = each.seen + (0.9 - each.seen) * step / steps
                yield each.take, Progress(fraction, f"Step {step} of {steps}")
                each.walker.stopped = each.take.stopped

    def _sound(self, of: Prepared) -> Generator[tuple[Take, News], None, None]:
        """From latents to sound. Raises `BadInput` where memory did not suffice for the latents."""
        networks, take = self.networks, of.take
        if of.walker.lost:
            raise BadInput(TOO_LARGE)
        yield take, Progress(0.9, "Making the sound")
        if take.stopped:
            return
        trim()  # what came before has left holes, and the decoder wants much at once
        waveform = networks.decoder.decode(networks.flow.unnormalise(of.walker.latents))[0].cpu().numpy()
        samples = in_house_format(waveform, networks.codec.rate, of.seconds)
        yield take, Sound(samples, understood=self._report(samples, of.seconds, take.parameters))

    def _become(self, name: str) -> Generator[Progress, None, None]:
        """Have the variant in memory. Raises `BadInput` where it can't be had."""
        networks, settings = self.networks, self.settings
        if name == networks.name:
            return
        if name not in VARIANTS:
            raise BadInput(f"MMAudio has no variant “{name}”. There are {', '.join(VARIANTS)}.")
        try:
            yield from networks.become(VARIANTS[name], settings.weights, settings.dtype, settings.torch_device)
        except Unloadable as error:
            raise BadInput(str(error)) from error
        except torch.OutOfMemoryError as error:
            raise BadInput(VARIANT_TOO_LARGE.format(variant=name)) from error

    def _look(
        self, clip: Path, seconds: float, lengths: Lengths, timing_only: bool
    ) -> Generator[Progress, None, tuple[Tensor | None, Tensor]]:
        """Appearance (1, Lc, 1024) and timing (1, Ls, 768) of the first `seconds`, from memory where they were seen."""
        content = _digest(clip)
        keys = ("appearance", content, lengths.clip), ("timing", content, lengths.sync, self.settings.edges)
        appearance, timing = (self._kept.get(key) for key in keys)
        if timing is not None and (timing_only or appearance is not None):
            return None if timing_only else appearance, timing
        looking = look(clip, seconds, self._ticks(lengths), self.settings.edges)
        pictures = yield from part(looking, 0.0, 0.1)
        middle = 0.1 if timing_only or appearance is not None else 0.8
        if middle > 0.1:
            appearance = yield from part(self._see(pictures[0]), 0.1, middle)
            self._kept.put(keys[0], appearance)
        if timing is None:
            timing = yield from part(self._time(pictures[1], lengths), middle, 1.0)
            self._kept.put(keys[1], timing)
        return None if timing_only else appearance, timing

    @staticmethod
    def _ticks(lengths: Lengths) -> tuple[int, int]:
        """Pictures wanted for appearance, and for timing: whole segments of it."""
        return lengths.clip, 8 * (lengths.sync // SEGMENT_TOKENS + 1)

    def _see(self, pictures: Pictures) -> Generator[Progress, None, Tensor]:
        """Each different picture is looked at once."""
        features: list[Tensor] = []
        batch = self.networks.pictures_at_once
        for start in range(0, len(pictures.images), batch):
            yield Progress(start / len(pictures.images), "Looking at the clip")
            some = torch.stack(pictures.images[start : start + batch])
            features.append(in_parts(self.networks.clip.see, some))
        return torch.cat(features)[pictures.order][None]

    def _time(self, pictures: Pictures, lengths: Lengths) -> Generator[Progress, None, Tensor]:
        features: list[Tensor] = []
        count, batch = lengths.sync // SEGMENT_TOKENS, self.networks.segments_at_once
        for start in range(0, count, batch):
            yield Progress(start / count, "Following the movement")
            frames = segments(pictures, range(start, min(start + batch, count)))
            features.append(in_parts(self.networks.follow, frames))
        return torch.cat(features).flatten(0, 1)[None]

    def _report(self, samples: NDArray[np.float32], seconds: float, parameters: Parameters) -> dict[str, Any]:
        """What is worth telling a person about the result, as JSON."""
        variant = self.networks.name
        voice = round(likeness.voice_likeness(samples[:, 0], SAMPLE_RATE), 2)
        music = round(likeness.music_likeness(samples[:, 0], SAMPLE_RATE), 2)
        return {
            "summary": f"Made by MMAudio, {variant}.",
            "licence": MMAUDIO_LICENCE,
            "notes": advice(voice, music, seconds, parameters.negative_prompt),
            "voice_likeness": voice,
            "music_likeness": music,
        }


def advice(voice: float, music: float, seconds: float, negative_prompt: str) -> list[str]:
    """What to do, in sentences, about what the network is known for: a voice or music unasked, and length.

    `voice` and `music` are likenesses of the result, 0..1.
    """
    sentences = []
    for share, thing, words in ((voice, "a voice", ("voice", "speech")), (music, "music", ("music",))):
        if share < LIKE:
            continue
        if any(word in negative_prompt.lower() for word in words):
            remedy = "The negative prompt rules it out already: another seed may be without."
        else:
            remedy = f"If that is not wanted, name “{', '.join(words)}” as negative prompt."
        sentences.append(f"Something in it is like {thing}. {remedy}")
    learned = f"The network learned from sounds of {TRAINED_SECONDS:g} seconds"
    if seconds > 1.25 * TRAINED_SECONDS:
        sentences.append(f"{learned}, and beyond that its quality falls. Shorter clips, each for itself, do better.")
    elif seconds < TRAINED_SECONDS / 2:
        sentences.append(f"{learned}: one as short as this may be poorer.")
    return sentences


def _told(take: Take, work: Generator[Progress, None, Result]) -> Generator[tuple[Take, News], None, Result | None]:
    """Some work for a take, its progress told as that take's; None where it was stopped on the way."""
    while not take.stopped:
        try:
            progress = next(work)
        except StopIteration as finished:
            result: Result = finished.value
            return result
        yield take, progress
    work.close()
    return None


def in_house_format(waveform: NDArray[np.float32], rate: int, seconds: float) -> NDArray[np.float32]:
    """A mono waveform at `rate` as float32 (frames, 2) at `SAMPLE_RATE`, `seconds` long to the sample, within -1..1."""
    common = np.gcd(SAMPLE_RATE, rate)
    resampled = dsp.resample_poly(waveform, SAMPLE_RATE // common, rate // common)
    length = round(seconds * SAMPLE_RATE)
    fitted = np.pad(resampled[:length], (0, max(0, length - len(resampled))))
    return np.repeat(np.clip(fitted, -1.0, 1.0)[:, None], 2, axis=1).astype(np.float32)


def _digest(clip: Path) -> str:
    with clip.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
