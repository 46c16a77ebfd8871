"""From a cue sheet to samples: every part rendered with its own random numbers, then mixed; and the report of it."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from zlib import crc32

import numpy as np

from engine.foley import mix, spotting
from engine.foley.ahead import THREADS
from engine.foley.scene import CURVE_RATE, Scene
from engine.foley.sound import STRIKES, TEXTURES
from engine.foley.sound.brief import RATE, Bed, Detail, Hit, Signal
from engine.foley.sound.filters import add, fade, stretch
from engine.foley.spotting import CueSheet, Part
from engine.foley.understand import Layer, Plan
from engine.memory import give_back
from engine.model import Parameters, Progress, Result, Sound

_TELL_EVERY = 0.2  # s between two words of progress


def render(
    scene: Scene, plan: Plan, parameters: Parameters, seconds: float, seen: bool
) -> Generator[Progress, None, Sound]:
    """The sound of a scene, `seconds` long; `seen` says whether there is a picture."""
    sheet = spotting.spot(plan, scene, parameters.prompt_strength, parameters.focus_on_subject, seen)
    detail = Detail(parameters.quality_steps)
    length = max(1, round(seconds * RATE))
    mixed = np.zeros((length, 2), dtype=np.float32)
    threads = ThreadPoolExecutor(THREADS)
    try:
        making = [threads.submit(_stem, part, parameters.seed, detail, seconds, length) for part in sheet.parts]
        stems: list[mix.Stem] = []
        for part, stem in zip(sheet.parts, making, strict=True):
            message = Progress(0.8 * len(stems) / len(sheet.parts), f"Making {_named(part.layer)}")
            stems.append((yield from _awaited(stem, message)))
        give_back()
        if stems:
            mixing = threads.submit(mix.mix, stems, plan.room or _place(sheet), detail, _loudness(sheet))
            mixed = yield from _awaited(mixing, Progress(0.8, "Mixing"))
    finally:
        threads.shutdown(cancel_futures=True)
        give_back()
    moments = {part.layer.family.moment for part in sheet.parts if part.layer.role == "event"} or {"contact"}
    seen_at = {event for moment in moments for event in scene.instants(moment) if event.time < seconds}
    events = tuple(sorted(seen_at, key=lambda event: event.time))
    return Sound(mixed, events, report(plan, sheet))


def _awaited(work: Future[Result], progress: Progress) -> Generator[Progress, None, Result]:
    """The result of some work; until it is there, progress is told again and again."""
    yield progress
    while wait([work], _TELL_EVERY).not_done:
        yield progress
    return work.result()


def _stem(part: Part, seed: int, detail: Detail, seconds: float, length: int) -> mix.Stem:
    made = _events(part, seed, detail, length) if part.activity is None else _bed(part, seed, detail, seconds, length)
    character = part.layer.character
    level = part.layer.family.gain + part.layer.prominence + 8.0 * (character.intensity - 0.5)
    return mix.Stem(made.astype(np.float32), part.layer.family.role, level, character.distance)


def _loudness(sheet: CueSheet) -> float:
    """The house loudness; less where nothing was asked for by name and only quiet things are left to hear."""
    if any(part.layer.words for part in sheet.parts):
        return mix.LOUDNESS
    return mix.LOUDNESS + min(0.0, max(part.layer.prominence for part in sheet.parts))


def _events(part: Part, seed: int, detail: Detail, length: int) -> Signal:
    """Every cue of an event layer, struck and placed from left to right."""
    strike = STRIKES[part.layer.family.name]
    key = crc32(f"{part.layer.family.name} {part.layer.words}".encode())
    out = np.zeros((length, 2))
    for turn, cue in enumerate(part.cues):
        hit = Hit(
            character=part.layer.character,
            force=cue.force,
            random=np.random.default_rng([seed, key, turn + 1]),
            nature=lambda: np.random.default_rng([seed, key]),
            detail=detail,
            turn=turn,
            size=cue.size,
        )
        mono = strike(hit) * 10 ** (cue.gain / 20)
        left, right = _sides(cue.x)
        add(out, np.stack([mono * left, mono * right], axis=1), round(cue.time * RATE))
    return out


def _bed(part: Part, seed: int, detail: Detail, seconds: float, length: int) -> Signal:
    """A layer that lasts, its level and place following its curves."""
    assert part.activity is not None
    assert part.gain is not None
    assert part.pan is not None
    name = f"{part.layer.family.name} {part.layer.character.kind}".strip()  # an owl and a crow have each their own
    random = np.random.default_rng([seed, crc32(name.encode())])
    points = max(2, round(seconds * CURVE_RATE) + 1)
    activity = np.interp(np.linspace(0, 1, points), np.linspace(0, 1, len(part.activity)), part.activity)
    if not activity.any():
        return np.zeros((length, 2))  # it follows the movement, and nothing ever moves
    out = TEXTURES[part.layer.family.name](Bed(part.layer.character, seconds, activity, random, detail))
    left, right = _sides(stretch(part.pan, length))
    out = out[:length] * np.stack([left, right], axis=1) * stretch(part.gain, length)[:, None] * np.sqrt(2.0)
    return fade(out, start=min(0.03, 0.1 * seconds), end=min(0.05, 0.1 * seconds))


def _sides(x: float | Signal) -> tuple[float | Signal, float | Signal]:
    """Gains of the left and right channel for a place on screen, of constant power; the edges keep a little of both."""
    angle = 0.5 * np.pi * (0.1 + 0.8 * np.clip(x, 0.0, 1.0))
    return np.cos(angle), np.sin(angle)


def _place(sheet: CueSheet) -> str:
    """The room where none is named: that of the foremost family which has one; else a small one, as indoors."""
    places = [part.layer.family.place for part in sheet.parts if part.layer.family.place]
    return places[0] if places else "room"


def report(plan: Plan, sheet: CueSheet) -> dict[str, Any]:
    """What was understood, as JSON for the results page."""
    layers = [
        {
            "words": part.layer.words,
            "family": part.layer.family.name,
            "role": part.layer.role,
            "material": part.layer.material or None,
        }
        for part in sheet.parts
    ]
    notes = [*plan.notes, *sheet.notes]
    return {
        "summary": _summary(plan, layers),
        "layers": layers,
        "room": plan.room,
        "excluded": list(plan.honoured),
        "unknown": list(plan.unknown),
        "suggestions": plan.suggestions,
        "notes": notes,
    }


def _summary(plan: Plan, layers: list[dict[str, Any]]) -> str:
    heard = [str(layer["words"] or layer["family"]) for layer in layers]
    if not plan.layers:
        text = "No sound named in the prompt is known here."
    else:
        together = heard[0] if len(heard) == 1 else f"{', '.join(heard[:-1])} and {heard[-1]}"
        text = f"Heard: {together}" + (f", in this room: {plan.room}." if plan.room else ".")
    if plan.honoured:
        text += f" Left out: {', '.join(plan.honoured)}."
    if plan.unknown:
        text += f" Not understood: {', '.join(plan.unknown)}."
    return text


def _named(layer: Layer) -> str:
    """A layer in words for a person."""
    return layer.words or layer.family.name.replace("_", " ")
