"""How points and lengths of time are written by clients; by Python's own parser where that reads them."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energykit.quarters import BadDuration, BadInstant, labelled, read_duration, read_instant

moments = st.datetimes(datetime(1900, 1, 2), datetime(2999, 12, 30), timezones=st.timezones())  # noqa: DTZ001


@given(moments)
def test_what_python_writes_is_read(moment):
    expected = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    offset = moment.utcoffset()
    if offset.microseconds:
        return
    read = read_instant(moment.isoformat())
    assert read.microseconds == expected.days * 86_400_000_000 + expected.seconds * 1_000_000 + expected.microseconds
    assert read.warnings == ()


@given(st.integers(-2_000_000_000, 30_000_000_000))
def test_a_label_is_read_as_what_it_labels_also_with_dashes(seconds):
    label = labelled(seconds)
    assert read_instant(label).microseconds == seconds * 1_000_000
    dashed = label[:11] + label[11:].replace(":", "-")
    assert read_instant(dashed) == read_instant(label)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with suppress(BadInstant):
        assert labelled(read_instant(text, in_query=True).microseconds // 1_000_000)
    with suppress(BadDuration):
        assert read_duration(text) > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2018-08-24T02:00:00 02:00", "2018-08-24T00:00:00Z"), ("2018-08-24 02:00:00 02:00", "2018-08-24T00:00:00Z"),
     ("2018-08-24T02-00-00 02:00", "2018-08-24T00:00:00Z"), ("2018-08-24 02:00", "2018-08-24T02:00:00Z")],
)  # fmt: skip
def test_in_a_query_a_space_stands_for_a_plus(text, expected):
    assert read_instant(text, in_query=True).microseconds == read_instant(expected).microseconds


@pytest.mark.parametrize(
    ("given_length", "seconds"),
    [(900, 900), (0.5, 0.5), ("900", 900), ("PT15M", 900), ("P1D", 86_400), ("P1W", 604_800), ("PT1H30M", 5400),
     ("pt1.5s", 1.5), ("P1DT1H", 90_000)],
)  # fmt: skip
def test_lengths_are_read(given_length, seconds):
    assert read_duration(given_length) == seconds * 1_000_000


@pytest.mark.parametrize("wrong", [0, -1, "PT0S", "P", "PT", "P1Y", "P1M", "1h", None, True, 31.5 * 86_400,
                                   float("nan"), float("inf"), 1e-9])  # fmt: skip
def test_lengths_that_are_none_are_refused(wrong):
    with pytest.raises(BadDuration):
        read_duration(wrong)
