"""What this room refuses, each with its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from access.errors import Refused


class RequiredTimeRefused(Refused):
    code = "required_time_refused"
    status = 422

    def __init__(self, given: object) -> None:
        message = f"{given!r} is no required time: give seconds of data, 0 or more."
        super().__init__(message, fields={"required_time": [message]})


class ParametersRefused(Refused):
    """Parameters that describe no usable cell; `fields` says which, below `parameters`."""

    code = "parameters_refused"
    status = 422

    def __init__(self, fields: dict[str, Any]) -> None:
        told = " ".join(f"{name}: {complaint}" for name, complaint in fields.items())
        super().__init__(f"The parameters describe no usable cell. {told}", fields={"parameters": fields})


class NoSuchPreset(Refused):
    code = "no_such_preset"
    status = 422

    def __init__(self, name: str, known: Sequence[str]) -> None:
        message = f"There is no preset {name!r}; known are {', '.join(known)}."
        super().__init__(message, fields={"preset": [message]})


class NoSuchKind(Refused):
    code = "no_such_kind"
    status = 422

    def __init__(self, kind: str) -> None:
        message = f"{kind!r} is no kind of estimator; 'script' and 'joint_ukf' are."
        super().__init__(message, fields={"kind": [message]})


class NotFailed(Refused):
    code = "estimator_has_not_failed"
    status = 409

    def __init__(self, name: str, state: str) -> None:
        super().__init__(f"Estimator {name} is {state}; only a failed one is retried.")


class CannotBeCurrent(Refused):
    code = "cannot_be_current"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Estimator {name} has never been loaded, so its estimates cannot be the battery's.",
            hint="Retry it, or register a corrected version.",
        )


class EstimatorFailed(Refused):
    """What stopped an estimator. `line` is in its script; `row` is the id of the row that it was given."""

    code = "estimator_failed"
    status = 422

    def __init__(
        self,
        message: str,
        *,
        traceback_text: str = "",
        line: int | None = None,
        row: int | None = None,
        output: str = "",
    ) -> None:
        super().__init__(message)
        self.traceback_text = traceback_text
        self.line = line
        self.row = row
        self.output = output


class SandboxUnavailable(Refused):
    """Scripts cannot run on this machine, or not now: no fault of the script."""

    code = "sandbox_unavailable"
    status = 503


class LostToAnother(Exception):
    """Another process steps this estimator now: what was computed here is thrown away."""


class FieldMissing(Refused):
    code = "field_missing"
    status = 422

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is needed, as text.", fields={name: ["This is needed, as text."]})
