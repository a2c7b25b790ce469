"""Versions: a new one replays in the shade, is promoted, rolled back, followed; what it was made of, and its end."""

import threading

import numpy as np
import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.db.utils import IntegrityError
from django.test.utils import CaptureQueriesContext

from datahub.ingest import store_records
from datahub.queries import battery_named
from prognosis.forgetting import forecasts_from
from prognosis.models import ForecastRun
from tests.twin import oracle
from tests.twin.conftest import catch_up, run_jobs
from twin import retention, tables
from twin.errors import CannotBeCurrent, IsCurrent, NoSuchEstimate, NothingToRollBackTo
from twin.estimation.fleet import advance_fleet
from twin.estimation.loading import load_estimator
from twin.models import Checkpoint, Estimator, EstimatorProgress, VersionChange
from twin.provenance import provenance
from twin.queries import current_estimator, estimates
from twin.registration import register_estimator
from twin.results import delete_results, loss_of_results
from twin.states import condition_of
from twin.versions import follow, promote, promote_those_caught_up, roll_back, stop_following

# Naming the apps makes the clean-up cascade: knox leaves a table of a model that is swapped for ours.
ALL_APPS = [config.name for config in apps.get_app_configs()]
pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def small_steps(settings):
    settings.ESTIMATION_CHUNK_ROWS = 20
    settings.CHECKPOINT_ROWS = 10


def register(case="one_rc", name="cell", **wishes):
    return register_estimator(battery_name=name, kind="joint_ukf", parameters=oracle.parameters(case), **wishes)


def fresh(estimator):
    return Estimator.objects.select_related("battery", "progress").get(pk=estimator.pk)


def current(name="cell"):
    return current_estimator(battery_named(name))


def stepped(estimator):
    return EstimatorProgress.objects.get(pk=estimator.pk).rows_stepped


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


# --- provenance ----------------------------------------------------------------------------------------------------
def test_an_estimate_tells_where_it_comes_from(register_script, script):
    files = [ContentFile(b"{}", name="weights.json")]
    estimator = register_script("cell", script("coulomb_counter"), files=files)
    records = oracle.records(last=40)
    store_records("cell", [*records[:20], {**records[20], "voltage": None}, *records[21:]])
    catch_up()
    told = provenance(fresh(estimator), 30)
    assert told["estimate"]["row_id"] == 30
    assert told["estimate"]["test_time"] == records[29]["test_time"]
    assert told["estimate"]["computed"] == pytest.approx(fresh(estimator).progress.updated.timestamp(), abs=60)
    assert told["version"]["script_sha256"] == estimator.script_sha256
    assert told["version"]["files"] == [
        {
            "name": "weights.json",
            "size": 2,
            "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        }
    ]
    assert told["libraries"]["numpy"] == np.__version__
    assert told["rows"] == {
        "used": 29, "first_row_id": 1, "last_row_id": 30, "first_test_time": records[0]["test_time"], "not_finite": 1,
        "late_not_worked_in": 0, "skipped_in_all": {"not_finite": 1},
    }  # fmt: skip
    assert told["recomputed"] is None
    assert told["checkpoint"]["is_start"]  # a script's state is large: its checkpoints are kept less often


def test_it_tells_of_late_rows_that_are_not_in_it_and_later_that_it_was_made_anew(monkeypatch):
    estimator = register()
    records = oracle.records(last=40)
    store_records("cell", records[:30] + records[31:])
    catch_up()
    monkeypatch.setattr("twin.estimation.fleet.begin_recomputations", lambda kind: 0)
    store_records("cell", records[30:31])
    catch_up()
    told = provenance(fresh(estimator), 35)
    assert (told["rows"]["used"], told["rows"]["late_not_worked_in"]) == (35, 1)
    assert told["checkpoint"]["row_id"] == told["checkpoint"]["estimates_before"] + 1 == 20
    assert provenance(fresh(estimator), 5)["rows"]["late_not_worked_in"] == 0
    monkeypatch.undo()
    catch_up()
    told = provenance(fresh(estimator), 35)
    assert (told["rows"]["used"], told["rows"]["last_row_id"], told["rows"]["late_not_worked_in"]) == (36, 40, 0)
    assert told["recomputed"]["late_from"] == records[30]["test_time"]
    assert provenance(fresh(estimator), 5)["recomputed"] is None
    assert told["libraries"]["numpy"] == np.__version__
    assert set(told["libraries"]) == {"numpy", "python", "rovi"}


def test_other_libraries_count_from_when_they_were_there(monkeypatch):
    estimator = register()
    store_records("cell", oracle.records(last=5))
    catch_up()
    monkeypatch.setattr("twin.estimation.fleet.own_libraries", lambda: {"numpy": "99.0"})
    store_records("cell", oracle.records(5, 8))
    catch_up()
    assert provenance(fresh(estimator), 3)["libraries"]["numpy"] == np.__version__
    assert provenance(fresh(estimator), 7)["libraries"] == {"numpy": "99.0"}


# --- results -------------------------------------------------------------------------------------------------------
def test_results_are_deleted_only_when_told_and_with_the_forecasts_made_of_them():
    first = register()
    store_records("cell", oracle.records(last=20))
    catch_up()
    second = register("no_rc", promote_when_caught_up=False)
    catch_up()
    for table in (first.pk, first.pk, second.pk):
        ForecastRun.objects.create(battery=first.battery, load={}, sql=f'SELECT "soc" FROM "estimates_{table}"')
    ForecastRun.objects.create(battery=first.battery, load={}, kind="trend", estimator=first)
    assert loss_of_results(fresh(first)) == "19 estimates and 3 forecasts"
    with pytest.raises(IsCurrent, match="is the current version"):
        delete_results(fresh(first))
    assert stepped(first) == 19
    promote(fresh(second))
    assert delete_results(fresh(first)) == [(19, "estimate", "estimates"), (3, "forecast", "forecasts")]
    assert (forecasts_from(first).count(), forecasts_from(second).count()) == (0, 1)
    assert len(estimates(fresh(first))) == 0
    catch_up()
    assert stepped(first) == 0  # it stands still
    follow(fresh(first))
    catch_up()
    assert stepped(first) == 19
    register("one_rc", "other")
    store_records("other", oracle.records(last=20))
    catch_up()
    np.testing.assert_array_equal(estimates(fresh(first)).means, estimates(current("other")).means)


def test_the_current_ones_results_begin_anew_when_that_is_said(register_script, script):
    estimator = register_script("cell", script("coulomb_counter"))
    store_records("cell", oracle.records(last=20))
    catch_up()
    before = estimates(fresh(estimator)).means
    delete_results(fresh(estimator), even_if_current=True)
    Checkpoint.objects.all().delete()
    assert stepped(estimator) == 0
    catch_up()
    run_jobs()
    catch_up()
    np.testing.assert_array_equal(estimates(fresh(estimator)).means, before)


# --- retention -----------------------------------------------------------------------------------------------------
def test_old_estimates_are_thinned_to_the_last_of_each_so_many_seconds(settings, monkeypatch):
    estimator = register()
    records = oracle.records(last=200)
    store_records("cell", records)
    catch_up()
    assert not retention.thin_old_estimates(retention.Thinned())  # nothing is, unless the settings say so
    monkeypatch.setattr(retention, "ROWS_A_TRANSACTION", 15)
    settings.ESTIMATES_FULL_RATE_DAYS = 500 / 86400
    settings.ESTIMATES_THINNED_SECONDS = 100
    times = [row["test_time"] for row in records[1:]]
    border = (times[-1] - 500) // 100 * 100
    seen = retention.Thinned()
    while retention.thin_old_estimates(seen):
        continue
    last_of_each = {time // 100: time for time in times if time < border}
    expected = [*last_of_each.values(), *[time for time in times if time >= border]]
    assert estimates(fresh(estimator)).test_time.tolist() == expected
    assert len(expected) < 160
    kept = estimates(fresh(estimator))
    assert provenance(fresh(estimator), int(kept.row_ids[3]))["rows"]["used"] == kept.row_ids[3]
    # Late rows are still worked in as if nothing had been thinned, and what they made anew is thinned once more.
    store_records("cell", [{**records[40], "voltage": 3.9}])
    catch_up()
    register("one_rc", "whole")
    store_records("whole", sorted([*records, {**records[40], "voltage": 3.9}], key=lambda row: row["test_time"]))
    settings.ESTIMATES_FULL_RATE_DAYS = None
    catch_up()
    np.testing.assert_array_equal(estimates(fresh(estimator)).means[-5:], estimates(current("whole")).means[-5:])
    settings.ESTIMATES_FULL_RATE_DAYS = 500 / 86400
    seen.looked = -1e9
    while retention.thin_old_estimates(seen):
        continue
    assert estimates(fresh(estimator)).test_time.tolist() == expected


def test_late_rows_that_were_worked_in_and_thinned_are_not_missing(settings, monkeypatch):
    estimator = register()
    records = oracle.records(last=200)
    times = [row["test_time"] for row in records]
    first, second = [n for n in range(10, 60) if times[n] // 100 == times[n + 1] // 100][:2]  # not the last of a part
    store_records("cell", [row for n, row in enumerate(records) if n not in (first, second)])
    catch_up()
    store_records("cell", [records[second]])
    catch_up()
    settings.ESTIMATES_FULL_RATE_DAYS, settings.ESTIMATES_THINNED_SECONDS = 500 / 86400, 100
    seen = retention.Thinned()
    while retention.thin_old_estimates(seen):
        continue
    monkeypatch.setattr("twin.estimation.fleet.begin_recomputations", lambda kind: 0)
    store_records("cell", [records[first]])
    catch_up()
    kept = estimates(fresh(estimator))
    assert times[second] not in kept.test_time
    assert provenance(fresh(estimator), int(kept.row_ids[-1]))["rows"]["late_not_worked_in"] == 1


@pytest.mark.parametrize("days", [500 / 86400, 1000])
def test_where_nothing_is_to_be_thinned_a_look_costs_one_query(days, settings, django_assert_num_queries):
    register()
    store_records("cell", oracle.records(last=100))
    catch_up()
    settings.ESTIMATES_FULL_RATE_DAYS, settings.ESTIMATES_THINNED_SECONDS = days, 100
    seen = retention.Thinned(until={2**40: (0, 0.0)})  # of one that is deleted
    while retention.thin_old_estimates(seen):
        continue
    seen.looked = -1e9
    with django_assert_num_queries(1):
        assert not retention.thin_old_estimates(seen)
    assert seen.until.keys() == {Estimator.objects.get().pk}


@pytest.mark.parametrize("begin", [-250.0, 0.0])
def test_parts_of_negative_times_are_cut_downwards(begin):
    estimator = register()
    rows = [(n + 1, begin + 50.0 * n, *[0.0] * 5, bytes(8 * 15), None, None, None, None) for n in range(10)]
    tables.insert(connection, estimator.pk, estimator.progress.state_names, rows)
    tables.thin(connection, estimator.pk, begin, begin + 500.0, 100.0)
    expected = {(begin + 50.0 * n) // 100: begin + 50.0 * n for n in range(10)}
    assert estimates(estimator).test_time.tolist() == list(expected.values())


def test_a_chart_looks_at_every_other_estimate_whatever_their_ids_have_in_common():
    estimator = register()
    names = estimator.progress.state_names
    rows = [(2 * n + 1, 10.0 * n, *[0.0] * 5, bytes(8 * 15), None, None, None, None) for n in range(6)]
    tables.insert(connection, estimator.pk, names, rows)
    found = tables.select_evenly(connection, estimator.pk, names, start=10.0, end=None, every=2)
    assert [row[:2] for row in found] == [(3, 10.0), (7, 30.0), (11, 50.0)]


# --- what a reader meets -------------------------------------------------------------------------------------------
def test_pages_of_estimates_follow_the_order_of_time(client_as, monkeypatch):
    estimator = register()
    records = oracle.records(last=30)
    store_records("cell", records[:10] + records[11:])
    store_records("cell", records[10:11])
    catch_up()
    client, address, seen, after = client_as("viewer"), f"/api/v1/estimators/{estimator.pk}/estimates/", [], None
    while True:
        answer = client.get(address, {"limit": 4} | ({"after": after} if after else {})).json()
        seen += [row["test_time"] for row in answer["results"]]
        after = answer["next_after"]
        if after is None:
            break
    assert seen == [row["test_time"] for row in records[1:]]
    lines = b"".join(client.get(address, {"format": "csv"}).streaming_content).decode().splitlines()
    assert [float(line.split(",")[1]) for line in lines[1:]] == seen


def test_a_download_breaks_off_where_the_series_is_replaced_meanwhile(monkeypatch):
    from datahub.windows import Window
    from twin import exports

    estimator = register()
    store_records("cell", oracle.records(last=30))
    catch_up()
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 10)
    pieces = exports.as_csv(fresh(estimator), Window())
    next(pieces)
    EstimatorProgress.objects.update(series=1)
    with pytest.raises(exports.SeriesReplaced):
        next(pieces)


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
