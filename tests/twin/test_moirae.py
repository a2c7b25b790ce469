"""Estimators of ROVI's Moirae, unchanged. Needs it installed: docs/how-to/install-moirae.md."""

import importlib.util
import json

import numpy as np
import pytest
from django.core.files.base import ContentFile

from datahub.ingest import store_records
from datahub.queries import battery_named
from tests.twin import oracle
from tests.twin.conftest import catch_up
from twin.estimation.scripts import advance_scripts, warm_guests
from twin.queries import current_estimator, estimates


def moirae_is_installed():
    try:
        return importlib.util.find_spec("moirae.estimators.online") is not None
    except ModuleNotFoundError:
        return False


pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not moirae_is_installed(), reason="ROVI's Moirae is not installed (docs/how-to/install-moirae.md)"
    ),
]


@pytest.fixture
def register_moirae(register_script, script):
    def register(name, case, make="joint"):
        described = {**oracle.described(), "case": case, "make": make}
        file = ContentFile(json.dumps(described).encode(), name="described.json")
        return register_script(name, script("moirae_joint"), files=[file])

    return register


def found(battery_name):
    return estimates(current_estimator(battery_named(battery_name)))


@pytest.mark.parametrize("case", ["no_rc", "one_rc"])
def test_moirae_gives_in_the_sandbox_what_it_gave_outside(register_moirae, case):
    estimator = register_moirae("cell", case)
    assert estimator.library_versions["moirae"]
    store_records("cell", oracle.records(last=201))
    catch_up()
    expected, ours = oracle.moirae(case), found("cell")
    rows = expected["row"] <= 200
    assert len(ours) == 200
    assert ours.state_names == list(expected["names"])
    for name in ("means", "covariances", "predicted_voltage", "innovation_variance"):
        np.testing.assert_allclose(getattr(ours, name), expected[name][rows], rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("make", ["joint", "dual"])
def test_moirae_goes_on_to_the_bit_after_restarts(register_moirae, settings, make):
    for name in ("undisturbed", "restarted"):
        register_moirae(name, "one_rc", make)
    store_records("undisturbed", oracle.records(last=100))
    catch_up()
    settings.ESTIMATION_CHUNK_ROWS = 13
    store_records("restarted", oracle.records(last=100))
    while advance_scripts():
        warm_guests.close_all()
    for name in ("row_ids", "means", "covariances", "predicted_voltage"):
        np.testing.assert_array_equal(getattr(found("restarted"), name), getattr(found("undisturbed"), name))


def test_a_row_without_a_temperature_is_taken_at_25_degrees(register_moirae):
    for name, temperature in (("none", {}), ("null", {"temperature": None}), ("told", {"temperature": 25.0})):
        register_moirae(name, "no_rc")
        store_records(name, [{**row, **temperature} for row in oracle.records(last=5)])
    catch_up()
    np.testing.assert_array_equal(found("none").means, found("told").means)
    np.testing.assert_array_equal(found("null").means, found("told").means)
