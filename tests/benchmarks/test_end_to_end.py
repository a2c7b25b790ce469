import pytest

from benchmarks.end_to_end import _make
from datahub.models import Battery
from twin.estimation.fleet import advance_fleet
from twin.models import Checkpoint, EstimatorProgress


@pytest.mark.django_db
def test_copies_of_a_battery_are_estimated_as_the_one_that_was_registered():
    _make(batteries=4, rows=6)
    while advance_fleet():
        pass

    progress = list(EstimatorProgress.objects.order_by("pk"))
    assert Battery.objects.count() == 4
    assert [each.rows_stepped for each in progress] == [5] * 4
    assert len({bytes(each.checkpoint) for each in progress}) == 1
    assert Checkpoint.objects.count() == 4
