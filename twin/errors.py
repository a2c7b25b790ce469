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


class NoSuchParameterSet(Refused):
    code = "no_such_parameter_set"
    status = 422

    def __init__(self, number: object) -> None:
        message = f"There is no parameter set {number}."
        super().__init__(message, hint="GET /api/v1/parameter-sets/ lists them.", fields={"parameter_set": [message]})


class FitRefused(Refused):
    """A fit that cannot be made; the message says why, the hint what would help."""

    code = "fit_refused"
    status = 422


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

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"Estimator {name} {why}, so its estimates cannot be the battery's.",
            hint="Retry it, or register a corrected version.",
        )


class NothingToRollBackTo(Refused):
    code = "nothing_to_roll_back_to"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Estimator {name} is not the current version, or took the place of none that is still there.",
            hint="Promote the version that you want.",
        )


class TimeRefused(Refused):
    code = "time_refused"
    status = 422

    def __init__(self, given: object) -> None:
        message = f"{given} is no test time: give seconds."
        super().__init__(message, fields={"from_time": [message]})


class CannotBeRecomputed(Refused):
    code = "cannot_be_recomputed"
    status = 409

    def __init__(self, name: str, why: str, hint: str = "") -> None:
        super().__init__(f"Estimator {name} {why}, so nothing can be made anew from there.", hint=hint)


class IsCurrent(Refused):
    """The results of the current version go only where that is said in so many words."""

    code = "is_current"
    status = 409

    def __init__(self, name: str) -> None:
        message = f"Estimator {name} is the current version: the battery would be without health."
        super().__init__(
            message,
            hint="Promote another version first, or say even_if_current.",
            fields={"even_if_current": [message]},
        )


class NoSuchEstimate(Refused):
    code = "no_such_estimate"
    status = 404

    def __init__(self, name: str, row_id: int) -> None:
        super().__init__(
            f"Estimator {name} has no estimate of row {row_id}.",
            hint="Rows that gave none are counted in `progress.rows_skipped`; old estimates may have been thinned.",
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


class NotNow(Exception):
    """What a script needs cannot be had just now, as on a full disk; it is tried again, and nothing is recorded."""


class LostToAnother(Exception):
    """Another process steps this estimator now: what was computed here is thrown away."""


class FieldMissing(Refused):
    code = "field_missing"
    status = 422

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is needed, as text.", fields={name: ["This is needed, as text."]})
