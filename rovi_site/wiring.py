"""Where rooms that do not know each other meet."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.apps import apps

if TYPE_CHECKING:
    from datahub.models import Battery
    from fleet.ports import NewRows, PoweredBattery, PowerRows

CLOCK_COLUMNS = ("time", "unix_time", "date_time")  # of numbers: Unix time, s
FIRST_UNIX_TIME = 1e9  # s, September 2001; a test_time above is one itself


def connect() -> None:
    """Connects rooms on one floor; called once, when all apps are loaded."""
    if apps.is_installed("fleet"):
        _connect_energy()


# --- datahub's batteries are assets of fleet -----------------------------------------------------------------------
def _connect_energy() -> None:
    from datahub.losses import tellers_of_loss  # noqa: PLC0415  (models are ready only now)
    from datahub.signals import battery_deleting  # noqa: PLC0415
    from fleet import ports  # noqa: PLC0415

    ports.batteries = BatteriesOfHub()
    ports.forecasters = Scripts()
    battery_deleting.connect(_forget, dispatch_uid="wiring.energy_of_battery")
    if _energy_lost_with not in tellers_of_loss:
        tellers_of_loss.append(_energy_lost_with)


def _forget(sender: Any, battery: Battery, **_: Any) -> None:
    from fleet.accounting.clock import forget_battery  # noqa: PLC0415  (as above)

    forget_battery(battery.pk)


def _energy_lost_with(battery: Battery) -> list[tuple[int, str, str]]:
    from fleet.queries import quarters_of_battery  # noqa: PLC0415  (as above)

    return [(quarters_of_battery(battery.pk), "quarter hour of energy", "quarter hours of energy")]


class BatteriesOfHub:
    """What fleet.ports asks for, from datahub's rows."""

    def with_power(self) -> list[PoweredBattery]:
        from datahub.queries import columns_as_text  # noqa: PLC0415  (models are ready only when apps are)
        from fleet.ports import PoweredBattery  # noqa: PLC0415

        found = columns_as_text()
        return [PoweredBattery(pk, name, rows) for pk, name, rows, text in found if _has_power(text)]

    def begun_at(self, battery_id: int) -> float:
        from datahub.queries import records  # noqa: PLC0415

        battery = _battery(battery_id)
        names = [name for name in battery.columns if name.lower() in (*CLOCK_COLUMNS, "test_time")]
        (first,) = records(battery, columns=names, limit=1) or ({},)
        time = first.get("test_time")
        if not isinstance(time, int | float) or time >= FIRST_UNIX_TIME:
            return 0.0
        clocks = [value for name, value in first.items() if name.lower() in CLOCK_COLUMNS]
        told = [value for value in clocks if isinstance(value, int | float) and value >= FIRST_UNIX_TIME]
        return float((told or [first["received"]])[0]) - time

    def rows_after(self, battery_id: int, cursor: int, limit: int) -> NewRows:
        from datahub.queries import rows_after  # noqa: PLC0415
        from fleet.ports import NewRows  # noqa: PLC0415

        battery = _battery(battery_id)
        columns = _power_columns(battery)
        block = rows_after(battery, cursor, limit, columns)
        time, power = _power(block.columns, columns)
        usable = power == power
        return NewRows(time[usable], int(block.ids[-1]) if len(block) else cursor, len(block) == limit)

    def times_before(self, battery_id: int, time: float, count: int) -> list[float]:
        return self._times_beside(battery_id, time, -count)

    def times_after(self, battery_id: int, time: float, count: int) -> list[float]:
        return self._times_beside(battery_id, time, count)

    def _times_beside(self, battery_id: int, time: float, count: int) -> list[float]:
        from datahub.queries import times_beside  # noqa: PLC0415

        battery = _battery(battery_id)
        return times_beside(battery, time, count, needed=_power_columns(battery)[1:])

    def window(self, battery_id: int, first: float, last: float) -> PowerRows:
        import numpy as np  # noqa: PLC0415  (a web process boots without it)

        from datahub.queries import in_blocks  # noqa: PLC0415
        from fleet.ports import PowerRows  # noqa: PLC0415

        battery = _battery(battery_id)
        columns = _power_columns(battery)
        end = None if math.isinf(last) else math.nextafter(last, math.inf)
        blocks = [_power(block.columns, columns) for block in in_blocks(battery, columns=columns, start=first, end=end)]
        time, power = (np.concatenate(each) for each in zip(*blocks, strict=True)) if blocks else (np.empty(0),) * 2
        usable = power == power
        order = np.argsort(time[usable], kind="stable")
        return PowerRows(time[usable][order], power[usable][order])

    def nothing_before(self, battery_id: int) -> float | None:
        return _battery(battery_id).dropped_until


class Scripts:
    """What fleet.ports asks for, from prognosis' forecasters."""

    def names(self) -> list[str]:
        from prognosis.models import Forecaster  # noqa: PLC0415  (models are ready only when apps are)
        from prognosis.states import ForecasterState  # noqa: PLC0415

        ready = Forecaster.objects.filter(state=ForecasterState.READY, disabled_at=None)
        return sorted(set(ready.values_list("name", flat=True)))

    def foretell(self, name: str, time: Any, energy: Any, ahead: Any) -> dict[str, Any]:
        from django.conf import settings  # noqa: PLC0415

        from fleet.ports import ForetellingFailed  # noqa: PLC0415
        from prognosis.errors import ForecastFailed, SandboxUnavailable  # noqa: PLC0415
        from prognosis.forecasting.script import call_script  # noqa: PLC0415
        from prognosis.models import Forecaster  # noqa: PLC0415
        from prognosis.states import ForecasterState  # noqa: PLC0415

        ready = Forecaster.objects.filter(name=name, state=ForecasterState.READY, disabled_at=None)
        forecaster = ready.order_by("-pk").first()
        if forecaster is None:
            raise ForetellingFailed(f"There is no forecaster '{name}' that is ready.")
        arguments = {"history": {"time": time, "energy": energy}, "load": {"time": ahead}}
        try:
            called = call_script(forecaster, "forecast", arguments, settings.SANDBOX_FORECAST_SECONDS)
        except (ForecastFailed, SandboxUnavailable) as told:
            raise ForetellingFailed(str(told)) from None
        columns: dict[str, Any] = called.answer["columns"]
        return columns


def _battery(battery_id: int) -> Battery:
    from datahub.models import Battery  # noqa: PLC0415

    return Battery.objects.defer("metadata", "description").get(pk=battery_id)


@lru_cache(maxsize=1024)
def _has_power(columns: str) -> bool:
    kinds = {name.lower(): kind for name, kind in json.loads(columns).items()}
    return all(kinds.get(name, "text") != "text" for name in ("test_time", "current", "voltage"))


def _power_columns(battery: Battery) -> list[str]:
    """test_time, current and voltage, as the battery spells them."""
    spelled = {name.lower(): name for name in battery.columns}
    return [spelled[name] for name in ("test_time", "current", "voltage")]


def _power(columns: dict[str, Any], names: list[str]) -> tuple[Any, Any]:
    """test_time (s) and power (kW), NaN where either is not known."""
    time, current, voltage = (columns[name] for name in names)
    power = current * voltage / 1000.0
    power[time != time] = math.nan
    return time, power
