"""What hosted backends cost us: bytes that leave the house, and memory for jobs that others work on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from jobs.media.probe import Limits, probe
from jobs.media.proxy import proxy
from tests.clips import bouncing_ball, film, textured
from tests.jobs.backends.servers import FAL_KEY, fal_server
from tests.programs import Soundstage, soundstage

FEW, IN_FLIGHT = 100, 500
SECONDS = 4
POLLS = 3
"""How often each of them is asked after before the memory is looked at again."""
PATIENCE_SECONDS = 300.0

ASK = """
import json
from jobs.intake import Parameters, accept_generation
from jobs.models import Generation
from webapp.accounts.models import Team
team = Team.objects.create(name="Bench")
for seed in range({count}):
    accept_generation(team, None, None, Parameters(prompt="rain", duration=1.0, seed=seed), backend="fal")
print(json.dumps(Generation.objects.count()))
"""
STOP = """
import json
from jobs import lifecycle
from jobs.models import Generation, UNFINISHED
for generation in Generation.objects.filter(status__in=UNFINISHED):
    lifecycle.request_cancel(generation)
print(0)
"""
LEFT = """
import json
from jobs.models import Generation, UNFINISHED
print(json.dumps(Generation.objects.filter(status__in=UNFINISHED).count()))
"""


def bytes_sent(home: Path) -> list[tuple[str, float]]:
    """For three clips as designers have them: what it is, and the bytes sent for all of it, of the original's."""
    rendered, filmed, grainy = home / "rendered.mp4", home / "filmed.mp4", home / "grainy.mp4"
    impacts = [0.5, 1.2, 3.0]
    bouncing_ball(rendered, seconds=SECONDS, width=1280, height=720, impacts=impacts, background="busy")
    bouncing_ball(filmed, seconds=SECONDS, width=1920, height=1080, impacts=impacts, background="busy", noise=2)
    film(grainy, textured(720, 1280), seconds=SECONDS, noise=6)
    ratios = []
    for what, clip in {"720p rendered": rendered, "1080p filmed": filmed, "upright, grainy": grainy}.items():
        sent = clip.with_suffix(".sent.mp4")
        proxy(clip, sent, SECONDS, probe(clip, Limits()))
        ratios.append((what, sent.stat().st_size / clip.stat().st_size))
    return ratios


@dataclass(frozen=True)
class Memory:
    """Megabytes of the processes that do the work, together, and of their parent, which keeps the clock of all jobs."""

    workers: float
    parent: float


def in_flight(home: Path) -> tuple[dict[str, Memory], float]:
    """What the workers hold with few jobs at a provider, with many, and after them; seconds to hand many over."""
    with fal_server() as fal:
        fal.polls_until_done = 1_000_000
        environment = {"FAL_KEY": FAL_KEY, "FAL_QUEUE_URL": fal.url, "FAL_REST_URL": fal.url, "TEAM_CONCURRENCY": "0"}
        environment["LOG_LEVEL"] = "WARNING"  # of each job there would be a line
        with soundstage(home, **environment) as stage:

            def polled(jobs: int) -> Memory:
                """Once so many jobs are at the provider and have been asked after a few times."""
                _until(lambda: len(fal.purchases) == jobs)
                asked = len(fal.calls("status"))
                _until(lambda: len(fal.calls("status")) >= asked + POLLS * jobs)
                return _memory(stage)

            stage.python(ASK.format(count=FEW))
            held = {"few": polled(FEW)}
            begun = time.monotonic()
            stage.python(ASK.format(count=IN_FLIGHT - FEW))
            _until(lambda: len(fal.purchases) == IN_FLIGHT)
            seconds = time.monotonic() - begun
            held["many"] = polled(IN_FLIGHT)
            stage.python(STOP)
            _until(lambda: stage.python(LEFT) == 0)
            held["after"] = _memory(stage)
    assert len(fal.purchases) == IN_FLIGHT
    return held, seconds


def _memory(stage: Soundstage) -> Memory:
    parent, *workers = sorted(stage.processes("jobs.celery worker"))
    return Memory(sum(map(_megabytes, workers)), _megabytes(parent))


def _megabytes(process: int) -> float:
    """Memory no file stands behind (proc_pid_smaps(5)), shared with a parent or not: what is private alone would grow
    whenever a page that was shared since the fork is written to, although nothing more is held."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024


def _until(ready: object) -> None:
    assert callable(ready)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.2)
