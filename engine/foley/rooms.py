"""Rooms: what walls add to a sound. Early reflections from the geometry, a late tail of velvet noise.

Early part: mirror images of the source in a shoebox (Allen and Berkley, "Image method for efficiently simulating
small-room acoustics", J. Acoust. Soc. Am. 65, 1979), each placed left or right by where its image lies. Late part:
random pulses of both signs, smoother than noise at the same density (Karjalainen and Järveläinen, "Reverberation
modeling using velvet noise", AES 30th Conf., 2007), sparse at first and ever denser, dying away at each frequency in
its own time. How many of the pulses are rendered grows with Quality Steps.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
from scipy import fft

from engine.foley.sound.brief import RATE, Detail, Signal
from engine.foley.sound.filters import fade, highpass, lowpass, samples, seconds
from engine.foley.sound.grains import arrivals

SPEED_OF_SOUND = 343.0
_OCTAVES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
_FEWEST_PULSES, _MOST_PULSES = 1000.0, 20_000.0  # a second; from 2000 on they begin to melt into noise
_FRAME = 1024


@dataclass(frozen=True)
class Room:
    """A space: its sides in metres, what its walls keep of a sound, and how long it rings.

    `ring` is the time in seconds of a fall by 60 dB, for each octave from 125 Hz to 8 kHz. `early` and `late` are the
    energies of reflections and tail beside the direct sound of something near, in dB.
    """

    sides: tuple[float, float, float]
    kept: float
    ring: tuple[float, ...]
    early: float
    late: float


ROOMS: dict[str, Room] = {
    "room": Room((5.2, 4.1, 2.7), 0.72, (0.55, 0.50, 0.45, 0.42, 0.40, 0.36, 0.28), -9.0, -13.0),
    "bathroom": Room((2.9, 2.3, 2.5), 0.93, (0.85, 0.95, 1.05, 1.05, 1.00, 0.85, 0.55), -5.0, -8.0),
    "hall": Room((32.0, 22.0, 14.0), 0.80, (2.9, 2.7, 2.4, 2.2, 1.9, 1.4, 0.9), -11.0, -7.0),
    "cathedral": Room((82.0, 31.0, 24.0), 0.84, (7.0, 6.8, 6.2, 5.5, 4.4, 2.8, 1.4), -13.0, -6.0),
    "corridor": Room((28.0, 2.1, 2.6), 0.88, (1.3, 1.5, 1.6, 1.5, 1.3, 1.0, 0.6), -5.0, -8.0),
    "cave": Room((23.0, 17.0, 9.0), 0.86, (4.6, 4.4, 4.0, 3.3, 2.5, 1.7, 0.9), -6.0, -4.0),
    "street": Room((150.0, 17.0, 0.0), 0.75, (0.9, 1.1, 1.2, 1.1, 0.9, 0.6, 0.3), -8.0, -17.0),
    "outdoors": Room((70.0, 55.0, 0.0), 0.35, (0.5, 0.6, 0.6, 0.5, 0.4, 0.3, 0.2), -13.0, -30.0),
}
"""Every room but "dry", which adds nothing."""


@lru_cache(maxsize=16)
def impulse_response(name: str, detail: Detail) -> Signal:
    """What a room sends back of one impulse, as stereo samples (n, 2), without the direct sound. Empty when dry."""
    if name == "dry":
        return np.zeros((0, 2))
    room = ROOMS[name]
    early = _scaled(_early(room, detail), room.early)
    late = _scaled(_late(name, room, detail), room.late)
    out = np.zeros((max(len(early), len(late)), 2))
    out[: len(early)] += early
    out[: len(late)] += late
    out = highpass(out, 70.0, order=1)
    out.flags.writeable = False
    return out


def _scaled(response: Signal, level: float) -> Signal:
    """To an energy in dB, that of one channel's mean."""
    energy = float(np.sum(response**2)) / 2
    return response * float(np.sqrt(10 ** (level / 10) / max(energy, 1e-12)))


def _early(room: Room, detail: Detail) -> Signal:
    """Mirror images up to third order (fewer at few steps), the walls taking treble each time."""
    source = np.array([0.42, 0.63, 0.45]) * room.sides
    listener = np.array([0.55, 0.36, 0.55]) * room.sides
    if room.sides[2] == 0:  # open air: the ground below, house fronts or trees far around
        source[2] = listener[2] = 1.6
    highest = detail.of(3, least=1)
    direct = float(np.linalg.norm(source - listener))
    layers = [np.zeros((samples(0.35 if max(room.sides) > 10 else 0.12), 2)) for _ in range(highest + 1)]
    reach = range(-highest, highest + 1)
    for nx, ny, nz in itertools.product(reach, reach, reach if room.sides[2] else (0, -1)):
        order = abs(nx) + abs(ny) + abs(nz)
        if not 0 < order <= highest:
            continue
        image = np.array(
            [
                n * side + (side - at if n % 2 else at)
                for n, side, at in zip((nx, ny, nz), room.sides, source, strict=True)
            ]
        )
        way = image - listener
        distance = float(np.linalg.norm(way))
        delay = (distance - direct) / SPEED_OF_SOUND
        gain = direct / distance * room.kept**order
        across = float(way[0]) / max(distance, 1e-6)
        for side, sign in ((0, -1.0), (1, 1.0)):
            # The far ear hears it up to 0.3 ms later and a little softer.
            at = delay - 0.00030 * sign * across
            layer = layers[order]
            index = samples(max(at, 0.0005))
            if index < len(layer):
                layer[index, side] += gain * (1.0 + 0.45 * sign * across) * (-1.0) ** order
    return np.asarray(sum(lowpass(layer, 9000.0 / order, order=1) for order, layer in enumerate(layers) if order))


def _late(name: str, room: Room, detail: Detail) -> Signal:
    """The tail: pulses ever denser, as the images in such a room are, dying at each frequency in its own time."""
    length = samples(1.05 * max(room.ring))
    random = np.random.default_rng(crc32(name.encode()))
    time = seconds(length) + 0.002
    length_m, width, height = room.sides
    volume = length_m * width * (height or 30.0)
    # At a time t the sound of 4 pi c^3 t^2 / V images a second arrives (Kuttruff, "Room Acoustics", chapter 4); what
    # stands in a large room scatters the first of them into more.
    density = np.clip(4 * np.pi * SPEED_OF_SOUND**3 * time**2 / volume, _FEWEST_PULSES, _MOST_PULSES)
    most = int(density.sum() / RATE)
    kept = detail.of(most, least=40)
    velvet = np.zeros((length, 2))
    for side in range(2):
        place = arrivals(most, density, length, random).astype(int)[:kept]
        signs = random.choice([-1.0, 1.0], most)[:kept]
        np.add.at(velvet[:, side], place, signs / np.sqrt(density[place] * kept / most))
    onset = 0.012 if max(room.sides) < 10 else 0.04
    rise = np.clip((time - 0.3 * onset) / onset, 0.0, 1.0)
    # Things beam their treble ahead, so less of it goes around the room.
    return fade(lowpass(_dying(velvet, room.ring), 4000.0, order=1) * rise[:, None], end=0.05)


def _dying(steady: Signal, ring: tuple[float, ...]) -> Signal:
    """Let samples (n, 2) die away by 60 dB in `ring` seconds, at each frequency in its own time.

    In frames under a sine window both ways (its squares add up to 1), each weighed as far as it has died by then.
    """
    hop = _FRAME // 2
    frames = len(steady) // hop + 2
    padded = np.zeros(((frames + 1) * hop, 2))
    padded[hop : hop + len(steady)] = steady
    window = np.sin(np.pi * (np.arange(_FRAME) + 0.5) / _FRAME)[:, None]
    bins = np.maximum(np.fft.rfftfreq(_FRAME, 1 / RATE), 1.0)
    rate = 6.908 / np.interp(np.log(bins), np.log(_OCTAVES), ring)
    out = np.zeros_like(padded)
    for frame in range(frames):
        part = slice(frame * hop, frame * hop + _FRAME)
        died = np.exp(-rate * frame * hop / RATE)[:, None]
        out[part] += fft.irfft(fft.rfft(padded[part] * window, axis=0) * died, n=_FRAME, axis=0) * window
    return out[hop : hop + len(steady)]
