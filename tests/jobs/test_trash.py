"""Deleting, restoring, removing for good, and whether files and rows match: on real rows and files."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.management import call_command
from django.utils import timezone

from jobs import intake, lifecycle, limits, tasks, trash
from jobs.models import Clip, Generation, Status
from tests.jobs.conftest import Ask
from webapp.accounts.models import Team

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=40)


def made(generation: Generation) -> Generation:
    """Finished, with files."""
    generation.audio.save("audio.wav", ContentFile(b"wav"), save=False)
    generation.status = Status.SUCCEEDED
    generation.save()
    return generation


def media(settings: Any) -> set[str]:
    root = Path(settings.MEDIA_ROOT)
    return {str(path.relative_to(root)) for path in root.rglob("*")} if root.exists() else set()


def age(settings: Any, *names: str) -> None:
    """As if these had been stored long ago."""
    for name in names:
        os.utime(Path(settings.MEDIA_ROOT) / name, (time.time() - 3 * 86400,) * 2)


def test_a_clip_goes_with_its_takes_and_comes_back_with_those_that_went(team: Team, clip: Clip, ask: Ask) -> None:
    earlier, take, other = made(ask(clip)), made(ask(clip)), made(ask())
    trash.discard(team, None, [], [earlier])
    trash.discard(team, None, [clip], [])
    assert not Clip.objects.exists()
    assert list(Generation.objects.all()) == [other]
    assert Generation.everything.count() == 3
    trash.restore(team, None, [clip], [])
    assert Clip.objects.get() == clip
    assert set(Generation.objects.all()) == {take, other}


def test_a_take_that_is_restored_brings_its_clip_and_no_other_take(team: Team, clip: Clip, ask: Ask) -> None:
    take, other = made(ask(clip)), made(ask(clip))
    trash.discard(team, None, [clip], [])
    trash.restore(team, None, [], [take])
    assert Clip.objects.get() == clip
    assert Generation.objects.get() == take
    assert Generation.everything.get(pk=other.pk).deleted_at


def test_what_is_waiting_is_cancelled_and_never_begun(team: Team, ask: Ask) -> None:
    generation = ask()
    trash.discard(team, None, [], [generation])
    generation.refresh_from_db()
    assert generation.status == Status.CANCELLED
    with lifecycle.taken(generation.pk) as taken:
        assert taken is None


def test_what_is_running_is_cancelled_by_its_worker_in_the_trash(team: Team, ask: Ask) -> None:
    generation = ask()
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        trash.discard(team, None, [], [generation])
        assert lifecycle.cancel_was_requested(taken)
        lifecycle.report(taken, 40, "Stopping")  # the worker still holds it
        lifecycle.cancelled(taken)
    generation.refresh_from_db()
    assert (generation.status, generation.deleted_at is None) == (Status.CANCELLED, False)


def test_deleting_gives_no_money_back(team: Team, ask: Ask, settings: Any) -> None:
    generation = made(ask())
    Generation.objects.update(backend="fal", cost="0.5", submitted_at=timezone.now())
    before = limits.spent_today(team, "fal")
    trash.discard(team, None, [], [generation])
    assert limits.spent_today(team, "fal") == before > 0


def test_a_file_that_is_uploaded_again_comes_out_of_the_trash(team: Team, clip: Clip, ask: Ask, tmp_path: Path) -> None:
    take = made(ask(clip))
    trash.discard(team, None, [clip], [])
    with (tmp_path / "ball.mp4").open("rb") as file:
        again = intake.accept_clip(team, None, File(file), "again.mp4")
    assert (again.pk, again.deleted_at) == (clip.pk, None)
    assert Generation.objects.get() == take


def test_after_its_days_everything_of_it_is_gone(team: Team, clip: Clip, ask: Ask, settings: Any) -> None:
    made(ask(clip))
    kept = made(ask())
    trash.discard(team, None, [clip], [])
    settings.TRASH_DAYS = 30
    tasks.empty_trash()
    assert Clip.everything.count() == 1
    for model in (Clip, Generation):
        model.everything.exclude(deleted_at=None).update(deleted_at=timezone.now() - LONG_AGO)
    assert trash.empty() == 2
    assert not Clip.everything.exists()
    assert list(Generation.everything.all()) == [kept]
    assert media(settings) == {
        "clips", "generations", f"generations/{kept.public_id}", f"generations/{kept.public_id}/audio.wav"
    }  # fmt: skip
    assert not trash.check_files()


def test_a_clip_stays_as_long_as_a_take_of_it_does(team: Team, clip: Clip, ask: Ask) -> None:
    """Also where a worker has not ended it yet."""
    generation = ask(clip)
    with lifecycle.taken(generation.pk):
        trash.discard(team, None, [clip], [])
        for model in (Clip, Generation):
            model.everything.update(deleted_at=timezone.now() - LONG_AGO)
        assert trash.empty() == 0
    assert Clip.everything.exists()


def test_files_and_rows_are_held_against_each_other(clip: Clip, ask: Ask, settings: Any, capsys: Any) -> None:
    generation = made(ask(clip))
    root = Path(settings.MEDIA_ROOT)
    for name in ("generations/gen_nobody/audio.wav", f"clips/{clip.public_id}/preview_old.mp4"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"x")
    Path(generation.audio.path).unlink()
    for model in (Clip, Generation):
        model.objects.update(created_at=timezone.now() - LONG_AGO)
    # What was stored a moment ago may be about to get its row.
    assert list(trash.check_files().lines()) == [f"gone: {generation.audio.name}"]
    age(settings, "generations/gen_nobody/audio.wav", f"clips/{clip.public_id}/preview_old.mp4")
    call_command("check_files")
    assert capsys.readouterr().out.splitlines() == [
        "no row: generations/gen_nobody/",
        f"not named by its row: clips/{clip.public_id}/preview_old.mp4",
        f"gone: {generation.audio.name}",
    ]
    call_command("check_files", "--remove")
    assert not (root / "generations/gen_nobody").exists()
    assert not (root / f"clips/{clip.public_id}/preview_old.mp4").exists()
    assert Path(clip.file.path).exists()
    Generation.objects.all().delete()
    capsys.readouterr()
    age(settings, f"generations/{generation.public_id}")
    call_command("check_files", "--remove")
    call_command("check_files")
    assert capsys.readouterr().out.splitlines()[-1] == "Files and rows match."
