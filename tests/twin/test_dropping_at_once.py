"""Old rows are deleted while other processes commit what they made of others: nobody waits in a ring, or misses it."""

import threading
import time

import pytest
from django.apps import apps
from django.db import connection, transaction

from datahub.ingest import store_records
from datahub.models import Battery
from datahub.registration import register_battery
from datahub.retention import drop_portion
from datahub.signals import rows_dropped
from tests.twin import oracle
from twin.estimation.claims import claim, still_mine
from twin.measuring.records import MeasuredProgress
from twin.measuring.work import begin_new_ones
from twin.models import EstimatorProgress
from twin.registration import register_estimator

ALL_APPS = [config.name for config in apps.get_app_configs()]
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.usefixtures("on_postgresql"),  # SQLite has one writer at a time
    pytest.mark.django_db(transaction=True, available_apps=ALL_APPS),
]
SECONDS_APART = 0.2


@pytest.fixture
def batteries():
    """Two that lose their oldest row; the estimator of the second was registered first."""
    names = ("first", "second")
    for name in names:
        register_battery(None, name=name, most_rows=1, when_full="drop")
        store_records(name, oracle.records(last=2))
    for name in reversed(names):
        register_estimator(battery_name=name, kind="joint_ukf", parameters=oracle.parameters("one_rc"))
    EstimatorProgress.objects.update(cursor=0, rows_seen=0)
    return list(Battery.objects.filter(name__in=names).order_by("pk"))


@pytest.fixture
def dropping(batteries):
    """`dropping(meanwhile)`: calls it while a deletion of these batteries' oldest rows is under way elsewhere."""

    def run(meanwhile):
        begun, failures = threading.Event(), []

        def rest(**_):
            begun.set()
            time.sleep(SECONDS_APART)

        def drop():
            try:
                assert drop_portion([each.pk for each in batteries], time.time()) == []
            except Exception as error:  # noqa: BLE001  (told by the test's own thread)
                failures.append(error)
            finally:
                begun.set()
                connection.close()

        rows_dropped.connect(rest)
        thread = threading.Thread(target=drop)
        thread.start()
        begun.wait()
        try:
            meanwhile()
        finally:
            thread.join()
            rows_dropped.disconnect(rest)
        assert failures == []

    return run


def test_a_commit_of_many_estimators_and_the_deletion_do_not_wait_for_each_other(batteries, dropping):
    fences = claim(EstimatorProgress.objects.values_list("pk", flat=True))
    of_batteries = dict(EstimatorProgress.objects.values_list("pk", "estimator__battery_id"))
    mine = []

    def commits():
        with transaction.atomic():
            mine.append(still_mine(fences, of_batteries))

    dropping(commits)
    assert mine == [set()]  # what they would have written is of rows that are gone
    assert set(EstimatorProgress.objects.values_list("cursor", "rows_seen")) == {(1, 1)}


def test_a_battery_that_is_measured_for_the_first_time_begins_after_rows_that_just_go(batteries, dropping):
    dropping(begin_new_ones)
    assert set(MeasuredProgress.objects.values_list("cursor", "rows_seen")) == {(1, 1)}
