"""The muxed clip is the original picture, packet by packet, with the new sound beside it."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from jobs.media import errors, sandbox
from jobs.media.audio import extract_audio
from jobs.media.mux import mux, muxed_suffix
from jobs.media.probe import ClipFacts
from tests import clips
from tests.jobs.media.files import (
    SHARED,
    click,
    facts,
    packets,
    pictures,
    rgb,
    sound,
    tone,
    top_level_boxes,
    write_wav,
)

needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the reference clips are not here")
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffmpeg is not installed")

BALL = clips.bouncing_ball
KEPT = {".mp4": "libx264", ".mov": "libx264", ".webm": "libvpx-vp9", ".mkv": "libx264"}


def _clip(folder: Path, suffix: str = ".mp4", codec: str = "libx264", **film: object) -> Path:
    clip = folder / f"clip{suffix}"
    clips.film(clip, clips.plain(64, 48), codec=codec, noise=10, **({"seconds": 1.5} | film))  # type: ignore[arg-type]
    return clip


def _muxed(clip: Path, audio: Path) -> tuple[Path, ClipFacts]:
    found = facts(clip)
    target = clip.with_name(f"muxed{muxed_suffix(found)}")
    mux(clip, audio, target, found)
    return target, found


@pytest.fixture
def tone_wav(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "tone.wav", tone(1.5))


@pytest.mark.parametrize("fps", [12, 29.97, 60, "variable"])
@pytest.mark.parametrize("suffix", KEPT)
def test_the_pictures_packets_and_times_are_copied(
    tmp_path: Path, tone_wav: Path, suffix: str, fps: clips.FrameRate
) -> None:
    clip = _clip(tmp_path, suffix, KEPT[suffix], fps=fps, with_audio=True)
    target, before = _muxed(clip, tone_wav)
    after = facts(target)
    assert target.suffix == suffix
    assert packets(target) == packets(clip)
    assert pictures(target) == pictures(clip)
    assert (after.start, after.duration, after.frame_count) == (before.start, before.duration, before.frame_count)
    assert after.audio_codec == ("aac" if suffix in (".mp4", ".mov") else "opus")


@pytest.mark.parametrize("suffix", [*KEPT, ".avi", ".flv"])
def test_the_licence_that_a_sound_names_is_in_the_finished_files(tmp_path: Path, suffix: str) -> None:
    """Of nothing else that what was delivered says of itself."""
    delivered, house = tmp_path / "delivered.m4a", tmp_path / "house.wav"
    with av.open(str(write_wav(tmp_path / "tone.wav", tone(1.5)))) as wav, av.open(str(delivered), "w") as out:
        out.metadata.update({"copyright": "CC-BY-NC 4.0 (Müller)", "title": "A secret"})
        encoder = out.add_stream("aac", rate=48_000)
        out.mux([packet for frame in [*wav.decode(audio=0), None] for packet in encoder.encode(frame)])
    assert not extract_audio(delivered, house, 1.3).short
    target, _ = _muxed(_clip(tmp_path, suffix, KEPT.get(suffix, "libx264")), house)
    for path in (house, target):
        with av.open(str(path)) as finished:
            said = {name.lower(): value for name, value in finished.metadata.items()}
        assert said["copyright"] == "CC-BY-NC 4.0 (Müller)"
        assert "A secret" not in said.values()


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_the_index_comes_first(tmp_path: Path, tone_wav: Path, suffix: str) -> None:
    target, _ = _muxed(_clip(tmp_path, suffix), tone_wav)
    boxes = top_level_boxes(target)
    assert boxes.index("moov") < boxes.index("mdat")


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_kept(tmp_path: Path, tone_wav: Path, degrees: int) -> None:
    target, before = _muxed(_clip(tmp_path, rotate=degrees), tone_wav)
    assert facts(target).rotation == before.rotation == degrees


def test_the_shape_of_pixels_and_the_meaning_of_colours_are_kept(tmp_path: Path, tone_wav: Path) -> None:
    clip = tmp_path / "clip.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=25, width=64, height=48, pix_fmt="yuv420p10le")
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.sample_aspect_ratio = 2  # type: ignore[assignment]
        context.color_primaries, context.color_trc, context.colorspace = 9, 18, 9  # BT.2020, HLG
        for index in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * index, np.uint8), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    target, before = _muxed(clip, tone_wav)
    assert (before.width, before.height) == (128, 48)
    assert (facts(target).width, facts(target).height) == (128, 48)
    _, shown = pictures(target)
    assert shown[0].colour[1:] == (9, 9, 18)
    assert pictures(target) == pictures(clip)


def test_pictures_hidden_by_an_edit_list_stay_hidden(tmp_path: Path, tone_wav: Path) -> None:
    clip = _clip(tmp_path, fps=25, seconds=2.0)
    _start_later(clip, 0.6)
    times, _ = pictures(clip)
    assert len(times) == 35
    target, _ = _muxed(clip, tone_wav)
    assert pictures(target) == pictures(clip)
    assert facts(target).duration == pytest.approx(1.4, abs=0.002)


def _start_later(clip: Path, seconds: float) -> None:
    """Move the start of an MP4's first edit, and shorten it: the box elst of ISO/IEC 14496-12, 8.6.6."""
    content = bytearray(clip.read_bytes())
    at = content.index(b"elst") + 4
    assert struct.unpack_from(">II", content, at) == (0, 1)
    length, media_time = struct.unpack_from(">Ii", content, at + 8)
    timescale = struct.unpack_from(">I", content, content.index(b"mdhd") + 4 + 12)[0]
    movie_timescale = struct.unpack_from(">I", content, content.index(b"mvhd") + 4 + 12)[0]
    struct.pack_into(
        ">Ii", content, at + 8, length - round(seconds * movie_timescale), media_time + round(seconds * timescale)
    )
    clip.write_bytes(content)


@pytest.mark.parametrize(
    ("suffix", "codec", "becomes"),
    [
        (".avi", "mjpeg", ".mkv"),
        (".avi", "huffyuv", ".avi"),
        (".avi", "rawvideo", ".avi"),
        (".ts", "libx264", ".mp4"),
        (".flv", "libx264", ".mp4"),
        (".flv", "flv", ".flv"),
        (".gif", "gif", ".mov"),
        (".wmv", "wmv2", ".wmv"),
        (".mov", "prores_ks", ".mov"),
    ],
)
def test_other_containers_give_way_and_the_picture_stays(
    tmp_path: Path, tone_wav: Path, suffix: str, codec: str, becomes: str
) -> None:
    clip = tmp_path / f"clip{suffix}"
    with av.open(str(clip), "w", format="asf" if suffix == ".wmv" else None) as container:
        stream = container.add_stream(codec, rate=25, width=64, height=48)
        assert isinstance(stream, av.VideoStream)
        formats = {"mjpeg": "yuvj420p", "huffyuv": "yuv422p", "gif": "rgb8", "prores_ks": "yuv422p10le"}
        stream.pix_fmt = formats.get(codec, "yuv420p")
        for index in range(30):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * index, np.uint8), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    target, before = _muxed(clip, tone_wav)
    assert target.suffix == becomes
    (times, shown), (times_before, shown_before) = pictures(target), pictures(clip)
    assert [picture.digest for picture in shown] == [picture.digest for picture in shown_before]
    assert times == pytest.approx(times_before, abs=0.0006)  # Matroska counts in milliseconds
    assert facts(target).has_audio
    assert facts(target).duration == pytest.approx(before.duration, abs=0.001)


@pytest.mark.parametrize("suffix", KEPT)
def test_the_sound_starts_with_the_first_picture(tmp_path: Path, suffix: str) -> None:
    audio = write_wav(tmp_path / "click.wav", click(1.5, at=0.5))
    target, _ = _muxed(_clip(tmp_path, suffix, KEPT[suffix]), audio)
    heard = sound(target, origin=facts(target).start)
    assert np.abs(heard[:, 0]).argmax() / 48_000 == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("seconds", [0.4, 1.5, 5.0])
def test_the_sound_is_padded_or_cut_to_the_pictures_length(tmp_path: Path, seconds: float) -> None:
    audio = write_wav(tmp_path / "tone.wav", tone(seconds))
    target, before = _muxed(_clip(tmp_path, seconds=1.5), audio)
    heard = sound(target, origin=0.0)
    assert len(heard) / 48_000 == pytest.approx(before.duration, abs=1024 / 48_000)  # AAC counts in blocks of 1024
    loud = np.abs(heard[:, 0]) > 0.1
    assert np.flatnonzero(loud)[-1] / 48_000 == pytest.approx(min(seconds, before.duration), abs=0.01)


def test_mono_sound_is_heard_on_both_sides(tmp_path: Path) -> None:
    audio = write_wav(tmp_path / "mono.wav", tone(1.5, channels=1))
    target, _ = _muxed(_clip(tmp_path), audio)
    heard = sound(target)
    assert np.abs(heard[:, 0] - heard[:, 1]).max() < 0.02
    assert np.abs(heard).max() > 0.1


def test_nothing_else_of_the_original_comes_along(tmp_path: Path, tone_wav: Path) -> None:
    clip = tmp_path / "clip.mkv"
    with av.open(str(clip), "w") as container:
        container.metadata["title"] = "<script>alert(1)</script>"
        container.metadata["location"] = "+52.5200+013.4050/"
        stream = container.add_stream("libx264", rate=25, width=64, height=48)
        assert isinstance(stream, av.VideoStream)
        stream.metadata["title"] = "secret"
        container.add_attachment("../../evil.txt", "text/plain", b"x" * 99)
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index, np.uint8), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    target, _ = _muxed(clip, tone_wav)
    content = target.read_bytes()
    for left_behind in (b"script", b"+52.52", b"secret", b"evil"):
        assert left_behind in clip.read_bytes()
        assert left_behind not in content
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, tone_wav: Path) -> None:
    clip = _clip(tmp_path)
    first, _ = _muxed(clip, tone_wav)
    kept = first.read_bytes()
    second, _ = _muxed(clip, tone_wav)
    assert second.read_bytes() == kept


def test_a_failed_mux_leaves_nothing_behind(tmp_path: Path) -> None:
    clip, silent = _clip(tmp_path), tmp_path / "silent.mp4"
    clips.film(silent, clips.plain(64, 48), seconds=0.5)
    before = set(tmp_path.iterdir())
    with pytest.raises(errors.NoAudio):
        mux(clip, silent, tmp_path / "muxed.mp4", facts(clip))
    assert set(tmp_path.iterdir()) == before


def memory_of_a_mux(clip: Path, audio: Path, target: Path, found: ClipFacts) -> int:
    """The most memory the process ever held, bytes, as the kernel tells it."""
    mux(clip, audio, target, found)
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    noise = [np.random.default_rng(seed).integers(0, 255, (240, 320, 3), np.uint8) for seed in range(4)]
    used, sizes = [], []
    for seconds in (2, 60):
        clip = tmp_path / f"{seconds}.mov"
        frames: Iterator[tuple[float, clips.Image]] = ((n / 25, noise[n % 4]) for n in range(25 * seconds))
        clips.write_frames(clip, frames, fps=25, codec="mjpeg")
        audio = write_wav(tmp_path / f"{seconds}.wav", tone(seconds))
        found, target = facts(clip), tmp_path / f"muxed{seconds}.mov"
        used.append(sandbox.run(memory_of_a_mux, clip, audio, target, found, timeout_seconds=120))
        sizes.append(clip.stat().st_size + audio.stat().st_size)
    assert sizes[1] - sizes[0] > 30e6
    assert used[1] - used[0] < 4e6


# The reference clips, and the ffmpeg program as a second opinion.


def _odd() -> list[str]:
    without_picture = {"truth.json", "no_video_stream.mp4"}
    return sorted(path.name for path in (SHARED / "odd").glob("*.*") if path.name not in without_picture)


def _mux_odd(name: str, folder: Path) -> tuple[Path, Path]:
    clip = SHARED / "odd" / name
    found = facts(clip)
    target = folder / f"muxed{muxed_suffix(found)}"
    mux(clip, write_wav(folder / "tone.wav", tone(3.0)), target, found)
    return clip, target


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", _odd())
def test_every_odd_clip_keeps_its_pictures(tmp_path: Path, name: str) -> None:
    clip, target = _mux_odd(name, tmp_path)
    (times, shown), (times_before, shown_before) = pictures(target), pictures(clip)
    assert shown == shown_before
    assert times == pytest.approx(times_before, abs=0.0006 if target.suffix == ".mkv" else 1e-6)
    before, after = facts(clip), facts(target)
    assert (after.rotation, after.width, after.height) == (before.rotation, before.width, before.height)
    assert after.duration == pytest.approx(before.duration, abs=0.0006)
    if target.suffix == f".{before.container}":
        assert packets(target) == packets(clip)
        assert after.start == pytest.approx(before.start, abs=1e-6)


def _ffprobe(path: Path, *what: str) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-of", "json", *what, str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return list(told["packets" if "packets" in told else "streams"])


def _judged(path: Path, stream: int) -> list[tuple[float, str]]:
    """What ffprobe says of the picture's packets: seconds from the first, and the MD5 of the content."""
    found = _ffprobe(path, "-select_streams", str(stream), "-show_packets", "-show_data_hash", "md5")
    first = float(found[0]["pts_time"])
    return [(round(float(packet["pts_time"]) - first, 6), packet["data_hash"]) for packet in found]


@pytest.mark.ffmpeg
@needs_ffmpeg
@pytest.mark.parametrize("suffix", KEPT)
def test_ffprobe_finds_the_same_packets_and_a_whole_file(tmp_path: Path, tone_wav: Path, suffix: str) -> None:
    clip = _clip(tmp_path, suffix, KEPT[suffix], fps="variable", with_audio=True)
    target, _ = _muxed(clip, tone_wav)
    assert _judged(target, 0) == _judged(clip, 0)
    decoded = subprocess.run(
        # Times as they are: those of a variable rate collide when they are counted in frames.
        ["ffmpeg", "-v", "error", "-xerror", "-i", str(target), "-enc_time_base", "-1", "-f", "null", "-"],
        capture_output=True,
        text=True,
    )
    assert (decoded.returncode, decoded.stderr) == (0, "")


@pytest.mark.ffmpeg
@needs_ffmpeg
def test_ffprobe_sees_the_rotation(tmp_path: Path, tone_wav: Path) -> None:
    target, _ = _muxed(_clip(tmp_path, rotate=90), tone_wav)
    stream = _ffprobe(target, "-select_streams", "v", "-show_streams")[0]
    assert [data["rotation"] for data in stream["side_data_list"] if "rotation" in data] == [-90]


@pytest.mark.ffmpeg
@pytest.mark.shared
@needs_ffmpeg
@needs_shared
@pytest.mark.parametrize("name", ["rot90_hdr_hevc10_noaudio.mov", "hevc_main10_hvc1_aac.mp4", "prores422hq_pcm.mov"])
def test_ffprobe_sees_the_same_tags_and_colours(tmp_path: Path, name: str) -> None:
    clip, target = _mux_odd(name, tmp_path)
    kept = ("codec_tag_string", "color_range", "color_space", "color_transfer", "color_primaries", "pix_fmt", "profile")
    before, after = (_ffprobe(path, "-select_streams", "v:0", "-show_streams")[0] for path in (clip, target))
    assert {key: before.get(key) for key in kept} == {key: after.get(key) for key in kept}


def test_the_reference_picture_is_what_it_seems(tmp_path: Path) -> None:
    """The digests above would tell another picture."""
    clip = _clip(tmp_path)
    _, shown = pictures(clip)
    assert len({picture.digest for picture in shown}) == len(shown)
    assert rgb(clip).shape == (48, 64, 3)
