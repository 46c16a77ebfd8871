"""What comes in: stored whole or not at all, and once."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.db import connection

from jobs import intake
from jobs.media.errors import MediaError
from jobs.media.sample import SAMPLE_IMPACTS
from jobs.models import Clip, Generation
from tests.clips import bouncing_ball
from webapp.accounts.models import Team


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "ball.mp4"
    bouncing_ball(path, seconds=1.0, impacts=(0.5,))
    return path


def accept(team: Team, path: Path, name: str = "ball.mp4") -> Clip:
    with path.open("rb") as file:
        return intake.accept_clip(team, None, File(file), name)


def stored(settings: Any) -> list[str]:
    return sorted(path.name for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file())


def test_a_clip_is_stored_with_its_facts_and_a_poster(team: Team, movie: Path, settings: Any) -> None:
    clip = accept(team, movie)
    assert clip.public_id.startswith("asset_")
    assert len(clip.public_id) == len("asset_") + 22
    assert clip.duration == pytest.approx(1.0)
    assert Path(clip.file.path).read_bytes() == movie.read_bytes()
    assert Path(clip.poster.path).read_bytes().startswith(b"\xff\xd8\xff")
    assert stored(settings) == ["original.mp4", "poster.jpg"]


def test_the_same_file_is_stored_once_for_a_team_and_again_for_another(team: Team, movie: Path, settings: Any) -> None:
    first, again = accept(team, movie), accept(team, movie, "another name.mp4")
    assert again == first
    other = accept(Team.objects.create(name="Others"), movie)
    assert other.public_id != first.public_id
    assert len(stored(settings)) == 4


@pytest.mark.django_db(transaction=True)
def test_the_same_file_at_the_same_moment_is_stored_once(team: Team, movie: Path, settings: Any) -> None:
    def come(_: int) -> str:
        try:
            return accept(team, movie).public_id
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(come, range(4)))) == 1
    assert Clip.objects.count() == 1
    assert stored(settings) == ["original.mp4", "poster.jpg"]


def test_what_is_refused_leaves_nothing(team: Team, tmp_path: Path, settings: Any) -> None:
    path = tmp_path / "poem.mp4"
    path.write_text("A poem.\n" * 99)
    with pytest.raises(MediaError, match="not a video"):
        accept(team, path)
    assert stored(settings) == []
    assert list(Path(settings.WORK_DIR).iterdir()) == []
    assert not Clip.objects.exists()


def test_a_full_disk_leaves_nothing(team: Team, movie: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    save = FileSystemStorage.save

    def full(self: FileSystemStorage, name: str, content: Any, max_length: int | None = None) -> str:
        if name.endswith(".mp4"):
            return save(self, name, content, max_length)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FileSystemStorage, "save", full)
    with pytest.raises(OSError, match="No space"):
        accept(team, movie)
    assert stored(settings) == []
    assert not Clip.objects.exists()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("door.mp4", "door.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\clips\\door.mov", "door.mov"),
        ("a\x00b\u202egpj.mp4", "abgpj.mp4"),
        ("x" * 300 + ".mp4", "x" * 200),
        ("\n \t", "Untitled clip"),
        ("..", "Untitled clip"),
        ("", "Untitled clip"),
    ],
)
def test_a_name_is_shown_as_a_name_and_never_a_path(sent: str, shown: str) -> None:
    assert intake.shown_name(sent) == shown


def test_the_sample_is_made_on_the_spot(team: Team) -> None:
    clip = intake.accept_sample(team, None)
    assert clip.duration == pytest.approx(5.0)
    assert clip.plays_in_browsers
    assert all(0 < impact < clip.duration for impact in SAMPLE_IMPACTS)
    assert intake.accept_sample(team, None) == clip


def test_a_seed_that_was_not_given_is_drawn_and_kept(team: Team) -> None:
    drawn = {
        intake.accept_generation(team, None, None, intake.Parameters(prompt="rain"), enqueue=False).seed
        for _ in range(8)
    }
    assert len(drawn) > 1
    assert all(0 <= seed <= 65_535 for seed in drawn)
    given = intake.accept_generation(team, None, None, intake.Parameters(prompt="rain", seed=0), enqueue=False)
    assert given.seed == 0


def test_what_is_longer_than_the_clip_means_the_whole_clip(team: Team, movie: Path) -> None:
    clip = accept(team, movie)
    generation = intake.accept_generation(
        team, None, clip, intake.Parameters(prompt="knock", duration=8), enqueue=False
    )
    assert (generation.duration, generation.effective_duration) == (8, clip.duration)


WRONG: dict[str, Callable[[], intake.Parameters]] = {
    "prompt": lambda: intake.Parameters(prompt=""),
    "duration": lambda: intake.Parameters(prompt="rain", duration=float("nan")),
    "quality_steps": lambda: intake.Parameters(prompt="rain", quality_steps=51),
    "prompt_strength": lambda: intake.Parameters(prompt="rain", prompt_strength=0.5),
    "seed": lambda: intake.Parameters(prompt="rain", seed=65_536),
}


@pytest.mark.parametrize("name", WRONG)
def test_parameters_out_of_range_are_named(team: Team, name: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        intake.accept_generation(team, None, None, WRONG[name](), enqueue=False)
    assert set(wrong.value.message_dict) == {name}
    assert not Generation.objects.exists()


def test_another_take_is_the_same_request_with_another_seed(team: Team, movie: Path) -> None:
    asked = intake.Parameters("knock", "music", 3.0, 10, 7.5, True, 12)
    first = intake.accept_generation(team, None, accept(team, movie), asked, enqueue=False)
    other = intake.another_take(first, None, same_seed=False)
    same = intake.another_take(first, None, same_seed=True)
    assert other.seed != first.seed
    assert same.seed == first.seed
    kept = ("clip_id", "prompt", "negative_prompt", "duration", "quality_steps", "prompt_strength", "focus_on_subject")
    for take in (other, same):
        assert [getattr(take, name) for name in kept] == [getattr(first, name) for name in kept]
