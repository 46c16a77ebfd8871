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
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import linear_sum_assignment
from scipy.signal import find_peaks

from engine.foley.lexicon import lexicon
from engine.foley.scene import CURVE_RATE, Curve, Scene
from engine.foley.understand import Layer, Plan
from engine.model import Event

_STRONGEST = 20.0  # the top of Prompt Strength
_QUIETEST = -24.0  # dB; what the weakest event loses when the picture decides alone
_CALMEST = -14.0  # dB; what a bed loses while the picture rests and decides alone
_FLASHY = frozenset({"explosion", "thunder"})
_MOVING = 0.05  # of 1; below, a picture's motion is stillness
_MOST_EVENTS = 2000
_STEP = 0.22  # s; no one's steps follow each other faster, even in a sprint
_WAY = 4.0  # usual gaps in time that a way across the whole picture weighs
_APART = 0.15  # of the picture; things that are nearer to one another can't be told apart by their place
_PLACED = 0.35  # how badly a place may fit words that name another, before it is anybody's
_NEAR_BEAT = 0.25  # of a period; so near to a beat that was asked for, what is seen is that beat
_SLOWEST_TURN = 1.2  # s; between two of a few that are counted
_CHANGE = 0.6  # s; what lasts comes and goes within it where the turn changes
_GOES_ON = 1e9


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
    hits = [layer for layer in layers if layer.role == "event" and layer.every is None]
    shares = dict(zip(map(id, hits), _dealt(hits, scene), strict=True))
    spans = _spans(layers, shares, scene.duration, seen)
    parts = []
    for layer, span in zip(layers, spans, strict=True):
        make = _cues if layer.family.role == "event" else _lasting
        part, note = make(layer, shares.get(id(layer), []), scene, span, own, seen)
        parts.append(part)
        if note:
            notes.append(note)
    return CueSheet(tuple(parts), tuple(notes))


def from_picture(plan: Plan, scene: Scene, focus: bool, seen: bool) -> tuple[tuple[Layer, ...], str]:
    """Layers for a prompt that names no sound.

    Impacts where things hit, clicks where things only appear, air where things move, else a quiet room.
    """
    families = lexicon().families
    layers: list[Layer] = []
    if scene.events:
        size = float(np.median([event.size for event in scene.events]))
        # Small things are more often hard and light, what fills the picture is more often wooden and heavy.
        material = "plastic" if size < 0.02 else "wood"
        layers.append(Layer(families["impact"], "", replace(plan.manner, material=plan.manner.material or material)))
    elif scene.appearances:
        layers.append(Layer(families["ui_click"], "", plan.manner))
    if seen and float(np.max(scene.motion, initial=0.0)) > _MOVING:
        gentle = replace(plan.manner, intensity=0.6 * plan.manner.intensity)
        layers.append(Layer(families["whoosh"], "", gentle, prominence=-6.0))
    layers = [layer for layer in layers if layer.family.name not in plan.excluded]
    if layers:
        return tuple(layers), "The prompt names no sound that is known here, so the sound comes from the picture alone."
    air = Layer(families["wind"], "", replace(plan.manner, intensity=0.05, brightness=0.35), prominence=-14.0)
    if "wind" in plan.excluded:
        return (), "Nothing that may sound is known, so there is silence."
    where = "the picture is still" if seen else "there is no picture"
    return (air,), f"The prompt names no sound that is known here and {where}, so only quiet air is heard."


def _dealt(layers: list[Layer], scene: Scene) -> list[list[Event]]:
    """The events of each layer: of the instants that its moment names, those that are not another's of that moment."""
    shares: list[list[Event]] = [[] for _ in layers]
    for turns, begin, end in _stretches(layers, scene):
        for moment in sorted({layer.family.moment for layer in layers if layer.order in turns}):
            members = [i for i, one in enumerate(layers) if one.family.moment == moment and one.order in turns]
            instants = tuple(event for event in scene.instants(moment) if begin <= event.time < end)
            dealt = _shared([layers[index] for index in members], instants)
            for index, share in zip(members, dealt, strict=True):
                shares[index] = share
    return shares


def _stretches(layers: list[Layer], scene: Scene) -> list[tuple[set[int], float, float]]:
    """Turns, and from when to when their events lie: each its own where the layers answer to different moments.

    Layers of one moment are dealt their turns event by event (`_shared`).
    """
    turns = sorted({layer.order for layer in layers})
    moments = {layer.family.moment for layer in layers}
    instants = sorted({event for moment in moments for event in scene.instants(moment)}, key=lambda event: event.time)
    struck = [event for event in instants if event.kind not in ("cut", "flash")]
    if len(turns) > 1 and len(moments) > 1:
        pieces = _in_turn([[replace(one, count=None) for one in layers if one.order == turn] for turn in turns], struck)
        if all(pieces):
            begins = [0.0, *(piece[0].time for piece in pieces[1:]), math.inf]
            return [({turn}, begin, end) for turn, (begin, end) in zip(turns, pairwise(begins), strict=True)]
    return [(set(turns), 0.0, math.inf)]


def _shared(layers: list[Layer], events: tuple[Event, ...]) -> list[list[Event]]:
    """Deal a scene's events out to the event layers: by order ("then") first, then as `_among` says.

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
        for index, mine in zip(members, _among([layers[i] for i in members], turn), strict=True):
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


def _among(layers: list[Layer], events: list[Event]) -> list[list[Event]]:
    """Split events among layers that sound at one time, each in order of time.

    Where the words say where ("on the left"), each event goes to the place it fits. Where the events come from as many
    places as there are layers, each place is one thing: which, say the words' place, size and rhythm. Else the events
    are told apart by their heft alone.
    """
    if len(layers) <= 1 or not events:
        return [list(events) for _ in layers]
    return _by_thing(layers, events) or _by_place(layers, events) or _by_heft(layers, events)


def _by_thing(layers: list[Layer], events: list[Event]) -> list[list[Event]]:
    """Split events by the places on screen they come from, one for each layer; [] where there are not so many."""
    count = len(layers)
    if len(events) < count:
        return []
    joined = linkage(np.array([(event.x, event.y) for event in events]), "single")
    heights = np.array([0.0, *joined[:, 2]])
    apart, within = float(heights[-(count - 1)]), float(heights[-count])
    if apart < max(_APART, 2.0 * within):
        return []
    labels = fcluster(joined, count, "maxclust")
    things = [[event for event, label in zip(events, labels, strict=True) if label == one] for one in set(labels)]
    if len(things) != count:
        return []
    sizes = _ranks([float(np.mean([event.size for event in thing])) for thing in things])
    hefts = _ranks([float(np.mean([event.strength * (0.2 + event.size) for event in thing])) for thing in things])
    asked = _ranks([layer.character.weight + layer.character.size for layer in layers])
    cost = np.zeros((count, count))
    for row, layer in enumerate(layers):
        for column, thing in enumerate(things):
            x, y = (float(np.mean([getattr(event, axis) for event in thing])) for axis in ("x", "y"))
            place = layer.at.away(x, y, sizes[column])
            cost[row, column] = 4.0 * place + abs(asked[row] - hefts[column]) + _unlike(layer, thing)
    _, chosen = linear_sum_assignment(cost)
    return [things[column] for column in chosen]


def _ranks(values: list[float]) -> list[float]:
    """Where each value lies between the least (0) and the greatest (1); 0.5 each where they are alike."""
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.5 for value in values]


def _unlike(layer: Layer, thing: list[Event]) -> float:
    """How little the rhythm of some events is that of a layer, 0 to 1."""
    times = [event.time for event in thing]
    if layer.count is not None:
        return min(1.0, abs(len(times) - layer.count) / layer.count)
    if layer.family.pace == "once" and not layer.many:
        return min(1.0, (len(times) - 1) / 3)
    if len(times) < 2:
        return 0.5
    return min(1.0, abs(math.log2(float(np.median(np.diff(times))) / _gap(layer))) / 3)


def _by_place(layers: list[Layer], events: list[Event]) -> list[list[Event]]:
    """Split events by the places that the words name; [] where they name none, or not every layer gets one."""
    if all(layer.at.x is None and layer.at.y is None for layer in layers):
        return []
    shares: list[list[Event]] = [[] for _ in layers]
    for event in events:
        misfits = [
            _PLACED
            if layer.at.x is None and layer.at.y is None
            else layer.at.away(event.x, event.y, layer.at.size or 0.0)
            for layer in layers
        ]
        shares[misfits.index(min(misfits))].append(event)
    return shares if all(shares) else []


def _by_heft(layers: list[Layer], events: list[Event]) -> list[list[Event]]:
    """Split events by how heavy they are: few and strong for what happens once, the rest by weight."""
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


def _spans(
    layers: tuple[Layer, ...], shares: dict[int, list[Event]], duration: float, seen: bool
) -> list[tuple[float, float]]:
    """When each layer may sound, from and to in seconds: as long as its turn is.

    A turn begins where its first event is seen, else turns share the time there is: what is counted or happens once has
    as long as it needs. What lasts goes on until another of its role has its turn.
    """
    turns = sorted({layer.order for layer in layers})
    if len(turns) == 1:
        return [(0.0, duration)] * len(layers)
    members = [[layer for layer in layers if layer.order == turn and not layer.throughout] for turn in turns]
    if seen:
        starts = [
            min((shares[id(one)][0].time for one in group if shares.get(id(one))), default=None) for group in members
        ]
        starts[0] = 0.0
        begins = _between(starts, duration)
    else:
        needs = [max((_length(layer) for layer in group), default=_GOES_ON) for group in members]
        known = sum(need for need in needs if need < _GOES_ON)
        free = max(duration - known, 0.25 * duration) / max(1, sum(need >= _GOES_ON for need in needs))
        lengths = [free if need >= _GOES_ON else need for need in needs]
        begins = [float(begin) for begin in np.cumsum([0.0, *lengths[:-1]]) * min(1.0, duration / sum(lengths))]
    ends = [*begins[1:], duration]
    spans = []
    for layer in layers:
        if layer.throughout:
            spans.append((0.0, duration))
            continue
        turn = turns.index(layer.order)
        end = ends[turn]
        if layer.family.role != "event":
            later = range(turn + 1, len(turns))
            end = next((begins[i] for i in later if any(one.role == layer.role for one in members[i])), duration)
        spans.append((begins[turn], end))
    return spans


def _between(starts: list[float | None], duration: float) -> list[float]:
    """Instants with those that are not known set evenly between those that are."""
    known = [(index, start) for index, start in enumerate(starts) if start is not None] + [(len(starts), duration)]
    times = np.interp(np.arange(len(starts)), [index for index, _ in known], [start for _, start in known])
    return [float(time) for time in np.maximum.accumulate(times)]


def _length(layer: Layer) -> float:
    """The seconds a turn of this layer takes, where it comes to an end by itself."""
    times = _times(layer, turns=True)
    if layer.family.role != "event" or times is None:
        return _GOES_ON
    return 1.5 + (times - 1) * min(_gap(layer), _SLOWEST_TURN)


def _times(layer: Layer, turns: bool = False) -> int | None:
    """How often a layer sounds in its own rhythm, None for as long as there is time; `turns` where others follow."""
    if layer.count is not None or layer.every is not None:
        return layer.count
    pace = layer.family.pace
    return 1 if not layer.many and (pace == "once" or (turns and pace in ("sparse", "rare"))) else None


def _cues(
    layer: Layer, events: list[Event], scene: Scene, span: tuple[float, float], own: float, seen: bool
) -> tuple[Part, str]:
    note = ""
    if not seen or layer.role != "event" or layer.every is not None:
        events, note = _own_time(layer, scene, span, seen)
    elif not events:
        events, note = _instead(layer, scene, span)
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
    return Part(layer, cues=tuple(cues)), note


def _apart(events: list[Event], seconds: float) -> list[Event]:
    """The events without those that follow or precede a stronger one too closely."""
    kept: list[Event] = []
    for event in sorted(events, key=lambda each: -each.strength):
        if all(abs(event.time - other.time) >= seconds for other in kept):
            kept.append(event)
    return sorted(kept, key=lambda event: event.time)


def _own_time(layer: Layer, scene: Scene, span: tuple[float, float], seen: bool) -> tuple[list[Event], str]:
    """The events of a layer that waits for none: its rhythm; what is seen near a beat that is asked for is that."""
    events = _rhythm(layer, span, scene.duration)
    if not seen:
        return events, ""
    name = layer.words or layer.family.name
    if layer.every is None:
        return events, f"“{name}” keeps its own time, whatever is seen."
    hits = [event for event in scene.events if event.kind != "cut"]
    kept: dict[float, Event] = {}
    for beat in events:
        near = min(hits, key=lambda event: abs(event.time - beat.time), default=beat)
        event = near if abs(near.time - beat.time) <= _NEAR_BEAT * layer.every / layer.group else beat
        kept[event.time] = event
    return [kept[time] for time in sorted(kept)], f"“{name}” keeps the rhythm that its words ask for."


def _instead(layer: Layer, scene: Scene, span: tuple[float, float]) -> tuple[list[Event], str]:
    """Where a layer sounds when its picture shows no event: with the cadence, at the peaks of motion, or once."""
    name = layer.words or layer.family.name
    times = np.arange(len(scene.motion)) / CURVE_RATE
    motion = np.where((times >= span[0]) & (times <= span[1]), scene.motion, 0.0)
    moving = motion > _MOVING
    if scene.cadence and layer.family.pace in ("steps", "steady", "rapid") and moving.any():
        first = float(np.argmax(moving)) / CURVE_RATE
        last = float(len(moving) - np.argmax(moving[::-1])) / CURVE_RATE
        beats = np.arange(first + 0.1, min(last, scene.duration), 1.0 / scene.cadence)
        return [_seen_at(scene, float(time)) for time in beats], f"“{name}” follows the rhythm of the movement."
    apart = {"rapid": 0.12, "steps": 0.3, "steady": 0.35}.get(layer.family.pace, 1.0)
    peaks, _ = find_peaks(motion, prominence=0.25, distance=max(1, int(apart * CURVE_RATE)))
    if peaks.size:
        return [
            _seen_at(scene, peak / CURVE_RATE) for peak in peaks
        ], f"“{name}” is placed at the peaks of the movement."
    if moving.any() and layer.family.pace in ("steps", "rapid"):
        events = _rhythm(layer, span, scene.duration)
        return events, f"The picture shows no single moment for “{name}”, so it has its own rhythm."
    begin, end = span
    time = float(np.argmax(motion)) / CURVE_RATE if moving.any() else begin + min(0.5, 0.2 * (end - begin))
    return [_seen_at(scene, time)], f"The picture shows no moment for “{name}”, so it sounds once."


def _seen_at(scene: Scene, time: float) -> Event:
    index = min(round(time * CURVE_RATE), len(scene.motion) - 1, len(scene.pan) - 1)
    strength = 0.4 + 0.6 * float(scene.motion[index])
    return Event(time=time, strength=strength, kind="rhythm", x=float(scene.pan[index]))


def _gap(layer: Layer) -> float:
    """The usual seconds between two events of a layer, where no picture says."""
    speed: float = layer.character.speed
    several = layer.many or (layer.count or layer.group) > 1
    pace = "sparse" if layer.family.pace == "once" and several else layer.family.pace
    gaps: dict[str, float] = {
        "once": math.inf,
        "rare": 6.5 * 3.0 ** (0.5 - speed),
        "sparse": 2.3 * 3.0 ** (0.5 - speed),
        "steady": 0.75 * 4.0 ** (0.5 - speed),
        # Walking 1.4 to 2.1 steps a second, running to 3.1.
        "steps": 1.0 / (1.85 * 2.75 ** (speed - 0.5)),
        "rapid": 0.16 * 3.0 ** (0.5 - speed),
    }
    return gaps[pace]


def _rhythm(layer: Layer, span: tuple[float, float], duration: float) -> list[Event]:
    """A layer's own timing within a span, where there is no picture: as the words say, else as such things go."""
    random = _timing(layer)
    begin, end = span
    pace = layer.family.pace
    gap = _gap(layer)
    if layer.count and layer.count > 1 and pace in ("once", "sparse"):
        gap = min(gap, _SLOWEST_TURN, 0.8 * (end - begin) / layer.count)
    loose = {"once": 0.25, "rare": 0.2, "sparse": 0.25, "steady": 0.04, "steps": 0.025, "rapid": 0.3}[pace]
    loose *= 2 * (1 - layer.character.regularity)
    if layer.every is not None:
        gap, loose = layer.every, 0.1 * loose
    # In groups: the first of each as far apart as two or as the words say, the others close behind.
    close = min(0.3 * min(gap, 2.0), gap / (layer.group + 1))
    if layer.group > 1 and layer.every is None:
        gap *= 2.0
    times: list[float] = []
    time = begin + min(0.25, 0.15 * (end - begin))
    last = end - min(0.1, 0.1 * (end - begin))
    most = _times(layer, turns=span != (0.0, duration)) or _MOST_EVENTS
    while time < last and len(times) < most:
        times += [time + close * turn for turn in range(layer.group) if time + close * turn < last]
        time += gap * max(0.4, 1.0 + loose * float(random.standard_normal()))
        if pace == "rapid" and layer.every is None and random.random() < 0.09:
            time += float(random.uniform(0.25, 0.8))  # between words
    sway = 0.03 if pace == "steps" else 0.0
    return [
        Event(
            time=at,
            strength=float(np.clip(0.9 + 0.08 * random.standard_normal(), 0.6, 1.0)),
            kind="rhythm",
            x=_where(layer, at / duration) + sway * (-1.0) ** turn,
        )
        for turn, at in enumerate(times[:most])
    ]


def _where(layer: Layer, progress: float) -> float:
    """From left to right, where the words put a layer that the picture does not place, `progress` 0..1 of the way."""
    if layer.sweep is not None:
        return layer.sweep[0] + (layer.sweep[1] - layer.sweep[0]) * progress
    return 0.5 if layer.at.x is None else layer.at.x


def _timing(layer: Layer) -> Generator:
    return np.random.default_rng(crc32(f"{layer.family.name} {layer.words}".encode()))


def _lasting(
    layer: Layer, events: list[Event], scene: Scene, span: tuple[float, float], own: float, seen: bool
) -> tuple[Part, str]:
    """The curves of a layer that lasts: by events, by the movement, or always there and only leaning on it."""
    points = max(len(scene.motion), 2)
    motion = np.resize(scene.motion, points) if len(scene.motion) < points else scene.motion
    placed = np.array([_where(layer, progress) for progress in np.linspace(0, 1, points)])
    pan = scene.pan if seen and layer.sweep is None and len(scene.pan) == points else placed
    note = ""
    if layer.role == "event":
        if not seen or layer.every is not None:
            events, note = _own_time(layer, scene, span, seen)
        elif not events:
            events, note = _instead(layer, scene, span)
        activity, pan = _bursts(events, pan)
        return Part(layer, activity=activity, gain=activity, pan=pan), note
    within = _within(span, points, scene.duration)
    if layer.role == "ambient":
        gain = 10 ** (_CALMEST / 20 * (1 - own) * (1 - _smooth(motion, 0.5))) if seen else np.ones(points)
        return Part(layer, activity=np.ones(points), gain=gain * within, pan=placed), note
    still = float(np.max(motion)) <= _MOVING
    if not seen or still:
        activity = _gestures(layer, points)
        if seen:
            note = f"Nothing moves in the picture, so “{layer.words or layer.family.name}” has its own course."
        return Part(layer, activity=activity * within, gain=within, pan=pan), note
    drive = _smooth(motion, 0.12) * (0.35 + 0.65 * min(1.0, 1.5 * scene.liveliness) ** (1.0 - own))
    present = np.clip(_smooth(motion, 0.25) / 0.15, 0.0, 1.0)
    runs = layer.family.runs
    steady = np.ones(points) if runs else present
    activity = own * steady * 0.7 + (1.0 - 0.7 * own) * drive
    floor = 0.25 if runs else 0.0
    gain = (floor + (1.0 - floor) * np.clip(activity, 0.0, 1.0) ** 0.7) * within
    return Part(layer, activity=np.clip(activity, 0.0, 1.0), gain=gain, pan=_smooth(pan, 0.2)), note


def _within(span: tuple[float, float], points: int, duration: float) -> Curve:
    """1 within a span of time and 0 outside, coming and going gently unless the clip itself begins or ends there."""
    time = np.arange(points) / CURVE_RATE
    begin, end = span
    rise = np.ones(points) if begin <= 0 else np.clip((time - begin) / _CHANGE + 0.5, 0.0, 1.0)
    fall = np.ones(points) if end >= duration else np.clip((end - time) / _CHANGE + 0.5, 0.0, 1.0)
    return np.asarray(np.sin(0.5 * np.pi * np.minimum(rise, fall)))


def _bursts(events: list[Event], pan: Curve) -> tuple[Curve, Curve]:
    """How lively a layer that lasts is where it answers to events, and where: a swell at each, gone within a second."""
    activity, places = np.zeros(len(pan)), pan.copy()
    time = np.arange(len(pan)) / CURVE_RATE
    for event in events:
        since = time - event.time
        swell = np.where(since < 0, np.clip(1.0 + since / 0.03, 0.0, 1.0), np.exp(-np.maximum(since, 0.0) / 0.3))
        places[since >= -0.03] = event.x
        activity = np.maximum(activity, event.strength * swell)
    return np.where(activity < 1e-3, 0.0, activity), _smooth(places, 0.1)


def _gestures(layer: Layer, points: int) -> Curve:
    """Movement of its own for a motion family without a picture: strokes and swings, or a steady run."""
    time = np.arange(points) / CURVE_RATE
    random = _timing(layer)
    if layer.family.runs:
        wave = np.sin(2 * np.pi * time / 7.0 + float(random.uniform(0, 6)))
        return np.asarray(np.clip(0.25 + 0.35 * layer.character.speed + 0.08 * wave, 0.0, 1.0))
    length = 0.7 * 3.0 ** (0.5 - layer.character.speed)
    gap = layer.every or length * (2.0 if layer.family.name == "whoosh" else 1.25)
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
