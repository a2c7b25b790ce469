"""Time in bands of SOC: along the current estimator, counted again only from where estimates were replaced."""

import numpy as np
import pytest

from datahub.ingest import store_records
from datahub.queries import battery_named
from energykit.measuring import SocBands
from tests.twin.cell_to_measure import battery, measure, records
from tests.twin.conftest import catch_up
from twin import retention
from twin.measuring import advancing, soc
from twin.measuring.advancing import advance_measurements
from twin.measuring.records import MeasuredProgress, MeasuredSoc
from twin.queries import current_estimator, estimates
from twin.registration import register_estimator

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

PARAMETERS = {"capacity_ah": 2.5, "r0_ohm": 0.03, "ocv_soc": [0.0, 1.0], "ocv_voltage": [3.0, 4.2]}


@pytest.fixture
def places(monkeypatch):
    """Where each query for estimates began."""
    found, select = [], soc.tables.select_soc

    def selecting(connection, estimator_id, column, after, limit):
        found.append(after)
        return select(connection, estimator_id, column, after, limit)

    monkeypatch.setattr(soc.tables, "select_soc", selecting)
    return found


def register(**changes):
    return register_estimator(battery_name="cell", kind="joint_ukf", parameters={**PARAMETERS, **changes})


def test_time_in_soc_bands_is_the_current_estimators_and_follows_it():
    battery()
    register()
    rows = records()
    store_records("cell", rows[:300] + rows[350:])
    catch_up()
    measure()
    first = _bands()
    assert first == _expected_bands()
    store_records("cell", rows[300:350])  # late: estimates from there on are replaced
    catch_up()
    measure()
    assert _bands() == _expected_bands() != first
    register(ocv_voltage=[2.5, 4.5])
    catch_up()
    measure()
    assert _bands() == _expected_bands()
    assert _bands() != first


def _bands():
    return SocBands.from_bytes(bytes(MeasuredProgress.objects.get().soc_checkpoint)).seconds


def _expected_bands():
    block = estimates(current_estimator(battery_named("cell")))
    soc, seconds = block.means[:, 0], np.diff(block.test_time)
    bands = [0.0] * 10
    for middle, each in zip(((soc[1:] + soc[:-1]) / 2).tolist(), seconds.tolist(), strict=True):
        bands[min(max(int(middle * 10), 0), 9)] += each if each <= 3600.0 else 0.0  # a gap
    return bands


def with_late_row(settings, rows, late):
    """Counted up to the last of `rows`; then row `late` comes and is worked in."""
    settings.MEASURING_CHECKPOINT_ROWS = 100
    settings.CHECKPOINT_ROWS = settings.ESTIMATION_CHUNK_ROWS = 50
    battery()
    register()
    store_records("cell", rows[:late] + rows[late + 1 :])
    catch_up()
    measure()
    store_records("cell", [rows[late]])
    catch_up()


def test_after_a_late_row_counting_goes_on_from_the_last_kept_count_before_it(settings, monkeypatch, places):
    monkeypatch.setattr(advancing, "MOST_ROWS_A_ROUND", 100)
    rows = records()
    with_late_row(settings, rows, 450)
    kept = list(MeasuredSoc.objects.order_by("row_id").values_list("test_time", "row_id"))
    assert len(kept) > 5
    places.clear()
    measure()
    assert places[0] == max(place for place in kept if place[0] <= rows[400]["test_time"])
    assert _bands() == _expected_bands()
    assert not MeasuredSoc.objects.exclude(estimator=current_estimator(battery_named("cell")).pk).exists()
    # And once more, of what was counted again.
    store_records("cell", [{**rows[700], "voltage": rows[700]["voltage"] + 0.01}])
    catch_up()
    places.clear()
    measure()
    assert places[0][0] > rows[600]["test_time"]
    assert _bands() == _expected_bands()


def test_results_that_were_deleted_are_counted_from_the_first_estimate(settings, places):
    from twin.results import delete_results

    with_late_row(settings, records(end=300), 150)
    measure()
    delete_results(current_estimator(battery_named("cell")), even_if_current=True)
    catch_up()
    places.clear()
    measure()
    assert places[0] is None
    assert _bands() == _expected_bands()


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_long_recount_goes_in_portions_and_the_old_count_is_told_meanwhile(monkeypatch, places, is_lost):
    battery()
    register()
    store_records("cell", records())
    catch_up()
    measure()
    before, first = _bands(), MeasuredProgress.objects.get().soc_estimator
    second = register(ocv_voltage=[2.5, 4.5])
    catch_up()
    monkeypatch.setattr(advancing, "MOST_ROWS_A_ROUND", 300)
    places.clear()
    for _ in range(2):
        advance_measurements()
        assert (_bands(), MeasuredProgress.objects.get().soc_estimator) == (before, first)
    assert [place is None for place in places] == [True, False]
    if is_lost:
        soc.recounts.clear()
    measure()
    assert _bands() == _expected_bands() != before
    assert MeasuredProgress.objects.get().soc_estimator == second.pk
    assert soc.recounts == {}


def test_where_what_counts_as_a_gap_has_changed_all_is_counted_again(settings, monkeypatch):
    rows = [row for place, row in enumerate(records(end=400)) if not 100 <= place < 110]  # 110 min without rows
    battery()
    register()
    store_records("cell", rows)
    catch_up()
    measure()
    before = sum(_bands())
    settings.MEASURING_GAP_SECONDS = 3 * 3600.0
    monkeypatch.setattr(advancing, "MOST_ROWS_A_ROUND", 100)
    measure()
    assert sum(_bands()) == pytest.approx(before + 6600.0)


def test_thinned_estimates_are_counted_although_they_are_further_apart_than_a_gap(settings):
    battery()
    register()
    store_records("cell", records())
    catch_up()
    measure()
    before = sum(_bands())
    settings.ESTIMATES_FULL_RATE_DAYS, settings.ESTIMATES_THINNED_SECONDS = 1.0, 3 * 3600
    seen = retention.Thinned()
    while retention.thin_old_estimates(seen):
        continue
    assert len(estimates(current_estimator(battery_named("cell")))) < 300
    MeasuredProgress.objects.update(soc_checkpoint=b"of another version", soc_series=9)
    measure()
    assert sum(_bands()) == pytest.approx(before, rel=0.02)
