"""The foley model: see the clip, understand the prompt, spot the sounds, synthesise and mix them.

What each parameter does here: Prompt and Negative Prompt make the plan (`understand`); Duration is the length; Quality
Steps set the partials, grains and echoes (`Detail`); Prompt Strength weighs the prompt's own level and force against
what the picture shows (`spotting`); Focus on Subject keeps to the movement of the subject that the words point at
(`see`); Seed makes the take.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from engine.foley import rooms
from engine.foley.lexicon import LANGUAGES, lexicon
from engine.foley.render import render
from engine.foley.scene import blank
from engine.foley.see import see
from engine.foley.sound.brief import Detail
from engine.foley.understand import understand
from engine.frames import clip_length
from engine.memory import give_back
from engine.model import BadInput, Parameters, Progress, Sound, part

_SEEN = 0.55  # the share of the work that is looking at the clip


class Foley:
    """Procedural foley: no weights, no GPU. Implements `engine.model.Model`."""

    name = "foley"
    licence = "Part of Soundstage; no third-party weights."
    longest_step = 2.0
    variants = ()

    def load(self) -> Iterator[Progress]:
        """Read the lexicons and build the rooms at the usual quality."""
        yield Progress(0.0, "Reading the lexicons")
        for language in LANGUAGES:
            lexicon(language)
        for name in rooms.ROOMS:
            rooms.impulse_response(name, Detail(Parameters("", 0).quality_steps))

    def generate(self, clip: Path | None, parameters: Parameters) -> Generator[Progress, None, Sound]:
        """See `engine.model.Model.generate`. Raises `BadInput` when the clip can't be read or nothing may sound."""
        if parameters.variant:
            raise BadInput("This engine's model is only one: leave the variant out.")
        plan = understand(parameters.prompt, parameters.negative_prompt)
        if plan.refused and not plan.layers:
            raise BadInput("The negative prompt rules out everything the prompt asks for. Take something out of it.")
        if clip is None:
            seconds, start = parameters.duration, 0.0
            scene = blank(seconds)
        else:
            yield Progress(0.0, "Opening the clip")
            seconds, start = min(parameters.duration, clip_length(clip)), _SEEN
            seeing = see(clip, seconds, plan.pointer if parameters.focus_on_subject else None)
            scene = yield from part(seeing, 0.0, _SEEN)
            give_back()
        return (yield from part(render(scene, plan, parameters, seconds, clip is not None), start, 1.0))
