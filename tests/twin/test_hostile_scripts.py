"""Scripts that mean harm, or do it by mistake: stopped, recorded, and nothing else is harmed."""

import html
import os

import pytest
from django.test import Client

from datahub.ingest import store_records
from datahub.queries import battery_named
from tests.twin.conftest import catch_up
from twin.estimation.scripts import warm_guests
from twin.models import Estimator
from twin.queries import current_estimator, estimates

pytestmark = pytest.mark.django_db

PTRACE = {"x86_64": 101, "aarch64": 117}[os.uname().machine]

# The third row is where it does what it should not: `{harm}` stands at line 13.
HARMFUL = """
import os, socket, subprocess, sys, threading, time
import numpy as np
class Bites:
    __reduce__ = lambda self: (os.mkdir, ("{outside}",))
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


@pytest.fixture
def viewer(user_with_role):
    client = Client()
    client.force_login(user_with_role("viewer"))
    return client


@pytest.fixture(autouse=True)
def short_calls(settings):
    settings.SANDBOX_CALL_SECONDS = 3.0
    settings.SANDBOX_MEMORY_BYTES = 256 * 2**20


def step_beside_a_good_one(register_script, script, harm, outside):
    """The record of the harmful one, and how many rows the good one beside it has taken after that."""
    register_script("harmful", HARMFUL.format(harm=harm, outside=outside))
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
        ("bytearray(2**30)", "MemoryError", 13),
        ("self.list = [bytearray(2**20) for _ in range(10_000)]", "MemoryError", 13),
        ("os.fork()", "PermissionError", 13),
        ("subprocess.run(['/bin/true'])", "PermissionError", 13),
        ("socket.socket()", "PermissionError", 13),
        ("os.kill(os.getppid(), 9)", "PermissionError", 13),
        ("os._exit(0)", "The script was stopped: it ended itself with exit status 0.", None),
        ("sys.exit(0)", "SystemExit: 0, line 13.", 13),
        ("import ctypes; ctypes.string_at(0)", "The script was stopped: native code crashed (SIGSEGV", None),
        ("open('/etc/passwd').read()", "PermissionError", 13),
        ("open('{database}', 'rb').read()", "PermissionError", 13),
        ("open('{outside}', 'w').write('here')", "PermissionError", 13),
        ("raise ValueError('x' * 10**7)", "ValueError: xxx", 13),
        ("self.rows = float('inf')", "The mean of 'rows' is not a finite number.", None),
        ("open('{key}').read()", "PermissionError", 13),
        (
            "os.mkdir('x') or [open(f'x/{n}', 'wb').write(bytes(2**20)) for n in range(10**6)]",
            "The script was stopped: its folder holds more than the 64 MiB that it may.",
            None,
        ),
        ("time.sleep(1e9)", "The script did not answer within 3 s and was stopped.", None),
        ("self.kept = [open('estimator.py') for _ in range(10**6)]", "OSError: [Errno 24] Too many open files", 13),
        ("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "PermissionError", 13),
        (
            f"import ctypes; ctypes.CDLL(None).syscall({PTRACE}, 0, 0, 0, 0)",
            "The script was stopped: it made a system call that is forbidden to scripts.",
            None,
        ),
        ("return 'seven'", "step() must return None, or the pair", None),
    ],
)
def test_what_a_script_must_not_do_stops_it_at_that_row(viewer, register_script, script, tmp_path, harm, error, line):
    outside = tmp_path / "outside.txt"
    for name in ("database", "key"):
        (tmp_path / name).write_bytes(b"what we have")
        harm = harm.replace("{" + name + "}", str(tmp_path / name))
    harm = harm.replace("{outside}", str(outside))
    harmful, rows_of_the_good_one = step_beside_a_good_one(register_script, script, harm, outside)
    assert harmful.state == "failed"
    assert harmful.last_error.startswith(error)
    assert (harmful.error_line, harmful.error_row) == (line, 3)
    assert estimates(harmful).means[:, 0].tolist() == [1.0, 2.0]
    assert harmful.progress.cursor == 2
    assert rows_of_the_good_one == 5
    assert not outside.exists()
    shown = html.unescape(viewer.get("/dashboard/harmful").content.decode())
    assert "Failed" in shown
    assert " ".join(harmful.last_error[:200].split()) in " ".join(shown.split())


def test_an_object_that_bites_who_unpickles_it_bites_in_its_guest_alone(register_script, tmp_path):
    outside = tmp_path / "outside"
    register_script("harmful", HARMFUL.format(harm="self.bites = Bites()", outside=outside))
    store_records("harmful", rows(0, 1, 2, 3))
    catch_up()
    warm_guests.close_all()  # so that the next row is stepped from what was written down
    store_records("harmful", rows(4))
    catch_up()
    harmful = Estimator.objects.get(battery__name="harmful")
    assert harmful.state == "failed"
    assert harmful.last_error.startswith("PermissionError")
    assert not outside.exists()


def test_a_script_that_hangs_while_loading_is_stopped(register_script, monkeypatch):
    monkeypatch.setattr("twin.estimation.guests.LOAD_SECONDS", 1.0)
    estimator = register_script("cell", "while True: pass")
    assert estimator.state == "failed"
    assert estimator.last_error == "The script did not answer within 1 s and was stopped."


def test_what_a_script_prints_is_kept_in_part(register_script):
    register_script("cell", HARMFUL.format(outside="", harm="print('here I am', 'x' * 10**6)"))
    store_records("cell", rows(0, 1, 2, 3))
    catch_up()
    kept = current_estimator(battery_named("cell")).script_output
    assert kept.endswith("x\n")
    assert len(kept) < 100_000
