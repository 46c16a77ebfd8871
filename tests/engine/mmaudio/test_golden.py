"""Every network against the reference's own outputs, for weights that are drawn from their names.

The reference's rounding floor is what float64 would have changed; ten times that is allowed.
"""

from __future__ import annotations

import importlib.util
import json
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.lib.npyio import NpzFile
from torch import Tensor

from engine.mmaudio import clip_towers, decoder
from engine.mmaudio.checkpoints import Tensors
from engine.mmaudio.clip_towers import ClipTowers
from engine.mmaudio.layers import rotation
from engine.mmaudio.lengths import CODEC_16K, CODEC_44K, SEGMENT_FRAMES, Codec, Lengths
from engine.mmaudio.network import Architecture, Conditions, FlowNetwork, upsampling
from engine.mmaudio.networks import load_synchformer
from engine.mmaudio.pictures import Pictures, cropped, squeezed
from engine.mmaudio.sampling import noise, sample
from engine.mmaudio.variants import VARIANTS
from engine.model import Progress

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


@pytest.fixture(scope="module")
def weights(synth: ModuleType) -> Callable[..., Tensors]:
    """The weights of a published file; `bins` for the statistics of a mel that are not drawn."""
    shapes = json.loads((REFERENCE / "state_dict_keys.json").read_text())["state_dicts"]
    statistics = json.loads((GOLDEN / "vae_data_stats.json").read_text())

    def made(file: str, bins: int = 80) -> Tensors:
        entries = next(entries for name, entries in shapes.items() if file in name)
        return {name: tensor(name, shape, bins) for name, (shape, _) in entries.items()}

    def tensor(name: str, shape: list[int], bins: int) -> Tensor:
        if name.endswith(".filter"):
            return lowpass()
        if name in {"data_mean", "data_std"}:
            return torch.tensor(statistics[str(bins)][name.removeprefix("data_")]).view(shape)
        return torch.from_numpy(np.asarray(synth.weight(name, tuple(shape)), np.float32)).view(shape)

    return made


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


def assert_golden(ours: Tensor, file: NpzFile, key: str, floor: float | None = None) -> None:
    """Within ten times the rounding floor of the reference's own output."""
    reference = file[key]
    known = floor if floor is not None else float(file[f"err_{key}"]) if f"err_{key}" in file else UNSAID
    assert tuple(ours.shape) == reference.shape
    assert float(np.abs(ours.float().numpy() - reference).max()) <= 10 * known


def inputs(synth: ModuleType, tag: str, shape: tuple[int, ...], unit: bool = False) -> Tensor:
    drawn = synth.inp(tag, shape)
    return torch.from_numpy(synth.unit_rows(drawn) if unit else drawn)


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
def test_small_flow(synth: ModuleType, version: int) -> None:
    file = golden("tiny")
    network = FlowNetwork(Architecture(128, 2, 1, 20, version == 2, clip_width=64, sync_width=48, text_width=64)).eval()
    synth.fill_module(network)
    conditions = network.conditions(
        inputs(synth, "tiny/clip_f", (2, 16, 64), unit=True),
        inputs(synth, "tiny/sync_f", (2, 32, 48)),
        inputs(synth, "tiny/text_f", (2, 77, 64), unit=True),
    )
    latents = inputs(synth, "tiny/x", (2, 50, 20))
    for time, moment in zip(
        (0.0, 0.13, 0.77), network.moments(torch.tensor([0.0, 0.13, 0.77]), conditions), strict=True
    ):
        assert_golden(network(latents, moment, conditions), file, f"tiny_v{version}_flow_{time}")


def test_rotation() -> None:
    file = golden("tiny")
    for key, stretch in (("tiny_latent_rot_row7", 1.0), ("tiny_clip_rot_row7", 50 / 16)):
        cosine, sine = (each[7] for each in rotation(8, stretch, CPU))
        matrices = torch.stack([cosine, -sine, sine, cosine], dim=-1).unflatten(-1, (2, 2))
        assert_golden(matrices, file, key, floor=1e-7)


@pytest.fixture(scope="module")
def flow(synth: ModuleType) -> Callable[[str], FlowNetwork]:
    def made(variant: str) -> FlowNetwork:
        network = FlowNetwork(VARIANTS[variant].architecture).eval()
        synth.fill_module(network)
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
    conditions = flow_conditions(synth, network, lengths)
    last = lengths.latents - 1
    nearest = upsampling(lengths.sync, lengths.latents, CPU)
    assert nearest.tolist() == file["sync_index_map"].tolist()
    full = conditions["full"]
    assert_golden(full.sync[:, nearest][:, [0, 1, 2, 17, 100, last]], file, "cond_sync_rows")
    assert_golden(full.clip[:, [0, 31, 63]], file, "cond_clip_rows")
    assert_golden(full.text[:, [0, 5, 76]], file, "cond_text_rows")
    latents = inputs(synth, f"flow/{variant}/x", (1, lengths.latents, network.architecture.channels))
    times = torch.tensor([0.13, 0.77])
    embedded = network.t_embed(times)
    for name, at in (("full", (0, 1)), ("empty", (0, 1)), ("negative", (0,))):
        moments = network.moments(times, conditions[name])
        for index in at:
            velocity = network(latents, moments[index], conditions[name])
            assert_golden(velocity, file, f"{name}_{times[index]:.2f}")
            assert_golden(
                embedded[index].view(file[f"t_embed_{times[index]:.2f}"].shape), file, f"t_embed_{times[index]:.2f}"
            )


@pytest.fixture(scope="module")
def small_16k(flow: Callable[[str], FlowNetwork]) -> FlowNetwork:
    return flow("small_16k")


def walked(steps: Iterator[Progress]) -> Tensor:
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            latents: Tensor = finished.value
            return latents


@pytest.mark.parametrize(
    ("wanted", "unwanted", "key"),
    [
        ("full", "empty", "sample4_cfg4.5_empty_unnorm"),
        ("full", "negative", "sample4_cfg4.5_negative_unnorm"),
    ],
)
def test_sampling(synth: ModuleType, small_16k: FlowNetwork, wanted: str, unwanted: str, key: str) -> None:
    conditions = flow_conditions(synth, small_16k, Lengths.of(8.0, CODEC_16K))
    start = inputs(synth, "sample/x0", (1, 250, 20))
    latents = walked(sample(small_16k, start, conditions[wanted], conditions[unwanted], 4, 4.5))
    # The floor of one velocity, over the steps of the walk and the guidance that weighs them.
    file = golden("flow_small_16k")
    assert_golden(latents, file, key, floor=4.5 * float(file["err_full_0.13"]))


def test_sampling_from_words_alone(synth: ModuleType, small_16k: FlowNetwork) -> None:
    conditions = flow_conditions(synth, small_16k, Lengths.of(8.0, CODEC_16K))
    start = inputs(synth, "sample/x0", (1, 250, 20))
    latents = walked(sample(small_16k, start, conditions["textonly"], conditions["empty"], 4, 4.5))
    file = golden("flow_small_16k")
    normalised = (latents - small_16k.latent_mean) / small_16k.latent_std
    assert_golden(normalised, file, "sample4_textonly_x1", floor=4.5 * float(file["err_full_0.13"]))


def test_another_duration(synth: ModuleType, small_16k: FlowNetwork) -> None:
    file = golden("flow_small_16k")
    lengths = Lengths.of(3.2, CODEC_16K)
    conditions = flow_conditions(synth, small_16k, lengths)["full"]
    latents = inputs(synth, "flow/small_16k/x_short", (1, lengths.latents, 20))
    velocity = small_16k(latents, small_16k.moments(torch.tensor([0.13]), conditions)[0], conditions)
    assert_golden(velocity, file, "short3.2_full_0.13", floor=float(file["err_full_0.13"]))


# --- The encoders ----------------------------------------------------------------------------------------------------


def test_synchformer(synth: ModuleType, weights: Callable[..., Tensors]) -> None:
    network = load_synchformer(weights("synchformer"), REFERENCE, torch.float32, CPU)
    frames = torch.from_numpy(synth.video_u8("sync", 40, 224, 224)).permute(0, 3, 1, 2).float() / 255
    starts = range(0, 40 - SEGMENT_FRAMES + 1, SEGMENT_FRAMES // 2)
    cut = torch.stack([(frames[start : start + SEGMENT_FRAMES] - 0.5) / 0.5 for start in starts])
    features = torch.cat([network(segment[None]) for segment in cut]).flatten(0, 1)[None]
    assert_golden(features, golden("sync"), "features")


def test_small_clip(synth: ModuleType) -> None:
    sizes = {"hidden_size": 160, "intermediate_size": 640, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = clip_towers.make_vision(clip_towers.VISION | sizes | {"image_size": 56, "projection_dim": 64})
    words = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = clip_towers.make_text(clip_towers.TEXT | words)
    shapes = json.loads((GOLDEN / "tiny_clip_keys.json").read_text())
    drawn = {
        name: torch.from_numpy(np.asarray(synth.weight(name, tuple(shape)), np.float32)).view(shape)
        for name, shape in shapes.items()
    }
    towers = ClipTowers(vision, text)
    towers.fill(drawn, REFERENCE, torch.float32, CPU)
    file = golden("tiny")
    pictures = inputs(synth, "tiny/clip_img", (2, 3, 62, 62))[..., :56, :56]
    seen = torch.nn.functional.normalize(vision(pixel_values=pictures).image_embeds, dim=-1)
    assert_golden(seen, file, "tiny_clip_image")
    rows = [[49406, 320, 1929, 32676, 49407], [49406, 49407]]
    tokens = torch.tensor([row + [0] * (77 - len(row)) for row in rows])
    assert_golden(towers.read(tokens), file, "tiny_clip_text")


def test_clip(synth: ModuleType, weights: Callable[..., Tensors]) -> None:
    file = golden("clip")
    towers = ClipTowers.load(weights("DFN5B"), REFERENCE, torch.float32, CPU)
    pictures = torch.from_numpy(synth.video_u8("clip", 2, 384, 384)).permute(0, 3, 1, 2)
    assert_golden(towers.see(pictures)[None], file, "image_features", floor=float(file["err_image"]))
    assert_golden(towers.read(torch.from_numpy(file["tokens"])), file, "text_features", floor=float(file["err_text"]))


# --- From latents to sound -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "mode", "vae", "vocoder"),
    [
        (CODEC_16K, "16k", "v1-16", "best_netG.pt[generator]"),
        (CODEC_44K, "44k", "v1-44", "bigvgan_generator.pt[generator]"),
    ],
    ids=["16k", "44k"],
)
def test_decoding(
    synth: ModuleType, weights: Callable[..., Tensors], codec: Codec, mode: str, vae: str, vocoder: str
) -> None:
    file = golden(f"decode_{mode}")
    networks = decoder.Decoder(
        decoder.load_vae(codec, weights(vae, codec.bins), REFERENCE, torch.float32, CPU),
        decoder.load_vocoder(codec, weights(vocoder), REFERENCE, torch.float32, CPU),
    )
    latents = inputs(synth, f"decode/{mode}/z", (1, 24, codec.channels))
    assert_golden(networks.vae.decode(latents.transpose(1, 2)).sample, file, "mel")
    assert_golden(networks.decode(latents)[:, None], file, "wav")
    made = networks.vocoder(inputs(synth, f"vocode/{mode}/mel", (1, codec.bins, 16))).sample
    assert_golden(made, file, "wav_from_noise_mel", floor=float(file["err_wav"]))


def test_a_whole_sound(weights: Callable[..., Tensors]) -> None:
    """Latents of eight seconds, as the reference sampled them, to the sound it made of them."""
    networks = decoder.Decoder(
        decoder.load_vae(CODEC_16K, weights("v1-16"), REFERENCE, torch.float32, CPU),
        decoder.load_vocoder(CODEC_16K, weights("best_netG.pt[generator]"), REFERENCE, torch.float32, CPU),
    )
    chain, floors = golden("chain_16k"), golden("decode_16k")
    latents = torch.from_numpy(golden("flow_small_16k")["sample4_cfg4.5_empty_unnorm"])
    mel = networks.vae.decode(latents.transpose(1, 2)).sample
    assert_golden(mel[..., :8], chain, "mel_first8", floor=float(floors["err_mel"]))
    sound = networks.vocoder(mel).sample
    assert_golden(sound[..., :4096], chain, "wav_first4096", floor=float(floors["err_wav"]))
    assert_golden(sound[..., -4096:], chain, "wav_last4096", floor=float(floors["err_wav"]))
