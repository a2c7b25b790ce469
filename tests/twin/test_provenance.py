"""Where an estimate comes from: version, rows, libraries, checkpoint."""

import numpy as np
import pytest
from django.core.files.base import ContentFile

from datahub.ingest import store_records
from tests.twin import oracle
from tests.twin.conftest import catch_up
from tests.twin.simulated import fresh, register
from twin.provenance import provenance

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def small_steps(settings):
    settings.ESTIMATION_CHUNK_ROWS = 20
    settings.CHECKPOINT_ROWS = 10


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
        "late_not_worked_in": 0, "skipped_in_all": {"not_finite": 1}, "deleted_since": 0, "deleted_until": None,
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
