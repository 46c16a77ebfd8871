"""The clip with its sound, as fal's MMAudio returns it: made when it is first fetched."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import httpx
import pytest

from tests.clips import film, textured
from tests.engine.running import VIDEO, RunningEngine


def upload(running: RunningEngine, clip: Path) -> str:
    initiated = running.http.post("/storage/upload/initiate", json={"file_name": clip.name}).json()
    assert httpx.put(initiated["upload_url"], content=clip.read_bytes()).status_code == 200
    address: str = initiated["file_url"]
    return address


def muxed(running: RunningEngine, clip: Path, duration: float) -> bytes:
    result = running.run(VIDEO, video_url=upload(running, clip), duration=duration)
    assert result["video"]["content_type"] == "video/mp4"
    answer = httpx.get(result["video"]["url"], timeout=60)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    return answer.content


def packets(container: av.container.InputContainer) -> list[tuple[float, bytes]]:
    """Presentation time and payload of every packet of the picture."""
    return [
        (round(float(packet.pts * packet.time_base), 4), bytes(packet))
        for packet in container.demux(video=0)
        if packet.pts is not None and packet.time_base is not None
    ]


@pytest.mark.parametrize("fps", [29.97, "variable"])
def test_the_picture_is_copied_and_the_sound_beside_it(running: RunningEngine, tmp_path: Path, fps: float) -> None:
    clip = tmp_path / "clip.mp4"
    film(clip, textured(64, 48), fps=fps, seconds=1.5, with_audio=True)
    content = muxed(running, clip, duration=3)
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(clip)) as before, av.open(io.BytesIO(content), "r") as after:
        assert packets(after) == packets(before)
    with av.open(io.BytesIO(content), "r") as after:
        (sound,) = after.streams.audio
        assert (sound.codec_context.name, sound.rate, sound.layout.name) == ("aac", 48_000, "stereo")
        assert sum(frame.samples for frame in after.decode(sound)) / 48_000 == pytest.approx(3, abs=0.03)


def test_the_licence_of_a_sound_is_in_both_files(running: RunningEngine, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    film(clip, textured(64, 48), fps=25, seconds=1)
    result = running.run(VIDEO, video_url=upload(running, clip), prompt="licensed CC-BY-NC 4.0: not for sale")
    for name in ("audio", "video"):
        with av.open(io.BytesIO(httpx.get(result[name]["url"], timeout=60).content), "r") as file:
            assert file.metadata["copyright"] == "CC-BY-NC 4.0: not for sale"


def test_the_picture_ends_where_the_sound_does(running: RunningEngine, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    film(clip, textured(64, 48), fps=25, seconds=3)
    with av.open(io.BytesIO(muxed(running, clip, duration=1)), "r") as after:
        times = [frame.time for frame in after.decode(video=0)]
    assert times[0] == 0
    assert times[-1] == pytest.approx(1, abs=0.2)


def test_a_rotated_picture_stays_rotated(running: RunningEngine, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mov"
    film(clip, textured(64, 48), seconds=1, rotate=90)
    with av.open(str(clip)) as before, av.open(io.BytesIO(muxed(running, clip, duration=1)), "r") as after:
        turned = next(after.decode(video=0)).rotation
        assert turned == next(before.decode(video=0)).rotation
        assert turned != 0


@pytest.mark.parametrize(("name", "codec"), [("clip.webm", "libvpx"), ("clip.mkv", "ffv1"), ("clip.avi", "mpeg4")])
def test_any_clip_gives_an_mp4_that_plays(running: RunningEngine, tmp_path: Path, name: str, codec: str) -> None:
    clip = tmp_path / name
    film(clip, textured(65, 49), fps=25, seconds=1, codec=codec)
    with av.open(io.BytesIO(muxed(running, clip, duration=1)), "r") as after:
        frames = list(after.decode(video=0))
    assert len(frames) == 25
    assert frames[0].time == 0
    assert frames[-1].time == pytest.approx(0.96, abs=0.01)


def test_a_codec_that_can_not_live_in_mp4_becomes_h264(running: RunningEngine, tmp_path: Path) -> None:
    clip = tmp_path / "clip.webm"
    film(clip, textured(64, 48), seconds=1, codec="libvpx")
    with av.open(io.BytesIO(muxed(running, clip, duration=1)), "r") as after:
        assert after.streams.video[0].codec_context.name == "h264"


def test_the_video_is_made_once_and_only_when_it_is_wanted(running: RunningEngine, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    film(clip, textured(64, 48), seconds=1)
    result = running.run(VIDEO, video_url=upload(running, clip))
    assert result["video"]["file_size"] is None
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: httpx.get(result["video"]["url"], timeout=60), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["etag"] for answer in answers}) == 1
    head = httpx.head(result["video"]["url"])
    assert int(head.headers["content-length"]) == len(answers[0].content)


def test_a_video_made_here_can_be_the_next_clip(running: RunningEngine, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    film(clip, textured(64, 48), seconds=1)
    first = running.run(VIDEO, video_url=upload(running, clip))
    second = running.run(VIDEO, video_url=first["video"]["url"])
    assert second["understood"]["clip_bytes"] == int(httpx.head(first["video"]["url"]).headers["content-length"])


def test_a_clip_that_can_not_be_muxed_fails_alone(running: RunningEngine) -> None:
    result = running.run(VIDEO, video_url="data:video/mp4;base64,AAAA")
    answer = httpx.get(result["video"]["url"], timeout=60)
    assert answer.status_code == 500
    assert answer.headers["X-Fal-Error-Type"] == "internal_server_error"
    assert httpx.get(result["audio"]["url"]).status_code == 200
