"""Explosions, gunshots, thunder: a shock, then air and ground that roll on.

The shock is a Friedlander wave, p(t) = (1 - t/T) exp(-t/T): up at once, down through zero after T (Kinney and Graham,
"Explosive Shocks in Air", 1985). Thunder arrives from a channel kilometres long, near parts first: many such waves,
ever duller (Few, "Power spectrum of thunder", J. Geophys. Res. 74, 1969).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.random import Generator
from scipy import signal as dsp

from engine.foley.sound.brief import RATE, Hit, Signal
from engine.foley.sound.filters import add, bandpass, decay, fade, highpass, lowpass, samples, saturate, seconds, tilt
from engine.foley.sound.grains import arrivals, heavy_tailed, scatter
from engine.foley.sound.modal import MATERIALS, body, contact, strike
from engine.foley.sound.noise import paint

_CENTRES = np.array([25.0, 55.0, 120.0, 280.0, 700.0, 1800.0, 5000.0, 12_000.0])


def shock(positive: float, length: int) -> Signal:
    """A Friedlander wave whose overpressure lasts `positive` seconds, peak 1."""
    time = seconds(length) / positive
    return (1.0 - time) * np.exp(-time)


def _roll(length: int, taus: Signal, levels: Signal, random: Generator, churn: float, scale: float = 1.0) -> Signal:
    """Noise whose bands, `scale` times as high, die away each at its own rate, churned as a fireball churns."""
    points = max(8, length // 480)
    time = np.linspace(0.0, length / RATE, points)[:, None]
    swirl = np.exp(churn * np.cumsum(random.standard_normal((points, _CENTRES.size)), axis=0) / np.sqrt(12.0) * 0.35)
    swirl = np.clip(swirl, 0.4, 2.5)
    return paint(levels * np.exp(-time / taus) * swirl, _CENTRES * scale, length, random)


def explosion(hit: Hit) -> Signal:
    """Crack, boom, rumble, debris. Larger: lower and longer; distant: the crack is gone."""
    character = hit.character
    random = hit.random
    size = character.bulk
    near = 1.0 - character.distance
    lasting = 2.2 + 2.6 * size
    length = samples(lasting)
    out = np.zeros(length)
    add(out, (0.5 + 0.7 * near) * shock(0.0045 * 5.0**size, samples(0.15)), 0)
    boom_hz = 46.0 * 1.8 ** (0.5 - size)
    glide = boom_hz * (0.75 + 0.9 * np.exp(-seconds(length) / 0.06))
    boom = np.sin(2 * np.pi * np.cumsum(glide) / RATE) * decay(length, 0.22 + 0.25 * size)
    out += (0.2 + 0.6 * size) * boom
    taus = lasting * np.array([0.34, 0.32, 0.27, 0.20, 0.13, 0.08, 0.05, 0.035])
    levels = np.array([1.2, 1.8, 1.5, 1.0, 0.65, 0.45 * near + 0.04, 0.34 * near, 0.24 * near**2])
    small = 2.2 ** (0.5 - size)
    roll = _roll(length, taus, levels, random, 1.0, small)
    crack = bandpass(burst_of(random, length, 0.03), 300.0 * small, 9000.0 * small, order=1) * near
    # Hot gas overdrives the air, as a loud recording overdrives its chain: a soft bend brings the density.
    out = saturate(out + 0.75 * roll + 0.5 * crack, 1.5) + 0.3 * small * crack
    most = int(240 * (0.4 + size))
    rain_down = np.exp(-0.5 * ((seconds(length) - 0.32 * lasting) / (0.16 * lasting)) ** 2)
    at = arrivals(most, rain_down, length, random)
    frequency = np.exp(random.uniform(np.log(350.0), np.log(8000.0), most))
    amplitude = 0.05 * near * np.minimum(heavy_tailed(most, random, 0.9), 6.0) * random.choice([-1.0, 1.0], most)
    kept = hit.detail.of(most, least=10)
    tau = 0.0025 * (900.0 / frequency) ** 0.5 * np.exp(0.4 * random.standard_normal(most))
    out += scatter(at[:kept], frequency[:kept], tau[:kept], amplitude[:kept], length)
    return (0.35 + 0.65 * hit.force) * tilt(fade(out, end=0.25 * lasting), character.brightness)


def burst_of(random: Generator, length: int, tau: float) -> Signal:
    """Noise that dies away within `tau`; silent after, so cheap."""
    out = np.zeros(length)
    count = min(length, samples(9 * tau))
    out[:count] = random.standard_normal(count) * decay(count, tau)
    return out


def gunshot(hit: Hit) -> Signal:
    """Muzzle blast, the echo it leaves in the open, and the action of the gun."""
    character = hit.character
    random = hit.random
    length = samples(1.1)
    big = character.size
    out = np.zeros(length)
    add(out, 1.2 * shock(0.0007 + 0.0016 * big, samples(0.03)), 0)
    snap = burst_of(random, length, 0.006 + 0.008 * big)
    out += 0.8 * bandpass(snap, 250.0, 11_000.0, order=1)
    body_hz = 125.0 * 1.7 ** (0.5 - big)
    out += 0.3 * np.sin(2 * np.pi * body_hz * seconds(length)) * decay(length, 0.022 + 0.03 * big)
    out = saturate(out, 1.6)
    taus = np.array([0.20, 0.22, 0.22, 0.18, 0.14, 0.10, 0.06, 0.035])
    levels = 0.16 * np.array([0.4, 0.8, 1.1, 1.2, 1.0, 0.8, 0.5, 0.25])
    tail = _roll(length, taus, levels, random, 0.6) * (1 - decay(length, 0.012))
    out += tail
    piece = body(MATERIALS["metal"], 0.2, hit.detail, hit.nature(), most=18)
    click = strike(piece, piece.struck_at(*random.uniform(0.1, 0.4, 2)), contact(0.85, 0.5, 0.2), longest=0.05)
    click *= 0.045 / max(float(np.max(np.abs(click))), 1e-9)
    add(out, click, samples(random.uniform(0.045, 0.06)))
    return (0.4 + 0.6 * hit.force) * tilt(fade(out, end=0.3), character.brightness)


def thunder(hit: Hit) -> Signal:
    """Near: a tearing crack, then rolls; far: rolls alone.

    A channel of lightning is a chain of short straight pieces, bent at random by some 16 degrees each (Hill, J.
    Geophys. Res. 73, 1968). Each sends an N-wave, mostly square to itself, that arrives when its distance says:
    stretches that lie at one distance clap, others roll (Ribner and Roy, "Acoustics of thunder: a quasilinear model for
    tortuous lightning", J. Acoust. Soc. Am. 72, 1982).
    """
    character, random = hit.character, hit.random
    near = 1.0 - character.distance
    lasting = 4.5 + 2.5 * character.size
    length = samples(lasting)
    claps = _channel(hit, 450.0 * 14.0**character.distance, length)
    claps /= max(float(np.max(np.abs(claps))), 1e-9)
    taus = lasting * np.array([0.40, 0.38, 0.33, 0.25, 0.16, 0.09, 0.05, 0.03])
    levels = np.array([0.8, 1.3, 1.2, 0.8, 0.45, 0.3 * near, 0.25 * near**2, 0.15 * near**2])
    out = 0.9 * claps + 0.40 * _roll(length, taus, levels, random, 1.6, 1.5 ** (0.5 - character.size))
    tear = burst_of(random, length, 0.10) * np.abs(np.repeat(random.standard_normal(length // 96 + 1), 96)[:length])
    out += 0.3 * near**2 * highpass(tear, 500.0, order=1)
    return (0.4 + 0.6 * hit.force) * tilt(fade(out, start=0.0005, end=0.3 * lasting), character.brightness)


def _channel(hit: Hit, away: float, length: int) -> Signal:
    """The sound of a lightning channel whose foot is `away` metres off, from its first arrival on."""
    random = hit.random
    most, piece = 640, 8.0
    bends = 0.28 * np.cumsum(random.standard_normal((most, 2)) * np.sqrt(1.0 - 0.94**2), axis=0)
    bends = bends - 0.9 * np.stack([np.linspace(0, bend, most) for bend in bends[-1]], axis=1)
    heading = np.pad(bends + 0.35 * random.standard_normal((most, 2)), ((0, 0), (0, 1)), constant_values=1.0)
    heading /= np.linalg.norm(heading, axis=1)[:, None]
    place = np.cumsum(piece * heading, axis=0) + np.array([away, 0.0, 0.0])
    distance = np.linalg.norm(place, axis=1)
    facing = np.abs(np.sum(heading * place, axis=1)) / distance  # cosine between the piece and the way to the ear
    lasting = 0.010 + 0.006 * hit.character.size  # seconds, of the N-wave
    strength = np.exp(-((piece * facing / (343.0 * lasting) / 0.5) ** 2)) / distance
    strength *= np.exp(0.5 * random.standard_normal(most))
    chosen = np.sort([0, *(1 + random.permutation(most - 1))][: hit.detail.of(most, least=120)])
    late = (distance - distance[chosen].min()) / 343.0
    strokes = 0.045 + 0.05 * random.random(3)  # the flash flickers: the channel is lit two or three times more
    at = np.concatenate([late[chosen] + wait for wait in (0.0, *np.cumsum(strokes))])
    force = np.concatenate([level * strength[chosen] for level in (1.0, 0.5, 0.35, 0.2)])
    out = np.zeros(length)
    edges = np.quantile(at, (0.0, 0.25, 0.5, 0.75, 1.0))
    for first, last in itertools.pairwise(edges):
        mine = (at >= first) & (at <= last) & (at * RATE < length - 1)
        if not mine.any():
            continue
        train = np.zeros(length)
        np.add.at(train, (at[mine] * RATE).astype(int), force[mine])
        far = away + 343.0 * 0.5 * (first + last)
        wave = 1.0 - 2.0 * np.clip(seconds(samples(lasting)) / lasting, 0.0, 1.0)  # the N, lengthened on its way
        # The air takes from a wave what is high, the more the further it comes.
        out += lowpass(dsp.oaconvolve(train, wave)[:length], 5200.0 * (450.0 / far) ** 0.85, order=1)
    return out
