"""Somebody who uses Soundstage over HTTP, as a browser does: signed in by the form, with a CSRF token in every form."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"
ACCOUNT = {"ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD}
PATIENCE_SECONDS = 60.0

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
PHASE = re.compile(r'data-phase="(\w+)"')
STATUS = re.compile(r'data-status="(\w+)"')


class Person:
    """One browser's worth of cookies; every call is a request to `client`'s address."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def send(
        self, address: str, data: Mapping[str, str], *, page: str = "", clip: Path | None = None
    ) -> httpx.Response:
        """Send the form at `page` (its own address, if that is not `address`), the clip streamed as its `upload`."""
        token = TOKEN.search(self.client.get(page or address, follow_redirects=True).text)
        assert token, f"no form at {page or address}"
        fields = {**data, "csrfmiddlewaretoken": token[1]}
        if clip is None:
            return self.client.post(address, data=fields)
        with clip.open("rb") as file:
            return self.client.post(address, data=fields, files={"upload": (clip.name, file)})

    def sign_in(self) -> None:
        answer = self.send("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
        assert answer.status_code == 302, answer.text

    def upload(self, clip: Path) -> httpx.Response:
        return self.send("/clips/", {}, page="/", clip=clip)

    def ask(self, clip: Path | str | None = None, **parameters: str) -> str:
        """Ask for sound for a new clip, one the team has (its asset ID), or none; the address of the results page."""
        form = {
            "mode": "video" if clip else "text", "prompt": "knocks on wood", "duration": "8", "quality_steps": "25",
            "prompt_strength": "4.5", "seed": "7", **({"clip": clip} if isinstance(clip, str) else {}), **parameters,
        }  # fmt: skip
        answer = self.send("/", form, clip=clip if isinstance(clip, Path) else None)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def phase(self, page: str) -> str:
        """queued, running or finished, as the results page would say now."""
        found = PHASE.search(self.client.get(f"{page}live/").raise_for_status().text)
        assert found
        return found[1]

    def wait(self, page: str, *phases: str, pause: float = 0.05) -> None:
        """Look at the results page, every `pause` seconds, until it is in one of the phases."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (phase := self.phase(page)) not in phases:
            assert time.monotonic() < deadline, f"still {phase}"
            time.sleep(pause)

    def outcome(self, page: str, pause: float = 0.05) -> str:
        """How the generation ended: succeeded, failed or cancelled."""
        self.wait(page, "finished", pause=pause)
        found = STATUS.search(self.client.get(page).text)
        assert found
        return found[1]

    def download(self, page: str, kind: str) -> httpx.Response:
        return self.client.get(f"/media{page}{kind}?download").raise_for_status()


@contextmanager
def signed_in(address: str) -> Iterator[Person]:
    with httpx.Client(base_url=address, timeout=60) as client:
        person = Person(client)
        person.sign_in()
        yield person
