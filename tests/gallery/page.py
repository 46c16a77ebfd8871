"""The gallery's page: what is rendered, and the HTML that shows it. Everything it needs lies in one folder."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

import av
import numpy as np

from engine.foley.lexicon import Family
from engine.model import SAMPLE_RATE, Sound
from jobs.media.mux import mux
from jobs.media.probe import Limits, probe
from tests.engine.foley.listening import Signal, centroid, generate, loudness, true_peak
from tests.gallery import pictures
from tests.gallery.scenes import Scene
from tests.programs import ROOT

SEEDS = (1, 2, 3)
SECONDS = 4.0

_HERE = Path(__file__).parent
_ROLES = {
    "event": ("Events", "Each sounds when something happens. Without a picture it has a rhythm of its own."),
    "motion": ("Movement", "It follows what moves. Without a picture it makes strokes and swings of its own."),
    "ambient": ("Always there", "It lasts as long as the clip does."),
}


def render(
    folder: Path, families: Sequence[Family], scenes: Iterable[Scene], report: Callable[[str], None] = lambda line: None
) -> Path:
    """Render families and scenes into a folder, emptied first, and return the page, its index.html.

    `report` is told a line for each as it is made.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shown: dict[str, list[str]] = {role: [] for role in _ROLES}
    for family in families:
        report(family.name)
        shown[family.role].append(_family(family, folder))
    sections = [_section(role, *_ROLES[role], shown[role]) for role in _ROLES if shown[role]]
    played = []
    for number, scene in enumerate(scenes):
        report(scene.name)
        played.append(_scene(scene, number, folder))
    if played:
        sections.insert(0, _section("scenes", "Scenes", "Clips that were drawn for it, seen and heard.", played))
    page = folder / "index.html"
    page.write_text(
        Template((_HERE / "page.html").read_text("utf-8")).substitute(
            style=(ROOT / "static" / "css" / "tokens.css").read_text("utf-8") + (_HERE / "page.css").read_text("utf-8"),
            script=(_HERE / "page.js").read_text("utf-8"),
            links="".join(f'<li><a href="#{family.name}">{_plain(family.name)}</a></li>' for family in families),
            sections="\n".join(sections),
            depth=round(pictures.DEPTH),
        ),
        "utf-8",
    )
    return page


def _family(family: Family, folder: Path) -> str:
    sounds = [generate(family.offer, duration=SECONDS, seed=seed) for seed in SEEDS]
    takes = []
    for seed, sound in zip(SEEDS, sounds, strict=True):
        name = f"{family.name}-{seed}"
        _write_flac(sound.samples, folder / f"{name}.flac")
        player = (
            f'<audio src="{name}.flac" controls preload="none" aria-label="{_plain(family.name)}, seed {seed}"></audio>'
        )
        takes.append(f"<li>{_figure(sound, name, f'Seed {seed}', player, folder)}</li>")
    listed = f'<ol class="takes">{"".join(takes)}</ol>'
    return _article(family.name, _plain(family.name), family.offer, sounds[0], listed)


def _scene(scene: Scene, number: int, folder: Path) -> str:
    name = f"scene-{number}"
    silent, heard, finished = folder / f"{name}-silent.mp4", folder / f"{name}.flac", folder / f"{name}.mp4"
    scene.draw(silent)
    sound = generate(scene.prompt, silent)
    _write_flac(sound.samples, heard)
    mux(silent, heard, finished, probe(silent, Limits()))
    silent.unlink()
    heard.unlink()
    player = f'<video src="{finished.name}" controls preload="metadata" aria-label="{escape(scene.name)}"></video>'
    return _article(name, escape(scene.name), scene.prompt, sound, _figure(sound, name, "Seed 1", player, folder))


def _article(anchor: str, title: str, prompt: str, sound: Sound, content: str) -> str:
    notes = "".join(f" {note}" for note in sound.understood["notes"])
    return f"""
<article id="{anchor}" aria-labelledby="{anchor}-title">
  <h3 id="{anchor}-title">{title} <q>{escape(prompt)}</q></h3>
  <p>{escape(sound.understood["summary"] + notes)}</p>
  {content}
</article>"""


def _figure(sound: Sound, name: str, title: str, player: str, folder: Path) -> str:
    """A player with what it plays drawn above it, both on one axis of time."""
    image = folder / f"{name}.png"
    pictures.spectrogram(sound.samples, image)
    seconds = len(sound.samples) / SAMPLE_RATE
    heard = centroid(sound.samples)
    facts = f"{loudness(sound.samples):.1f} LUFS, {true_peak(sound.samples):.1f} dBTP, centre of gravity {heard:.0f} Hz"
    span = np.log(pictures.HIGHEST / pictures.LOWEST)
    pitches = "".join(
        f'<span style="bottom: {100 * np.log(hz / pictures.LOWEST) / span:.2f}%">{label}</span>'
        for hz, label in ((100, "100 Hz"), (1000, "1 kHz"), (10_000, "10 kHz"))
    )
    times = "".join(
        f'<span style="left: {100 * second / seconds:.2f}%">{second} s</span>' for second in range(math.ceil(seconds))
    )
    return f"""
<figure>
  <div class="picture">
    <svg class="wave" viewBox="0 0 320 100" preserveAspectRatio="none" aria-hidden="true"><path d="{
        pictures.waveform(sound.samples)
    }"/></svg>
    <img src="{image.name}" width="{pictures.WIDTH}" height="{pictures.HEIGHT}" loading="lazy"
      alt="Spectrogram of {seconds:.1f} s, 40 Hz to 20 kHz">
    <div class="pitches" aria-hidden="true">{pitches}</div>
    <div class="times" aria-hidden="true">{times}</div>
    <div class="playhead" aria-hidden="true" hidden></div>
  </div>
  {player}
  <figcaption>{title}: {facts}</figcaption>
</figure>"""


def _section(anchor: str, title: str, lead: str, articles: Iterable[str]) -> str:
    return f"""
<section aria-labelledby="{anchor}">
<h2 id="{anchor}">{title}</h2>
<p>{lead}</p>
{"".join(articles)}
</section>"""


def _plain(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _write_flac(samples: Signal, path: Path) -> None:
    """16 bits, which every browser plays."""
    whole = np.round(np.asarray(samples, np.float64) * 32_767).astype(np.int16)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("flac", rate=SAMPLE_RATE, layout="stereo", format="s16")
        frame = av.AudioFrame.from_ndarray(whole.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
