"""Why a forecaster was not registered, or a forecast not made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from access.errors import Refused


class TemplateRefused(Refused):
    """The SQL template is more, or something else, than one SELECT over the estimates."""

    code = "sql_refused"
    status = 422
    hint = "Such as: SELECT test_time, q_t__base_values FROM $TABLE_NAME$ ORDER BY test_time DESC LIMIT 1000"

    def __init__(self, message: str) -> None:
        super().__init__(message, fields={"sql_query": [message]})


class NameRefused(Refused):
    code = "name_refused"
    status = 422

    def __init__(self, message: str, field: str = "name") -> None:
        super().__init__(message, fields={field: [message]})


class RegisteredMeanwhile(Refused):
    code = "registered_meanwhile"
    status = 409
    hint = "Register it again; it becomes the next version."

    def __init__(self, name: str) -> None:
        super().__init__(f"Others register the forecaster {name!r} at this moment.", fields={"name": ["Try again."]})


class NoBatteries(Refused):
    code = "no_batteries"
    status = 422
    hint = "Name batteries that there are, or a text that their names hold."

    def __init__(self, message: str) -> None:
        super().__init__(message, fields={"batteries": [message]})


class OptionRefused(Refused):
    """Something about how a forecast is made that cannot be taken."""

    code = "option_refused"
    status = 422

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, fields={field: [message]})


class ResultMissing(Refused):
    """The record says that there is a result, and its file is gone or cannot be read."""

    code = "result_missing"
    status = 410
    hint = "Run the forecast again."

    def __init__(self, number: int | None) -> None:
        super().__init__(f"The file with the result of forecast {number} is gone, or cannot be read.")


class FieldMissing(Refused):
    code = "field_missing"
    status = 422

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is missing, or is no text.", fields={field: ["It is missing, or is no text."]})


class LoadRefused(Refused):
    """A load description is incomplete or contradicts itself; `fields` says where."""

    code = "load_refused"
    status = 422

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(" ".join(message for messages in fields.values() for message in messages), fields=fields)


class NoForecaster(Refused):
    code = "no_forecaster"
    status = 404
    hint = "Register one with POST /prognosis/register, or in the admin."

    def __init__(self, battery_name: str) -> None:
        super().__init__(f"No forecaster is registered for the battery {battery_name!r}.")


class ForecasterFailed(Refused):
    """Its script could not be loaded, so it cannot be run."""

    code = "forecaster_failed"
    status = 409
    hint = "Register a corrected script under the same name."


class ForecasterDisabled(Refused):
    """Somebody has switched it off; what it made stays."""

    code = "forecaster_disabled"
    status = 409
    hint = "Enable it on its page, or name a built-in kind."

    def __init__(self, name: str) -> None:
        super().__init__(f"The forecaster {name} is disabled.")


class CannotBeScored(Refused):
    code = "cannot_be_scored"
    status = 409

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"Forecast {number} {why}, so there is nothing to score.")


class BatteryNotServed(Refused):
    code = "battery_not_served"
    status = 409

    def __init__(self, forecaster: str, battery_name: str | None, served: Sequence[str]) -> None:
        known = ", ".join(repr(name) for name in served[:5]) or "none"
        sentence = (
            f"Name a battery: the forecaster {forecaster!r} serves several"
            if battery_name is None
            else f"The forecaster {forecaster!r} is not registered for the battery {battery_name!r}"
        )
        super().__init__(f"{sentence} ({known}{', …' if len(served) > 5 else ''}).")


class NoEstimates(Refused):
    code = "no_estimates"
    status = 409

    def __init__(self, battery_name: str, why: str) -> None:
        super().__init__(
            f"There is no history to forecast from: {why}.",
            hint=f"Register an estimator for {battery_name!r}, send rows, and forecast once it is ready.",
        )


class HistoryFailed(Refused):
    """The database did not answer the template's query; the sentence says why."""

    code = "history_failed"
    status = 422


class ForecastFailed(Refused):
    """A run that ended with an error. Where it was the script: its traceback, its line, and what it had printed."""

    code = "forecast_failed"
    status = 422

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str = "",
        traceback_text: str = "",
        line: int | None = None,
        output: str = "",
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.traceback_text = traceback_text
        self.line = line
        self.output = output


class SandboxUnavailable(Refused):
    """Scripts cannot be run on this machine, or not now; the sentence says why."""

    code = "sandbox_unavailable"
    status = 503
    hint = "The status page says which walls of the sandbox stand on this machine."


class ForecastNotReady(Refused):
    """The run goes on, or waits, longer than an answer can be held back."""

    code = "forecast_not_ready"
    status = 503


class RunGoesOn(Refused):
    code = "forecast_goes_on"
    status = 409
    hint = "Cancel its job first, or wait."

    def __init__(self, number: int, state: str) -> None:
        super().__init__(f"Forecast {number} is {state} and cannot be deleted now.")


class GroupGoesOn(Refused):
    """A fleet forecast or a comparison whose job has not ended."""

    code = "forecast_goes_on"
    status = 409
    hint = "Cancel its job first, or wait."

    def __init__(self, group: str) -> None:
        super().__init__(f"{group} is being made and cannot be deleted now.")


class NoResult(Refused):
    code = "no_result"
    status = 409

    def __init__(self, number: int, state: str) -> None:
        super().__init__(f"Forecast {number} is {state} and has no result.")
