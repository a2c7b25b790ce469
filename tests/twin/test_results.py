"""Results: deleted only when told, thinned when old, read in the order of time."""

import numpy as np
import pytest
from django.db import connection

from datahub.ingest import store_records
from prognosis.forgetting import forecasts_from
from prognosis.models import ForecastRun
from tests.twin import oracle
from tests.twin.conftest import catch_up, run_jobs
from tests.twin.simulated import current, fresh, register, stepped
from twin import retention, tables
from twin.errors import IsCurrent
from twin.models import Checkpoint, Estimator, EstimatorProgress
from twin.provenance import provenance
from twin.queries import estimates
from twin.results import delete_results, loss_of_results
from twin.versions import follow, promote

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def small_steps(settings):
    settings.ESTIMATION_CHUNK_ROWS = 20
    settings.CHECKPOINT_ROWS = 10


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
