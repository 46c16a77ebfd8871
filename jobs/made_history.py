"""A history of jobs that nobody asked for, to try the review, its numbers and the database with; and its removal.

Everything made is known by its name: jobs by `Source.MADE`, teams, people and clips by their ids and addresses. It is
the same for the same seed, but for the days, which end today. All of it is finished, and nothing was submitted: no
worker takes it up, and no limit counts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

from django.db import transaction
from django.utils import timezone

from jobs import failures
from jobs.backends import registry
from jobs.models import Clip, FailureGroup, Generation, JobEvent, Source, Stage, Status
from webapp.accounts.models import Membership, Role, Team, User

BATCH = 5000
TEAMS = ("Cutting Room", "Level Design", "Trailers", "Wildlife", "Night Unit", "Archive", "Shorts", "Pitches")
PEOPLE = ("Ada", "Ben", "Cleo", "Dan")
CLIPS = ("door.mp4", "chase.mov", "river.webm", "boss-fight.mp4", "title.mkv")
THINGS = ("rain", "steps", "a door", "an engine", "wind", "glass", "a crowd", "birds", "waves", "a sword", "thunder")
PLACES = ("on tin", "in a hall", "far away", "on gravel", "under water", "in snow", "close by", "at night", "on wood")

# How often each is asked; what share of it fails on an ordinary day; and the seconds that half of its runs stay below.
BACKENDS = {"engine": (6, 0.03, 9.0), "fal": (3, 0.05, 21.0), "scenario": (1, 0.09, 48.0)}
ERRORS = {
    "engine": (
        ("timeout", "The sound engine ran out of time on this clip. Try a shorter duration or fewer steps.", 3),
        ("down", "The sound engine can’t be reached. Try again in a moment.", 4),
        ("crashed", "This job stopped 3 workers in a row. Try another clip or format.", 1),
    ),
    "fal": (
        ("job_failed", "fal failed on this job, and says that another try may work.", 5),
        ("policy", "fal’s content policy does not allow this. Change the prompt, or use another backend.", 2),
        ("no_credit", "The account at fal is locked or has no credit left. Top it up, then try again.", 1),
    ),
    "scenario": (
        ("timeout", "Scenario ran out of time on this clip. Try a shorter duration or fewer steps.", 3),
        ("plan", "Your Scenario plan does not include this. Choose another backend.", 2),
    ),
}
CANCELLED = 0.04
# On one day in so many a backend is out of order, and fails this much more often.
OUTAGE_EVERY, OUTAGE = 20, 8
WEEKEND = 0.25
HOURS = (1, 1, 1, 1, 1, 2, 4, 9, 18, 24, 26, 22, 16, 22, 26, 26, 24, 20, 12, 8, 6, 4, 3, 2)
SHARES = {Stage.PREPARING: 0.08, Stage.GENERATING: 0.8, Stage.MUXING: 0.09, Stage.PUBLISHING: 0.03}

TEAM_IDS = [f"team_made_{number}" for number in range(len(TEAMS))]
ADDRESSES = [f"{name.lower()}-{number}@made.invalid" for number in range(len(TEAMS)) for name in PEOPLE]


class MadeAlready(Exception):
    """A history of this seed is there already."""


Place = tuple[Team, list[User], list[Clip]]


def make(count: int, *, seed: int, days: int, team: Team | None, told: Callable[[int], None]) -> None:
    """Make `count` finished jobs of the last `days` days, in `team` or in made teams; `told` hears how many there are.

    They are written some at a time, each time whole. Raises MadeAlready.
    """
    if Generation.everything.filter(public_id=_public_id(seed, 0)).exists():
        raise MadeAlready
    random = Random(seed)  # noqa: S311 - the same again for a seed is the point
    places = [_place(team)] if team else _made_places()
    for backend, errors in ERRORS.items():
        for kind, sentence, _ in errors:
            failures.group_of(backend, kind, sentence)
    drawn = _jobs(random, count, seed, days, places)
    for start in range(0, count, BATCH):
        some = [next(drawn) for _ in range(min(BATCH, count - start))]
        with transaction.atomic():
            made = Generation.everything.bulk_create(some)
            JobEvent.objects.bulk_create([event for one in made for event in _events(one)])
        told(start + len(some))


def remove(told: Callable[[int], None]) -> None:
    """Remove every made job, and the made teams, people, clips and groups of failures that nothing else needs."""
    made, removed = Generation.everything.filter(source=Source.MADE), 0
    while some := list(made.values_list("pk", flat=True)[:BATCH]):
        Generation.everything.filter(pk__in=some).delete()
        removed += len(some)
        told(removed)
    names = [_group(backend, kind, said) for backend, errors in ERRORS.items() for kind, said, _ in errors]
    in_use = Generation.everything.filter(fingerprint__in=names).values("fingerprint")
    FailureGroup.objects.filter(fingerprint__in=names).exclude(fingerprint__in=in_use).delete()
    Clip.everything.filter(team__public_id__in=TEAM_IDS, file="", generations=None).delete()
    Team.objects.filter(public_id__in=TEAM_IDS, generations=None, clips=None).delete()
    User.objects.filter(email__in=ADDRESSES, memberships=None).delete()


def _public_id(seed: int, number: int) -> str:
    return f"gen_made{seed}_{number}"


def _place(team: Team) -> Place:
    return team, list(team.members.order_by("pk")), list(Clip.objects.filter(team=team).order_by("pk")[:100])


@transaction.atomic
def _made_places() -> list[Place]:
    """Teams whose people can't sign in and whose clips have no file."""
    places = []
    for number, name in enumerate(TEAMS):
        team, _ = Team.objects.get_or_create(public_id=TEAM_IDS[number], defaults={"name": f"{name} (made)"})
        people: list[User] = []
        for first_name in PEOPLE:
            address = f"{first_name.lower()}-{number}@made.invalid"
            known = {"first_name": first_name, "last_name": "(made)", "is_active": False}
            person, new = User.objects.get_or_create(email=address, defaults=known)
            if new:
                person.set_unusable_password()
                person.save(update_fields=["password"])
            Membership.objects.get_or_create(
                team=team, user=person, defaults={"role": Role.MEMBER if people else Role.OWNER}
            )
            people.append(person)
        clips = [_made_clip(team, people[0], number, clip) for clip in range(len(CLIPS))]
        places.append((team, people, clips))
    return places


def _made_clip(team: Team, person: User, number: int, clip: int) -> Clip:
    facts = {"width": 1280, "height": 720, "fps": 25.0, "has_audio": False, "plays_in_browsers": True}
    known = {
        "team": team, "uploaded_by": person, "name": CLIPS[clip], "duration": 4.0 + 3 * clip, "facts": facts,
        "sha256": f"made{clip}",
    }  # fmt: skip
    return Clip.everything.get_or_create(public_id=f"asset_made_{number}_{clip}", defaults=known)[0]


def _jobs(random: Random, count: int, seed: int, days: int, places: list[Place]) -> Iterator[Generation]:
    now = timezone.now()
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    # Busier towards today, quiet at weekends; the first team is the largest.
    weights = [(2 - ago / days) * (WEEKEND if ago % 7 in (5, 6) else 1) for ago in range(days)]
    sizes = [1 / (place + 1) for place in range(len(places))]
    outages = {(ago, name) for ago in range(days) for name in BACKENDS if random.random() < 1 / OUTAGE_EVERY}
    for number in range(count):
        (ago,) = random.choices(range(days), weights)
        (hour,) = random.choices(range(24), HOURS)
        created = today - timedelta(days=ago) + timedelta(hours=hour, seconds=random.uniform(0, 3600))
        if created > now - timedelta(hours=1):
            created -= timedelta(days=1)
        (place,) = random.choices(places, sizes)
        yield _job(random, _public_id(seed, number), created, place, {name for day, name in outages if day == ago})


def _job(random: Random, public_id: str, created: datetime, place: Place, out_of_order: set[str]) -> Generation:
    team, people, clips = place
    (backend,) = random.choices(list(BACKENDS), [often for often, _, _ in BACKENDS.values()])
    _, failing, usual = BACKENDS[backend]
    if backend in out_of_order:
        failing *= OUTAGE
    clip = random.choice(clips) if clips and random.random() < 0.8 else None
    asked = random.choice((4.0, 8.0, 8.0, 8.0, 12.0, 30.0))
    effective = min(asked, clip.duration) if clip else asked
    drawn = random.random()
    status = Status.FAILED if drawn < failing else Status.CANCELLED if drawn > 1 - CANCELLED else Status.SUCCEEDED
    waited = random.expovariate(1 / 3) * (15 if out_of_order else 1)
    ran = random.lognormvariate(0, 0.5) * usual * (0.5 + effective / 16)
    unbegun = status == Status.CANCELLED and random.random() < 0.5
    started = None if unbegun else created + timedelta(seconds=waited)
    finished = created + timedelta(seconds=waited + (0 if unbegun else ran))
    stage, timings = Stage.PUBLISHING, {str(stage): round(ran * share, 3) for stage, share in SHARES.items()}
    if status != Status.SUCCEEDED:
        stage, timings = Stage.GENERATING, {"preparing": round(ran * 0.08, 3), "generating": round(ran * 0.92, 3)}
    failed: dict[str, Any] = {}
    if status == Status.FAILED:
        ((kind, sentence, _),) = random.choices(ERRORS[backend], [often for *_, often in ERRORS[backend]])
        group = _group(backend, kind, sentence)
        failed = {"error": sentence, "error_kind": kind, "fingerprint": group, "failed_at": finished}
    return Generation(
        public_id=public_id,
        team=team,
        created_by=random.choice(people) if people else None,
        source=Source.MADE,
        clip=clip,
        prompt=f"{random.choice(THINGS)} {random.choice(PLACES)}, then {random.choice(THINGS)}".capitalize(),
        duration=asked,
        effective_duration=effective,
        quality_steps=random.choice((10, 25, 25, 25, 50)),
        seed=random.randrange(65536),
        status=status,
        stage="" if unbegun else stage,
        progress=100 if status == Status.SUCCEEDED else 0 if unbegun else random.randrange(5, 95),
        backend=backend,
        cost=registry.cost(backend, effective, clip is not None),
        attempts=0 if unbegun else 1,
        cancel_requested=status == Status.CANCELLED,
        created_at=created,
        started_at=started,
        finished_at=finished,
        wake_at=created,
        timings={} if unbegun else timings,
        **failed,
    )


@cache
def _group(backend: str, kind: str, sentence: str) -> str:
    return failures.fingerprint(backend, kind, sentence)


def _events(job: Generation) -> Iterator[JobEvent]:
    """The timeline that the work itself would have written."""
    yield JobEvent(generation=job, at=job.created_at, kind="queued", data={"backend": job.backend})
    at = job.started_at
    if at:
        yield JobEvent(generation=job, at=at, kind="started", stage=Stage.PREPARING, data={"worker": "made"})
        begun = list(job.timings)
        for before, stage in pairwise(begun):
            at += timedelta(seconds=job.timings[before])
            yield JobEvent(generation=job, at=at, kind="stage", stage=stage)
    data = {"kind": job.error_kind} if job.error_kind else {}
    yield JobEvent(
        generation=job,
        at=job.finished_at or job.created_at,
        kind=str(job.status),
        stage=job.stage,
        message=job.error,
        data=data,
    )
