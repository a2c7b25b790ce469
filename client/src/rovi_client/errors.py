"""What may go wrong, each case a class. A refusal carries the service's own sentence and the way out that it names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class RoviError(Exception):
    """The parent of all errors of this client."""


class Unreachable(RoviError):
    """Nobody answered, for as long as the client's patience lasts."""


class Refused(RoviError):
    """The service answered, and did not do it.

    `status` is that of HTTP, `code` is for programs, `hint` tells the way out, `fields` the complaints by field of what
    was sent, `request_id` finds the request in the service's log.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        hint: str = "",
        fields: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(f"{message} {hint}".strip())
        self.status = status
        self.message = message
        self.code = code
        self.hint = hint
        self.fields: Mapping[str, Any] = fields or {}
        self.retry_after = retry_after
        self.request_id = request_id


class Invalid(Refused):
    """What was sent cannot be taken; `fields` says which part of it (400, 413, 415, 422)."""


class NotAllowed(Refused):
    """Wrong or no credentials (401), or a role that does not allow it (403)."""


class NotFound(Refused):
    """There is no such record (404)."""


class Conflict(Refused):
    """It does not go with what is there, or is under way (409)."""


class PreconditionFailed(Refused):
    """The record has changed since it was read (412). Read it again."""


class TooMany(Refused):
    """More was asked for than the caller's limits allow (429); `retry_after` is in s."""


class ServerFault(Refused):
    """The service failed (5xx)."""


class JobFailed(RoviError):
    """A job ended without its result; the message is the service's. `state` is failed or cancelled."""

    def __init__(self, job_id: int, state: str, message: str) -> None:
        super().__init__(message or f"Job {job_id} was {state}.")
        self.job_id = job_id
        self.state = state


class UploadInterrupted(RoviError):
    """Rows from number `done` on are not known to be stored; `__cause__` says why. Go on with `start=done`."""

    def __init__(self, done: int, why: RoviError) -> None:
        super().__init__(f"The upload stopped after {done:,} rows: {why}")
        self.done = done


_BY_STATUS: dict[int, type[Refused]] = {
    400: Invalid, 401: NotAllowed, 403: NotAllowed, 404: NotFound, 409: Conflict, 412: PreconditionFailed,
    413: Invalid, 415: Invalid, 422: Invalid, 429: TooMany,
}  # fmt: skip


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """The error of an answer, in whichever shape it came."""
    kind = _BY_STATUS.get(status, ServerFault if status >= 500 else Refused)
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    error: Any = told.get("error", told) if isinstance(told, dict) else None
    if not isinstance(error, dict):
        error = {}
    message = error.get("message") or error.get("detail") or f"The service answered HTTP {status}."
    wait = headers.get("retry-after", "")
    return kind(
        status,
        message if isinstance(message, str) else json.dumps(message),
        code=str(error.get("code", "")),
        hint=str(error.get("hint", "")),
        fields=error.get("fields") if isinstance(error.get("fields"), dict) else None,
        retry_after=float(wait) if wait.replace(".", "", 1).isdecimal() else None,
        request_id=headers.get("x-request-id", ""),
    )
