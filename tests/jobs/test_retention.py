"""What the retention rules remove, what stays of it, and what a legal hold keeps: on real rows and files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone

from jobs import holds, intake, previews, retention, tasks, trash
from jobs.models import AuditEntry, Clip, Generation, Hold, JobEvent, Project, RetentionLine, RetentionRun, Status
from tests.jobs.conftest import Ask
from webapp.accounts.models import Team, User

pytestmark = pytest.mark.django_db


def ended(generation: Generation, status: Status = Status.SUCCEEDED) -> Generation:
    """Finished just now; with files where it succeeded."""
    if status == Status.SUCCEEDED:
        generation.audio.save("audio.wav", ContentFile(b"wave"), save=False)
        generation.video.save("video.mp4", ContentFile(b"film"), save=False)
    generation.status, generation.finished_at = status, timezone.now()
    generation.save()
    return generation


def days_pass(days: int) -> None:
    """Everything there is has grown older by so many days."""
    shift = timedelta(days=days)
    Clip.everything.update(created_at=F("created_at") - shift)
    Generation.everything.update(created_at=F("created_at") - shift, finished_at=F("finished_at") - shift)


def files(settings: Any) -> set[str]:
    return {path.name for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()}


@pytest.fixture
def rules(settings: Any) -> Callable[..., None]:
    def rules(**days: int) -> None:
        for rule, count in days.items():
            setattr(settings, f"RETENTION_{rule.upper()}_DAYS", count)

    return rules


def went() -> list[tuple[str, str]]:
    """What the next run removes, after a dry run that says the same."""
    listed = list(retention.plan())
    run = retention.run()
    lines = list(run.lines.order_by("pk")) if run else []
    said = [(line.rule, line.public_id, line.bytes, line.why) for line in lines]
    assert said == [(item.step.rule, item.public_id, item.bytes, item.why) for item in listed]
    return [(line.rule, line.public_id) for line in lines]


def test_without_rules_nothing_goes(clip: Clip, ask: Ask, capsys: Any) -> None:
    ended(ask(clip))
    days_pass(5000)
    tasks.keep_rules()
    call_command("retention")
    assert "No retention rule is set" in capsys.readouterr().out
    assert not RetentionRun.objects.exists()
    assert Clip.objects.filter(media_gone_at=None).count() == Generation.objects.filter(media_gone_at=None).count() == 1


def test_files_go_first_and_rows_after_them(clip: Clip, ask: Ask, rules: Any, settings: Any, capsys: Any) -> None:
    take, broken = ended(ask(clip)), ended(ask(clip), Status.FAILED)
    sound = ended(ask())
    rules(media=30, row=30)
    days_pass(31)
    young = ended(ask())
    size = clip.file.size + clip.poster.size
    call_command("retention", "--dry-run")
    assert f"media\t{take.public_id}\t8\t" in capsys.readouterr().out
    assert RetentionRun.objects.count() == 0
    # The clip is still heard in a take; the rows still have files, but for the one that never had any.
    assert went() == [("media", take.public_id), ("media", sound.public_id), ("row", broken.public_id)]
    take.refresh_from_db()
    assert take.media_gone_at
    assert (take.video.name, take.audio.name, take.prompt, take.seed) == ("", "", "knocks on wood", 7)
    assert went() == [("media", clip.public_id), ("row", take.public_id), ("row", sound.public_id)]
    assert RetentionLine.objects.get(rule="media", public_id=clip.public_id).bytes == size
    assert went() == [("row", clip.public_id)]
    assert went() == []
    assert list(Generation.everything.all()) == [young]
    assert not Clip.everything.exists()
    assert files(settings) == {"audio.wav", "video.mp4"}
    assert not trash.check_files()


def test_a_clip_that_is_used_stays_whole(clip: Clip, ask: Ask, rules: Any) -> None:
    rules(media=30, preview=1)
    days_pass(40)
    waiting = ask(clip)
    days_pass(40)
    assert went() == []
    ended(waiting, Status.CANCELLED)
    assert went() == []  # somebody worked with it just now
    days_pass(31)
    assert went() == [("media", clip.public_id)]


def test_nothing_new_is_made_of_it_until_it_is_uploaded_again(
    team: Team, clip: Clip, ask: Ask, rules: Any, tmp_path: Path
) -> None:
    rules(media=30)
    take = ended(ask(clip))
    late = ask(clip)
    days_pass(31)
    Clip.objects.update(media_gone_at=timezone.now(), file="", poster="")
    clip.refresh_from_db()
    with pytest.raises(ValidationError, match=r"The files were removed on .* by the retention rules"):
        ask(clip)
    tasks.advance(late.pk)
    late.refresh_from_db()
    assert late.status == Status.FAILED
    assert "Upload the clip again" in late.error
    with (tmp_path / "ball.mp4").open("rb") as file:
        again = intake.accept_clip(team, None, File(file), "again.mp4")
    assert (again.pk, again.media_gone_at) == (clip.pk, None)
    assert again.file.size > 0 < again.poster.size
    take.refresh_from_db()
    assert intake.another_take(take, None, same_seed=False).clip == clip
    assert went() == [("media", take.public_id)]


def test_a_preview_goes_and_is_made_again_when_it_is_wanted(clip: Clip, rules: Any) -> None:
    Clip.objects.update(facts={**clip.facts, "plays_in_browsers": False}, preview_due_since=timezone.now())
    clip.refresh_from_db()
    previews.ensure_preview(clip)
    there = Path(clip.preview.path)
    rules(preview=7)
    days_pass(8)
    assert went() == [("preview", clip.public_id)]
    assert not there.exists()
    clip.refresh_from_db()
    assert previews.make_again(clip)
    tasks.make_preview(clip.pk)
    clip.refresh_from_db()
    assert clip.preview.size > 0
    assert not previews.make_again(clip)


def test_job_events_of_finished_jobs_go(ask: Ask, rules: Any) -> None:
    done, waiting = ended(ask()), ask()
    rules(events=0, event=10)
    days_pass(11)
    assert went() == [("events", done.public_id)]
    assert {event.generation for event in JobEvent.objects.all()} == {waiting}
    assert went() == []


@pytest.mark.parametrize("kind", ["team", "project", "clip", "generation"])
def test_what_is_held_stays_until_it_is_released(
    team: Team, clip: Clip, ask: Ask, rules: Any, settings: Any, kind: str
) -> None:
    project = Project.objects.create(team=team, name="The trial")
    take, other = ended(ask(clip)), ended(ask())
    Generation.objects.filter(pk=take.pk).update(project=project)
    held: Any = {"team": team, "project": project, "clip": clip, "generation": take}[kind]
    counsel = User.objects.create_user("counsel@example.org", "a-long-password")
    hold = Hold(kind=kind, public_id=held.public_id, why="Case 12")
    holds.put(hold, counsel)
    rules(media=1, preview=1, event=1, row=1)
    days_pass(60)
    stray = Path(settings.MEDIA_ROOT) / f"generations/{take.public_id}/old.wav"
    stray.write_bytes(b"x")
    os.utime(stray, (time.time() - 3 * 86400,) * 2)
    trash.discard(team, counsel, [clip], [])
    for model in (Clip, Generation):
        model.everything.filter(deleted_at__isnull=False).update(deleted_at=timezone.now() - timedelta(days=60))
    free = [] if kind == "team" else [("media", other.public_id), ("events", other.public_id)]
    assert went() == free
    assert trash.empty() == 0
    found = trash.check_files(remove=True)
    assert found.held == [f"generations/{take.public_id}/old.wav"]
    assert stray.exists()
    assert Path(clip.file.path).exists()
    assert Path(take.video.path).exists()
    assert holds.release(hold, counsel)
    assert not holds.release(hold, counsel)
    assert [(entry.action, entry.target, entry.team) for entry in AuditEntry.objects.order_by("pk")] == [
        ("hold", held.public_id, team), ("release", held.public_id, team)
    ]  # fmt: skip
    assert ("media", take.public_id) in went()
    assert trash.empty() == 2
