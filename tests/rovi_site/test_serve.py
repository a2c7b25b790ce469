import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.servers import PROJECT, Server, environment, free_port, is_alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("serve") / "data", with_nothing=True) as running:
        yield running


def refused(data, **variables):
    """What `manage.py serve` says when it does not start."""
    ended = subprocess.run(
        [sys.executable, "manage.py", "serve"],
        cwd=PROJECT,
        env=environment(data, **{"port": free_port(), **variables}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()[-1]


def until(condition, seconds=240.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_one_line_says_where_to_go_and_who_to_be(server):
    assert server.lines == [
        f"Preparing the database; data lie in {server.data}",
        f"Starting daphne and a worker; their logs lie in {server.data / 'logs'}",
        f"Ready: {server.url}  user admin  password {server.password}",
    ]
    assert len(server.password) == 16


def test_the_password_of_that_line_opens_the_service_and_another_does_not(server):
    assert server.get("/api/v1/jobs/")[0] == 200
    assert server.get("/api/v1/jobs/", password="wrong")[0] == 401


def test_health_is_open_and_tells_no_more_than_it_must(server):
    for path, body in (("live", b'{"status": "live"}'), ("ready", b'{"status": "ready", "worker": "alive"}')):
        assert until(lambda: urllib.request.urlopen(f"{server.url}/healthz/{path}").read() == body)  # noqa: B023


def test_the_data_folder_is_for_its_owner_alone(server):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (server.data, *server.data.iterdir())}

    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert (server.data / "admin_password").read_text().strip() == server.password


def test_a_second_server_on_the_same_folder_is_refused(server):
    assert refused(server.data) == (
        f"Another server (process {server.process.pid}) already uses the data folder {server.data}. Stop it, or name "
        "another folder in ROVI_DATA. One more worker: make worker."
    )


def test_a_web_server_that_dies_is_started_again(server):
    web = next(pid for pid, command in server.children().items() if "serving.web" in command)

    os.kill(web, signal.SIGKILL)

    found = server.wait_for_line(re.compile(r"The web server was ended by SIGKILL; starting it again in (\d+) s"))
    assert found[1] == "1"
    assert until(lambda: "serving.web" in str(server.children()))
    assert web not in server.children()
    assert until(lambda: _answers(server))


def _answers(server):
    try:
        return server.get("/api/v1/jobs/")[0] == 200
    except OSError:
        return False


class Unfollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_stops_everything_and_the_next_start_goes_on_with_the_same_data(folder_of_two_starts, number):
    server = Server(folder_of_two_starts)
    server.start()
    children = server.children()
    assert len(children) == 2
    assert server.get("/api/v1/jobs/")[0] == 200

    server.process.send_signal(number)
    assert server.process.wait(240) == 0
    assert server.stop() == 0
    assert server.lines[-2:] == ["Stopping ...", "Stopped."]
    assert [pid for pid in children if is_alive(pid)] == []
    assert server.password == (server.data / "admin_password").read_text().strip()


@pytest.fixture(scope="module")
def folder_of_two_starts(tmp_path_factory):
    return tmp_path_factory.mktemp("twice") / "data"


def test_uvicorn_serves_it_too_and_behind_a_proxy_sends_plain_callers_to_https(tmp_path):
    server = Server(tmp_path / "data", ROVI_SERVER="uvicorn", ROVI_HTTPS="on", ROVI_ALLOWED_HOSTS="rovi.example.org")
    with server:
        plain = urllib.request.Request(server.url + "/", headers={"Host": "rovi.example.org"})
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.build_opener(Unfollowed).open(plain)
        children = server.children()

    assert (answer.value.code, answer.value.headers["Location"]) == (301, "https://rovi.example.org/")
    assert server.process.returncode == 0
    assert [pid for pid in children if is_alive(pid)] == []


def test_a_supervisor_that_is_killed_leaves_no_orphans(tmp_path):
    server = Server(tmp_path / "data")
    server.start()
    children = server.children()

    server.process.kill()
    server.process.wait()

    assert len(children) == 2
    assert until(lambda: not any(is_alive(pid) for pid in children))


def test_a_port_in_use_is_told_before_anything_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert refused(tmp_path / "data", port=port) == (
            f"Port {port} on 127.0.0.1 is in use by another program. Stop it, or choose another: "
            f"PORT={port + 1} make run"
        )
    assert not (tmp_path / "data" / "rovi.sqlite3").exists()


def test_a_host_that_is_not_this_machine_is_told(tmp_path):
    assert refused(tmp_path / "data", HOST="192.0.2.77") == (
        "HOST='192.0.2.77' is no address of this machine (Cannot assign requested address). 127.0.0.1 is itself, "
        "0.0.0.0 all."
    )


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    assert "cannot be read or made (Not a directory). ROVI_DATA names the folder" in refused(tmp_path / "file" / "data")


def test_a_file_that_is_no_database_is_told_and_left_as_it_is(tmp_path):
    (tmp_path / "rovi.sqlite3").write_text("a letter, not a database, and long enough to be looked at as one " * 20)

    assert refused(tmp_path) == (
        f"{tmp_path / 'rovi.sqlite3'} is damaged or no SQLite database (file is not a database). Put a backup back, or "
        "move it away to begin anew."
    )
    assert (tmp_path / "rovi.sqlite3").read_text().startswith("a letter")


def test_a_database_server_that_does_not_answer_is_told(tmp_path):
    said = refused(tmp_path, DATABASE_URL=f"postgres://me:secret@127.0.0.1:{free_port()}/cells")

    assert said.startswith("The database that DATABASE_URL names does not answer, or refuses: connection failed:")
    assert "secret" not in said


def test_a_wrong_setting_is_told(tmp_path):
    assert refused(tmp_path, ROVI_SERVER="apache") == (
        "ROVI_SERVER='apache' cannot be used: it takes one of daphne, uvicorn. Set it so, or unset it for the default."
    )


def test_the_database_is_made_with_full_durability(server):
    with sqlite3.connect(server.data / "rovi.sqlite3") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
