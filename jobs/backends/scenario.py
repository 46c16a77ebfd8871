"""Scenario (https://docs.scenario.com): MM Audio 2 as its models, clips as its assets, jobs that are polled."""

from __future__ import annotations

import math
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from jobs.backends.base import (
    Answer,
    BackendError,
    BadKey,
    Busy,
    InputRejected,
    JobFailed,
    Lost,
    NoAudio,
    NoCredit,
    PlanRestricted,
    PolicyRefused,
    Request,
    State,
    Stopped,
    Ticket,
    Unreachable,
    Upload,
)
from jobs.backends.egress import Egress
from jobs.backends.wire import About, Wire, retry_after

VIDEO_TO_AUDIO = "model_mm-audio-2"
TEXT_TO_AUDIO = "model_mm-audio-2-t2a"
# Every part but the last must have at least 5 MB.
PART_BYTES = 8 * 1024 * 1024
WHERE_TO_LOOK = "Look for it at https://app.scenario.com before you ask again"

POLICY_WORDS = ("moderation", "nsfw", "content policy", "inappropriate", "safety")
NO_CREDIT_WORDS = ("creative unit", "compute unit", "credit", "quota", "insufficient")


class Scenario:
    def __init__(self, base_url: str, egress: Egress, *, key: str, secret: str, authorisation: str) -> None:
        self.name = "scenario"
        self.paid = self.sends_proxy = self.remembers_uploads = True
        self.first_poll, self.slowest_poll = 2.0, 10.0
        self._base_url = base_url
        self._egress = egress
        self._wire = Wire("Scenario", egress, self._explain, (authorisation.partition(" ")[2], secret, key))

    def upload(self, clip: Path) -> Upload:
        """Announce the parts, send them, say that all are there; Scenario imports the clip then, in its own time."""
        size = clip.stat().st_size
        content_type = mimetypes.guess_type(clip.name)[0] or "video/mp4"
        count = max(1, math.ceil(size / PART_BYTES))
        announced = {
            "fileName": f"clip{clip.suffix}",
            "contentType": content_type,
            "kind": "video",
            "parts": count,
            "fileSize": size,
        }
        upload = self._object(self._wire.call("POST", f"{self._base_url}/uploads", "upload", json=announced), "upload")
        parts = upload.get("parts")
        if not _is_id(upload.get("id")) or not isinstance(parts, list):
            raise self._wire.rubbish()
        urls = {part.get("number"): str(part.get("url")) for part in parts if isinstance(part, dict)}
        if set(urls) != set(range(1, count + 1)):
            raise self._wire.rubbish()
        with clip.open("rb") as file:
            for number in range(1, count + 1):
                length = min(PART_BYTES, size - (number - 1) * PART_BYTES)
                self._wire.send(urls[number], _blocks(file, length), length, content_type)
        action = f"{self._base_url}/uploads/{upload['id']}/action"
        self._wire.call("POST", action, "upload", json={"action": "complete"})
        return self.check_upload({"id": upload["id"], "ready": False})

    def check_upload(self, upload: Upload) -> Upload:
        if upload["ready"]:
            return upload
        answer = self._wire.call("GET", f"{self._base_url}/uploads/{upload['id']}", "status")
        state = self._object(answer, "upload")
        if state.get("status") == "failed":
            said = self._wire.quote(state.get("errorMessage"))
            raise InputRejected(f"Scenario could not take the clip{f': {said}' if said else ''}.")
        if state.get("status") == "imported" and _is_id(state.get("entityId")):
            return {"id": upload["id"], "asset": state["entityId"], "ready": True}
        return upload

    def submit(self, request: Request, upload: Upload | None) -> Ticket:
        body: dict[str, Any] = {
            "prompt": request.prompt,
            "negativePrompt": request.negative_prompt,
            "duration": request.duration,
            "numSteps": request.quality_steps,
            "cfgStrength": request.prompt_strength,
            "maskAwayClip": request.focus_on_subject,
            "seed": request.seed,
        }
        model = TEXT_TO_AUDIO
        where_to_look = f"{WHERE_TO_LOOK}: “{request.prompt[:80]}”, seed {request.seed}."
        if upload:
            body["video"] = upload["asset"]
            model = VIDEO_TO_AUDIO
            where_to_look = f"{where_to_look[:-1]}, clip {upload['asset']}."
        return self._wire.buy(f"{self._base_url}/generate/custom/{model}", _ticket, where_to_look, json=body)

    def poll(self, ticket: Ticket) -> State:
        job = self._job(ticket)
        match job.get("status"):
            case "success":
                return State(done=True, progress=1.0)
            case "failure" | "failed":
                raise self._failure(job)
            case "canceled":
                raise Stopped("The job was cancelled at Scenario.")
            case str():  # also any that a later version adds: still running, until the deadline
                progress = job.get("progress")
                known = progress if isinstance(progress, int | float) else 0.0
                return State(done=False, progress=min(max(float(known), 0.0), 1.0), message="Scenario is working on it")
        raise self._wire.rubbish()

    def fetch(self, ticket: Ticket, folder: Path) -> Answer:
        metadata = self._job(ticket).get("metadata")
        ids = metadata.get("assetIds") if isinstance(metadata, dict) else None
        asset_id = next(filter(_is_id, ids if isinstance(ids, list) else []), None)
        if asset_id is None:
            raise NoAudio("Scenario finished without a sound. Try again; another clip or prompt may work.")
        # A signed address runs out: each try asks for a fresh one.
        return Answer(carrier=self._wire.download(lambda: self._asset_url(asset_id), folder / "carrier"))

    def cancel(self, ticket: Ticket) -> None:
        # Scenario refuses to stop most of its models' jobs: it then runs out by itself.
        url = f"{self._base_url}/jobs/{ticket['request_id']}/action"
        self._wire.call("POST", url, "status", tolerated=(400, 403, 404, 405, 409, 422), json={"action": "cancel"})

    def check(self) -> None:
        """Ask for the two models' descriptions."""
        for model in (VIDEO_TO_AUDIO, TEXT_TO_AUDIO):
            self._wire.call("GET", f"{self._base_url}/models/{model}", "submit")

    def close(self) -> None:
        self._egress.close()

    def _job(self, ticket: Ticket) -> dict[str, Any]:
        return self._object(self._wire.call("GET", f"{self._base_url}/jobs/{ticket['request_id']}", "status"), "job")

    def _asset_url(self, asset_id: str) -> str:
        url = f"{self._base_url}/assets/{asset_id}"
        asset = self._object(self._wire.call("GET", url, "result", params={"originalAssets": "true"}), "asset")
        if asset.get("status") == "pending":
            raise Unreachable("Scenario has not quite finished. Try again in a moment.")
        if asset.get("status") == "error":
            raise JobFailed("Scenario failed on this job. Try again; another clip or prompt may work.")
        if not isinstance(asset.get("url"), str):
            raise self._wire.rubbish()
        return str(asset["url"])

    def _object(self, answer: dict[str, Any], name: str) -> dict[str, Any]:
        inner = answer.get(name)
        if not isinstance(inner, dict):
            raise self._wire.rubbish()
        return inner

    def _failure(self, job: dict[str, Any]) -> BackendError:
        """Why a job failed, as its metadata says: an error, and a hint for the user."""
        metadata = job.get("metadata")
        told = metadata if isinstance(metadata, dict) else {}
        reasons = [self._wire.quote(told.get(name)) for name in ("error", "hint")]
        reason = ". ".join(filter(None, reasons))
        if _mentions(reason, POLICY_WORDS):
            return self._policy(reason)
        if not reason:
            return JobFailed("Scenario failed on this job. Try again; another clip or prompt may work.")
        return JobFailed(f"Scenario failed on this job: {reason}.")

    def _policy(self, reason: str) -> PolicyRefused:
        sentence = "Scenario’s content policy does not allow this"
        return PolicyRefused(f"{sentence}: {reason}. Change the prompt, or use another backend.")

    def _explain(self, response: httpx.Response, body: dict[str, Any], about: About) -> BackendError:
        """The body has its reason under one of four names; statuses say the rest."""
        status = response.status_code
        said = next(
            (said for name in ("reason", "message", "error", "detail") if (said := self._wire.quote(body.get(name)))),
            "",
        )
        reason = f": {said}" if said else ""
        if status == 429:
            return Busy("Scenario has too much to do.", retry_after(response, body.get("remainingSeconds")))
        if status == 401:
            return BadKey("Scenario refuses the key. Ask your administrator to check it.")
        if "ModelAccessRestrictedError" in map(str, body.values()) or "ModelAccessRestrictedError" in said:
            return PlanRestricted(f"The account’s plan at Scenario does not include this model{reason}.")
        if status == 402 or (status in {400, 403} and _mentions(said, NO_CREDIT_WORDS)):
            return NoCredit(f"The account at Scenario has no compute units left{reason}. Top it up, then try again.")
        if status == 403:
            return PlanRestricted(f"The account or its plan at Scenario does not allow this{reason}.")
        if status == 404:
            if about == "submit":
                return InputRejected(f"Scenario does not know the model or the clip{reason}. Try again.")
            return Lost("Scenario no longer knows this job. Try again.")
        if status in {408, 409} or status >= 500:
            return self._wire.unreachable()
        if _mentions(said, POLICY_WORDS):
            return self._policy(said)
        if 400 <= status < 500 and said:
            return InputRejected(f"Scenario could not use this: {said}.")
        return self._wire.rubbish()


def _ticket(answer: dict[str, Any]) -> Ticket | None:
    job = answer.get("job")
    return {"request_id": job["jobId"]} if isinstance(job, dict) and _is_id(job.get("jobId")) else None


def _is_id(value: object) -> bool:
    """Whether an id of an answer may become part of an address."""
    return isinstance(value, str) and 0 < len(value) <= 200 and all(c.isalnum() or c in "-_" for c in value)


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text.lower() for word in words)


def _blocks(file: BinaryIO, length: int) -> Iterator[bytes]:
    """The next `length` bytes of a file."""
    while length and (block := file.read(min(256 * 1024, length))):
        length -= len(block)
        yield block
