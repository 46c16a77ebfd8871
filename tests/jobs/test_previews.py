"""Clips that browsers can't play: the page gets a copy they can, the download keeps the original picture."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import File
from django.utils import timezone

from jobs import intake, previews
from jobs.backends import registry
from jobs.models import Clip, Status
from tests.clips import bouncing_ball
from tests.jobs.conftest import Ask, drive
from tests.jobs.media.files import facts, packets
from tests.jobs.pretend_engine import pretend_engine
from tests.jobs.sounds import wav
from webapp.accounts.models import Team


@pytest.fixture
def foreign(team: Team, tmp_path: Path) -> Clip:
    """An AVI."""
    path = tmp_path / "ball.avi"
    bouncing_ball(path, seconds=1.5, impacts=(0.5, 1.0), codec="mjpeg")
    with path.open("rb") as file:
        return intake.accept_clip(team, None, File(file), path.name)


def test_a_clip_that_browsers_play_needs_none(clip: Clip) -> None:
    assert clip.preview_due_since is None
    previews.ensure_preview(clip)
    assert not clip.preview


def test_the_copy_plays_in_browsers_and_is_made_once(foreign: Clip) -> None:
    assert Clip.objects.filter(preview_due_since__isnull=False).exists()
    previews.ensure_preview(foreign)
    assert not Clip.objects.filter(preview_due_since__isnull=False).exists()
    copy = facts(Path(foreign.preview.path))
    assert copy.plays_in_browsers
    assert copy.duration == pytest.approx(foreign.duration, abs=0.04)
    made = foreign.preview.name
    late = Clip.objects.get(pk=foreign.pk)
    previews.ensure_preview(late)
    assert late.preview.name == made


def test_of_two_workers_that_make_it_one_copy_stays(foreign: Clip, settings: Any) -> None:
    slow = Clip.objects.get(pk=foreign.pk)
    previews.ensure_preview(foreign)
    previews.ensure_preview(slow)  # began when none was there
    stored = [path.name for path in Path(settings.MEDIA_ROOT).rglob("preview*")]
    assert stored == [Path(foreign.preview.path).name]
    assert slow.preview.name == foreign.preview.name


def test_one_that_cannot_be_made_is_given_up(foreign: Clip, caplog: pytest.LogCaptureFixture) -> None:
    Path(foreign.file.path).write_bytes(b"no longer a clip")
    previews.ensure_preview(foreign)
    foreign.refresh_from_db()
    assert not foreign.preview
    assert foreign.preview_due_since is None
    assert foreign.public_id in caplog.text


def test_the_sweep_rings_once_for_one_that_got_lost(foreign: Clip) -> None:
    assert previews.overdue() == []
    Clip.objects.filter(pk=foreign.pk).update(preview_due_since=timezone.now() - timedelta(hours=2))
    assert previews.overdue() == [foreign.pk]
    assert previews.overdue() == []


def test_both_pictures_get_the_sound(foreign: Clip, ask: Ask, settings: Any) -> None:
    """The sweep and the worker that makes previews may be late: the generation does not depend on them."""
    with pretend_engine() as engine:
        engine.behave(wav(1.5))
        settings.ENGINE_URL = engine.url
        registry.client.cache_clear()
        generation = drive(ask(foreign))
        registry.client("engine", ()).close()
        registry.client.cache_clear()
    assert generation.status == Status.SUCCEEDED, generation.error
    kept, shown = Path(generation.video.path), Path(generation.video_preview.path)
    assert kept.suffix == ".mkv"
    assert [packet.digest for packet in packets(kept)] == [packet.digest for packet in packets(Path(foreign.file.path))]
    assert facts(kept).audio_codec == "opus"
    assert facts(shown).plays_in_browsers
    assert facts(shown).audio_codec == "aac"
    assert facts(shown).duration == pytest.approx(facts(kept).duration, abs=0.04)
