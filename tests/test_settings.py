"""What the environment may say, and what is refused before anything starts."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.programs import ROOT
from webapp import environment

SECRET = "s" * 32
PRODUCTION = {
    "PRODUCTION": "1", "SECRET_KEY": SECRET, "ENGINE_KEY": SECRET, "KEYS_SECRET": SECRET,
    "ALLOWED_HOSTS": "sound.example.com",
}  # fmt: skip


def manage(data: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=clean | {"DATA_DIR": str(data)} | variables,
        check=False, timeout=60, capture_output=True, text=True,
    )  # fmt: skip


def settings_with(data: Path, *names: str, **variables: str) -> dict[str, Any]:
    code = f"from webapp import settings; import json; print(json.dumps({{n: getattr(settings, n) for n in {names}}}))"
    done = manage(data, "shell", "--verbosity", "0", "--command", code, **variables)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def refusal(data: Path, **variables: str) -> str:
    """The one line that says why nothing starts with these."""
    done = manage(data, "check", **variables)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ENGINE_KEY", "KEYS_SECRET", "ALLOWED_HOSTS"])
def test_production_names_what_is_missing(tmp_path: Path, missing: str) -> None:
    said = refusal(tmp_path, **{name: value for name, value in PRODUCTION.items() if name != missing})
    assert said == f"PRODUCTION=1 needs these to be set: {missing}."


def test_production_names_everything_that_is_missing_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, PRODUCTION="1")
    assert said == "PRODUCTION=1 needs these to be set: SECRET_KEY, ENGINE_KEY, KEYS_SECRET, ALLOWED_HOSTS."


@pytest.mark.parametrize("name", ["SECRET_KEY", "ENGINE_KEY", "KEYS_SECRET"])
def test_production_refuses_a_secret_that_can_be_guessed(tmp_path: Path, name: str) -> None:
    assert name in refusal(tmp_path, **PRODUCTION | {name: "changeme"})


def test_production_draws_no_secrets_of_its_own_and_keeps_cookies_to_https(tmp_path: Path) -> None:
    cookies = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
    names = ("SECRET_KEY", "ENGINE_KEY", "ALLOWED_HOSTS", "DEBUG", *cookies, "LOG_FORMAT")
    got = settings_with(tmp_path, *names, **PRODUCTION)
    assert got == {
        "SECRET_KEY": SECRET, "ENGINE_KEY": SECRET, "ALLOWED_HOSTS": ["sound.example.com"], "DEBUG": False,
        "SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True, "LOG_FORMAT": "json",
    }  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()}.isdisjoint({"secret-key", "engine-key", "keys-secret"})


def test_only_behind_a_proxy_is_its_word_taken(tmp_path: Path) -> None:
    names = ("SECURE_PROXY_SSL_HEADER", "SECURE_HSTS_SECONDS", "ALLAUTH_TRUSTED_PROXY_COUNT")
    assert list(settings_with(tmp_path, *names, **PRODUCTION).values()) == [None, 0, 0]
    header, hsts, proxies = settings_with(tmp_path, *names, **PRODUCTION, BEHIND_TLS_PROXY="1").values()
    assert (header, hsts > 0, proxies) == (["HTTP_X_FORWARDED_PROTO", "https"], True, 1)


def test_the_embedded_set_up_draws_secrets_once_and_lets_nobody_else_read_them(tmp_path: Path) -> None:
    first = settings_with(tmp_path, "SECRET_KEY", "ENGINE_KEY", "KEYS_SECRETS")
    assert first == settings_with(tmp_path, "SECRET_KEY", "ENGINE_KEY", "KEYS_SECRETS")
    secrets = [first["SECRET_KEY"], first["ENGINE_KEY"], *first["KEYS_SECRETS"]]
    assert len(set(secrets)) == 3
    assert min(len(secret) for secret in secrets) >= 32
    for name in ("secret-key", "engine-key", "keys-secret"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "http", "PORT must be a whole number, not 'http'."),
        ("MAX_UPLOAD_MB", "1.5", "MAX_UPLOAD_MB must be a whole number, not '1.5'."),
        ("PRODUCTION", "maybe", "PRODUCTION must be 1 or 0, not 'maybe'."),
        ("ENGINE_VARIANTS", "large one", "ENGINE_VARIANTS must list variants such as small_16k, not 'large one'."),
        ("DEFAULT_BACKEND", "fax", "DEFAULT_BACKEND must be one of engine, fal, scenario, not 'fax'."),
        (
            "RESULT_HOSTS",
            "fal.media,https://cdn.example",
            "RESULT_HOSTS must list host names such as files.example.com, not 'https://cdn.example'.",
        ),
        ("UPLOAD_HOSTS", "*", "UPLOAD_HOSTS must list host names such as files.example.com, not '*'."),
        ("FAL_DAILY_LIMIT", "-1", "FAL_DAILY_LIMIT must be an amount such as 0.05, not '-1'."),
        ("FAL_PRICE_PER_SECOND", "nan", "FAL_PRICE_PER_SECOND must be an amount such as 0.05, not 'nan'."),
        (
            "FAL_QUEUE_URL",
            "http://fal.example",
            "FAL_QUEUE_URL must be an https:// address, or http:// on this machine.",
        ),
        (
            "SCENARIO_BASE_URL",
            "https://key@scenario.example",
            "SCENARIO_BASE_URL must be an https:// address, or http:// on this machine.",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_one_sentence(tmp_path: Path, name: str, value: str, said: str) -> None:
    assert refusal(tmp_path, **{name: value}) == said


def test_a_secret_comes_from_a_file_when_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv("SOME_KEY", "from the variable")
    assert environment.text("SOME_KEY") == "from the variable"
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "secret"))
    assert environment.text("SOME_KEY") == "from the file"


def test_a_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "secret"))
    with pytest.raises(ImproperlyConfigured, match="SOME_KEY_FILE"):
        environment.text("SOME_KEY")


def test_flags_numbers_and_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IT", "Yes")
    assert environment.flag("IT") is True
    monkeypatch.setenv("IT", "off")
    assert environment.flag("IT", default=True) is False
    monkeypatch.setenv("IT", "")
    assert environment.flag("IT", default=True) is True
    assert environment.number("IT", 7) == 7
    monkeypatch.setenv("IT", "12")
    assert environment.number("IT", 7) == 12
    monkeypatch.setenv("IT", "a, b,,c ")
    assert environment.words("IT") == ["a", "b", "c"]


def test_a_hosted_backend_is_reached_over_https_or_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("https://queue.example/", "http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9000"):
        monkeypatch.setenv("IT", value)
        assert environment.address("IT", "") == value.rstrip("/")
    for value in ("http://10.0.0.1", "ftp://queue.example", "queue.example", "https://", "https://queue.example:x"):
        monkeypatch.setenv("IT", value)
        with pytest.raises(ImproperlyConfigured, match="IT must be an https"):
            environment.address("IT", "")


def test_single_sign_on_says_what_it_lacks(tmp_path: Path) -> None:
    said = refusal(tmp_path, OIDC_SERVER_URL="https://login.example.com")
    assert said == "OIDC_SERVER_URL needs these to be set: OIDC_CLIENT_ID, OIDC_CLIENT_SECRET."
    said = refusal(tmp_path, OIDC_SERVER_URL="http://login.example.com")
    assert said == "OIDC_SERVER_URL must be an https:// address, or http:// on this machine."
