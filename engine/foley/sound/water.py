"""Water: streams, waves, drips, splashes, bubbles.

What is heard of water is air: bubbles that ring at a pitch set by their radius (Minnaert, "On musical air-bubbles",
Phil. Mag. 16, 1933: f = 3.26 / r, with r in metres) and rise in pitch as they near the surface (van den Doel,
"Physically Based Models for Liquid Sounds", ACM Trans. Applied Perception 2(4), 2005). Over a crowd of them lies the
hiss of broken surface.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from engine.foley.sound.brief import RATE, Bed, Detail, Hit, Signal
from engine.foley.sound.filters import HIGHEST, add, bandpass, decay, fade, lowpass, samples, seconds, tilt
from engine.foley.sound.grains import arrivals
from engine.foley.sound.noise import burst, coloured, lively, paint, wander


def bubbles(at: Signal, pitch: Signal, amplitude: Signal, rise: Signal, length: int) -> Signal:
    """Bubbles at instants (samples) with a pitch (Hz), an amplitude and a rise of pitch (1/s times the damping).

    Damping after van den Doel: d = 0.13 / r + 0.0072 r^-1.5, in 1/s, r in metres. Bubbles alike to 1/48 of an octave
    and 0.05 of rise are one: it is made once and mixed in wherever it sounds. Where there are fewer instants than
    bubbles (nothing arrives when nothing moves) the others are left out.
    """
    out = np.zeros(length)
    tone, bend = np.rint(48 * np.log2(pitch[: at.size])), np.rint(20 * rise[: at.size])
    order = np.lexsort((bend, tone))
    made, bubble = (np.nan, np.nan), np.zeros(0)
    for index in order:
        kind = (float(tone[index]), float(bend[index]))
        if kind != made:
            made, hz = kind, 2.0 ** (kind[0] / 48)
            radius = 3.26 / hz
            damping = 0.13 / radius + 0.0072 * radius**-1.5
            time = seconds(max(16, int(5.5 / damping * RATE)))
            slow = damping * time
            bubble = np.sin(2 * np.pi * hz * time * (1.0 + 0.5 * (kind[1] / 20) * slow)) * np.exp(-slow)
        add(out, amplitude[index] * bubble, int(at[index]))
    return out


def _pitches(count: int, low: float, high: float, random: Generator) -> Signal:
    """Many small bubbles, few large ones: radii by a power law, so pitches evenly over the logarithm, then upwards."""
    return np.asarray(low * (high / low) ** random.random(count) ** 0.8)


def bubbles_rising(most: int, lasting: float, pitch: tuple[float, float], random: Generator, detail: Detail) -> Signal:
    """A few bubbles over `lasting` seconds, as after a splash."""
    length = samples(lasting + 0.1)
    at = arrivals(most, decay(samples(lasting), lasting / 2.5), samples(lasting), random)
    tone = _pitches(most, *pitch, random)
    amplitude = (pitch[0] / tone) ** 0.6 * random.uniform(0.3, 1.0, most)
    rise = random.uniform(0.0, 0.3, most)
    kept = detail.of(most, least=2)
    return bubbles(at[:kept], tone[:kept], amplitude[:kept], rise[:kept], length)


def _crowd(bed: Bed, per_second: float, low: float, high: float, course: Signal, random: Generator) -> Signal:
    most = max(8, int(per_second * bed.seconds))
    at = arrivals(most, course, bed.length, random)
    tone = np.minimum(_pitches(most, low, high, random), HIGHEST / 1.5)
    amplitude = (low / tone) ** 0.75 * np.exp(0.7 * random.standard_normal(most))
    rise = np.where(random.random(most) < 0.3, random.uniform(0.1, 0.5, most), 0.0)
    kept = bed.detail.of(most, least=8)
    return float(np.sqrt(most / kept)) * bubbles(at[:kept], tone[:kept], amplitude[:kept], rise[:kept], bed.length)


def stream(bed: Bed) -> Signal:
    """Running water: a trickle is single bubbles, a torrent their roar."""
    strength = bed.character.intensity
    low = 520.0 * 2.0 ** (1.2 * (0.5 - bed.character.size) + 1.0 * (0.5 - strength))
    activity = lively(bed.activity, bed.length)
    points = bed.activity.size
    sides = []
    for _ in range(2):
        course = bed.activity * np.exp(0.35 * wander(points, 1.2, points / max(bed.seconds, 1e-3), bed.random))
        crowd = _crowd(bed, 90.0 + 520.0 * strength, low, 5200.0, course, bed.random)
        crowd /= max(float(np.sqrt(np.mean(crowd**2))), 1e-9)
        wash = coloured({80: -24, 250: -9, 600: -2, 1500: -3, 4000: -9, 9000: -18, 16000: -30}, bed.length, bed.random)
        sides.append((crowd * (1.1 - 0.6 * strength) + wash * (0.12 + 1.3 * strength**2)) * activity)
    return tilt(np.stack(sides, axis=1), bed.character.brightness)


def waves(bed: Bed) -> Signal:
    """Surf: each wave builds as a low roar, breaks brightly, and hisses out over the sand; one in about 7 seconds.

    Large ones come more slowly, and roar lower.
    """
    points = max(bed.activity.size, 2)
    time = np.linspace(0.0, bed.seconds, points)
    period = (9.0 - 4.0 * bed.character.speed) * 1.4 ** (bed.character.bulk - 0.5)
    small = 1.9 ** (0.5 - bed.character.bulk)
    sides = []
    first = bed.random.uniform(-0.15, 0.1) * period
    starts = np.arange(first - period, bed.seconds + period, period)
    starts = starts + bed.random.uniform(-0.12, 0.12, starts.size) * period
    force = bed.random.uniform(0.6, 1.0, starts.size)
    centres = np.array([40.0, 110.0, 300.0, 800.0, 2000.0, 5000.0, 11000.0])
    for side in range(2):
        levels = np.zeros((points, centres.size)) + 0.05 * (150.0 / (centres + 100.0)) ** 0.5
        for start, strength in zip(starts, force, strict=True):
            late = time - start - 0.10 * side
            rise = 0.30 * period
            for band, hz in enumerate(centres):
                # Low bands swell first and longest, the high ones come with the break and linger as foam.
                delay = rise * (0.75 + 0.12 * np.log10(hz / 40.0))
                up = np.exp(-0.5 * ((late - delay) / (0.24 * rise)) ** 2)
                fall = 0.16 * period * (0.8 + 0.35 * np.log10(hz / 40.0))
                course = np.where(late < delay, up, np.exp(-np.maximum(late - delay, 0) / fall))
                levels[:, band] += strength * course * (220.0 / (hz + 160.0)) ** 0.62
        sides.append(paint(levels * bed.activity[:, None], small * centres, bed.length, bed.random))
    return tilt(np.stack(sides, axis=1), bed.character.brightness)


def boil(bed: Bed) -> Signal:
    """Bubbles: larger and slower for a big body of water, denser the livelier it is."""
    low = 260.0 * 3.0 ** (0.5 - bed.character.size)
    sides = [
        _crowd(bed, 40.0 + 160.0 * bed.character.intensity, low, low * 9.0, bed.activity, bed.random) for _ in range(2)
    ]
    shared = _crowd(bed, 30.0, low * 0.7, low * 5.0, bed.activity, bed.random)
    activity = lively(bed.activity, bed.length)[:, None]
    return tilt((0.6 * np.stack(sides, axis=1) + 0.8 * shared[:, None]) * activity, bed.character.brightness)


def drip(hit: Hit) -> Signal:
    """A drop: the tick of its impact, then the bubbles it leaves, which rise in pitch; no drop falls like another.

    The first bubble is caught some milliseconds after the impact, sometimes smaller ones with it (Pumphrey and Elmore,
    "The entrainment of bubbles by drop impacts", J. Fluid Mech. 220, 1990).
    """
    random = hit.random
    length = samples(0.4)
    pitch = 1250.0 * 2.6 ** (0.5 - hit.character.size) * random.uniform(0.7, 1.45)
    tick = bandpass(burst(length, random, 0.0007), 2500.0, 11_000.0, order=1)
    at = RATE * np.array([random.uniform(0.002, 0.012), random.uniform(0.02, 0.08), random.uniform(0.03, 0.11)])
    tones = pitch * np.array([1.0, random.uniform(1.15, 1.9), random.uniform(1.5, 2.6)])
    level = np.array([1.0, random.uniform(0.3, 0.9), random.uniform(0.1, 0.5)])
    drop = bubbles(at, tones, level, random.uniform(0.1, 0.5, 3), length)
    rest = bubbles_rising(10, 0.15, (pitch, 3 * pitch), random, hit.detail)
    add(drop, 0.12 * rest, samples(0.03))
    return hit.force * tilt(fade(0.55 * tick + drop, end=0.02), hit.character.brightness)


def splash(hit: Hit) -> Signal:
    """Something enters water: slap, a crown of spray, the cavity closing, bubbles coming up."""
    size = hit.character.size if hit.size == 0 else 0.5 * (hit.character.size + min(1.0, 2 * hit.size))
    lasting = 0.5 + 1.1 * size
    length = samples(lasting + 0.6)
    slap = lowpass(burst(length, hit.random, 0.012 + 0.02 * size), 1800.0 - 900.0 * size, order=1)
    time = seconds(length)
    points = 64
    moment = np.linspace(0.0, lasting + 0.6, points)[:, None]
    centres = np.array([120.0, 400.0, 1200.0, 3000.0, 7000.0, 14000.0])
    spread = np.exp(-moment / (lasting * np.array([0.12, 0.18, 0.25, 0.3, 0.3, 0.25])))
    spray = paint(spread * np.array([0.5, 0.8, 0.9, 0.7, 0.45, 0.2]), centres, length, hit.random)
    spray *= 1 - np.exp(-time / 0.003)
    rising = bubbles_rising(160, lasting, (280.0 * 2.2 ** (0.5 - size), 3200.0), hit.random, hit.detail)
    out = 0.5 * slap + 0.35 * spray
    add(out, 0.30 * rising, samples(0.04 + 0.06 * size))
    return hit.force * tilt(fade(out, end=0.05), hit.character.brightness)


def pour(bed: Bed) -> Signal:
    """A jet into a vessel: bubbles under it, and the air column above, whose note climbs as the vessel fills.

    The column is closed at the water: f = c / 4 (L + 0.6 r), odd multiples of it (Cabe and Pittenger, "Human
    sensitivity to acoustic information from vessel filling", J. Exp. Psychol. HPP 26, 2000).
    """
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    flow = np.clip(bed.activity, 0.0, 1.0) * np.exp(0.12 * wander(points, 5.0, rate, random))
    height = 0.16 * 3.5 ** (character.size - 0.5)  # metres, of a tall glass
    seconds_to_fill = 7.0 * 3.0 ** (character.size - 0.5) * 2.0 ** (0.5 - character.intensity)
    # A stretch longer than the vessel takes is another glass, and another.
    filled = np.mod(np.cumsum(bed.activity) / rate / seconds_to_fill + random.uniform(0.0, 0.1), 1.0)
    column = height * (1.0 - 0.86 * filled) + 0.6 * 0.2 * height
    note = 343.0 / (4.0 * column)
    low = 620.0 * 1.9 ** (0.5 - character.size)
    sides = []
    for _ in range(2):
        crowd = _crowd(bed, 110.0 + 240.0 * character.intensity, low, 6000.0, flow, random)
        sides.append(crowd / max(float(np.sqrt(np.mean(crowd**2))), 1e-9))
    rush = coloured({200: -12, 600: -3, 1500: 0, 4000: -4, 9000: -12, 15_000: -24}, bed.length, random)
    centres = np.geomspace(120.0, 14_000.0, 64)
    levels = np.zeros((points, centres.size))
    for odd, level in ((1, 1.0), (3, 0.6), (5, 0.35), (7, 0.2)):
        levels += level / np.sqrt(1.0 + (9.0 * np.log2(centres / np.minimum(odd * note[:, None], HIGHEST))) ** 4)
    singing = paint(levels * flow[:, None], centres, bed.length, random)
    singing /= max(float(np.sqrt(np.mean(singing**2))), 1e-9)
    loud = lively(flow, bed.length)[:, None]
    out = 0.55 * np.stack(sides, axis=1) * loud + (0.18 * rush[:, None] * loud) + 0.75 * singing[:, None]
    return tilt(out, character.brightness)


def waterfall(bed: Bed) -> Signal:
    """Water that falls far: a broad roar without a pitch, pounding below, a veil of spray above. Larger: deeper."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    size = character.size
    corner = 420.0 * 3.6 ** (0.5 - size)
    centres = np.array([30.0, 60.0, 120.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 15_000.0])
    # Level up to the corner, then falling by 3 to 4 dB an octave; the spray keeps the highest bands up.
    shape = np.minimum(1.0, (centres / (0.18 * corner)) ** 1.2) / np.sqrt(1.0 + (centres / corner) ** 1.15)
    spray = np.array([0, 0, 0, 0, 0, 0.02, 0.06, 0.12, 0.13, 0.08]) * (0.5 + 1.2 * character.intensity)
    sides = []
    shared = wander(points, 0.8, rate, random)
    for _ in range(2):
        pound = np.exp(0.10 * shared + 0.22 * wander(points, 7.0, rate, random))[:, None]
        sheets = np.exp(0.16 * wander(points, 2.5, rate, random))[:, None]
        low = np.clip(1.0 - np.log10(centres / 60.0), 0.0, 1.0)
        levels = bed.activity[:, None] * (shape * (low * pound + (1 - low)) + spray * sheets)
        roar = paint(levels, centres, bed.length, random)
        splashes = _crowd(bed, 60.0 + 120.0 * character.intensity, 380.0, 3500.0, bed.activity, random)
        splashes /= max(float(np.sqrt(np.mean(splashes**2))), 1e-9)
        level = float(np.sqrt(np.mean(roar**2)))
        sides.append(roar + 0.22 * level * splashes * lively(bed.activity, bed.length))
    return tilt(np.stack(sides, axis=1), character.brightness)


def underwater(bed: Bed) -> Signal:
    """Below the surface: everything high is gone, a dull rumble is left, and streams of bubbles that rise past."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    centres = np.array([25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 4000.0])
    shape = np.array([0.55, 0.9, 1.0, 0.7, 0.32, 0.10, 0.02, 0.001])
    low = 190.0 * 2.2 ** (0.5 - character.size)
    breaths = np.clip(np.sin(2 * np.pi * (np.arange(points) / rate / 3.8 + 0.08 * random.random())), 0.0, 1.0) ** 0.7
    shared = _crowd(bed, 16.0 + 60.0 * character.intensity, low, 3.2 * low, (0.06 + breaths) * bed.activity, random)
    shared /= max(float(np.sqrt(np.mean(shared**2))), 1e-9)
    loud = lively((0.15 + breaths) * bed.activity, bed.length)
    sides = []
    for late in (0, 19):
        sway = np.exp(0.30 * wander(points, 0.5, rate, random))[:, None] ** np.linspace(0.3, 1.6, centres.size)
        depth = paint(bed.activity[:, None] * sway * shape, centres, bed.length, random)
        depth /= max(float(np.sqrt(np.mean(depth**2))), 1e-9)
        own = _crowd(bed, 10.0, 1.2 * low, 3.0 * low, breaths * bed.activity, random)
        own /= max(float(np.sqrt(np.mean(own**2))), 1e-9)
        sides.append(0.8 * depth + (0.9 * np.roll(shared, late) + 0.4 * own) * loud)
    return tilt(lowpass(np.stack(sides, axis=1), 620.0 + 500.0 * character.brightness, order=3), character.brightness)
