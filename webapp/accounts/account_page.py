"""A person's own account: what they are called, and the way to everything about it that django-allauth serves."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from webapp.accounts.access import TeamRequest
from webapp.accounts.models import CommentMail
from webapp.fields import NameField


class PersonForm(forms.Form):
    name = NameField(
        "Your name", missing="", required=False, help_text="What your teams see. Without one it is your email address."
    )
    comment_mail = forms.ChoiceField(
        label="Mail about comments",
        choices=CommentMail,
        widget=forms.Select({"class": "box"}),
        help_text="When somebody mentions or answers you, or comments on a sound you made, unless you have read it.",
        error_messages={"invalid_choice": "Choose one of these.", "required": "Choose one of these."},
    )


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: TeamRequest) -> HttpResponse:
    """`GET /account/`; `POST` with `name` and `comment_mail` changes what one is called, and when one gets mail."""
    user = request.user
    form = PersonForm(request.POST or None, initial={"name": user.get_full_name(), "comment_mail": user.comment_mail})
    if request.method == "POST" and form.is_valid():
        user.first_name, user.last_name = form.cleaned_data["name"], ""
        user.comment_mail = form.cleaned_data["comment_mail"]
        user.save(update_fields=["first_name", "last_name", "comment_mail"])
        messages.success(request, f"Saved. Your teams see {user.shown_name} now.")
        return redirect("account")
    UserSession.objects.create_from_request(request)  # where it has not been listed since it was signed in
    context = {
        "form": form,
        "two_factor": is_mfa_enabled(user),
        "unconfirmed": EmailAddress.objects.filter(user=user, verified=False).exclude(email=user.email).exists(),
        "sessions": len(UserSession.objects.purge_and_list(user)),
    }
    return render(request, "account/account.html", context, status=422 if form.is_bound else 200)


@require_POST
def end_session(request: TeamRequest, session_id: int) -> HttpResponse:
    """`POST /account/sessions/<id>/end/`: signs that browser out, at once."""
    session = get_object_or_404(UserSession, user=request.user, pk=session_id)
    current = session.session_key == request.session.session_key
    session.end()
    if current:
        logout(request)
        return redirect("account_login")
    messages.success(request, "That browser is signed out.")
    return redirect("usersessions_list")
