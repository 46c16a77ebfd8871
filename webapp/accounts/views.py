"""The set-up page. Everything else about accounts is django-allauth's."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from webapp.accounts.forms import SetUpForm
from webapp.accounts.models import User
from webapp.accounts.setup import AlreadySetUp, create_first_account


@sensitive_post_parameters("password")
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """Makes the first account and its team, and signs it in; once an account exists this leads to sign-in."""
    if User.objects.exists():
        return redirect("account_login")
    form = SetUpForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "setup.html", {"form": form}, status=422 if form.is_bound else 200)
    wanted = form.cleaned_data
    try:
        user = create_first_account(wanted["email"], wanted["password"], wanted["team_name"])
    except (AlreadySetUp, IntegrityError):  # somebody else was faster
        return redirect("account_login")
    login(request, user)
    UserSession.objects.create_from_request(request)
    return redirect("studio")
