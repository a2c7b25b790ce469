"""Versions: a new one replays in the shade, is promoted, rolled back, followed."""

import threading

import numpy as np
import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.utils import IntegrityError
from django.test.utils import CaptureQueriesContext

from datahub.ingest import store_records
from tests.twin import oracle
from tests.twin.conftest import catch_up
from tests.twin.simulated import current, fresh, register, stepped
from twin import tables
from twin.errors import CannotBeCurrent, NoSuchEstimate, NothingToRollBackTo
from twin.estimation.fleet import advance_fleet
from twin.estimation.loading import load_estimator
from twin.models import Estimator, VersionChange
from twin.provenance import provenance
from twin.queries import estimates
from twin.states import condition_of
from twin.versions import follow, promote, promote_those_caught_up, roll_back, stop_following

# Naming the apps makes the clean-up cascade: knox leaves a table of a model that is swapped for ours.
ALL_APPS = [config.name for config in apps.get_app_configs()]
pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def small_steps(settings):
    settings.ESTIMATION_CHUNK_ROWS = 20
    settings.CHECKPOINT_ROWS = 10


def changes():
    return [(each.before_version, each.after_version, each.reason) for each in VersionChange.objects.order_by("id")]


# --- in the shade --------------------------------------------------------------------------------------------------
def test_a_new_version_replays_while_the_old_one_stays_current_and_is_then_promoted():
    first = register()
    store_records("cell", oracle.records(last=50))
    catch_up()
    second = register("no_rc")
    assert (current(), fresh(second).followed) == (first, True)
    advance_fleet()
    assert current() == first
    assert condition_of(fresh(second)).state == "running"
    sentence = condition_of(fresh(second)).sentence
    assert sentence.startswith("20 of 50 rows, about ")
    assert sentence.endswith("Another version is current, until this one has caught up.")
    catch_up()
    assert current() == second
    assert changes() == [(None, 1, "the first version"), (1, 2, "had replayed the stored rows")]
    store_records("cell", oracle.records(50, 60))
    catch_up()
    assert (stepped(first), stepped(second)) == (49, 59)  # the one that was replaced stands still
    assert condition_of(fresh(first)).sentence == "Stands still: another version is current."


def test_a_version_that_is_to_be_promoted_by_hand_is_followed_and_waits():
    first = register()
    store_records("cell", oracle.records(last=30))
    catch_up()
    second = register("no_rc", promote_when_caught_up=False)
    catch_up()
    assert (current(), stepped(second)) == (first, 29)
    assert condition_of(fresh(second)).sentence.endswith(" Another version is current.")
    promote(fresh(second))
    assert current() == second


@pytest.mark.parametrize("why", ["failed", "nothing"])
def test_where_the_current_one_has_failed_or_has_nothing_the_new_one_is_current_at_once(why):
    first = register()
    store_records("cell", oracle.records(last=5))
    if why == "failed":
        catch_up()
        Estimator.objects.filter(pk=first.pk).update(state="failed")
    assert current() == first
    second = register("no_rc")
    assert current() == second
    assert changes()[-1][2] == {"failed": "v1 had failed", "nothing": "v1 had no estimates"}[why]


def test_one_that_fails_in_the_shade_never_takes_the_place(register_script):
    store_records("cell", oracle.records(last=30))
    first = register()
    catch_up()
    failing = (
        "class E:\n"
        "    state_names = ['x']\n    n = 0\n"
        "    @property\n    def state(self): return self\n"
        "    def get_mean(self): return [0.0]\n    def get_covariance(self): return [[1.0]]\n"
        "    def step(self, i, m):\n        self.n += 1\n        if self.n > 25: raise ValueError('no more')\n"
        "estimator = E()\n"
    )
    second = register_script("cell", failing)
    catch_up()
    assert (fresh(second).state, current()) == ("failed", first)
    with pytest.raises(CannotBeCurrent, match="has failed"):
        promote(fresh(second))


def test_a_version_overtaken_by_a_newer_one_is_no_longer_stepped_nor_promoted():
    register()
    store_records("cell", oracle.records(last=20))
    catch_up()
    second, third = register("no_rc"), register()
    promote(fresh(third))
    assert not fresh(second).followed
    catch_up()
    assert (current(), stepped(second)) == (third, 0)


def test_it_is_promoted_while_rows_keep_coming_once_it_is_where_the_current_one_is():
    register()
    store_records("cell", oracle.records(last=30))
    catch_up()
    second = register("no_rc")
    while stepped(second) < 29:
        advance_fleet()
    store_records("cell", oracle.records(30, 40))
    assert promote_those_caught_up() == 1
    assert current() == second


# --- by hand -------------------------------------------------------------------------------------------------------
def test_a_roll_back_brings_the_version_before_which_catches_up_from_where_it_stood(user_with_role):
    engineer = user_with_role("engineer")
    first = register()
    store_records("cell", oracle.records(last=20))
    catch_up()
    second = register("no_rc")
    catch_up()
    store_records("cell", oracle.records(20, 40))
    catch_up()
    assert roll_back(fresh(second), engineer) == first
    assert current() == first
    catch_up()
    assert (stepped(first), stepped(second)) == (39, 39)
    told = VersionChange.objects.first()
    assert (told.before, told.after, told.by, told.reason) == (second, first, engineer, "rolled back from v2")
    assert roll_back(fresh(first)) == second  # there and back
    with pytest.raises(NothingToRollBackTo):
        roll_back(fresh(first))


def test_following_and_not():
    first = register()
    store_records("cell", oracle.records(last=10))
    catch_up()
    promote(fresh(register("no_rc")))
    follow(fresh(first))
    store_records("cell", oracle.records(10, 20))
    catch_up()
    assert stepped(first) == 19
    stop_following(fresh(first))
    store_records("cell", oracle.records(20, 30))
    catch_up()
    assert stepped(first) == 19


def test_there_is_never_more_than_one_current_nor_a_moment_without():
    first = register()
    store_records("cell", oracle.records(last=10))
    catch_up()
    second = register("no_rc", promote_when_caught_up=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        Estimator.objects.filter(pk=second.pk).update(is_current=True)
    assert current() == first


@pytest.mark.django_db(transaction=True, available_apps=ALL_APPS)
def test_a_reader_finds_a_current_one_at_every_moment(on_postgresql):
    first = register()
    store_records("cell", oracle.records(last=10))
    catch_up()
    second = register("no_rc", promote_when_caught_up=False)
    catch_up()
    found, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            found.append(Estimator.objects.filter(is_current=True).count())
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        promote(fresh(second))
        promote(fresh(first))
    stop.set()
    reader.join()
    assert set(found) == {1}


@pytest.mark.django_db(transaction=True, available_apps=ALL_APPS)
def test_first_registrations_at_the_same_moment_all_become_versions(on_postgresql):
    wrong, ready = [], threading.Barrier(4)

    def act():
        ready.wait()
        try:
            register()
        except Exception as error:  # noqa: BLE001  (the test tells it)
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sorted(Estimator.objects.values_list("version", flat=True)) == [1, 2, 3, 4]
    assert Estimator.objects.filter(is_current=True).count() == 1


@pytest.mark.parametrize("act", ["promotes", "loads"])
def test_progress_is_locked_before_any_version_is_changed_as_commits_do(act, register_script, script):
    first = register_script("cell", script("coulomb_counter"))
    second = register("no_rc", promote_when_caught_up=False)
    with CaptureQueriesContext(connection) as captured:
        if act == "promotes":
            promote(fresh(second if current() == first else first))
        else:
            load_estimator(fresh(first))
    sql = [query["sql"] for query in captured]
    locks = [
        place for place, text in enumerate(sql) if text.startswith('SELECT "twin_estimatorprogress"."estimator_id"')
    ]
    updates = [place for place, text in enumerate(sql) if text.startswith('UPDATE "twin_estimator" ')]
    assert locks
    assert locks[0] < updates[0]
    assert connection.vendor != "postgresql" or "FOR UPDATE" in sql[locks[0]]


# --- REST ----------------------------------------------------------------------------------------------------------
def test_rest_promotes_rolls_back_follows_and_tells(client_as):
    first = register()
    store_records("cell", oracle.records(last=20))
    catch_up()
    client = client_as("engineer")
    wishes = {"battery": "cell", "kind": "joint_ukf", "parameters": oracle.parameters("no_rc")}
    answer = client.post("/api/v1/estimators/", {**wishes, "promote_when_caught_up": False}, format="json").json()
    second = answer["id"]
    assert (answer["is_current"], answer["followed"], answer["rows_behind"]) == (False, True, 20)
    catch_up()
    assert client.post(f"/api/v1/estimators/{second}/promote/").json()["is_current"] is True
    back = client.post(f"/api/v1/estimators/{second}/roll-back/").json()
    assert (back["id"], back["is_current"]) == (first.pk, True)
    answer = client.post(f"/api/v1/estimators/{second}/follow/", {"promote_when_caught_up": False}).json()
    assert (answer["followed"], answer["promote_when_caught_up"]) == (True, False)
    assert client.post(f"/api/v1/estimators/{second}/stop-following/").json()["followed"] is False
    audit = client.get("/api/v1/version-changes/", {"battery__name": "cell"}).json()["results"]
    assert [(each["before_version"], each["after_version"], each["by"]) for each in audit] == [
        (2, 1, "the-engineer"), (1, 2, "the-engineer"), (None, 1, None),
    ]  # fmt: skip
    address = f"/api/v1/estimators/{second}/results/"
    assert client.get(address).json() == [
        {"count": 19, "what": "estimates"}, {"count": 0, "what": "forecasts"},
    ]  # fmt: skip
    assert client.delete(address).status_code == 403
    administrator = client_as("administrator")
    refused = administrator.delete(f"/api/v1/estimators/{first.pk}/results/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "is_current")
    assert administrator.delete(address).json()[0] == {"count": 19, "what": "estimates"}
    found = client.get(f"/api/v1/estimators/{first.pk}/estimates/3/provenance/").json()
    assert found["rows"]["used"] == 3
    missing = client.get(f"/api/v1/estimators/{first.pk}/estimates/1/provenance/")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no_such_estimate")
    with pytest.raises(NoSuchEstimate):
        provenance(fresh(first), 99)


# --- the migration -------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True, available_apps=ALL_APPS)
def test_data_of_the_first_release_is_carried_over_and_back():
    from django.db.migrations.executor import MigrationExecutor

    newest = [key for key in MigrationExecutor(connection).loader.graph.leaf_nodes() if key[0] in ("twin", "prognosis")]
    estimator = register()
    store_records("cell", oracle.records(last=10))
    catch_up()
    whole = estimates(fresh(estimator))
    try:
        MigrationExecutor(connection).migrate([("twin", "0001_initial")])
        with connection.cursor() as cursor:
            columns = [each.name for each in connection.introspection.get_table_description(
                cursor, tables.estimates_table(estimator.pk))]  # fmt: skip
        assert "computed" not in columns
    finally:
        MigrationExecutor(connection).migrate(newest)
    again = estimates(fresh(estimator))
    np.testing.assert_array_equal(again.means, whole.means)
    assert np.isnan(again.computed).all()
    assert fresh(estimator).progress.latest_row == 10
    store_records("cell", [*oracle.records(11, 15), *oracle.records(10, 11)])
    catch_up()
    assert estimates(fresh(estimator)).test_time.tolist() == [row["test_time"] for row in oracle.records(1, 15)]
