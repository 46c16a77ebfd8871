"""Generations in every state, with real media, in the data folder that DATA_DIR names.

`python -m tests.browser.scenes` prints JSON: signed-in `sessions` by name and the public ids of the `generations` by
state. Alice owns a team with more than a page of history and a key of its own for fal, Mia is a member and Victor a
viewer in it; Nora's own team has nothing yet but Alice as a viewer, and the engine alone to make sound; Root
administers the installation. Two invitations to Alice's team are open; INVITATION is the token of one.
The top of every clip shows the number of the frame as `FRAME_BITS` dark and bright blocks, the lowest bit on the left.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import wave
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import cv2
import django
import numpy as np
from numpy.typing import NDArray

from tests.clips import Image, draw_ball, film

PASSWORD = "correct horse battery"
FAL_KEY = "5f1c2a9e-a-key-of-nobody:0011223344556677"
INVITATION = "the-token-of-an-open-invitation"
FRAME_BITS = 8
FPS = 25.0
SECONDS = 6.0
IMPACTS = (0.5, 1.2, 2.0, 3.4, 4.1, 5.3)


def make_clip(path: Path, width: int, height: int, *, with_audio: bool = False) -> None:
    """A ball that bounces at `IMPACTS`, for `SECONDS` at `FPS`, and the number of each frame above it."""
    down = np.linspace(0.0, 1.0, height)[:, None, None]
    sky = np.asarray((1 - down) * [84, 52, 38] + down * [150, 120, 176], np.float64)
    behind = np.broadcast_to(sky, (height, width, 3)).astype(np.uint8)
    size = min(width, height) / 10
    floor = height * 0.86 - size

    def picture(time: float) -> Image:
        image = behind.copy()
        image[round(floor + size) :] = (52, 44, 66)
        centre = (width * (0.15 + 0.7 * time / SECONDS), floor - height * 0.5 * _rise(time))
        draw_ball(image, centre, size, (70, 190, 255))
        number, block = round(time * FPS), width // FRAME_BITS
        for bit in range(FRAME_BITS):
            image[: height // 8, bit * block : (bit + 1) * block] = 225 if number >> bit & 1 else 30
        return image

    film(path, picture, fps=FPS, seconds=SECONDS, with_audio=with_audio)


def _rise(time: float) -> float:
    """How high the ball is, 0 to 1: on the floor at each impact, highest half-way between two."""
    around = [0.0, *IMPACTS, SECONDS]
    after = next((index for index, impact in enumerate(around) if impact > time), len(around) - 1)
    begin, end = around[after - 1], around[after]
    return math.sin(math.pi * (time - begin) / (end - begin))


def make_sound(path: Path, seconds: float, gain: float = 1.0) -> list[Any]:
    """A WAV with a decaying knock at each of `IMPACTS`, times `gain`; returns its peaks as `jobs.media.waveform`."""
    rate = 48_000
    time = np.arange(round(seconds * rate)) / rate
    sound: NDArray[np.float64] = 0.01 * np.random.default_rng(5).standard_normal(len(time))
    for index, impact in enumerate(IMPACTS):
        since = np.maximum(time - impact, 0)
        level = (0.9, 0.5, 0.75, 0.6, 0.35, 0.8)[index]
        sound += (time >= impact) * level * np.exp(-since / 0.12) * np.sin(2 * np.pi * 310 * since)
    sound = gain * np.clip(sound, -1, 1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return [(float(part.min()), float(part.max())) for part in np.array_split(sound.round(3), 1600)]


def make_everything() -> dict[str, Any]:
    from django.conf import settings
    from django.core.files import File
    from django.utils import timezone

    from jobs import failures, keys, projects, trash
    from jobs.media.loudness import loudness
    from jobs.models import Clip, Generation, Stage, Status
    from webapp.accounts import invitations
    from webapp.accounts.models import Membership, Role, User
    from webapp.accounts.setup import create_first_account
    from webapp.accounts.teams import add_team

    user = create_first_account("alice@example.org", PASSWORD, "Night Shift")
    team = user.teams.get()
    viewer = User.objects.create_user("victor@example.org", PASSWORD)
    Membership.objects.create(team=team, user=viewer, role=Role.VIEWER)
    colleague = User.objects.create_user("mia@example.org", PASSWORD)
    Membership.objects.create(team=team, user=colleague, role=Role.MEMBER)
    keys.set_key(team, "fal", {"FAL_KEY": FAL_KEY}, user)
    newcomer = User.objects.create_user("nora@example.org", PASSWORD)
    other = add_team(newcomer, "Day Shift").team
    Membership.objects.create(team=other, user=user, role=Role.VIEWER)
    invitations.invite(team, Role.ADMIN, user, "a.colleague.with.a.long.name@studio.example.org")
    by_link, _ = invitations.invite(team, Role.MEMBER, user)
    by_link.token_hash = hashlib.sha256(INVITATION.encode()).hexdigest()
    by_link.save()
    now = timezone.now()
    folder = Path(tempfile.mkdtemp(dir=settings.WORK_DIR))

    def store(field: Any, path: Path, name: str) -> None:
        with path.open("rb") as file:
            field.save(name, File(file), save=False)

    def clip(name: str, width: int, height: int, **facts: Any) -> Clip:
        path, poster = folder / f"{name}.mp4", folder / f"{name}.jpg"
        make_clip(path, width, height, with_audio=facts.get("has_audio", False))
        make_poster(path, poster)
        known = {
            "width": width, "height": height, "fps": FPS, "plays_in_browsers": True, "has_audio": False,
            "size_bytes": path.stat().st_size,
        } | facts  # fmt: skip
        made = Clip(
            team=team, uploaded_by=user, name=f"{name}.mp4", sha256=name, duration=SECONDS, facts=known,
            preview_due_since=None if known["plays_in_browsers"] else now,
        )  # fmt: skip
        made.preview_due_since = None if made.plays_in_browsers else now
        store(made.file, path, "original.mp4")
        store(made.poster, poster, "poster.jpg")
        made.save()
        return made

    def generation(of: Clip | None, status: Status, level: float = 1.0, **fields: Any) -> str:
        known: dict[str, Any] = {
            "prompt": "A heavy wooden ball bounces on a stone floor, in a large empty hall",
            "negative_prompt": "music, voices",
            "duration": 8.0 if of else SECONDS,
            "effective_duration": SECONDS,
            "seed": 20417,
            "created_at": now - timedelta(seconds=4),
        }
        made = Generation(team=team, created_by=user, clip=of, status=status, **(known | fields))
        if status == Status.SUCCEEDED:
            sound = folder / "sound.wav"
            made.peaks, made.loudness = make_sound(sound, SECONDS, level), loudness(sound)
            store(made.audio, sound, "audio.wav")
            made.timings = {"preparing": 0.21, "generating": 1.94, "muxing": 0.18, "publishing": 0.06}
            made.started_at, made.finished_at = made.created_at, made.created_at + timedelta(seconds=2.6)
            made.understood = UNDERSTOOD
            if of:
                made.events = EVENTS
                twin = folder / "twin.mp4"
                make_clip(twin, of.width, of.height, with_audio=True)
                store(made.video, twin, "video.mp4")
        made.save()
        return made.public_id

    silent, voiced = clip("bounce", 640, 360), clip("bounce with sound", 640, 360, has_audio=True)
    tall = clip("tall", 360, 640)
    foreign = clip("foreign", 640, 360, plays_in_browsers=False)
    for day in range(1, 31):
        at: dict[str, Any] = {"created_at": now - timedelta(days=day), "seed": 100 + day}
        generation(None, Status.CANCELLED, prompt=f"Rain on a tin roof, take {day}", **at)
    film = projects.make(team, user, "The Long Night")
    Generation.objects.filter(seed__range=(101, 103)).update(project=film)
    Clip.objects.filter(pk=silent.pk).update(project=film)
    projects.archive(projects.make(team, user, "Last year’s game"), user)
    deleted = generation(tall, Status.SUCCEEDED, prompt="Thunder that nobody wanted")
    trash.discard(team, colleague, [], [Generation.objects.get(public_id=deleted)])
    running: dict[str, Any] = {"stage": Stage.GENERATING, "progress": 46, "message": "Shaping 6 impacts: wood on stone"}
    down = "The sound engine can’t be reached. Try again in a moment."
    failed: dict[str, Any] = {"error": down, "error_kind": "down", "failed_at": now}
    failed["fingerprint"] = failures.group_of("engine", "down", down)
    bought: dict[str, Any] = {"backend": "fal", "cost": "0.006", "submitted_at": now}
    return {
        "sessions": {
            "alice": signed_in(user),
            "mia": signed_in(colleague),
            "victor": signed_in(viewer),
            "nora": signed_in(newcomer),
            "root": signed_in(User.objects.create_superuser("root@example.org", PASSWORD)),
        },
        "generations": {
            "deleted": deleted,
            "queued": generation(silent, Status.QUEUED),
            "running": generation(silent, Status.RUNNING, **running),
            "running_sound": generation(None, Status.RUNNING, **running),
            "running_tall": generation(tall, Status.RUNNING, **running),
            "silent": generation(silent, Status.SUCCEEDED, notes=["The result is quiet: little moves in this clip."]),
            "voiced": generation(voiced, Status.SUCCEEDED),
            "tall": generation(tall, Status.SUCCEEDED),
            "awaiting_preview": generation(foreign, Status.SUCCEEDED),
            "sound": generation(None, Status.SUCCEEDED, prompt="Rain on a tin roof"),
            "failed": generation(silent, Status.FAILED, **failed),
            "failed_sound": generation(None, Status.FAILED, error="The sound engine did not finish within 15 minutes."),
            "cancelled": generation(tall, Status.CANCELLED),
            "bought": generation(silent, Status.SUCCEEDED, level=0.5, **bought),
            "refused": generation(
                silent, Status.FAILED, error_kind="policy", error="fal refused this by its content policy.", **bought
            ),
            "unclear": generation(
                silent,
                Status.FAILED,
                error_kind="unclear",
                error="The connection to fal broke while the job was handed over, and fal may have it.",
                **bought,
            ),
        },
    }


def signed_in(user: Any) -> str:
    """The key of a new session of `user`."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


EVENTS = [
    {"time": time, "strength": strength, "kind": "impact", "x": 0.15 + 0.7 * time / SECONDS, "y": 0.82, "size": 0.06}
    for time, strength in zip(IMPACTS, (0.95, 0.5, 0.8, 0.6, 0.3, 0.85), strict=True)
]
UNDERSTOOD = {
    "summary": "Wooden impacts on stone, in a hall.",
    "layers": [
        {"words": "heavy wooden ball bounces", "family": "ball", "role": "event", "material": "wood"},
        {"words": "stone floor", "family": "impact", "role": "event", "material": "stone"},
    ],
    "room": "hall",
    "excluded": ["music", "voices"],
    "unknown": ["flumph"],
    "suggestions": {"flumph": ["a ball bouncing", "metal hits in a cave"]},
    "notes": [],
}


def make_poster(clip: Path, poster: Path) -> None:
    """The clip's first picture as a JPEG."""
    with av.open(str(clip)) as container:
        cv2.imwrite(str(poster), next(container.decode(video=0)).to_ndarray(format="bgr24"))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    django.setup()
    print(json.dumps(make_everything()))
