"""What the pages for a new account ask for."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import AddEmailForm, ChangePasswordForm, ResetPasswordKeyForm, SetPasswordForm, SignupForm
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from webapp.accounts import invitations
from webapp.accounts.models import User
from webapp.accounts.teams import Refused
from webapp.fields import NameField

WELL_CHOSEN = "At least 8 characters, and not one that everybody uses."


class SetUpForm(forms.Form):
    """The first account and its team."""

    email = forms.EmailField(
        label="Email",
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "email", "autofocus": True}),
        error_messages={
            "required": "Enter your email address.",
            "invalid": "Enter an email address, like name@example.com.",
        },
    )
    team_name = NameField(
        "Team name", missing="Give your team a name.", help_text="Clips and results belong to the team."
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=WELL_CHOSEN,
        error_messages={"required": "Choose a password."},
    )

    def clean(self) -> None:
        super().clean()
        password = self.cleaned_data.get("password")
        if password:
            try:
                validate_password(password, User(email=self.cleaned_data.get("email", "")))
            except ValidationError as error:
                self.add_error("password", error)


class SignUpForm(SignupForm):  # type: ignore[misc]
    """An account of one's own; whoever comes with an invitation joins its team in the same moment."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].error_messages |= {
            "required": "Enter your email address.",
            "invalid": "Enter an email address, like name@example.com.",
        }
        self.fields["password1"].help_text = WELL_CHOSEN
        self.fields["password1"].error_messages["required"] = "Choose a password."

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """The account and the membership together or not at all: the link may have been used a moment ago."""
        try:
            with transaction.atomic():
                user, response = super().try_save(request)
                if user is not None:
                    invitations.redeem(request, user)
        except Refused:
            return None, redirect("invitation", request.session[invitations.PENDING])
        return user, response


class AddAddressForm(AddEmailForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        """An address signs one account in, so it is said at once that another has it."""
        address = str(super().clean_email())
        if User.objects.filter(email=address).exclude(pk=self.user.pk).exists():
            raise ValidationError("Another account signs in with this address.")
        return address


class NewPassword:
    """A new password is entered once, as for a new account: it can be looked at."""

    password2 = None
    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        password = self.fields["password1"]
        password.label, password.help_text = "New password", WELL_CHOSEN
        password.error_messages["required"] = "Choose a password."


class ChangePassword(NewPassword, ChangePasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = "Current password"
        self.fields["oldpassword"].error_messages["required"] = "Enter your current password."


class SetPassword(NewPassword, SetPasswordForm):  # type: ignore[misc]
    pass


class ResetPassword(NewPassword, ResetPasswordKeyForm):  # type: ignore[misc]
    pass
