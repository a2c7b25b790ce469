"""The one shape of a refusal, whichever room says it: a code for programs, a sentence and a way out for people."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """Something asked of the service was not done. Subclasses name the case; handles turn it into an answer.

    `fields` maps the name of an input to its complaints where the fault lies in one. `retry_after` (s) is told where
    waiting helps.
    """

    code = "refused"
    status = 400
    hint = ""
    retry_after = 0

    def __init__(
        self, message: str, *, hint: str = "", code: str = "", status: int = 0, fields: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.hint
        self.code = code or self.code
        self.status = status or self.status
        self.fields = fields or {}


class BodyTooLarge(Refused):
    code = "body_too_large"
    status = 413
    hint = "Send it in parts, or upload it as a file on the pages."

    def __init__(self, most: int) -> None:
        super().__init__(f"The body is larger than {most} bytes, as sent or unpacked.")


class BodyCutShort(Refused):
    code = "body_cut_short"
    hint = "Send it again."
