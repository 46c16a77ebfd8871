"""Projects: made, renamed, archived; what is put into them, from the studio and later."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from jobs import intake, projects
from jobs.models import Clip, Generation, Project
from tests.webapp.conftest import Elements, member
from webapp.accounts.models import Role, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

Ask = Callable[..., Generation]
FIELDS = {"mode": "text", "prompt": "Rain", "duration": "4", "quality_steps": "10", "prompt_strength": "4.5"}


@pytest.fixture
def film(team: Team) -> Project:
    return projects.make(team, None, "A film")


def test_a_project_is_made_renamed_archived_and_taken_back(alice: Client) -> None:
    assert "No projects yet" in alice.get("/projects/").content.decode()
    response = alice.post("/projects/", {"name": " The  Long\u202e Night "})
    made = Project.objects.get()
    assert (made.name, made.created_by) == ("The Long Night", User.objects.get())
    page = response.headers["Location"]
    assert "Nothing in it yet" in alice.get(page).content.decode()
    assert "called Day now" in alice.post(f"{page}rename/", {"name": "Day"}, follow=True).content.decode()
    assert "is archived" in alice.post(f"{page}archive/", follow=True).content.decode()
    assert "Archived" in alice.get("/projects/").content.decode()
    assert "takes in new things again" in alice.post(f"{page}restore/", follow=True).content.decode()
    made.refresh_from_db()
    assert (made.name, made.archived_at) == ("Day", None)


def test_a_name_is_one_projects_of_a_team(alice: Client, charlie: Client, film: Project, team: Team) -> None:
    response = alice.post("/projects/", {"name": "a FILM"})
    assert response.status_code == 422
    assert "There is a project of this name already." in response.content.decode()
    projects.archive(film, None)
    assert "an archived project" in alice.post("/projects/", {"name": "A film"}).content.decode()
    other = projects.make(team, None, "Other")
    response = alice.post(reverse("project-rename", args=[other.public_id]), {"name": "A film"})
    assert (response.status_code, Project.objects.get(pk=other.pk).name) == (422, "Other")
    assert charlie.post("/projects/", {"name": "A film"}).status_code == 302, "another team's names are its own"
    assert alice.post("/projects/", {"name": " "}).status_code == 422


@pytest.mark.parametrize("of", ["project", "team"])
def test_a_name_that_somebody_else_changed_meanwhile_is_asked_about_once(film: Project, team: Team, of: str) -> None:
    owner = member(team, "olga", Role.OWNER)
    thing = film if of == "project" else team
    page = reverse("project", args=[film.public_id]) if of == "project" else "/team/"
    address = reverse("project-rename", args=[film.public_id]) if of == "project" else reverse("team-rename")

    def given(html: str, name: str) -> str | None:
        (field,) = [each for each in Elements(html).having("name") if each["name"] == name]
        return field["value"]

    mine = given(owner.get(page).content.decode(), "seen")
    assert owner.post(address, {"name": "Hers", "seen": mine}).status_code == 302
    refused = owner.post(address, {"name": "Mine", "seen": mine})
    assert refused.status_code == 422
    html = refused.content.decode()
    assert "Somebody renamed it to “Hers” meanwhile." in html
    assert given(html, "name") == "Mine"
    thing.refresh_from_db()
    assert thing.name == "Hers"
    assert owner.post(address, {"name": "Mine", "seen": given(html, "seen")}).status_code == 302
    thing.refresh_from_db()
    assert thing.name == "Mine"


def test_the_studio_puts_what_is_made_into_the_chosen_project_and_remembers_it(
    alice: Client, team: Team, stored: Clip
) -> None:
    assert 'name="project"' not in alice.get("/").content.decode(), "there is nothing to choose"
    film, game = projects.make(team, None, "A film"), projects.make(team, None, "A game")
    alice.post("/", FIELDS | {"mode": "video", "clip": stored.public_id, "project": film.public_id})
    stored.refresh_from_db()
    assert (Generation.objects.get().project, stored.project) == (film, film)
    assert chosen(alice, "/") == film.public_id
    alice.post("/", FIELDS | {"mode": "video", "clip": stored.public_id, "project": game.public_id})
    stored.refresh_from_db()
    assert stored.project == film, "a clip stays where it is"
    alice.post("/", FIELDS | {"project": ""})
    assert Generation.objects.latest("id").project is None
    assert chosen(alice, "/") == ""
    earlier = Generation.objects.earliest("id")
    assert chosen(alice, f"/?from={earlier.public_id}") == film.public_id
    assert intake.another_take(earlier, None, same_seed=False).project == film
    projects.archive(film, None)
    earlier.refresh_from_db()
    assert intake.another_take(earlier, None, same_seed=False).project is None
    response = alice.post("/", FIELDS | {"project": film.public_id})
    assert (response.status_code, "archived or gone" in response.content.decode()) == (422, True)


def chosen(client: Client, address: str) -> str:
    """The project that the studio's form has chosen."""
    options = [found for tag, found in Elements(client.get(address).content.decode()).all if tag == "option"]
    return next((str(option["value"]) for option in options if "selected" in option), "")


def test_a_clip_takes_its_takes_along_and_leaves_those_that_went_elsewhere(
    alice: Client, team: Team, film: Project, stored: Clip, ask: Ask
) -> None:
    with_it, elsewhere, alone = ask(stored), ask(stored), ask()
    game = projects.make(team, None, "A game")
    move(alice, game, generation=elsewhere.public_id)
    page = move(alice, film, clip=stored.public_id)
    assert "Moved to A film: 1 clip." in page
    where = dict(Generation.objects.values_list("pk", "project__name"))
    assert where == {with_it.pk: "A film", elsewhere.pk: "A game", alone.pk: None}
    shown = alice.get(reverse("project", args=[film.public_id])).content.decode()
    assert "1 clip · 1 generation" in shown
    assert with_it.public_id in shown
    assert elsewhere.public_id not in shown
    move(alice, None, clip=stored.public_id)
    assert set(Generation.objects.filter(project=None)) == {with_it, alone}


def test_nothing_is_moved_where_it_can_not_go(
    alice: Client, charlie: Client, film: Project, ask: Ask, team: Team
) -> None:
    generation = ask()
    projects.archive(film, None)
    assert "archived or gone" in move(alice, film, generation=generation.public_id)
    assert "Nothing was chosen" in move(alice, None)
    theirs = projects.make(Team.objects.get(name="Elsewhere"), None, "Theirs")
    assert "archived or gone" in move(alice, theirs, generation=generation.public_id)
    response = charlie.post("/projects/move/", {"generation": generation.public_id, "project": theirs.public_id})
    assert response.status_code == 404
    generation.refresh_from_db()
    assert generation.project is None


def move(client: Client, to: Project | None, **things: str) -> str:
    fields = things | {"project": to.public_id if to else "", "next": "/projects/"}
    response = client.post("/projects/move/", fields, follow=True)
    assert response.status_code == 200
    return response.content.decode()
