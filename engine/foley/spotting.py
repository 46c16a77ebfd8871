"""Spotting: deciding what sounds when. A plan and a scene in, a cue sheet out.

Timing depends on the words and the picture alone, never on the seed: another seed is another take at the same moments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.random import Generator
from scipy.signal import find_peaks

from engine.foley.scene import CURVE_RATE, Curve, Scene
from engine.foley.sound.brief import Character
from engine.foley.understand import Layer, Plan, lexicon
from engine.model import Event

_STRONGEST = 20.0  # the top of Prompt Strength
_QUIETEST = -24.0  # dB; what the weakest event loses when the picture decides alone
_CALMEST = -14.0  # dB; what a bed loses while the picture rests and decides alone
_FLASHY = frozenset({"explosion", "thunder"})
_MOVING = 0.05  # of 1; below, a picture's motion is stillness
_MOST_EVENTS = 2000
_STEP = 0.22  # s; no one's steps follow each other faster, even in a sprint
_WAY = 4.0  # usual gaps in time that a way across the whole picture weighs


@dataclass(frozen=True)
class Cue:
    """One sound of an event layer: `time` in seconds, `force` 0..1, `gain` in dB, `x` 0 (left) to 1 (right)."""

    time: float
    force: float
    gain: float
    x: float
    size: float = 0.0


@dataclass(frozen=True)
class Part:
    """A layer and when it sounds: `cues` for events, curves of `activity` and `gain` (0..1) for what lasts."""

    layer: Layer
    cues: tuple[Cue, ...] = ()
    activity: Curve | None = None
    gain: Curve | None = None
    pan: Curve | None = None


@dataclass(frozen=True)
class CueSheet:
    """Every part of a generation, and what a person should know about how they were placed."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()


def own_character(prompt_strength: float) -> float:
    """How much the prompt's own character counts beside the picture, 0..1: 0 at 1, about a half at 4.5, 1 at 20."""
    return math.log(min(max(prompt_strength, 1.0), _STRONGEST)) / math.log(_STRONGEST)


def spot(plan: Plan, scene: Scene, prompt_strength: float, focus: bool, seen: bool) -> CueSheet:
    """Place every layer of a plan in a scene; `seen` says whether there is a picture at all."""
    own = own_character(prompt_strength)
    notes: list[str] = []
    layers = plan.layers
    if not layers:
        layers, why = from_picture(plan, scene, focus, seen)
        notes.append(why)
    hits = [layer for layer in layers if layer.role == "event"]
    shares = _dealt(hits, scene)
    parts = []
    for layer in layers:
        if layer.role == "event":
            cues, note = _cues(layer, shares[hits.index(layer)], scene, own, seen)
            parts.append(Part(layer, cues=cues))
        else:
            part, note = _lasting(layer, scene, own, seen)
            parts.append(part)
        if note:
            notes.append(note)
    return CueSheet(tuple(parts), tuple(notes))


def from_picture(plan: Plan, scene: Scene, focus: bool, seen: bool) -> tuple[tuple[Layer, ...], str]:
    """Layers for a prompt that names no sound: impacts where things hit, air where things move, else a quiet room."""
    families = lexicon().families
    layers: list[Layer] = []
    if scene.events:
        size = float(np.median([event.size for event in scene.events]))
        # Small things are more often hard and light, what fills the picture is more often wooden and heavy.
        material = "plastic" if size < 0.02 else "wood"
        layers.append(Layer(families["impact"], "", Character(material=material)))
    if seen and float(np.max(scene.motion, initial=0.0)) > _MOVING:
        layers.append(Layer(families["whoosh"], "", Character(intensity=0.3), prominence=-6.0))
    layers = [layer for layer in layers if layer.family.name not in plan.excluded]
    if layers:
        return tuple(layers), "The prompt names no sound that is known here, so the sound comes from the picture alone."
    air = Layer(families["wind"], "", Character(intensity=0.05, brightness=0.35), prominence=-14.0)
    if "wind" in plan.excluded:
        return (), "Nothing that may sound is known, so there is silence."
    where = "the picture is still" if seen else "there is no picture"
    return (air,), f"The prompt names no sound that is known here and {where}, so only quiet air is heard."


def _dealt(layers: list[Layer], scene: Scene) -> list[list[Event]]:
    """The events of each layer: of the instants that its moment names, those that are not another's of that moment."""
    shares: list[list[Event]] = [[] for _ in layers]
    for moment in sorted({layer.family.moment for layer in layers}):
        members = [index for index, layer in enumerate(layers) if layer.family.moment == moment]
        dealt = _shared([layers[index] for index in members], scene.instants(moment))
        for index, share in zip(members, dealt, strict=True):
            shares[index] = share
    return shares


def _shared(layers: list[Layer], events: tuple[Event, ...]) -> list[list[Event]]:
    """Deal a scene's events out to the event layers: by order ("then") first, then the big to the heavy.

    No event that is seen stays silent, unless every layer says how many it wants.
    """
    hits = [event for event in events if event.kind != "cut"]
    flashes = [event for event in hits if event.kind == "flash"]
    struck = [event for event in hits if event.kind != "flash"]
    bright = [layer for layer in layers if layer.family.name in _FLASHY]
    shares: list[list[Event]] = [[] for _ in layers]
    turns = sorted({layer.order for layer in layers})
    groups = [[index for index, layer in enumerate(layers) if layer.order == turn] for turn in turns]
    for members, turn in zip(groups, _in_turn([[layers[i] for i in group] for group in groups], struck), strict=True):
        for index, mine in zip(members, _by_heft([layers[i] for i in members], turn), strict=True):
            shares[index] = mine
    for index, layer in enumerate(layers):
        if flashes and layer in bright:
            shares[index] = flashes if not bright[1:] else flashes[bright.index(layer) :: len(bright)]
        elif flashes and not bright and not struck:
            shares[index] = flashes[index :: len(layers)]
    _pass_on(layers, shares)
    return [sorted(share, key=lambda event: event.time) for share in shares]


def _in_turn(turns: list[list[Layer]], events: list[Event]) -> list[list[Event]]:
    """Cut the events where one turn ends and the next begins: at the longest pauses and the furthest ways between them.

    A turn has at least an event for each of its layers, and as many as its layers count where all of them do. Where
    there are too few events for that, each turn gets its part of them.
    """
    count, pauses = len(events), _pauses(events)
    counted = [all(layer.count for layer in turn) for turn in turns]
    least = [
        sum(layer.count or 1 for layer in turn) if each else len(turn)
        for turn, each in zip(turns, counted, strict=True)
    ]
    if sum(least) > count:
        ends = [turn * count // len(turns) for turn in range(len(turns) + 1)]
        return [events[begin:end] for begin, end in pairwise(ends)]
    # The best way to begin a turn at an event, turn by turn: the sum of the pauses at its cuts, and the cuts.
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for turn, (need, exact) in enumerate(zip(least[:-1], counted[:-1], strict=True), start=1):
        begun, reached = best, {}
        for end in range(count):
            lengths = [need] if exact else range(need, end + 1)
            ways = [begun[end - length] for length in lengths if end - length in begun]
            if ways:
                worth, cuts = max(ways)
                aside = abs(end / count - turn / len(turns))  # all else alike, turns are of one length
                reached[end] = worth + pauses[end] - aside, (*cuts, end)
        best = reached
    ways = [way for begin, way in best.items() if count - begin >= least[-1]]
    if counted[-1] and count - least[-1] in best:
        ways = [best[count - least[-1]]]
    _, cuts = max(ways)
    return [events[begin:end] for begin, end in pairwise((0, *cuts, count))]


def _pauses(events: list[Event]) -> list[float]:
    """How much lies between each event and the one before, in time (in usual gaps) and on screen; 0 for the first."""
    gaps = [after.time - before.time for before, after in pairwise(events)]
    usual = float(np.median(gaps)) if gaps else 1.0
    ways = [math.hypot(after.x - before.x, after.y - before.y) for before, after in pairwise(events)]
    return [0.0, *(gap / max(usual, 1e-3) + _WAY * way for gap, way in zip(gaps, ways, strict=True))]


def _pass_on(layers: list[Layer], shares: list[list[Event]]) -> None:
    """What a layer has beyond its count goes to the nearest that doesn't count, of its own turn if there is one."""
    open_to_more = [index for index, layer in enumerate(layers) if layer.count is None]
    for layer, share in zip(layers, shares, strict=True):
        if layer.count is None or len(share) <= layer.count or not open_to_more:
            continue
        share.sort(key=lambda event: -event.strength)
        for event in share[layer.count :]:
            nearest = min(
                open_to_more, key=lambda index: (layers[index].order != layer.order, _away(event, shares[index]))
            )
            shares[nearest].append(event)
        del share[layer.count :]


def _away(event: Event, others: list[Event]) -> float:
    return min((abs(event.time - other.time) for other in others), default=math.inf)


def _by_heft(layers: list[Layer], events: list[Event]) -> list[list[Event]]:
    """Split events among layers that sound at one time: few and strong for what happens once, the rest by weight."""
    if len(layers) <= 1 or not events:
        return [list(events) for _ in layers]
    ranked = sorted(events, key=lambda event: (event.strength * (0.2 + event.size), -event.time))
    once = [layer for layer in layers if layer.family.pace == "once" and not layer.many]
    often = [layer for layer in layers if layer not in once] or [once.pop(0)]
    shares: dict[int, list[Event]] = {}
    for layer in once:
        shares[id(layer)] = [ranked.pop()] if len(ranked) > len(often) else []
    by_weight = sorted(often, key=lambda layer: (layer.character.weight + layer.character.size, layer.family.gain))
    for position, layer in enumerate(by_weight):
        low, high = position * len(ranked) // len(often), (position + 1) * len(ranked) // len(often)
        shares[id(layer)] = ranked[low:high]
    return [shares[id(layer)] for layer in layers]


def _cues(layer: Layer, events: list[Event], scene: Scene, own: float, seen: bool) -> tuple[tuple[Cue, ...], str]:
    note = ""
    if seen and not events:
        events, note = _instead(layer, scene)
    elif not seen:
        events = _rhythm(layer, scene.duration)
    if layer.count is not None and seen and len(events) > layer.count:
        strongest = sorted(events, key=lambda event: -event.strength)[: layer.count]
        events = sorted(strongest, key=lambda event: event.time)
    asked = 0.28 + 0.62 * layer.character.intensity
    cues = []
    if layer.family.pace == "steps":
        events = _apart(events, _STEP)
    for event in events[:_MOST_EVENTS]:
        if event.time >= scene.duration:
            continue
        force = own * asked + (1.0 - own) * (0.35 * asked + 0.65 * event.strength)
        gain = _QUIETEST * (1.0 - own) * (1.0 - event.strength) if seen else 3.0 * (event.strength - 1.0)
        cues.append(Cue(max(event.time, 0.0), force, gain, event.x, event.size))
    return tuple(cues), note


def _apart(events: list[Event], seconds: float) -> list[Event]:
    """The events without those that follow or precede a stronger one too closely."""
    kept: list[Event] = []
    for event in sorted(events, key=lambda each: -each.strength):
        if all(abs(event.time - other.time) >= seconds for other in kept):
            kept.append(event)
    return sorted(kept, key=lambda event: event.time)


def _instead(layer: Layer, scene: Scene) -> tuple[list[Event], str]:
    """Where a layer sounds when its picture shows no event: with the cadence, at the peaks of motion, or once."""
    name = layer.words or layer.family.name
    moving = scene.motion > _MOVING
    if scene.cadence and layer.family.pace in ("steps", "steady", "rapid") and moving.any():
        first = float(np.argmax(moving)) / CURVE_RATE
        last = float(len(moving) - np.argmax(moving[::-1])) / CURVE_RATE
        beats = np.arange(first + 0.1, min(last, scene.duration), 1.0 / scene.cadence)
        return [_seen_at(scene, float(time)) for time in beats], f"“{name}” follows the rhythm of the movement."
    apart = {"rapid": 0.12, "steps": 0.3, "steady": 0.35}.get(layer.family.pace, 1.0)
    peaks, _ = find_peaks(scene.motion, prominence=0.25, distance=max(1, int(apart * CURVE_RATE)))
    if peaks.size:
        return [
            _seen_at(scene, peak / CURVE_RATE) for peak in peaks
        ], f"“{name}” is placed at the peaks of the movement."
    if moving.any() and layer.family.pace in ("steps", "rapid"):
        return _rhythm(
            layer, scene.duration
        ), f"The picture shows no single moment for “{name}”, so it has its own rhythm."
    time = float(np.argmax(scene.motion)) / CURVE_RATE if moving.any() else min(0.5, 0.2 * scene.duration)
    return [_seen_at(scene, time)], f"The picture shows no moment for “{name}”, so it sounds once."


def _seen_at(scene: Scene, time: float) -> Event:
    index = min(round(time * CURVE_RATE), len(scene.motion) - 1, len(scene.pan) - 1)
    strength = 0.4 + 0.6 * float(scene.motion[index])
    return Event(time=time, strength=strength, kind="rhythm", x=float(scene.pan[index]))


def _rhythm(layer: Layer, duration: float) -> list[Event]:
    """A layer's own timing, where there is no picture: as the words say, else as such things go."""
    random = _timing(layer)
    speed = layer.character.speed
    pace = layer.family.pace
    if pace == "once" and (layer.many or (layer.count or 1) > 1):
        pace = "sparse"
    gap = {
        "once": math.inf,
        "rare": 6.5 * 3.0 ** (0.5 - speed),
        "sparse": 2.3 * 3.0 ** (0.5 - speed),
        "steady": 0.75 * 4.0 ** (0.5 - speed),
        # Walking 1.4 to 2.1 steps a second, running to 3.1.
        "steps": 1.0 / (1.85 * 2.75 ** (speed - 0.5)),
        "rapid": 0.16 * 3.0 ** (0.5 - speed),
    }[pace]
    if layer.count and layer.count > 1 and pace == "sparse":
        gap = min(gap, 1.2, 0.8 * duration / layer.count)
    loose = (
        {"rare": 0.2, "sparse": 0.25, "steady": 0.04, "steps": 0.025, "rapid": 0.3}.get(pace, 0.0)
        * 2
        * (1 - layer.character.regularity)
    )
    most = layer.count if layer.count is not None else 1 if pace == "once" else _MOST_EVENTS
    first = min(0.25 + 2.5 * layer.order, 0.15 * duration * (1 + 2 * layer.order))
    times: list[float] = []
    time = first
    while time < duration - min(0.1, 0.1 * duration) and len(times) < most:
        times.append(time)
        time += gap * max(0.4, 1.0 + loose * float(random.standard_normal()))
        if pace == "rapid" and random.random() < 0.09:
            time += float(random.uniform(0.25, 0.8))  # between words
    sway = 0.03 if pace == "steps" else 0.0
    return [
        Event(
            time=at,
            strength=float(np.clip(0.9 + 0.08 * random.standard_normal(), 0.6, 1.0)),
            kind="rhythm",
            x=0.5 + sway * (-1.0) ** turn,
        )
        for turn, at in enumerate(times)
    ]


def _timing(layer: Layer) -> Generator:
    return np.random.default_rng(crc32(f"{layer.family.name} {layer.words}".encode()))


def _lasting(layer: Layer, scene: Scene, own: float, seen: bool) -> tuple[Part, str]:
    """The curves of a layer that lasts: motion families live by the movement, ambient ones only lean on it."""
    points = max(len(scene.motion), 2)
    motion = np.resize(scene.motion, points) if len(scene.motion) < points else scene.motion
    pan = scene.pan if len(scene.pan) == points else np.full(points, 0.5)
    note = ""
    if layer.role == "ambient":
        gain = 10 ** (_CALMEST / 20 * (1 - own) * (1 - _smooth(motion, 0.5))) if seen else np.ones(points)
        return Part(layer, activity=np.ones(points), gain=gain, pan=np.full(points, 0.5)), note
    still = float(np.max(motion)) <= _MOVING
    if not seen or still:
        activity = _gestures(layer, points)
        if seen:
            note = f"Nothing moves in the picture, so “{layer.words or layer.family.name}” has its own course."
        return Part(layer, activity=activity, gain=np.ones(points), pan=pan), note
    drive = _smooth(motion, 0.12) * (0.35 + 0.65 * min(1.0, 1.5 * scene.liveliness) ** (1.0 - own))
    present = np.clip(_smooth(motion, 0.25) / 0.15, 0.0, 1.0)
    runs = layer.family.runs
    steady = np.ones(points) if runs else present
    activity = own * steady * 0.7 + (1.0 - 0.7 * own) * drive
    floor = 0.25 if runs else 0.0
    gain = floor + (1.0 - floor) * np.clip(activity, 0.0, 1.0) ** 0.7
    return replace(Part(layer), activity=np.clip(activity, 0.0, 1.0), gain=gain, pan=_smooth(pan, 0.2)), note


def _gestures(layer: Layer, points: int) -> Curve:
    """Movement of its own for a motion family without a picture: strokes and swings, or a steady run."""
    time = np.arange(points) / CURVE_RATE
    random = _timing(layer)
    if layer.family.runs:
        wave = np.sin(2 * np.pi * time / 7.0 + float(random.uniform(0, 6)))
        return np.asarray(np.clip(0.25 + 0.35 * layer.character.speed + 0.08 * wave, 0.0, 1.0))
    length = 0.7 * 3.0 ** (0.5 - layer.character.speed)
    gap = length * (2.0 if layer.family.name == "whoosh" else 1.25)
    curve = np.zeros(points)
    first = min(0.1, 0.1 * time[-1])
    starts = [first + index * gap for index in range(1 + int(max(time[-1] - first, 0) / gap))]
    for start in starts[: layer.count or len(starts)]:
        place = np.clip((time - start) / min(length, max(time[-1], 0.05)), 0.0, 1.0)
        curve = np.maximum(curve, np.sin(np.pi * place) ** 2 * float(random.uniform(0.8, 1.0)))
    return curve


def _smooth(curve: Curve, seconds: float) -> Curve:
    """A moving average under a raised cosine, ends held."""
    width = max(3, int(seconds * CURVE_RATE) | 1)
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(curve, width // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")
