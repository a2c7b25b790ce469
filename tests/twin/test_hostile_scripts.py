"""Scripts that mean harm, or do it by mistake: stopped, recorded, and nothing else is harmed."""

import pytest

from datahub.ingest import store_records
from datahub.queries import battery_named
from tests.twin.conftest import catch_up
from twin.models import Estimator
from twin.queries import current_estimator, estimates

pytestmark = pytest.mark.django_db

# The third row is where it does what it should not: `{harm}` stands at line 11.
HARMFUL = """
import os, socket, subprocess, sys, threading, time
import numpy as np
class Estimator:
    state_names, rows = ["rows"], 0.0
    get_mean = lambda self: np.array([self.rows])
    get_covariance = lambda self: np.eye(1)
    state = property(lambda self: self)
    def step(self, inputs, measurements):
        if inputs.time == 2.0:
            {harm}
        self.rows += 1
estimator = Estimator()
"""


def rows(*times):
    return [{"test_time": float(time), "current": 1.0, "voltage": 3.7} for time in times]


@pytest.fixture(autouse=True)
def short_calls(settings):
    settings.SANDBOX_CALL_SECONDS = 3.0
    settings.SANDBOX_MEMORY_BYTES = 256 * 2**20


def step_beside_a_good_one(register_script, script, harm):
    """The record of the harmful one, and how many rows the good one beside it has taken after that."""
    register_script("harmful", HARMFUL.format(harm=harm))
    register_script("good", script("coulomb_counter"))
    for name in ("harmful", "good"):
        store_records(name, rows(0, 1, 2, 3))
    catch_up()
    store_records("good", rows(4))
    catch_up()
    good = estimates(current_estimator(battery_named("good")))
    return Estimator.objects.get(battery__name="harmful"), len(good)


@pytest.mark.parametrize(
    ("harm", "error", "line"),
    [
        ("while True: pass", "The script did not answer within 3 s and was stopped.", None),
        ("bytearray(2**30)", "MemoryError", 11),
        ("self.list = [bytearray(2**20) for _ in range(10_000)]", "MemoryError", 11),
        ("os.fork()", "PermissionError", 11),
        ("subprocess.run(['/bin/true'])", "PermissionError", 11),
        ("socket.socket()", "PermissionError", 11),
        ("os.kill(os.getppid(), 9)", "PermissionError", 11),
        ("os._exit(0)", "The script was stopped: it ended itself with exit status 0.", None),
        ("sys.exit(0)", "SystemExit: 0, line 11.", 11),
        ("import ctypes; ctypes.string_at(0)", "The script was stopped: native code crashed (SIGSEGV", None),
        ("open('/etc/passwd').read()", "PermissionError", 11),
        ("open('{database}', 'rb').read()", "PermissionError", 11),
        ("open('{outside}', 'w').write('here')", "PermissionError", 11),
        ("raise ValueError('x' * 10**7)", "ValueError: xxx", 11),
        ("self.rows = float('inf')", "The mean of 'rows' is not a finite number.", None),
        ("return 'seven'", "step() must return None, or the pair", None),
    ],
)
def test_what_a_script_must_not_do_stops_it_at_that_row(register_script, script, tmp_path, harm, error, line):
    (tmp_path / "rovi.sqlite3").write_bytes(b"all our data")
    outside = tmp_path / "outside.txt"
    harm = harm.replace("{database}", str(tmp_path / "rovi.sqlite3")).replace("{outside}", str(outside))
    harmful, rows_of_the_good_one = step_beside_a_good_one(register_script, script, harm)
    assert harmful.state == "failed"
    assert harmful.last_error.startswith(error)
    assert (harmful.error_line, harmful.error_row) == (line, 3)
    assert estimates(harmful).means[:, 0].tolist() == [1.0, 2.0]
    assert harmful.progress.cursor == 2
    assert rows_of_the_good_one == 5
    assert not outside.exists()


def test_a_script_that_hangs_while_loading_is_stopped(register_script, monkeypatch):
    monkeypatch.setattr("twin.estimation.guests.LOAD_SECONDS", 1.0)
    estimator = register_script("cell", "while True: pass")
    assert estimator.state == "failed"
    assert estimator.last_error == "The script did not answer within 1 s and was stopped."


def test_what_a_script_prints_is_kept_in_part(register_script):
    register_script("cell", HARMFUL.format(harm="print('here I am', 'x' * 10**6)"))
    store_records("cell", rows(0, 1, 2, 3))
    catch_up()
    kept = current_estimator(battery_named("cell")).script_output
    assert kept.endswith("x\n")
    assert len(kept) < 100_000
