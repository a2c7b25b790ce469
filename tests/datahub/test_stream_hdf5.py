"""`manage.py stream_hdf5` against a real server: what arrives, what it says, and how it ends."""

import contextlib
import io
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from tests.datahub.upload_server import PASSWORD, UploadServer
from tests.servers import PROJECT

ROWS = 3000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with UploadServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    """A file as battery-data-toolkit writes it: metadata, text columns, rows that share a time."""
    import pandas as pd
    from battdat.data import BatteryDataset
    from battdat.schemas import BatteryMetadata

    raw = pd.DataFrame(
        {
            "test_time": [float(i // 2 * 60) for i in range(ROWS)],
            "voltage": [3.5 + i / 10000 for i in range(ROWS)],
            "current": [(-1.0) ** i for i in range(ROWS)],
            "cycle_number": [i // 100 for i in range(ROWS)],
            "state": ["charging" if i % 2 else "discharging" for i in range(ROWS)],
        }
    )
    metadata = BatteryMetadata(name="cell 1/α", battery={"nominal_capacity": 2.5})
    path = tmp_path_factory.mktemp("files") / "cell.h5"
    BatteryDataset.make_cell_dataset(raw_data=raw, metadata=metadata).to_hdf(path)
    return path


def options_of(server, *arguments, user="admin"):
    url = f"http://{user}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{server.port}"
    return [*map(str, arguments), "--url", url, "--report-every", "0"]


def command(server, *arguments):
    """For a process of its own, which a test may interrupt."""
    return [sys.executable, "manage.py", "stream_hdf5", *options_of(server, *arguments)]


def run(server, *arguments, **who):
    return ended(*options_of(server, *arguments, **who))


def ended(*options):
    """The command in this process: one of its own would take seconds to begin."""
    output, errors, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            call_command("stream_hdf5", *options)
        except SystemExit as left:
            status = left.code
        except CommandError as refused:
            status = refused.returncode
            errors.write(str(refused))
    return SimpleNamespace(returncode=status, stdout=output.getvalue(), stderr=errors.getvalue())


def summary(done):
    """(sent, stored, repeated, refused, passed over) of the last line that sums up."""
    found = re.search(
        r"([\d,]+) rows sent, ([\d,]+) stored, ([\d,]+) repeated, ([\d,]+) refused, ([\d,]+) passed over", done.stdout
    )
    assert found, done.stdout + done.stderr
    return tuple(int(number.replace(",", "")) for number in found.groups())


def records_of(server, name):
    battery = server.get(f"/api/v1/batteries/?name={name}")["results"][0]
    return battery, server.get(f"/api/v1/batteries/{battery['id']}/rows/?limit=100000")["results"]


def test_a_file_is_stored_whole_with_its_metadata_and_its_text_as_text(server, cell):
    done = run(server, cell, "--as-fast-as-possible")
    assert done.returncode == 0
    assert summary(done) == (ROWS, ROWS, 0, 0, 0)
    assert "100%" in done.stderr
    assert "3.00k/3.00k" in done.stderr
    battery, rows = records_of(server, "cell 1/%CE%B1".replace(" ", "%20"))
    assert battery["metadata"]["battery"] == {"nominal_capacity": 2.5}
    assert [rows[1][name] for name in ("test_time", "voltage", "cycle_number", "state")] == [0.0, 3.5001, 0, "charging"]
    assert len(rows) == ROWS


def test_sent_again_nothing_is_stored_twice_and_resumed_nearly_nothing_is_sent(server, cell):
    run(server, cell, "--name", "again", "--as-fast-as-possible")
    assert summary(run(server, cell, "--name", "again", "--as-fast-as-possible")) == (ROWS, 0, ROWS, 0, 0)
    resumed = run(server, cell, "--name", "again", "--as-fast-as-possible", "--resume")
    assert (resumed.returncode, summary(resumed)) == (0, (2, 0, 2, 0, ROWS - 2))  # two rows share the newest time
    assert server.rows("again") == ROWS


def test_max_rows_are_the_first_of_the_file_and_resume_goes_on_behind_them(server, cell):
    first = run(server, cell, "--name", "part", "--as-fast-as-possible", "--max-rows", 1001)
    assert summary(first) == (1001, 1001, 0, 0, 0)
    assert not records_of(server, "part")[0]["finished"]
    rest = run(server, cell, "--name", "part", "--as-fast-as-possible", "--resume", "--finish")
    assert summary(rest) == (ROWS - 1000, ROWS - 1001, 1, 0, 1000)
    assert server.rows("part") == ROWS
    assert records_of(server, "part")[0]["finished"]


def test_at_pace_each_row_goes_in_its_time(server, cell):
    done = run(server, cell, "--name", "paced", "--speedup", 1000, "--max-rows", 41)
    assert summary(done) == (41, 41, 0, 0, 0)
    _, rows = records_of(server, "paced")
    # 20 minutes of test time at 1,000 times the pace: 1.2 s, which the server's own clock saw go by.
    assert rows[-1]["received"] - rows[0]["received"] >= 1.1


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_gets_every_row_once(tmp_path, cell):
    with UploadServer(tmp_path) as own:
        sending = subprocess.Popen(
            command(own, cell, "--name", "survivor", "--speedup", 20000),
            cwd=PROJECT, env=own.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        for rows in (200, 900):
            assert own.rows_when("survivor", rows) >= rows
            own.end(signal.SIGKILL)
            own.start()
        output, errors = sending.communicate(timeout=240)
        assert sending.returncode == 0, errors
        assert "Trying again." in output
        assert re.search(rf"{ROWS:,} rows sent, {ROWS:,} stored", output), output
        _, rows = records_of(own, "survivor")
        assert [row["voltage"] for row in rows] == [3.5 + i / 10000 for i in range(ROWS)]


def test_interrupted_it_says_how_to_go_on(server, cell):
    sending = subprocess.Popen(
        command(server, cell, "--name", "stopped", "--speedup", 5000),
        cwd=PROJECT, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.rows_when("stopped", 50) >= 50
    sending.send_signal(signal.SIGINT)
    output, _ = sending.communicate(timeout=240)
    assert sending.returncode == 130
    assert "--resume goes on from there." in output
    done = run(server, cell, "--name", "stopped", "--as-fast-as-possible", "--resume")
    assert done.returncode == 0
    assert server.rows("stopped") == ROWS


def test_refused_rows_are_named_and_the_status_is_not_zero(server, tmp_path):
    (tmp_path / "a.csv").write_text("test_time,voltage\n0,3.5\n")
    (tmp_path / "b.csv").write_text("test_time,voltage\n1,high\n")
    run(server, tmp_path / "a.csv", "--name", "refusing", "--as-fast-as-possible")
    done = run(server, tmp_path / "b.csv", "--name", "refusing", "--as-fast-as-possible")
    assert (done.returncode, summary(done)) == (1, (1, 0, 0, 1, 0))
    assert "row 0 refused: Column 'voltage' is stored as float and this record has text" in done.stdout


def test_a_device_token_streams_without_registering(server, cell):
    done = ended(
        *(str(cell), "--name", "only this", "--max-rows", "10", "--as-fast-as-possible"),
        *("--url", f"ws://127.0.0.1:{server.port}", "--token", server.device_token),
    )
    assert (done.returncode, summary(done)) == (0, (10, 10, 0, 0, 0))
    assert "The metadata was not registered" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "who", "why"),
    [
        (["missing.h5"], "admin", "missing.h5 cannot be opened: No such file or directory."),
        (["cell", "--speedup", "0"], "admin", "--speedup takes a number above 0"),
        (["cell"], "viewer", "an account with the role operator, or that battery's own device token"),
        (["cell"], "nobody", "User name or password is wrong"),
    ],
)
def test_what_cannot_begin_says_why(server, cell, arguments, who, why):
    done = run(server, *[cell if each == "cell" else each for each in arguments], user=who)
    assert done.returncode == 1
    assert why in done.stderr


def test_where_no_server_answers_it_says_so(cell):
    done = ended(str(cell), "--url", "http://a:b@127.0.0.1:9", "--patience", "0")
    assert done.returncode == 1
    assert "http://127.0.0.1:9 does not answer" in done.stderr
