"""Ranges by the clock, for rows that tell it."""

from datetime import UTC, datetime

import pytest
from django.http import QueryDict

from datahub.ingest import store_records
from datahub.models import Battery
from rovi_site.pages.clocks import offset_of
from rovi_site.pages.ranges import range_of

BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
pytestmark = pytest.mark.django_db


def stored(*rows):
    store_records("cell", [{"test_time": t, "time": clock, "voltage": 3.7} for t, clock in rows])
    return Battery.objects.get()


@pytest.mark.parametrize(
    ("rows", "offset"),
    [
        ([(0.0, BEGAN), (60.0, BEGAN + 60)], BEGAN),
        ([(100.0, BEGAN), (160.0, BEGAN + 60)], BEGAN - 100),
        ([(0.0, BEGAN), (1e6, BEGAN + 1e6 + 900)], BEGAN + 900),  # 900 s in 11 days
        ([(0.0, BEGAN), (157e6, BEGAN + 600)], None),  # years of life in ten minutes
        ([(0.0, 0.0), (60.0, 60.0)], None),  # no Unix time
    ],
)
def test_the_clock_is_known_where_test_time_ran_like_it(rows, offset):
    assert offset_of(stored(*rows)) == offset


def test_rows_without_a_clock_have_none():
    store_records("cell", [{"test_time": 0.0, "voltage": 3.7}])
    assert offset_of(Battery.objects.get()) is None


@pytest.mark.parametrize(
    ("query", "span"),
    [
        ("from=2026-11-20T13:00Z&to=2026-11-20T14:00Z", (3600.0, 7200.0)),
        ("from=2026-11-20T14:00%2B01:00&to=2026-11-20T14:00", (3600.0, 7200.0)),  # without a zone it is UTC
        ("from=2026-11-20", (0.0, 86_400.0)),  # a record begins where it begins
        ("from=end-1h", (82_800.0, 86_400.0)),
    ],
)
def test_moments_are_ranges_where_the_clock_is_known(query, span):
    found = range_of(QueryDict(query), 0.0, 86_400.0, BEGAN)
    assert (found.start, found.end, found.complaint) == (*span, "")


def test_without_a_clock_a_moment_is_complained_of():
    found = range_of(QueryDict("from=2026-11-20T13:00Z"), 0.0, 86_400.0, None)
    assert found.complaint.startswith("'2026-11-20T13:00Z' is no time: write seconds of test time")


def test_the_page_offers_the_zone_only_where_there_is_a_clock(client, user_with_role):
    client.force_login(user_with_role("viewer"))
    battery = stored((0.0, BEGAN), (60.0, BEGAN + 60))
    assert 'id="axis"' in client.get("/dashboard/cell").content.decode()
    assert client.get(f"/charts/batteries/{battery.pk}").json()["clock_offset"] == BEGAN
    store_records("other", [{"test_time": 0.0, "voltage": 3.7}])
    assert 'id="axis"' not in client.get("/dashboard/other").content.decode()
