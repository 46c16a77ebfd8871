"""Every network against the reference's own outputs, for weights that are drawn from their names.

The reference's rounding floor is what float64 would have changed; ten times that is allowed.
"""

from __future__ import annotations

import importlib.util
import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_mmaudio import MMAudioMelSpectrogram, MMAudioVAE
from numpy.lib.npyio import NpzFile
from torch import Tensor, nn

from engine.mmaudio import clip_towers, decoder
from engine.mmaudio.checkpoints import Tensors, build, fill, with_unit_rows
from engine.mmaudio.clip_towers import ClipTowers, Words
from engine.mmaudio.layers import rotation
from engine.mmaudio.lengths import CODEC_16K, CODEC_44K, SEGMENT_FRAMES, Codec, Lengths
from engine.mmaudio.network import Architecture, Conditions, FlowNetwork, upsampling
from engine.mmaudio.networks import load_synchformer
from engine.mmaudio.packing import pack
from engine.mmaudio.pictures import Pictures, cropped, squeezed
from engine.mmaudio.sampling import Stepper, Walker, noise, walk
from engine.mmaudio.variants import VARIANTS

REFERENCE = Path(__file__).resolve().parents[3].parent / "shared" / "mmaudio"
GOLDEN = REFERENCE / "golden"
CPU = torch.device("cpu")
UNSAID = 2e-6
"""The floor where the reference does not say its own: that of its smallest networks."""

pytestmark = [
    pytest.mark.timeout(600),  # whole networks of a billion weights are drawn
    pytest.mark.shared,
    pytest.mark.skipif(not REFERENCE.exists(), reason="the reference's outputs are not here"),
]


@pytest.fixture(scope="module")
def synth() -> ModuleType:
    """The rule that makes weights and inputs of their names."""
    spec = importlib.util.spec_from_file_location("synth", REFERENCE / "synth.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Drawn:
    """Weights by the rule. Those of a file may be `kept`: many of a small network's are also those of its sibling."""

    def __init__(self, synth: ModuleType) -> None:
        self._synth = synth
        self._kept: dict[tuple[str, tuple[int, ...]], Tensor] = {}
        self._statistics = json.loads((GOLDEN / "vae_data_stats.json").read_text())
        self._files = json.loads((REFERENCE / "state_dict_keys.json").read_text())["state_dicts"]

    def file(self, name: str, keep: bool = False, beginning: tuple[str, ...] = ("",)) -> Tensors:
        """The weights of a published file whose names begin so."""
        entries = next(entries for file, entries in self._files.items() if name in file)
        shapes = {name: shape for name, (shape, _) in entries.items() if name.startswith(beginning)}
        return {name: self.tensor(name, tuple(shape), keep) for name, shape in shapes.items()}

    def keys(self, name: str) -> Tensors:
        """The weights of one of the reference's tiny networks."""
        shapes = json.loads((GOLDEN / f"{name}_keys.json").read_text())
        return {name: self.tensor(name, tuple(shape)) for name, shape in shapes.items()}

    def tensor(self, name: str, shape: tuple[int, ...], keep: bool = False) -> Tensor:
        """`offset + scale * noise`, in place: a billion numbers are not copied twice."""
        if (name, shape) in self._kept:
            return self._kept[name, shape]
        if name.endswith(".filter"):
            return lowpass()
        if name in {"data_mean", "data_std"}:
            return torch.tensor(self._statistics[str(math.prod(shape))][name.removeprefix("data_")]).view(shape)
        offset, scale = self._synth.rule(name, shape)
        drawn = torch.from_numpy(self._synth.noise(name, shape)).mul_(float(np.float32(scale)))
        drawn = drawn.add_(float(np.float32(offset))) if offset else drawn
        if keep:
            self._kept[name, shape] = drawn
        return drawn


@pytest.fixture(scope="module")
def weights(synth: ModuleType) -> Drawn:
    return Drawn(synth)


def lowpass() -> Tensor:
    """The filter of BigVGAN's activations: a windowed sinc of twelve taps, half of the band."""
    beta = 0.1102 * (2.285 * 5 * np.pi * 1.2 + 7.95 - 8.7)
    taps = torch.kaiser_window(12, periodic=False, beta=beta) * torch.sinc(0.5 * (torch.arange(12) - 5.5))
    return (taps / taps.sum()).view(1, 1, 12)


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def golden(name: str) -> NpzFile:
    file: NpzFile = np.load(GOLDEN / f"{name}.npz", allow_pickle=False)
    return file


def assert_golden(ours: Tensor, file: Mapping[str, Any], key: str, floor: float | None = None) -> None:
    """Within ten times the rounding floor of the reference's own output."""
    reference = file[key]
    known = floor if floor is not None else float(file[f"err_{key}"]) if f"err_{key}" in file else UNSAID
    assert tuple(ours.shape) == reference.shape
    assert float(np.abs(ours.float().numpy() - reference).max()) <= 10 * known, key


def assert_trace(ours: Tensor, file: Mapping[str, Any], key: str) -> None:
    """A few rows from within a network, whose floor is not told: a few units in the last place of the largest."""
    assert_golden(ours, file, key, floor=UNSAID * max(1.0, float(np.abs(file[key]).max())))


@contextmanager
def traced(network: nn.Module, *names: str) -> Iterator[dict[str, Any]]:
    """What the modules of these names give, each the first time."""
    seen: dict[str, Any] = {}

    def remember(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, __: Any, made: Any) -> None:
            seen.setdefault(name, made)

        return hook

    hooks = [network.get_submodule(name).register_forward_hook(remember(name)) for name in names]
    yield seen
    for hook in hooks:
        hook.remove()


def inputs(synth: ModuleType, tag: str, shape: tuple[int, ...], unit: bool = False) -> Tensor:
    drawn = synth.inp(tag, shape)
    return torch.from_numpy(synth.unit_rows(drawn) if unit else drawn)


def test_weights_are_drawn_by_the_rule(weights: Drawn) -> None:
    for name, expected in json.loads((GOLDEN / "weight_rule_checks.json").read_text())["checks"].items():
        drawn = weights.tensor(name, tuple(expected["shape"])).numpy()
        assert zlib.crc32(drawn.tobytes()) == expected["crc32"], name


# --- Lengths, pictures, noise ----------------------------------------------------------------------------------------


def test_lengths() -> None:
    for case, expected in json.loads((GOLDEN / "seq_lengths.json").read_text()).items():
        mode, seconds = case.split(":")
        codec = CODEC_16K if mode == "16k" else CODEC_44K
        ours = Lengths.of(float(seconds), codec)
        assert [ours.latents, ours.clip, ours.sync, ours.latents * 2 * codec.hop] == expected


def test_upsampling_of_timing() -> None:
    for lengths, expected in json.loads((GOLDEN / "sync_index_maps.json").read_text()).items():
        tokens, count = (int(number) for number in lengths.split("->"))
        assert upsampling(tokens, count, CPU).tolist() == expected


@pytest.mark.parametrize("case", ["720p", "portrait", "small", "odd"])
def test_resizing(synth: ModuleType, case: str) -> None:
    expected = json.loads((GOLDEN / "resize.json").read_text())[case]
    images = torch.from_numpy(synth.video_u8(f"resize_{case}", 2, *expected["hw"])).permute(0, 3, 1, 2)
    for made, checksum in (
        (torch.stack([squeezed(image, clip_towers.SIDE) for image in images]), expected["crc_clip_u8"]),
        (torch.stack([cropped(image, 224) for image in images]), expected["crc_sync_u8"]),
    ):
        assert zlib.crc32(made.contiguous().numpy().tobytes()) == checksum


def test_frames_are_chosen_as_the_reference_does_but_at_exact_ticks() -> None:
    """The reference adds 1/f up, which drifts: on a tick it may take the next frame, and it may lose the last."""
    for case in json.loads((GOLDEN / "frame_selection.json").read_text()).values():
        times = [float(Fraction(index) / Fraction(case["fps"])) + case["offset"] for index in range(case["n_frames"])]
        for rate, name in ((8, "clip"), (25, "sync")):
            chosen, shown = Pictures(rate), []
            for index, time in enumerate(times):
                if time <= 8.0 and chosen.wants(time):
                    before = len(chosen.order)
                    chosen.show(torch.tensor([index]), time)
                    shown += [index] * (len(chosen.order) - before)
            for tick, (ours, theirs) in enumerate(zip(shown, case[name], strict=False)):
                on_a_tick = abs(times[ours] - tick / rate) < 1e-6
                assert ours == theirs or (on_a_tick and theirs == ours + 1)


def test_noise() -> None:
    for key, expected in json.loads((GOLDEN / "torch_cpu_randn.json").read_text()).items():
        dtype, shape = key.split(":")
        _, count, channels = json.loads(shape.replace("(", "[").replace(")", "]"))
        network = FlowNetwork(Architecture(64, 1, 0, channels)).to(getattr(torch, dtype))
        drawn = noise(42, Lengths(count, 0, 0), network).float()
        assert zlib.crc32(drawn.numpy().tobytes()) == expected["crc32_f32"]


# --- The flow network ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_small_flow(synth: ModuleType, weights: Drawn, version: int) -> None:
    file, tiny = golden("tiny"), f"tiny_v{version}"
    network = flow_network(
        Architecture(128, 2, 1, 20, version == 2, clip_width=64, sync_width=48, text_width=64), weights.keys(tiny)
    )
    conditions = network.conditions(
        inputs(synth, "tiny/clip_f", (2, 16, 64), unit=True),
        inputs(synth, "tiny/sync_f", (2, 32, 48)),
        inputs(synth, "tiny/text_f", (2, 77, 64), unit=True),
    )
    assert_golden(conditions.clip, file, f"{tiny}_clip_f")
    assert_golden(conditions.sync[:, upsampling(32, 50, CPU)], file, f"{tiny}_sync_f")
    assert_golden(conditions.text, file, f"{tiny}_text_f")
    latents, times = inputs(synth, "tiny/x", (2, 50, 20)), torch.tensor([0.0, 0.13, 0.77])
    assert_golden(network.t_embed(times), file, f"{tiny}_t_embed")
    velocities = [network(latents, moment, conditions) for moment in network.moments(times, conditions)]
    for time, velocity in zip((0.0, 0.13, 0.77), velocities, strict=True):
        assert_golden(velocity, file, f"{tiny}_flow_{time}")
    nothing = network.conditions(
        network.empty_clip(16).expand(2, -1, -1),
        network.empty_sync(32).expand(2, -1, -1),
        network.empty_string_feat.expand(2, -1, -1),
    )
    opposite = network(latents, network.moments(times[1:2], nothing)[0], nothing)
    assert_golden(4.5 * velocities[1] - 3.5 * opposite, file, f"{tiny}_cfg_0.13", floor=4.5 * UNSAID)


def test_rotation() -> None:
    file = golden("tiny")
    for key, stretch in (("tiny_latent_rot_row7", 1.0), ("tiny_clip_rot_row7", 50 / 16)):
        cosine, sine = (each[7] for each in rotation(8, stretch, CPU))
        matrices = torch.stack([cosine, -sine, sine, cosine], dim=-1).unflatten(-1, (2, 2))
        assert_golden(matrices, file, key, floor=1e-7)


def flow_network(architecture: Architecture, weights: Tensors) -> FlowNetwork:
    """Of the weights themselves, not of copies."""
    network = build(lambda: FlowNetwork(architecture)).requires_grad_(False).eval()
    network.load_state_dict(weights, assign=True)
    return network


@pytest.fixture(scope="module")
def flow(weights: Drawn) -> Callable[[str], FlowNetwork]:
    def made(variant: str) -> FlowNetwork:
        """Laid out for the processor, as it works for people."""
        file, keep = f"mmaudio_{variant}.pth", variant.startswith("small")
        network = flow_network(VARIANTS[variant].architecture, weights.file(file, keep))
        pack(network)
        return network

    return made


def flow_conditions(synth: ModuleType, network: FlowNetwork, lengths: Lengths) -> dict[str, Conditions]:
    """The conditions of the reference's full-size cases, by their names."""
    no_clip, no_sync = network.empty_clip(lengths.clip), network.empty_sync(lengths.sync)
    text, negative = (inputs(synth, f"flow/{name}", (1, 77, 1024), unit=True) for name in ("text_f", "neg_text_f"))
    clip = inputs(synth, "flow/clip_f", (1, lengths.clip, 1024), unit=True)
    sync = inputs(synth, "flow/sync_f", (1, lengths.sync, 768))
    return {
        "full": network.conditions(clip, sync, text),
        "empty": network.conditions(no_clip, no_sync, network.empty_string_feat[None]),
        "negative": network.conditions(no_clip, no_sync, negative),
        "textonly": network.conditions(no_clip, no_sync, text),
    }


@pytest.mark.parametrize("variant", ["small_16k", "small_44k", "large_44k_v2"])
def test_flow_step_by_step(synth: ModuleType, flow: Callable[[str], FlowNetwork], variant: str) -> None:
    file, network = golden(f"flow_{variant}"), flow(variant)
    lengths = Lengths.of(8.0, VARIANTS[variant].codec)
    last = lengths.latents - 1
    with traced(network, "clip_cond_proj", "text_cond_proj") as made:
        conditions = flow_conditions(synth, network, lengths)
    assert_golden(made["clip_cond_proj"][:, 0], file, "clip_f_c")
    assert_golden(made["text_cond_proj"][:, 0], file, "text_f_c")
    nearest = upsampling(lengths.sync, lengths.latents, CPU)
    assert nearest.tolist() == file["sync_index_map"].tolist()
    full = conditions["full"]
    assert_golden(full.sync[:, nearest][:, [0, 1, 2, 17, 100, last]], file, "cond_sync_rows")
    assert_golden(full.clip[:, [0, 31, 63]], file, "cond_clip_rows")
    assert_golden(full.text[:, [0, 5, 76]], file, "cond_text_rows")
    latents = inputs(synth, f"flow/{variant}/x", (1, lengths.latents, network.architecture.channels))
    times = torch.tensor([0.13, 0.77])
    embedded = network.t_embed(times)
    joint = [f"joint_blocks.{index}" for index in range(network.architecture.joint_blocks)]
    fused = [f"fused_blocks.{index}" for index in range(network.architecture.fused_blocks)]
    for index, names in enumerate((("full", "empty", "negative"), ("full", "empty"))):
        time = f"{times[index]:.2f}"
        assert_golden(embedded[index].view(file[f"t_embed_{time}"].shape), file, f"t_embed_{time}")
        together = Conditions.batch([conditions[name] for name in names])
        moment = network.moments(times[index : index + 1], together)[0]
        with traced(network, *(["audio_input_proj", *joint, *fused] if index == 0 else [])) as made:
            velocities = network(latents.expand(len(names), -1, -1), moment, together)
        for name, velocity in zip(names, velocities, strict=True):
            assert_golden(velocity[None], file, f"{name}_{time}")
        if index == 0:
            assert_trace(made["audio_input_proj"][:1, [0, 17, last]], file, "trace_audio_input_proj")
            for block, name in enumerate(joint):
                for stream, (tokens, rows) in {
                    "latent": (made[name][0], [0, 17, last]),
                    "clip": (made[name][1], [0, 63]),
                    "text": (made[name][2], [0, 76]),
                }.items():
                    assert_trace(tokens[:1, rows], file, f"trace_joint{block}_{stream}")
            for block, name in enumerate(fused):
                assert_trace(made[name][:1, [0, 17, last]], file, f"trace_fused{block}_latent")


@pytest.fixture(scope="module")
def small_16k(flow: Callable[[str], FlowNetwork]) -> FlowNetwork:
    return flow("small_16k")


def test_sampling(synth: ModuleType, small_16k: FlowNetwork) -> None:
    """Three walks in one batch: from the picture, against a negative prompt, and from words alone."""
    lengths = Lengths.of(8.0, CODEC_16K)
    made = flow_conditions(synth, small_16k, lengths)
    start = inputs(synth, "sample/x0", (1, 250, 20))
    sides = ("full", "empty"), ("full", "negative"), ("textonly", "empty")
    walkers = [Walker(start, made[wanted], made[unwanted], 4.5) for wanted, unwanted in sides]
    for _ in walk(small_16k, partial(Stepper, small_16k), walkers, lengths, 4):
        pass
    latents = small_16k.unnormalise(torch.cat([walker.latents for walker in walkers]))
    normalised = (latents - small_16k.latent_mean) / small_16k.latent_std
    file = golden("flow_small_16k")
    # The floor of one velocity, over the steps of the walk and the guidance that weighs them.
    floor = 4.5 * float(file["err_full_0.13"])
    for index, case in enumerate(("cfg4.5_empty", "cfg4.5_negative", "textonly")):
        assert_golden(normalised[index : index + 1], file, f"sample4_{case}_x1", floor)
        if case != "textonly":
            assert_golden(latents[index : index + 1], file, f"sample4_{case}_unnorm", floor)


def test_another_duration(synth: ModuleType, small_16k: FlowNetwork) -> None:
    file = golden("flow_small_16k")
    lengths = Lengths.of(3.2, CODEC_16K)
    assert [lengths.latents, lengths.clip, lengths.sync] == file["short3.2_lengths"].tolist()
    conditions = flow_conditions(synth, small_16k, lengths)["full"]
    latents = inputs(synth, "flow/small_16k/x_short", (1, lengths.latents, 20))
    velocity = small_16k(latents, small_16k.moments(torch.tensor([0.13]), conditions)[0], conditions)
    assert_golden(velocity, file, "short3.2_full_0.13", floor=float(file["err_full_0.13"]))


# --- The encoders ----------------------------------------------------------------------------------------------------


def test_synchformer(synth: ModuleType, weights: Drawn) -> None:
    file = golden("sync")
    network = load_synchformer(weights.file("synchformer"), REFERENCE, torch.float32, CPU)
    frames = torch.from_numpy(synth.video_u8("sync", 40, 224, 224)).permute(0, 3, 1, 2).float() / 255
    starts = range(0, 40 - SEGMENT_FRAMES + 1, SEGMENT_FRAMES // 2)
    cut = torch.stack([(frames[start : start + SEGMENT_FRAMES] - 0.5) / 0.5 for start in starts])
    blocks = [f"blocks.{index}" for index in range(12)]
    with traced(network, "patch_embed_3d", *blocks) as made:
        features = torch.cat([network(segment[None]) for segment in cut]).flatten(0, 1)[None]
    assert_golden(features, file, "features")
    assert_trace(made["patch_embed_3d"][:, [0, 1, 14, 196, 1567]], file, "trace_patch")
    for index, name in enumerate(blocks):
        assert_trace(made[name][:, [0, 1, 2, 196, 197, 1568]], file, f"trace_block{index}")


def test_small_clip(synth: ModuleType, weights: Drawn) -> None:
    sizes = {"hidden_size": 160, "intermediate_size": 640, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = clip_towers.make_vision(clip_towers.VISION | sizes | {"image_size": 56, "projection_dim": 64})
    words = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4}
    towers = ClipTowers(vision, clip_towers.make_text(clip_towers.TEXT | words))
    towers.fill(weights.keys("tiny_clip"), REFERENCE, torch.float32, CPU)
    file = golden("tiny")
    pictures = inputs(synth, "tiny/clip_img", (2, 3, 62, 62))[..., :56, :56]
    seen = torch.nn.functional.normalize(vision(pixel_values=pictures).image_embeds, dim=-1)
    assert_golden(seen, file, "tiny_clip_image")
    rows = [[49406, 320, 1929, 32676, 49407], [49406, 49407]]
    tokens = torch.tensor([row + [0] * (77 - len(row)) for row in rows])
    assert_golden(towers.read(tokens), file, "tiny_clip_text")


def test_clip(synth: ModuleType, weights: Drawn) -> None:
    file = golden("clip")
    towers = ClipTowers.load(weights.file("DFN5B"), REFERENCE, torch.float32, CPU)
    pictures = torch.from_numpy(synth.video_u8("clip", 2, 384, 384)).permute(0, 3, 1, 2)
    layers = {index: f"vision_model.encoder.layers.{index}" for index in (0, 1, 15, 31)}
    with traced(towers.vision, "vision_model.pre_layrnorm", *layers.values()) as made:
        assert_golden(towers.see(pictures)[None], file, "image_features", floor=float(file["err_image"]))
    rows = [0, 1, 27, 28, 729]
    assert_trace(made["vision_model.pre_layrnorm"][:1, rows], file, "trace_visual_ln_pre")
    last = "trace_visual_block31"  # of its rows the first alone is made: no other is used
    assert_trace(made[layers.pop(31)][:1], {last: file[last][:, :1]}, last)
    for index, name in layers.items():
        assert_trace(made[name][:1, rows], file, f"trace_visual_block{index}")
    layers = {index: f"encoder.layers.{index}" for index in (0, 1, 23)}
    with traced(towers.text, *layers.values()) as made:
        read = towers.read(torch.from_numpy(file["tokens"]))
    assert_golden(read, file, "text_features", floor=float(file["err_text"]))
    for index, name in layers.items():
        assert_trace(made[name][:1, [0, 1, 4, 76]], file, f"trace_text_block{index}")


def test_words_become_the_references_tokens(tmp_path: Path) -> None:
    """With as much of the published vocabulary as the reference's own prompts need."""
    file = golden("clip")
    said = ["a", "dog", "barking", "in", "the", "rain"]
    vocabulary = dict(zip((f"{word}</w>" for word in said), file["tokens"][0, 1:7].tolist(), strict=True))
    merges = ["#version: 0.2"]
    for word in sorted(said, key=len, reverse=True):
        letters = [*word[:-1], f"{word[-1]}</w>"]
        for count in range(1, len(letters)):
            merges.append(f"{''.join(letters[:count])} {letters[count]}")
            for part in (letters[count], "".join(letters[:count])):
                vocabulary.setdefault(part, 40_000 + len(vocabulary))
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("\n".join(dict.fromkeys(merges)))
    words = Words(tmp_path / "vocab.json", tmp_path / "merges.txt")
    for text in ("a dog barking in the rain", "  A dog\tbarking\n in the &amp;#82;ain "):
        assert words.tokens(text).tolist() == file["tokens"][:1].tolist()
    assert words.tokens("").tolist() == file["tokens"][1:].tolist()
    assert words.tokens("rain " * 100).tolist() == file["tokens_long"].tolist()


# --- From latents to sound -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decoder_16k(weights: Drawn) -> decoder.Decoder:
    return made_decoder(weights, CODEC_16K, "v1-16", "best_netG.pt[generator]")


def made_decoder(weights: Drawn, codec: Codec, vae: str, vocoder: str) -> decoder.Decoder:
    return decoder.Decoder(
        decoder.load_vae(codec, weights.file(vae, beginning=("data_", "decoder.")), REFERENCE, torch.float32, CPU),
        decoder.load_vocoder(codec, weights.file(vocoder), REFERENCE, torch.float32, CPU),
    )


def assert_decodes(synth: ModuleType, networks: decoder.Decoder, codec: Codec, mode: str) -> None:
    file = golden(f"decode_{mode}")
    first = networks.vae.vae.decoder.conv_in.weight
    assert_golden(first[0], file, "conv_in_weight_normed_row0", floor=1e-7)
    latents = inputs(synth, f"decode/{mode}/z", (1, 24, codec.channels))
    assert_golden(networks.vae.decode(latents.transpose(1, 2)).sample, file, "mel")
    assert_golden(networks.decode(latents)[:, None], file, "wav")
    made = networks.vocoder(inputs(synth, f"vocode/{mode}/mel", (1, codec.bins, 16))).sample
    assert_golden(made, file, "wav_from_noise_mel", floor=float(file["err_wav"]))


def test_decoding_at_44k(synth: ModuleType, weights: Drawn) -> None:
    networks = made_decoder(weights, CODEC_44K, "v1-44", "bigvgan_generator.pt[generator]")
    assert_decodes(synth, networks, CODEC_44K, "44k")


def test_decoding_at_16k(synth: ModuleType, decoder_16k: decoder.Decoder) -> None:
    assert_decodes(synth, decoder_16k, CODEC_16K, "16k")


def test_a_whole_sound(decoder_16k: decoder.Decoder) -> None:
    """Latents of eight seconds, as the reference sampled them, to the sound it made of them: all of the spectrogram,
    and the sound's two ends and its middle, each heard with as much around it as it depends on."""
    chain, floors = golden("chain_16k"), golden("decode_16k")
    latents = torch.from_numpy(golden("flow_small_16k")["sample4_cfg4.5_empty_unnorm"])
    mel = decoder_16k.vae.decode(latents.transpose(1, 2)).sample
    assert_golden(mel[..., :8], chain, "mel_first8", floor=float(floors["err_mel"]))
    halves = chain["mel_f16"].astype(np.float32)
    np.testing.assert_allclose(mel.numpy(), halves, atol=10 * float(floors["err_mel"]), rtol=2**-11)

    def sound(first: int, last: int) -> Tensor:
        """Of the mel frames `first` to `last`."""
        begin, end = max(0, first - AROUND), min(500, last + AROUND)
        heard: Tensor = decoder_16k.vocoder(mel[..., begin:end]).sample
        return heard[..., (first - begin) * 256 : (last - begin) * 256]

    assert_golden(sound(0, 16), chain, "wav_first4096", floor=float(floors["err_wav"]))
    assert_golden(sound(484, 500), chain, "wav_last4096", floor=float(floors["err_wav"]))
    whole = chain["wav_i16"][..., 240 * 256 : 256 * 256] / 32767
    np.testing.assert_allclose(sound(240, 256).numpy(), whole, atol=0.5 / 32767 + 10 * float(floors["err_wav"]))


AROUND = 40
"""Mel frames beyond which no sample of the vocoder depends on the spectrogram."""


@pytest.mark.parametrize(("codec", "mode"), [(CODEC_16K, "16k"), (CODEC_44K, "44k")], ids=["16k", "44k"])
def test_the_half_that_encodes(synth: ModuleType, weights: Drawn, codec: Codec, mode: str) -> None:
    """The engine never asks for it; the published files hold it, and it is read as the other half is."""
    settings = decoder.SETTINGS[codec]["vae"]
    encoder = build(lambda: MMAudioVAE(codec.bins, codec.channels, settings["hidden_channels"])).vae.encoder
    drawn = weights.file(f"v1-{mode.removesuffix('k')}", beginning=("data_", "encoder."))
    mean, deviation = drawn.pop("data_mean"), drawn.pop("data_std")
    named = {name.removeprefix("encoder."): each for name, each in with_unit_rows(drawn).items()}
    fill(encoder, named, REFERENCE, torch.float32, CPU)
    mel = inputs(synth, f"encode/{mode}/mel", (1, codec.bins, 16))
    assert_trace(encoder((mel - mean) / deviation), golden(f"decode_{mode}"), "encoder_moments")
    heard = torch.from_numpy(synth.inp(f"mel/{mode}/wav", (1, 8192 if codec is CODEC_16K else 16_384), 0.2))
    spectrogram = MMAudioMelSpectrogram(codec.rate, settings["n_fft"], codec.bins, codec.hop)(heard)
    assert_trace(spectrogram / (math.log(10) if codec is CODEC_16K else 1), golden("tiny"), f"mel_{mode}")


def test_small_codecs(synth: ModuleType, weights: Drawn) -> None:
    file = golden("tiny")
    vae = MMAudioVAE(80, 20, 32, sample_rate=16_000, n_fft=1024, hop_length=256)
    del vae.mel_converter
    named = {f"vae.{name}": each for name, each in with_unit_rows(weights.keys("tiny_vae")).items()}
    fill(vae, named, REFERENCE, torch.float32, CPU)
    assert_golden(vae.decode(inputs(synth, "tiny/z", (1, 20, 12))).sample, file, "tiny_vae_mel")
    assert_golden(vae.vae.encode(inputs(synth, "tiny/mel", (1, 80, 24))), file, "tiny_vae_moments")
    for name, codec in (("tiny_voc16", CODEC_16K), ("tiny_voc44", CODEC_44K)):
        settings = decoder.SETTINGS[codec]["vocoder"] | {"upsample_initial_channel": 128}
        with pytest.MonkeyPatch.context() as small:
            small.setitem(decoder.SETTINGS, codec, decoder.SETTINGS[codec] | {"vocoder": settings})
            vocoder = decoder.load_vocoder(codec, weights.keys(name), REFERENCE, torch.float32, CPU)
        assert_golden(lowpass().flatten(), file, f"{name}_filter", floor=1e-8)
        assert_golden(vocoder(inputs(synth, f"tiny/{name}/mel", (1, codec.bins, 10))).sample, file, name)
