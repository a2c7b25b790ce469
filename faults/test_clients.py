"""Clients that mean ill, or know no better: who never read, who send a byte a second, a thousand at once."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
import time
from contextlib import ExitStack

import msgpack
import pytest

from faults.looking import MIB, Looks
from tests.crowds import all_at_once
from tests.disturbed import Stand, batteries
from tests.watching import open_files

SERVERS = ("daphne", "uvicorn")
GREEDY = 50  # that send without end and never read
GREEDY_SECONDS = 240.0  # in which all of them are to be cut off
LITTLE = 4096  # bytes that the kernel holds for a client that does not read
SLOW = 300  # that send a byte a second: headers of a request, and of these a third a frame of an open socket
SLOW_SECONDS = 60.0
AT_ONCE = 1000
ROWS_EACH = 10
MOST_GROWTH = 200 * MIB  # of the web server's memory, with a hundred buffers of clients filled as far as they may be

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(params=SERVERS)
def stand(request, tmp_path):
    """A service at work: a device sends, rows are estimated."""
    with Stand(
        tmp_path / "data", fleet=batteries(2, 0), rows=20_000,
        ROVI_SERVER=request.param, ROVI_STALLED_SECONDS="5", ROVI_LOG_LEVEL="ERROR",
    ) as stand:  # fmt: skip
        stand.server = request.param
        stand.begin(rate=20.0)
        stand.wait_for_rows(100)
        yield stand


def dial(stand: Stand, received_bytes: int = 0) -> socket.socket:
    wire = socket.socket()
    if received_bytes:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, received_bytes)
    wire.settimeout(60)
    wire.connect(("127.0.0.1", stand.port))
    return wire


def open_socket(stand: Stand, name: str, received_bytes: int = 0) -> socket.socket:
    """An upload socket with acknowledgements, by hand, so that it can misbehave."""
    wire = dial(stand, received_bytes)
    key = base64.b64encode(os.urandom(16)).decode()
    wire.sendall(
        f"GET /db/upload/{name}?ack=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {stand.token}\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += wire.recv(1)
    assert b" 101 " in answer, answer
    return wire


def frame(payload: bytes) -> bytes:
    """Binary, masked with zeros."""
    return struct.pack("!BBH", 0x82, 0x80 | 126, len(payload)) + bytes(4) + payload


def test_clients_that_never_read_are_cut_off(stand, tell):
    looks = Looks(stand)
    looks.look()
    with ExitStack() as wires:
        several = [wires.enter_context(open_socket(stand, f"greedy-{number}", LITTLE)) for number in range(GREEDY)]
        # Each record is refused, with an answer far longer than itself: so answers pile up where they are not read.
        bad = frame(msgpack.packb([{"no name!": 1}] * 500))
        for wire in several:
            wire.setblocking(False)
        begun = time.monotonic()
        until, cut, sent = begun + GREEDY_SECONDS, set(), 0
        unsent = dict.fromkeys(several, bad)
        while len(cut) < GREEDY and time.monotonic() < until:
            for wire in several:
                if wire in cut:
                    continue
                try:
                    went = wire.send(unsent[wire])
                except BlockingIOError:
                    continue
                except OSError:
                    cut.add(wire)
                else:
                    sent += went
                    unsent[wire] = unsent[wire][went:] or bad
            looks.look()
            time.sleep(0.1)
        seconds = time.monotonic() - begun
    acknowledged = stand.acknowledged()
    stand.wait_for_rows(100)
    looks.look()
    tell(
        f"{GREEDY} sockets that never read, {stand.server}: sent {sent / MIB:.1f} MiB, {len(cut)} cut off within "
        f"{seconds:.0f} s; {looks}; the device's rows went on ({acknowledged} → {stand.acknowledged()}); "
        f"processes started again {stand.revived}"
    )
    assert len(cut) == GREEDY
    assert looks.always_live
    assert stand.revived == 0
    assert looks.web_growth < MOST_GROWTH


def test_clients_that_send_a_byte_a_second_hold_up_nobody(stand, tell):
    looks = Looks(stand)
    looks.look()
    before = stand.acknowledged()
    with ExitStack() as wires:
        requests = [wires.enter_context(dial(stand)) for _ in range(SLOW)]
        sockets = [wires.enter_context(open_socket(stand, f"slow-{number}")) for number in range(SLOW // 3)]
        asked = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"x" * 4000
        payload = frame(msgpack.packb({"test_time": 0.0, "note": "x" * 3000}))
        begun, gone = time.monotonic(), 0
        for place in range(int(SLOW_SECONDS)):
            for wire, text in [*((wire, asked) for wire in requests), *((wire, payload) for wire in sockets)]:
                try:
                    wire.send(text[place : place + 1])
                except OSError:
                    gone += 1
            looks.look()
            time.sleep(max(0.0, begun + place + 1 - time.monotonic()))
        most = max(looks.web_files)
    stand.wait_for_rows(100)
    stand.wait(5)
    looks.look()
    tell(
        f"{SLOW + SLOW // 3} connections with a byte a second for {SLOW_SECONDS:.0f} s, {stand.server}: {looks}; "
        f"open files {looks.web_files[0]}, most {most}, at last {open_files(stand.processes['web'].pid)}; the device's "
        f"rows went on ({before} → {stand.acknowledged()}); processes started again {stand.revived}"
    )
    assert looks.always_live
    assert set(looks.ready) == {"200"}
    assert gone >= SLOW  # who does not come to the end of its headers is cut off after half the time
    assert stand.revived == 0
    assert looks.web_growth < MOST_GROWTH


def test_a_thousand_that_connect_at_once_are_all_served(stand, tell):
    looks = Looks(stand)
    looks.look()
    begun = time.monotonic()
    waited = asyncio.run(all_at_once(stand, AT_ONCE, ROWS_EACH))
    seconds = time.monotonic() - begun
    stand.wait(3)
    looks.look()
    waited.sort()
    stored = stand.ask("SELECT COUNT(*), COALESCE(SUM(rows), 0) FROM datahub_battery WHERE name LIKE 'crowd-%'")[0]
    tell(
        f"{AT_ONCE} that connect at once, {stand.server}: all acknowledged within {seconds:.1f} s, half of them after "
        f"{waited[len(waited) // 2]:.1f} s; {stored[0]} batteries, {stored[1]} rows; {looks}; open files at last "
        f"{looks.web_files[-1]}; processes started again {stand.revived}"
    )
    assert stored == (AT_ONCE, AT_ONCE * ROWS_EACH)
    assert stand.revived == 0
    assert looks.web_growth < MOST_GROWTH
