"""The studio's form through its address: what is taken, what is said about what is not, and that nothing is lost."""

from __future__ import annotations

import html as html_text
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from jobs.media.sample import SAMPLE_PROMPT
from jobs.models import Clip, Generation
from tests.webapp.conftest import Elements, member
from webapp.accounts.models import Role, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

DEFAULTS = {"duration": "8.0", "quality_steps": "25", "prompt_strength": "4.5", "seed": "", "negative_prompt": ""}
TEXT = {"mode": "text", "prompt": "Rain on a tin roof", **DEFAULTS}


def send(client: Client, **fields: Any) -> HttpResponse:
    response: HttpResponse = client.post(reverse("studio"), fields)  # type: ignore[assignment]
    return response


def asked(client: Client, **fields: Any) -> Generation:
    """The generation that the form made."""
    response = send(client, **fields)
    assert response.status_code == 302, errors(response)
    generation = Generation.objects.latest("id")
    assert response.headers["Location"] == reverse("generation", args=[generation.public_id])
    return generation


def errors(response: HttpResponse) -> str:
    return str({name: list(said) for name, said in response.context["form"].errors.items()})  # type: ignore[attr-defined]


def refused(response: HttpResponse, field: str, sentence: str) -> Elements:
    """The form came back with `sentence` at `field`, tied to it for a screen reader; nothing was asked for."""
    assert response.status_code == 422
    page = html_text.unescape(response.content.decode())
    assert sentence in page
    elements = Elements(response.content.decode())
    control = elements.identified(f"id_{field}")
    assert control["aria-invalid"] == "true"
    assert f"id_{field}_error" in str(control["aria-describedby"]).split()
    elements.identified(f"id_{field}_error")
    assert not Generation.objects.exists()
    return elements


# What the form is like


def test_the_form_opens_with_the_defaults_and_says_the_ranges(alice: Client) -> None:
    elements = Elements(alice.get(reverse("studio")).content.decode())
    expected = {
        "duration": ("8.0", "1", "30"),
        "quality_steps": ("25", "4", "50"),
        "prompt_strength": ("4.5", "1", "20"),
        "seed": (None, "0", "65535"),
    }
    for name, (value, least, most) in expected.items():
        control = elements.identified(f"id_{name}")
        assert (control.get("value"), control["min"], control["max"]) == (value, least, most), name
    assert "checked" not in elements.identified("id_focus_on_subject")
    assert [choice["value"] for choice in elements.having("checked")] == ["video"]


def test_the_form_is_filled_in_from_an_earlier_generation(
    alice: Client, stored: Clip, ask: Callable[..., Generation]
) -> None:
    earlier = ask(
        stored, negative_prompt="music", duration=3.5, quality_steps=40, prompt_strength=7.5, focus_on_subject=True
    )
    response = alice.get(reverse("studio"), {"from": earlier.public_id})
    elements = Elements(response.content.decode())
    values = {name: elements.identified(f"id_{name}").get("value") for name in (*DEFAULTS, "clip")}
    assert values | {"negative_prompt": None} == {
        "duration": "3.5", "quality_steps": "40", "prompt_strength": "7.5", "seed": "7", "negative_prompt": None,
        "clip": stored.public_id,
    }  # fmt: skip
    assert "checked" in elements.identified("id_focus_on_subject")
    for words in ("Knocks on wood", "music", "ball.mp4"):
        assert words in response.content.decode()


def test_text_to_audio_comes_back_as_text_to_audio(alice: Client, ask: Callable[..., Generation]) -> None:
    elements = Elements(alice.get(reverse("studio"), {"from": ask().public_id}).content.decode())
    assert [choice["value"] for choice in elements.having("checked")] == ["text"]


# What is taken


def test_every_parameter_arrives(alice: Client, stored: Clip) -> None:
    generation = asked(
        alice, mode="video", clip=stored.public_id, prompt="  Knocks on wood\n", negative_prompt="music",
        duration="1.2", quality_steps="50", prompt_strength="20", focus_on_subject="on", seed="65535",
    )  # fmt: skip
    assert (generation.clip, generation.prompt, generation.negative_prompt) == (stored, "Knocks on wood", "music")
    assert (generation.duration, generation.effective_duration) == (1.2, 1.2)
    assert (generation.quality_steps, generation.prompt_strength, generation.seed) == (50, 20.0, 65535)
    assert generation.focus_on_subject
    assert (generation.status, generation.created_by, generation.team) == ("queued", User.objects.get(), stored.team)


def test_a_duration_beyond_the_clip_means_the_whole_clip(alice: Client, stored: Clip) -> None:
    generation = asked(alice, **TEXT | {"mode": "video", "clip": stored.public_id, "duration": "30"})
    assert (generation.duration, generation.effective_duration) == (30.0, stored.duration)


def test_an_empty_seed_is_drawn_and_stored(alice: Client) -> None:
    seeds = {asked(alice, **TEXT).seed for _ in range(4)}
    assert len(seeds) > 1
    assert all(0 <= seed <= 65535 for seed in seeds)


def test_the_seed_zero_is_a_seed(alice: Client) -> None:
    assert asked(alice, **TEXT | {"seed": "0"}).seed == 0


def test_an_upload_comes_with_the_form(alice: Client, ball: Path) -> None:
    with ball.open("rb") as file:
        generation = asked(alice, **TEXT | {"mode": "video", "upload": file})
    assert generation.clip is not None
    assert generation.clip.name == "ball.mp4"
    assert generation.clip.duration == pytest.approx(1.5)


def test_an_upload_goes_before_the_clip_chosen_earlier(alice: Client, stored: Clip, ball: Path) -> None:
    with ball.open("rb") as file:
        generation = asked(alice, **TEXT | {"mode": "video", "clip": "asset_old", "upload": file})
    assert generation.clip == stored  # the same file: known already


def test_text_to_audio_takes_no_notice_of_the_clip(alice: Client, stored: Clip) -> None:
    assert asked(alice, **TEXT | {"clip": stored.public_id}).clip is None
    assert asked(alice, **TEXT | {"clip": "asset_nobody"}).clip is None


def test_an_asset_id_with_blanks_around_it_is_known(alice: Client, stored: Clip) -> None:
    assert asked(alice, **TEXT | {"mode": "video", "clip": f" {stored.public_id}\n"}).clip == stored


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("duration", ("1", "30", "2.75")),
        ("quality_steps", ("4", "50")),
        ("prompt_strength", ("1", "20")),
        ("prompt", ("x" * 2000,)),
    ],
)
def test_the_ends_of_the_ranges_are_in_them(alice: Client, name: str, values: tuple[str, ...]) -> None:
    for value in values:
        assert str(getattr(asked(alice, **TEXT | {name: value}), name)).removesuffix(".0") == value


def test_the_end_of_a_line_is_one_character(alice: Client) -> None:
    assert asked(alice, **TEXT | {"prompt": "Rain\r\n" * 399 + "Wind!"}).prompt == "Rain\n" * 399 + "Wind!"


# What is not


@pytest.mark.parametrize(
    ("name", "sentence", "values"),
    [
        ("duration", "Enter a number from 1 to 30.", ("0.99", "30.01", "-8", "0", "", "long", "NaN", "inf", "1e400")),
        ("quality_steps", "Enter a number from 4 to 50.", ("3", "51", "25.5", "", "NaN", "many", "9" * 400)),
        ("prompt_strength", "Enter a number from 1 to 20.", ("0.9", "20.1", "", "NaN", "-inf", "4,5 or so")),
        ("seed", "Enter a number from 0 to 65535.", ("-1", "65536", "1.5", "NaN", "x", "9" * 400)),
        ("prompt", "Describe the sound you want to hear.", ("", "   ", "\n\t")),
        ("prompt", "Use at most 2000 characters; these are 2001.", ("x" * 2001,)),
        ("negative_prompt", "Use at most 2000 characters; these are 2001.", ("x" * 2001,)),
    ],
)
def test_what_is_out_of_range_or_of_the_wrong_kind_is_said_at_its_field(
    alice: Client, name: str, sentence: str, values: tuple[str, ...]
) -> None:
    for value in values:
        elements = refused(send(alice, **TEXT | {name: value}), name, sentence)
        if name not in ("prompt", "negative_prompt"):
            assert elements.identified(f"id_{name}").get("value", "") == value


@pytest.mark.parametrize("missing", ["duration", "quality_steps", "prompt_strength", "prompt"])
def test_a_missing_field_is_no_default(alice: Client, missing: str) -> None:
    fields = {name: value for name, value in TEXT.items() if name != missing}
    assert send(alice, **fields).status_code == 422


def test_an_unknown_mode_is_refused(alice: Client) -> None:
    assert send(alice, **TEXT | {"mode": "dance"}).status_code == 422
    assert not Generation.objects.exists()


def test_video_to_audio_needs_a_clip(alice: Client) -> None:
    response = send(alice, **TEXT | {"mode": "video"})
    assert response.status_code == 422
    assert "Choose a clip, or switch to Text to audio." in response.content.decode()


@pytest.mark.parametrize("whose", ["nobody's", "another team's"])
def test_a_clip_the_team_has_not_is_unknown(charlie: Client, stored: Clip, whose: str) -> None:
    clip_id = stored.public_id if whose == "another team's" else "asset_AAAAAAAAAAAAAAAAAAAAAA"
    response = send(charlie, **TEXT | {"mode": "video", "clip": clip_id})
    assert response.status_code == 422
    assert "Your team has no clip with this asset ID." in response.content.decode()
    assert "ball.mp4" not in response.content.decode()
    assert not Generation.objects.exists()


def test_a_refused_upload_is_said_and_the_words_stay(alice: Client, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("Not a picture in sight.")
    with path.open("rb") as file:
        response = send(alice, **TEXT | {"mode": "video", "upload": file})
    assert response.status_code == 422
    html = response.content.decode()
    assert "This is not a video." in html
    assert "Rain on a tin roof" in html
    assert not Clip.objects.exists()


def test_an_error_keeps_everything_that_was_entered_the_uploaded_clip_too(alice: Client, ball: Path) -> None:
    with ball.open("rb") as file:
        response = send(
            alice, mode="video", upload=file, prompt="", negative_prompt="<music>", duration="3", quality_steps="x",
            prompt_strength="9", focus_on_subject="on", seed="12",
        )  # fmt: skip
    elements = refused(response, "prompt", "Describe the sound you want to hear.")
    clip = Clip.objects.get()
    kept = {name: elements.identified(f"id_{name}").get("value") for name in DEFAULTS if name != "negative_prompt"}
    assert kept == {"duration": "3", "quality_steps": "x", "prompt_strength": "9", "seed": "12"}
    assert "&lt;music&gt;" in response.content.decode()
    assert "checked" in elements.identified("id_focus_on_subject")
    assert elements.identified("id_clip")["value"] == clip.public_id
    assert elements.having("data-shown")[0]["data-id"] == clip.public_id
    fields = {"mode": "video", "clip": clip.public_id, **DEFAULTS, "prompt": "A ball"}
    assert asked(alice, **fields).clip == clip


# Choosing a clip without scripts


def choose(client: Client, choice: str, **fields: Any) -> Elements:
    response = client.post(reverse("studio"), TEXT | {"mode": "video", "prompt": "A ball", "choose": choice} | fields)
    assert response.status_code == 200
    assert "A ball" in response.content.decode()
    assert not Generation.objects.exists()
    return Elements(response.content.decode())


def test_a_recent_clip_is_chosen_and_put_away(alice: Client, stored: Clip) -> None:
    offered = Elements(alice.get(reverse("studio")).content.decode()).having("name")
    assert ("choose", stored.public_id) in {(button["name"], button.get("value")) for button in offered}
    assert choose(alice, stored.public_id).identified("id_clip")["value"] == stored.public_id
    assert choose(alice, "entered", clip=stored.public_id).having("data-shown")[0]["data-id"] == stored.public_id
    assert not choose(alice, "none", clip=stored.public_id).identified("id_clip").get("value")


def test_an_unknown_clip_is_said_when_it_is_chosen(alice: Client) -> None:
    response = alice.post(reverse("studio"), TEXT | {"choose": "entered", "clip": "asset_x"})
    assert "Your team has no clip with this asset ID." in response.content.decode()


def test_the_sample_is_made_and_brings_its_prompt_where_there_is_none(alice: Client) -> None:
    response = alice.post(reverse("studio"), TEXT | {"prompt": "", "choose": "sample"})
    clip = Clip.objects.get()
    assert clip.name == "Soundstage sample.mp4"
    assert Elements(response.content.decode()).identified("id_clip")["value"] == clip.public_id
    assert SAMPLE_PROMPT in html_text.unescape(response.content.decode())
    choose(alice, "sample")  # the words that are there stay
    assert Clip.objects.count() == 1


def test_the_recent_clips_are_the_teams_newest_first(team: Team, charlie: Client, stored: Clip) -> None:
    dora = member(team, "dora", Role.MEMBER)
    assert "ball.mp4" in dora.get("/").content.decode()
    assert "ball.mp4" not in charlie.get("/").content.decode()
