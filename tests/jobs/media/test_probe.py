"""A probe says what a clip is, whatever its name and headers claim, and refuses what is no clip with a sentence."""

from __future__ import annotations

import dataclasses
import json
import shutil
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest

from jobs.media import errors
from jobs.media.formats import CLIP_DEMUXERS, sniff
from jobs.media.preview import poster
from jobs.media.probe import ClipFacts, Limits, probe
from tests import clips
from tests.jobs.media.files import SHARED, facts, tone, watching, write_wav

needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the reference clips are not here")
PICTURE = clips.plain(64, 48)


@pytest.mark.parametrize(
    ("suffix", "codec", "named", "plays"),
    [
        (".mp4", "libx264", "h264", True),
        (".mov", "libx264", "h264", True),
        (".mov", "prores_ks", "prores", False),
        (".webm", "libvpx-vp9", "vp9", True),
        (".mkv", "libx264", "h264", False),
        (".avi", "mjpeg", "mjpeg", False),
        (".gif", "gif", "gif", False),
        (".ts", "libx264", "h264", False),
        (".flv", "libx264", "h264", False),
    ],
)
def test_a_probe_tells_the_facts_of_every_kind_of_clip(
    tmp_path: Path, suffix: str, codec: str, named: str, plays: bool
) -> None:
    clip = tmp_path / f"clip{suffix}"
    clips.film(clip, PICTURE, fps=25, seconds=1.0, codec=codec)
    found = facts(clip)
    assert (found.container, found.video_codec) == (suffix[1:], named)
    assert (found.width, found.height, found.rotation) == (64, 48, 0)
    assert found.duration == pytest.approx(1.0, abs=0.002)
    assert found.fps == pytest.approx(25, rel=0.01)
    assert (found.frame_count, found.variable_rate) == (25, False)
    assert found.plays_in_browsers is plays
    assert not found.has_audio
    assert found.size_bytes == clip.stat().st_size


def test_facts_survive_json(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clips.film(clip, PICTURE, seconds=0.5, with_audio=True)
    found = facts(clip)
    assert ClipFacts(**json.loads(json.dumps(dataclasses.asdict(found)))) == found


def test_a_rotated_clip_has_the_size_it_is_shown_at(tmp_path: Path) -> None:
    for degrees in (90, 180, 270):
        clip = tmp_path / f"{degrees}.mp4"
        clips.film(clip, PICTURE, seconds=0.5, rotate=degrees)
        found = facts(clip)
        assert found.rotation == degrees
        assert (found.width, found.height) == ((64, 48) if degrees == 180 else (48, 64))


def test_a_variable_rate_is_noticed_and_the_length_is_the_packets(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clips.film(clip, PICTURE, fps="variable", seconds=2.0)
    times = clips.frame_times("variable", 2.0)
    found = facts(clip)
    assert found.variable_rate
    assert found.frame_count == len(times)
    assert times[-1] < found.duration < times[-1] + 0.1


def test_sound_is_described_and_silence_is_recognised(tmp_path: Path) -> None:
    heard, silent = tmp_path / "heard.mp4", tmp_path / "silent.mkv"
    clips.film(heard, PICTURE, seconds=1.0, with_audio=True)
    found = facts(heard)
    assert (found.has_audio, found.audio_codec, found.audio_channels, found.audio_rate) == (True, "aac", 2, 48_000)
    assert not found.silent

    with av.open(str(silent), "w") as container:
        picture, sound = container.add_stream("libx264", rate=25), container.add_stream("aac", rate=48_000)
        assert isinstance(picture, av.VideoStream)
        assert isinstance(sound, av.AudioStream)
        picture.width, picture.height = 64, 48
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts = index
            container.mux(picture.encode(frame))
            block = av.AudioFrame.from_ndarray(np.zeros((2, 1920), np.float32), format="fltp", layout="stereo")
            block.sample_rate, block.pts = 48_000, index * 1920
            container.mux(sound.encode(block))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    assert facts(silent).silent


def test_the_content_counts_not_the_name(tmp_path: Path) -> None:
    clip, renamed = tmp_path / "clip.webm", tmp_path / "clip.mp4"
    clips.film(clip, PICTURE, seconds=0.5, codec="libvpx-vp9")
    shutil.copy(clip, renamed)
    assert facts(renamed).container == "webm"


@pytest.mark.parametrize(
    "name",
    [
        "my clip.mp4",
        "-i.mp4",
        "file:x.mp4",
        "data:,x",
        "a'b\"$(id);&.mp4",
        "映画 🎬 \u202egpm.mp4",
        "%d.mp4",
        "x|y.mp4",
    ],
)
def test_a_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    clip = tmp_path / "clip.mp4"
    clips.film(clip, PICTURE, seconds=0.5)
    assert dataclasses.astuple(facts(clip.rename(tmp_path / name))) == dataclasses.astuple(facts(tmp_path / name))
    poster(tmp_path / name, tmp_path / "poster.jpg", facts(tmp_path / name))


# What is refused, and with which sentence.


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../readme.txt", "x" * 2000)


def _png(path: Path) -> None:
    av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24").save(path.with_suffix(".png"))
    path.with_suffix(".png").rename(path)


def _cover_art_alone(path: Path) -> None:
    write_wav(path.with_suffix(".wav"), tone(0.5))
    with av.open(str(path.with_suffix(".wav"))) as source, av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=48_000)
        for frame in source.decode(audio=0):
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


REFUSED: dict[str, tuple[Callable[[Path], object], type[errors.MediaError], str]] = {
    "empty": (lambda path: path.write_bytes(b""), errors.NotMedia, "The file is empty"),
    "text": (lambda path: path.write_text("A poem.\n" * 900), errors.NotMedia, "not a video"),
    "noise": (lambda path: path.write_bytes(bytes(range(7, 250)) * 99), errors.NotMedia, "not a video"),
    "zip": (_zip, errors.NotMedia, "not a video"),
    "png": (_png, errors.UnsupportedFormat, "still picture"),
    "svg": (lambda path: path.write_text('<?xml version="1.0"?><svg/>'), errors.UnsupportedFormat, "still picture"),
    "wav": (lambda path: write_wav(path, tone(0.5)), errors.NoVideo, "sound but no picture"),
    "sound in mp4": (_cover_art_alone, errors.NoVideo, "sound but no picture"),
    "head of an mp4": (
        lambda path: path.write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)),
        errors.NotMedia,
        "damaged or was cut off",
    ),
    "huge gif": (
        lambda path: path.write_bytes(b"GIF89a\xff\xff\xff\xff\x00\x00\x00,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;"),
        errors.TooLarge,
        "size of the picture",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_clip_is_refused_with_a_sentence(tmp_path: Path, kind: str) -> None:
    make, error, words = REFUSED[kind]
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(error, match=words) as refusal:
        facts(path)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".webm", "libvpx-vp9"), (".mkv", "libx264")])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_clip_is_refused_with_a_sentence(tmp_path: Path, suffix: str, codec: str, share: float) -> None:
    clip = tmp_path / f"clip{suffix}"
    clips.film(clip, PICTURE, seconds=2.0, codec=codec, noise=20)
    content = clip.read_bytes()
    clip.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(errors.NotMedia, match="cut off"):
        facts(clip)


def test_a_truncated_clip_with_its_index_first_is_refused_too(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    with av.open(str(clip), "w", container_options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mjpeg", rate=25, width=64, height=48, pix_fmt="yuvj420p")
        for index in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index, np.uint8), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = clip.read_bytes()
    clip.write_bytes(content[: int(len(content) * 0.6)])
    with pytest.raises(errors.NotMedia, match="cut off"):
        facts(clip)


def test_a_clip_without_one_decodable_picture_is_refused(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clips.film(clip, PICTURE, seconds=1.0)
    content = bytearray(clip.read_bytes())
    at = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    content[at:end] = bytes(end - at)
    clip.write_bytes(content)
    with pytest.raises(errors.Undecodable, match="No picture in this file can be decoded"):
        facts(clip)


def test_length_is_limited_by_what_the_packets_say(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clips.film(clip, PICTURE, fps=1, seconds=130)
    with pytest.raises(errors.TooLong, match=r"The clip is 2\.17 minutes long; the limit is 60 s\."):
        probe(clip, Limits(max_seconds=60))
    assert probe(clip, Limits(max_seconds=131)).duration == pytest.approx(130, abs=0.1)


def test_the_number_of_pictures_is_limited(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clips.film(clip, PICTURE, fps=60, seconds=2)
    with pytest.raises(errors.TooLarge, match="more than 100 pictures"):
        probe(clip, Limits(max_frames=100))


def test_the_size_of_the_picture_is_limited(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clips.film(clip, PICTURE, seconds=0.5)
    with pytest.raises(errors.TooLarge, match="The picture is 64 × 48 pixels; the limit is 50 on a side"):
        probe(clip, Limits(max_side=50))
    with pytest.raises(errors.TooLarge, match="64 × 48"):
        probe(clip, Limits(max_pixels=3000))


# Files that name other files.

PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile 'neighbour.mp4'\nfile '{neighbour}'\n",
    "hls": "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\nneighbour.mp4\n#EXT-X-ENDLIST\n",
    "hls by url": "#EXTM3U\n#EXTINF:1.0,\nhttp://127.0.0.1:{port}/a.ts\n#EXTINF:1.0,\nfile://{neighbour}\n",
    "hls by concat": "#EXTM3U\n#EXTINF:1.0,\nconcat:http://127.0.0.1:{port}/h.m3u8|file://{neighbour}\n",
    "dash": '<?xml version="1.0"?>\n<MPD type="static"><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n",
    "svg": '<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="file://{neighbour}"/></svg>',
    "hls with spaces": "\n\n  #EXTM3U\n#EXTINF:1.0,\nneighbour.mp4\n",
}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        yield server


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_file_that_names_others_is_refused_and_they_are_never_opened(
    tmp_path: Path, listener: socket.socket, kind: str
) -> None:
    neighbour, script = tmp_path / "neighbour.mp4", tmp_path / "clip.mp4"
    clips.film(neighbour, PICTURE, seconds=0.5)
    script.write_text(PLAYLISTS[kind].format(neighbour=neighbour, port=listener.getsockname()[1]))
    with watching(neighbour) as opened, pytest.raises(errors.UnsupportedFormat, match=r"playlist|still picture"):
        facts(script)
    assert opened.names == []
    with pytest.raises(TimeoutError):
        listener.accept()


def test_a_movie_that_keeps_its_data_in_another_file_does_not_get_it(tmp_path: Path) -> None:
    neighbour, movie = tmp_path / "neighbour.mp4", tmp_path / "clip.mov"
    clips.film(neighbour, PICTURE, seconds=0.5)
    _refer_to(neighbour.read_bytes(), neighbour, movie)
    with watching(neighbour) as opened, suppress(errors.MediaError):  # refused, or read from its own data alone
        facts(movie)
    assert opened.names == []


def _refer_to(content: bytes, other: Path, target: Path) -> None:
    """Copy a movie (index last) with its data reference made external: a `url ` entry that names `other`."""
    location = f"file://{other}".encode() + b"\0"
    at = content.index(b"url \0\0\0\1") - 4
    entry = struct.pack(">I4sI", 12 + len(location), b"url ", 0) + location
    changed = bytearray(content[:at] + entry + content[at + 12 :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        size_at = changed.index(box) - 4
        changed[size_at : size_at + 4] = struct.pack(
            ">I", struct.unpack_from(">I", changed, size_at)[0] + len(location)
        )
    target.write_bytes(changed)


def test_the_watch_itself_sees_an_open(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with watching(file) as opened:
        file.read_bytes()
    assert opened.names == ["file"]


# The reference clips.


def _named(folder: str) -> list[str]:
    return sorted(path.name for path in (SHARED / folder).glob("*") if path.suffix != ".json")


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", _named("odd"))
def test_an_odd_clip_is_told_truly(name: str) -> None:
    truth = json.loads((SHARED / "odd" / "truth.json").read_text())[name]
    if not truth["has_video"]:
        with pytest.raises(errors.NoVideo, match="sound but no picture"):
            facts(SHARED / "odd" / name)
        return
    found, video = facts(SHARED / "odd" / name), truth["video"]
    assert CLIP_DEMUXERS[found.container] in truth["format"].split(",")
    assert (found.width, found.height) == (video["display_width"], video["display_height"])
    assert found.rotation == video["rotation_cw_deg"]
    assert (found.video_codec, found.pixel_format) == (video["codec"], video["pix_fmt"])
    assert (found.frame_count, found.variable_rate) == (video["decoded_frames"], video["is_vfr"])
    assert found.start == pytest.approx(video["start_s"], abs=0.0006)
    if video["decoded_span_s"] is not None:
        assert found.duration == pytest.approx(video["decoded_span_s"], abs=0.0015)
        assert found.fps == pytest.approx(video["effective_fps"], abs=0.02)
    assert (found.alpha, found.has_audio) == (video["alpha"], truth["has_audio"])
    if found.has_audio:
        audio = truth["audio"]
        assert found.audio_codec == audio["codec"]
        assert (found.audio_rate, found.audio_channels) == (audio["sample_rate"], audio["channels"])


EXPECTED: dict[str, type[errors.MediaError] | tuple[type[errors.MediaError], ...]] = {
    "reject_not_media": errors.NotMedia,
    "reject_format": errors.UnsupportedFormat,
    "reject_limits": (errors.TooLong, errors.TooLarge),
    "reject_undecodable": errors.Undecodable,
    "reject_or_short": errors.NotMedia,
}


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", _named("bad"))
def test_a_bad_file_meets_its_fate_and_reaches_nothing(tmp_path: Path, name: str) -> None:
    expected = json.loads((SHARED / "bad" / "expect.json").read_text())[name]["expected"]
    bad, neighbour = tmp_path / name, tmp_path / "valid_neighbour.mp4"
    shutil.copy(SHARED / "bad" / name, bad)
    if not neighbour.exists():
        shutil.copy(SHARED / "bad" / neighbour.name, neighbour)
    watched = () if bad == neighbour else (neighbour,)
    with socket.create_server(("127.0.0.1", 8899)) as server, watching(*watched) as opened:
        server.settimeout(0.05)
        if refusal := EXPECTED.get(expected):
            with pytest.raises(refusal) as raised:
                facts(bad)
            assert str(raised.value).endswith(".")
        else:
            assert facts(bad).duration > 0
        with pytest.raises(TimeoutError):
            server.accept()
    assert opened.names == []


@pytest.mark.shared
@needs_shared
def test_no_name_among_the_odd_clips_misleads() -> None:
    assert sniff(SHARED / "odd" / "webm_content_named.mp4") == "webm"
