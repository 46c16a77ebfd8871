"""What is done to a team and the people in it: plain functions over rows, each whole or not at all.

Two people may do this at the same moment, so each function takes the team's row for itself and then looks again at
what it was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from jobs import activity, audit
from jobs.models import Verb
from webapp.accounts.models import Membership, Role, Team, User
from webapp.accounts.permissions import RULES, Action, may

# Where the session keeps the public id of the team that was switched to.
SWITCHED_TO = "team"


class Refused(Exception):
    """It can't be done as things stand; a sentence for whoever asked says why, and what to do."""


LAST_OWNER = "A team needs an owner, and you are the only one. Hand it over first, or make somebody else an owner."
GONE = "This person is no longer in the team."


def add_team(owner: User, name: str = "") -> Membership:
    """A new team owned by `owner`, named after them unless it is given a name."""
    with transaction.atomic():
        team = Team.objects.create(name=name or f"{owner.email.split('@')[0].title()}’s team")
        return Membership.objects.create(team=team, user=owner, role=Role.OWNER)


def rename(team: Team, name: str, by: User) -> None:
    before = team.name
    if name == before:
        return
    team.name = name
    with transaction.atomic():
        team.save(update_fields=["name"])
        activity.record(team, by, Verb.RENAMED, name, data={"before": before})
        audit.record_in_team(by, team, team.public_id, {"name": before}, {"name": name})


def change_role(of: Membership, role: Role, by: Membership) -> None:
    """Raises Refused: only an owner makes or unmakes owners, and the last one stays."""
    with _held(of, by) as (member, manager):
        if member.role == role:
            return
        if Role.OWNER in (member.role, role):
            _require(manager, Action.MANAGE_OWNERS)
        if member.role == Role.OWNER:
            _keep_an_owner(member)
        before, member.role = member.role, role
        member.save(update_fields=["role"])
        activity.record(member.team, manager.user, Verb.ROLE_CHANGED, member.user.shown_name, data={"role": role})
        audit.record_in_team(manager.user, member.team, member.user.email, {"role": before}, {"role": role})


def remove(of: Membership, by: Membership) -> None:
    """End somebody else's membership; what they made stays. Raises Refused where `by` may not."""
    with _held(of, by) as (member, manager):
        if member.role == Role.OWNER:
            _require(manager, Action.MANAGE_OWNERS)
            _keep_an_owner(member)
        member.delete()
        activity.record(member.team, manager.user, Verb.REMOVED, member.user.shown_name)
        audit.record_in_team(manager.user, member.team, member.user.email, {"role": member.role}, {"role": "none"})


def leave(membership: Membership) -> None:
    """Raises Refused for the last owner."""
    with _held(membership, membership) as (member, _):
        if member.role == Role.OWNER:
            _keep_an_owner(member)
        member.delete()
        activity.record(member.team, member.user, Verb.LEFT, member.user.shown_name)


def hand_over(to: Membership, by: Membership) -> None:
    """`to` becomes an owner, and `by`, who is one, an admin. Raises Refused where `by` is none (any more)."""
    with _held(to, by) as (member, owner):
        _require(owner, Action.MANAGE_OWNERS)
        if member.pk == owner.pk:
            return
        before = member.role
        member.role, owner.role = Role.OWNER, Role.ADMIN
        member.save(update_fields=["role"])
        owner.save(update_fields=["role"])
        activity.record(member.team, owner.user, Verb.HANDED_OVER, member.user.shown_name)
        audit.record_in_team(owner.user, member.team, member.user.email, {"role": before}, {"role": Role.OWNER})
        audit.record_in_team(owner.user, member.team, owner.user.email, {"role": Role.OWNER}, {"role": Role.ADMIN})


def is_last_owner(membership: Membership) -> bool:
    others = Membership.objects.filter(team=membership.team_id, role=Role.OWNER).exclude(pk=membership.pk)
    return membership.role == Role.OWNER and not others.exists()


@contextmanager
def _held(*memberships: Membership) -> Iterator[list[Membership]]:
    """The memberships as they are now, in a transaction that has their team for itself. Raises Refused."""
    with transaction.atomic():
        team = Team.objects.select_for_update().get(pk=memberships[0].team_id)
        found = Membership.objects.select_related("user").filter(team=team)
        now = {membership.pk: membership for membership in found}
        if any(membership.pk not in now for membership in memberships):
            raise Refused(GONE)
        for membership in now.values():
            membership.team = team
        yield [now[membership.pk] for membership in memberships]


def _require(membership: Membership, action: Action) -> None:
    if not may(membership, action):
        raise Refused(RULES[action].refusal)


def _keep_an_owner(membership: Membership) -> None:
    if is_last_owner(membership):
        raise Refused(LAST_OWNER)
