"""One load for a fleet, several loads for one battery: one job, many forecasts; one that fails ends no other."""

import csv
import io
import json
from pathlib import Path

import pytest

from datahub.models import Battery
from jobs.queue import enqueue
from prognosis.errors import LoadRefused, NoBatteries, OptionRefused
from prognosis.fleet_table import as_csv, rows_of
from prognosis.forecasting import fleet as fleet_module
from prognosis.forecasting.groups import (
    Chosen,
    GroupAsk,
    NamedLoad,
    named_loads_from,
    request_comparison,
    request_fleet,
)
from prognosis.forecasting.load import load_from
from prognosis.forecasting.runs import Way, load_of, request_run
from prognosis.group_forms import ComparisonForm
from prognosis.models import ForecastRun, RunState
from prognosis.queries import count_of_runs, result_of
from tests.prognosis.conftest import where_history_is_read
from tests.prognosis.past import DAY, YEAR

pytestmark = [where_history_is_read, pytest.mark.postgres]
LOAD = {"ahead_time": 10 * YEAR, "resolution": 30 * DAY}
FINE = {"label": "fine", "ahead_time": 5}
TREND = GroupAsk("all of them", Way(kind="trend"))


def test_a_fleet_is_one_job_and_one_that_fails_ends_no_other(battery_with_past, work):
    battery_with_past("slow", loss_a_year=0.03, rows=False)
    battery_with_past("fast", loss_a_year=0.06, rows=False)
    Battery.objects.create(name="empty")
    fleet = request_fleet(Chosen(), load_from(LOAD), TREND)
    (job,) = work()
    assert (job.kind, job.state, job.result) == ("forecast_fleet", "done", {"forecasts": 2, "failed": 1})
    assert count_of_runs(fleet) == {"queued": 0, "running": 0, "done": 2, "failed": 1}
    # 0.06 a year reaches 0.8 at 3.3 years, 0.03 at 6.7: the sooner comes first, who has no forecast comes last.
    rows = rows_of(fleet)
    assert [(row.battery, row.state) for row in rows] == [("fast", "done"), ("slow", "done"), ("empty", "failed")]
    assert rows[0].crossing_q50 == pytest.approx(0.2 / 0.06 * YEAR, rel=0.05)
    assert rows[2].error.startswith("There is no history to forecast from: the battery 'empty' has no estimator.")
    table = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert [line["battery"] for line in table] == ["fast", "slow", "empty"]
    assert table[2]["crossing_q50"] == ""


@pytest.mark.parametrize("where", ["profile", "temperature", "phases"])
def test_a_large_load_is_stored_once_for_a_fleet_and_read_once_a_batch(
    battery_with_past, work, monkeypatch, client, user_with_role, where
):
    times = [100.0 * k for k in range(800)]
    warmth = {"test_time": times, "temperature": [20 + k % 5 for k in range(800)]}
    day = {"test_time": times, "current": [(-1) ** k * 0.1 for k in range(800)]}
    asked = {
        "profile": {"profile": day, "repeat": "day"},
        "temperature": {"last_days": 2, "temperature": warmth},
        "phases": {"phases": [{"duration": YEAR, "profile": day, "repeat": "day"}, {"current": 0.0}]},
    }[where]  # fmt: skip
    load = load_from({**LOAD, **asked})
    for number in range(3):
        battery_with_past(f"cell {number}", loss_a_year=0.03)
    fleet = request_fleet(Chosen(), load, GroupAsk("", Way(kind="ageing")))
    assert all(len(json.dumps(run.load)) < 200 for run in fleet.runs.all())
    assert {json.dumps(load_of(run).description()) for run in fleet.runs.all()} == {json.dumps(load.description())}
    read = []
    monkeypatch.setattr(fleet_module, "load_of", lambda run: read.append(run.pk) or load_of(run))
    alone = request_run(Battery.objects.get(name="cell 1"), load, way=Way(kind="ageing"))
    work()
    assert len(read) == 1
    one, same = result_of(fleet.runs.get(battery__name="cell 1")), result_of(ForecastRun.objects.get(pk=alone.pk))
    assert {name: values.tobytes() for name, values in one.items()} == {
        name: values.tobytes() for name, values in same.items()
    }
    client.force_login(user_with_role("viewer"))
    told = client.get(f"/api/v1/forecasts/{fleet.runs.first().pk}/").json()
    assert told["load"] == json.loads(json.dumps(load.description()))


def test_a_job_that_was_begun_twice_makes_nothing_twice(battery_with_past, work):
    from prognosis.tasks import forecast_fleet

    battery_with_past(rows=False)
    fleet = request_fleet(Chosen(), load_from(LOAD), TREND)
    (job,) = work()
    first = fleet.runs.get()
    job.state = "running"
    job.save()

    class Silent:
        def __init__(self):
            self.job = job

        def progress(self, share, message):
            pass

    assert forecast_fleet(Silent(), fleet.pk) == {"forecasts": 1, "failed": 0}
    assert fleet.runs.get().finished == first.finished


def test_batteries_are_chosen_by_name_or_by_a_text(db):
    for name in ("a 1", "a 2", "b 1"):
        Battery.objects.create(name=name)
    assert [battery.name for battery in Chosen(text="a ").batteries()] == ["a 1", "a 2"]
    assert [battery.name for battery in Chosen(names=["b 1"]).batteries()] == ["b 1"]
    with pytest.raises(NoBatteries, match="There is no battery 'c'"):
        Chosen(names=["b 1", "c"]).batteries()


def test_loads_on_one_battery_are_forecast_from_one_past(battery_with_past, work):
    battery, _ = battery_with_past()
    usual = {**LOAD, "last_days": 2}
    loads = [
        NamedLoad("today", load_from(usual)),
        NamedLoad("cooler", load_from({**usual, "temperature_offset": -10.0})),
    ]
    comparison = request_comparison(battery, loads, GroupAsk("", Way(kind="ageing")))
    (job,) = work()
    assert (job.kind, job.state) == ("compare_loads", "done")
    today, cooler = comparison.runs.order_by("place")
    assert (today.label, cooler.label, today.newest_estimate) == ("today", "cooler", cooler.newest_estimate)
    assert result_of(cooler)["temperature"][0] == pytest.approx(result_of(today)["temperature"][0] - 10)
    assert result_of(cooler)["soh"][-1] != result_of(today)["soh"][-1]


@pytest.mark.parametrize(
    ("loads", "field"),
    [
        ("x", "loads"),
        ([{"label": "none of these has an end"}] * 9, "loads"),
        ([{"label": "alone", "ahead_time": 5, "csv": "not read"}], "loads"),
        ([], "loads"),
        ([{"label": "a"}, FINE], "loads[0].ahead_time"),
        ([{"label": "a", "ahead_time": 5, "phases": [{"current": "x"}]}, FINE], "loads[0].phases[0].current"),
        ([{"label": "a", "ahead_time": 5, "resolution": 9}, FINE], "loads[0].resolution"),
        ([{"label": "a", "ahead_time": 5, "curent": 3}, FINE], "loads[0].curent"),
    ],
)
def test_a_fault_of_a_load_is_told_with_its_path(loads, field):
    with pytest.raises(LoadRefused) as refused:
        named_loads_from(loads)
    assert list(refused.value.fields) == [field]


def test_loads_need_names_of_their_own(battery_with_past):
    battery, _ = battery_with_past(years=0.1, rows=False)
    same = [NamedLoad("a", load_from(LOAD)), NamedLoad("a", load_from(LOAD))]
    for loads, field in ((same[:1], "loads"), (same, "loads[1].label")):
        with pytest.raises(LoadRefused) as refused:
            request_comparison(battery, loads, TREND)
        assert list(refused.value.fields) == [field]
    assert not ForecastRun.objects.exclude(state=RunState.DONE).exists()


@pytest.mark.parametrize("as_of", [float("nan"), float("inf")])
def test_a_fleet_is_forecast_as_of_a_time_that_is_one(db, as_of):
    Battery.objects.create(name="cell")
    with pytest.raises(OptionRefused) as refused:
        request_fleet(Chosen(), load_from(LOAD), GroupAsk("", Way(kind="trend", as_of=as_of)))
    assert list(refused.value.fields) == ["as_of"]


@pytest.mark.parametrize("name", ["cap", "offset"])
def test_a_load_that_is_ticked_needs_its_number(name):
    form = ComparisonForm({"ahead": 10, "days": 7, f"with_{name}": "on", "kind": "ageing"})
    assert list(form.errors) == [name]


def test_a_retry_replaces_files_and_forgets_the_fault(battery_with_past, work):
    battery_with_past(rows=False)
    fleet = request_fleet(Chosen(), load_from(LOAD), TREND)
    work()
    run = fleet.runs.get()
    files = run.history_file.name, run.result_file.name
    fleet.runs.update(state=RunState.FAILED, error="It broke.", error_code="unexpected", traceback="at line 1")
    again = enqueue("forecast_fleet", arguments={"group_id": fleet.pk})
    work()
    run.refresh_from_db()
    fleet.refresh_from_db()
    assert (run.state, run.error, run.error_code, run.traceback) == (RunState.DONE, "", "", "")
    assert (run.history_file.name, run.result_file.name) == files
    folder = Path(run.result_file.path).parent
    assert sorted(path.name for path in folder.iterdir()) == ["history.parquet", "result.parquet"]
    assert fleet.job == again


def test_a_run_deleted_while_it_is_made_ends_no_other(battery_with_past, work, monkeypatch):
    battery_with_past("gone", rows=False)
    battery_with_past("stays", rows=False)
    fleet = request_fleet(Chosen(), load_from(LOAD), TREND)
    real = fleet_module.kept_past

    def delete_then_keep(run, past):
        if run.battery.name == "gone":
            ForecastRun.objects.filter(pk=run.pk).delete()
        return real(run, past)

    monkeypatch.setattr(fleet_module, "kept_past", delete_then_keep)
    (job,) = work()
    assert (job.state, [run.state for run in fleet.runs.all()]) == ("done", [RunState.DONE])
