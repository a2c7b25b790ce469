"""Where rows are missing, and what happened along test time."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from datahub.ingest import store_records
from datahub.models import Battery, DataImport
from rovi_site import tables
from rovi_site.pages.coverage import events_of
from tests.rovi_site.pages import battery_with_rows, with_estimates
from twin.models import VersionChange

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]  # SQL of our own


@pytest.fixture
def viewer(client, user_with_role):
    client.force_login(user_with_role("viewer"))
    return client


def rows_at(name: str, *times: float) -> Battery:
    store_records(name, [{"test_time": float(time), "voltage": 3.7, "current": 0.0} for time in times])
    return Battery.objects.get(name=name)


def coverage(client, battery, query=""):
    return client.get(f"/charts/batteries/{battery.pk}/coverage?{query}").json()


def test_steps_above_three_times_the_usual_are_gaps_the_longest_first(viewer):
    battery = rows_at("cell", *range(0, 100, 10), *range(150, 250, 10), 1000, 1010, 1040)
    found = coverage(viewer, battery)
    assert found["usual_step"] == 10
    assert found["gaps"] == [[240, 1000], [90, 150]]  # 1010 to 1040 is three steps, not above
    assert sum(rows for rows, _ in found["parts"]) == 23
    # 120 parts of 1040 / 120 s: 240 lies in part 27, 1000 in part 115
    assert [place for place, (rows, _) in enumerate(found["parts"]) if rows][-3:] == [115, 116, 119]
    assert [rows for rows, _ in found["parts"]][28:115] == [0] * 87


def test_a_range_counts_its_own_rows_alone(viewer):
    battery = rows_at("cell", *range(0, 1000, 10))
    found = coverage(viewer, battery, "from=100&to=200")
    assert sum(rows for rows, _ in found["parts"]) == 11  # both ends
    assert found["gaps"] == []


def test_late_rows_and_refused_ones_are_listed(viewer):
    battery = rows_at("cell", 0, 10, 20, 30)
    rows_at("cell", 15)
    Battery.objects.filter(pk=battery.pk).update(refused_rows=1)
    rejection = {"index": 7, "code": "text_in_number", "message": "voltage is text"}
    DataImport.objects.create(battery=battery, file_name="a.csv", first_rejections=[rejection])
    found = coverage(viewer, battery)
    assert [(row, t) for row, t, _ in found["late"]] == [(5, 15.0)]
    assert sum(late for _, late in found["parts"]) == 1
    assert found["refused"] == [{"file": "a.csv", **rejection}]


def test_a_battery_without_rows_has_an_empty_strip(viewer):
    found = coverage(viewer, Battery.objects.create(name="none"))
    assert (found["parts"], found["gaps"]) == ([], [])
    assert viewer.get("/charts/batteries/999/coverage").status_code == 404


@pytest.mark.parametrize("rows", [10, 300])
def test_more_rows_cost_no_more_queries(viewer, django_assert_num_queries, rows):
    battery = battery_with_rows("cell", rows=rows)
    viewer.get("/")
    with django_assert_num_queries(7):
        coverage(viewer, battery)


def test_the_row_of_a_moment_is_found_by_when_it_came():
    battery = battery_with_rows("cell", rows=20, step=10.0)
    with connection.cursor() as cursor:
        cursor.execute(f'UPDATE "rows_{battery.pk}" SET received = 1000 + row_id')
    at = {moment: tables.test_time_at(connection, battery.pk, moment) for moment in (1000.5, 1001.0, 1007.5, 1e9)}
    assert at == {1000.5: None, 1001.0: 0.0, 1007.5: 60.0, 1e9: 190.0}


def test_a_version_that_took_over_is_an_event_and_the_first_one_is_none():
    battery = battery_with_rows("cell", rows=20, step=10.0)
    estimator = with_estimates(battery)
    change = {"battery": battery, "after": estimator, "reason": "by hand"}
    VersionChange.objects.create(**change, after_version=1)
    second = VersionChange.objects.create(**change, before_version=1, after_version=2)
    with connection.cursor() as cursor:
        cursor.execute(f'UPDATE "rows_{battery.pk}" SET received = 1000 + row_id')
    VersionChange.objects.filter(pk=second.pk).update(at=datetime.fromtimestamp(1010.5, UTC))
    words = "v2 took the place of v1: by hand"
    assert events_of(battery) == [{"t": 90.0, "kind": "version", "words": words}]
