"""What a page shows of the comments on a sound: to the team all of them, to guests the threads of their link."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db.models import Count, Max, QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString

from jobs.models import Generation
from webapp.accounts.access import TeamRequest
from webapp.accounts.models import Membership, User
from webapp.accounts.permissions import Action, may
from webapp.comments import text, writing
from webapp.comments.models import Comment
from webapp.comments.notifications import who
from webapp.sharing.models import ShareLink


@dataclass(frozen=True)
class Shown:
    """A comment as whoever looks sees it; `words` is what its author edits, `said` what a mark on the waveform says."""

    row: Comment
    name: str
    html: SafeString
    said: str
    words: str
    may_edit: bool
    may_delete: bool


@dataclass(frozen=True)
class Thread:
    first: Shown
    replies: list[Shown]


@dataclass
class Panel:
    """The threads in the order of their places, `resolved` ones apart; `url` is where to look again and to send to."""

    url: str
    version: str
    seconds: float
    open: list[Thread] = field(default_factory=list)
    resolved: list[Thread] = field(default_factory=list)
    # For the list that @ opens: the names, and what is written for each.
    members: list[dict[str, str]] = field(default_factory=list)
    guest: bool = False
    guest_name: str = ""
    may_comment: bool = True

    @property
    def members_json(self) -> str:
        return json.dumps(self.members)


def of_team(request: TeamRequest, generation: Generation) -> Panel:
    """All comments, for a member."""
    rows = rows_of_team(generation)
    people = writing.members(generation.team)
    known = text.handles(people)
    membership = request.membership
    panel = Panel(
        url=reverse("comments", args=[generation.public_id]),
        version=version(rows, membership),
        seconds=seconds(generation),
        members=[
            {"name": one.shown_name, "handle": text.handle(one, known), "email": one.email}
            for one in people
            if one != request.user
        ],
        may_comment=may(membership, Action.COMMENT),
    )
    may_delete_all = may(membership, Action.MANAGE_COMMENTS)

    def show(row: Comment) -> Shown:
        own = row.author_id == request.user.pk
        mentioned = row.mentioned.all()
        return Shown(
            row,
            name=row.guest_name if row.by_guest else who(row),
            html=text.rendered(row.text, mentioned, team_name),
            said=text.plain(row.text, mentioned, team_name),
            words=text.written(row.text, mentioned, people) if own else "",
            may_edit=own,
            may_delete=own or may_delete_all,
        )

    return _filled(panel, rows, show)


def of_guest(link: ShareLink, generation: Generation, guest_name: str) -> Panel:
    """The threads that the link's guests began: nothing that the team says among itself, and nobody's address."""
    rows = rows_of_guest(link, generation)
    panel = Panel(
        url=reverse("share-comments", args=[link.token, generation.public_id]),
        version=version(rows, guest_name),
        seconds=seconds(generation),
        guest=True,
        guest_name=guest_name,
    )

    def show(row: Comment) -> Shown:
        mentioned = row.mentioned.all()
        return Shown(
            row,
            name=row.guest_name if row.by_guest else guests_name(row.author),
            html=text.rendered(row.text, mentioned, guests_name),
            said=text.plain(row.text, mentioned, guests_name),
            words="",
            may_edit=False,
            may_delete=False,
        )

    return _filled(panel, rows, show)


def rows_of_team(generation: Generation) -> QuerySet[Comment]:
    return Comment.objects.filter(generation=generation)


def rows_of_guest(link: ShareLink, generation: Generation) -> QuerySet[Comment]:
    return Comment.objects.filter(generation=generation, link=link)


def team_name(person: User) -> str:
    return person.shown_name


def guests_name(person: User | None) -> str:
    """What guests call a member: by the name the member gave, never by their address."""
    return (person.get_full_name() if person else "") or "The team"


def seconds(generation: Generation) -> float:
    """How long the page's timeline is."""
    return generation.clip.duration if generation.clip else generation.effective_duration


def version(rows: QuerySet[Comment], viewer: Membership | str) -> str:
    """An entity tag over all that the threads show to this viewer."""
    sums = rows.aggregate(count=Count("pk"), latest=Max("updated_at"))
    seen_by = viewer.role if isinstance(viewer, Membership) else viewer
    return f'"{hashlib.sha256(repr((*sums.values(), seen_by)).encode()).hexdigest()[:20]}"'


def _filled(panel: Panel, rows: QuerySet[Comment], show: Callable[[Comment], Shown]) -> Panel:
    replies: dict[int, list[Shown]] = defaultdict(list)
    firsts = []
    found = rows.select_related("author", "resolved_by", "link__created_by").prefetch_related("mentioned")
    for row in found.order_by("created_at", "pk"):
        if row.thread_id:
            replies[row.thread_id].append(show(row))
        else:
            firsts.append(row)
    for row in sorted(firsts, key=lambda one: (one.start or 0.0, one.created_at)):
        into = panel.resolved if row.resolved_at else panel.open
        into.append(Thread(show(row), replies[row.pk]))
    return panel
