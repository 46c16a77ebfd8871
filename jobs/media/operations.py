"""What the pipeline asks for, each done in one child: `sandbox.run(operations.inspect, path, limits, poster, ...)`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobs.media.audio import AudioFacts, extract_audio
from jobs.media.loudness import loudness
from jobs.media.mux import MuxFacts, mux
from jobs.media.preview import poster, preview
from jobs.media.probe import ClipFacts, Limits, probe
from jobs.media.waveform import peaks


@dataclass(frozen=True)
class Finished:
    """A generation's sound, measured and drawn, and each clip it was muxed into, in the order asked for."""

    audio: AudioFacts
    peaks: list[tuple[float, float]]
    loudness: float | None
    muxes: list[MuxFacts]


@dataclass(frozen=True)
class Mux:
    """A clip to give the new sound to, its facts, and where the result goes."""

    clip: Path
    facts: ClipFacts
    target: Path


def inspect(path: Path, limits: Limits, poster_target: Path) -> ClipFacts:
    """Accept or refuse an upload: its facts, and a JPEG of it at `poster_target`. Raises a `MediaError`."""
    facts = probe(path, limits)
    poster(path, poster_target, facts)
    return facts


def make_preview(clip: Path, target: Path, facts: ClipFacts) -> ClipFacts:
    """Write the playable copy of a clip browsers can't play, and return the copy's own facts. Raises a `MediaError`."""
    preview(clip, target, facts)
    return probe(target, Limits())


def finish(delivered: Path, seconds: float, wav_target: Path, muxes: list[Mux]) -> Finished:
    """Turn what a backend delivered into what is published.

    The house WAV of `seconds` at `wav_target`, its peaks, and the sound muxed into each clip: the original, and the
    playable copy where there is one; none for text to audio. Raises a `MediaError`.
    """
    audio = extract_audio(delivered, wav_target, seconds)
    return Finished(
        audio=audio,
        peaks=peaks(wav_target),
        loudness=loudness(wav_target),
        muxes=[mux(wanted.clip, wav_target, wanted.target, wanted.facts) for wanted in muxes],
    )
