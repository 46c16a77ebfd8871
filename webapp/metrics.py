"""`GET /metrics`: the state of the work, for Prometheus and what reads its format.

Every number is read from the database when it is asked for, so all processes of the web server tell the same.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from jobs import durations, heartbeat, statistics
from jobs.models import Generation
from webapp.health import engine


class Work(Collector):
    def collect(self) -> Iterator[Metric]:
        generations = Generation.everything.all()
        jobs = GaugeMetricFamily("soundstage_jobs", "Jobs that are stored.", labels=["status", "backend"])
        for labels, count in sorted(statistics.counts(generations).items()):
            jobs.add_metric(labels, count)
        yield jobs
        queue = statistics.queue(generations)
        yield GaugeMetricFamily("soundstage_queue_depth", "Jobs that wait to be begun.", queue.depth)
        yield GaugeMetricFamily(
            "soundstage_queue_oldest_seconds", "For how long the oldest waiting job waits.", queue.oldest_seconds
        )
        stages = HistogramMetricFamily(
            "soundstage_stage_seconds",
            "How long stages took that were brought to their end.",
            labels=["stage", "backend"],
        )
        for labels, histogram in durations.histograms().items():
            bounds = map(floatToGoString, durations.BOUNDS)
            stages.add_metric(labels, list(zip(bounds, histogram.at_most, strict=True)), histogram.seconds)
        yield stages
        yield GaugeMetricFamily(
            "soundstage_worker_processes", "Worker processes that live.", heartbeat.online().count()
        )
        ours = engine()
        yield GaugeMetricFamily(
            "soundstage_engine_up", "Whether the engine is ready to make sound.", ours.state == "ok"
        )
        yield GaugeMetricFamily("soundstage_engine_workers", "Workers of the engine with a model loaded.", ours.workers)
        yield GaugeMetricFamily("soundstage_engine_running", "Requests that the engine is making.", ours.running)
        yield GaugeMetricFamily("soundstage_engine_queue_depth", "Requests that wait in the engine.", ours.queue)


_registry = CollectorRegistry()
# Not asked when it is registered: there may be no database yet.
_registry.register(Work())


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever carries `Authorization: Bearer <METRICS_TOKEN>`; without such a token there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)
