"""The client against a running service: its README and the tutorial as they stand, and a connection that breaks."""

import asyncio
import os
import re
import subprocess
import sys

import pytest
from rovi_client import AsyncClient, Client, JobFailed

from tests.servers import PROJECT, Server

SOURCE = PROJECT / "client" / "src"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("client") / "data") as running:
        yield running


@pytest.fixture
def rovi(server):
    with Client(server.url, user="admin", password=server.password) as client:
        yield client


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", (PROJECT / page).read_text(), re.MULTILINE | re.DOTALL)


def run(code, server, folder):
    code = code.replace("admin:PASSWORD@127.0.0.1:8000", f"admin:{server.password}@127.0.0.1:{server.port}")
    # pyarrow's threads may abort an interpreter that ends right after reading a file.
    code += "\nimport os, sys\nsys.stdout.flush()\nos._exit(0)\n"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**os.environ, "PYTHONPATH": str(SOURCE)}, timeout=120,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_each_example_of_the_readme_runs(server, tmp_path):
    told = [run(code, server, tmp_path) for code in blocks("client/README.md")]
    assert len(told) == 6
    assert told[0] == "Uploaded(stored=3, repeated=0, rejected=[])\n[4.1, 4.0995, 4.099]\n"
    assert told[1].splitlines() == ["1000 of 3000", "2000 of 3000", "3000 of 3000"]
    assert "warmer done" in told[3]
    assert "It is no longer what If-Match says" in told[5]


def test_the_tutorial_runs_from_its_first_block_to_its_last(server, tmp_path):
    told = run("\n".join(blocks("docs/tutorial/first-battery.md")), server, tmp_path)
    assert "tutorial-cell has 0 rows" in told
    assert "done 100%" in told
    assert (tmp_path / "tutorial-cell.parquet").stat().st_size > 1000


def test_a_job_that_fails_says_so_in_the_services_words(rovi, tmp_path):
    (tmp_path / "odd.csv").write_text("1,2\n3,4\n")
    events = []
    with pytest.raises(JobFailed, match=r"The CSV begins with numbers\."):
        rovi.import_file(tmp_path / "odd.csv", progress=events.append)
    assert events[-1].state == "failed"


def test_a_stream_goes_on_where_its_connection_broke(rovi):
    with rovi.stream("broken-cell") as stream:
        for k in range(300):
            stream.send({"test_time": float(k), "voltage": 3.7})
            if k in (100, 200):
                stream._socket.socket.shutdown(2)  # as when a cable is pulled
    assert rovi.battery("broken-cell").rows == 300
    assert rovi.rows("broken-cell", columns=["test_time"])["test_time"] == [float(k) for k in range(300)]


def test_the_awaited_client_goes_on_likewise(server):
    async def send():
        async with AsyncClient(server.url, user="admin", password=server.password) as rovi:
            async with rovi.stream("async-broken") as stream:
                for k in range(300):
                    await stream.send({"test_time": float(k), "voltage": 3.7})
                    if k == 150:
                        stream._socket.transport.abort()
            return (await rovi.battery("async-broken")).rows

    assert asyncio.run(send()) == 300
