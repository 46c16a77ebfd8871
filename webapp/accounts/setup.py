"""Making the first account and its team."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.color import no_style
from django.core.validators import validate_email
from django.db import connection, transaction

from webapp.accounts.models import User
from webapp.accounts.teams import add_team


class AlreadySetUp(Exception):
    """An account exists; the first one can't be made again."""


def create_first_account(email: str, password: str, team_name: str = "") -> User:
    """The administrator and the first team, together or not at all. Raises AlreadySetUp when an account exists."""
    with transaction.atomic():
        if User.objects.exists():
            raise AlreadySetUp
        # A fixed primary key: of two set-ups at the same moment the database refuses one.
        user = User.objects.create_superuser(email, password, pk=1)
        add_team(user, team_name)
        with connection.cursor() as cursor:  # PostgreSQL would give that key once more
            for statement in connection.ops.sequence_reset_sql(no_style(), [User]):
                cursor.execute(statement)
    return user


def create_account_from_environment() -> bool:
    """Do what the set-up page does with ADMIN_EMAIL and ADMIN_PASSWORD; True if an account was made.

    Raises ImproperlyConfigured when they are not a usable e-mail address and password.
    """
    email, password = settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD
    if not (email and password) or User.objects.exists():
        return False
    try:
        validate_email(email)
        validate_password(password)
    except ValidationError as error:
        raise ImproperlyConfigured(f"ADMIN_EMAIL or ADMIN_PASSWORD: {' '.join(error.messages)}") from None
    create_first_account(email, password)
    return True
