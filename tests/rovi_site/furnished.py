"""A site with something of each kind in it, said in words that a test chooses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.utils import timezone

from access.models import AuditEntry, LoginTries, Token
from access.tokens import make_token
from datahub.imports.requesting import request_import
from datahub.ingest import store_records
from datahub.marks import mark_event
from datahub.models import Battery, DataImport, Mark
from datahub.registration import register_battery
from datahub.truths import store_truths
from fleet.accounting.posting import post_readings
from fleet.models import Asset, EnergyForecast
from fleet.validators import checked_post
from jobs.models import Job, JobLine, State, Worker
from prognosis.forecasting.groups import Chosen, GroupAsk, NamedLoad, request_comparison, request_fleet
from prognosis.forecasting.load import load_from
from prognosis.forecasting.runs import Way, request_run
from prognosis.models import (
    Comparison,
    FleetForecast,
    Forecaster,
    ForecasterState,
    ForecastRun,
    ForecastScore,
    RunState,
)
from prognosis.registration import register_forecaster
from prognosis.storage import as_parquet
from tests.rovi_site.routes import Route
from twin.estimation.fleet import advance_fleet
from twin.measuring.advancing import advance_measurements
from twin.measuring.records import MeasuredCycle, MeasuredResistance
from twin.models import Estimator, ParameterSet
from twin.registration import checked_parameters, register_estimator
from twin.states import Stored

LONGEST_NAME = 200  # of a column that a forecast answers
COLUMNS = {"test_time": np.array([0.0, 3600.0]), "q_t__base_values": np.array([1.0, 0.9])}
QUERY = "SELECT test_time, q_t__base_values FROM $TABLE_NAME$"


@dataclass(frozen=True)
class Furnished:
    """The battery and what hangs on it. `estimator` is the built-in filter with estimates, `failed` a script."""

    battery: Battery
    estimator: Estimator
    failed: Estimator
    forecaster: Forecaster
    energy_forecast: EnergyForecast
    fleet: FleetForecast
    comparison: Comparison
    failed_forecaster: Forecaster
    run: ForecastRun
    failed_run: ForecastRun
    job: Job
    worker: Worker
    data_import: DataImport
    parameter_set: ParameterSet
    person: User
    token: Token
    asset: Asset
    mark: Mark

    def values_for(self, route: Route) -> dict[str, Any]:
        """What stands in the address of a route: these records."""
        by_name = {
            "battery": self.battery, "asset": self.asset, "energy": self.energy_forecast,
            "energyforecast": self.energy_forecast,
            "import": self.data_import, "estimator": self.estimator,
            "forecaster": self.forecaster, "forecast": self.run, "job": self.job,
            "fleet": self.fleet, "comparison": self.comparison, "fleetforecast": self.fleet,
            "mark": self.mark,
            "worker": self.worker, "token": self.token, "dataimport": self.data_import,
            "forecastrun": self.run, "user": self.person, **_measured(self.battery),
            "parameter": self.parameter_set, "parameterset": self.parameter_set,
            "audit": AuditEntry.objects.last(), "auditentry": AuditEntry.objects.last(),
            "logintries": LoginTries.objects.last(),
        }  # fmt: skip
        in_admin = re.match(r"admin/\w+/(\w+)/", route.pattern)
        record = by_name.get(in_admin[1] if in_admin else route.name.split("-")[0])
        return {
            "import_id": self.data_import.pk,
            "name": self.battery.name, "battery_id": self.battery.pk, "run_id": self.run.pk,
            "fleet_id": self.fleet.pk, "comparison_id": self.comparison.pk,
            "job_id": self.job.pk, "set_id": self.parameter_set.pk, "pk": getattr(record, "pk", None),
            "object_id": getattr(record, "pk", None), "id": getattr(record, "pk", None),
            "token_key": self.token.token_key, "format": "json", "content_type_id": 1, "row_id": 2, "url": "nowhere",
            "app_label": "jobs", "asset_id": self.asset.pk, "number": self.asset.number,
            "estimator_id": self.estimator.pk, "verb": "follow",
            "forecaster_id": self.forecaster.pk, "worker_id": self.worker.pk,
            "forecast_id": self.energy_forecast.pk,
        }  # fmt: skip


def furnish(name: str = "cell 3", words: str = "plain words") -> Furnished:
    """`words` stand wherever a record holds free text: descriptions, metadata, rows, scripts, errors, logs."""
    person = User.objects.create_user(f"someone {words}"[:150], first_name=words[:150], last_name=words[:150])
    person.is_staff = True
    person.save()
    person.groups.add(Group.objects.get_or_create(name="engineer")[0])
    metadata = {"name": name, "comments": words, "battery": {"manufacturer": words, "nominal_capacity": 1.0}}
    battery = register_battery(metadata, name=name, description=words, is_simulated=True)
    rows = [{"test_time": 60.0 * n, "current": 1.0, "voltage": 3.7, "remark": words} for n in range(3)]
    store_records(name, [*rows, {"test_time": 30.0, "current": 1.0, "voltage": 3.7, "remark": words}])
    store_truths(battery, [{"test_time": 0.0, "true_soc": 0.5, "true_capacity": 1.0, "true_r0": 0.04}])
    long_ago = timezone.now() - timedelta(hours=1)  # a worker that is lost: no request waits for it
    worker = Worker.objects.create(
        name=words[:100], doing=words[:200], versions={words[:20]: words}, heartbeat=long_ago
    )
    job = _job(battery, worker, person, words)
    estimator = register_estimator(battery_name=name, kind="joint_ukf", preset="nmc", registered_by=person)
    while advance_fleet():
        pass
    _measure(battery)
    battery.refresh_from_db()
    estimator.refresh_from_db()
    forecaster = _forecaster(name, words, person, state=ForecasterState.READY, is_current=True)
    run = request_run(battery, load_from({"ahead_time": 7200, "resolution": 3600}), person)
    failed_run = request_run(battery, load_from({"ahead_time": 7200, "resolution": 3600}), person)
    _end(run, {**COLUMNS, words[:LONGEST_NAME]: np.array([1.0, 2.0])}, state=RunState.DONE, script_output=words)
    _end(failed_run, state=RunState.FAILED, error=words, error_code="script_failed", traceback=words, error_line=1)
    fleet, comparison = _groups(battery, words, person)
    asset = _asset(words)
    found = Furnished(
        battery=battery,
        estimator=estimator,
        failed=_failed_estimator(name, words, person),
        forecaster=forecaster,
        energy_forecast=_energy_forecast(asset),
        fleet=fleet,
        comparison=comparison,
        failed_forecaster=_forecaster(name, words, person, state=ForecasterState.FAILED, is_current=False),
        run=run,
        failed_run=failed_run,
        job=job,
        worker=worker,
        data_import=_import(battery, words, person),
        parameter_set=_parameter_set(battery, words, person),
        person=person,
        token=make_token(user=person, name=words[:100], made_by=person, battery_name=name)[0],
        asset=asset,
        mark=mark_event(battery, 60.0, words[:200], person),
    )
    LoginTries.objects.create(key=words[:64], kind="pair", account=words[:150], address="192.0.2.1", last_try=long_ago)
    for record in (found.battery, found.estimator, found.forecaster, found.job, found.token):
        LogEntry.objects.create(
            user=person, content_type=ContentType.objects.get_for_model(record), object_id=str(record.pk),
            object_repr=words[:200], action_flag=ADDITION, change_message=words,
        )  # fmt: skip
    return found


def _asset(words: str) -> Asset:
    """With more than a day of quarters, which is what a forecast needs."""
    hours = [{"datetime": f"2018-08-{24 + hour // 24}T{hour % 24:02}:00:00Z", "value": 4} for hour in range(30)]
    post_readings(checked_post({"spaceship_id": 42, "units": "kWh", "data": hours}))
    Asset.objects.filter(number=42).update(name=words[:255], price=0.3, currency="EUR")
    return Asset.objects.get(number=42)


def _measured(battery: Battery) -> dict[str, Any]:
    """By the names of the admin; there once the rows were measured."""
    return {
        "measuredprogress": battery.measured, "measuredcycle": battery.measured_cycles.first(),
        "measuredresistance": battery.measured_resistances.first(),
    }  # fmt: skip


def _measure(battery: Battery) -> None:
    """Four rows make no cycle and show no resistance, so there is one of each beside what they give."""
    while advance_measurements():
        pass
    cycle = dict.fromkeys(("charge_ah", "discharge_ah", "charge_wh", "discharge_wh", "swing_ah"), 1.0)
    cycle |= dict.fromkeys(("start_time", "end_time", "gap_seconds", "throughput_ah", "throughput_wh"), 1.0)
    MeasuredCycle.objects.create(battery=battery, place=0, number=1, swing_start_row=1, swing_end_row=2, **cycle)
    step = dict.fromkeys(("test_time", "ohm", "ohm_sd", "delay_s", "current_before", "current_after"), 1.0)
    MeasuredResistance.objects.create(battery=battery, row_id=2, is_charge=True, **step)


def _energy_forecast(asset: Asset) -> EnergyForecast:
    quarters = np.ones(4).tobytes()
    return EnergyForecast.objects.create(
        asset=asset, model="seasonal", made_from=1_536_537_600, start=1_536_537_600, quarters=4, expected=quarters,
        low=quarters, high=quarters, total=4.0, total_low=3.0, total_high=5.0,
    )  # fmt: skip


def _groups(battery: Battery, words: str, person: User) -> tuple[FleetForecast, Comparison]:
    load = load_from({"ahead_time": 7200, "resolution": 3600})
    asked = GroupAsk(words[:200], Way(kind="trend"))
    labels = (f"a {words}"[:100], f"b {words}"[:100])
    comparison = request_comparison(battery, [NamedLoad(label, load) for label in labels], asked, person)
    fleet = request_fleet(Chosen(), load, asked, person)
    for run in (*fleet.runs.all(), *comparison.runs.all()):
        _end(run, state=RunState.DONE, headline=words, why=words, made_by="trend")
    Job.objects.filter(pk__in=(fleet.job_id, comparison.job_id)).update(state=State.DONE)
    ForecastScore.objects.create(run=fleet.runs.get(), horizon=0, points=2, sum_absolute=0.01, banded=2, inside_90=1)
    return fleet, comparison


def _job(battery: Battery, worker: Worker, person: User, words: str) -> Job:
    job = Job.objects.create(
        kind="import_file", title=words[:300], subject=f"datahub.battery:{battery.pk}", state=State.FAILED, error=words,
        traceback=words, message=words[:500], arguments={words: words}, result={words: words}, requested_by=person,
        cancel_requested_by=words[:150], worker=worker, started=timezone.now(), finished=timezone.now(),
    )  # fmt: skip
    JobLine.objects.create(job=job, text=words)
    return job


def _failed_estimator(name: str, words: str, person: User) -> Estimator:
    estimator = register_estimator(
        battery_name=name,
        definition="estimator = None  # " + words.replace("\n", " "),
        files=[ContentFile(b"1", name="weights.json")],
        registered_by=person,
    )
    Estimator.objects.filter(pk=estimator.pk).update(
        state=Stored.FAILED, last_error=words, traceback=words, error_line=1, error_row=1, script_output=words,
        library_versions={words[:20]: words}, entry=words[:255],
    )  # fmt: skip
    estimator.refresh_from_db()
    return estimator


def _parameter_set(battery: Battery, words: str, person: User) -> ParameterSet:
    found = {"name": "capacity_ah", "title": words, "value": 2.5, "std": 0.01, "unit": "Ah", "rows": 3, "how": words}
    return ParameterSet.objects.create(
        title=words[:200], battery=battery, source=words[:255], wishes={words: words},
        parameters=checked_parameters({}, "nmc"), findings=[found], warnings=[words], rows=3, first_time=0.0,
        last_time=120.0, mean_nis=1.0, voltage_rmse=0.001, library_versions={words: words}, fitted_by=person,
    )  # fmt: skip


def _forecaster(name: str, words: str, person: User, *, state: str, is_current: bool) -> Forecaster:
    script = "def forecast(past_estimates, load):\n    return load  # " + words.replace("\n", " ")
    files = [ContentFile(b"1", name="weights.json")]
    made = register_forecaster(name=name, definition=script, sql_query=QUERY, files=files, registered_by=person)
    error = words if state == ForecasterState.FAILED else ""
    Forecaster.objects.filter(pk=made.pk).update(
        state=state, is_current=is_current, last_error=error, last_traceback=error, last_error_line=1, entry=words[:255]
    )
    made.refresh_from_db()
    return made


def _end(run: ForecastRun, columns: dict[str, np.ndarray] = COLUMNS, **values: Any) -> None:
    for name, value in {**values, "seconds": 0.5, "finished": timezone.now(), "sql": QUERY}.items():
        setattr(run, name, value)
    if run.state == RunState.DONE:
        run.newest_estimate, run.history_rows, run.result_rows, run.result_columns = 0.0, 2, 2, list(columns)
        run.history_file.save("history.parquet", as_parquet(COLUMNS), save=False)
        run.result_file.save("result.parquet", as_parquet(columns), save=False)
    run.save()


def _import(battery: Battery, words: str, person: User) -> DataImport:
    made = request_import(
        ContentFile(b"test_time\n0\n", name=f"{words[:200]}.csv"), battery=battery, requested_by=person
    )
    DataImport.objects.filter(pk=made.pk).update(
        file_name=words[:255], error=words, columns={words: "voltage"}, skipped_columns={words: words},
        first_rejections=[{"index": 0, "code": "text_in_number", "message": words}], rows_rejected=1,
    )  # fmt: skip
    made.refresh_from_db()
    return made
