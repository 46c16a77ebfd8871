"""What the set-up page asks for."""

from __future__ import annotations

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from webapp.accounts.models import Team, User


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
    team_name = forms.CharField(
        label="Team name",
        max_length=Team._meta.get_field("name").max_length,
        widget=forms.TextInput({"autocomplete": "organization"}),
        help_text="Clips and results belong to the team.",
        error_messages={"required": "Give your team a name."},
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text="At least 8 characters, and not one that everybody uses.",
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
