"""Whether rows arrive is measured by the battery's own interval."""

from datetime import UTC, datetime, timedelta

import pytest

from datahub.models import Battery
from datahub.states import data_state

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def state_of(age, interval=1.0, **more):
    received = (NOW - timedelta(seconds=age)).timestamp()
    return data_state(Battery(rows=1000, last_received=received, interval_seconds=interval, **more), NOW)


@pytest.mark.parametrize(
    ("age", "interval", "code"),
    [
        (2, 1.0, "live"),
        (10, 1.0, "live"),  # not past 10 s
        (11, 1.0, "late"),
        (300, 1.0, "late"),  # past 10 intervals, not past 5 min
        (301, 1.0, "silent"),
        (7000, 3600.0, "live"),  # not past 2 intervals
        (7201, 3600.0, "late"),
        (36001, 3600.0, "silent"),
        (2, None, "live"),
    ],
)
def test_late_and_silent_take_both_bounds(age, interval, code):
    assert state_of(age, interval).code == code


def test_sentences_say_when_and_how_often():
    assert state_of(2).sentence == "Last row 2 s ago, every 1 s."
    assert state_of(14).sentence == "Last row 14 s ago; expected every 1 s."
    assert state_of(10800).sentence == "No row since 2026-11-20 09:00:00 UTC (3 h 0 min)."


def test_a_finished_battery_is_never_silent():
    state = state_of(10**6, finished_at=NOW)
    assert (state.code, state.sentence) == ("finished", "Ended 2026-11-20 12:00:00 UTC after 1,000 rows.")


def test_a_battery_without_rows_says_so():
    assert data_state(Battery(), NOW).sentence == "No rows yet."
