"""Every case by hand: through the seed path, and by the rules alone."""

import numpy as np
import pytest

from energykit.quarters import Reading, arrays, labelled, quarters_of, read_instant, typical_step
from tests.fleet.cases import CASES, body_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def of_case(case):
    return [(each["datetime"], each["value"], each["covered_seconds"]) for each in case["expected"]]


def kept(case):
    """The readings that are there after all requests of a case."""
    there = {}
    for request in case["requests"]:
        read = sorted((read_instant(row["datetime"]).microseconds, row["value"]) for row in request["data"])
        step = typical_step([time for time, _ in read])
        interval = request["interval_seconds"] and request["interval_seconds"] * 1_000_000
        there |= {time: Reading(time, value, request["units"] == "kWh", interval, step) for time, value in read}
    return [there[time] for time in sorted(there)]


def as_arrays(readings, asset=0):
    values = [np.nan if reading.value is None else reading.value for reading in readings]
    return (
        np.full(len(readings), asset),
        np.array([reading.time for reading in readings], np.int64),
        np.array([values], float),
        np.array([reading.is_energy for reading in readings], bool),
        np.array([reading.interval or 0 for reading in readings], np.int64),
        np.array([reading.step or 0 for reading in readings], np.int64),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_seed_path_answers_the_quarters_worked_out_by_hand(case, post, stored):
    for request in case["requests"]:
        assert post(body_of(request)).status_code == 201

    answered = stored(detail=1)

    assert [(each["datetime"], each["value"], each["covered_seconds"]) for each in answered] == of_case(case)
    assert sum(each["value"] for each in answered) == pytest.approx(case["total"], abs=2e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_rules_give_the_quarters_worked_out_by_hand(case):
    found = quarters_of(kept(case))

    assert [(labelled(at), round(float(it.energy), 6), it.covered / 1e6) for at, it in found.items()] == of_case(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_rules_on_arrays_give_the_quarters_worked_out_by_hand(case):
    found = arrays.quarters_of(*as_arrays(kept(case)))

    shown = zip(found.start.tolist(), found.energies[0].round(6).tolist(), (found.covered / 1e6).tolist(), strict=True)
    assert [(labelled(start), energy, covered) for start, energy, covered in shown] == of_case(case)
