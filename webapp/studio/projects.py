"""Projects: their list, one of them with what is in it, and moving clips and generations between them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import InvalidPage, Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs import projects
from jobs.models import Clip, Generation, Project
from webapp.accounts.access import TeamRequest, needs, project_of
from webapp.accounts.models import Team
from webapp.accounts.permissions import Action
from webapp.fields import NameField, RenameForm
from webapp.studio.clips import RECENT, facts
from webapp.studio.history import GENERATIONS_PER_PAGE, listed
from webapp.studio.selection import onward, selected


def name_field() -> NameField:
    return NameField("Project name", missing="Give the project a name.")


class ProjectForm(forms.Form):
    name = name_field()


def open_projects(team: Team) -> QuerySet[Project]:
    """Those into which something can be put, by name."""
    return Project.objects.filter(team=team, archived_at=None).order_by("name")


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Action.LOOK)
def index(request: TeamRequest) -> HttpResponse:
    """`GET /projects/`; `POST` with `name` makes one."""
    if request.method == "POST":
        return _make(request)
    return _index(request, ProjectForm())


@needs(Action.ORGANISE)
def _make(request: TeamRequest) -> HttpResponse:
    form = ProjectForm(request.POST)
    if form.is_valid():
        try:
            project = projects.make(request.team, request.user, form.cleaned_data["name"])
        except projects.NameTaken as taken:
            form.add_error("name", str(taken))
        else:
            return redirect("project", project.public_id)
    return _index(request, form, status=422)


def _index(request: TeamRequest, form: ProjectForm, status: int = 200) -> HttpResponse:
    def counted(model: type[Clip | Generation]) -> Subquery:
        within = model.objects.filter(project=OuterRef("pk")).order_by().values("project")
        return Subquery(within.annotate(count=Count("pk")).values("count"))

    latest = (
        Clip.objects.filter(project=OuterRef("pk"), media_gone_at=None)
        .order_by("-created_at", "-id")
        .values("public_id")
    )
    found = Project.objects.filter(team=request.team).order_by("name")
    found = found.annotate(clip_count=counted(Clip), generation_count=counted(Generation), latest=latest[:1])
    context = {
        "form": form,
        "projects": [project for project in found if not project.archived_at],
        "archived": [project for project in found if project.archived_at],
    }
    return render(request, "projects/index.html", context, status=status)


@require_safe
def project(request: TeamRequest, project_id: str) -> HttpResponse:
    """`GET /projects/<id>/?page=2`: its clips, and its generations as the history lists them."""
    return _project(request, project_of(request, project_id))


def _project(request: TeamRequest, shown: Project, form: RenameForm | None = None, status: int = 200) -> HttpResponse:
    generations = listed().filter(project=shown).order_by("-created_at", "-id")
    try:
        page = Paginator(generations, GENERATIONS_PER_PAGE).page(request.GET.get("page", 1))
    except InvalidPage:
        raise Http404("There is no such page of the project.") from None
    clips = Clip.objects.filter(project=shown).order_by("-created_at", "-id")
    context: dict[str, Any] = {
        "project": shown,
        "form": form or RenameForm(name_field(), shown.name),
        "clips": [facts(clip) for clip in clips[:RECENT]],
        "clip_count": clips.count(),
        "page": page,
        "page_numbers": page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
    }
    return render(request, "projects/project.html", context, status=status)


@require_POST
def rename(request: TeamRequest, project_id: str) -> HttpResponse:
    """`POST /projects/<id>/rename/` with `name`, and `seen`, the one before."""
    renamed = project_of(request, project_id, Action.ORGANISE)
    form = RenameForm(name_field(), renamed.name, request.POST)
    if form.is_valid():
        try:
            projects.rename(renamed, request.user, form.cleaned_data["name"])
        except projects.NameTaken as taken:
            form.add_error("name", str(taken))
        else:
            messages.success(request, f"The project is called {renamed.name} now.")
            return redirect("project", renamed.public_id)
    return _project(request, renamed, form, status=422)


@require_POST
def archive(request: TeamRequest, project_id: str) -> HttpResponse:
    """`POST /projects/<id>/archive/`; it is undone by restoring, so nothing is asked first."""
    archived = project_of(request, project_id, Action.ORGANISE)
    projects.archive(archived, request.user)
    messages.success(request, f"{archived.name} is archived: what is in it stays, and nothing new is put into it.")
    return redirect("project", archived.public_id)


@require_POST
def restore(request: TeamRequest, project_id: str) -> HttpResponse:
    """`POST /projects/<id>/restore/`"""
    restored = project_of(request, project_id, Action.ORGANISE)
    projects.restore(restored, request.user)
    messages.success(request, f"{restored.name} takes in new things again.")
    return redirect("project", restored.public_id)


@require_POST
@needs(Action.ORGANISE)
def move(request: TeamRequest) -> HttpResponse:
    """`POST /projects/move/` with `clip`, `generation` and `project`, "" for none; then to `next`, or the projects."""
    chosen, wanted = selected(request), request.POST.get("project", "")
    to = open_projects(request.team).filter(public_id=wanted).first() if wanted else None
    if wanted and to is None:
        messages.error(request, "This project is archived or gone, so nothing was moved. Choose another one.")
    elif not chosen:
        messages.error(request, "Nothing was chosen, so nothing was moved.")
    else:
        projects.move(request.team, request.user, to, chosen.clips, chosen.generations)
        messages.success(request, f"Moved to {to.name}: {chosen}." if to else f"In no project now: {chosen}.")
    return onward(request, "projects")
