"""What is stored of what was sent: kinds, columns, the same row once, late rows, counters. Runs on both databases."""

import math
import time

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from datahub.errors import BadBatteryName, RecordsRefused, StoreBusy
from datahub.ingest import StoreResult, store_columns, store_records
from datahub.models import Battery
from datahub.queries import battery_named, records

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def store(*some, partial=True, name="module 7/α"):
    return store_records(name, list(some), partial=partial)


def stored(*columns, name="module 7/α"):
    """The values of these columns, in the order of arrival."""
    rows = records(battery_named(name))
    return [tuple(row.get(column) for column in columns) if len(columns) > 1 else row.get(columns[0]) for row in rows]


def refusals(result):
    return [(rejection.index, rejection.code) for rejection in result.rejected]


# --- kinds ---------------------------------------------------------------------------------------------------------
def test_the_first_record_makes_the_battery_its_table_and_its_kinds():
    assert store({"test_time": 0, "cycle_number": 1, "voltage": 3.7, "resting": True, "state": "hold"}).stored == 1
    battery = battery_named("module 7/α")
    assert battery.columns == {
        "test_time": "float", "cycle_number": "integer", "voltage": "float", "resting": "boolean", "state": "text",
    }  # fmt: skip
    (row,) = records(battery)
    assert (row["test_time"], row["cycle_number"], row["voltage"], row["resting"], row["state"]) == (
        0.0, 1, 3.7, True, "hold",
    )  # fmt: skip
    assert [type(row[name]) for name in ("test_time", "cycle_number", "resting")] == [float, int, bool]


def test_numbers_are_64_bits_wide():
    unix, greatest, third = 1_795_261_183.499_312_4, 2**63 - 1, 1 / 3
    store({"test_time": 16_777_217.0, "clock": unix, "counter": greatest, "least": -(2**63), "third": third})
    assert stored("test_time", "clock", "counter", "least", "third") == [
        (16_777_217.0, unix, greatest, -(2**63), third)
    ]


def test_a_battery_is_made_for_one_good_record_behind_many_bad_ones_and_for_none_without():
    bad = [{"test_time": float(n), "voltage": [3.7]} for n in range(200)]
    refused = store(*bad)
    assert (refused.stored, refusals(refused)) == (0, [(n, "nested_value") for n in range(200)])
    assert not Battery.objects.exists()
    result = store(*bad, {"test_time": 200.0, "voltage": 3.7})
    assert (result.stored, refusals(result)) == (1, [(n, "nested_value") for n in range(200)])
    assert battery_named("module 7/α").refused_rows == 200


def test_received_is_the_servers_clock():
    before = time.time()
    store({"test_time": 0.0})
    assert before <= stored("received")[0] <= time.time()


def test_a_missing_key_is_null_and_a_new_key_is_a_new_column():
    store({"test_time": 0.0, "voltage": 3.7}, {"test_time": 1.0, "temperature": 25.0})
    assert stored("voltage", "temperature") == [(3.7, None), (None, 25.0)]


def test_an_integer_column_that_receives_a_float_is_widened_without_loss():
    store({"test_time": 0.0, "step": 3}, {"test_time": 1.0, "step": 2**53})
    store({"test_time": 2.0, "step": 3.5}, {"test_time": 3.0, "step": 4})
    assert battery_named("module 7/α").columns["step"] == "float"
    assert stored("step") == [3.0, float(2**53), 3.5, 4.0]
    assert {type(value) for value in stored("step")} == {float}


def test_whole_numbers_and_fractions_of_a_column_may_come_together():
    store({"test_time": 0, "voltage": 4}, {"test_time": 1, "voltage": 3.98}, {"test_time": 2})
    assert stored("voltage") == [4.0, 3.98, None]


@pytest.mark.parametrize("together", [True, False])
def test_an_integer_column_that_holds_what_no_float_holds_is_not_widened(together):
    rows = [{"test_time": 0.0, "serial": 2**53 + 1}, {"test_time": 1.0, "serial": 0.5}]
    results = [store(*rows)] if together else [store(rows[0]), store(rows[1])]
    assert refusals(results[-1]) == [(1 if together else 0, "type_mismatch")]
    assert stored("serial") == [2**53 + 1]


def test_an_integer_that_a_float_column_cannot_hold_is_refused():
    result = store({"test_time": 0.0, "x": 0.5}, {"test_time": 1.0, "x": 2**53 + 1}, {"test_time": 2.0, "x": 2**60})
    assert refusals(result) == [(1, "number_too_large")]
    assert stored("x") == [0.5, float(2**60)]


@pytest.mark.parametrize(
    ("first", "then"),
    [(3.7, "high"), (3, "high"), ("high", 3.7), (True, 1), (1, True), (1.0, False), ("x", True), (True, "yes")],
)
def test_a_value_of_another_kind_refuses_its_record_only(first, then):
    result = store({"test_time": 0.0, "x": first}, {"test_time": 1.0, "x": then}, {"test_time": 2.0, "x": first})
    assert refusals(result) == [(1, "type_mismatch")]
    assert stored("test_time", "x") == [(0.0, first), (2.0, first)]


def test_a_refusal_says_what_where_and_what_to_do():
    (rejection,) = store({"test_time": 0.0, "voltage": 3.7}, {"test_time": 1.0, "voltage": "high"}).rejected
    assert rejection.as_map() == {
        "index": 1,
        "code": "type_mismatch",
        "message": "Column 'voltage' is stored as float and this record has text; send float or rename the column.",
    }


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("usual", [3.7, 3, True, "text"])
def test_what_is_not_finite_is_null_in_any_column_and_counted(bad, usual):
    store({"test_time": 0.0, "x": usual}, {"test_time": 1.0, "x": bad})
    battery = battery_named("module 7/α")
    assert stored("x") == [usual, None]
    assert (battery.non_finite_values, battery.refused_rows) == (1, 0)


def test_a_column_that_begins_with_nan_is_one_of_floats():
    store({"test_time": 0.0, "x": math.nan}, {"test_time": 1.0, "x": 1})
    assert stored("x") == [None, 1.0]


def test_a_column_begins_with_its_first_value_and_not_with_null():
    store({"test_time": 0.0, "x": None})
    assert "x" not in battery_named("module 7/α").columns
    store({"test_time": 1.0, "x": "text"})
    assert stored("x") == [None, "text"]


def test_values_that_are_not_finite_are_found_in_a_large_batch():
    odd = {7: math.nan, 8: math.inf, 21: -math.inf, 22: None}
    store({"test_time": -1.0, "x": 0.5})
    store(*[{"test_time": float(second), "x": odd.get(second, 1.5)} for second in range(50)])
    assert stored("x") == [0.5] + [None if second in odd else 1.5 for second in range(50)]
    assert battery_named("module 7/α").non_finite_values == 3


@pytest.mark.parametrize("rows", [1, 50])
def test_minus_zero_is_zero(rows):
    store({"test_time": -1.0, "current": 1.5})
    store(*[{"test_time": float(second), "current": -0.0} for second in range(rows)])
    assert {math.copysign(1.0, value) for value in stored("current")} == {1.0}
    assert store(*[{"test_time": float(second), "current": 0.0} for second in range(rows)]).repeated == rows


def test_bytes_are_text():
    result = store({"test_time": 0.0, "state": b"l\xc3\xa4dt"}, {"test_time": 1.0, "state": b"\xff"})
    assert refusals(result) == [(1, "bad_text")]
    assert stored("state") == ["lädt"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([1.0], "nested_value"), ({"a": 1}, "nested_value"), ([], "nested_value"), (1j, "unknown_type"),
        (2**63, "number_too_large"), (-(2**63) - 1, "number_too_large"),
        ("a\0b", "bad_text"), ("\ud800", "bad_text"), ("x" * 4097, "text_too_long"), ("ä" * 2049, "text_too_long"),
    ],
)  # fmt: skip
def test_a_value_that_no_column_holds_refuses_its_record(value, code):
    result = store({"test_time": 0.0, "x": value}, {"test_time": 1.0, "y": 1.0})
    assert refusals(result) == [(0, code)]
    assert "x" not in battery_named("module 7/α").columns


def test_a_refused_record_changes_no_column():
    store({"test_time": 0.0, "step": 1})
    store({"test_time": 1.0, "step": 1.5, "extra": 1.0, "nested": [1]})
    assert battery_named("module 7/α").columns == {"test_time": "float", "step": "integer"}


@pytest.mark.parametrize("record", [{}, {"voltage": None}, {"received": 1.0}])
def test_a_record_without_a_value_is_refused(record):
    assert refusals(store(record)) == [(0, "empty_record")]
    assert not Battery.objects.exists()


@pytest.mark.parametrize("record", [None, 7, "text", [1.0], [("a", 1)]])
def test_what_is_no_map_is_refused(record):
    assert refusals(store(record, {"test_time": 0.0})) == [(0, "not_a_record")]


# --- columns -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", ["", "a b", "a;b", 'x"; DROP TABLE datahub_battery; --', "a" * 64, "größe", "ctid", "XMIN", 7, None, b"a"]
)
def test_a_name_that_cannot_be_a_column_refuses_its_record(name):
    result = store({"test_time": 0.0, name: 1.0}, {"test_time": 1.0, "ok": 1.0})
    assert refusals(result) == [(0, "bad_column_name")]
    assert battery_named("module 7/α").columns == {"test_time": "float", "ok": "float"}


@pytest.mark.parametrize("name", ["select", "id", "digest", "late", "rowid", "1C", "_", "A" * 63, "row_number"])
def test_a_name_of_letters_digits_and_underscores_is_a_column_whatever_sql_says(name):
    assert store({"test_time": 0.0, name: 1.5}).stored == 1
    assert stored(name) == [1.5]


def test_case_makes_no_difference_to_a_column():
    store({"test_time": 0.0, "Voltage": 3.7}, {"TEST_TIME": 1.0, "voltage": 3.8})
    assert stored("test_time", "Voltage") == [(0.0, 3.7), (1.0, 3.8)]
    assert refusals(store({"test_time": 2.0, "voltage": 1.0, "VOLTAGE": 2.0})) == [(0, "same_column_twice")]


def test_a_downloaded_row_may_be_sent_back_as_it_is():
    store({"test_time": 0.0, "voltage": 3.7})
    (row,) = records(battery_named("module 7/α"))
    assert store(row) == StoreResult(stored=0, repeated=1, rejected=[])


def test_columns_beyond_the_limit_refuse_their_record(settings):
    settings.UPLOAD_MAX_COLUMNS = 3
    result = store({"test_time": 0.0, "a": 1.0}, {"test_time": 1.0, "b": 1.0, "c": 1.0}, {"test_time": 2.0, "b": 1.0})
    assert refusals(result) == [(1, "too_many_columns")]
    assert set(battery_named("module 7/α").columns) == {"test_time", "a", "b"}


def test_a_thousand_columns_are_stored():
    row = {"test_time": 0.0, **{f"cell_{number:03}": number + 0.5 for number in range(999)}}
    assert store(*[{**row, "test_time": float(second)} for second in range(70)]).stored == 70
    assert stored("cell_998") == [998.5] * 70


# --- the same row once ---------------------------------------------------------------------------------------------
def test_the_same_row_is_stored_once():
    row = {"test_time": 0.0, "voltage": 3.7}
    assert store(row, row) == StoreResult(stored=1, repeated=1, rejected=[])
    assert store(row) == StoreResult(stored=0, repeated=1, rejected=[])
    battery = battery_named("module 7/α")
    assert (battery.rows, battery.repeated_rows) == (1, 2)


def test_other_content_at_the_same_time_is_another_row():
    assert store({"test_time": 0.0, "voltage": 3.7}, {"test_time": 0.0, "voltage": 3.8}).stored == 2
    assert battery_named("module 7/α").late_rows == 0


def test_a_row_is_recognised_whatever_its_keys_order_and_whatever_became_of_the_table():
    store({"test_time": 0.0, "step": 3, "voltage": 3.7})
    store({"test_time": 1.0, "step": 3.5, "extra": "new"})
    other_order = {"voltage": 3.7, "step": 3, "test_time": 0.0}
    again = store(other_order, {"test_time": 0, "step": 3.0, "voltage": 3.7, "x": None})
    assert again == StoreResult(stored=0, repeated=2, rejected=[])


def test_a_row_is_recognised_whether_judged_alone_or_in_a_batch():
    rows = [{"test_time": float(second), "a": second, "b": f"t{second}", "c": second / 7} for second in range(40)]
    assert store(*rows).stored == 40
    for row in rows[:3]:
        assert store(row).repeated == 1
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert store_columns("module 7/α", columns).repeated == 40


def test_rows_without_test_time_are_stored_each_time():
    assert store({"voltage": 3.7}, {"voltage": 3.7}).stored == 2
    assert battery_named("module 7/α").last_test_time is None


@pytest.mark.parametrize("text", ["same", "grün"])
def test_in_a_large_batch_the_same_row_is_stored_once_too(text):
    rows = [{"test_time": float(second), "step": second, "on": True, "text": text} for second in range(300)]
    store({"test_time": -1.0, "step": 0, "on": False, "text": "x"})
    assert store(*rows[:250]).stored == 250
    assert store(*rows[249:]) == StoreResult(stored=50, repeated=1, rejected=[])
    assert store(*[{**rows[-1], "step": step} for step in [*range(400, 700), 500]]).repeated == 1
    assert stored("text")[1:301] == [text] * 300
    assert stored("row_late") == [False] * 601


# --- late rows -----------------------------------------------------------------------------------------------------
def test_an_older_row_is_stored_and_marked_late():
    store({"test_time": 10.0}, {"test_time": 20.0}, {"test_time": 15.0}, {"test_time": 20.0, "x": 1.0})
    assert stored("test_time", "row_late") == [(10.0, False), (20.0, False), (15.0, True), (20.0, False)]
    store({"test_time": 12.0})
    battery = battery_named("module 7/α")
    assert (battery.late_rows, battery.late_from) == (2, 12.0)
    assert (battery.first_test_time, battery.last_test_time) == (10.0, 20.0)


def test_a_repeated_row_is_not_late():
    store({"test_time": 10.0}, {"test_time": 20.0})
    store({"test_time": 10.0}, {"test_time": 20.0}, {"test_time": 19.0})
    battery = battery_named("module 7/α")
    assert (battery.late_rows, battery.late_from, battery.repeated_rows) == (1, 19.0, 2)


def test_rows_without_test_time_are_not_late():
    store({"test_time": 10.0, "x": 1.0}, {"x": 2.0}, {"test_time": None, "x": 3.0}, {"test_time": 11.0, "x": 4.0})
    assert stored("row_late") == [False] * 4


# --- all or some ---------------------------------------------------------------------------------------------------
def test_one_bad_record_stops_them_all():
    with pytest.raises(RecordsRefused) as refused:
        store({"test_time": 0.0, "x": 1.0}, {"test_time": 1.0, "x": "y"}, partial=False)
    assert list(refused.value.fields) == ["1"]
    assert not Battery.objects.exists()


def test_nothing_is_stored_of_a_battery_whose_every_record_is_refused():
    assert store({"a b": 1.0}).stored == 0
    assert not Battery.objects.exists()


def test_refusals_of_a_battery_that_exists_are_counted():
    store({"test_time": 0.0, "x": 1.0})
    store({"test_time": 1.0, "x": "y"})
    assert battery_named("module 7/α").refused_rows == 1


def test_each_bad_record_in_a_large_batch_is_found():
    rows = [{"test_time": float(second), "x": "bad" if second % 97 == 5 else 1.0} for second in range(1000)]
    result = store(*rows)
    assert refusals(result) == [(second, "type_mismatch") for second in range(1000) if second % 97 == 5]
    assert stored("test_time") == [float(second) for second in range(1000) if second % 97 != 5]


@pytest.mark.parametrize("name", ["", "a" * 256, "a\0b", "\ud800"])
def test_a_name_that_no_battery_can_bear_is_refused(name):
    with pytest.raises(BadBatteryName):
        store_records(name, [{"test_time": 0.0}])


def test_names_with_anything_in_them_have_tables_of_their_own():
    names = ["x", "x_estimates", "X", 'a"; DROP TABLE x', "a/b/", "line\nbreak", "🔋" * 255, " x"]
    for number, name in enumerate(names):
        store({"test_time": float(number)}, name=name)
    assert [stored("test_time", name=name) for name in names] == [[float(number)] for number in range(len(names))]


def test_columns_are_stored_as_rows_are():
    result = store_columns("b", {"test_time": [0.0, 1.0, 2.0], "x": [1, "two", None]}, partial=True)
    assert refusals(result) == [(1, "type_mismatch")]
    assert stored("test_time", "x", name="b") == [(0.0, 1), (2.0, None)]


def test_deleting_a_battery_drops_its_rows():
    store({"test_time": 0.0})
    table = f"rows_{battery_named('module 7/α').pk}"
    assert table in connection.introspection.table_names()
    Battery.objects.all().delete()
    assert table not in connection.introspection.table_names()


def test_saving_a_record_read_earlier_leaves_the_counters():
    store({"test_time": 0.0})
    old = battery_named("module 7/α")
    store({"test_time": 1.0, "x": 1})
    old.description = "changed"
    old.save()
    battery = battery_named("module 7/α")
    assert (battery.description, battery.rows, battery.columns["x"]) == ("changed", 2, "integer")


def test_a_database_that_cannot_be_written_is_said_to_be_busy(monkeypatch):
    from django.db import OperationalError

    from datahub.ingest import storing

    def locked(group):
        raise OperationalError("database is locked")

    monkeypatch.setattr(storing, "commit_group", locked)
    with pytest.raises(StoreBusy):
        store({"test_time": 0.0})


# --- anything ------------------------------------------------------------------------------------------------------
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
usual_names = st.sampled_from(["test_time", "a", "A", "b", "b c", "received", "row_id", ""])
names = usual_names | st.integers() | st.text(max_size=3)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(names, anything, max_size=5) | anything, max_size=20))
def test_whatever_is_sent_each_record_is_stored_repeated_or_refused(sent):
    good = {"test_time": 1e6, "good": 1.0}
    Battery.objects.all().delete()
    result = store_records("fuzz", [*sent, good], partial=True)
    assert result.stored + result.repeated + len(result.rejected) == len(sent) + 1
    assert len(records(battery_named("fuzz"))) == result.stored
    assert stored("good", name="fuzz")[-1] == 1.0
    assert store_records("fuzz", [good]).repeated == 1
