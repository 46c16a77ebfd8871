"""Who may what: one table, from what is done in a team to the roles that may do it.

Views ask it with `webapp.accounts.access`, templates with `{% if request.membership|may:"create" %}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from webapp.accounts.models import Membership, Role


class Action(StrEnum):
    """What can be done in a team."""

    LOOK = "look"  # see and hear what the team has, and who is in it
    COMMENT = "comment"  # write comments, answer and resolve them; edit and delete one's own
    MANAGE_COMMENTS = "manage_comments"  # delete other people's comments
    CREATE = "create"  # upload clips, ask for sound, cancel it
    ORGANISE = "organise"  # projects and tags; move, delete and restore
    SHARE = "share"  # make share links, see the team's, revoke one's own
    MANAGE_LINKS = "manage_links"  # revoke and change other people's share links
    MANAGE_BACKENDS = "manage_backends"  # the team's default backend and its keys
    REVIEW_JOBS = "review_jobs"  # the jobs of everybody in the team, with what went wrong; cancel and retry them
    RENAME_TEAM = "rename_team"
    INVITE = "invite"  # see, make and revoke invitations
    MANAGE_MEMBERS = "manage_members"  # change roles and remove people, owners apart
    MANAGE_OWNERS = "manage_owners"  # make somebody an owner, or change what an owner is; hand the team over


@dataclass(frozen=True)
class Rule:
    """The roles that may, and what everybody else in the team is told."""

    roles: frozenset[Role]
    refusal: str


EVERYBODY = frozenset(Role)
CREATORS = frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER})
MANAGERS = frozenset({Role.OWNER, Role.ADMIN})
OWNERS = frozenset({Role.OWNER})

MANAGERS_DECIDE = "An owner or admin of your team decides this; ask one of them."

RULES: dict[Action, Rule] = {
    Action.LOOK: Rule(EVERYBODY, ""),
    Action.COMMENT: Rule(EVERYBODY, ""),
    Action.MANAGE_COMMENTS: Rule(
        MANAGERS, "Only whoever wrote a comment, or an owner or admin, deletes it; ask one of them."
    ),
    Action.CREATE: Rule(CREATORS, "You can look and listen in this team; ask an admin to let you create."),
    Action.ORGANISE: Rule(CREATORS, "You can look and listen in this team; ask an admin to let you change things."),
    Action.SHARE: Rule(CREATORS, "You can look and listen in this team; ask an admin to let you share."),
    Action.MANAGE_LINKS: Rule(MANAGERS, "Only whoever made a link, or an owner or admin, changes it; ask one of them."),
    Action.MANAGE_BACKENDS: Rule(MANAGERS, MANAGERS_DECIDE),
    Action.REVIEW_JOBS: Rule(MANAGERS, "Owners and admins of your team review its jobs; ask one of them."),
    Action.RENAME_TEAM: Rule(MANAGERS, MANAGERS_DECIDE),
    Action.INVITE: Rule(MANAGERS, MANAGERS_DECIDE),
    Action.MANAGE_MEMBERS: Rule(MANAGERS, MANAGERS_DECIDE),
    Action.MANAGE_OWNERS: Rule(OWNERS, "Only an owner of the team decides who owns it; ask one of them."),
}


def may(membership: Membership, action: Action) -> bool:
    return membership.role in RULES[action].roles
