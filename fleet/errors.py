"""What this room refuses, each with its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from access.errors import Refused


class ReadingsRefused(Refused):
    """The request cannot be taken as it is, and nothing of it was stored; `fields` tells by field what is wrong."""

    code = "fields_refused"
    hint = "Mend what is named and send the whole request again."

    def __init__(self, fields: dict[str, Any], code: str = "") -> None:
        super().__init__(f"Some fields cannot be taken: {', '.join(fields)}.", fields=fields, code=code)


class NoSuchAsset(Refused):
    code = "no_such_asset"
    status = 404

    def __init__(self, number: int) -> None:
        super().__init__(
            f"There is no asset with the number {number}.", hint="GET /api/v1/energy/assets/ lists those there are."
        )


class OfBattery(Refused):
    code = "energy_of_battery"
    status = 409

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Asset {number} takes its energy from a battery's rows; readings cannot be posted to it.",
            hint="Choose another spaceship_id.",
        )


class InsufficientHistory(Refused):
    code = "insufficient_history"
    status = 422

    def __init__(self, have: int, need: int) -> None:
        super().__init__(
            f"There are {have} quarters before the window; a forecast needs {need}.",
            hint="Ask for a later window, or post earlier readings.",
            fields={"code": self.code, "have": have, "need": need},
        )


class NoSuchModel(Refused):
    code = "no_such_model"

    def __init__(self, name: str, names: Sequence[str]) -> None:
        super().__init__(
            "There is no such forecasting model.",
            hint=f"There are {', '.join(names)}.",
            fields={"model": [f"It is none of {', '.join(names)}."]},
        )


class NotJson(Refused):
    code = "not_json"
    hint = "Send a JSON object with spaceship_id, units and data."


class AssetTaken(Refused):
    code = "number_taken"
    status = 409

    def __init__(self, number: int) -> None:
        super().__init__(
            f"There is an asset with the number {number} already.",
            hint="Change that one, or choose another number.",
            fields={"number": ["This number is taken."]},
        )


class NotConfirmed(Refused):
    """Deleting takes the number, typed once more."""

    code = "not_confirmed"

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Deleting asset {number} would lose its readings and its energy, for good.",
            hint="Send its number as ?confirm= to delete it all the same.",
            fields={"confirm": ["This is not the asset's number."]},
        )


class ModelTakesAJob(Refused):
    """Uploaded scripts run in a worker's sandbox, never where requests are answered."""

    code = "model_takes_a_job"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(
            f"'{name}' is a script; it runs as a job.",
            hint="POST /api/v1/energy/forecasts/ with this model, and read the forecast when its job is done.",
            fields={"model": ["It is a script, which runs as a job."]},
        )


class NoHistory(Refused):
    code = "no_history"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            "Nothing was read yet, so there is nothing to forecast from.",
            hint="Post readings first, a day of them at least.",
        )
