"""The web servers' own behaviour, with a small application in place of ours: limits and an orderly end."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.servers import PROJECT, free_port

LARGEST_FRAME = 2**20

COUNTS_SLOWLY = """
    while (message := await receive())["type"] == "websocket.receive":
        await asyncio.sleep(0.02)
        count += 1
    open(signal, "w").write(str(count))
"""
PROGRAM = """
import asyncio, sys
from os import path
from rovi_site.serving import limits
kind, port, signal = sys.argv[1], int(sys.argv[2]), sys.argv[3]
limits.SECONDS_TO_ASK = 1
if kind == "daphne":
    from rovi_site.serving.daphne_server import run
else:
    from rovi_site.serving.uvicorn_server import run

async def application(scope, receive, send):
    count = 0
    await receive()
    await send({"type": "websocket.accept"})
BODY
sys.exit(run(application, "127.0.0.1", port, 2**20))
"""


class Served:
    """A small application behind one of the servers; `signal` is a file that both sides can look at."""

    def __init__(self, kind: str, body: str, folder: Path) -> None:
        self.port = free_port()
        self.signal = folder / "signal"
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.replace("BODY", body), kind, str(self.port), str(self.signal)], cwd=PROJECT
        )

    def open(self):
        end = time.monotonic() + 240
        while True:
            try:
                return connect(f"ws://127.0.0.1:{self.port}/", compression=None, max_size=None)
            except OSError:
                assert time.monotonic() < end, "the server does not listen"
                time.sleep(0.05)

    def signalled(self) -> str:
        end = time.monotonic() + 240
        while not (self.signal.exists() and self.signal.read_text()):
            assert time.monotonic() < end, "no signal came"
            time.sleep(0.02)
        return self.signal.read_text()


@pytest.fixture
def served(tmp_path):
    started = []

    def start(kind, body):
        started.append(Served(kind, body, tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
def test_a_frame_above_the_limit_closes_its_socket_with_1009(served, kind):
    with served(kind, COUNTS_SLOWLY).open() as socket:
        socket.send(bytes(LARGEST_FRAME + 1))
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=240)

    assert socket.close_code == 1009


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
def test_a_frame_of_the_limit_is_taken(served, kind):
    server = served(kind, COUNTS_SLOWLY)
    with server.open() as socket:
        socket.send(bytes(LARGEST_FRAME))

    assert server.signalled() == "1"


def test_what_a_socket_brought_before_daphne_stops_is_worked_through(served):
    server = served("daphne", COUNTS_SLOWLY)
    with server.open() as socket:
        for number in range(20):
            socket.send(bytes([number]))
        time.sleep(0.1)  # they have arrived; the application needs four times as long
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=240)

    assert socket.close_code == 1001
    assert server.signalled() == "20"
    assert server.process.wait(240) == 0


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
@pytest.mark.parametrize("sent", ["", "GE", "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: b"])
def test_who_does_not_come_to_the_end_of_its_headers_is_cut_off(served, kind, sent):
    server = served(kind, COUNTS_SLOWLY)
    with server.open() as patient, socket.create_connection(("127.0.0.1", server.port), timeout=240) as slow:
        slow.sendall(sent.encode())
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(1) == b""  # within the time-out of this socket
        patient.send(b"an open socket is not meant")

    assert server.signalled() == "1"


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
def test_a_port_in_use_is_an_error(served, kind):
    first = served(kind, COUNTS_SLOWLY)
    with first.open():
        second = subprocess.run(first.process.args, cwd=PROJECT, capture_output=True, check=False, timeout=240)

    assert second.returncode != 0
