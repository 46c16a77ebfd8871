"""Loudness is measured as ITU-R BS.1770-4 says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.media.loudness import loudness
from jobs.media.sound import SAMPLE_RATE
from tests.jobs.media.files import tone, write_wav


def test_the_reference_tone_and_silence(tmp_path: Path) -> None:
    """997 Hz at full scale in one channel is -3.01 LUFS (BS.1770-4, annex 1); half the level is 6.02 dB less."""
    sine = np.sin(2 * np.pi * 997 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)[:, None]
    one_side = np.concatenate([sine, np.zeros_like(sine)], axis=1)
    for level, expected in ((1.0, -3.01), (0.5, -9.03)):
        assert loudness(write_wav(tmp_path / "sine.wav", level * one_side)) == pytest.approx(expected, abs=0.1)
    assert loudness(write_wav(tmp_path / "silence.wav", np.zeros((2 * SAMPLE_RATE, 2)))) is None
    assert loudness(write_wav(tmp_path / "short.wav", tone(0.2))) is None, "shorter than a first reading"
