"""The credentials of backends: a team's own, encrypted at rest, or else the installation's.

Encrypted with Fernet (AES-128-CBC and HMAC-SHA256, https://github.com/fernet/spec) under the first of
`settings.KEYS_SECRETS`; what an earlier one encrypted can still be read as long as that secret is listed after it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.crypto import salted_hmac

from jobs.backends import registry
from jobs.backends.base import BadKey, Credentials
from jobs.models import BackendKey

if TYPE_CHECKING:
    from webapp.accounts.models import Team, User

PURPOSE = b"soundstage: the keys of backends"


class MissingKey(BadKey):
    """A backend's credentials are not there, or can't be read."""


def credentials(backend: str, team: Team) -> Credentials:
    """What `backend` asks for, in the order it names them: the team's own, else the installation's. Raises MissingKey.

    A team that has stored its own never falls back on the installation's: it would spend another's money.
    """
    offer = registry.offer(backend)
    values = _values(backend, team)
    absent = [name for name in offer.needs if not values.get(name)]
    if absent:
        raise MissingKey(
            f"{offer.label} can’t be used yet: {' and '.join(absent)} missing. "
            "An owner or administrator of your team can enter it, or choose another backend."
        )
    return tuple((name, values[name]) for name in offer.needs)


def missing(backend: str, team: Team) -> list[str]:
    """The names of the credentials that are not there; empty where the backend is ready. Raises nothing."""
    needs = registry.offer(backend).needs
    try:
        values = _values(backend, team)
    except MissingKey:
        return list(needs)
    return [name for name in needs if not values.get(name)]


def account(backend: str, team: Team) -> str:
    """A name for the provider's account that `team` uses, to see whether it is the same as before. Raises MissingKey.

    The key can't be told from it.
    """
    return salted_hmac(PURPOSE.decode(), repr(credentials(backend, team)), algorithm="sha256").hexdigest()[:16]


def set_key(team: Team, backend: str, values: Mapping[str, str], user: User | None) -> BackendKey:
    """Store a team's own credentials in place of those before. Raises ValidationError, by name, for unusable ones."""
    given = {name: values.get(name, "").strip() for name in registry.offer(backend).needs}
    wrong = {name: ["Enter the key as the provider shows it."] for name, value in given.items() if not _usable(value)}
    if wrong:
        raise ValidationError(wrong)
    key, _ = BackendKey.objects.update_or_create(
        team=team,
        backend=backend,
        defaults={"secret": encrypt(given), "set_by": user, "set_at": timezone.now()},
    )
    return key


def remove_key(team: Team, backend: str) -> bool:
    """Forget a team's own credentials; False where there were none."""
    deleted, _ = BackendKey.objects.filter(team=team, backend=backend).delete()
    return bool(deleted)


def rotate() -> int:
    """Encrypt every stored key anew under the first of `settings.KEYS_SECRETS`; how many. Raises InvalidToken."""
    keys = list(BackendKey.objects.all())
    for key in keys:
        BackendKey.objects.filter(pk=key.pk, secret=key.secret).update(secret=encrypt(decrypt(key.secret)))
    return len(keys)


def encrypt(values: Mapping[str, str]) -> str:
    return _locks(*settings.KEYS_SECRETS).encrypt(json.dumps(dict(values)).encode()).decode()


def decrypt(secret: str) -> dict[str, str]:
    """Raises InvalidToken where none of the secrets encrypted it."""
    values: dict[str, str] = json.loads(_locks(*settings.KEYS_SECRETS).decrypt(secret.encode()))
    return values


@cache
def _locks(*secrets: str) -> MultiFernet:
    """One lock for each secret, however long or short that is (HKDF, RFC 5869)."""
    derived = (HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode()) for secret in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])


def _values(backend: str, team: Team) -> dict[str, str]:
    """Raises MissingKey where the team has stored credentials that can't be read."""
    own = BackendKey.objects.filter(team=team, backend=backend).first()
    if own is None:
        return {name: getattr(settings, name) for name in registry.offer(backend).needs}
    try:
        return decrypt(own.secret)
    except InvalidToken:
        raise MissingKey(
            f"The key your team stored for {registry.offer(backend).label} can’t be read any more. Enter it again."
        ) from None


def _usable(value: str) -> bool:
    """Whether it can be sent in a header: an error about one that can't might print it."""
    return bool(value) and value.isascii() and value.isprintable() and " " not in value
