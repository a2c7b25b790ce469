"""The upload socket of real servers: who may open it, what closes it, what it answers, what survives."""

import contextlib
import resource
import signal
import struct
import threading
import time

import msgpack
import psycopg
import pytest
from django.db import connection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.datahub.upload_server import Uploader, UploadServer, basic
from tests.migrated import create_migrated
from tests.services import postgres_url

pytestmark = pytest.mark.postgres


@contextlib.contextmanager
def database(folder):
    """Variables that name a database for a server: where the tests run on PostgreSQL, a new one there."""
    if connection.vendor != "postgresql":
        yield {}
        return
    name = f"rovi_socket_{folder.name.replace('-', '_').lower()}"
    with psycopg.connect(postgres_url(), autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
        create_migrated(postgres_url(), f'"{name}"')
        try:
            yield {"DATABASE_URL": postgres_url().rpartition("/")[0] + "/" + name}
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with (
        database(folder) as variables,
        UploadServer(folder, request.param, ROVI_STALLED_SECONDS="2", **variables) as running,
    ):
        yield running


@pytest.fixture
def own_server(request, tmp_path):
    with database(tmp_path) as variables, UploadServer(tmp_path, "daphne", **variables) as running:
        yield running


@pytest.fixture
def name(request):
    return f"{request.node.name} α/β"


def reading(second, **values):
    return {"test_time": float(second), "voltage": 3.7, **values}


def closed_with(socket):
    """The code and reason with which the server closes, after whatever it still says."""
    try:
        while True:
            socket.recv(timeout=240)
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code


# --- who may open it -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), (basic("operator", "wrong"), 401), (basic("nobody"), 401), ({"Authorization": "Bearer x"}, 401),
     (basic("viewer"), 403)],
)  # fmt: skip
def test_strangers_and_viewers_are_refused_before_the_socket_opens(server, name, headers, status):
    with pytest.raises(InvalidStatus) as refused:
        server.socket(name, headers=headers)
    assert refused.value.response.status_code == status
    assert name not in server.get("/db/stats")


def test_a_device_token_opens_its_own_battery_only(server):
    headers = {"Authorization": f"Bearer {server.device_token}"}
    with Uploader(server.socket("only this", "?ack=1", headers)) as upload:
        upload.send(reading(0))
        upload.told_until(1)
    with pytest.raises(InvalidStatus) as refused:
        server.socket("another", headers=headers)
    assert refused.value.response.status_code == 403


def test_a_name_that_is_too_long_is_refused(server):
    with pytest.raises(InvalidStatus) as refused:
        server.socket("a" * 256)
    assert refused.value.response.status_code == 400


# --- what is stored ------------------------------------------------------------------------------------------------
def test_a_client_that_reads_nothing_sends_and_leaves_loses_nothing(server, name):
    for second in range(5):
        with server.socket(name) as socket:
            socket.send(msgpack.packb(reading(second)))
    assert server.rows_when(name, 5) == 5


def test_a_client_that_is_cut_off_loses_nothing_that_arrived(server, name):
    socket = server.socket(name)
    for second in range(3000):
        socket.send(msgpack.packb(reading(second)))
    socket.close()
    assert server.rows_when(name, 3000) == 3000


def test_a_client_that_did_not_ask_is_told_nothing(server, name):
    with server.socket(name) as socket:
        socket.send(msgpack.packb(reading(0)))
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.5)


def test_the_three_forms_store_the_same(server, name):
    doubles = struct.pack("<2d", 4.0, 5.0)
    with server.uploader(name) as upload:
        upload.send(reading(0), [reading(1), reading(2)], {"test_time": [3.0], "voltage": [3.7]})
        upload.send({"test_time": doubles, "voltage": struct.pack("<2d", 3.7, float("nan"))}, [], {"voltage": []})
        assert upload.told_until(6) == []
    assert server.rows(name) == 6


# --- what it answers -----------------------------------------------------------------------------------------------
def test_the_hello_tells_where_to_go_on_and_acknowledged_rows_are_in_the_stats_at_once(server, name):
    with server.uploader(name) as upload:
        assert upload.hello == {"position": 0, "last_test_time": None}
        upload.send(*[reading(second) for second in range(100)])
        upload.told_until(100)
        assert server.rows(name) == 100
    with server.uploader(name) as upload:
        assert upload.hello == {"position": 100, "last_test_time": 99.0}
        upload.send(reading(99), reading(100))  # the first was stored before: handled, not stored twice
        assert upload.told_until(102) == []
    with server.uploader(name) as upload:
        assert upload.hello == {"position": 101, "last_test_time": 100.0}


def test_the_subprotocol_turns_acknowledgements_on_and_is_accepted(server, name):
    with server.socket(name, subprotocols=["other", "rovi.ack"]) as socket:
        assert socket.subprotocol == "rovi.ack"
        assert Uploader(socket).hello["position"] == 0


def test_refused_records_are_listed_by_their_number_and_the_socket_stays_open(server, name):
    with server.uploader(name) as upload:
        upload.send(reading(0), reading(1, voltage="high"), [reading(2), 7, reading(3, nested=[1])], {"a b": 1.0}, {})
        upload.send({"test_time": [4.0, 5.0], "voltage": [3.7]}, reading(6))
        rejected = upload.told_until(10)
        assert [(entry["index"], entry["code"]) for entry in rejected] == [
            (1, "type_mismatch"), (3, "not_a_record"), (4, "nested_value"), (5, "bad_column_name"),
            (6, "empty_record"), (7, "unequal_columns"), (8, "unequal_columns"),
        ]  # fmt: skip
        assert set(rejected[0]) == {"index", "code", "message"}
    assert server.rows(name) == 3


def test_thousands_of_refusals_come_in_messages_that_a_client_can_read(server, name):
    with server.uploader(name) as upload:
        upload.send([{"test_time": "never"}] * 5000, reading(0))
        sizes, listed = [], 0
        while listed < 5000:
            message = upload.socket.recv(timeout=240)
            sizes.append(len(message))
            listed += len(msgpack.unpackb(message).get("rejected", []))
        assert max(sizes) < 2**20


# --- what closes it ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("frame", "code"),
    [("text", 1003), (b"\xc1", 1007), (b"", 1007), (msgpack.packb([{}] * 100_001), 1009), (bytes(8 * 2**20 + 1), 1009)],
    ids=["text", "no msgpack", "nothing", "rows", "bytes"],
)
def test_a_frame_that_cannot_be_taken_closes_with_its_code_after_acknowledging_what_was_before(server, frame, code):
    name = f"closed {server.server} {code} {len(frame)}"
    upload = server.uploader(name)
    upload.send(reading(0), reading(1))
    upload.socket.send(frame)
    upload.told_until(2)
    assert closed_with(upload.socket) == code
    assert server.rows(name) == 2


def test_a_battery_deleted_under_an_open_socket_closes_it_and_stays_deleted(server, name):
    with server.uploader(name) as upload:
        upload.send(reading(0))
        upload.told_until(1)
        server.delete(name)
        upload.send(reading(1))
        assert closed_with(upload.socket) == 4410
    assert name not in server.get("/db/stats")
    with server.uploader(name) as upload:
        assert upload.hello == {"position": 0, "last_test_time": None}
        upload.send(reading(1))
        upload.told_until(1)


def test_a_client_that_neither_reads_nor_stops_is_closed_and_does_not_fill_the_memory(server, name):
    upload = server.uploader(name, max_queue=1)
    before = server.resident_bytes()
    frame = msgpack.packb([{"test_time": "never", "voltage": 3.7}] * 20_000)  # answered with more bytes than it has
    until, is_closed = time.monotonic() + 240, False
    while not is_closed and time.monotonic() < until:
        try:
            upload.send(frame)
        except ConnectionClosed:
            is_closed = True
    assert is_closed
    assert server.resident_bytes() - before < 250 * 2**20
    with server.uploader(name + " after") as other:
        other.send(reading(0))
        other.told_until(1)


# --- a database that waits -----------------------------------------------------------------------------------------
@contextlib.contextmanager
def locked(server):
    """Holds the write lock of the server's database, or of its batteries."""
    if url := server.environment["DATABASE_URL"]:
        with psycopg.connect(url) as holder:
            holder.execute("LOCK TABLE datahub_battery IN EXCLUSIVE MODE")
            yield
    else:
        import sqlite3

        holder = sqlite3.connect(f"{server.environment['ROVI_DATA']}/rovi.sqlite3", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")
        holder.close()


def test_a_slow_database_slows_the_sender_and_never_fills_the_memory(server, name):
    with server.uploader(name, ping_interval=None) as upload:  # a server that does not read answers no ping
        before = server.resident_bytes()
        frame = msgpack.packb(reading(0, text="x" * 4000))
        sent = 0
        with locked(server):
            # Twenty times what one socket may have in the buffer; a thread, because sending will block.
            def flood():
                nonlocal sent
                for second in range(60_000):
                    upload.socket.send(frame if second else msgpack.packb(reading(0)))
                    sent += 1

            sender = threading.Thread(target=flood, daemon=True)
            sender.start()
            halted = -1
            while halted < sent:  # until a whole second has taken nothing
                halted = sent
                time.sleep(1)
            assert halted < 60_000
            assert server.resident_bytes() - before < 150 * 2**20
        sender.join(120)
        assert upload.told_until(60_000) == []
    assert server.rows(name) == 2


# --- what survives -------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9_and_a_client_that_resumes_leaves_no_hole_and_no_double(own_server):
    rows, acknowledged = 30_000, 0
    for _ in range(3):
        upload = own_server.uploader("a")
        position = upload.hello["position"]
        assert position >= acknowledged
        assert upload.hello["last_test_time"] == (None if position == 0 else float(position - 1))
        killer = threading.Timer(0.4, own_server.end, [signal.SIGKILL])
        killer.start()
        with contextlib.suppress(ConnectionClosed):
            for second in range(position, rows):
                upload.send(reading(second))
                if second % 50 == 0:
                    with contextlib.suppress(TimeoutError):
                        acknowledged = upload.told(0)["ack"]
        killer.join()
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            while True:
                acknowledged = upload.told(0.2)["ack"]
        own_server.start()
    with own_server.uploader("a") as upload:
        upload.send([reading(second) for second in range(max(0, upload.hello["position"] - 100), rows)])
        while upload.told()["ack"] < rows:
            pass
    assert own_server.rows("a") == rows


def test_a_server_that_is_told_to_stop_stores_what_it_has_received(own_server):
    with own_server.uploader("a") as upload:
        upload.send(reading(0))
        upload.told_until(1)
        with locked(own_server):
            upload.send(*[reading(second) for second in range(1, 500)])
            time.sleep(0.5)
            own_server.process.send_signal(signal.SIGTERM)
            time.sleep(1.0)
        own_server.process.wait(240)
    own_server.start()
    assert own_server.rows("a") == 500


@contextlib.contextmanager
def full(server):
    """No file of the server's may grow: the kernel refuses it as on a full disk."""
    _, most = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, most))
    yield
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, most))


def test_rows_wait_for_room_on_the_disk_and_none_is_lost(server, name):
    if connection.vendor == "postgresql":
        pytest.skip("PostgreSQL's files are not the web server's")
    with server.uploader(name) as upload:
        upload.send(reading(0))
        upload.told_until(1)
        with full(server):
            upload.send(*[reading(second) for second in range(1, 100)])
            with pytest.raises(TimeoutError):
                upload.told(seconds=0.5)
        upload.told_until(100)
    assert server.rows(name) == 100
