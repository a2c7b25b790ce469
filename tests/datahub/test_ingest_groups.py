"""Many batteries in one commit: to each happens what would happen if it were alone. Runs on both databases."""

import math
from dataclasses import dataclass, field, fields, replace

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from datahub.ingest import tables
from datahub.ingest.accounts import Account
from datahub.ingest.commit import commit_group
from datahub.ingest.frames import Columns
from datahub.ingest.sieve import Submission
from datahub.models import Battery
from datahub.queries import records

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
NO_BATTERY = 10**9


@dataclass
class Sender:
    """What a battery has, and what is sent to it now: a frame a submission."""

    before: list = field(default_factory=list)
    frames: list = field(default_factory=list)
    was_deleted: bool = False

    def submissions(self):
        number, made = 0, []
        for frame in self.frames:
            copied = replace(frame) if isinstance(frame, Columns) else list(frame)
            made.append(Submission(copied, [100.0 + number + row for row in range(len(frame))], number))
            made[-1].battery_id = NO_BATTERY if self.was_deleted else None
            number += len(frame)
        return made


def outcome(name, submissions, committed):
    """All that can be seen of a battery afterwards, but for its name and id."""
    seen = [[(r.index, r.code, r.message) for r in some.rejections] for some in submissions]
    seen += [[some.is_orphan for some in submissions]]
    seen += [committed.stored, committed.repeated, committed.position, committed.last_test_time]
    battery = Battery.objects.filter(name=name).first()
    assert committed.battery_id == (battery and battery.pk)
    if battery is not None:
        counted = [one.name for one in fields(Account) if one.name not in ("pk", "name")]
        rows = [{key: value for key, value in row.items() if key != "row_id"} for row in records(battery)]
        seen += [[getattr(battery, counter) for counter in counted], rows]
        assert battery.rows == len(rows)
    return seen


def in_one_group(senders):
    return _committed("together", senders, lambda groups: commit_group(groups))


def one_by_one(senders):
    return _committed(
        "alone", senders, lambda groups: {name: commit_group({name: some})[name] for name, some in groups.items()}
    )


def _committed(prefix, senders, commit):
    for number, sender in enumerate(senders):
        if sender.before:
            commit_group({f"{prefix} {number}": [Submission(sender.before, [50.0] * len(sender.before))]})
    groups = {f"{prefix} {number}": sender.submissions() for number, sender in enumerate(senders)}
    results = commit(groups)
    return [outcome(name, some, results[name]) for name, some in groups.items()]


@pytest.fixture
def taken_together(monkeypatch):
    """How many batteries each INSERT of many held."""
    seen, insert_each = [], tables.insert_each

    def watched(connection, kinds, chunk, shares):
        seen.append(len(shares))
        return insert_each(connection, kinds, chunk, shares)

    monkeypatch.setattr(tables, "insert_each", watched)
    return seen


def reading(second, **values):
    return {"test_time": float(second), "voltage": 3.7, **values}


# --- one of each ---------------------------------------------------------------------------------------------------
USUAL = [Sender([reading(0)], [[reading(second)]]) for second in range(1, 5)]
ODD = {
    "a new battery": Sender([], [[reading(1)]]),
    "a new battery with nothing good": Sender([], [[{"a b": 1.0}]]),
    "a row that is there": Sender([reading(0)], [[reading(0)]]),
    "the same row twice": Sender([reading(0)], [[reading(1), reading(1)]]),
    "some rows": Sender([reading(0)], [[reading(1), reading(2), reading(3)]]),
    "a late row": Sender([reading(5)], [[reading(1)]]),
    "a late row among others": Sender([reading(0)], [[reading(3), reading(2), reading(4)]]),
    "a bad value": Sender([reading(0)], [[{"test_time": 1.0, "voltage": "high"}]]),
    "a bad value among others": Sender([reading(0)], [[reading(1), {"test_time": 2.0, "voltage": [1]}, reading(3)]]),
    "a value that is not finite": Sender([reading(0)], [[{"test_time": 1.0, "voltage": math.nan}, reading(2)]]),
    "an integer in a float column": Sender([reading(0)], [[{"test_time": 1, "voltage": 4}]]),
    "an integer that no float holds": Sender([reading(0)], [[{"test_time": 1.0, "voltage": 2**53 + 1}]]),
    "a new column": Sender([reading(0)], [[reading(1, extra="text")]]),
    "a NULL": Sender([reading(0)], [[{"test_time": 1.0, "voltage": None}]]),
    "nothing but NULL": Sender([reading(0)], [[{"test_time": None, "voltage": None}]]),
    "no test_time": Sender([reading(0)], [[{"voltage": 3.8}, {"voltage": 3.8}]]),
    "other capitals": Sender([reading(0)], [[{"Test_Time": 1.0, "VOLTAGE": 3.6}]]),
    "minus zero": Sender([{"test_time": -1.0, "voltage": 0.5}], [[{"test_time": -0.0, "voltage": -0.0}]]),
    "no map": Sender([reading(0)], [[reading(1), 7]]),
    "an empty map": Sender([reading(0)], [[{}]]),
    "an empty frame": Sender([reading(0)], [[]]),
    "columns": Sender([reading(0)], [Columns(("test_time", "voltage"), [[1.0, 2.0], [3.7, 3.7]], 2)]),
    "two frames": Sender([reading(0)], [[reading(1)], [reading(2), {"test_time": 3.0, "voltage": "high"}]]),
    "many rows": Sender([reading(0)], [[reading(second) for second in range(1, 40)]]),
    "a battery that was deleted": Sender([], [[reading(1)]], was_deleted=True),
    "a battery that was deleted and made anew": Sender([reading(0)], [[reading(1)]], was_deleted=True),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_one_among_others_gets_what_it_would_get_alone(odd, taken_together):
    senders = [*USUAL[:2], ODD[odd], *USUAL[2:]]
    assert in_one_group(senders) == one_by_one(senders)
    assert max(taken_together) >= 2


def test_all_the_odd_ones_at_once(taken_together):
    senders = [*USUAL, *ODD.values(), *USUAL]
    assert in_one_group(senders) == one_by_one(senders)
    assert max(taken_together) >= 4


def test_a_fleet_is_stored_by_one_call():
    senders = [Sender([reading(0)], [[reading(1, temperature=25.0 + number)]]) for number in range(30)]
    widths = [Sender([reading(0, temperature=20.0)], sender.frames) for sender in senders]
    assert in_one_group(widths) == one_by_one(widths)


KINDS = {"integer": 2**60, "float": 0.5, "boolean": True, "text": "grün"}


@pytest.mark.parametrize("rows", [1, 3])
def test_each_kind_of_column_is_stored_for_many(rows, taken_together):
    first = {"test_time": 0.0, **KINDS}
    then = [[{"test_time": 1.0 + row, **KINDS, "text": f"{row}"} for row in range(rows)]]
    senders = [Sender([first], then), Sender([first], then), Sender([first], [[{**first, "text": None}]])]
    assert in_one_group(senders) == one_by_one(senders)
    assert taken_together == [3]


@pytest.mark.parametrize("columns", [89, 90, 200])
def test_wide_tables_are_stored_for_many(columns):
    wide = {f"cell_{number}": number + 0.5 for number in range(columns - 1)}
    senders = [Sender([{"test_time": 0.0, **wide}], [[{"test_time": 1.0, **wide}]])] * 3
    assert in_one_group(senders) == one_by_one(senders)


def test_kinds_of_records_without_end_are_stored_all_the_same(monkeypatch):
    monkeypatch.setattr(tables, "FUNCTIONS_A_SESSION", 0)
    assert in_one_group(USUAL) == one_by_one(USUAL)


def test_what_was_rolled_back_is_stored_at_the_next_try(taken_together):
    """PostgreSQL's function goes with the transaction that made it."""
    before = {f"b{number}": [Submission([reading(0)], [1.0])] for number in range(3)}
    commit_group(before)
    group = {name: [Submission([reading(1)], [2.0])] for name in before}
    with transaction.atomic():
        commit_group(group)
        transaction.set_rollback(True)
    assert [done.stored for done in commit_group(group).values()] == [1, 1, 1]
    assert taken_together == [3, 3]


def test_the_number_of_questions_does_not_grow_with_the_batteries(django_assert_max_num_queries):
    def fleet(size, second):
        return {f"b{number}": [Submission([reading(second)], [1.0])] for number in range(size)}

    commit_group(fleet(40, 0))
    with django_assert_max_num_queries(6) as seen:  # those that pass by Django's cursor
        commit_group(fleet(40, 1))
    assert len(seen.captured_queries) >= 1 or connection.vendor == "postgresql"


# --- anything ------------------------------------------------------------------------------------------------------
seconds = st.sampled_from([0.0, 1.0, 2.0, 3.0, None])
voltages = st.sampled_from([3.7, 3.8, 4, -0.0, None, math.nan, "high", 2**60, [1]])
usual = st.fixed_dictionaries({"test_time": seconds, "voltage": voltages})
wider = st.fixed_dictionaries({"test_time": seconds, "voltage": voltages, "state": st.sampled_from(["on", "off", 1])})
rows = st.lists(usual, max_size=3) | st.lists(usual | wider | st.just(7), max_size=12)
senders_of_anything = st.lists(
    st.builds(
        Sender,
        before=st.sampled_from([[], [reading(1)], [reading(1)], [reading(1)], [reading(2, state="on")]]),
        frames=st.lists(rows, min_size=1, max_size=2),
        was_deleted=st.sampled_from([False] * 5 + [True]),
    ),
    max_size=7,
)


@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(senders_of_anything)
def test_whatever_is_sent_a_battery_in_a_group_gets_what_it_would_get_alone(senders):
    Battery.objects.all().delete()
    assert in_one_group(senders) == one_by_one(senders)
