"""Reading the environment: typed, strict, and secrets from a file when asked."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

SECRET_LENGTH = 32
HOST_PATTERN = re.compile(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?")


def text(name: str, default: str = "") -> str:
    """The variable `name`, or the content of the file named by `NAME_FILE` (how containers hand over secrets).

    What is set to nothing counts as not set.
    """
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which can't be read: {error.strerror}.") from None
    return os.environ.get(name) or default


def number(name: str, default: int) -> int:
    """A whole number; raises ImproperlyConfigured for anything else."""
    value = text(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def days(name: str) -> int:
    """A whole number of days, 0 where nothing is set; raises ImproperlyConfigured for anything else, or below 0."""
    value = number(name, 0)
    if value < 0:
        raise ImproperlyConfigured(f"{name} must be a number of days, or 0 for never, not {value}.")
    return value


def amount(name: str, default: str) -> Decimal:
    """A number of money or of a provider's units, exact; raises ImproperlyConfigured for what is none, or below 0."""
    value = text(name, default)
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise ImproperlyConfigured(f"{name} must be an amount such as 0.05, not {value!r}.")
    return number


def address(name: str, default: str) -> str:
    """The address of a service that gets a secret: https, or plain http on this machine alone.

    Raises ImproperlyConfigured for any other.
    """
    value = text(name, default).rstrip("/")
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        parts = urlsplit("")
    plain = parts.scheme == "http" and _is_loopback(parts.hostname or "")
    if not parts.hostname or parts.username or not (parts.scheme == "https" or plain):
        raise ImproperlyConfigured(f"{name} must be an https:// address, or http:// on this machine.")
    return value


def variants(name: str) -> list[str]:
    """A comma-separated list of names of up to 13 letters, digits and underscores: with "engine-" they are a backend's.

    Raises ImproperlyConfigured for anything else.
    """
    listed = words(name)
    for entry in listed:
        if not re.fullmatch(r"[a-z0-9_]{1,13}", entry):
            raise ImproperlyConfigured(f"{name} must list variants such as small_16k, not {entry!r}.")
    return listed


def hosts(name: str, default: str) -> list[str]:
    """A comma-separated list of host names: "example.com", "example.com:8443", "*.example.com".

    Raises ImproperlyConfigured for anything else.
    """
    listed = words(name, default)
    for entry in listed:
        if not HOST_PATTERN.fullmatch(entry):
            raise ImproperlyConfigured(f"{name} must list host names such as files.example.com, not {entry!r}.")
    return listed


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def one_of(name: str, choices: tuple[str, ...], default: str) -> str:
    """One of the words in `choices`; raises ImproperlyConfigured for any other."""
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def flag(name: str, default: bool = False) -> bool:
    """True for 1/true/yes/on, False for 0/false/no/off; raises ImproperlyConfigured for anything else."""
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def require(*names: str, needed_by: str = "PRODUCTION=1") -> None:
    """Raises ImproperlyConfigured that names each variable which is not set, and what needs it."""
    missing = [name for name in names if not text(name)]
    if missing:
        raise ImproperlyConfigured(f"{needed_by} needs these to be set: {', '.join(missing)}.")


def require_long(*names: str) -> None:
    """Raises ImproperlyConfigured that names each secret which is short enough to be guessed."""
    short = [name for name in names if len(text(name)) < SECRET_LENGTH]
    if short:
        raise ImproperlyConfigured(f"PRODUCTION=1 needs at least {SECRET_LENGTH} characters in: {', '.join(short)}.")


def kept_secret(path: Path) -> str:
    """The secret stored at `path`, drawn and stored there (readable by its owner only) the first time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    value = secrets.token_urlsafe(48)
    with os.fdopen(handle, "w") as file:
        file.write(value)
    return value
