"""The audit log: who did what, to what, and what that was before and after; written in this one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobs.models import AuditAction, AuditEntry, BulkOperation, Generation

if TYPE_CHECKING:
    from webapp.accounts.models import Team, User

# What an operation may change of a generation.
WATCHED = ("status", "backend", "cost", "cancel_requested", "attempts", "error", "error_kind")


def record(
    by: User | None,
    action: AuditAction,
    target: str,
    *,
    team: Team | None,
    installation: bool,
    before: dict[str, Any],
    after: dict[str, Any],
    bulk: BulkOperation | None = None,
) -> AuditEntry:
    """Add an entry. `installation`: done as an administrator of the installation, not of `team`."""
    return AuditEntry.objects.create(
        by=by,
        by_name=by.email if by else "",
        action=action,
        target=target[:100],
        team=team,
        team_name=team.name if team else "",
        installation=installation,
        before=before,
        after=after,
        bulk=bulk,
    )


def record_in_team(by: User, team: Team, target: str, before: dict[str, Any], after: dict[str, Any]) -> AuditEntry:
    """Add what an administrator of the team changed of it: its name, its people, its backends."""
    return record(by, AuditAction.MANAGE, target, team=team, installation=False, before=before, after=after)


def state(generation: Generation) -> dict[str, Any]:
    """What the log keeps of a generation, as JSON has it; what is empty is left out."""
    values = {name: getattr(generation, name) for name in WATCHED}
    values["request_id"] = generation.remote.get("request_id", "")
    return {name: str(value) if name == "cost" else value for name, value in values.items() if value}
