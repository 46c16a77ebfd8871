"""The small copy of a clip that is sent to a remote backend instead of the original."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av

from jobs.media.encoding import MP4_OPTIONS, h264_packets, mux_in_turn
from jobs.media.files import written_whole
from jobs.media.formats import open_clip
from jobs.media.frames import decode, filtered
from jobs.media.picture import fitted, picture_stream, timed, upright
from jobs.media.probe import ClipFacts

PROXY_FPS = 25
PROXY_SIDE = 384
"""Pixels of the shorter side, at most: what the models that are asked look at."""


def proxy(clip: Path, target: Path, seconds: float, facts: ClipFacts) -> None:
    """Write the first `seconds` of the picture as an MP4 (H.264): 25 frames a second, small, upright, without sound.

    Frames are chosen by their times, to the nearest 1/25 s, so what happens at a time in the clip happens then in the
    proxy, whatever the clip's frame rate; the last is whole. `facts` is the clip's `probe`. Raises a `MediaError`.
    """
    count = max(1, math.ceil(round(seconds * PROXY_FPS, 3)))
    steady = (f"fps={PROXY_FPS}:start_time=0", "tpad=stop=-1:stop_mode=clone", f"trim=end_frame={count}")
    with open_clip(clip) as source, written_whole(target) as part:
        stream = picture_stream(source)
        stream.thread_type = "AUTO"
        size = fitted(facts.width, facts.height, shortest=PROXY_SIDE)
        frames = upright(filtered(timed(decode(source, stream), facts.start), steady), size)
        with av.open(str(part), "w", format="mp4", container_options=MP4_OPTIONS) as output:
            picture = h264_packets(output, frames, size=size, fps=PROXY_FPS, time_base=Fraction(1, PROXY_FPS), crf=26)
            mux_in_turn(output, picture)
