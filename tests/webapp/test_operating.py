"""What administrators do to jobs, on pages: asked first with the exact numbers, done once, told, and written down."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from jobs import lifecycle, operations
from jobs.apps import AUDITORS
from jobs.models import AuditEntry, BulkOperation, Generation, Operation, Status
from tests.webapp.conftest import PASSWORD, member
from webapp.accounts.models import Membership, Role, Team, User

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

TIMEOUT = "The engine did not finish within 15 minutes."
Ask = Callable[..., Generation]


@pytest.fixture
def auditor(db: None) -> Client:
    user = User.objects.create_user("auditor@example.org", PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=AUDITORS))
    client = Client()
    client.force_login(user)
    return client


def failed(generation: Generation, sentence: str = TIMEOUT) -> Generation:
    with lifecycle.taken(generation.pk) as taken:
        assert taken is not None
        lifecycle.fail(taken, sentence, kind="timeout")
    generation.refresh_from_db()
    return generation


def words(response: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


def hidden(response: Any) -> dict[str, Any]:
    """What the form that asks would send, its choices apart."""
    fields: dict[str, Any] = {}
    form = response.content.decode().partition('class="panel operate"')[2].partition("</form>")[0]
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form):
        fields.setdefault(name, []).append(unescape(value))
    return fields


# --- Asked, done, told ------------------------------------------------------------------------------------------------


def test_one_job_is_retried_after_a_question_and_that_is_written_down(adam: Client, ask: Ask) -> None:
    generation = failed(ask())
    page = f"{reverse('team-jobs-failures')}"
    asked = adam.post(reverse("team-jobs-operate"), {"operation": "retry", "job": generation.public_id, "next": page})
    assert "Retry this job? Nothing is done yet" in words(asked)
    assert "1 job, no charge." in words(asked)
    generation.refresh_from_db()
    assert generation.status == Status.FAILED
    done = adam.post(reverse("team-jobs-operate"), hidden(asked) | {"confirmed": "yes"}, follow=True)
    assert done.request["PATH_INFO"] == page
    assert "The job is back in the queue." in words(done)
    generation.refresh_from_db()
    assert generation.status == Status.QUEUED
    response = adam.get(reverse("team-jobs-audit"))
    log = words(response)
    assert f"adam@example.org · Retried · {generation.public_id}" in log
    assert reverse("team-jobs-job", args=[generation.public_id]) in response.content.decode()
    assert "as an administrator of the team" in log
    assert "status before: failed after: queued" in log


def test_a_whole_group_of_failures_is_retried_elsewhere_for_a_price_that_is_told(
    adam: Client, ask: Ask, settings: Any
) -> None:
    settings.FAL_KEY = "a-key"
    for minutes in (10, 15, 20):
        failed(ask(duration=2), TIMEOUT.replace("15", str(minutes)))
    other = failed(ask(), "It broke.")
    page = adam.get(reverse("team-jobs-failures"))
    taken = b"".join(adam.get(reverse("team-jobs-failures-csv"))).decode()
    rows = csv.DictReader(taken.splitlines())
    assert [(row["message"], row["jobs"], row["people"], row["resolved"]) for row in rows] == [
        ("It broke.", "1", "1", "no"),
        ("The engine did not finish within <n> minutes.", "3", "1", "no"),
    ]
    queries = {unescape(found) for found in re.findall(r'name="query" value="([^"]+)"', page.content.decode())}
    query = next(found for found in queries if other.fingerprint not in found)
    asked = adam.post(reverse("team-jobs-operate"), {"operation": "retry_elsewhere", "query": query})
    said = words(asked)
    assert "Retry on another backend: 3 jobs?" in said
    assert "fal · MM Audio 2 3 jobs, $0.006." in said
    assert "Scenario · MM Audio 2 None. 3 left out: Scenario · MM Audio 2 is not ready" in said
    sent = hidden(asked) | {"confirmed": "yes", "backend": "fal"}
    failed(ask(duration=2))  # a fourth, after the question
    again = adam.post(reverse("team-jobs-operate"), sent)
    assert "these are the numbers now" in words(again)
    assert not BulkOperation.objects.exists()
    done = adam.post(reverse("team-jobs-operate"), sent | hidden(again), follow=True)
    assert "Finished: 4 of 4 done" in words(done)
    assert Generation.objects.filter(backend="fal", status=Status.QUEUED).count() == 4
    assert AuditEntry.objects.filter(bulk__isnull=False).count() == 4


def test_without_a_choice_nothing_is_done_and_it_is_asked_again(root: Client, ask: Ask) -> None:
    generation = failed(ask())
    asked = root.post(reverse("admin-jobs-operate"), {"operation": "retry_elsewhere", "job": generation.public_id})
    again = root.post(reverse("admin-jobs-operate"), hidden(asked) | {"confirmed": "yes"})
    assert "Choose a backend." in words(again)
    assert "No job was chosen" in words(root.post(reverse("admin-jobs-operate"), {"operation": "cancel"}))
    assert root.post(reverse("admin-jobs-operate"), {"operation": "explode"}).status_code == 400
    assert not AuditEntry.objects.exists()


def test_what_may_be_paid_twice_is_left_out_until_somebody_says_so(adam: Client, ask: Ask, settings: Any) -> None:
    settings.FAL_KEY = "a-key"
    generation = failed(ask(duration=2))
    Generation.objects.update(backend="fal", cost="0.002", submitted_at=generation.failed_at)
    asked = adam.post(reverse("team-jobs-operate"), {"operation": "retry", "job": generation.public_id})
    assert "None. 1 left out: It may have been bought already" in words(asked)
    sent = hidden(asked) | {"confirmed": "yes", "buy_again": "on"}
    again = adam.post(reverse("team-jobs-operate"), sent)
    assert "1 job, $0.002." in words(again)
    adam.post(reverse("team-jobs-operate"), sent | hidden(again))
    generation.refresh_from_db()
    assert generation.status == Status.QUEUED


def test_what_a_long_operation_has_done_can_be_followed(root: Client, adam: Client, ask: Ask) -> None:
    actor = operations.Actor(User.objects.get(email="root@example.org"), installation=True)
    chosen = [failed(ask()).pk for _ in range(2)]
    bulk = operations.begin(operations.Wish(Operation.RETRY), chosen * 20, actor, None)
    operations.carry_on(bulk.pk, most=3)
    address = reverse("admin-jobs-operation", args=[bulk.public_id])
    assert "2 of 40 done , 3 looked at" in words(root.get(address))
    part = root.get(address + "?live=1").content.decode()
    assert part.lstrip().startswith("<div")
    assert f'data-live="{address}?live=1"' in part
    operations.carry_on(bulk.pk)
    done = root.get(address)
    assert "Finished: 2 of 40 done Left out 38: Still waiting." in words(done)
    assert "data-live" not in done.content.decode()
    assert adam.get(reverse("team-jobs-operation", args=[bulk.public_id])).status_code == 404


# --- Failures ---------------------------------------------------------------------------------------------------------


def test_a_team_resolves_for_itself_until_it_returns(adam: Client, root: Client, ask: Ask, team: Team) -> None:
    name = failed(ask()).fingerprint
    resolved = adam.post(reverse("team-failures-resolve", args=[name]), follow=True)
    assert "Resolved. It is open again as soon as a job fails like this." in words(resolved)
    assert "None of these" in words(resolved)
    assert "did not finish" in words(adam.get(reverse("team-jobs-failures"), {"state": "resolved"}))
    assert "did not finish" in words(root.get(reverse("admin-jobs-failures")))
    failed(ask())
    assert "came back" in words(adam.get(reverse("team-jobs-failures")))
    adam.post(reverse("team-failures-resolve", args=[name]))
    adam.post(reverse("team-failures-reopen", args=[name]))
    page = words(adam.get(reverse("team-jobs-failures")))
    assert "did not finish" in page
    assert "came back" not in page
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", "team", "installation"))
    log = adam.get(reverse("team-jobs-audit")).content.decode()
    assert f"state=all&amp;team={team.public_id}#failure-{name}" in log
    assert actions == [("resolve", team.pk, False)] * 2 + [("reopen", team.pk, False)]


def test_a_team_sees_its_own_failures_alone(adam: Client, charlie: Client, ask: Ask) -> None:
    elsewhere = Team.objects.get(name="Elsewhere")
    generation = failed(ask())
    Generation.objects.update(team=elsewhere)
    assert "Nothing has failed" in words(adam.get(reverse("team-jobs-failures")))
    assert adam.post(reverse("team-failures-resolve", args=[generation.fingerprint])).status_code == 404
    asked = adam.post(reverse("team-jobs-operate"), {"operation": "retry", "job": generation.public_id})
    assert "No job was chosen" in words(asked)


# --- The audit log ----------------------------------------------------------------------------------------------------


def test_the_log_is_narrowed_down_paged_and_taken_along(root: Client, adam: Client, ask: Ask, team: Team) -> None:
    user = User.objects.get(email="root@example.org")
    for number in range(60):
        AuditEntry.objects.create(
            by=user, by_name="=root@example.org", action="retry", target=f"gen_{number}", team=team, installation=True,
            before={"status": "failed"}, after={"status": "queued"},
        )  # fmt: skip
    AuditEntry.objects.create(by_name="old@example.org", action="resolve", target="x", installation=True)
    address = reverse("admin-jobs-audit")
    page = root.get(address)
    assert "gen_59" in words(page)
    assert "gen_1 " not in words(page)
    older = re.search(r'rel="next" href="([^"]+)"', page.content.decode())
    assert older
    assert "gen_1 " in words(root.get(address + unescape(older[1])))
    assert "Nothing like that" in words(root.get(address, {"who": "old", "what": "retry"}))
    assert "old@example.org · Resolved failures · x" in words(root.get(address, {"who": "old"}))
    assert "Nothing like that" in words(root.get(address, {"until": "2020-01-01"}))
    ours = words(adam.get(reverse("team-jobs-audit")))
    assert "gen_59" in ours
    assert "old@example.org" not in words(adam.get(reverse("team-jobs-audit"), {"who": "old"})).partition("Show")[2]
    taken = b"".join(root.get(reverse("admin-jobs-audit-csv"), {"on": "gen_5"}))
    rows = list(csv.DictReader(taken.decode().splitlines()))
    assert [row["target"] for row in rows] == ["gen_5", *(f"gen_5{digit}" for digit in range(10))]
    assert (rows[0]["by"], rows[0]["before"]) == ("'=root@example.org", '{"status": "failed"}')


def test_what_is_changed_in_the_administration_is_in_it_too(root: Client, team: Team) -> None:
    user = User.objects.create_user("nobody@example.org", PASSWORD)
    form = {"email": user.email, "is_active": "on", "is_staff": "on", "groups": [Group.objects.get(name=AUDITORS).pk]}
    form |= {"date_joined_0": "2026-01-01", "date_joined_1": "12:00:00"}
    assert root.post(reverse("admin:accounts_user_change", args=[user.pk]), form).status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.by_name, entry.action, entry.target) == ("root@example.org", "administer", "user nobody@example.org")
    assert (entry.before["is_staff"], entry.after["is_staff"], entry.after["groups"]) == (False, True, [AUDITORS])

    # Who is in a team, and who no longer is.
    alice, victor = (
        Membership.objects.create(team=team, user=User.objects.create_user(f"{name}@example.org"), role=Role.VIEWER)
        for name in ("alice", "victor")
    )
    inline: dict[str, Any] = {
        "TOTAL_FORMS": 3,
        "INITIAL_FORMS": 2,
        "0-id": alice.pk,
        "0-team": team.pk,
        "0-user": alice.user_id,
    }
    inline |= {"0-role": "admin", "1-id": victor.pk, "1-team": team.pk, "1-user": victor.user_id, "1-DELETE": "on"}
    inline |= {"1-role": "viewer", "2-team": team.pk, "2-user": user.pk, "2-role": "member"}
    form = {"name": [team.name], **{f"memberships-{name}": value for name, value in inline.items()}}
    assert root.post(reverse("admin:accounts_team_change", args=[team.pk]), form).status_code == 302
    entry = AuditEntry.objects.get(target="team Night Shift")
    said = {name.removeprefix("membership ").split("@")[0]: value for name, value in entry.after.items()}
    assert (said["alice"], said["victor"], "nobody" in said) == ("role: admin", "removed", True)
    assert "role: viewer" in entry.before.values()

    # What somebody signs in with, without what it holds.
    second = Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "a-secret"})
    address = EmailAddress.objects.create(user=user, email=user.email)
    actions = {"action": "make_verified", "_selected_action": [address.pk]}
    root.post(reverse("admin:account_emailaddress_changelist"), actions)
    root.post(reverse("admin:mfa_authenticator_delete", args=[second.pk]), {"post": "yes"})
    assert [entry.after["change"] for entry in AuditEntry.objects.order_by("pk")[2:]] == ["Confirmed.", "Deleted."]

    # What goes with a team.
    root.post(reverse("admin:accounts_team_delete", args=[team.pk]), {"post": "yes"})
    entry = AuditEntry.objects.filter(target="team Night Shift").latest("pk")
    assert (entry.after, entry.before["memberships"]) == ({"change": "Deleted."}, 2)


def test_what_administrators_change_of_their_team_is_in_it_too(team: Team, adam: Client) -> None:
    member(team, "alice")
    alice = Membership.objects.get(user__email="alice@example.org")
    key = "5f1c2a9e-a-key-of-nobody:0011223344556677"
    for page, place, sent in (
        ("team-rename", (), {"name": "Late Shift"}),
        ("team-backends", (), {"default_backend": "engine"}),
        ("team-backend-key", ("fal",), {"FAL_KEY": key}),
        ("team-backend-key-remove", ("fal",), {}),
        ("member-role", (alice.pk,), {"role": "viewer"}),
        ("member-remove", (alice.pk,), {}),
    ):
        adam.post(f"{reverse(page, args=place)}?team={team.public_id}", sent)
    log = words(adam.get(reverse("team-jobs-audit"), {"what": "manage"}))
    for said in (
        "name before: Night Shift after: Late Shift",
        "default backend after: engine",
        "key for fal after: stored",
        "key for fal before: stored after: removed",
        "role before: member after: viewer",
        "adam@example.org · Changed in the team · alice@example.org",
        "role before: viewer after: none",
    ):
        assert said in log
    assert key not in str(list(AuditEntry.objects.values()))


# --- Who may, in the administration -----------------------------------------------------------------------------------

WHO = ("superuser", "operator", "looker", "auditor", "ordinary", "signed-out")
TABLE = """
                              superuser operator looker auditor ordinary signed-out
GET   admin-jobs-failures     200       200      200    200     403      sign-in
GET   admin-jobs-operation    200       200      200    200     403      sign-in
GET   admin-jobs-audit        200       200      200    200     403      sign-in
GET   admin-jobs-audit-csv    200       200      200    200     403      sign-in
GET   admin-jobs-statistics   200       200      200    200     403      sign-in
POST  admin-jobs-operate      200       200      403    403     403      sign-in
POST  admin-failures-resolve  200       200      403    403     403      sign-in
POST  admin-failures-reopen   200       200      403    403     403      sign-in
"""


def test_in_the_administration_each_is_answered_as_the_table_says(
    root: Client, auditor: Client, charlie: Client, ask: Ask
) -> None:
    generation = failed(ask())
    places = {"fingerprint": generation.fingerprint}
    places["bulk_id"] = BulkOperation.objects.create(operation="retry", total=1).public_id
    clients = {"superuser": root, "auditor": auditor, "ordinary": charlie, "signed-out": Client()}
    for name, permissions in {"operator": ("view", "operate"), "looker": ("view",)}.items():
        user = User.objects.create_user(f"{name}@example.org", PASSWORD, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=[f"{one}_generation" for one in permissions]))
        clients[name] = Client()
        clients[name].force_login(user)
    for line in TABLE.strip().splitlines()[1:]:
        method, name, *outcomes = line.split()
        needed = {"jobs-operation": ["bulk_id"]}.get(name[6:], ["fingerprint"] if "failures-" in name else [])
        address = reverse(name, kwargs={place: places[place] for place in needed})
        for who, outcome in zip(WHO, outcomes, strict=True):
            sent = {"operation": "retry", "job": generation.public_id} if method == "POST" else {}
            # The administration's own door leads on to ours, or says no.
            response = getattr(clients[who], method.lower())(address, sent, follow=True)
            b"".join(response)
            at_door = response.request["PATH_INFO"] == reverse("account_login")
            assert ("sign-in" if at_door else str(response.status_code)) == outcome, f"{who}: {method} {name}"


def test_an_auditor_sees_everything_and_is_offered_nothing(auditor: Client, root: Client, ask: Ask) -> None:
    failed(ask())
    assert reverse("admin-jobs") in auditor.get(reverse("admin:index")).content.decode()
    page = auditor.get(reverse("admin-jobs-failures"))
    assert "did not finish" in words(page)
    forms = [found for found in re.findall(r'<form[^>]*action="([^"]*)"', page.content.decode()) if "review" in found]
    assert forms == []
    assert "Retry" in words(root.get(reverse("admin-jobs-failures")))
    for model in ("generation", "clip", "auditentry"):
        assert auditor.get(reverse(f"admin:jobs_{model}_changelist")).status_code == 200
    generation = Generation.objects.get()
    assert auditor.post(reverse("admin:jobs_generation_change", args=[generation.pk])).status_code == 403
    assert auditor.get(reverse("admin:accounts_user_changelist")).status_code == 403
