"""History is read from one table, read-only, for a bounded time, oldest first."""

import numpy as np
import pytest
from django.db import connection, transaction

from prognosis import tables
from prognosis.errors import HistoryFailed, NoEstimates, TemplateRefused
from prognosis.forecasting.history import history_of
from prognosis.forecasting.sql import FUNCTIONS
from tests.prognosis.conftest import where_history_is_read
from twin.models import Estimator
from twin.tables import estimates_table

pytestmark = [where_history_is_read, pytest.mark.postgres]

LATEST_TWO = "SELECT test_time, q_t__base_values FROM $TABLE_NAME$ ORDER BY test_time DESC LIMIT 2"


def columns(battery, template):
    return {name: values.tolist() for name, values in history_of(battery, template).columns.items()}


# --- what comes ----------------------------------------------------------------------------------------------------
def test_the_newest_rows_come_oldest_first(estimated):
    history = history_of(estimated([1.0, 0.99, 0.98]), LATEST_TWO)
    assert {name: values.tolist() for name, values in history.columns.items()} == {
        "test_time": [60, 120],
        "q_t__base_values": [0.99, 0.98],
    }
    assert (history.rows, history.newest_estimate) == (2, 120.0)


def test_without_test_time_among_its_columns_a_newest_first_query_is_turned_around(estimated):
    battery = estimated([1.0, 0.99, 0.98])
    template = "SELECT q_t__base_values FROM $TABLE_NAME$ ORDER BY test_time{}"
    assert columns(battery, template.format(" DESC")) == {"q_t__base_values": [1.0, 0.99, 0.98]}
    assert columns(battery, template.format("")) == {"q_t__base_values": [1.0, 0.99, 0.98]}


def test_in_whatever_order_a_query_asks_it_comes_by_test_time(estimated):
    battery = estimated([1.0, 0.97, 0.98])
    template = "SELECT test_time, q_t__base_values FROM $TABLE_NAME$ ORDER BY q_t__base_values"
    assert columns(battery, template) == {"test_time": [0, 60, 120], "q_t__base_values": [1.0, 0.97, 0.98]}


def test_a_star_is_test_time_and_the_states_alone(estimated):
    assert columns(estimated([1.0]), "SELECT * FROM $TABLE_NAME$") == {
        "test_time": [0.0],
        "soc": [0.5],
        "q_t__base_values": [1.0],
        "r0__base_values": [0.04],
    }


def test_innovations_are_there_for_those_who_name_them(estimated):
    template = "SELECT row_id, predicted_voltage, innovation, innovation_variance FROM $TABLE_NAME$"
    assert columns(estimated([1.0]), template) == {
        "row_id": [0],
        "predicted_voltage": [3.7],
        "innovation": [0.001],
        "innovation_variance": [1e-4],
    }


def test_groups_and_aggregates_are_computed_by_the_database(estimated):
    template = (
        "SELECT MIN(test_time) AS test_time, AVG(q_t__base_values) AS q, COUNT(*) AS n FROM $TABLE_NAME$ "
        "WHERE soc BETWEEN 0 AND 1 GROUP BY CAST(test_time AS INT) % 120"
    )
    assert columns(estimated([1.0, 0.5, 0.0, 0.25]), template) == {
        "test_time": [0, 60],
        "q": [0.5, 0.375],
        "n": [2, 2],
    }


def test_null_is_nan(estimated):
    template = "SELECT NULLIF(soc, 0.5) AS nothing FROM $TABLE_NAME$"
    assert np.isnan(history_of(estimated([1.0]), template).columns["nothing"]).tolist() == [True]


def test_as_of_an_earlier_time_the_capacity_is_the_one_of_then(estimated):
    battery = estimated([1.0, 0.9, 0.5])  # at 0, 60 and 120 s
    assert [history_of(battery, LATEST_TWO, as_of).capacity for as_of in (0.0, 90.0, 120.0)] == [1.0, 0.9, 0.5]


# --- what is missing -----------------------------------------------------------------------------------------------
def test_a_battery_without_estimator_or_estimates_says_so(estimated):
    battery = estimated([])
    with pytest.raises(NoEstimates, match="the estimator of 'cell' has made no estimate yet"):
        history_of(battery, LATEST_TWO)
    Estimator.objects.all().delete()
    with pytest.raises(NoEstimates, match="the battery 'cell' has no estimator"):
        history_of(battery, LATEST_TWO)


def test_a_query_that_finds_nothing_says_so(estimated):
    with pytest.raises(NoEstimates, match="the forecaster's query finds no row among the estimates"):
        history_of(estimated(), "SELECT soc FROM $TABLE_NAME$ WHERE soc > 2")


def test_an_unknown_column_is_answered_with_the_states_of_this_battery(estimated):
    with pytest.raises(TemplateRefused, match="they have test_time, soc, q_t__base_values, r0__base_values, row_id"):
        history_of(estimated(), "SELECT capacity FROM $TABLE_NAME$")


def test_what_the_database_cannot_compute_is_told_in_its_words(estimated):
    battery = estimated()
    with pytest.raises(HistoryFailed, match="The database refused the history query"):
        history_of(battery, "SELECT SUM(AVG(soc)) FROM $TABLE_NAME$")
    assert history_of(battery, LATEST_TWO).rows == 2


# --- what is bounded -----------------------------------------------------------------------------------------------
def test_more_rows_than_allowed_are_refused(estimated, monkeypatch):
    monkeypatch.setattr("prognosis.forecasting.history.MAX_ROWS", 2)
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    battery = estimated([1.0, 0.99, 0.98])
    with pytest.raises(HistoryFailed, match="returns more than 2 rows"):
        history_of(battery, "SELECT soc FROM $TABLE_NAME$")
    assert history_of(battery, LATEST_TWO).rows == 2


def test_many_rows_come_in_blocks(estimated, monkeypatch):
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 2)
    assert columns(estimated([1, 2, 3, 4, 5]), "SELECT q_t__base_values AS q FROM $TABLE_NAME$") == {
        "q": [1, 2, 3, 4, 5]
    }


# --- what the database itself forbids, should a query get past the parser ------------------------------------------
def read(sql, battery, seconds=5.0):
    return tables.read_history(sql, estimates_table(battery.estimators.get().pk), seconds)


SLOW = {
    "sqlite": (
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c",
        # the authorizer forbids recursion, so a slow query has to multiply the one table with itself
        "SELECT COUNT(*) FROM {table} a, {table} b, {table} c, {table} d",  # a second or more
    ),
    "postgresql": ("SELECT pg_sleep(30)", "SELECT pg_sleep(30)"),
}


def test_a_slow_query_is_stopped(estimated):
    battery = estimated([1.0] * 60)
    table = estimates_table(battery.estimators.get().pk)
    with pytest.raises(HistoryFailed, match=r"The history query was stopped after 0.05 s"):
        read(SLOW[connection.vendor][1].format(table=table), battery, 0.05)
    assert history_of(battery, LATEST_TWO).rows == 2


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM {table}",
        "UPDATE {table} SET soc = 1",
        "INSERT INTO {table} SELECT * FROM {table}",
        "CREATE TABLE x (y INT)",
        "DROP TABLE {table}",
    ],
)
def test_nothing_can_be_written(estimated, sql):
    battery = estimated()
    with pytest.raises(HistoryFailed, match="The database refused"):
        read(sql.format(table=estimates_table(battery.estimators.get().pk)), battery)
    assert history_of(battery, LATEST_TWO).rows == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite asks about each table; PostgreSQL has no such hook")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) FROM auth_user",
        "SELECT sql FROM sqlite_master",
        "SELECT soc FROM {table} WHERE soc IN (SELECT id FROM auth_user)",
        "SELECT soc FROM {table} UNION SELECT id FROM auth_user",
        "SELECT load_extension(soc) FROM {table}",
        "SELECT randomblob(10) FROM {table}",
        "SELECT random() FROM {table}",
        "PRAGMA query_only = OFF",
        "ATTACH DATABASE ':memory:' AS x",
        SLOW["sqlite"][0],
    ],
)
def test_sqlite_reads_nothing_but_the_one_table_with_the_few_functions(estimated, sql):
    battery = estimated()
    with pytest.raises(HistoryFailed, match=r"not authorized|prohibited"):
        read(sql.format(table=estimates_table(battery.estimators.get().pk)), battery)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a second wall of SQLite's")
def test_sqlite_writes_nothing_even_where_it_is_not_asked(estimated, monkeypatch):
    monkeypatch.setattr(tables, "_only_reading", lambda table: None)
    battery = estimated()
    with pytest.raises(HistoryFailed, match="attempt to write a readonly database"):
        read(f"DELETE FROM {estimates_table(battery.estimators.get().pk)}", battery)


def test_every_function_of_the_list_works_where_it_is_run(estimated):
    calls = {
        "ABS": "ABS(soc)", "AVG": "AVG(soc)", "CAST": "CAST(soc AS DOUBLE PRECISION)", "COALESCE": "COALESCE(soc, 1)",
        "COUNT": "COUNT(soc)", "MAX": "MAX(soc)", "MIN": "MIN(soc)", "NULLIF": "NULLIF(soc, 1)", "ROUND": "ROUND(soc)",
        "SUM": "SUM(soc)",
    }  # fmt: skip
    assert set(calls) == set(FUNCTIONS)
    battery = estimated([1.0])
    for call in calls.values():
        assert history_of(battery, f"SELECT {call} AS x FROM $TABLE_NAME$").rows == 1


def test_reading_history_leaves_the_connection_able_to_write(estimated):
    battery = estimated()
    with transaction.atomic():
        history_of(battery, LATEST_TWO)
        battery.description = "still here"
        battery.save()
    battery.refresh_from_db()
    assert battery.description == "still here"
