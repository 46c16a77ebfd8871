"""Files of weights by their published names, and changing from one variant to another."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.mmaudio.model import MMAudio
from engine.mmaudio.settings import Settings
from engine.mmaudio.variants import VARIANTS
from engine.model import BadInput
from tests import clips
from tests.engine.mmaudio.small import counted, generate


def loaded(folder: Path, variant: str) -> MMAudio:
    model = MMAudio(settings=Settings(weights=folder, variant=variant, device="cpu", precision="float32"))
    told = [progress.fraction for progress in model.load()]
    assert told == sorted(told)
    return model


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    clips.bouncing_ball(path, fps=25.0, seconds=1.0, width=96, height=64)
    return path


def test_a_request_gets_the_variant_it_names_or_else_the_configured_one(published: Path, clip: Path) -> None:
    model, small = loaded(published, "large_44k_v2"), loaded(published, "small_16k")
    assert model.variants == ("large_44k_v2", "small_16k")
    assert small.variants == ("small_16k", "large_44k_v2")
    first = generate(model, clip)
    assert "large_44k_v2" in first.understood["summary"]
    with counted(model.networks.clip.vision) as pictures:
        other = generate(model, clip, variant="small_16k")
    assert pictures == [], "what was seen of a clip is good for every variant"
    assert "small_16k" in other.understood["summary"]
    np.testing.assert_array_equal(other.samples, generate(small, clip).samples)
    np.testing.assert_array_equal(first.samples, generate(model, clip).samples)
    assert not np.array_equal(first.samples, other.samples)


def test_a_variant_that_is_not_there_is_refused_and_the_others_stay(published: Path, tmp_path: Path) -> None:
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    model = loaded(tmp_path, "large_44k_v2")
    before = generate(model, None).samples
    with pytest.raises(BadInput, match=f"medium_44k needs mmaudio_medium_44k.pth in {tmp_path}"):
        generate(model, None, variant="medium_44k")
    with pytest.raises(BadInput, match="no variant “huge”"):
        generate(model, None, variant="huge")
    small = VARIANTS["small_16k"]
    (tmp_path / small.vae.name).write_bytes(b"damaged")
    with pytest.raises(BadInput, match=f"{small.vae.name} .* was not opened"):
        generate(model, None, variant="small_16k")
    np.testing.assert_array_equal(before, generate(model, None).samples)
