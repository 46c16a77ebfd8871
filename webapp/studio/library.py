"""The library: all the team's sounds and clips, to find, hear and put in order.

The whole state of the page is in its address. More of a list is asked for by the last thing shown (`after`), so that
a page costs the same however far down it is; `shown` says how many pages the browser has, so that Back finds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import zipstream
from django import forms
from django.contrib import messages
from django.core.files.storage import Storage
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from jobs import search, tags
from jobs.backends import registry
from jobs.models import Clip, Generation, Project, Status, Tag
from webapp.accounts.access import TeamRequest, needs
from webapp.accounts.models import Team, User
from webapp.accounts.permissions import Action
from webapp.media import download_name
from webapp.studio.forms import MODES, TEXT, VIDEO
from webapp.studio.history import listed
from webapp.studio.projects import open_projects
from webapp.studio.selection import onward, selected
from webapp.studio.tags import suggested

PER_PAGE = 24
MOST_PAGES = 25  # that a single address asks for at once
MOST_COUNTED = 1000
CHUNK_BYTES = 256 * 1024
NAME_BYTES = 230

SOUNDS, CLIPS = "sounds", "clips"
KINDS = [(SOUNDS, "Sounds"), (CLIPS, "Clips")]
GRID, LIST = "grid", "list"
VIEWS = [(GRID, "Grid"), (LIST, "List")]
SORTS = [(name, f"{name.capitalize()} first") for name in ("newest", "oldest", "longest", "shortest")]
HAPPENED = {"newest", "oldest"}
DESCENDING = {"newest", "longest"}


class Filters(forms.Form):
    """What the address asks for. A part that makes no sense is told beside its field, and left out."""

    q = forms.CharField(label="Search", required=False, max_length=200)
    kind = forms.ChoiceField(choices=KINDS, required=False)
    project = forms.ModelChoiceField(
        Project.objects.none(), required=False, to_field_name="public_id", empty_label="Any"
    )
    tag = forms.ModelChoiceField(Tag.objects.none(), required=False, to_field_name="folded", empty_label="Any")
    person = forms.ModelChoiceField(User.objects.none(), label="Made by", required=False, empty_label="Anybody")
    mode = forms.ChoiceField(choices=[("", "Any"), *MODES], required=False)
    status = forms.ChoiceField(choices=[("", "Any"), *Status.choices], required=False)
    backend = forms.ChoiceField(required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput({"type": "date"}))
    favourite = forms.BooleanField(label="Favourites only", required=False)
    sort = forms.ChoiceField(choices=SORTS, required=False)
    view = forms.ChoiceField(choices=VIEWS, required=False)

    # Those that apply to sounds alone; they are kept, but clips don't have them.
    OF_SOUNDS = ("mode", "status", "backend", "favourite")
    NARROWING = ("project", "tag", "person", *OF_SOUNDS, "since", "until")

    def __init__(self, data: Any, team: Team) -> None:
        super().__init__(data)
        choices = [("", "Any"), *((name, registry.offer(name).label) for name in registry.NAMES)]
        self.fields["backend"].choices = choices  # type: ignore[attr-defined]
        self.fields["project"].queryset = Project.objects.filter(team=team).order_by("name")  # type: ignore[attr-defined]
        self.fields["tag"].queryset = tags.used(team)  # type: ignore[attr-defined]
        people = User.objects.filter(memberships__team=team).order_by("email")
        self.fields["person"].queryset = people  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            if name != "favourite":
                field.widget.attrs.setdefault("class", "box")
        self.is_valid()

    def value(self, name: str) -> Any:
        return self.cleaned_data.get(name) or ""

    @property
    def chosen_kind(self) -> str:
        return str(self.value("kind") or SOUNDS)

    @property
    def chosen_sort(self) -> str:
        return str(self.value("sort") or "newest")

    @property
    def chosen_view(self) -> str:
        return str(self.value("view") or GRID)

    @property
    def offered(self) -> list[str]:
        """The filters that what is looked for can have."""
        return [name for name in self.NARROWING if self.chosen_kind == SOUNDS or name not in self.OF_SOUNDS]

    @property
    def narrowed(self) -> int:
        """How many filters are set."""
        return sum(bool(self.value(name)) for name in self.offered)


@dataclass(frozen=True)
class Found:
    """A stretch of what was asked for. `count` is how many there are in all, "1000+" beyond that."""

    filters: Filters
    items: list[Any]
    more: bool
    count: str = ""

    @property
    def last(self) -> str:
        return self.items[-1].public_id if self.items else ""


@require_safe
@needs(Action.LOOK)
def library(request: TeamRequest) -> HttpResponse:
    """`GET /library/`, with the fields of `Filters`, and `shown=2` for two pages at once."""
    filters = Filters(request.GET, request.team)
    shown = request.GET.get("shown", "1")
    pages = min(int(shown), MOST_PAGES) if shown.isdecimal() and len(shown) < 4 else 1
    among = _asked(request.team, filters)
    items = list(_sorted(among, filters)[: PER_PAGE * max(1, pages) + 1])
    counted = len(items) if len(items) <= PER_PAGE * pages else among[: MOST_COUNTED + 1].count()
    count = f"{MOST_COUNTED}+" if counted > MOST_COUNTED else str(counted)
    kept = items[: PER_PAGE * max(1, pages)]
    found = Found(filters, kept, len(items) > len(kept), count)
    context = {
        "found": found,
        "filters": filters,
        "choices": [filters[name] for name in ("kind", "sort", "view")],
        "narrowing": [filters[name] for name in filters.offered],
        "projects": open_projects(request.team),
        "known_tags": suggested(request.team),
        "pages": max(1, pages),
    }
    return render(request, "library/library.html", context)


@require_safe
@needs(Action.LOOK)
def more(request: TeamRequest) -> HttpResponse:
    """`GET /library/more/?after=gen_…` with the filters: the next stretch of the list alone."""
    filters = Filters(request.GET, request.team)
    among = _after(_asked(request.team, filters), request.team, filters, request.GET.get("after", ""))
    items = list(_sorted(among, filters)[: PER_PAGE + 1])
    return render(request, "library/_items.html", {"found": Found(filters, items[:PER_PAGE], len(items) > PER_PAGE)})


def _asked(team: Team, filters: Filters) -> QuerySet[Any]:
    """What the filters leave, of the team's sounds or clips."""
    value, words = filters.value, filters.value("q").strip()
    since, until = (_midnight(value(name)) for name in ("since", "until"))
    among: QuerySet[Any]
    if filters.chosen_kind == CLIPS:
        among = Clip.objects.filter(team=team).select_related("uploaded_by", "project")
        by = "uploaded_by"
    else:
        among = listed().filter(team=team).select_related("project")
        by = "created_by"
        among = _of_sounds(among, filters)
    if words:
        named = Q(name__icontains=words) | Q(public_id=words)
        among = among.filter(named if filters.chosen_kind == CLIPS else search.said(words))
    if value("project"):
        among = among.filter(project=value("project"))
    if value("tag"):
        among = among.filter(tags=value("tag"))
    if value("person"):
        among = among.filter(**{by: value("person")})
    if since:
        among = among.filter(created_at__gte=since)
    if until:
        among = among.filter(created_at__lt=until + timedelta(days=1))
    return among.prefetch_related("tags")


def _of_sounds(among: QuerySet[Generation], filters: Filters) -> QuerySet[Generation]:
    value = filters.value
    if value("mode"):
        among = among.filter(clip__isnull={TEXT: True, VIDEO: False}[value("mode")])
    if value("status"):
        among = among.filter(status=value("status"))
    if value("backend"):
        among = among.filter(backend=value("backend"))
    if value("favourite"):
        among = among.filter(favourite=True)
    return among


def _key(filters: Filters) -> str:
    """The column that sorts."""
    if filters.chosen_sort in HAPPENED:
        return "created_at"
    return "duration" if filters.chosen_kind == CLIPS else "effective_duration"


def _sorted(among: QuerySet[Any], filters: Filters) -> QuerySet[Any]:
    sign = "-" if filters.chosen_sort in DESCENDING else ""
    return among.order_by(f"{sign}{_key(filters)}", f"{sign}id")


def _after(among: QuerySet[Any], team: Team, filters: Filters, last: str) -> QuerySet[Any]:
    """What follows the thing with this id; it may be in the trash by now. Raises Http404 when it is gone for good."""
    model: type[Clip | Generation] = Clip if filters.chosen_kind == CLIPS else Generation
    row = model.everything.filter(team=team, public_id=last).first()
    if row is None:
        raise Http404("The list has changed. Reload the page.")
    key, direction = _key(filters), "lt" if filters.chosen_sort in DESCENDING else "gt"
    value = getattr(row, key)
    return among.filter(Q(**{f"{key}__{direction}": value}) | Q(**{key: value, f"id__{direction}": row.pk}))


def _midnight(day: Any) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None


@require_POST
@needs(Action.ORGANISE)
def favour(request: TeamRequest) -> HttpResponse:
    """`POST /library/favourite/` with `generation` and `favourite`, "yes" or "no"; then to `next`. JSON for scripts."""
    chosen, wanted = selected(request), request.POST.get("favourite") == "yes"
    Generation.objects.filter(pk__in=[one.pk for one in chosen.generations]).update(favourite=wanted)
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"favourite": wanted})
    count = len(chosen.generations)
    if not count:
        messages.error(request, "No sound was chosen, so nothing was changed.")
    else:
        what = f"{count} sound{'' if count == 1 else 's'}"
        messages.success(request, f"{what} marked as favourite." if wanted else f"{what} no longer a favourite.")
    return onward(request, "library")


@require_POST
@needs(Action.LOOK)
def download(request: TeamRequest) -> HttpResponseBase:
    """`POST /library/download/` with `clip` and `generation`: one ZIP, made while it is sent, nothing of it kept.

    Of a generation the muxed clip, or the sound where there is no clip; of a clip the original. A file that is gone
    from the store is left out.
    """
    chosen = selected(request)
    files = [(one.video or one.audio, download_name(one)) for one in chosen.generations if one.video or one.audio]
    files += [(clip.file, Path(clip.name).stem) for clip in chosen.clips if clip.file]
    archive, taken = zipstream.ZipStream(sized=True), set[str]()
    for stored, name in files:
        suffix = Path(str(stored.name)).suffix
        with suppress(FileNotFoundError):
            size = stored.size
            archive.add(_content(stored.storage, str(stored.name)), _own_name(name, suffix, taken), size=size)
    if not taken:
        messages.error(
            request, "Nothing was chosen that is finished and still stored, so there is nothing to download."
        )
        return onward(request, "library")
    response = StreamingHttpResponse(archive, content_type="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="soundstage.zip"'
    response.headers["Content-Length"] = str(len(archive))
    return response


def _content(storage: Storage, name: str) -> Iterator[bytes]:
    with storage.open(name) as file:
        yield from file.chunks(CHUNK_BYTES)


def _own_name(name: str, suffix: str, taken: set[str]) -> str:
    """A file name within the ZIP that no other one has, and that stays within the folder it is unpacked into."""
    safe = "".join(" " if letter in '/\\:*?"<>|' or not letter.isprintable() else letter for letter in name).strip(" .")
    # File systems take 255 bytes; a number and the suffix come to it.
    safe, number = safe.encode()[:NAME_BYTES].decode(errors="ignore").rstrip(" .") or "sound", 1
    unique = f"{safe}{suffix}"
    while unique.casefold() in taken:
        number += 1
        unique = f"{safe} ({number}){suffix}"
    taken.add(unique.casefold())
    return unique
