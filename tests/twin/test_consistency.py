"""The verdict on a filter through the database: stored with its estimates, shown at every door."""

import pytest
from django.db import connection
from django.urls import reverse

from datahub.ingest import store_records
from datahub.queries import battery_named
from tests.twin import oracle
from tests.twin.conftest import catch_up
from twin.models import EstimatorProgress
from twin.queries import current_estimator
from twin.registration import register_estimator
from twin.states import condition_of
from twin.tables import estimates_table

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ROWS = 700
# The logger's noise is 2 mV: 4e-6 V².
RIGHT, SURE = {"sensor_variance": 1e-5}, {"sensor_variance": 1e-8}


def estimated(name, changes, rows=ROWS):
    register_estimator(battery_name=name, kind="joint_ukf", parameters=oracle.parameters("one_rc") | changes)
    store_records(name, oracle.records(last=rows))
    catch_up()
    return current_estimator(battery_named(name))


def progress_of(name):
    return EstimatorProgress.objects.get(estimator__battery__name=name, estimator__is_current=True)


@pytest.mark.parametrize("chunk_rows", [37, 250])
def test_the_evidence_is_the_same_however_rows_are_cut_into_chunks(settings, chunk_rows):
    estimated("whole", SURE)
    settings.ESTIMATION_CHUNK_ROWS = chunk_rows
    estimated("cut", SURE)
    cut, whole = progress_of("cut"), progress_of("whole")
    assert bytes(cut.evidence) == bytes(whole.evidence)
    assert (cut.verdict, cut.is_inconsistent, cut.mean_nis) == (whole.verdict, True, whole.mean_nis)


def test_a_filter_at_odds_with_its_cell_is_inconsistent_and_goes_on():
    estimator = estimated("sure", SURE)
    condition = condition_of(estimator)
    assert (condition.state, condition.shape) == ("inconsistent", "▲")
    assert condition.sentence == estimator.progress.verdict["sentence"]
    assert "Raise `sensor_variance` to about" in condition.sentence
    store_records("sure", oracle.records(ROWS, ROWS + 50))
    catch_up()
    assert progress_of("sure").rows_stepped == ROWS + 49


def test_a_filter_that_agrees_is_not(client_as):
    assert condition_of(estimated("right", RIGHT)).state == "ready"
    assert progress_of("right").verdict["consistent"] is True


def test_evidence_set_back_with_its_checkpoint_gives_the_same_again():
    estimated("again", SURE, rows=300)
    before = EstimatorProgress.objects.values().get(estimator__battery__name="again")
    store_records("again", oracle.records(300, ROWS))
    catch_up()
    first = progress_of("again")
    del before["estimator_id"]
    EstimatorProgress.objects.filter(pk=first.pk).update(**before)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {estimates_table(first.pk)} WHERE row_id > {before['cursor']}")
    catch_up()
    assert bytes(progress_of("again").evidence) == bytes(first.evidence)


def test_every_door_tells_it(client_as):
    estimator = estimated("sure", SURE)
    sentence = estimator.progress.verdict["sentence"]
    viewer = client_as("viewer")
    status = viewer.get("/online/status").json()["sure"]
    assert (status["state"], status["is_inconsistent"], status["consistency"]) == ("inconsistent", True, sentence)
    (listed,) = viewer.get("/api/v1/estimators/?progress__is_inconsistent=true").json()["results"]
    assert (listed["state"], listed["sentence"]) == ("inconsistent", sentence)
    assert listed["progress"]["verdict"]["cause"] == "noise_too_small"
    assert viewer.get("/api/v1/estimators/?progress__is_inconsistent=false").json()["count"] == 0


def test_the_admin_lists_by_consistency(admin_client):
    estimated("sure", SURE)
    estimated("right", RIGHT)
    register_estimator(battery_name="new", kind="joint_ukf", parameters=oracle.parameters("one_rc"))
    address = reverse("admin:twin_estimator_changelist")

    def names(choice):
        found = admin_client.get(address, {"consistency": choice}).context["cl"].result_list
        return [each.battery.name for each in found]

    assert [names(choice) for choice in ("inconsistent", "noted", "consistent", "open")] == [
        ["sure"], [], ["right"], ["new"],
    ]  # fmt: skip
    assert "Inconsistent</span>" in admin_client.get(address).content.decode()
