"""How many rows of a battery are kept, and how long: refused when it is full, or the oldest deleted."""

import re
import time

import numpy as np
import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.roles import Role
from datahub import retention, tables
from datahub.charting import drawing
from datahub.charting import tables as charting_tables
from datahub.charting.summarising import summarise_more
from datahub.errors import BatteryFull, RecordsRefused
from datahub.ingest import store_columns, store_records
from datahub.ingest.commit import commit_group
from datahub.ingest.sieve import Submission
from datahub.keeping import in_words, keeping_of
from datahub.models import Battery
from datahub.queries import battery_named, chart, records, rows_after, stats
from datahub.registration import register_battery, update_battery
from datahub.retention import Round, drop_old_rows, drop_portion, due
from datahub.tables import quoted, rows_table

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

DAY = 86_400.0


def rows(first, last):
    return [{"test_time": float(t), "voltage": 3.0 + t / 1000} for t in range(first, last)]


def times():
    return [row["test_time"] for row in records(battery_named("cell"))]


def battery(**keeping):
    return register_battery(None, name="cell", **keeping)


def drop_all(now=None):
    """Portion after portion, as the duty does it."""
    waiting = due(time.time() if now is None else now)
    while waiting:
        waiting = drop_portion(waiting, time.time() if now is None else now)
    return battery_named("cell")


def age(days, rows_up_to):
    """Lets so many of the first rows have been received so many days ago."""
    found = battery_named("cell")
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {quoted(rows_table(found.pk))} SET received = received - %s WHERE row_id <= %s",
            [days * DAY, rows_up_to],
        )
    Battery.objects.filter(pk=found.pk).update(first_received=F("first_received") - days * DAY)


# --- what holds ----------------------------------------------------------------------------------------------------
def test_a_battery_says_otherwise_than_the_settings_and_0_is_no_limit(settings):
    settings.ROWS_MOST, settings.ROWS_DAYS, settings.ROWS_WHEN_FULL = 100, 7.0, "drop"
    assert keeping_of(battery()) == keeping_of(Battery()) != keeping_of(Battery(most_rows=0))
    assert (keeping_of(Battery()).most_rows, keeping_of(Battery()).days, keeping_of(Battery()).when_full) == (
        100, 7.0, "drop",
    )  # fmt: skip
    own = Battery(most_rows=0, keep_days=0.0, when_full="refuse")
    assert (keeping_of(own).most_rows, keeping_of(own).days, keeping_of(own).when_full) == (None, None, "refuse")
    assert in_words(own) == "Any number of rows, for ever."


# --- full: refused -------------------------------------------------------------------------------------------------
def test_a_full_battery_refuses_what_is_new_and_knows_what_it_has():
    battery(most_rows=5)
    assert store_records("cell", rows(0, 4)).stored == 4
    with pytest.raises(BatteryFull) as full:
        store_records("cell", rows(2, 8))
    assert (full.value.status, full.value.code) == (409, "battery_full")
    assert times() == [0.0, 1.0, 2.0, 3.0]  # nothing of the request
    result = store_records("cell", [*rows(2, 8), {"voltage": 3.0}], partial=True)
    assert (result.stored, result.repeated) == (1, 2)
    assert [(each.index, each.code) for each in result.rejected] == [(n, "battery_full") for n in (3, 4, 5, 6)]
    assert times() == [0.0, 1.0, 2.0, 3.0, 4.0]
    found = battery_named("cell")
    assert (found.rows, found.repeated_rows, found.refused_rows, found.last_test_time) == (5, 2, 4, 4.0)
    assert in_words(found) == "5 of 5 rows (100 %); then new ones are refused."
    update_battery(found, most_rows=6)
    assert store_columns("cell", {"test_time": [5.0, 5.0], "voltage": [1.0, 1.0]}).repeated == 1


def test_a_full_battery_gets_no_column_of_rows_that_it_refuses():
    battery(most_rows=2)
    store_records("cell", [{"test_time": 0.0, "step": 1}])
    new = [{"test_time": 1.0, "step": 2, "note": "kept"}, {"test_time": 2.0, "step": 2.5, "flag": True}]
    assert store_records("cell", new, partial=True).stored == 1
    kinds = {"test_time": "float", "step": "integer", "note": "text"}
    assert battery_named("cell").columns == kinds
    refused = store_records("cell", [{"test_time": 9.0, "step": 0.5}, {"other": 1}], partial=True).rejected
    assert [each.code for each in refused] == ["battery_full"] * 2
    found = battery_named("cell")
    assert (found.columns, found.rows, found.refused_rows) == (kinds, 2, 3)
    with connection.cursor() as cursor:
        columns = {
            column.name for column in connection.introspection.get_table_description(cursor, rows_table(found.pk))
        }
    assert columns == {"row_id", "row_digest", "row_late", "received", *kinds}
    update_battery(found, most_rows=4)
    assert store_records("cell", [{"test_time": 9.0, "step": 0.5}, {"test_time": 9.5, "step": 3}]).stored == 2
    assert battery_named("cell").columns == {**kinds, "step": "float"}
    assert [row["step"] for row in records(battery_named("cell"))] == [1, 2, 0.5, 3]


def test_another_fault_beside_it_is_told_by_its_own_name():
    battery(most_rows=1)
    with pytest.raises(RecordsRefused):
        store_records("cell", [*rows(0, 2), {}])


def test_each_sender_of_a_group_is_told_of_its_own_records():
    battery(most_rows=3)
    first = Submission(rows(0, 2), [1.0] * 2, first_index=10)
    second = Submission([*rows(1, 2), {}, *rows(2, 6)], [2.0] * 6, first_index=100)
    committed = commit_group({"cell": [first, second]})["cell"]
    assert (committed.stored, committed.repeated, committed.position) == (3, 1, 3)
    assert not first.rejections
    assert {each.index: each.code for each in second.rejections} == {
        101: "empty_record", 103: "battery_full", 104: "battery_full", 105: "battery_full",
    }  # fmt: skip


def test_a_post_to_a_full_battery_answers_409_and_partial_stores_what_fits(client_as):
    found = battery(most_rows=2)
    client = client_as("operator")
    for path in ("/db/upload/cell", f"/api/v1/batteries/{found.pk}/rows/"):
        assert client.post(path, rows(10, 14), format="json").status_code == 409
    assert Battery.objects.get().rows == 0
    told = client.post("/db/upload/cell?partial=1", rows(10, 14), format="json").json()
    assert (told["stored"], [each["code"] for each in told["rejected"]]) == (2, ["battery_full"] * 2)


# --- full: the oldest go -------------------------------------------------------------------------------------------
def test_the_oldest_rows_go_and_every_reader_agrees(monkeypatch):
    monkeypatch.setattr(retention, "ROWS_A_TRANSACTION", 3)
    battery(most_rows=4, when_full="drop")
    assert store_records("cell", [*rows(0, 5), *rows(20, 22), *rows(5, 10)]).stored == 12
    found = drop_all()
    assert times() == [6.0, 7.0, 8.0, 9.0]
    assert (found.rows, found.kept_rows, found.dropped_rows, found.dropped_to) == (12, 4, 8, 8)
    assert (found.first_test_time, found.last_test_time, found.dropped_until) == (6.0, 21.0, 21.0)
    assert found.first_received == records(found)[0]["received"]
    assert stats()["cell"]["data_stats"]["rows"] == 4
    assert chart(found, ["voltage"]).lines["voltage"].test_time == [6.0, 7.0, 8.0, 9.0]
    assert rows_after(found, 0, 10).ids.tolist() == [9, 10, 11, 12]  # a cursor from before goes on after what is gone
    assert store_records("cell", rows(22, 23)).stored == 1
    newest = records(battery_named("cell"))[-1]
    assert (newest["row_id"], newest["row_late"]) == (13, False)


def test_a_row_that_was_deleted_and_comes_again_is_a_new_one_and_late():
    battery(most_rows=2, when_full="drop")
    store_records("cell", rows(0, 5))
    drop_all()
    assert store_records("cell", rows(0, 1)).stored == 1
    assert records(battery_named("cell"))[-1]["row_late"]


def test_the_newest_row_always_stays_so_that_no_id_is_given_twice():
    battery(keep_days=1.0)
    store_records("cell", rows(0, 5))
    age(2.0, rows_up_to=5)
    assert (drop_all().kept_rows, times()) == (1, [4.0])
    assert due(time.time()) == []
    store_records("cell", rows(5, 6))
    assert records(battery_named("cell"))[-1]["row_id"] == 6


def test_rows_go_by_when_they_were_received_in_portions(monkeypatch):
    monkeypatch.setattr(retention, "ROWS_A_TRANSACTION", 2)
    battery(keep_days=1.0)
    store_records("cell", rows(0, 10))
    age(2.0, rows_up_to=5)
    waiting = due(time.time())
    assert drop_portion(waiting, time.time()) == waiting  # there is more of it
    assert times() == [float(t) for t in range(2, 10)]
    assert (drop_all().dropped_rows, times()) == (5, [5.0, 6.0, 7.0, 8.0, 9.0])
    assert due(time.time()) == []


@pytest.mark.parametrize("keeping", [{"most_rows": 9_995, "when_full": "drop"}, {"keep_days": 1.0}])
def test_to_delete_a_few_rows_few_are_read(keeping, monkeypatch):
    found = battery(**keeping)
    Battery.objects.filter(pk=found.pk).update(keep_days=None, most_rows=None)
    store_columns("cell", {"test_time": np.arange(10_000.0).tolist()})
    Battery.objects.filter(pk=found.pk).update(**keeping)
    age(2.0, rows_up_to=5)
    oldest, read = tables.oldest, []
    monkeypatch.setattr(tables, "oldest", lambda *asked: (given := oldest(*asked), read.append(len(given)))[0])
    assert drop_all().dropped_rows == 5
    assert sum(read) <= 2 * retention.ROWS_A_LOOK


def test_many_rows_that_are_too_old_go_in_one_look(monkeypatch):
    battery(keep_days=1.0)
    store_columns("cell", {"test_time": np.arange(3_000.0).tolist()})
    age(2.0, rows_up_to=2_500)
    assert drop_portion(due(time.time()), time.time()) == []
    assert battery_named("cell").dropped_rows == 2_500


def test_deleting_a_few_rows_does_not_read_all_that_is_told_of_blocks(monkeypatch):
    """The table is ordered by name and block; its plan has to say that both are looked up."""
    found = battery()
    store_columns("cell", {"test_time": np.arange(1_000.0).tolist()})
    assert not summarise_more(found.pk)
    update_battery(battery_named("cell"), most_rows=700, when_full="drop")
    with CaptureQueriesContext(connection) as asked:
        drop_all()
    deleting = [each["sql"] for each in asked if each["sql"].startswith('DELETE FROM "blocks_')]
    assert len(deleting) == 2
    for statement in deleting:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL enable_seqscan = off")  # which is quicker with so few
                cursor.execute("SET LOCAL enable_bitmapscan = off")
                cursor.execute(f"EXPLAIN {statement}")
                plan = " ".join(line for (line,) in cursor.fetchall())
                assert re.search(r"Index Cond: .*name.* AND \(block <", plan), plan
            else:
                cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
                plan = " ".join(line[-1] for line in cursor.fetchall())
                assert "(name=? AND block<?)" in plan, plan


def test_the_duty_looks_now_and_then_and_serves_every_battery(settings, monkeypatch):
    settings.ROWS_MOST, settings.ROWS_WHEN_FULL = 2, "drop"
    monkeypatch.setattr(retention, "BATTERIES_A_TRANSACTION", 2)
    for name in ("a", "b", "c", "cell"):
        store_records(name, rows(0, 5))
    seen = Round()
    assert drop_old_rows(seen)  # two are left
    assert not drop_old_rows(seen)
    assert {each.name: each.kept_rows for each in Battery.objects.all()} == {"a": 2, "b": 2, "c": 2, "cell": 2}
    store_records("cell", rows(5, 9))
    assert not drop_old_rows(seen)  # it looked just now
    assert battery_named("cell").kept_rows == 6


def test_charts_of_many_rows_show_none_that_is_deleted(monkeypatch):
    monkeypatch.setattr(drawing, "RAW_ROWS", 10)
    battery(most_rows=1000, when_full="drop")
    spike = {"test_time": 300.5, "voltage": 99.0}
    store_records("cell", [*rows(0, 301), spike, *rows(301, 900)])
    assert not summarise_more(battery_named("cell").pk)

    def drawn():
        found = chart(battery_named("cell"), ["voltage"], points=20)
        return found.rows, found.lines["voltage"]

    assert max(drawn()[1].values) == 99.0
    update_battery(battery_named("cell"), most_rows=590)  # the spike's block stays in part
    drop_all()
    left, line = drawn()
    assert (left, max(line.values)) == (590, 3.899)
    charting_tables.drop(connection, battery_named("cell").pk)
    assert drawn() == (left, line)  # as from the rows alone
    while summarise_more(battery_named("cell").pk):
        continue
    assert drawn() == (left, line)


# --- doors ---------------------------------------------------------------------------------------------------------
def test_the_limits_are_fields_of_rest(client_as):
    client = client_as("administrator")
    made = client.post("/api/v1/batteries/", {"name": "cell", "most_rows": 3, "when_full": "drop"}, format="json")
    path = f"/api/v1/batteries/{made.json()['id']}/"
    assert (made.status_code, made.json()["most_rows"], made.json()["when_full"]) == (201, 3, "drop")
    changed = client.patch(path, {"keep_days": 2.5, "most_rows": None}, format="json").json()
    assert (changed["keep_days"], changed["most_rows"], changed["when_full"]) == (2.5, None, "drop")
    for wrong in (
        {"most_rows": -1},
        {"when_full": "burn"},
        {"keep_days": -1},
        {"keep_days": "inf"},
        {"keep_days": "nan"},
    ):
        assert client.patch(path, wrong, format="json").status_code == 400, wrong
    client.patch(path, {"dropped_rows": 7}, format="json")
    assert Battery.objects.get().dropped_rows == 0


def test_the_admin_and_the_page_tell_how_full_it_is(client, user_with_role):
    found = battery(most_rows=4, when_full="drop")
    store_records("cell", rows(0, 5))
    drop_all()
    client.force_login(user_with_role(Role.ADMINISTRATOR.group))
    path = f"/admin/datahub/battery/{found.pk}/change/"
    kept = "4 of 4 rows (100 %); then the oldest are deleted."
    shown = client.get(path).content.decode()
    assert kept in shown
    assert "Most rows that are kept" in shown
    page = client.get(f"{reverse('dashboard', args=['cell'])}?tab=data").content.decode()
    assert kept in page
    assert "1, up to t = 0 s" in page
    answer = client.post(path, {"description": "x", "most_rows": "9", "when_full": "refuse", "keep_days": "1.5"})
    assert answer.status_code == 302
    found.refresh_from_db()
    assert (found.most_rows, found.when_full, found.keep_days) == (9, "refuse", 1.5)


def test_a_limit_deletes_rows_so_it_takes_an_administrator(client, client_as, user_with_role):
    found = battery(most_rows=4)
    rest = client_as("operator")
    path = f"/api/v1/batteries/{found.pk}/"
    assert rest.patch(path, {"most_rows": 1}, format="json").status_code == 403
    assert rest.post("/api/v1/batteries/", {"name": "new", "keep_days": 1}, format="json").status_code == 403
    as_it_is = {name: value for name, value in rest.get(path).json().items() if name != "metadata"}
    assert rest.patch(path, as_it_is | {"description": "told"}, format="json").status_code == 200
    client.force_login(user_with_role("engineer"))
    admin = f"/admin/datahub/battery/{found.pk}/change/"
    client.post(admin, {"description": "x", "most_rows": "1", "when_full": "drop", "keep_days": "1"})
    found.refresh_from_db()
    assert (found.description, found.most_rows, found.when_full, found.keep_days) == ("x", 4, "", None)
