"""Estimates that somebody has made anew from a time on: the same to the bit, shown only when they have caught up."""

import math
import time

import pytest

from access.models import AuditEntry
from datahub.ingest import store_records
from datahub.models import Battery
from datahub.queries import battery_named
from datahub.registration import update_battery
from datahub.retention import drop_portion
from tests.twin import oracle
from tests.twin.conftest import catch_up
from tests.twin.late import assert_is_what_the_filter_makes_of_sorted_rows, found, progress_of, register, rows
from twin.errors import CannotBeRecomputed, TimeRefused
from twin.estimation.fleet import advance_fleet
from twin.models import Checkpoint, Estimator, Recomputation, Recomputed
from twin.queries import current_estimator
from twin.recompute import cost_of_recomputing, recompute_from
from twin.states import condition_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("many_chunks")]


@pytest.fixture
def estimated(settings):
    settings.CHECKPOINT_ROWS = 10
    register("cell")
    store_records("cell", rows(60))
    catch_up()
    return current_estimator(battery_named("cell"))


def test_the_numbers_stay_what_they_are_and_the_old_ones_are_shown_meanwhile(estimated):
    before, series = found("cell").means.tobytes(), progress_of("cell").series
    recompute_from(estimated, rows(60)[30]["test_time"])
    assert condition_of(current_estimator(battery_named("cell"))).sentence.startswith("To be made anew from t = ")
    store_records("cell", oracle.records(60, 70))
    advance_fleet()
    assert Recomputation.objects.exists()
    assert found("cell").means.tobytes()[: len(before)] == before
    catch_up()
    assert (progress_of("cell").series, progress_of("cell").late_from) == (series + 1, None)
    assert_is_what_the_filter_makes_of_sorted_rows("cell", [*rows(60), *oracle.records(60, 70)])
    (entry,) = AuditEntry.objects.filter(action="recomputed")
    assert entry.note.startswith("from t = ")


def test_it_begins_at_the_newest_checkpoint_before_and_tells_what_that_takes(estimated):
    at = rows(60)[30]["test_time"]
    start = Checkpoint.objects.filter(latest_time__lte=at).latest("latest_time")
    cost = cost_of_recomputing(estimated, at)
    assert (cost.from_time, cost.rows) == (start.latest_time, 59 - start.rows_stepped)
    assert cost_of_recomputing(estimated, -1.0).rows == 59
    recompute_from(estimated, at)
    catch_up()
    again = Recomputed.objects.get()
    assert (again.from_time, again.rows) == (start.latest_time, cost.rows)


def test_what_is_being_stepped_at_that_moment_does_not_write_it_away(estimated):
    """A round that began before knows nothing of it, and is refused at its commit."""
    fence = progress_of("cell").fence
    recompute_from(estimated, 0.0)
    assert (progress_of("cell").fence, progress_of("cell").late_from) == (fence + 1, 0.0)


def test_what_cannot_be_made_anew_is_refused_in_words(estimated):
    latest = progress_of("cell").latest_time
    with pytest.raises(TimeRefused):
        recompute_from(estimated, math.nan)
    with pytest.raises(CannotBeRecomputed, match="has no estimate at or after"):
        recompute_from(estimated, latest + 1)
    recompute_from(estimated, 0.0)
    advance_fleet()
    with pytest.raises(CannotBeRecomputed, match="is being computed anew already"):
        recompute_from(estimated, 0.0)
    catch_up()
    Estimator.objects.update(state="failed")
    with pytest.raises(CannotBeRecomputed, match="has failed"):
        recompute_from(estimated, 0.0)
    Estimator.objects.update(state="ready", is_current=False)
    with pytest.raises(CannotBeRecomputed, match="stands still"):
        recompute_from(estimated, 0.0)


def test_nothing_is_made_anew_from_rows_that_are_deleted(estimated):
    battery = Battery.objects.get()
    update_battery(battery, most_rows=30, when_full="drop")
    waiting = [battery.pk]
    while waiting:
        waiting = drop_portion(waiting, time.time())
    dropped_until = Battery.objects.get().dropped_until
    assert dropped_until is not None
    with pytest.raises(CannotBeRecomputed, match="with all rows after it still stored") as refused:
        recompute_from(current_estimator(battery), dropped_until)
    assert refused.value.hint == f"Rows up to {dropped_until:.15g} s are deleted."
    late_enough = Checkpoint.objects.filter(latest_time__gt=dropped_until).earliest("latest_time").latest_time
    recompute_from(current_estimator(battery), late_enough)
    catch_up()
    assert Recomputed.objects.get().from_time == late_enough


def test_engineers_ask_over_rest(estimated, client, user_with_role):
    address = f"/api/v1/estimators/{estimated.pk}/recompute/"
    client.force_login(user_with_role("engineer"))
    answer = client.post(address, {"from_time": 0.0}, content_type="application/json")
    assert (answer.status_code, answer.json()["state"]) == (202, "stale")
    assert answer.json()["progress"]["late_from"] == 0.0
    assert client.post(address, {}, content_type="application/json").status_code == 400
