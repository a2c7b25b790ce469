"""Web server, worker and client killed at any moment while a file streams in: what is left is what an undisturbed run
leaves, row for row and bit for bit."""

from __future__ import annotations

import json
import random
import time

import numpy as np
import pytest
from django.db import connection

from energykit.ukf import FilterRows, FleetFilter, JointFilterParameters
from sandbox.walls import DEFAULT_WALLS, probe_walls
from tests.killable import Service
from tests.twin import oracle
from tests.twin.conftest import text_of

ROWS = 3000
SPEEDUP = 500  # the file lasts 18,000 s, so it is sent in 36 s, and kills find it on its way
VICTIMS = ("web", "worker", "web", "worker", "web and worker", "client", "web and worker", "worker")
BUILT_IN, SCRIPT = "built in", "by a script/α"
REGISTER = """
import json
from django.core.files.base import ContentFile
from twin.registration import register_estimator
told = json.loads({told!r})
for name, definition in told["batteries"].items():
    if definition:
        file = ContentFile(json.dumps(told["parameters"]).encode(), name="parameters.json")
        register_estimator(battery_name=name, definition=definition, files=[file])
    else:
        register_estimator(battery_name=name, kind="joint_ukf", parameters=told["parameters"])
"""

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The simulated cell as battery-data-toolkit writes it."""
    import pandas as pd
    from battdat.data import BatteryDataset
    from battdat.schemas import BatteryMetadata

    raw = pd.DataFrame(oracle.records())
    raw["state"] = ["charging" if current > 0 else "discharging" for current in raw["current"]]
    path = tmp_path_factory.mktemp("files") / "cell.h5"
    BatteryDataset.make_cell_dataset(raw_data=raw, metadata=BatteryMetadata(name="the file's own")).to_hdf(path)
    return path


def batteries():
    """Names to the script that estimates each; empty is the built-in filter. No script where walls are missing."""
    walls_stand = not probe_walls().missing(DEFAULT_WALLS)
    return {BUILT_IN: "", **({SCRIPT: text_of("joint_filter")} if walls_stand else {})}


class Run(Service):
    """A service with an estimator for each battery, and a client that sends each the same file."""

    def begin(self, file, *pace: str) -> None:
        self.file, self.pace = file, pace
        self.names = list(batteries())
        told = json.dumps({"batteries": batteries(), "parameters": oracle.parameters("one_rc")})
        self.manage("shell", "--no-imports", "-c", REGISTER.format(told=told))
        self.start_web()
        self.start_worker()
        for name in self.names:
            self.send(name)

    def send(self, name: str) -> None:
        command = ("manage.py", "stream_hdf5", str(self.file), *self.pace)
        options = ("--url", self.url, "--name", name, "--resume", "--report-every", "0")
        self.start(f"client-{self.names.index(name)}", *command, *options)

    def stored(self) -> int:
        return self.ask("SELECT COALESCE(SUM(rows), 0) FROM datahub_battery")[0][0]

    def seen(self) -> int:
        return self.ask("SELECT COALESCE(SUM(rows_seen), 0) FROM twin_estimatorprogress")[0][0]

    def finish(self) -> None:
        for place in range(len(self.names)):
            assert self.processes[f"client-{place}"].wait(300) == 0, self.logs()
        self.wait_until(lambda: self.seen() == ROWS * len(self.names))

    def rows_of(self, name: str):
        """All that is stored of each row but when it came."""
        columns = 'row_digest, row_late, test_time, "current", voltage, state'
        return self.ask(f"SELECT {columns} FROM rows_{self._id('datahub_battery', 'name', name)} ORDER BY row_id")

    def estimates_of(self, name: str):
        """Of each row, counted from 1: all of the estimate but when it was computed."""
        battery = self._id("datahub_battery", "name", name)
        rows = self.ask(f"SELECT row_id FROM rows_{battery} ORDER BY row_id")
        place_of = {row_id: place for place, (row_id,) in enumerate(rows, 1)}
        found = self.ask(f"SELECT * FROM estimates_{self._id('twin_estimator', 'battery_id', battery)} ORDER BY row_id")
        return [(place_of[row[0]], *map(_plain, row[1:-1])) for row in found]

    def progress_of(self, name: str):
        battery = self._id("datahub_battery", "name", name)
        counts = "rows_seen, rows_stepped, rows_skipped, latest_time, late_from"
        newest = "mean_nis, innovation, mean, covariance"
        estimator = self._id("twin_estimator", "battery_id", battery)
        found = self.ask(f"SELECT {counts}, {newest} FROM twin_estimatorprogress WHERE estimator_id = {estimator}")
        return [tuple(map(_plain, row)) for row in found]

    def _id(self, table: str, column: str, value) -> int:
        quoted = str(value).replace("'", "''")
        return self.ask(f"SELECT id FROM {table} WHERE {column} = '{quoted}'")[0][0]


def _plain(value):
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.fixture(scope="module")
def undisturbed(file, tmp_path_factory):
    with Run(tmp_path_factory.mktemp("undisturbed") / "data", connection.vendor) as run:
        run.begin(file, "--as-fast-as-possible")
        run.finish()
        yield run


@pytest.fixture(scope="module")
def disturbed(file, tmp_path_factory):
    chance = random.Random(20_261_120)
    # Other chunks than the undisturbed run's, so that there are many moments within and between commits.
    data = tmp_path_factory.mktemp("disturbed") / "data"
    with Run(data, connection.vendor, ROVI_ESTIMATION_CHUNK_ROWS="37") as run:
        run.begin(file, "--speedup", str(SPEEDUP))
        for kill, victim in enumerate(VICTIMS, 1):
            progress = run.seen if victim == "worker" else run.stored
            target = kill * ROWS * len(run.names) // (len(VICTIMS) + 1)
            run.wait_until(lambda: progress() >= target)  # noqa: B023  (called before the next turn)
            time.sleep(chance.uniform(0, 0.05))
            disturb(run, victim)
        run.finish()
        yield run


def disturb(run: Run, victim: str) -> None:
    if victim == "client":
        for place, name in enumerate(run.names):
            run.kill(f"client-{place}")
            run.send(name)
        return
    for name in victim.split(" and "):
        run.kill(name)
    if "web" in victim:
        run.start_web()
    if "worker" in victim:
        run.start_worker()


@pytest.mark.parametrize("name", [BUILT_IN, SCRIPT])
def test_each_row_is_stored_once_and_in_order(name, undisturbed, disturbed, needs):
    needs(name)
    expected = [(record["test_time"], record["current"], record["voltage"]) for record in oracle.records()]
    assert [row[2:5] for row in undisturbed.rows_of(name)] == expected
    assert disturbed.rows_of(name) == undisturbed.rows_of(name)


@pytest.mark.parametrize("name", [BUILT_IN, SCRIPT])
def test_each_row_is_stepped_once_and_every_bit_is_that_of_an_undisturbed_run(name, undisturbed, disturbed, needs):
    needs(name)
    expected = undisturbed.estimates_of(name)
    assert [row[0] for row in expected] == list(range(2, ROWS + 1))  # the first row is the first control
    assert disturbed.estimates_of(name) == expected
    assert disturbed.progress_of(name) == undisturbed.progress_of(name)


@pytest.mark.parametrize("name", [BUILT_IN, SCRIPT])
def test_the_numbers_are_those_of_the_filter_run_on_the_file_at_once(name, disturbed, needs):
    needs(name)
    parameters = JointFilterParameters.from_mapping(oracle.parameters("one_rc"))
    columns = [np.array(oracle.cell()[column]) for column in ("test_time", "current", "voltage")]
    alone = FleetFilter([parameters]).advance([FilterRows(*columns)])[0]
    states = len(parameters.state_names)
    found = disturbed.estimates_of(name)
    np.testing.assert_array_equal([row[2 : 2 + states] for row in found], alone.means[1:])
    np.testing.assert_array_equal([np.frombuffer(row[2 + states]) for row in found], alone.covariances[1:])
    np.testing.assert_array_equal([row[3 + states] for row in found], alone.predicted_voltage[1:])


@pytest.fixture
def needs():
    def check(name):
        if name not in batteries():
            pytest.skip("scripts are refused on this machine: walls of the sandbox are missing")

    return check
