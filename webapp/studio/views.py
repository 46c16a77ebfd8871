"""The studio, where sound is asked for."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs import intake, previews, retention
from jobs.limits import LimitReached
from jobs.media.errors import MediaError
from jobs.media.sample import SAMPLE_PROMPT
from jobs.models import Clip, Project
from webapp.accounts.access import TeamRequest, clip_of, generation_of, needs
from webapp.accounts.permissions import Action
from webapp.backends import Choice, cost
from webapp.studio.clips import facts, recent
from webapp.studio.forms import UNKNOWN_CLIP, VIDEO, GenerationForm, initial_of


@require_http_methods(["GET", "HEAD", "POST"])
def studio(request: TeamRequest) -> HttpResponse:
    """`GET /`, with `?from=gen_…` to start from an earlier generation or `?clip=asset_…`; `POST /` asks for sound."""
    if request.method == "POST":
        return choose(request) if "choose" in request.POST else ask(request)
    initial: dict[str, Any]
    if earlier := request.GET.get("from"):
        initial = initial_of(generation_of(request, earlier))
    elif wanted := request.GET.get("clip"):
        clip = clip_of(request, wanted)
        initial = {"clip": wanted, "project": clip.project.public_id if clip.project else _last_project(request)}
    else:
        initial = {"project": _last_project(request)}
    return _studio(request, GenerationForm(request.team, request.user, initial=initial))


@needs(Action.CREATE)
def ask(request: TeamRequest) -> HttpResponse:
    """A generation, and its page; or the form again, with what has to be mended."""
    form = GenerationForm(request.team, request.user, request.POST, request.FILES)
    if not form.is_valid():
        return _studio(request, form, status=422)
    try:
        generation = intake.accept_generation(
            request.team,
            request.user,
            form.chosen,
            form.parameters(),
            backend=form.cleaned_data["backend"],
            project=form.cleaned_data["project"],
        )
    except LimitReached as limit:
        form.add_error("backend", str(limit))
        return _studio(request, form, status=422)
    _remember_project(request, generation.project)
    return redirect("generation", generation.public_id)


def _remember_project(request: TeamRequest, project: Project | None) -> None:
    """The next sound in this team goes where the last one went, unless another project is chosen."""
    public_id = project.public_id if project else ""
    if public_id != _last_project(request):
        request.session[f"project:{request.team.public_id}"] = public_id


def _last_project(request: TeamRequest) -> str:
    return str(request.session.get(f"project:{request.team.public_id}", ""))


@needs(Action.CREATE)
def choose(request: TeamRequest) -> HttpResponse:
    """The form as it was sent, with another clip: `choose` is an asset ID, `sample`, `none` or `entered`.

    What the studio's scripts do without leaving the page.
    """
    entered: dict[str, Any] = request.POST.dict()
    choice = entered["choose"]
    refusal = ""
    if choice == "sample":
        try:
            entered["clip"] = intake.accept_sample(request.team, request.user).public_id
            entered["prompt"] = entered.get("prompt") or SAMPLE_PROMPT
        except MediaError as error:
            refusal = str(error)
    elif choice != "entered":
        entered["clip"] = "" if choice == "none" else choice
    return _studio(request, GenerationForm(request.team, request.user, initial=entered), refusal)


def _studio(request: TeamRequest, form: GenerationForm, refusal: str = "", status: int = 200) -> HttpResponse:
    clip_id = form["clip"].value()
    clip = Clip.objects.filter(team=request.team, public_id=clip_id).first() if clip_id else None
    offers = _offers(form, clip)
    chosen = next(((choice, cost) for choice, cost in offers if choice.name == form["backend"].value()), offers[0])
    refusal = refusal or " ".join([*form["upload"].errors, *form["clip"].errors])
    if clip_id and not clip:
        refusal = refusal or UNKNOWN_CLIP
    elif clip and clip.media_gone_at:
        refusal, clip = refusal or retention.upload_again(clip), None
    if clip:
        previews.make_again(clip)
    context = {
        "form": form,
        "clip": facts(clip) if clip else None,
        "refusal": refusal,
        "unknown_clip": UNKNOWN_CLIP,
        "recent": recent(request.team),
        "offers": offers,
        "chosen": chosen,
        # With one backend there is nothing to choose, only to know.
        "several": bool(form["backend"].errors) or sum(choice.ready for choice, _ in offers) > 1,
        "max_bytes": settings.MAX_UPLOAD_BYTES,
        "max_megabytes": settings.MAX_UPLOAD_BYTES // (1024 * 1024),
        "max_minutes": settings.MAX_CLIP_SECONDS // 60,
    }
    return render(request, "studio/studio.html", context, status=status)


def _offers(form: GenerationForm, clip: Clip | None) -> list[tuple[Choice, str]]:
    """Each backend with what the form as it stands costs there; a duration that is no number counts as the default."""
    duration = form.fields["duration"]
    try:
        seconds = duration.clean(form["duration"].value())
    except ValidationError:
        seconds = duration.initial
    seen = clip if form["mode"].value() == VIDEO else None
    return [(choice, cost(choice.name, seconds, seen)) for choice in form.backends]


@require_POST
@needs(Action.CREATE)
def upload_clip(request: TeamRequest) -> HttpResponse:
    """`POST /clips/` with the file as `upload`: its facts (201), or a sentence why it is refused (422)."""
    upload = request.FILES.get("upload")
    if upload is None:
        return JsonResponse({"error": "No file arrived. Choose the clip again."}, status=422)
    try:
        clip = intake.accept_clip(request.team, request.user, upload, upload.name or "")
    except MediaError as refusal:
        return JsonResponse({"error": str(refusal)}, status=422)
    return JsonResponse(facts(clip), status=201)


@require_POST
@needs(Action.CREATE)
def sample_clip(request: TeamRequest) -> HttpResponse:
    """`POST /clips/sample/`: makes the sample clip; its facts, with a `prompt` that suits it."""
    try:
        clip = intake.accept_sample(request.team, request.user)
    except MediaError as refusal:
        return JsonResponse({"error": str(refusal)}, status=422)
    return JsonResponse({**facts(clip), "prompt": SAMPLE_PROMPT}, status=201)


@require_safe
def clip_facts(request: TeamRequest, clip_id: str) -> HttpResponse:
    """`GET /clips/<id>/facts/`; the studio asks again until `playable_url` is there."""
    return JsonResponse(facts(clip_of(request, clip_id)))
