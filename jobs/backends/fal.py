"""The fal queue protocol (https://docs.fal.ai/model-endpoints/queue), which our own engine serves as well.

One client for both: a team moves between hosted and own hardware by changing an address.
"""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path
from typing import Any

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
    PolicyRefused,
    Request,
    State,
    Stopped,
    Ticket,
    TimedOut,
    Unreachable,
    Upload,
)
from jobs.backends.egress import Egress
from jobs.backends.wire import About, Wire, retry_after, says_retry

APPLICATION = "fal-ai/mmaudio-v2"
# Whatever fal keeps of a clip or a result can be read by anyone who has its address: for a day, not for ever.
KEPT_SECONDS = 24 * 60 * 60
WHERE_TO_LOOK = "Look for it at https://fal.ai/dashboard before you ask again"
# An id nobody has: asking for it shows whether the key is good, and buys nothing.
NOBODY = "00000000-0000-0000-0000-000000000000"

TIMEOUTS = {"request_timeout", "startup_timeout", "generation_timeout"}
CANCELLED = {"client_cancelled", "client_disconnected"}
FAILURES = {"internal_server_error", "internal_error", "downstream_service_error", "downstream_service_unavailable"}
NO_CREDIT_WORDS = ("balance", "locked", "credit", "billing", "payment")


class Fal:
    """A client of one server that speaks the protocol: fal itself (`hosted`), or our engine.

    `queue_url` takes the requests, `storage_url` the uploads. The addresses that answers name are used as they are;
    where they may lead, and where the key goes, is the egress's matter. Our engine may be asked for a `variant` of its
    model.
    """

    def __init__(
        self,
        name: str,
        queue_url: str,
        storage_url: str,
        egress: Egress,
        *,
        key: str = "",
        hosted: bool = False,
        variant: str = "",
    ) -> None:
        self.name = name
        self._variant = variant
        self.paid = self.sends_proxy = hosted
        self.remembers_uploads = False  # fal forgets them after a day
        self.first_poll, self.slowest_poll = (1.0, 10.0) if hosted else (0.15, 0.6)
        self._queue_url, self._storage_url = queue_url, storage_url
        self._egress = egress
        self._wire = Wire("fal" if hosted else "The sound engine", egress, self._explain, (key, *key.split(":")))

    def upload(self, clip: Path) -> Upload:
        """The two-call upload; the file is streamed."""
        content_type = mimetypes.guess_type(clip.name)[0] or "application/octet-stream"
        answer = self._initiate_upload(f"clip{clip.suffix}", content_type)
        with clip.open("rb") as file:
            blocks = iter(lambda: file.read(256 * 1024), b"")
            self._wire.send(answer["upload_url"], blocks, clip.stat().st_size, content_type)
        return {"url": answer["file_url"], "ready": True}

    def check_upload(self, upload: Upload) -> Upload:
        return upload

    def submit(self, request: Request, upload: Upload | None) -> Ticket:
        body: dict[str, Any] = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "duration": request.duration,
            "num_steps": request.quality_steps,
            "cfg_strength": request.prompt_strength,
            "mask_away_clip": request.focus_on_subject,
            "seed": request.seed,
        }
        if self._variant:
            body["variant"] = self._variant
        application = f"{APPLICATION}/text-to-audio"
        where_to_look = f"{WHERE_TO_LOOK}: “{request.prompt[:80]}”, seed {request.seed}."
        if upload:
            body["video_url"] = upload["url"]
            application = APPLICATION
            where_to_look = f"{where_to_look[:-1]}, clip {upload['url']}."
        url = f"{self._queue_url}/{application}"
        if self.paid:
            headers = self._lifecycle("X-Fal-Object-Lifecycle-Preference")
            return self._wire.buy(url, _ticket, where_to_look, json=body, headers=headers)
        ticket = _ticket(self._wire.call("POST", url, "submit", json=body))
        if ticket is None:
            raise self._wire.rubbish()
        return ticket

    def poll(self, ticket: Ticket) -> State:
        # What our engine logs is meant for people; what fal logs is not.
        answer = self._wire.call("GET", ticket["status_url"], "status", params={"logs": 0 if self.paid else 1})
        match answer.get("status"):
            case "COMPLETED":
                if answer.get("error"):
                    raise self._failure(ticket, answer)
                return State(done=True, progress=1.0)
            case "IN_QUEUE":
                ahead = answer.get("queue_position") or 0
                queue = "fal’s queue" if self.paid else "the engine’s queue"
                return State(done=False, message=f"{ahead} ahead in {queue}" if ahead else "")
            case "IN_PROGRESS":
                return State(done=False, message="fal is working on it") if self.paid else _latest(answer.get("logs"))
            case str():  # a state of a later version of the protocol: still running, until the deadline
                return State(done=False)
        raise self._wire.rubbish()

    def fetch(self, ticket: Ticket, folder: Path) -> Answer:
        answer = self._wire.call("GET", ticket["response_url"], "result")
        # Our engine sends the audio by itself; fal sends a re-encoded video, which carries it.
        file = answer.get("audio") or answer.get("video")
        if file is None:
            raise NoAudio(f"{self._wire.who} finished without a sound. Try again; another clip or prompt may work.")
        if not isinstance(file, dict) or not isinstance(file.get("url"), str):
            raise self._wire.rubbish()
        events, understood = answer.get("events"), answer.get("understood")
        url = file["url"]
        return Answer(
            carrier=self._wire.download(lambda: url, folder / "carrier"),
            events=_events(events),
            understood=understood if isinstance(understood, dict) else {},
        )

    def cancel(self, ticket: Ticket) -> None:
        # Finished or gone already: nothing left to stop.
        self._wire.call("PUT", ticket["cancel_url"], "status", tolerated=(400, 404))

    def check(self) -> None:
        """Prepare an upload that is never made, and ask for a request nobody has."""
        self._initiate_upload("check.mp4", "video/mp4")
        status = f"{self._queue_url}/{APPLICATION}/requests/{NOBODY}/status"
        self._wire.call("GET", status, "status", tolerated=(404,))

    def close(self) -> None:
        self._egress.close()

    def _initiate_upload(self, file_name: str, content_type: str) -> dict[str, str]:
        """Where to send a file (`upload_url`), and where it is read then (`file_url`)."""
        answer = self._wire.call(
            "POST",
            f"{self._storage_url}/storage/upload/initiate",
            "upload",
            params={"storage_type": "fal-cdn-v3"},
            headers=self._lifecycle("X-Fal-Object-Lifecycle"),
            json={"file_name": file_name, "content_type": content_type},
        )
        if not all(isinstance(answer.get(name), str) for name in ("upload_url", "file_url")):
            raise self._wire.rubbish()
        return answer

    def _lifecycle(self, header: str) -> dict[str, str]:
        return {header: json.dumps({"expiration_duration_seconds": KEPT_SECONDS})} if self.paid else {}

    def _failure(self, ticket: Ticket, answer: dict[str, Any]) -> BackendError:
        """Why a request is COMPLETED with an error: its result has the whole reason, the status only a word of it."""
        try:
            self._wire.call("GET", ticket["response_url"], "result")
        except Lost:
            pass
        except BackendError as error:
            return error
        return self._sorted(500, str(answer.get("error_type") or ""), answer.get("error"), "result", again=False)

    def _explain(self, response: httpx.Response, body: dict[str, Any], about: About) -> BackendError:
        """A model's error body has a list as its `detail`, the platform's a string and an `error_type`."""
        if response.status_code == 429:
            return Busy(f"{self._wire.who} has too much to do.", retry_after(response))
        detail = body.get("detail")
        first = detail[0] if isinstance(detail, list) and detail and isinstance(detail[0], dict) else {}
        message = detail if isinstance(detail, str) else first.get("msg")
        kind = str(first.get("type") or body.get("error_type") or response.headers.get("X-Fal-Error-Type") or "")
        if not kind and detail and response.status_code >= 500:
            kind = "internal_error"  # not every model follows the structure; one that says something did fail
        return self._sorted(response.status_code, kind, message, about, again=says_retry(response))

    def _sorted(self, status: int, kind: str, message: object, about: About, *, again: bool) -> BackendError:
        """One of our errors, by status and error type; the message is only quoted, except where there is no type."""
        who, said = self._wire.who, self._wire.quote(message)
        if status == 401:
            return BadKey(f"{who} refuses the key. Ask your administrator to check it.")
        if status == 402 or (status == 403 and any(word in said.lower() for word in NO_CREDIT_WORDS)):
            return NoCredit(
                _with(f"The account at {who} is locked or has no credit left", said, "Top it up, then try again.")
            )
        if status == 403:
            return BadKey(_with(f"{who} does not let this key do that", said, "Ask your administrator to check it."))
        if status == 404:
            if about == "submit":
                return InputRejected(f"{who} does not offer this model (any more). Tell your administrator.")
            return Lost(f"{who} no longer knows this job. Try again.")
        if kind == "content_policy_violation":
            return PolicyRefused(
                _with(f"{who}’s content policy does not allow this", said, "Change the prompt, or use another backend.")
            )
        if kind == "no_media_generated":
            return NoAudio(f"{who} finished without a sound. Try again; another clip or prompt may work.")
        if status == 499 or kind in CANCELLED:
            return Stopped(f"The job was cancelled at {self._wire.who_inside}.")
        if status == 400 and about == "result" and "in progress" in said.lower():
            return Unreachable(f"{who} has not quite finished. Try again in a moment.")
        if status >= 500 or kind in FAILURES:
            if about != "result" or not kind:
                return self._wire.unreachable()
            if kind in TIMEOUTS:
                return TimedOut(f"{who} ran out of time on this clip. Try a shorter duration or fewer steps.")
            if again:
                return JobFailed(f"{who} failed on this job, and says that another try may work.")
            return JobFailed(f"{who} failed on this job. Try again; another clip or prompt may work.")
        if 400 <= status < 500 and said:
            return InputRejected(f"{who} could not use this: {said}.")
        return self._wire.rubbish()


def _ticket(answer: dict[str, Any]) -> Ticket | None:
    ticket = {name: answer.get(name) for name in ("request_id", "status_url", "response_url", "cancel_url")}
    return ticket if all(isinstance(value, str) and value for value in ticket.values()) else None


def _with(sentence: str, reason: str, advice: str) -> str:
    return f"{sentence}: {reason}. {advice}" if reason else f"{sentence}. {advice}"


def _latest(logs: object) -> State:
    """Progress as the newest log entry tells it; our engine labels its entries with a fraction."""
    progress, message = 0.0, ""
    for entry in logs if isinstance(logs, list) else []:
        if not isinstance(entry, dict):
            continue
        message = str(entry.get("message") or message)
        labels = entry.get("labels")
        fraction = labels.get("progress") if isinstance(labels, dict) else None
        if isinstance(fraction, int | float):
            progress = min(max(float(fraction), 0.0), 1.0)
    return State(done=False, progress=progress, message=message)


def _events(events: object) -> list[dict[str, Any]]:
    """The visual events of an answer: those with a sensible time, at most a thousand."""
    if not isinstance(events, list):
        return []
    return [e for e in events if isinstance(e, dict) and isinstance(e.get("time"), int | float)][:1000]
