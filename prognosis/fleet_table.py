"""The result of a fleet forecast as a table: a row a battery, the soonest to wear out first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from datahub.exports.csv import harmless
from prognosis.models import FleetForecast, ForecastRun
from prognosis.queries import date_of, fleet_rows, newest_soh
from prognosis.states import RunState


@dataclass(frozen=True)
class FleetRow:
    """Times are battery_time, s; None: not within the horizon, or not known."""

    battery: str
    forecast: int
    state: str
    made_by: str
    headline: str
    soh: float | None
    probability: float | None
    crossing_q05: float | None
    crossing_q50: float | None
    crossing_q95: float | None
    date_q05: datetime | None
    date_q50: datetime | None
    date_q95: datetime | None
    error: str


def rows_of(fleet: FleetForecast) -> list[FleetRow]:
    runs = list(fleet_rows(fleet))
    soh = newest_soh(runs)
    return [_row(run, soh.get(run.pk)) for run in runs]


def as_csv(rows: Iterable[FleetRow]) -> str:
    """A header and a line a battery; what is not known is empty, dates are ISO 8601 in UTC."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([field.name for field in fields(FleetRow)])
    for row in rows:
        writer.writerow([_cell(value) for value in asdict(row).values()])
    return out.getvalue()


def _row(run: ForecastRun, soh: float | None) -> FleetRow:
    times = (run.crossing_q05, run.crossing_q50, run.crossing_q95)
    early, likely, late = (date_of(run, at) for at in times)
    return FleetRow(
        run.battery.name, run.pk, run.state_now, run.made_by or run.kind, run.headline, soh, run.crossing_probability,
        *times, early, likely, late, run.error_now if run.state_now == RunState.FAILED else "",
    )  # fmt: skip


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, str):
        return harmless(value)
    return "" if value is None else value
