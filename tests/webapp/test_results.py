"""The results page, through its addresses, for everyone who may or may not see it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs.models import Clip, Generation, Stage, Status
from tests.clips import still
from tests.webapp.conftest import Elements
from webapp.accounts.models import Team
from webapp.studio.understanding import Understanding

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]  # nothing is collected

HOSTILE = """"><script>alert('x')</script>{{ 7|add:7 }}"""
FACTS = {"width": 320, "height": 180, "fps": 30.0, "plays_in_browsers": True, "has_audio": False, "silent": False}


@pytest.fixture
def clip(team: Team, tmp_path: Path) -> Clip:
    path = tmp_path / "clip.mp4"
    still(path, seconds=0.5)
    clip = Clip(team=team, name="harbour.mp4", sha256="1" * 64, duration=0.5, facts=FACTS)
    with path.open("rb") as file:
        clip.file.save("original.mp4", File(file), save=False)
    clip.poster.save("poster.jpg", ContentFile(b"\xff\xd8\xff"), save=False)
    clip.save()
    return clip


def made(team: Team, clip: Clip | None, status: Status, **fields: Any) -> Generation:
    known: dict[str, Any] = {
        "prompt": "Waves against a wooden pier",
        "effective_duration": 0.5,
        "duration": 8.0,
        "seed": 4711,
    }
    generation = Generation(team=team, clip=clip, status=status, **(known | fields))
    if status == Status.SUCCEEDED:
        generation.finished_at = timezone.now() + timedelta(seconds=2)
        generation.audio.save("audio.wav", ContentFile(b"RIFF"), save=False)
        if clip:
            with clip.file.open("rb") as file:
                generation.video.save("video.mp4", File(file), save=False)
    generation.save()
    return generation


def address(generation: Generation, name: str = "generation") -> str:
    return reverse(name, args=[generation.public_id])


def page(client: Client, generation: Generation, name: str = "generation") -> str:
    response = client.get(address(generation, name))
    assert response.status_code == 200
    return response.content.decode()


def buttons(html: str) -> set[str | None]:
    return {attributes.get("form") for attributes in Elements(html).having("form")}


# States


def test_a_queued_generation_says_so_and_follows_itself_live(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.QUEUED)
    html = page(alice, generation)
    assert "Waiting for a free worker" in html
    (root,) = Elements(html).having("data-generation")
    assert (root["data-phase"], root["data-live"]) == ("queued", address(generation, "generation-live"))
    assert buttons(html) == {"cancel"}
    assert '<noscript><meta http-equiv="refresh"' in html


def test_a_running_generation_shows_stage_percent_message_and_the_clip(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.RUNNING, stage=Stage.GENERATING, progress=42, message="Shaping 6 impacts")
    html = page(alice, generation)
    elements = Elements(html)
    (bar,) = [attributes for attributes in elements.having("aria-valuenow") if attributes["role"] == "progressbar"]
    assert bar["aria-valuenow"] == "42"
    assert "Shaping 6 impacts" in html
    assert [step["data-state"] for step in elements.having("data-state")] == ["done", "current", "ahead", "ahead"]
    (preview,) = elements.having("data-while-waiting")
    assert preview["src"] == reverse("clip-file", args=[clip.public_id, "playable"])
    assert "<title>42 % · Waves against a wooden pier" in html


def test_a_finished_clip_is_a_locked_pair_with_downloads(alice: Client, team: Team, clip: Clip) -> None:
    events = [{"time": 0.25, "strength": 0.9, "kind": "impact", "x": 0.4, "y": 0.8, "size": 0.1}]
    generation = made(
        team, clip, Status.SUCCEEDED, peaks=[[-0.25, 0.5], [0.0, 1.0]], events=events, notes=["It is quiet."]
    )
    html = page(alice, generation)
    elements = Elements(html)
    assert [element["src"] for element in elements.having("data-locked")] == [
        reverse("clip-file", args=[clip.public_id, "playable"]),
        reverse("generation-file", args=[generation.public_id, "playable"]),
    ]
    (waveform,) = elements.having("data-waveform")
    assert waveform["data-peaks"] == "-0.25,0.5,0,1"
    (mark,) = elements.having("data-event")
    assert (mark["data-event"], mark["aria-label"]) == ("0.250", "Impact at 0.25 s, strong")
    downloads = {attributes["href"] for attributes in elements.having("href") if "?download" in str(attributes["href"])}
    assert downloads == {
        f"{reverse('generation-file', args=[generation.public_id, kind])}?download" for kind in ("video", "audio")
    }
    assert f"{reverse('studio')}?from={generation.public_id}" in html
    assert "It is quiet." in html
    assert elements.having("data-copy")[0]["data-copy"] == "4711"
    (root,) = elements.having("data-generation")
    assert "data-live" not in root


def test_what_is_heard_can_be_switched_only_where_the_original_has_sound(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.SUCCEEDED)
    html = page(alice, generation)
    assert not Elements(html).having("data-hear")
    assert "silent" in html
    Clip.objects.update(facts=FACTS | {"has_audio": True})
    assert [button["data-hear"] for button in Elements(page(alice, generation)).having("data-hear")] == [
        "original",
        "result",
    ]


def test_an_original_whose_sound_track_is_silent_counts_as_silent(alice: Client, team: Team, clip: Clip) -> None:
    Clip.objects.update(facts=FACTS | {"has_audio": True, "silent": True})
    assert not Elements(page(alice, made(team, Clip.objects.get(), Status.SUCCEEDED))).having("data-hear")


def test_text_to_audio_is_the_waveform_player_alone(alice: Client, team: Team) -> None:
    generation = made(team, None, Status.SUCCEEDED)
    elements = Elements(page(alice, generation))
    assert [tag for tag, attributes in elements.all if "data-locked" in attributes] == ["audio"]
    assert not [tag for tag, _ in elements.all if tag == "video"]
    assert elements.having("data-waveform")


def test_a_clip_no_browser_plays_shows_its_poster_until_the_preview_is_made(
    alice: Client, team: Team, clip: Clip
) -> None:
    Clip.objects.update(facts=FACTS | {"plays_in_browsers": False}, preview_due_since=timezone.now())
    generation = made(team, Clip.objects.get(), Status.SUCCEEDED)
    Generation.objects.update(video_preview=generation.video.name)
    html = page(alice, generation)
    assert len(Elements(html).having("data-locked")) == 1
    assert "A preview is being made" in html
    assert "The download keeps the original picture" in html
    (root,) = Elements(html).having("data-generation")
    assert root["data-live"]
    stamp = alice.get(address(generation, "generation-live")).headers["ETag"]
    Clip.objects.update(preview=generation.video.name, preview_due_since=None)
    response = alice.get(address(generation, "generation-live"), headers={"If-None-Match": stamp})
    assert response.status_code == 200
    elements = Elements(response.content.decode())
    assert len(elements.having("data-locked")) == 2
    assert "data-live" not in elements.having("data-generation")[0]


def test_a_clip_of_which_no_preview_can_be_made_is_not_waited_for(alice: Client, team: Team, clip: Clip) -> None:
    Clip.objects.update(facts=FACTS | {"plays_in_browsers": False})
    html = page(alice, made(team, Clip.objects.get(), Status.SUCCEEDED))
    assert "Browsers can’t play this format." in html
    assert "data-live" not in Elements(html).having("data-generation")[0]


def test_a_failure_is_one_sentence_with_a_way_on(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.FAILED, error="The sound engine can’t be reached. Try again in a moment.")
    html = page(alice, generation)
    assert "The sound engine can’t be reached. Try again in a moment." in html
    (button,) = Elements(html).having("form")
    assert (button["form"], button["name"], button["value"]) == ("take", "seed", "same")
    assert f"{reverse('studio')}?from={generation.public_id}" in html


def test_a_cancelled_generation_offers_to_start_it_again(alice: Client, team: Team, clip: Clip) -> None:
    html = page(alice, made(team, clip, Status.CANCELLED))
    assert "Try again" in html
    assert "Cancelled" in html


def test_the_settings_show_the_effective_duration_and_the_seed(alice: Client, team: Team, clip: Clip) -> None:
    html = page(alice, made(team, clip, Status.SUCCEEDED, prompt_strength=4.5, quality_steps=30))
    for label in (
        "Prompt", "Duration", "Quality Steps", "Prompt Strength", "Focus on Subject", "Seed",
    ):  # fmt: skip
        assert f"<dt>{label}</dt>" in html
    assert "clip 0.5 s" in html


# Refresh


def test_a_refresh_is_the_same_fragment_as_in_the_page(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.FAILED, error="No.")
    fragment = page(alice, generation, "generation-live")
    assert fragment.strip().startswith("<article")
    assert fragment.strip() in page(alice, generation)


def test_a_refresh_answers_304_until_something_changes(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.RUNNING, stage=Stage.PREPARING, progress=2)
    url = address(generation, "generation-live")
    stamp = alice.get(url).headers["ETag"]
    unchanged = alice.get(url, headers={"If-None-Match": stamp})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", stamp)
    changes: list[dict[str, Any]] = [
        {"progress": 10},
        {"message": "Looking"},
        {"stage": Stage.GENERATING},
        {"cancel_requested": True},
        {"status": Status.CANCELLED},
    ]
    for change in changes:
        Generation.objects.update(**change)
        changed = alice.get(url, headers={"If-None-Match": stamp})
        assert changed.status_code == 200, change
        assert changed.headers["ETag"] != stamp
        stamp = changed.headers["ETag"]


def test_the_page_carries_the_stamp_its_first_refresh_asks_with(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.QUEUED)
    (root,) = Elements(page(alice, generation)).having("data-generation")
    stamp = str(root["data-version"])
    assert alice.get(address(generation, "generation-live"), headers={"If-None-Match": stamp}).status_code == 304


# What people and engines write


def test_hostile_words_are_shown_and_never_run(alice: Client, team: Team, clip: Clip) -> None:
    Clip.objects.update(name=HOSTILE)
    generation = made(
        team,
        Clip.objects.get(),
        Status.SUCCEEDED,
        prompt=HOSTILE,
        negative_prompt=HOSTILE,
        notes=[HOSTILE],
        understood={"summary": HOSTILE, "unknown": [HOSTILE], "layers": [{"words": HOSTILE, "family": HOSTILE}]},
        events=[{"time": 0.1, "kind": HOSTILE}],
    )
    html = page(alice, generation)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    scripts = [attributes for tag, attributes in Elements(html).all if tag == "script"]
    assert all(attributes.get("src") for attributes in scripts)
    assert "{{ 7|add:7 }}" in html


def test_events_without_a_time_are_left_out(alice: Client, team: Team, clip: Clip) -> None:
    events = [{"time": "soon"}, {"strength": 1.0}, {"time": -1.0}, {"time": None}, {"time": 0.2, "x": 9, "size": "?"}]
    elements = Elements(page(alice, made(team, clip, Status.SUCCEEDED, events=events)))
    (mark,) = elements.having("data-event")
    assert (mark["data-x"], mark["data-size"]) == ("1.000", "0.000")


def test_what_was_understood_and_what_was_not_is_told(alice: Client, team: Team) -> None:
    understood = {
        "summary": "Heard: rain.",
        "layers": [{"words": "rain", "family": "rain", "role": "ambient", "material": "metal"}],
        "room": "outdoors",
        "excluded": ["wind"],
        "unknown": ["flumph"],
        "suggestions": {"flumph": ["heavy rain"]},
        "notes": ["Nothing here makes music."],
        "voice_likeness": 0.62,
        "music_likeness": 0,
        "licence": "CC-BY-NC 4.0 (somebody's weights)",
    }
    html = page(alice, made(team, None, Status.SUCCEEDED, understood=understood))
    for words in ("<q>rain</q>", "rain · metal", "outdoors", "wind", "<q>flumph</q>", "heavy rain", "makes music."):
        assert words in html
    for label, share in (("Like a voice", "62 %"), ("Like music", "0 %")):
        assert f'<dt>{label}</dt><dd class="number">{share}</dd>' in html
    assert "<strong>Not cleared for commercial use.</strong> CC-BY-NC 4.0 (somebody&#x27;s weights)" in html


@pytest.mark.parametrize(
    "said",
    [
        {"layers": None, "unknown": "flumph", "suggestions": ["rain"]},
        {"layers": "rain", "unknown": ["flumph", 3, None], "voice_likeness": "much", "music_likeness": 7},
        {"layers": [3, None], "room": 7, "unknown": ["flumph"], "suggestions": {"flumph": None}},
    ],
)
def test_an_understanding_of_another_shape_is_read_as_far_as_it_goes(said: dict[str, Any]) -> None:
    understanding = Understanding.of(said)
    assert (understanding.layers, understanding.room, understanding.likenesses) == ([], "", [])
    assert [unknown.words for unknown in understanding.unknown] == ["flumph"]


# Taking and cancelling


def test_another_take_is_the_same_request_with_another_seed(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.SUCCEEDED, negative_prompt="music", quality_steps=40, focus_on_subject=True)
    response = alice.post(address(generation, "generation-take"), {"seed": "new"})
    take = Generation.objects.exclude(pk=generation.pk).get()
    assert (response.status_code, response.headers["Location"]) == (302, address(take))
    assert take.seed != generation.seed
    for name in ("clip", "prompt", "negative_prompt", "duration", "quality_steps", "prompt_strength"):
        assert getattr(take, name) == getattr(generation, name)
    assert take.focus_on_subject
    assert take.status == Status.QUEUED


def test_trying_again_keeps_the_seed_too(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.FAILED, error="No.")
    alice.post(address(generation, "generation-take"), {"seed": "same"})
    assert Generation.objects.exclude(pk=generation.pk).get().seed == generation.seed


def test_a_take_without_a_word_about_the_seed_is_refused(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.FAILED)
    assert alice.post(address(generation, "generation-take")).status_code == 400
    assert Generation.objects.count() == 1


def test_a_queued_generation_is_cancelled_at_once(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.QUEUED)
    response = alice.post(address(generation, "generation-cancel"))
    assert response.headers["Location"] == address(generation)
    generation.refresh_from_db()
    assert generation.status == Status.CANCELLED


def test_a_running_generation_is_asked_to_stop_and_says_so(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.RUNNING, stage=Stage.GENERATING, progress=30)
    alice.post(address(generation, "generation-cancel"))
    generation.refresh_from_db()
    assert (generation.status, generation.cancel_requested) == (Status.RUNNING, True)
    assert "Cancelling…" in page(alice, generation)


def test_cancelling_what_is_finished_changes_nothing(alice: Client, team: Team, clip: Clip) -> None:
    generation = made(team, clip, Status.SUCCEEDED)
    assert alice.post(address(generation, "generation-cancel")).status_code == 302
    generation.refresh_from_db()
    assert (generation.status, generation.cancel_requested) == (Status.SUCCEEDED, False)


# Who may


@pytest.mark.parametrize("status", list(Status))
def test_a_viewer_sees_everything_and_is_offered_nothing_to_create(
    victor: Client, team: Team, clip: Clip, status: Status
) -> None:
    stage = Stage.GENERATING if status == Status.RUNNING else ""
    html = page(victor, made(team, clip, status, stage=stage))
    assert buttons(html) == set()
    assert "?from=" not in html


@pytest.mark.parametrize("name", ["generation-take", "generation-cancel"])
def test_a_viewer_may_not_create_or_cancel(victor: Client, team: Team, clip: Clip, name: str) -> None:
    generation = made(team, clip, Status.QUEUED)
    assert victor.post(address(generation, name), {"seed": "new"}).status_code == 403
    generation.refresh_from_db()
    assert generation.status == Status.QUEUED
    assert Generation.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("get", "generation"),
        ("get", "generation-live"),
        ("post", "generation-take"),
        ("post", "generation-cancel"),
    ],
)
def test_a_stranger_gets_the_same_404_as_for_what_never_was(
    charlie: Client, team: Team, clip: Clip, method: str, name: str
) -> None:
    generation = made(team, clip, Status.QUEUED)
    there = getattr(charlie, method)(address(generation, name), {"seed": "new"})
    nowhere = getattr(charlie, method)(reverse(name, args=["gen_nowhere"]), {"seed": "new"})
    assert there.status_code == nowhere.status_code == 404
    generation.refresh_from_db()
    assert generation.status == Status.QUEUED


@pytest.mark.parametrize("name", ["generation", "generation-live"])
def test_without_signing_in_nothing_is_seen(alice: Client, team: Team, clip: Clip, name: str) -> None:
    response = Client().get(address(made(team, clip, Status.QUEUED), name))
    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(
    ("method", "name"), [("post", "generation"), ("post", "generation-live"), ("get", "generation-take")]
)
def test_the_wrong_method_is_refused(alice: Client, team: Team, clip: Clip, method: str, name: str) -> None:
    assert getattr(alice, method)(address(made(team, clip, Status.QUEUED), name)).status_code == 405
