"""The tab of what was measured, the series of its charts, and the same over REST."""

import csv
import io

import pytest

from datahub.registration import register_battery
from tests.rovi_site.pages import battery_with_rows, with_estimates, with_measured_cycle
from twin.measuring.advancing import advance_measurements
from twin.measuring.records import MeasuredProgress
from twin.models import Estimator

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PARAMETERS = {"capacity_ah": 0.8, "r0_ohm": 0.05, "ocv_soc": [0.0, 1.0], "ocv_voltage": [3.0, 4.2]}


@pytest.fixture
def viewer(client, user_with_role):
    client.force_login(user_with_role("viewer"))
    return client


def api(viewer, battery, what, query=""):
    answer = viewer.get(f"/api/v1/batteries/{battery.pk}/{what}/{query}")
    assert answer.status_code == 200, answer.content
    return answer


def tab(viewer, name):
    return viewer.get(f"/dashboard/{name}?tab=cycles").content.decode()


# --- the tab -------------------------------------------------------------------------------------------------------
def test_a_cycle_is_told_with_unit_and_spread(viewer):
    battery = with_measured_cycle()
    with_estimates(battery)
    Estimator.objects.update(parameters=PARAMETERS)
    page = tab(viewer, "cell 1")
    # Full to empty, of which up to 5 % may be missing at the top: 0.8 Ah · 0.05/√3 = 0.023 Ah.
    assert "0.800 ± 0.023" in page
    assert ">full<" in page
    assert "20 to 30 °C" in page
    assert "0.80 Ah, 0.80 Ah" in page  # charged, discharged
    assert f'data-series="/charts/batteries/{battery.pk}/measured"' in page


def test_where_nothing_is_measured_the_tab_says_why(viewer):
    register_battery({"name": "empty"})
    assert "the first row begins it" in tab(viewer, "empty")
    battery_with_rows("waiting", rows=2)
    assert "a worker does it within a minute" in tab(viewer, "waiting")
    register_battery({"name": "odd"})
    from datahub.ingest import store_records

    store_records("odd", [{"test_time": 1.0, "amps": 1.0}])
    assert "the rows have no column current, voltage" in tab(viewer, "odd")


def test_without_capacity_estimator_or_cycle_the_tab_says_what_is_missing(viewer):
    from datahub.ingest import store_records

    store_records("bare", [{"test_time": 60.0 * place, "current": 1.0, "voltage": 4.0} for place in range(3)])
    while advance_measurements():
        continue
    page = tab(viewer, "bare")
    for sentence in (
        "No nominal capacity.", "No estimator tells the SOC so far.", "The rows have no temperature.",
        "No cycle has ended so far.",
    ):  # fmt: skip
        assert sentence in page


def test_the_charts_get_measured_beside_estimated(viewer):
    battery = with_measured_cycle()
    with_estimates(battery, capacity=0.76)
    Estimator.objects.update(parameters=PARAMETERS)
    found = viewer.get(f"/charts/batteries/{battery.pk}/measured").json()
    cycles, steps = found["cycles"], found["resistance"]
    assert cycles["cycle"] == [1]
    assert cycles["full"] == pytest.approx([0.8], rel=1e-3)
    assert cycles["scaled"] == [None]
    assert cycles["estimated"] == {"cycle": [1], "mean": [0.76], "sd": [pytest.approx(0.004)]}
    assert cycles["efficiency"] == pytest.approx([100.0], rel=1e-3)
    assert steps["estimated"]["mean"][-1] == pytest.approx(40.0)
    assert steps["charge"] == [pytest.approx(90.0), None, None]  # 90 mV at 1 A
    assert steps["discharge"] == [None, pytest.approx(90.0), pytest.approx(90.0)]


# --- REST ----------------------------------------------------------------------------------------------------------
def test_cycles_over_rest_hold_the_capacity_that_each_shows(viewer):
    battery = with_measured_cycle()
    with_estimates(battery, capacity=0.76)
    Estimator.objects.update(parameters=PARAMETERS)
    answer = api(viewer, battery, "cycles").json()
    (cycle,) = answer["results"]
    assert answer["next_after"] is None
    assert (cycle["place"], cycle["cycle"], cycle["start_time"], cycle["end_time"]) == (0, 1, 0.0, 5882.0)
    # 2,880 s at 1 A and a ramp to 0 within 1 s: 2880.5 A·s; out there are two ramps.
    assert cycle["charge_ah"] == pytest.approx(2880.5 / 3600)
    assert cycle["discharge_ah"] == pytest.approx(2880.0 / 3600)
    assert cycle["efc"] == pytest.approx((2880.5 + 2880.0) / 3600 / 2)
    assert (cycle["kind"], cycle["measured_ah"]) == ("full", cycle["discharge_ah"])
    assert cycle["estimated_ah"] == 0.76
    assert cycle["mean_temperature"] == pytest.approx(25.0)


def test_cycles_come_in_pages_and_as_csv(viewer):
    battery = with_measured_cycle()
    known = battery.measured_cycles.get()
    for place in (1, 2):
        known.pk, known.place, known.number = None, place, place + 1
        known.save()
    first = api(viewer, battery, "cycles", "?limit=2").json()
    assert ([each["cycle"] for each in first["results"]], first["next_after"]) == ([1, 2], 1)
    rest = api(viewer, battery, "cycles", f"?limit=2&after={first['next_after']}").json()
    assert ([each["cycle"] for each in rest["results"]], rest["next_after"]) == ([3], None)
    answer = api(viewer, battery, "cycles", "?format=csv")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["cycle"] for row in rows] == ["1", "2", "3"]
    assert float(rows[0]["charge_ah"]) == first["results"][0]["charge_ah"]
    assert rows[0]["kind"] == ""  # no estimator tells what is full


def test_resistances_over_rest(viewer):
    battery = with_measured_cycle()
    with_estimates(battery)
    answer = api(viewer, battery, "resistances").json()
    _, step, _ = answer["results"]
    assert step["ohm"] == pytest.approx(0.09)
    assert (step["delay_s"], step["is_charge"], step["current_before"], step["current_after"]) == (
        1.0,
        False,
        0.0,
        -1.0,
    )
    assert (step["soc"], step["r0"], step["row_id"]) == (0.5, 0.04, 5)
    assert [each["row_id"] for each in api(viewer, battery, "resistances", "?after=5").json()["results"]] == [7]
    assert b"".join(api(viewer, battery, "resistances", "?format=csv").streaming_content).count(b"\n") == 4


def test_a_checkpoint_that_cannot_be_read_is_as_if_nothing_were_measured(viewer):
    battery = with_measured_cycle()
    MeasuredProgress.objects.update(checkpoint=b"of another version", soc_checkpoint=b"as well")
    totals = api(viewer, battery, "totals").json()
    assert (totals["rows"], totals["rows_waiting"], totals["open_cycle"]) == (0, 8, None)
    assert (totals["soc_bands"], totals["soc_version"]) == ([], None)
    assert "Nothing is measured yet" in tab(viewer, battery.name)


def test_totals_over_rest(viewer):
    battery = with_measured_cycle()
    totals = api(viewer, battery, "totals").json()
    assert (totals["rows"], totals["rows_waiting"], totals["cycles"], totals["gaps"]) == (8, 0, 1, 0)
    assert totals["throughput_ah"] == pytest.approx((2880.5 + 2880.0) / 3600)
    assert (totals["charging_seconds"], totals["discharging_seconds"], totals["resting_seconds"]) == (2881, 2881, 120)
    assert (totals["lowest_voltage"], totals["highest_voltage"]) == (2.99, 4.28)
    spent = [band for band in totals["temperature_bands"] if band["seconds"]]
    assert spent == [{"above": 20.0, "below": 30.0, "seconds": 5882.0}]
    assert (totals["soc_bands"], totals["soc_version"]) == ([], None)
    assert totals["open_cycle"]["number"] == 2


@pytest.mark.parametrize(
    ("what", "query", "field"),
    [
        ("cycles", "?after=-1", "after"), ("cycles", "?limit=0", "limit"), ("cycles", "?format=parquet", "format"),
        ("resistances", "?after=99", "after"),
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_met_is_refused_by_its_field(viewer, what, query, field):
    battery = with_measured_cycle()
    answer = viewer.get(f"/api/v1/batteries/{battery.pk}/{what}/{query}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]


def test_there_are_no_measurements_of_a_battery_that_is_not_there(viewer):
    for what in ("cycles", "resistances", "totals"):
        assert viewer.get(f"/api/v1/batteries/987654/{what}/").status_code == 404
    assert viewer.get("/charts/batteries/987654/measured").status_code == 404
