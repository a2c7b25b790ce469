"""Why a script or a support file was not taken."""

from __future__ import annotations

from access.errors import Refused


class ScriptRefused(Refused):
    """The text is no Python script; `line` counts from 1."""

    code = "script_refused"
    status = 422
    hint = "Correct the script and register it again."

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message, fields={"definition": [message]})
        self.line = line


class SupportFileRefused(Refused):
    code = "support_file_refused"
    status = 422

    def __init__(self, message: str) -> None:
        super().__init__(message, fields={"files": [message]})
