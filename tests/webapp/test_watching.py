"""What watches over an installation: whether a web server is ready, and the numbers that it tells."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from jobs import durations
from jobs.models import Generation, Stage, Status, WorkerProcess
from webapp.accounts.models import Team

pytestmark = pytest.mark.filterwarnings("ignore:No directory at")

Ask = Callable[..., Generation]


@pytest.mark.django_db(transaction=True)
def test_ready_is_whoever_reaches_everything_it_needs(client: Client, tmp_path: Path, settings: Any) -> None:
    media = tmp_path / "media"
    media.mkdir()
    ready = client.get(reverse("readyz"))
    assert (ready.status_code, ready.json()) == (
        200, {"status": "ok", "database": "ok", "broker": "ok", "storage": "ok"}
    )  # fmt: skip
    media.rmdir()
    last = MigrationRecorder.Migration.objects.latest("pk")
    MigrationRecorder.Migration.objects.filter(pk=last.pk).delete()
    settings.QUEUE_DIR = tmp_path / "nowhere"
    refused = client.get(reverse("readyz"))
    MigrationRecorder.Migration.objects.bulk_create([last])
    assert refused.status_code == 503
    assert refused.json() == {
        "status": "not ready", "database": "1 migrations to apply", "broker": "down", "storage": "down"
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_what_hangs_is_not_waited_for(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "media").mkdir()
    released = time.monotonic() + 0.6
    slow = storages["default"].location  # type: ignore[attr-defined]

    def hang(_: object) -> str:
        time.sleep(max(released - time.monotonic(), 0))
        return str(slow)

    monkeypatch.setattr(type(storages["default"]), "location", property(hang))
    monkeypatch.setattr("webapp.health.READY_SECONDS", 0.3)
    answer = client.get(reverse("readyz"))
    assert (answer.status_code, answer.json()["storage"]) == (503, "no answer in time")


@pytest.mark.django_db
def test_metrics_are_told_to_whoever_carries_the_token(client: Client, ask: Ask, team: Team, settings: Any) -> None:
    waiting = [ask(), ask()]
    ask()
    Generation.objects.exclude(pk__in=[generation.pk for generation in waiting]).update(status=Status.FAILED)
    Generation.objects.filter(pk=waiting[0].pk).update(created_at=timezone.now() - timedelta(minutes=5))
    now = timezone.now()
    for name, silent in (("this:1", 0), ("this:2", 30), ("gone:3", 60)):
        WorkerProcess.objects.create(name=name, started_at=now, seen_at=now - timedelta(seconds=silent))
    for seconds in (0.3, 0.5, 5000.0):
        durations.count(Stage.MUXING, "engine", seconds)
    settings.METRICS_TOKEN, settings.ENGINE_URL = "a token", "http://127.0.0.1:1"
    for given in ("", "Bearer", "Bearer another", "Basic a token"):
        assert client.get(reverse("metrics"), headers={"authorization": given}).status_code == 401
    answer = client.get(reverse("metrics"), headers={"authorization": "Bearer a token"})
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }
    oldest = samples.pop(("soundstage_queue_oldest_seconds",))
    assert 300 <= oldest < 400
    buckets = {key[2]: samples.pop(key) for key in list(samples) if key[0] == "soundstage_stage_seconds_bucket"}
    bounds = [str(bound) for bound in durations.BOUNDS[:-1]] + ["+Inf"]
    assert list(buckets) == bounds
    assert [buckets[bound] for bound in ("0.25", "0.5", "3600.0", "+Inf")] == [0, 2, 2, 3]
    assert samples == {
        ("soundstage_stage_seconds_count", "engine", "muxing"): 3,
        ("soundstage_stage_seconds_sum", "engine", "muxing"): pytest.approx(5000.8),
        ("soundstage_jobs", "engine", "queued"): 2,
        ("soundstage_jobs", "engine", "failed"): 1,
        ("soundstage_queue_depth",): 2,
        ("soundstage_worker_processes",): 2,
        ("soundstage_engine_up",): 0,
        ("soundstage_engine_workers",): 0,
        ("soundstage_engine_running",): 0,
        ("soundstage_engine_queue_depth",): 0,
    }
