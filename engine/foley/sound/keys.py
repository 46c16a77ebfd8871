"""Small mechanisms: keyboard keys, buttons, switches, the ticking of a clock, a beep."""

from __future__ import annotations

import numpy as np

from engine.foley.sound.brief import RATE, Bed, Hit, Signal
from engine.foley.sound.filters import add, bandpass, decay, dynamics, fade, samples, seconds, stretch, tilt
from engine.foley.sound.modal import MATERIALS, blow, body
from engine.foley.sound.noise import burst


def keystroke(hit: Hit) -> Signal:
    """A key goes down (the switch's click, the cap on its plate) and, softer, comes up again."""
    random = hit.random
    typewriter = hit.character.material == "metal"
    wide = random.random() < 0.12  # the space bar and its like are larger and lower
    key = 1.6 ** (0.5 - hit.character.bulk) * random.uniform(0.8, 1.25) * (0.62 if wide else 1.0)
    force = (0.35 + 0.65 * hit.force) * random.uniform(0.75, 1.1)
    out = np.zeros(samples(0.5 if typewriter else 0.28))
    down = _tick(hit, 0.22 / key, "metal" if typewriter else "plastic", 2600.0 * key)
    add(out, force * down, 0)
    plate = body(MATERIALS["wood" if typewriter else "plastic"], 0.45, hit.detail, hit.nature(), most=24)
    add(out, 0.55 * force * blow(plate, random, force, 0.55, 0.3, held=0.02), samples(0.004))
    up = _tick(hit, 0.18 / key, "plastic", 3600.0 * key)
    add(out, 0.16 * force * up, samples(random.uniform(0.07, 0.11)))
    return tilt(fade(out, start=0.0003, end=0.02), hit.character.brightness)


def click(hit: Hit) -> Signal:
    """A button or switch: pressed, and a little later let go."""
    material = hit.character.material or "plastic"
    size = 0.05 + 0.4 * hit.character.bulk
    out = np.zeros(samples(0.4))
    high = 1.6 ** (0.5 - hit.character.bulk)
    add(out, _tick(hit, size, material, 2900.0 * high), 0)
    add(out, 0.3 * _tick(hit, size * 0.9, material, 3500.0 * high), samples(hit.random.uniform(0.05, 0.055)))
    return dynamics(tilt(fade(out, start=0.0003), hit.character.brightness), hit.force)


def _tick(hit: Hit, size: float, material: str, snap_hz: float) -> Signal:
    """A small hard part meeting another: a few well-damped modes over a snap."""
    piece = body(MATERIALS[material], min(size, 0.6), hit.detail, hit.nature(), most=24)
    tone = blow(piece, hit.random, 0.6, 0.85, 0.1, held=0.03)
    tone /= max(float(np.max(np.abs(tone))), 1e-9)
    out = np.zeros(samples(0.13))
    add(out, 0.6 * tone, 0)
    out += 0.5 * bandpass(burst(out.size, hit.random, 0.0012), 0.45 * snap_hz, min(2.6 * snap_hz, 14_000), order=1)
    return out * decay(out.size, 0.03)


def clock(bed: Bed) -> Signal:
    """Tick and tock: an escapement's three knocks in one, over a wooden case. Two a second; slower for a large one."""
    character = bed.character
    beat = 0.5 * 2.0 ** (2 * (character.bulk - 0.5)) * 2.5 ** (0.5 - character.speed)
    out = np.zeros(bed.length)
    nature = np.random.default_rng(bed.random.integers(2**32))
    wheel = body(MATERIALS["metal"], 0.02 + 0.36 * character.bulk, bed.detail, nature, most=20)
    case = body(MATERIALS["wood"], 0.25 + 0.5 * character.bulk, bed.detail, nature, most=24)
    iron = [blow(wheel, nature, 0.4, 0.9, 0.1, held=0.008) for _ in range(2)]
    wood = [blow(case, nature, 0.4, 0.7, 0.2, held=0.03) for _ in range(2)]
    for turn, at in enumerate(np.arange(min(0.2, 0.1 * bed.seconds), bed.seconds, beat)):
        tock = turn % 2
        for after, level in ((0.0, 0.6), (0.006 + 0.002 * tock, 1.0), (0.014, 0.35)):
            force = level * nature.uniform(0.9, 1.05)
            add(out, force * iron[tock], samples(at + after))
            add(out, force * (0.45 + 0.25 * tock) * (0.5 + character.bulk) * wood[tock], samples(at + after))
    mono = out * stretch(bed.activity, bed.length)
    return tilt(np.stack([mono, mono], axis=1), character.brightness)


def beep(hit: Hit) -> Signal:
    """A plain electronic tone with soft edges."""
    nature = hit.nature()  # every device has its own
    length = samples(0.16 * 2.5 ** (0.5 - hit.character.speed) * nature.uniform(0.8, 1.25))
    pitch = 1000.0 * 3.0 ** (hit.character.brightness - hit.character.bulk) * nature.uniform(0.85, 1.18)
    time = seconds(length)
    out = np.zeros(length)
    for harmonic in range(1, hit.detail.of(5, least=1) + 1):
        out += np.sin(2 * np.pi * pitch * harmonic * time) / harmonic**2.2
    return (0.4 + 0.6 * hit.force) * fade(out, start=0.003, end=0.012)


def ui_click(hit: Hit) -> Signal:
    """What a screen answers with: a pop that falls through a fifth in some milliseconds, pure and dry."""
    character, random = hit.character, hit.random
    nature = hit.nature()  # every interface has its own
    lasting = 0.028 * 1.8 ** (0.5 - character.speed) * nature.uniform(0.7, 1.4)
    length = samples(0.16)
    time = seconds(length)
    pitch = (
        1150.0 * 2.2 ** (character.brightness - character.bulk) * nature.uniform(0.8, 1.25) * random.uniform(0.96, 1.04)
    )
    glide = pitch * (1.0 + nature.uniform(0.2, 0.8) * np.exp(-time / random.uniform(0.005, 0.009)))
    phase = 2 * np.pi * np.cumsum(glide) / RATE + random.uniform(0, 2 * np.pi)
    out = np.zeros(length)
    for harmonic, level in ((1, 1.0), (2, nature.uniform(0.1, 0.45)), (3, nature.uniform(0.02, 0.15))):
        out += level * np.sin(harmonic * phase) * decay(length, lasting / harmonic)
    return (0.4 + 0.6 * hit.force) * fade(out, start=0.0012, end=0.05)
