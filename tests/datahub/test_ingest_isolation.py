"""What the database refuses costs the records concerned; what passes by itself is waited for."""

import sqlite3

import pytest
from django.db import DataError, InternalError, OperationalError, ProgrammingError

from datahub.ingest import writer
from datahub.ingest.commit import commit_group
from datahub.ingest.frames import Columns
from datahub.ingest.isolation import commit_singly
from datahub.ingest.sieve import Submission
from datahub.queries import battery_named, records
from jobs.passing import passes_by_itself

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def submission(*times, first_index=0):
    return Submission([{"test_time": float(time)} for time in times], [1.0] * len(times), first_index)


def refusing(poison):
    """A commit that fails for the times in `poison`, as a database would that cannot hold such a row."""

    def commit(group):
        for submissions in group.values():
            for some in submissions:
                frame = some.frame
                times = frame.columns[0] if isinstance(frame, Columns) else [row["test_time"] for row in frame]
                if poison & set(times):
                    raise DataError("row is too big")
        return commit_group(group)

    return commit


def times_of(name):
    return [row["test_time"] for row in records(battery_named(name))]


def test_only_the_records_that_the_database_cannot_hold_are_refused():
    bad, good = submission(0, 1, 2, 3, 4, first_index=10), submission(5)
    found = commit_singly({"a": [bad, good], "b": [submission(2.5)]}, refusing({1.0, 4.0}))
    assert times_of("a") == [0.0, 2.0, 3.0, 5.0]
    assert times_of("b") == [2.5]
    assert [rejection.index for rejection in bad.rejections] == [11, 14]
    assert {rejection.code for rejection in bad.rejections} == {"not_stored"}
    assert good.rejections == []
    assert (found["a"].stored, found["a"].position, found["a"].last_test_time) == (4, 4, 5.0)


def test_frames_that_are_committed_at_the_second_try_are_stored_as_they_were_sent(monkeypatch):
    from datahub.ingest import tables

    update, tries = tables.update_counters, []

    def fails_once(*arguments):
        tries.append(arguments)
        if len(tries) == 1:
            raise sqlite_error(sqlite3.SQLITE_FULL)
        update(*arguments)

    monkeypatch.setattr(tables, "update_counters", fails_once)
    group = {"a": [Submission(Columns(("test_time",), [[0.0, 1.0]], 2), [1.0] * 2), submission(2, 3)]}
    with pytest.raises(OperationalError):
        commit_group(group)
    assert commit_group(group)["a"].stored == 4
    assert times_of("a") == [0.0, 1.0, 2.0, 3.0]


def test_columns_are_taken_apart_too():
    bad = Submission(Columns(("test_time",), [[0.0, 1.0, 2.0]], 3), [1.0] * 3)
    commit_singly({"a": [bad]}, refusing({1.0}))
    assert times_of("a") == [0.0, 2.0]
    assert [rejection.index for rejection in bad.rejections] == [1]


def caused_by(error, cause):
    error.__cause__ = cause
    return error


def sqlite_error(code):
    cause = sqlite3.OperationalError("x")
    cause.sqlite_errorcode = code
    return caused_by(OperationalError("x"), cause)


class PostgresError(Exception):
    def __init__(self, sqlstate):
        self.sqlstate = sqlstate


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, 5 | (2 << 8)])
def test_a_locked_or_full_sqlite_passes(code):
    assert passes_by_itself(sqlite_error(code))


@pytest.mark.parametrize("sqlstate", ["08006", "40P01", "53100", "57P01", None])
def test_a_postgresql_that_is_away_or_found_a_deadlock_passes(sqlstate):
    assert passes_by_itself(caused_by(OperationalError("x"), PostgresError(sqlstate)))


def test_a_writer_that_was_frozen_in_a_transaction_and_cut_off_commits_again():
    assert passes_by_itself(caused_by(InternalError("x"), PostgresError("25P03")))


@pytest.mark.parametrize(
    "error",
    [
        sqlite_error(sqlite3.SQLITE_ERROR), DataError("x"), ProgrammingError("x"), ValueError("x"),
        caused_by(OperationalError("x"), PostgresError("54000")),
    ],
)  # fmt: skip
def test_what_the_records_themselves_cause_does_not_pass(error):
    assert not passes_by_itself(error)


def test_the_writer_waits_for_a_locked_database_and_then_commits(monkeypatch):
    tries = []

    def locked_twice(group):
        tries.append(group)
        if len(tries) < 3:
            raise sqlite_error(sqlite3.SQLITE_BUSY)
        return commit_group(group)

    monkeypatch.setattr(writer, "commit_group", locked_twice)
    monkeypatch.setattr(writer, "FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(writer.connection, "close", lambda: None)  # the test's transaction lives in it
    assert writer._commit_patiently({"a": [submission(0, 1)]})["a"].stored == 2
    assert times_of("a") == [0.0, 1.0]


def test_a_battery_deleted_meanwhile_is_not_made_again():
    first = submission(0)
    battery_id = commit_group({"a": [first]})["a"].battery_id
    battery_named("a").delete()
    late = Submission([{"test_time": 1.0}], [1.0], 1, battery_id=battery_id)
    new = submission(2)
    found = commit_group({"a": [late]})
    assert (late.is_orphan, found["a"].battery_id) == (True, None)
    commit_group({"a": [late, new]})
    assert (late.is_orphan, new.is_orphan) == (True, False)
    assert times_of("a") == [2.0]
