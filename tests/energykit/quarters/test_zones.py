"""Days of a place, by the calendars of the zones: the hour that is left out, and the one that comes twice."""

import doctest
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energykit.quarters import BadZone, day_after, day_begin, day_table, zone_named, zones

BERLIN = ZoneInfo("Europe/Berlin")
PLACES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe",
                          "Africa/Cairo", "America/Havana", "Pacific/Apia"])  # fmt: skip
MODERN = st.integers(1_325_376_000, 2_524_608_000)  # 2012 to 2050; St Johns set its clock at 00:01 before


def at(text):
    return round(datetime.fromisoformat(text).timestamp())


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(zones).failed == 0


@pytest.mark.parametrize(
    ("day", "begins", "quarters"),
    [("2026-03-29", "2026-03-28T23:00Z", 92), ("2026-10-25", "2026-10-24T22:00Z", 100),
     ("2026-06-01", "2026-05-31T22:00Z", 96)],
)  # fmt: skip
def test_a_day_of_berlin(day, begins, quarters):
    begin, past = day_begin(at(f"{day}T15:07+02:00"), BERLIN), day_after(at(f"{day}T15:07+02:00"), BERLIN)
    assert (begin, (past - begin) / 900) == (at(begins), quarters)
    table = day_table(begin, past, BERLIN)
    assert table.days == [day]
    assert [start for start in table.starts[0] if start is not None] == list(range(begin, past, 900))


def test_the_hour_that_comes_twice_has_columns_of_its_own():
    table = day_table(at("2026-10-24T22:00Z"), at("2026-10-26T23:00Z"), BERLIN)
    assert table.clocks[8:17] == ["02:00", "02:15", "02:30", "02:45"] * 2 + ["03:00"]
    twice, once = table.starts
    assert (twice[8], twice[12], twice[16]) == (at("2026-10-25T00:00Z"), at("2026-10-25T01:00Z"),
                                                at("2026-10-25T02:00Z"))  # fmt: skip
    assert once[8:17] == [*range(at("2026-10-26T01:00Z"), at("2026-10-26T02:00Z"), 900), None, None, None, None,
                          at("2026-10-26T02:00Z")]  # fmt: skip


def test_the_hour_that_is_left_out_is_not_there():
    table = day_table(at("2026-03-28T12:00Z"), at("2026-03-29T12:00Z"), BERLIN)
    assert (len(table.clocks), table.starts[1][8:12]) == (96, [None] * 4)
    assert None not in table.starts[0]


@given(MODERN, PLACES)
def test_a_day_begins_at_its_first_instant(seconds, name):
    """By Python's calendar: the date changes there and holds up to the next one."""
    zone = zone_named(name)
    begin, past = day_begin(seconds, zone), day_after(seconds, zone)
    assert begin <= seconds < past

    def date_of(time):
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time)).astimezone(zone).date()

    assert date_of(begin) == date_of(seconds) == date_of(past - 1)
    assert date_of(begin - 1) < date_of(begin) < date_of(past)
    assert isinstance(date_of(past), date)


@given(MODERN, st.integers(1, 5 * 86_400), PLACES)
def test_each_quarter_has_one_place_in_the_table(first, length, name):
    zone = zone_named(name)
    first -= first % 900
    table = day_table(first, first + length, zone)
    told = [start for day in table.starts for start in day if start is not None]
    assert sorted(told) == list(range(day_begin(first, zone), day_after(first + length - 1, zone), 900))
    assert all(len(day) == len(table.clocks) for day in table.starts)


@pytest.mark.parametrize("name", ["", "Berlin", "../etc/passwd", "a\0b", "Europe/" + "x" * 300])
def test_what_is_no_zone_is_told(name):
    with pytest.raises(BadZone, match="Europe/Berlin"):
        zone_named(name)
