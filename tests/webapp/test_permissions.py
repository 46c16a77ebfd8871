"""Who may what. The test is the table: who × every address and action, and what they are answered.

An address that is not in it fails, and so does a method it does not name that is not refused with 405.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from jobs import failures
from jobs.models import BulkOperation, Clip, Generation, Project, SavedView, Status
from tests.webapp.conftest import PASSWORD, member
from webapp.accounts import invitations
from webapp.accounts.models import Membership, Role, Team, User
from webapp.accounts.teams import add_team
from webapp.comments import writing
from webapp.sharing import links
from webapp.sharing.models import ShareLink

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

WHO = ("owner", "admin", "member", "viewer", "stranger", "signed-out", "guest", "ex-guest")
NOT_SIGNED_IN = WHO[5:]

# `yes` is any answer that is not a refusal; `sign-in` leads there. `?` marks an address that carries `?team=` of the
# team; those without it name one of its things, or nobody's. `+word` is one of VARIANTS. A guest has opened a share
# link and said something there; an ex-guest did so by a link that has expired since, and asks for that one. Everybody
# else has the address of the first.
TABLE = """
                                    owner    admin    member   viewer   stranger signed-out  guest    ex-guest
GET   studio?                       yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   studio+from                   yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  studio?                       yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  studio?+choose                yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  clip-upload?                  yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  clip-sample?                  yes      yes      yes      403      404      sign-in     sign-in  sign-in
GET   studio+clip                   yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   clip                          yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   clip-live                     yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  clip-choose                   yes      yes      yes      403      404      sign-in     sign-in  sign-in
GET   clip-facts                    yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   clip-file                     yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   clip-file+poster              yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   generation                    yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   generation-live               yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  generation-take               yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  generation-cancel             yes      yes      yes      403      404      sign-in     sign-in  sign-in
GET   generation-file               yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   generation-file+audio         yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   comments                      yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  comments                      yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  comment-edit                  403      403      403      403      404      sign-in     sign-in  sign-in
POST  comment-delete                yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  comment-resolve               yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   notifications                 yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
POST  notifications-read            yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   history?                      yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   history-live?                 yes      yes      yes      yes      404      sign-in     sign-in  sign-in

GET   library?                      yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   library-more?+after           yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  library-favourite?            yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  library-download?             yes      yes      yes      yes      404      sign-in     sign-in  sign-in

GET   projects?                     yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  projects?                     yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  projects-move?                yes      yes      yes      403      404      sign-in     sign-in  sign-in
GET   project                       yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  project-rename                yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  project-archive               yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  project-restore               yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  tags-add?                     yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  tags-remove?                  yes      yes      yes      403      404      sign-in     sign-in  sign-in
GET   trash?                        yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  trash-put?                    yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  trash-put?+confirmed          yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  trash-restore?                yes      yes      yes      403      404      sign-in     sign-in  sign-in

GET   team?                         yes      yes      yes      yes      404      sign-in     sign-in  sign-in
GET   team-activity?                yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  team-rename?                  yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-leave?                   yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  team-leave?                   yes      yes      yes      yes      404      sign-in     sign-in  sign-in
POST  team-invite?                  yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  invitation-revoke             yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  member-role                   yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   member-remove                 yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  member-remove                 yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-hand-over                yes      403      403      403      404      sign-in     sign-in  sign-in
POST  team-hand-over                yes      403      403      403      404      sign-in     sign-in  sign-in
GET   team-backends?                yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  team-backends?                yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  team-backend-key?             yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  team-backend-key-remove?      yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  team-switch                   yes      yes      yes      yes      404      sign-in     sign-in  sign-in

GET   team-links?                   yes      yes      yes      403      404      sign-in     sign-in  sign-in
GET   team-link                     yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  team-link-new?                yes      yes      yes      403      404      sign-in     sign-in  sign-in
POST  team-link-new?+confirmed      yes      yes      yes      403      404      sign-in     sign-in  sign-in
GET   link-revoke                   yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  link-revoke                   yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   link-change                   yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  link-change                   yes      yes      403      403      404      sign-in     sign-in  sign-in

GET   team-jobs?                    yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-live?               yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-numbers?            yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  team-jobs-view-save?          yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  team-jobs-view-remove?        yes      404      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-csv?                yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-job?                yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-file?               yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-failures?           yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-failures-csv?       yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  team-failures-resolve?        yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  team-failures-reopen?         yes      yes      403      403      404      sign-in     sign-in  sign-in
POST  team-jobs-operate?            yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-operation?          yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-audit?              yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-audit-csv?          yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-retention?          yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-retention-csv?      yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-statistics?         yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   team-jobs-statistics-csv?     yes      yes      403      403      404      sign-in     sign-in  sign-in
GET   admin-jobs-statistics         403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-statistics-csv     403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs                    403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-live               403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-numbers            403      403      403      403      403      sign-in     sign-in  sign-in
POST  admin-jobs-view-save          403      403      403      403      403      sign-in     sign-in  sign-in
POST  admin-jobs-view-remove        403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-csv                403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-job                403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-file               403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-failures           403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-failures-csv       403      403      403      403      403      sign-in     sign-in  sign-in
POST  admin-failures-resolve        403      403      403      403      403      sign-in     sign-in  sign-in
POST  admin-failures-reopen         403      403      403      403      403      sign-in     sign-in  sign-in
POST  admin-jobs-operate            403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-operation          403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-audit              403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-audit-csv          403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-retention          403      403      403      403      403      sign-in     sign-in  sign-in
GET   admin-jobs-retention-csv      403      403      403      403      403      sign-in     sign-in  sign-in

GET   share                         yes      yes      yes      yes      yes      yes         yes      404
POST  share                         yes      yes      yes      yes      yes      yes         yes      404
GET   share-file+poster             yes      yes      yes      yes      yes      yes         yes      404
GET   share-file+playable           yes      yes      yes      yes      yes      yes         yes      404
GET   share-file+video              404      404      404      404      404      404         404      404
GET   share-comments                yes      yes      yes      yes      yes      yes         yes      404
POST  share-comments                yes      yes      yes      yes      yes      yes         yes      404
GET   share-comments+silent         404      404      404      404      404      404         404      404
POST  share-comments+silent         404      404      404      404      404      404         404      404
GET   share-comments+expired        404      404      404      404      404      404         404      404
POST  share-comments+expired        404      404      404      404      404      404         404      404
GET   share+expired                 404      404      404      404      404      404         404      404
POST  share+expired                 404      404      404      404      404      404         404      404
GET   share-file+expired            404      404      404      404      404      404         404      404

GET   team-new                      yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
POST  team-new                      yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   invitation                    yes      yes      yes      yes      yes      yes         yes      yes
POST  invitation                    yes      yes      yes      yes      yes      yes         yes      yes
GET   set-up                        yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
POST  set-up                        yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   healthz                       yes      yes      yes      yes      yes      yes         yes      yes
GET   readyz                        yes      yes      yes      yes      yes      yes         yes      yes
GET   metrics                       404      404      404      404      404      404         404      404

GET   account                       yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
POST  account                       yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
POST  session-end                   404      404      404      404      404      sign-in     sign-in  sign-in
GET   usersessions_list             yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   mfa_index                     yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   mfa_authenticate              yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   mfa_reauthenticate            yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   mfa_activate_totp             yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   mfa_deactivate_totp           404      404      404      404      404      sign-in     sign-in  sign-in
GET   mfa_view_recovery_codes       404      404      404      404      404      sign-in     sign-in  sign-in
GET   mfa_generate_recovery_codes   yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   mfa_download_recovery_codes   404      404      404      404      404      sign-in     sign-in  sign-in
GET   account_login                 yes      yes      yes      yes      yes      yes         yes      yes
GET   account_logout                yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   account_signup                yes      yes      yes      yes      yes      yes         yes      yes
GET   account_inactive              yes      yes      yes      yes      yes      yes         yes      yes
GET   account_reset_password        yes      yes      yes      yes      yes      yes         yes      yes
GET   account_reset_password_done   yes      yes      yes      yes      yes      yes         yes      yes
GET   account_reset_password_from_key  yes      yes      yes      yes      yes      yes         yes      yes
GET   account_reset_password_from_key_done  yes      yes      yes      yes      yes      yes         yes      yes
GET   account_confirm_email         yes      yes      yes      yes      yes      yes         yes      yes
GET   account_email_verification_sent  yes      yes      yes      yes      yes      yes         yes      yes
GET   account_confirm_login_code    yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   account_reauthenticate        yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   account_email                 yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   account_change_password       yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   account_set_password          yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   openid_connect_login          404      404      404      404      404      404         404      404
GET   openid_connect_callback       404      404      404      404      404      404         404      404
GET   socialaccount_login_cancelled yes      yes      yes      yes      yes      yes         yes      yes
GET   socialaccount_login_error     yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   socialaccount_signup          yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   socialaccount_connections     yes      yes      yes      yes      yes      sign-in     sign-in  sign-in
GET   admin:index                   403      403      403      403      403      sign-in     sign-in  sign-in
"""

# A session of nobody's, and a second factor that is not switched on, are not there; test_account.py has those that are.

# What a row sends: fields, or another place in the address.
SENT: dict[str, dict[str, str]] = {
    "POST studio?": {"mode": "text", "prompt": "Rain", "duration": "4", "quality_steps": "9", "prompt_strength": "4"},
    "POST studio?+choose": {"choose": "none"},
    "POST generation-take": {"seed": "new"},
    "POST projects?": {"name": "The Long Night"},
    "POST project-rename": {"name": "The Long Night"},
    "POST trash-put?+confirmed": {"confirmed": "yes"},
    "POST team-jobs-operate?": {"operation": "retry"},
    "POST team-rename?": {"name": "Late Shift"},
    "POST team-invite?": {"role": "member"},
    "POST member-role": {"role": "viewer"},
    "POST team-backends?": {"default_backend": "engine"},
    "POST team-backend-key?": {"FAL_KEY": "a-key"},
    "POST team-link-new?+confirmed": {"confirmed": "yes", "days": "30"},
    "POST team-new": {"name": "Mine"},
}
VARIANTS: dict[str, Callable[[World], dict[str, str]]] = {
    "clip": lambda world: {"clip": world.clip.public_id},
    "from": lambda world: {"from": world.generation.public_id},
    "after": lambda world: {"after": world.generation.public_id},
}
# allauth's pages and Django's administration answer what else is sent to them in ways of their own.
NOT_OURS = ("account_", "socialaccount_", "openid_", "mfa_", "usersessions_", "admin:", "admin-")


@dataclass
class World:
    """A team with one of everything, and everybody who may ask."""

    team: Team
    clip: Clip
    generation: Generation
    places: dict[str, object]
    clients: dict[str, Client]


@pytest.fixture
def world(team: Team, settings: Any) -> World:
    settings.ROOT_URLCONF = "tests.webapp.urls_with_single_sign_on"  # the longer list, with no provider behind it
    settings.MEDIA_TIMEOUT_SECONDS = 0  # who may make a sample is known before one is made
    facts = {"size_bytes": 3, "plays_in_browsers": True, "has_audio": False, "width": 64, "height": 36, "fps": 25.0}
    clip = Clip(team=team, name="ball.mp4", sha256="0" * 64, duration=2.0, facts=facts)
    clip.file.save("original.mp4", ContentFile(b"mp4"), save=False)
    clip.poster.save("poster.jpg", ContentFile(b"jpg"), save=False)
    clip.save()
    generation = Generation(
        team=team, clip=clip, prompt="A ball", effective_duration=2.0, seed=7, status=Status.SUCCEEDED, peaks=[(-1, 1)]
    )
    generation.video.save("video.mp4", ContentFile(b"mp4"), save=False)
    generation.audio.save("audio.wav", ContentFile(b"wav"), save=False)
    generation.save()
    fingerprint = failures.group_of("engine", "down", "It broke.")
    Generation.objects.filter(pk=generation.pk).update(fingerprint=fingerprint, failed_at=timezone.now())
    bulk = BulkOperation.objects.create(team=team, operation="retry", total=1)
    clients = {role: member(team, role, Role(role)) for role in WHO[:4]}
    clients["stranger"] = member(Team.objects.create(name="Elsewhere"), "stranger", Role.OWNER)
    view = SavedView.objects.create(team=team, person=User.objects.get(email="owner@example.org"), name="Mine")
    other = Membership.objects.create(team=team, user=User.objects.create_user("other@example.org", PASSWORD))
    project = Project.objects.create(team=team, name="A film")
    # Another member's, without downloads; its holder needs no account, and one makes no difference.
    terms: dict[str, Any] = {"days": 30, "password": "", "downloads": False}
    link = links.share(team, other.user, [generation], **terms, takes_comments=True)
    silent = links.share(team, other.user, [generation], **terms, takes_comments=False)
    expired = links.share(team, other.user, [generation], **terms, takes_comments=True)
    for guest, opened in (("guest", link), ("ex-guest", expired)):
        clients[guest] = Client()
        clients[guest].get(reverse("share", args=[opened.token]))
        said = {"name": "Gwen", "text": "Nice", "start": "0"}
        clients[guest].post(reverse("share-comments", args=[opened.token, generation.public_id]), said)
    ShareLink.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    comment = writing.write(generation, "Too loud", writing.Place(1.0), author=other.user)
    invitation, token = invitations.invite(team, Role.MEMBER, other.user)
    places = {
        "clip_id": clip.public_id, "generation_id": generation.public_id, "kind": "original", "backend": "fal",
        "team_id": team.public_id, "project_id": project.public_id, "membership_id": other.pk,
        "link_id": link.pk, "share_token": link.token, "expired_token": expired.token,
        "silent_token": silent.token, "comment_id": comment.pk,
        "invitation_id": invitation.pk, "token": token, "session_id": 10**9, "provider_id": "sso", "uidb36": "1",
        "key": "x", "fingerprint": fingerprint, "bulk_id": bulk.public_id, "table": "days",
        "view_id": view.pk,
    }  # fmt: skip
    return World(team, clip, generation, places, clients | {"signed-out": Client()})


@dataclass(frozen=True)
class Row:
    text: str
    outcomes: tuple[str, ...]

    @property
    def method(self) -> str:
        return self.text.split()[0].lower()

    @property
    def name(self) -> str:
        return self.text.split()[1].partition("+")[0].rstrip("?")

    @property
    def variant(self) -> str:
        return self.text.partition("+")[2]

    @property
    def names_team(self) -> bool:
        return "?" in self.text

    def address(self, world: World, who: str = "") -> str:
        needed = places_of(self.name)
        places = world.places
        if self.variant in ("expired", "silent"):  # a link to the same, which has ended, or takes no comments
            places = places | {"share_token": places[f"{self.variant}_token"], "kind": "playable"}
        elif "kind" in needed:
            places = places | {"kind": self.variant or ("original" if "clip_id" in needed else "video")}
        if who == "ex-guest":
            places = places | {"share_token": places["expired_token"]}
        address = reverse(self.name, kwargs={place: places[place] for place in needed})
        query = VARIANTS[self.variant](world) if self.variant in VARIANTS else {}
        query |= {"team": world.team.public_id} if self.names_team else {}
        return address + "?" + "&".join(f"{name}={value}" for name, value in query.items())


def rows() -> Iterator[Row]:
    for line in TABLE.splitlines():
        words = line.split()
        if words and words[0] in ("GET", "POST"):
            yield Row(" ".join(words[:2]), tuple(words[2:]))


ROWS = list(rows())


def patterns() -> dict[str, URLPattern]:
    """Every named address by its name, those of the libraries too."""

    def walk(entries: list[URLPattern | URLResolver], space: str) -> Iterator[tuple[str, URLPattern]]:
        for entry in entries:
            if isinstance(entry, URLResolver):
                yield from walk(entry.url_patterns, f"{space}{entry.namespace}:" if entry.namespace else space)
            else:
                assert entry.name or space == "admin:", f"{entry} has no name"
                yield f"{space}{entry.name}", entry

    return dict(walk(get_resolver().url_patterns, ""))


def places_of(name: str) -> list[str]:
    """What has to be filled in, in the address of this name."""
    if ":" in name:
        return []
    ((_, places),) = get_resolver().reverse_dict.getlist(name)[0][0]
    return list(places)


def answer(world: World, who: str, method: str, address: str, data: dict[str, str]) -> str:
    """What `who` is answered, in the words of the table; whatever it changed is taken back."""
    client = world.clients[who]
    cookies = copy(client.cookies)
    with transaction.atomic():
        # The administration's own door leads on to ours, or says no.
        follow = address.startswith(reverse("admin:index"))
        response = getattr(client, method)(address, data if method == "post" else {}, follow=follow)
        b"".join(response)
        transaction.set_rollback(True)
    client.cookies = cookies
    led = response.headers.get("Location", "") or response.request["PATH_INFO"]
    door = reverse("account_login")
    if led.partition("?")[0] == door != address.partition("?")[0] and who in NOT_SIGNED_IN:
        return "sign-in"
    if response.status_code in (403, 404, 405) or response.status_code >= 500:
        return str(response.status_code) if response.status_code != 503 else "yes"
    return "yes"


def test_the_table_names_every_address(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.webapp.urls_with_single_sign_on"
    told = {row.name for row in ROWS}
    # Of the administration one row stands for all: everything in it is behind the same door.
    there = {name for name in patterns() if not name.startswith("admin:")} | {"admin:index"}
    assert told == there
    assert all(len(row.outcomes) == len(WHO) for row in ROWS)


@pytest.mark.parametrize("who", WHO)
def test_each_is_answered_as_the_table_says(world: World, who: str) -> None:
    expected = {row.text: row.outcomes[WHO.index(who)] for row in ROWS}
    told = {row.text: answer(world, who, row.method, row.address(world, who), SENT.get(row.text, {})) for row in ROWS}
    assert told == expected


def test_other_methods_are_refused(world: World) -> None:
    for row in ROWS:
        if row.name.startswith(NOT_OURS):
            continue
        methods = {other.method for other in ROWS if other.name == row.name}
        for method in {"get", "post", "put", "delete"} - methods:
            assert answer(world, "owner", method, row.address(world), {}) == "405", f"{method} {row.name}"


def test_the_whole_administration_is_behind_one_door(world: World) -> None:
    places = {"app_label": "jobs", "object_id": "1", "content_type_id": "1", "id": "1"}
    for name, entry in patterns().items():
        if not name.startswith("admin:") or name in ("admin:login", "admin:None"):
            continue
        address = reverse(name, kwargs={place: places[place] for place in entry.pattern.regex.groupindex})
        assert answer(world, "signed-out", "get", address, {}) == "sign-in", name
        assert answer(world, "owner", "get", address, {}) == "403", name


def test_what_one_may_see_but_not_do_is_said_in_a_sentence(world: World) -> None:
    viewer = world.clients["viewer"]
    page = viewer.post(reverse("studio")).content.decode()
    assert "ask an admin to let you create" in page
    page = viewer.post(reverse("team-rename"), {"name": "Mine"}).content.decode()
    assert "An owner or admin of your team decides this" in page
    page = world.clients["admin"].get(reverse("team-hand-over", args=[world.places["membership_id"]])).content.decode()
    assert "Only an owner of the team decides who owns it" in page


def test_things_of_another_team_and_things_that_never_were_answer_the_same(world: World) -> None:
    """Word for word, but for the address that was asked for: whether something exists elsewhere can't be found out."""
    never: dict[str, object] = {
        "clip_id": "asset_never", "generation_id": "gen_never", "team_id": "team_never", "membership_id": 10**9,
        "invitation_id": 10**9, "project_id": "project_never", "link_id": 10**9,
        "comment_id": 10**9,
    }  # fmt: skip
    for row in ROWS:
        places = set(places_of(row.name))
        if row.variant or "share_token" in places or not never.keys() & places:
            continue
        # The administration's door says no before anything is looked for.
        assert row.outcomes[WHO.index("stranger")] == ("403" if row.name.startswith("admin-") else "404"), row.text
        there = row.address(world)
        nowhere = row.address(World(world.team, world.clip, world.generation, world.places | never, {}))
        bodies = [
            normal(getattr(world.clients["stranger"], row.method)(address, SENT.get(row.text, {})).content.decode())
            for address in (there, nowhere)
        ]
        assert bodies[0].replace(there, nowhere) == bodies[1], row.text


def normal(page: str) -> str:
    start = page.find('csrfmiddlewaretoken" value="')
    return page if start < 0 else normal(page[:start] + page[start + 28 + 64 :])


def test_the_role_counts_that_one_has_in_the_team_of_the_thing(world: World) -> None:
    """Whoever owns one team and only looks at another looks at that one's things, and does no more."""
    viewer = User.objects.get(email="viewer@example.org")
    own = add_team(viewer, "Own")
    client = world.clients["viewer"]
    client.post(reverse("team-switch", args=[own.team.public_id]))
    assert client.post(reverse("team-rename"), {"name": "Renamed"}).status_code == 302
    for address in (f"/team/name/?team={world.team.public_id}", f"/g/{world.generation.public_id}/take/"):
        assert client.post(address, {"name": "Mine", "seed": "new"}).status_code == 403
    assert client.get(reverse("generation", args=[world.generation.public_id])).status_code == 200
