"""Web server, worker, zygote, device and database server killed while rows stream in: each row is there once, and each
estimate to the bit. A hundred kills of the same kind, against an undisturbed run: `make faults`."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import connection

from energykit.ukf import FilterRows, FleetFilter, JointFilterParameters
from tests import clusters
from tests.disturbed import Stand, batteries
from tests.sending import row
from tests.twin import oracle

ROWS = 1500
ROWS_A_SECOND = 150.0  # so they last 10 s, and kills find them on their way
VICTIMS = ("web", "zygote", "worker", "client")
WITH_DATABASE = ("web", "zygote", "database", "worker")

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster():
    """On PostgreSQL a server that may be killed; None stands for SQLite."""
    if connection.vendor != "postgresql":
        yield None
        return
    if why := clusters.why_none():
        pytest.skip(why)
    with clusters.Cluster() as own:
        yield own


@pytest.fixture(scope="module")
def disturbed(cluster, tmp_path_factory):
    with Stand(tmp_path_factory.mktemp("disturbed") / "data", cluster, fleet=batteries(), rows=ROWS) as stand:
        stand.is_varied = True
        stand.begin(ROWS_A_SECOND)
        for kill, victim in enumerate(WITH_DATABASE if cluster else VICTIMS, 1):
            stand.wait_for(kill * ROWS * len(stand.names) // 6)
            stand.strike(victim)
        stand.finish()
        stand.kill_all()
        yield stand


def test_each_row_is_stored_once_and_in_order(disturbed):
    assert disturbed.losses() == []
    sent = [tuple(row(number).values()) for number in range(ROWS)]
    for name in disturbed.names:
        assert [stored[2:5] for stored in disturbed.rows_of(name)] == sent


def test_each_row_is_stepped_once(disturbed):
    for name in disturbed.names:
        assert [each[0] for each in disturbed.estimates_of(name)] == list(range(2, ROWS + 1))  # the first is a control
        assert disturbed.progress_of(name)[0][:2] == (ROWS, ROWS - 1)


def test_every_bit_is_that_of_the_filter_run_on_the_rows_at_once(disturbed):
    parameters = JointFilterParameters.from_mapping(oracle.parameters("one_rc"))
    sent = [row(number) for number in range(ROWS)]
    columns = [np.array([each[name] for each in sent]) for name in ("test_time", "current", "voltage")]
    alone = FleetFilter([parameters]).advance([FilterRows(*columns)])[0]
    states = len(parameters.state_names)
    for name in disturbed.names:
        found = disturbed.estimates_of(name)
        np.testing.assert_array_equal([each[2 : 2 + states] for each in found], alone.means[1:])
        np.testing.assert_array_equal([np.frombuffer(each[2 + states]) for each in found], alone.covariances[1:])
        np.testing.assert_array_equal([each[3 + states] for each in found], alone.predicted_voltage[1:])
