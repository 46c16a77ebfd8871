"""The small copy that is sent instead of the original: what happens when in the clip, happens then in the copy."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from jobs.media.frames import decode
from jobs.media.picture import picture_stream
from jobs.media.proxy import PROXY_FPS, PROXY_SIDE, proxy
from tests import clips
from tests.jobs.media.files import facts

BRIGHT_AT = 1.0
"""When the picture turns bright, seconds."""


def lights_on(time: float) -> clips.Image:
    return np.full((720, 1280, 3), 220 if time >= BRIGHT_AT - 1e-6 else 30, np.uint8)


@pytest.mark.parametrize("fps", [12, 24, 29.97, 60, "variable"])
def test_times_are_kept_to_half_a_frame_at_any_rate(tmp_path: Path, fps: clips.FrameRate) -> None:
    clip, copy = tmp_path / "clip.mkv", tmp_path / "copy.mp4"
    clips.film(clip, lights_on, fps=fps, seconds=2.0)
    proxy(clip, copy, 2.0, facts(clip))
    true = next(time for time in clips.frame_times(fps, 2.0) if time >= BRIGHT_AT - 1e-6)
    with av.open(str(copy)) as container:
        seen = next(
            frame.time
            for frame in decode(container, picture_stream(container))
            if frame.to_ndarray()[:300].mean() > 100
        )
    assert seen == pytest.approx(true, abs=0.5 / PROXY_FPS + 0.001)


def test_the_copy_is_small_silent_upright_and_as_long_as_asked(tmp_path: Path) -> None:
    clip, copy = tmp_path / "clip.mp4", tmp_path / "copy.mp4"
    clips.film(clip, lights_on, fps=30, seconds=3.0, with_audio=True, rotate=90)
    proxy(clip, copy, 2.0, facts(clip))
    made = facts(copy)
    assert (made.width, made.rotation, made.has_audio) == (PROXY_SIDE, 0, False)
    assert made.height > made.width
    assert (made.fps, made.frame_count) == (PROXY_FPS, 2 * PROXY_FPS)
    assert copy.stat().st_size < clip.stat().st_size
