"""What is asked for in the studio: a clip or none, the seven parameters, and who makes the sound."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Field

from jobs import intake, retention
from jobs.backends import registry
from jobs.media.errors import MediaError
from jobs.models import Clip, Generation, Project
from webapp import backends
from webapp.accounts.models import Team, User
from webapp.studio.projects import open_projects

VIDEO, TEXT = "video", "text"
MODES = [(VIDEO, "Video to audio"), (TEXT, "Text to audio")]
PARAMETERS = (
    "prompt", "negative_prompt", "duration", "quality_steps", "prompt_strength", "focus_on_subject", "seed",
)  # fmt: skip

# What is wrong with the clip is said in one place on the stage, however the clip was chosen.
CLIP_REFUSAL = "clip-refusal"
NO_CLIP = "Choose a clip, or switch to Text to audio."
UNKNOWN_CLIP = "Your team has no clip with this asset ID. Copy the ID again, or choose the clip itself."
EMPTY_FILE = "The file is empty. Choose another one."
UNKNOWN_BACKEND = "There is no such backend. Choose one of these."
TOO_LONG = "Use at most %(limit_value)d characters; these are %(show_value)d."


def parameter(name: str) -> Field[Any, Any]:
    return cast("Field[Any, Any]", Generation._meta.get_field(name))


def range_of(name: str) -> dict[str, Any]:
    """The model's range and default of a parameter, as arguments of its form field, with the sentence for misses."""
    validators = parameter(name).validators
    least = max(check.limit_value for check in validators if isinstance(check, MinValueValidator))
    most = min(check.limit_value for check in validators if isinstance(check, MaxValueValidator))
    sentence = f"Enter a number from {least} to {most}."
    return {
        "min_value": least,
        "max_value": most,
        "error_messages": dict.fromkeys(("required", "invalid", "min_value", "max_value"), sentence),
    }


class Words(forms.CharField):
    """Text of several lines; a line's end counts as the one character the browser shows and counts, not as CR LF."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


def words(name: str, rows: int, placeholder: str, **more: Any) -> Words:
    return Words(
        max_length=parameter(name).max_length,
        widget=forms.Textarea({"rows": rows, "placeholder": placeholder}),
        **more,
    )


class GenerationForm(forms.Form):
    """Bound to a POST it also takes the clip in, so that a clip is kept whatever else has to be mended.

    `clip` is the asset ID of a clip the team has already; `upload` a new one, which then becomes `clip`.
    After `is_valid()`, `chosen` is the clip to use, None for text to audio. `backends` is what `backend` chooses among;
    left empty it means the team's default.
    """

    mode = forms.ChoiceField(choices=MODES, initial=VIDEO, widget=forms.RadioSelect)
    upload = forms.FileField(
        label="Clip",
        required=False,
        widget=forms.FileInput(
            {"accept": "video/*,image/gif,.mkv", "aria-describedby": f"id_upload_helptext {CLIP_REFUSAL}"}
        ),
        error_messages={"empty": EMPTY_FILE},
    )
    clip = forms.CharField(
        label="Asset ID",
        required=False,
        widget=forms.TextInput(
            {
                "class": "box",
                "placeholder": "asset_…",
                "autocomplete": "off",
                "spellcheck": "false",
                "aria-describedby": CLIP_REFUSAL,
            }
        ),
    )

    prompt = words(
        "prompt",
        rows=3,
        placeholder="Footsteps on gravel, light wind in the trees",
        label="Prompt",
        help_text="What should be heard: things, materials, places, moods.",
        error_messages={"required": "Describe the sound you want to hear.", "max_length": TOO_LONG},
    )
    negative_prompt = words(
        "negative_prompt",
        rows=2,
        placeholder="music, voices",
        label="Negative Prompt",
        required=False,
        help_text="What must not be heard.",
        error_messages={"max_length": TOO_LONG},
    )
    duration = forms.FloatField(
        label="Duration",
        initial=parameter("duration").default,
        help_text="Seconds of sound. Longer than the clip means the whole clip.",
        widget=forms.NumberInput({"step": "0.1"}),
        **range_of("duration"),
    )
    quality_steps = forms.IntegerField(
        label="Quality Steps",
        initial=parameter("quality_steps").default,
        help_text="More steps sound finer and take longer.",
        widget=forms.NumberInput({"step": "1"}),
        **range_of("quality_steps"),
    )
    prompt_strength = forms.FloatField(
        label="Prompt Strength",
        initial=parameter("prompt_strength").default,
        help_text="Low follows the picture, high holds on to your words.",
        widget=forms.NumberInput({"step": "0.1"}),
        **range_of("prompt_strength"),
    )
    focus_on_subject = forms.BooleanField(
        label="Focus on Subject",
        required=False,
        help_text="Sound for the moving subject alone, whatever the background does.",
    )
    seed = forms.IntegerField(
        label="Seed",
        required=False,
        help_text="The same seed makes the same take again. Leave it empty for a new one.",
        widget=forms.NumberInput({"placeholder": "Random", "step": "1"}),
        **range_of("seed"),
    )
    backend = forms.ChoiceField(
        label="Backend",
        required=False,
        choices=[(name, name) for name in registry.NAMES],
        error_messages={"invalid_choice": UNKNOWN_BACKEND},
    )

    project = forms.ChoiceField(
        label="Project",
        required=False,
        widget=forms.Select({"class": "box"}),
        error_messages={"invalid_choice": "This project is archived or gone. Choose another one."},
    )

    def __init__(self, team: Team, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team, self.user = team, user
        self.chosen: Clip | None = None
        self.backends = backends.choices(team)
        self.projects = list(open_projects(team))
        field = self.fields["project"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "None"), *((project.public_id, project.name) for project in self.projects)]
        # What was taken before may not be ready any more.
        if self.initial.get("backend") not in [choice.name for choice in self.backends if choice.ready]:
            self.initial["backend"] = backends.default_of(team, self.backends)

    def clean_backend(self) -> str:
        name = self.cleaned_data["backend"] or self.initial["backend"]
        (choice,) = [choice for choice in self.backends if choice.name == name]
        if not choice.ready:
            raise forms.ValidationError(choice.refusal)
        return str(name)

    def clean_project(self) -> Project | None:
        wanted = self.cleaned_data["project"]
        return next((project for project in self.projects if project.public_id == wanted), None)

    def clean(self) -> None:
        super().clean()
        if self.cleaned_data.get("mode") == VIDEO and not {"upload", "clip"} & set(self.errors):
            self.chosen = self._take_in_upload() if self.cleaned_data["upload"] else self._find_clip()

    def _take_in_upload(self) -> Clip | None:
        upload = self.cleaned_data["upload"]
        try:
            clip = intake.accept_clip(self.team, self.user, upload, upload.name)
        except MediaError as refusal:
            self.add_error("upload", str(refusal))
            return None
        # What the form shows should something else be wrong.
        self.data = dict(self.data.items()) | {"clip": clip.public_id}
        return clip

    def _find_clip(self) -> Clip | None:
        public_id = self.cleaned_data["clip"]
        clip = Clip.objects.filter(team=self.team, public_id=public_id).first()
        if clip is None and public_id:
            self.add_error("clip", UNKNOWN_CLIP)
        elif clip and clip.media_gone_at:
            self.add_error("clip", retention.upload_again(clip))
        elif clip is None:
            self.add_error("upload", NO_CLIP)
        return clip

    def parameters(self) -> intake.Parameters:
        return intake.Parameters(**{name: self.cleaned_data[name] for name in PARAMETERS})


def initial_of(generation: Generation) -> dict[str, Any]:
    """The form filled in as `generation` was asked for, seed and clip included."""
    clip = generation.clip
    return {
        "mode": VIDEO if clip else TEXT,
        "clip": clip.public_id if clip else "",
        "backend": generation.backend,
        "project": generation.project.public_id if generation.project else "",
        **{name: getattr(generation, name) for name in PARAMETERS},
    }
