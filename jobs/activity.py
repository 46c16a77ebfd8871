"""What happened in a team, written in this one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobs.models import Activity, Clip, Generation, Project, Verb

if TYPE_CHECKING:
    from webapp.accounts.models import Team, User

SUBJECT = 200


def record(
    team: Team,
    by: User | None,
    verb: Verb,
    subject: str = "",
    *,
    about: Clip | Generation | Project | None = None,
    data: dict[str, Any] | None = None,
) -> Activity:
    """Add a line to the team's activity: `by` did `verb` to `subject`, as it was called then.

    `about` is the thing itself where it has a page; `data` what the sentence needs beside the subject.
    """
    text = " ".join(subject.split())
    return Activity.objects.create(
        team=team,
        by=by,
        verb=verb,
        subject=text if len(text) <= SUBJECT else text[: SUBJECT - 1] + "…",
        about=about.public_id if about else "",
        data=data or {},
    )
