"""What passes on wheels: a car on the road, a train on its rails, hooves.

A passing car is tyres above all: noise about 1 kHz wide and high (Sandberg and Ejsmont, "Tyre/Road Noise Reference
Book", 2002, chapter 4: the "multi-coincidence peak" at 700 to 1300 Hz), louder with about the third power of speed.
What is heard left the car r/c ago, so its pitch is raised by 1 / (1 - v/c) as it comes and lowered as it goes.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import find_peaks

from engine.foley.scene import CURVE_RATE
from engine.foley.sound.brief import RATE, Bed, Character, Signal
from engine.foley.sound.filters import add, bandpass, decay, lowpass, samples, seconds, stretch, tilt
from engine.foley.sound.modal import MATERIALS, body, contact, strike
from engine.foley.sound.noise import burst, coloured, paint, wander
from engine.foley.sound.tones import harmonics

_SOUND = 343.0  # m/s
_ROAD = np.array([60.0, 150.0, 350.0, 700.0, 1100.0, 2000.0, 4000.0, 8000.0, 14_000.0])
_TYRES = np.array([0.30, 0.35, 0.55, 0.95, 1.0, 0.55, 0.26, 0.12, 0.04])
_SPRAY = np.array([0.0, 0.0, 0.0, 0.0, 0.2, 1.2, 3.0, 5.0, 6.0])
"""Bands in Hz of a road's noise, its spectrum when dry, and by how much a wet one adds."""


def car_pass(bed: Bed) -> Signal:
    """Cars that go by: one for each swell of the movement; without one, one after another, from side to side."""
    character, random = bed.character, bed.random
    speed = 13.0 * 2.6 ** (2.0 * (character.speed - 0.5)) * random.uniform(0.92, 1.08)  # m/s; 18 to 120 km/h
    aside = 5.0 + 30.0 * character.distance
    smooth = np.convolve(np.pad(bed.activity, 20, mode="edge"), np.hanning(41) / 20.0, mode="valid")
    peaks, _ = find_peaks(np.pad(smooth, 1), prominence=0.35, distance=int(1.2 * CURVE_RATE))
    seen = peaks.size > 0 and float(np.ptp(bed.activity)) > 0.5
    if seen:
        nearest = (peaks - 1) / CURVE_RATE
    else:
        gap = (4.0 + 2.0 * aside / speed) * 1.6 ** (0.5 - character.intensity)
        first = min(1.2 + aside / speed, 0.5 * bed.seconds)
        nearest = np.arange(first, bed.seconds + gap, gap)
        nearest[1:] += random.uniform(-0.25, 0.25, nearest.size - 1) * gap
    cars = [_Car(bed, float(time), speed * random.uniform(0.85, 1.15), aside) for time in nearest]
    # All tyres are one noise, as loud and as coloured as they are together, and where the nearest of them are.
    loudest = np.sqrt(sum(car.near**2 for car in cars))
    picture = np.sqrt(sum(car.tyres(character) ** 2 for car in cars))
    middle = paint(picture, _ROAD, bed.length, random)
    wide = paint(0.2 * picture, _ROAD, bed.length, random)
    for car in cars:
        car.add_motor(bed, middle)
    # The angle they are seen at; with a picture, that says where, and here is only how they come and go.
    reach = 0.12 if seen else 0.47
    place = sum(car.near**2 * car.side * car.way for car in cars) / np.maximum(loudest, 1e-6) ** 2
    angle = 0.5 * np.pi * stretch(0.5 + reach * place, bed.length)
    out = np.stack([middle * np.cos(angle) + wide, middle * np.sin(angle) - wide], axis=1)
    return tilt(out * stretch(np.clip(4.0 * bed.activity, 0.0, 1.0), bed.length)[:, None], character.brightness)


class _Car:
    """One car at constant speed (m/s), nearest, `aside` metres off, at an instant; its curves are the bed's.

    `near` is how loud it is, 1 at the nearest; `side` -1..1 how far along it is; `way` which side it goes to.
    """

    def __init__(self, bed: Bed, nearest: float, speed: float, aside: float) -> None:
        time = np.linspace(0.0, bed.seconds, bed.activity.size) - nearest + aside / _SOUND
        # The moment s at which the sound left: s + r(s) / c = t, with r = sqrt(aside^2 + (v s)^2).
        mach = speed / _SOUND
        left = (time - np.sqrt(mach**2 * time**2 + (1 - mach**2) * (aside / _SOUND) ** 2)) / (1 - mach**2)
        along = speed * left
        self.away = np.hypot(along, aside)
        self.side = along / self.away
        self.doppler = 1.0 / (1.0 + mach * self.side)
        self.near = (aside / self.away) ** 1.1
        self.way = float(bed.random.choice([-1.0, 1.0]))

    def tyres(self, character: Character) -> Signal:
        """Levels (moments, bands) of the noise of its tyres: splashing on a wet road, duller the further off."""
        road = _TYRES * (1.0 + character.wetness * _SPRAY)
        size = 2.0 ** (0.5 - character.size)
        air = np.exp(-(self.away[:, None] / 260.0) * (_ROAD / 4000.0) ** 1.2)
        shape = np.stack([np.interp(_ROAD / (size * shift), _ROAD, road) for shift in self.doppler])
        return np.asarray(self.near[:, None] * shape * air)

    def add_motor(self, bed: Bed, out: Signal) -> None:
        """Mix in its engine while it is near enough for it to be heard; more of it behind, where the exhaust is."""
        character, random = bed.character, bed.random
        firing = 62.0 * 1.6 ** (0.5 - character.size) * (0.6 + 0.8 * character.speed) * random.uniform(0.9, 1.1)
        start = float(random.uniform(0, 2 * np.pi))
        heard = np.flatnonzero(self.near > 0.12)
        if heard.size < 2:
            return
        first, last = (int(index * bed.length / (bed.activity.size - 1)) for index in (heard[0], heard[-1]))
        span = slice(int(heard[0]), int(heard[-1]) + 1)
        number = np.arange(1.0, bed.detail.of(32, least=8) + 1)
        orders = np.where(number % 2 == 0, 1.0, 0.3) * number**-0.7 / (1.0 + (number * firing / 2 / 500.0) ** 2)
        tone = harmonics(stretch(0.5 * firing * self.doppler[span], last - first), orders, start)
        loud = (self.near[span] - 0.12) * (0.8 - 0.2 * np.tanh(3.0 * -self.side[span]))
        level = 0.35 * (0.3 + character.intensity) / float(np.sqrt(0.5 * np.sum(orders**2)))
        add(out, level * tone * stretch(loud, last - first), first)


def train(bed: Bed) -> Signal:
    """Wheels on rails: pairs of clacks at each joint, two bogies to a carriage, over rolling and a body that booms."""
    character, random = bed.character, bed.random
    points = bed.activity.size
    rate = points / max(bed.seconds, 1e-3)
    drive = np.clip(bed.activity, 0.0, 1.0)
    speed = 17.0 * 2.2 ** (2.0 * (character.speed - 0.5)) * (0.45 + 0.55 * drive)  # m/s
    way = np.cumsum(stretch(speed, bed.length)) / RATE
    rail = 20.0 * random.uniform(0.95, 1.05)
    carriage, bogies, axles = rail * 1.0, (0.0, 0.36), (0.0, 0.115)
    # One stands (or rides) at a joint: every wheel that passes it clacks. Distances from coupling to coupling, in m.
    wheels = np.add.outer(np.arange(int(way[-1] / carriage) + 2) * carriage, np.add.outer(bogies, axles) * carriage)
    wheels = (wheels.ravel() - random.uniform(0.0, 0.2) * carriage).clip(0.0)
    wheels = wheels[wheels < way[-1]]
    at = np.interp(wheels, way, np.arange(bed.length))
    nature = np.random.default_rng(random.integers(2**32))
    iron = body(MATERIALS["metal"], 0.45 + 0.34 * character.bulk, bed.detail, nature, most=40)
    small = 1.6 ** (0.5 - character.bulk)
    joints = np.zeros(bed.length)
    length = samples(0.3)
    for index, start in enumerate(at):
        level = (1.0, 0.8)[index % 2] * random.uniform(0.85, 1.15)
        force = contact(0.6, 0.8 * level, 0.6)
        clack = strike(iron, iron.struck_at(*nature.uniform(0.1, 0.45, 2)), force, longest=0.18)
        clack = clack * decay(clack.size, 0.035) / max(float(np.max(np.abs(clack))), 1e-9)
        thump = np.sin(2 * np.pi * 78.0 * small * random.uniform(0.95, 1.05) * seconds(length)) * decay(length, 0.045)
        add(joints, level * 0.75 * clack, int(start))
        add(joints, level * 1.0 * thump * (1 - decay(length, 0.003)), int(start))
        add(joints, level * 0.6 * bandpass(burst(length, random, 0.012), 250.0, 2500.0, order=1), int(start))
    heavy = 1.6 ** (character.size - 0.5)
    sides = []
    shared = np.exp(0.25 * wander(points, 1.2, rate, random))
    centres = np.array([30.0, 60.0, 120.0, 260.0, 550.0, 1100.0, 2400.0, 5000.0, 10_000.0])
    rolling = np.array([0.5, 0.7, 0.7, 0.8, 0.85, 0.6, 0.25, 0.07, 0.015])
    for _ in range(2):
        own = shared * np.exp(0.2 * wander(points, 5.0, rate, random)) * (speed / 17.0) ** 1.2
        sides.append(1.1 * heavy * paint(own[:, None] * rolling, small * centres, bed.length, random))
    squeal = np.clip(wander(points, 0.3, rate, random) - 0.8, 0.0, 1.0) * 0.10 * character.brightness
    tone = harmonics(
        stretch(2350.0 * (1 + 0.01 * wander(points, 2.0, rate, random)), bed.length), [1.0, 0.5, 0.3, 0.15, 0.08]
    )
    out = np.stack(sides, axis=1) + (1.1 * joints + stretch(squeal, bed.length) * tone)[:, None]
    return tilt(out * stretch(np.sqrt(drive), bed.length)[:, None], character.brightness)


def gallop(bed: Bed) -> Signal:
    """Hooves: four beats at a walk, two at a trot, three and a rest at a gallop; duller on grass, ringing on stone.

    Strides: 0.9, 1.4 and 2.1 a second (Hildebrand, "Motions of the running cheetah and horse", J. Mammalogy 40, 1959).
    """
    character, random = bed.character, bed.random
    speed = character.speed
    if speed < 0.3:
        stride, beats = 0.95, (0.0, 0.25, 0.5, 0.75)
    elif speed < 0.45:
        stride, beats = 1.4, (0.0, 0.02, 0.5, 0.52)
    else:
        stride, beats = 2.0 + 0.8 * (speed - 0.5), (0.0, 0.17, 0.36, 0.40)
    drive = np.clip(bed.activity, 0.0, 1.0)
    turn = np.cumsum(stretch(stride * (0.7 + 0.3 * drive), bed.length)) / RATE
    ground = character.surface or character.material or "dirt"
    material = MATERIALS.get(ground, MATERIALS["dirt"])
    nature = np.random.default_rng(random.integers(2**32))
    hoof = body(MATERIALS["wood"], 0.30 + 0.25 * character.size, bed.detail, nature, most=24)
    earth = body(material, 0.55 + 0.2 * character.size, bed.detail, nature, most=24)
    out = np.zeros((bed.length, 2))
    length = samples(0.22)
    hard = material.hardness
    cycles = np.arange(int(turn[-1]) + 1)
    instants = np.add.outer(cycles, np.array(beats)).ravel() + 0.05
    for index, instant in enumerate(instants[instants < turn[-1]]):
        start = int(np.interp(instant + 0.008 * random.standard_normal(), turn, np.arange(bed.length)))
        level = (0.8, 1.0, 0.9, 0.75)[index % 4] * random.uniform(0.8, 1.15)
        place = 0.5 + (0.16, -0.16, 0.1, -0.1)[index % 4]
        step = np.zeros(length)
        for thing, weight in ((hoof, 0.25 + 0.75 * hard), (earth, 0.7)):
            blow = strike(thing, thing.struck_at(*random.uniform(0.1, 0.45, 2)), contact(0.3 + 0.5 * hard, level), 0.2)
            add(step, weight * blow / max(float(np.max(np.abs(blow))), 1e-9), 0)
        thud = np.sin(2 * np.pi * 68.0 * 1.4 ** (0.5 - character.size) * seconds(length)) * decay(length, 0.030)
        step += (1.25 - 0.75 * hard) * thud * (1 - decay(length, 0.004))
        step += (0.2 + 0.5 * material.grit) * lowpass(burst(length, random, 0.018), 900.0 + 4500.0 * hard, order=1)
        add(out, (level * step)[:, None] * np.sqrt([1 - place, place]), start)
    breath = coloured({300: -10, 900: 0, 2200: -5, 6000: -16}, bed.length, random)
    puff = np.clip(np.sin(2 * np.pi * (turn - 0.1)), 0.0, 1.0) ** 3 * (0.03 * (speed > 0.45))
    out += (breath * puff)[:, None]
    return tilt(out * stretch(np.sqrt(drive), bed.length)[:, None], character.brightness)
