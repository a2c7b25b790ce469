"""What doors read of the measurements."""

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datahub.models import Battery
from twin.measured import cycles_of, cycles_with_capacities
from twin.measuring.records import MeasuredCycle, MeasuredProgress

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def cycle(battery, place, **values):
    known = {
        "number": place + 1, "start_time": 7200.0 * place, "end_time": 7200.0 * (place + 1), "charge_ah": 2.0,
        "discharge_ah": 1.92, "charge_wh": 8.0, "discharge_wh": 5.0, "mean_temperature": 25.0, "gap_seconds": 0.0,
        "throughput_ah": 3.5 * (place + 1), "throughput_wh": 13.0 * (place + 1), "swing_ah": 1.5, "swing_start_row": 1,
        "swing_end_row": 2,
    }  # fmt: skip
    return MeasuredCycle.objects.create(battery=battery, place=place, **(known | values))


def test_a_battery_without_measurements_has_columns_of_no_length():
    cycles = cycles_of(Battery.objects.create(name="new"))
    assert {name: len(values) for name, values in cycles.items()} == dict.fromkeys(cycles, 0)
    contract = {
        "cycle", "start_time", "end_time", "charge_ah", "discharge_ah", "charge_wh", "discharge_wh", "efficiency",
        "duration_s", "mean_temperature", "throughput_ah", "efc",
    }  # fmt: skip
    assert contract <= cycles.keys()


def test_cycles_are_columns_oldest_first_and_unknown_numbers_are_nan():
    battery = Battery.objects.create(name="cell")
    MeasuredProgress.objects.create(battery=battery, rules={"nominal_capacity_ah": 2.0})
    cycle(battery, 1, charge_ah=0.0, mean_temperature=None)
    cycle(battery, 0)
    cycles = cycles_of(battery)
    assert cycles["cycle"].tolist() == [1, 2]
    assert cycles["duration_s"].tolist() == [7200.0, 7200.0]
    np.testing.assert_array_equal(cycles["efficiency"], [0.96, np.nan])
    np.testing.assert_array_equal(cycles["energy_efficiency"], [0.625, np.nan])
    np.testing.assert_array_equal(cycles["mean_temperature"], [25.0, np.nan])
    assert cycles["efc"].tolist() == [3.5 / 4.0, 7.0 / 4.0]  # throughput over twice the nominal capacity


def test_without_a_nominal_capacity_efc_is_not_known():
    battery = Battery.objects.create(name="cell")
    MeasuredProgress.objects.create(battery=battery, rules={"nominal_capacity_ah": None})
    cycle(battery, 0)
    assert np.isnan(cycles_of(battery)["efc"]).all()


def test_cycles_and_capacities_are_read_at_once():
    """So that a cycle which is committed meanwhile is in both or in neither."""
    battery = Battery.objects.create(name="cell")
    cycle(battery, 0)
    with CaptureQueriesContext(connection) as asked:
        columns = cycles_with_capacities(battery)
    assert sum("twin_measuredcycle" in query["sql"] for query in asked.captured_queries) == 1
    assert {name: len(values) for name, values in columns.items()} == dict.fromkeys(columns, 1)
    assert {"place", "cycle", "efc", "measured_ah", "kind", "estimated_ah"} <= columns.keys()
