"""Questions about batteries and rows give exact answers, in a number of queries that does not grow."""

import numpy as np
import pytest

from datahub import queries
from datahub.errors import NoSuchBattery, NoSuchColumn
from datahub.ingest import store_records
from datahub.models import Battery
from datahub.queries import battery_named, in_blocks, read_window, records, rows_after

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def battery():
    rows = [
        {"test_time": 0.0, "voltage": 3.0, "step": 1, "state": "rest"},
        {"test_time": 10.0, "voltage": 3.1, "step": 1, "on": True},
        {"test_time": 20.0, "voltage": float("nan"), "step": 2, "state": "charge"},
        {"test_time": 5.0, "voltage": 3.3, "step": 3},
    ]
    store_records("a", rows)
    return battery_named("a")


def test_a_name_that_is_wrong_is_answered_with_names_that_come_near():
    store_records("module_7", [{"test_time": 0.0}])
    with pytest.raises(NoSuchBattery, match="There is no battery 'modul_7'") as missing:
        battery_named("modul_7")
    assert missing.value.hint == "Did you mean 'module_7'?"


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_name_that_no_battery_can_have_is_not_found(name):
    with pytest.raises(NoSuchBattery):
        battery_named(name)


def test_rows_after_a_cursor_come_in_order_of_arrival(battery):
    block = rows_after(battery, 1, 2, ["voltage", "state"])
    assert block.ids.tolist() == [2, 3]
    assert block.late.tolist() == [False, False]
    np.testing.assert_array_equal(block.columns["voltage"], [3.1, np.nan])
    assert block.columns["state"].tolist() == [None, "charge"]
    assert list(block.columns) == ["voltage", "state"]


def test_numbers_and_booleans_are_doubles_in_a_block(battery):
    block = rows_after(battery, 0, 10)
    assert block.late.tolist() == [False, False, False, True]
    np.testing.assert_array_equal(block.columns["on"], [np.nan, 1.0, np.nan, np.nan])
    assert block.columns["step"].dtype == np.float64


def test_a_column_that_is_not_there_is_nan_after_a_cursor(battery):
    np.testing.assert_array_equal(rows_after(battery, 2, 10, ["temperature"]).columns["temperature"], [np.nan, np.nan])


def test_a_battery_without_rows_gives_empty_blocks():
    empty = Battery.objects.create(name="empty")
    assert len(rows_after(empty, 0, 10, ["voltage"])) == len(read_window(empty)) == 0
    assert records(empty) == []


def test_a_window_holds_its_start_and_not_its_end(battery):
    assert read_window(battery, start=5.0, end=20.0).columns["test_time"].tolist() == [10.0, 5.0]


def test_a_window_names_a_column_that_is_not_there(battery):
    with pytest.raises(NoSuchColumn, match="'temperature'"):
        read_window(battery, columns=["voltage", "temperature"])


def test_records_are_exact(battery):
    store_records("a", [{"test_time": 30.0, "serial": 2**63 - 1}])
    (row,) = records(battery_named("a"), columns=["serial", "on", "voltage"], after=4)
    assert (row["row_id"], row["row_late"]) == (5, False)
    assert (row["serial"], row["on"], row["voltage"]) == (2**63 - 1, None, None)


def test_blocks_cover_all_rows_once(battery):
    assert [block.ids.tolist() for block in in_blocks(battery, columns=["voltage"], rows=3)] == [[1, 2, 3], [4]]
    assert [block.ids.tolist() for block in in_blocks(battery, rows=2, start=5.0)] == [[2, 3], [4]]


def test_stats_tell_what_is_there(battery, monkeypatch):
    Battery.objects.create(name="b", metadata={"name": "b"})
    monkeypatch.setattr(queries, "holders_of_estimators", [lambda: {battery.pk}])
    assert queries.stats() == {
        "a": {
            "has_metadata": False,
            "has_data": True,
            "has_estimator": True,
            "data_stats": {
                "rows": 4,
                "columns": {
                    "test_time": "DOUBLE PRECISION", "voltage": "DOUBLE PRECISION", "step": "BIGINT", "state": "TEXT",
                    "on": "BOOLEAN", "received": "DOUBLE PRECISION",
                },
            },
        },
        "b": {"has_metadata": True, "has_data": False, "has_estimator": False, "data_stats": None},
    }  # fmt: skip


def test_stats_of_many_batteries_take_one_query_of_this_room(django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(queries, "holders_of_estimators", [])
    for number in range(3):
        store_records(f"battery {number}", [{"test_time": 0.0}])
    with django_assert_num_queries(1):
        assert len(queries.stats()) == 3
