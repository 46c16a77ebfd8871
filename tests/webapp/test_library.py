"""The library: everything the team has, found, put in order, and taken away in one file."""

from __future__ import annotations

import io
import os
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from jobs.models import Clip, Generation, Project, Status
from tests.webapp.conftest import member
from webapp.accounts.models import Team, User
from webapp.studio.library import PER_PAGE

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

URL = "/library/"


def shown(client: Client, query: str = "", path: str = URL) -> list[str]:
    """The words of the cards, in their order."""
    response = client.get(path + query)
    assert response.status_code == 200
    return [re.sub(r"<[^>]+>", "", words) for words in re.findall(r"<h2><a [^>]*>(.*?)</a>", response.content.decode())]


@pytest.fixture
def sounds(team: Team, alice: Client, stored: Clip) -> dict[str, Generation]:
    """Four that differ in everything one can look for, the first the oldest."""
    maker = User.objects.get(email="alice@example.org")
    film = Project.objects.create(team=team, name="A film")
    told: dict[str, dict[str, Any]] = {
        "Rain on a roof": {"seed": 1, "status": Status.SUCCEEDED, "favourite": True, "effective_duration": 9.0},
        "Knocks on wood": {"seed": 2, "status": Status.SUCCEEDED, "clip": stored, "created_by": maker},
        "A dog barks": {"seed": 3, "status": Status.FAILED, "backend": "fal", "effective_duration": 2.0},
        "Thunder far away": {"seed": 4, "status": Status.CANCELLED, "project": film, "effective_duration": 30.0},
    }
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return {
        prompt: Generation.objects.create(
            team=team, prompt=prompt, **({"effective_duration": 4.0} | facts), created_at=start + timedelta(days=index)
        )
        for index, (prompt, facts) in enumerate(told.items())
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Thunder far away", "A dog barks", "Knocks on wood", "Rain on a roof"]),
        ("?sort=oldest", ["Rain on a roof", "Knocks on wood", "A dog barks", "Thunder far away"]),
        ("?sort=longest", ["Thunder far away", "Rain on a roof", "Knocks on wood", "A dog barks"]),
        ("?sort=shortest", ["A dog barks", "Knocks on wood", "Rain on a roof", "Thunder far away"]),
        ("?q=ROOF", ["Rain on a roof"]),
        ("?q=ball.mp4", ["Knocks on wood"]),
        ("?q={clip}", ["Knocks on wood"]),
        ("?q={dog}", ["A dog barks"]),
        ("?q=nothing+of+the+kind", []),
        ("?mode=text", ["Thunder far away", "A dog barks", "Rain on a roof"]),
        ("?mode=video", ["Knocks on wood"]),
        ("?status=failed", ["A dog barks"]),
        ("?backend=fal", ["A dog barks"]),
        ("?favourite=on", ["Rain on a roof"]),
        ("?project={film}", ["Thunder far away"]),
        ("?person={alice}", ["Knocks on wood"]),
        ("?since=2026-03-02&until=2026-03-03", ["A dog barks", "Knocks on wood"]),
        ("?q=a&status=succeeded&sort=oldest", ["Rain on a roof", "Knocks on wood"]),
        ("?kind=clips", ["ball.mp4"]),
        ("?kind=clips&q=ball", ["ball.mp4"]),
        ("?kind=clips&status=failed", ["ball.mp4"]),
    ],
)
def test_everything_is_found_by_what_the_address_says(
    alice: Client, stored: Clip, sounds: dict[str, Generation], query: str, expected: list[str]
) -> None:
    known = {
        "clip": stored.public_id,
        "dog": sounds["A dog barks"].public_id,
        "film": Project.objects.get().public_id,
        "alice": User.objects.get(email="alice@example.org").pk,
    }
    assert shown(alice, query.format(**known)) == expected


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?since=yesterday", "Enter a valid date"),
        ("?person=999999", "Select a valid choice"),
        ("?project=project_never", "Select a valid choice"),
        ("?status=perfect", "Select a valid choice"),
    ],
)
def test_a_filter_that_makes_no_sense_is_told_and_left_out(
    alice: Client, sounds: dict[str, Generation], query: str, said: str
) -> None:
    assert len(shown(alice, query)) == len(sounds)
    assert said in alice.get(URL + query).content.decode()


def many(team: Team, count: int) -> None:
    now = timezone.now()
    Generation.objects.bulk_create(
        Generation(
            team=team, prompt=f"Take {index}", seed=index % 7, effective_duration=4.0, status=Status.SUCCEEDED,
            # Several at the very same moment, as a script would make them.
            created_at=now - timedelta(minutes=index // 5),
        )
        for index in range(count)
    )  # fmt: skip


@pytest.mark.parametrize("sort", ["newest", "oldest", "longest", "shortest"])
def test_the_list_goes_on_where_it_stopped_and_nothing_is_missed_or_shown_twice(
    alice: Client, team: Team, sort: str
) -> None:
    many(team, 2 * PER_PAGE + 5)
    seen = shown(alice, f"?sort={sort}")
    page = alice.get(f"{URL}?sort={sort}").content.decode()
    while after := re.search(r'data-next="(gen_[^"]+)"', page):
        page = alice.get(f"/library/more/?sort={sort}&after={after[1]}").content.decode()
        seen += re.findall(r"<h2><a [^>]*>(.*?)</a>", page)
    assert sorted(seen) == sorted(f"Take {index}" for index in range(2 * PER_PAGE + 5))


def test_back_finds_as_much_as_there_was(alice: Client, team: Team) -> None:
    many(team, 3 * PER_PAGE)
    assert len(shown(alice, "?shown=2")) == 2 * PER_PAGE
    assert len(shown(alice, "?shown=3")) == 3 * PER_PAGE
    for odd in ("0", "-1", "x", "999999999"):
        assert len(shown(alice, f"?shown={odd}")) >= PER_PAGE


def test_a_list_goes_on_though_its_last_was_deleted_meanwhile(alice: Client, team: Team) -> None:
    many(team, PER_PAGE + 3)
    last = re.search(r'data-next="(gen_[^"]+)"', alice.get(URL).content.decode())
    assert last
    Generation.objects.filter(public_id=last[1]).update(deleted_at=timezone.now())
    assert len(shown(alice, f"?after={last[1]}", "/library/more/")) == 3
    assert alice.get("/library/more/?after=gen_never").status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_library(
    alice: Client, team: Team, django_assert_max_num_queries: Any
) -> None:
    many(team, 10 * PER_PAGE)
    with django_assert_max_num_queries(13):
        alice.get(f"{URL}?shown=5")


def test_favourites_are_marked_alone_and_together(alice: Client, sounds: dict[str, Generation]) -> None:
    dog, rain = sounds["A dog barks"], sounds["Rain on a roof"]
    answer = alice.post(
        "/library/favourite/", {"generation": dog.public_id, "favourite": "yes"}, headers={"Accept": "application/json"}
    )
    assert answer.json() == {"favourite": True}
    both = {"generation": [dog.public_id, rain.public_id], "favourite": "no", "next": "/library/?sort=oldest"}
    assert alice.post("/library/favourite/", both).headers["Location"] == "/library/?sort=oldest"
    assert not Generation.objects.filter(favourite=True).exists()


def test_a_selection_comes_as_one_zip_with_names_of_their_own(
    alice: Client, stored: Clip, sounds: dict[str, Generation]
) -> None:
    for prompt in ("Rain on a roof", "Thunder far away"):
        sounds[prompt].prompt, sounds[prompt].seed = "../../etc/pass:wd", 1
        sounds[prompt].audio.save("audio.wav", ContentFile(prompt.encode()))
    stored.name = "\u97f3" * 200 + ".mp4"
    stored.save()
    gone = sounds["A dog barks"]
    gone.audio.name = "generations/gone/audio.wav"
    gone.save()
    chosen = {"clip": stored.public_id, "generation": [each.public_id for each in sounds.values()]}
    response = alice.post("/library/download/", chosen)
    content = b"".join(response)
    assert len(content) == int(response.headers["Content-Length"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert len(names) == len({name.casefold() for name in names}) == 3
        assert not any("/" in name or "\\" in name or name.startswith(".") for name in names)
        with stored.file.open("rb") as original:
            (long,) = [name for name in names if name.startswith("\u97f3")]
            assert len(long.encode()) <= 255
            assert archive.read(long) == original.read()


def test_a_zip_of_a_hundred_large_files_is_never_held_in_memory(alice: Client, team: Team) -> None:
    sizes = [100 << 20] + [1 << 20] * 99
    many(team, len(sizes))
    for number, (sound, size) in enumerate(zip(Generation.objects.all(), sizes, strict=True)):
        sound.audio.name = default_storage.save(f"generations/{number}/audio.wav", ContentFile(b""))
        sound.save(update_fields=["audio"])
        os.truncate(sound.audio.path, size)
    chosen = {"generation": [sound.public_id for sound in Generation.objects.all()]}
    tracemalloc.start()
    response = alice.post("/library/download/", chosen)
    length = sum(len(chunk) for chunk in response)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length == int(response.headers["Content-Length"]) > sum(sizes)
    assert most < 20 << 20


def test_nothing_finished_is_nothing_to_download(alice: Client, sounds: dict[str, Generation]) -> None:
    response = alice.post("/library/download/", {"generation": sounds["A dog barks"].public_id}, follow=True)
    assert "nothing to download" in response.content.decode()


def test_a_team_sees_its_own_alone(charlie: Client, sounds: dict[str, Generation], stored: Clip) -> None:
    assert shown(charlie) == []
    assert shown(charlie, "?kind=clips") == []
    for path in ("download", "favourite"):
        sent = {"generation": sounds["A dog barks"].public_id, "favourite": "yes"}
        assert charlie.post(f"/library/{path}/", sent).status_code == 404


def test_what_is_empty_says_why(alice: Client, team: Team, ask: Callable[..., Generation]) -> None:
    assert "Nothing here yet" in alice.get(URL).content.decode()
    ask()
    assert "Nothing is like that" in alice.get(f"{URL}?q=xyzzy").content.decode()


def test_hostile_words_are_shown_and_never_run(alice: Client, ask: Callable[..., Generation], team: Team) -> None:
    ask(prompt='"><script>alert(1)</script>')
    for query in ("", '?q="><script>alert(2)</script>', "?view=list"):
        assert "<script>alert" not in alice.get(URL + query).content.decode()
    assert member(team, "dora").get(URL).status_code == 200
