"""A battery's passport: its numbers with their uncertainty, and beside each where it comes from.

The groups are those that the EU's battery regulation (2023/1542, annex XIII) asks for of state of health and history,
as far as rows and metadata tell them. It is no passport in the sense of that law.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from datahub.models import Battery
from datahub.units import unit_of
from prognosis.models import ForecastRun, RunState
from prognosis.queries import crossing_of_run
from twin.health import health_of
from twin.measured import nominal_capacity_of, totals_of
from twin.queries import current_estimator

HISTORY = (
    "throughput_ah", "throughput_wh", "charge_ah", "discharge_ah", "charging_seconds", "discharging_seconds",
    "resting_seconds", "lowest_temperature", "highest_temperature", "lowest_voltage", "highest_voltage",
)  # fmt: skip


def passport_of(battery: Battery, now: datetime) -> dict[str, Any]:
    """As JSON takes it; null where nothing is known. The same number of queries for any battery."""
    return {
        "made": now.isoformat(),
        "identity": {
            "battery": battery.name, "battery_id": battery.pk, "description": battery.description,
            "is_simulated": battery.is_simulated, "metadata": battery.metadata,
            "nominal_capacity_ah": nominal_capacity_of(battery),
        },
        "rows": {
            "stored": battery.rows, "kept": battery.kept_rows, "late": battery.late_rows,
            "refused": battery.refused_rows, "first_test_time": battery.first_test_time,
            "last_test_time": battery.last_test_time, "first_received": battery.first_received,
            "last_received": battery.last_received,
            "columns": {name: {"kind": kind, "unit": unit_of(name)} for name, kind in battery.columns.items()},
        },
        "history": _history(battery),
        "health": _health(battery),
        "forecast": _forecast(battery),
    }  # fmt: skip


def _history(battery: Battery) -> dict[str, Any]:
    totals = totals_of(battery)
    return {
        "cycles": totals.cycles,
        "efc": totals.efc,
        **{name: totals.sums[name] for name in HISTORY},
        "source": {"measured_rows": totals.rows, "rows_waiting": totals.rows_waiting, "until": totals.latest_time},
    }


def _health(battery: Battery) -> dict[str, Any] | None:
    estimator = current_estimator(battery)
    if estimator is None:
        return None
    found = health_of(estimator, nominal_capacity_of(battery))
    return {
        "soh": found.soh, "soh_sd": found.soh_sd, "soh_band_95": found.soh_band, "soh_reference": found.reference,
        "reference_capacity_ah": found.reference_capacity, "capacity_ah": found.capacity,
        "capacity_sd_ah": found.capacity_sd, "soc": found.soc, "soc_sd": found.soc_sd, "r0_ohm": found.r0,
        "r0_sd_ohm": found.r0_sd, "at_test_time": found.latest_time,
        "source": {
            "estimator": estimator.pk, "version": estimator.version, "kind": estimator.kind,
            "script_sha256": estimator.script_sha256 or None, "libraries": estimator.library_versions,
            "registered": estimator.registered.isoformat(), "state": found.condition.state,
            "sentence": found.condition.sentence, "mean_nis": found.mean_nis, "rows_behind": found.rows_behind,
        },
    }  # fmt: skip


def _forecast(battery: Battery) -> dict[str, Any] | None:
    run = ForecastRun.objects.filter(battery=battery, state=RunState.DONE, as_of=None).order_by("-id").first()
    if run is None:
        return None
    crossing = crossing_of_run(run)
    return {
        "headline": run.headline, "threshold_soh": run.threshold, "probability": crossing.probability,
        "battery_time": crossing.battery_time,
        "date": {name: date.isoformat() if date else None for name, date in crossing.date.items()},
        "source": {
            "forecast": run.pk, "made_by": run.made_by or run.kind, "forecaster": run.forecaster_name or None,
            "forecaster_version": run.forecaster_version, "estimator_version": run.estimator_version,
            "newest_estimate": run.newest_estimate, "made": run.created.isoformat(),
        },
    }  # fmt: skip
