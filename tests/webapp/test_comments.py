"""Comments, notifications and mail, through their addresses: what members and guests say, and who is told."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.files.base import ContentFile
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from jobs import trash
from jobs.celery import app
from jobs.models import Generation, Status
from tests.webapp.conftest import Elements, member
from webapp.accounts.models import CommentMail, Membership, Role, Team, User
from webapp.comments import writing
from webapp.comments.models import Comment, Notification
from webapp.comments.tasks import send_mail
from webapp.sharing.models import ShareLink

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

JSON = {"Accept": "application/json"}


@pytest.fixture
def sound(team: Team, alice: Client) -> Generation:
    """Four seconds that Alice asked for."""
    by = User.objects.get(email="alice@example.org")
    made = Generation(team=team, created_by=by, prompt="Rain", effective_duration=4.0, seed=7, status=Status.SUCCEEDED)
    made.audio.save("audio.wav", ContentFile(b"rain"), save=False)
    made.save()
    return made


@pytest.fixture
def mia(team: Team) -> Client:
    client = member(team, "mia")
    User.objects.filter(email="mia@example.org").update(first_name="Mia Chen")
    return client


def say(client: Client, sound: Generation, text: str, **fields: object) -> Comment:
    """Write a comment as a page without scripts does, and be led to it."""
    response = client.post(reverse("comments", args=[sound.public_id]), {"text": text, **fields})
    comment = Comment.objects.latest("pk")
    assert response.status_code == 302
    assert response.headers["Location"] == f"/g/{sound.public_id}/#comment-{comment.pk}"
    return comment


def page(client: Client, sound: Generation) -> str:
    return client.get(reverse("generation", args=[sound.public_id])).content.decode()


def do(client: Client, what: str, comment: Comment, **fields: object) -> Any:
    return client.post(reverse(f"comment-{what}", args=[comment.pk]), fields, headers=JSON)


def unread(client: Client) -> int:
    """What the bell says."""
    found = re.search(r'aria-label="Notifications(?:, (\d+) unread)?"', client.get("/history/").content.decode())
    assert found
    return int(found[1] or 0)


def later(**more: int) -> None:
    """Let this time pass for what waits to be mailed, and the worker's task run, which may be delivered twice."""
    Notification.objects.update(mail_at=F("mail_at") - timedelta(**more))
    send_mail()
    send_mail()


# Threads


def test_a_thread_has_a_place_answers_and_an_end(alice: Client, victor: Client, sound: Generation) -> None:
    first = say(victor, sound, "Too loud\r\nfrom here", start="0:01.5", end="3,25")
    assert (first.start, first.end) == (1.5, 3.25)
    assert say(alice, sound, "The last drop", start="4.05").start == 4.0
    assert say(alice, sound, "The other way round", start="2", end="1").end == 2.0
    answer = say(alice, sound, "Better now?", thread=first.pk)
    shown = page(victor, sound)
    (thread,) = [one for one in Elements(shown).having("data-thread") if one["data-thread"] == str(first.pk)]
    assert (thread["data-start"], thread["data-end"]) == ("1.500", "3.250")
    assert "Too loud\nfrom here" in shown
    assert shown.index("Better now?") > shown.index("Too loud")
    do(victor, "resolve", first, resolved="yes")
    do(alice, "resolve", first, resolved="yes")
    assert "1 resolved" in page(alice, sound)
    assert "Resolved by <bdi>victor@example.org</bdi>" in page(alice, sound)
    do(alice, "resolve", first)
    assert "1 resolved" not in page(alice, sound)
    assert do(victor, "delete", first).status_code == 200
    shown = page(alice, sound)
    assert "This was deleted." in shown
    assert "Too loud" not in shown
    assert "Better now?" in shown
    do(alice, "delete", answer)
    assert not Comment.objects.filter(pk__in=[first.pk, answer.pk]).exists()
    assert "Answers" not in page(alice, sound)


def test_what_was_written_is_text_and_nothing_else(alice: Client, team: Team, sound: Generation) -> None:
    say(alice, sound, '<script>x</script> see https://example.org/a?b=1&c="2" \u202eturned\x00\n\n\n\n@{1} &lt;')
    shown = page(alice, sound)
    assert "<script>x" not in shown
    assert "&lt;script&gt;x&lt;/script&gt;" in shown
    assert '<a href="https://example.org/a?b=1&amp;c=" rel="nofollow">' in shown
    assert "turned\n\n@{1} &amp;lt;" in shown
    assert "\u202e" not in shown


def test_what_is_refused_is_said_and_kept(alice: Client, sound: Generation) -> None:
    address = reverse("comments", args=[sound.public_id])
    for fields, field, sentence in (
        ({"text": " \u202e\n"}, "text", "Write something first."),
        ({"text": "x" * 2001}, "text", "Use 2000 characters at most; these are 2001."),
        ({"text": "x", "start": "soon"}, "start", "Write a time like 0:03.20, or seconds like 3.2."),
        ({"text": "x", "start": "1", "end": "4.2"}, "end", "This is 4.00 s long; choose a time within it."),
    ):
        refused = alice.post(address, fields, headers=JSON)
        assert (refused.status_code, refused.json()) == (422, {"error": sentence, "field": field})
    gone = alice.post(address, {"text": "An answer to nobody", "thread": 10**9})
    assert gone.status_code == 409
    assert "was deleted meanwhile" in gone.content.decode()
    assert ">An answer to nobody</textarea>" in gone.content.decode()
    sound.status = Status.RUNNING
    sound.save()
    assert alice.post(address, {"text": "x"}, headers=JSON).json()["error"].startswith("There is no sound")
    assert not Comment.objects.exists()


def test_of_two_edits_of_the_same_none_is_lost(alice: Client, mia: Client, sound: Generation) -> None:
    comment = say(alice, sound, "First")
    assert do(alice, "edit", comment, text="Second", revision=0).status_code == 200
    other = do(alice, "edit", comment, text="Mine", revision=0)
    assert other.status_code == 409
    assert "changed in another window" in other.json()["error"]
    again = alice.post(reverse("comment-edit", args=[comment.pk]), {"text": "Mine", "revision": 0}).content.decode()
    assert '<q dir="auto">Second</q>' in again
    assert 'name="revision" value="1"' in again
    assert "· edited" in page(mia, sound)
    assert do(mia, "edit", comment, text="Hers", revision=1).status_code == 403
    assert do(alice, "edit", comment, text="Mine", revision=1).status_code == 200
    assert "Mine" in page(mia, sound)


def test_the_threads_are_sent_again_only_when_they_changed(
    alice: Client, mia: Client, sound: Generation, django_assert_max_num_queries: Any
) -> None:
    address = reverse("comments", args=[sound.public_id])
    first = say(mia, sound, "One @alice@example.org")
    with CaptureQueriesContext(connection) as asked:
        stamp = alice.get(address).headers["ETag"]
    queries = len(asked)
    assert alice.get(address, headers={"If-None-Match": stamp}).status_code == 304
    do(mia, "resolve", first, resolved="yes")
    assert alice.get(address, headers={"If-None-Match": stamp}).status_code == 200
    for text in ("Two @Mia Chen", "Three @alice@example.org"):
        say(alice, sound, "An answer", thread=say(mia, sound, text).pk)
    with django_assert_max_num_queries(queries):
        alice.get(address)


def test_managers_delete_what_others_wrote_and_that_is_told(alice: Client, team: Team, sound: Generation) -> None:
    comment, admin = say(alice, sound, "Rude"), member(team, "admin", Role.ADMIN)
    assert reverse("comment-delete", args=[comment.pk]) in page(admin, sound)
    do(admin, "delete", comment)
    told = re.sub("<[^>]+>", "", alice.get(reverse("team-activity")).content.decode())
    assert "alice@example.org commented on Rain" in told
    assert "admin@example.org deleted a comment of alice@example.org on Rain" in told


def test_in_the_trash_nothing_is_said_or_told(alice: Client, mia: Client, team: Team, sound: Generation) -> None:
    comment = say(mia, sound, "Lovely")
    assert unread(alice) == 1
    trash.discard(team, None, [], [sound])
    assert unread(alice) == 0
    assert "Lovely" not in alice.get("/notifications/").content.decode()
    for response in (
        mia.post(reverse("comments", args=[sound.public_id]), {"text": "x"}),
        mia.get(reverse("comments", args=[sound.public_id])),
        do(mia, "edit", comment, text="x", revision=0),
    ):
        assert response.status_code == 404
    trash.restore(team, None, [], [sound])
    assert "Lovely" in page(alice, sound)
    Generation.everything.get(pk=sound.pk).delete()
    assert not Comment.objects.exists()


# Mentions and notifications


def test_a_mention_is_of_a_person_whatever_they_are_called(
    alice: Client, mia: Client, charlie: Client, sound: Generation
) -> None:
    User.objects.create_user("chen@example.org").memberships.create(team=sound.team)
    User.objects.filter(email="chen@example.org").update(first_name="Mia")
    text = "@mia chen, and @Mia and @charlie@example.org; x@mia.example @Miami"
    comment = say(alice, sound, text)
    assert {user.email for user in comment.mentioned.all()} == {"mia@example.org", "chen@example.org"}
    assert unread(mia) == 1
    assert unread(charlie) == 0
    User.objects.filter(email="mia@example.org").update(first_name="Mia Sørensen <b>")
    shown = page(alice, sound)
    assert '<span class="mention">@<bdi>Mia Sørensen &lt;b&gt;</bdi></span>, and' in shown
    assert "x@mia.example" in re.sub("<[^>]+>", "", shown)
    assert "@Mia Sørensen &lt;b&gt;, and @Mia and @charlie@example.org" in shown  # to be edited
    # Who shares a name is mentioned by address, and one who has left stays mentioned when the words change.
    User.objects.filter(email="chen@example.org").update(first_name="Mia Sørensen <b>")
    Membership.objects.filter(user__email="chen@example.org").delete()
    do(alice, "edit", comment, text="@mia@example.org @chen@example.org @Mia Sørensen <b>", revision=0)
    comment.refresh_from_db()
    assert comment.mentioned.count() == 2
    assert comment.text.endswith("@Mia Sørensen <b>")


def test_the_bell_tells_each_of_what_concerns_them_once(
    alice: Client, mia: Client, victor: Client, charlie: Client, team: Team, sound: Generation
) -> None:
    first = say(mia, sound, "Hello @alice@example.org")
    assert (unread(alice), unread(mia), unread(victor)) == (1, 0, 0)
    assert "mentioned you" in alice.get("/notifications/").content.decode()
    page(alice, sound)
    assert unread(alice) == 0
    say(victor, sound, "I agree", thread=first.pk)
    assert (unread(alice), unread(mia), unread(victor)) == (1, 1, 0)
    assert "answered in a thread you are in" in mia.get("/notifications/").content.decode()
    mia.post(reverse("notifications-read"))
    assert (unread(alice), unread(mia)) == (1, 0)
    # Who is mentioned no more is told no more.
    wrong = say(alice, sound, "@Mia Chen")
    assert unread(mia) == 1
    do(alice, "edit", wrong, text="@victor@example.org", revision=0)
    assert (unread(mia), unread(victor)) == (0, 1)
    # Outside of the team nothing of it is seen, from that moment.
    Membership.objects.filter(user__email="victor@example.org").delete()
    assert unread(victor) == 0
    assert "Nothing to tell" in victor.get("/notifications/").content.decode()
    assert "I agree" not in charlie.get("/notifications/").content.decode()


# Mail


def test_mail_is_sent_once_of_what_was_not_read(
    alice: Client, mia: Client, victor: Client, team: Team, sound: Generation, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://sound.example.com"
    say(alice, sound, "Louder, @Mia Chen & @victor@example.org", start="1.5")
    later(seconds=0)
    assert mail.outbox == []  # whoever is on the page may read it there
    page(victor, sound)
    later(minutes=1)
    (sent,) = mail.outbox
    assert sent.to == ["mia@example.org"]
    assert sent.subject == "alice@example.org mentioned you"
    assert f"https://sound.example.com/g/{sound.public_id}/#comments" in sent.body
    assert "at 0:01.50:\nLouder, @Mia Chen & @victor@example.org\n" in sent.body
    assert "https://sound.example.com/account/" in sent.body
    later(days=1)
    assert len(mail.outbox) == 1


def test_a_day_is_one_mail_and_never_is_none(alice: Client, mia: Client, victor: Client, sound: Generation) -> None:
    mia.post("/account/", {"name": "Mia Chen", "comment_mail": CommentMail.DAILY})
    victor.post("/account/", {"name": "", "comment_mail": CommentMail.NEVER})
    for text in ("One @Mia Chen", "Two @Mia Chen @victor@example.org", "Three @Mia Chen"):
        last = say(alice, sound, text)
    do(alice, "delete", last)
    due = Notification.objects.filter(to__email="mia@example.org").latest("pk").mail_at
    assert due
    assert (timezone.localtime(due).hour, timedelta(0) < due - timezone.now() <= timedelta(days=1)) == (7, True)
    later(minutes=1)
    assert mail.outbox == []
    later(days=1)
    (sent,) = mail.outbox
    assert sent.subject == "2 comments for you"
    assert sent.body.count("/g/") == 1
    assert "Three" not in sent.body


def test_no_mail_after_leaving_or_of_what_is_gone(alice: Client, mia: Client, team: Team, sound: Generation) -> None:
    comment = say(alice, sound, "@Mia Chen")
    Membership.objects.filter(user__email="mia@example.org").delete()
    later(minutes=1)
    Membership.objects.create(team=team, user=User.objects.get(email="mia@example.org"))
    do(alice, "delete", comment)
    say(alice, sound, "@Mia Chen")
    mia.post("/account/", {"name": "Mia Chen", "comment_mail": CommentMail.NEVER})
    later(minutes=1)
    assert mail.outbox == []


def test_a_mail_server_that_is_down_delays_the_mail(
    alice: Client, mia: Client, sound: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(alice, sound, "@Mia Chen")

    def refuse(*_: object) -> int:
        raise ConnectionRefusedError

    with monkeypatch.context() as down:
        down.setattr(EmailBackend, "send_messages", refuse)
        later(minutes=1)
    assert mail.outbox == []
    later(minutes=6)
    assert len(mail.outbox) == 1


def test_the_worker_knows_what_is_scheduled(settings: Any) -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)


# Guests


def shared(client: Client, sound: Generation, **fields: str) -> ShareLink:
    sent = {"generation": sound.public_id, "confirmed": "yes", "days": "30", "takes_comments": "on", **fields}
    assert client.post(reverse("team-link-new"), sent).status_code == 302
    return ShareLink.objects.latest("pk")


def guest_says(guest: Client, link: ShareLink, sound: Generation, text: str, **fields: object) -> Any:
    address = reverse("share-comments", args=[link.token, sound.public_id])
    return guest.post(address, {"name": "Clara Client", "text": text, **fields}, headers=JSON)


def test_guests_and_the_team_talk_and_guests_see_nothing_else(
    alice: Client, mia: Client, sound: Generation, team: Team
) -> None:
    link, other, guest = shared(alice, sound), shared(alice, sound), Client()
    say(alice, sound, "Between us: they won’t like it")
    assert (
        guest_says(guest, link, sound, "Can it be softer, @alice@example.org?", start="1", end="2").status_code == 200
    )
    assert guest_says(Client(), other, sound, "Another client").status_code == 200
    thread = Comment.objects.get(text__startswith="Can it")
    seen = page(alice, sound)
    assert '<bdi>Clara Client</bdi></strong> <span class="badge">Guest</span>' in seen
    assert reverse("team-link", args=[link.pk]) in seen
    assert unread(mia) == 0
    assert thread.mentioned.count() == 0
    say(alice, sound, "Yes; @Mia Chen will", thread=thread.pk)
    User.objects.filter(email="mia@example.org").update(first_name="")

    for seen in (
        guest.get(reverse("share", args=[link.token])).content.decode(),
        guest.get(reverse("share-comments", args=[link.token, sound.public_id])).content.decode(),
    ):
        assert "Can it be softer" in seen
        assert "<bdi>The team</bdi>" in seen
        assert "will" in seen
        assert "alice@example.org?" in seen  # what the guest wrote
        assert "mia@example.org" not in seen
        assert team.name not in seen
        assert "Between us" not in seen
        assert "Another client" not in seen
        assert "comment-delete" not in seen
        assert 'value="Clara Client"' in seen
    # Not even to be answered.
    between = Comment.objects.get(text__startswith="Between")
    assert guest_says(guest, link, sound, "Ha", thread=between.pk).status_code == 409
    listed = alice.get(reverse("team-links")).content.decode()
    assert "comments on, 1 written" in listed
    told = re.sub("<[^>]+>", "", alice.get(reverse("team-activity")).content.decode())
    assert "The guest Clara Client commented on Rain" in told


def test_a_guest_says_who_they_are_and_not_too_much(alice: Client, sound: Generation) -> None:
    link, guest = shared(alice, sound), Client(enforce_csrf_checks=True)
    assert guest_says(guest, link, sound, "Hello").status_code == 403
    guest = Client()
    nameless = guest_says(guest, link, sound, "Hello", name=" \u202e ")
    assert nameless.json()["field"] == "name"
    answers = [guest_says(guest, link, sound, f"Hello {n}", name="Eve\u202e <b>").status_code for n in range(11)]
    assert answers == [200] * 10 + [429]
    assert Comment.objects.latest("pk").guest_name == "Eve <b>"
    kept = guest.post(reverse("share-comments", args=[link.token, sound.public_id]), {"name": "Eve", "text": "Kept"})
    assert ">Kept</textarea>" in kept.content.decode()


@pytest.mark.parametrize("how", ["off", "locked", "revoked", "expired", "in the trash"])
def test_no_guest_writes_where_the_link_does_not_let_them(alice: Client, sound: Generation, how: str) -> None:
    link = shared(alice, sound, **{"off": {"takes_comments": ""}, "locked": {"password": "seagull"}}.get(how, {}))
    guest = Client()
    if how == "revoked":
        alice.post(reverse("link-revoke", args=[link.pk]))
    elif how == "expired":
        ShareLink.objects.update(expires_at=timezone.now())
    elif how == "in the trash":
        trash.discard(sound.team, None, [], [sound])
    refused = guest_says(guest, link, sound, "Hello")
    assert refused.status_code == 404
    assert "What you wrote is still here" in refused.json()["error"]
    assert guest.get(reverse("share-comments", args=[link.token, sound.public_id])).status_code == 404
    assert not Comment.objects.exists()
    if how == "off":
        assert "data-comments" not in guest.get(reverse("share", args=[link.token])).content.decode()
        alice.post(reverse("link-change", args=[link.pk]), {"days": "keep", "takes_comments": "on"})
        assert guest_says(guest, link, sound, "Hello").status_code == 200
        assert "its guests see the answers" in page(alice, sound)
        alice.post(reverse("link-change", args=[link.pk]), {"days": "keep"})
        assert guest_says(guest, link, sound, "Hello").status_code == 404
        assert "that shows no comments any more" in page(alice, sound)


def test_there_is_a_bound_to_what_is_said_of_one_sound(
    alice: Client, sound: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "COMMENTS_PER_SOUND", 2)
    say(alice, sound, "One")
    say(alice, sound, "Two")
    assert alice.post(reverse("comments", args=[sound.public_id]), {"text": "Three"}).status_code == 409
