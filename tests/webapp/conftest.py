"""A team, the people who may or may not see what is its own, and pages as they reach them."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import File
from django.test import Client

from jobs import intake
from jobs.models import Clip, Generation
from tests.clips import bouncing_ball
from webapp.accounts.models import Membership, Role, Team, User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Nobody attacks these, and a proper hash takes a third of a second for each person."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def member(team: Team, name: str, role: Role = Role.MEMBER) -> Client:
    """A new person in `team`, signed in."""
    user = User.objects.create_user(f"{name}@example.org", PASSWORD)
    Membership.objects.create(team=team, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="Night Shift")


@pytest.fixture
def alice(team: Team) -> Client:
    """In the team, and may create."""
    return member(team, "alice")


@pytest.fixture
def adam(team: Team) -> Client:
    """An admin of the team."""
    return member(team, "adam", Role.ADMIN)


@pytest.fixture
def root(db: None) -> Client:
    """An administrator of the installation, in none of its teams."""
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", PASSWORD))
    return client


@pytest.fixture
def victor(team: Team) -> Client:
    """In the team, as a viewer."""
    return member(team, "victor", Role.VIEWER)


@pytest.fixture
def charlie(db: None) -> Client:
    """A stranger, with a team of his own."""
    return member(Team.objects.create(name="Elsewhere"), "charlie")


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    """A silent clip of 1.5 s, 320 x 180 at 30 fps."""
    path = tmp_path / "ball.mp4"
    bouncing_ball(path, seconds=1.5, impacts=(0.5, 1.0))
    return path


@pytest.fixture
def stored(team: Team, ball: Path) -> Clip:
    """The ball, taken in as a clip of the team."""
    with ball.open("rb") as file:
        return intake.accept_clip(team, None, File(file), "ball.mp4")


@pytest.fixture
def ask(team: Team) -> Callable[..., Generation]:
    """A queued generation of the team, as the form would make it."""

    def ask(clip: Clip | None = None, **parameters: object) -> Generation:
        wanted = intake.Parameters(**{"prompt": "Knocks on wood", "seed": 7, **parameters})  # type: ignore[arg-type]
        return intake.accept_generation(team, User.objects.first(), clip, wanted, enqueue=False)

    return ask


class Elements(HTMLParser):
    """The start tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))

    def having(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.all if name in attributes]

    def identified(self, identifier: str) -> dict[str, str | None]:
        (element,) = [attributes for attributes in self.having("id") if attributes["id"] == identifier]
        return element
