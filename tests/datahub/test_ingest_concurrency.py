"""Several processes store rows of one battery at once: nothing is lost, doubled or seen out of order."""

import threading

import pytest
from django.apps import apps
from django.db import connection

from datahub.ingest import store_records
from datahub.queries import battery_named, rows_after

# Naming the apps makes the clean-up cascade: knox leaves a table of a model that is swapped for ours.
ALL_APPS = [config.name for config in apps.get_app_configs()]
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True, available_apps=ALL_APPS)]


@pytest.fixture
def many_connections():
    if connection.vendor != "postgresql":
        pytest.skip("the tests' SQLite lies in memory, which threads share; its write lock leaves one writer at a time")


def in_threads(*works):
    failures = []

    def run(work):
        try:
            work()
        except Exception as error:  # noqa: BLE001  (told by the test's own thread)
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_reader_that_follows_its_cursor_sees_every_row_once(many_connections):
    store_records("a", [{"test_time": -1.0}])
    seen, done = [], threading.Event()

    def writes(worker):
        for number in range(60):
            store_records("a", [{"test_time": float(number), "worker": worker, "number": number}] * 2)

    def reads():
        after, finished = 0, False
        while not finished:
            finished = done.is_set()  # before reading, so that the last look comes after the last commit
            block = rows_after(battery_named("a"), after, 1000, ["worker", "number"])
            seen.extend(zip(block.ids.tolist(), block.columns["worker"], block.columns["number"], strict=True))
            after = int(block.ids[-1]) if len(block) else after

    reader = threading.Thread(target=lambda: (reads(), connection.close()))
    reader.start()
    in_threads(*[lambda worker=worker: writes(worker) for worker in range(3)])
    done.set()
    reader.join()
    stored = rows_after(battery_named("a"), 0, 1000).ids.tolist()
    assert [row_id for row_id, _, _ in seen] == stored
    assert len(stored) == battery_named("a").rows == 1 + 3 * 60
    assert battery_named("a").repeated_rows == 3 * 60


def test_a_new_battery_that_several_begin_at_once_is_made_once(many_connections):
    for attempt in range(5):
        name = f"new {attempt}"

        def begins(worker, name=name):
            store_records(name, [{"test_time": float(worker), f"column_{worker}": 1.0}])

        in_threads(*[lambda worker=worker, begins=begins: begins(worker) for worker in range(4)])
        battery = battery_named(name)
        assert battery.rows == 4
        assert set(battery.columns) == {"test_time", *[f"column_{worker}" for worker in range(4)]}
