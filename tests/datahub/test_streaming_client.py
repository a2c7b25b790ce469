"""The client sends rows until each is acknowledged, whatever the server does meanwhile."""

import asyncio
import contextlib
import http

import msgpack
import pytest
from websockets.asyncio.server import serve

from datahub.streaming import files
from datahub.streaming.client import Hello, RowStream
from datahub.streaming.files import Pace, rows_since, stream_rows
from datahub.streaming.service import RefusedByService, Service, ServiceError, Unreachable


class FakeServer:
    """Speaks the protocol: stores each row once by content, acknowledges, and breaks when told to.

    `break_after` frames the connection is cut, without an acknowledgement of the last one although it is stored.
    """

    def __init__(self, break_after=(), answers=True, close_code=None):
        self.rows, self.frames, self.hellos = [], [], []
        self.breaks = list(break_after)
        self.answers, self.close_code = answers, close_code
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, socket):
        position = len(self.rows)
        times = [row["test_time"] for row in self.rows if row.get("test_time") is not None]
        self.hellos.append(position)
        await socket.send(msgpack.packb({"position": position, "last_test_time": max(times, default=None)}))
        handled, frames = 0, 0
        async for payload in socket:
            if self.close_code:
                await socket.close(self.close_code, "too large for me")
                return
            records = records_of(msgpack.unpackb(payload))
            self.frames.append(records)
            rejected = []
            for record in records:
                if record.get("voltage") == "bad":
                    rejected.append({"index": handled, "code": "type_mismatch", "message": "no number"})
                elif record not in self.rows:
                    self.rows.append(record)
                handled += 1
            frames += 1
            if self.breaks and frames == self.breaks[0]:
                self.breaks.pop(0)
                socket.transport.abort()
                return
            await self.may_answer.wait()
            if self.answers:
                answer = {"ack": position + handled}
                await socket.send(msgpack.packb({**answer, "rejected": rejected} if rejected else answer))


def records_of(value):
    if isinstance(value, list):
        return value
    if isinstance(value["test_time"], list):
        return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
    return [value]


@contextlib.asynccontextmanager
async def streaming_to(server, **options):
    async with serve(server, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        stream = RowStream(Service.at(f"http://127.0.0.1:{port}"), "module 7/α", **options)
        try:
            yield stream
        finally:
            await stream.close()


class Rows:
    """A file in memory."""

    def __init__(self, times, **columns):
        self.columns = {"test_time": list(times), **columns}

    def chunks(self, rows=3):
        length = len(self.columns["test_time"])
        for first in range(0, length, 3):
            yield {name: values[first : first + 3] for name, values in self.columns.items()}


AT_ONCE = Pace(speedup=None)


async def test_all_rows_arrive_and_are_acknowledged():
    server = FakeServer()
    async with streaming_to(server) as stream:
        assert await stream.open() == Hello(0, None)
        await stream_rows(Rows(range(10)), stream, AT_ONCE)
    assert [row["test_time"] for row in server.rows] == list(range(10))
    assert (stream.sent, stream.handled, stream.breaks) == (10, 10, 0)


async def test_after_a_break_what_was_not_acknowledged_is_sent_again_and_stored_once():
    server = FakeServer(break_after=[2, 1, 3])
    async with streaming_to(server) as stream:
        await stream.open()
        await stream_rows(Rows(range(30)), stream, AT_ONCE)
    assert [row["test_time"] for row in server.rows] == list(range(30))
    assert (stream.handled, stream.breaks) == (30, 3)
    assert server.hellos == [0, 6, 6, 12]
    assert [frame[0]["test_time"] for frame in server.frames[:4]] == [0, 3, 3, 3]


async def test_a_refused_row_is_known_by_its_number_also_after_a_break():
    server = FakeServer(break_after=[2])
    voltages = [3.5] * 12
    voltages[1] = voltages[7] = "bad"
    async with streaming_to(server) as stream:
        await stream.open()
        await stream_rows(Rows(range(12), voltage=voltages), stream, AT_ONCE)
    assert sorted(stream.rejected) == [1, 7]
    assert len(server.rows) == 10


async def test_no_more_rows_are_on_their_way_than_the_window_holds():
    server = FakeServer()
    server.may_answer.clear()
    async with streaming_to(server, window_rows=4) as stream:
        await stream.open()
        sending = asyncio.ensure_future(stream_rows(Rows(range(12)), stream, AT_ONCE))
        while len(server.frames) < 1:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert stream.sent == 6  # two frames of three: the second went out with one row still free
        server.may_answer.set()
        await sending
    assert stream.handled == 12


async def test_who_may_not_send_is_told_why_and_does_not_try_again():
    asked = []

    def refuse(connection, request):
        asked.append(request.path)
        return connection.respond(http.HTTPStatus.FORBIDDEN, '{"detail": "This device token may upload to x only."}')

    async with serve(FakeServer(), "127.0.0.1", 0, process_request=refuse) as listening:
        stream = RowStream(Service.at(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"), "module 7/α")
        with pytest.raises(RefusedByService, match=r"may upload to x only. \(HTTP 403\)"):
            await stream.open()
        await stream.close()
    assert asked == ["/db/upload/module%207%2F%CE%B1?ack=1"]


async def test_a_frame_that_the_server_will_never_take_ends_the_stream_with_its_reason():
    async with streaming_to(FakeServer(close_code=1009)) as stream:
        await stream.open()
        with pytest.raises(ServiceError, match=r"too large for me \(code 1009\)"):
            await stream_rows(Rows(range(3)), stream, AT_ONCE)


@pytest.mark.parametrize("greeting", [b"\xc1", "text", msgpack.packb([1]), msgpack.packb({"ack": 1})])
async def test_a_server_of_another_protocol_is_not_waited_for(greeting):
    async def other(socket):
        await socket.send(greeting)
        await socket.wait_closed()

    async with streaming_to(other) as stream:
        with pytest.raises(ServiceError, match="not the one of row uploads"):
            await stream.open()


async def test_a_break_is_told_once_and_its_end_too():
    told = []
    async with streaming_to(FakeServer(break_after=[1]), tell=told.append) as stream:
        await stream.open()
        await stream_rows(Rows(range(6)), stream, AT_ONCE)
    assert told == ["The connection broke (code 1006). Trying again.", "Connected."]


async def test_where_nobody_answers_it_gives_up_when_its_patience_ends():
    stream = RowStream(Service.at("http://127.0.0.1:9"), "x", patience_seconds=0)
    with pytest.raises(Unreachable, match=r"http://127.0.0.1:9 does not answer"):
        await stream.open()
    await stream.close()


# --- where to go on ------------------------------------------------------------------------------------------------
def sent_after(times, since, **columns):
    passed = []
    chunks = rows_since(Rows(times, **columns).chunks(), since, passed.append)
    rows = [record for chunk in chunks for record in records_of(chunk)]
    return rows, passed[-1]


@pytest.mark.parametrize("stored", range(1, 9))
def test_going_on_sends_every_row_that_is_not_stored_also_where_time_stands_or_runs_back(stored):
    times = [0.0, 1.0, 1.0, 1.0, 2.0, 1.5, 2.0, 3.0, 0.5]
    numbers = list(range(len(times)))
    rows, passed = sent_after(times, Hello(stored, max(times[:stored])), n=numbers)
    assert {row["n"] for row in rows} >= set(numbers[stored:])
    assert passed == len(times) - len(rows)
    assert all(row["test_time"] <= max(times[:stored]) for row in records_of(Rows(times, n=numbers).columns)[:passed])


def test_going_on_in_a_file_in_order_sends_again_only_rows_of_the_newest_time():
    rows, passed = sent_after([0.0, 1.0, 1.0, 2.0], Hello(3, 1.0))
    assert ([row["test_time"] for row in rows], passed) == ([1.0, 1.0, 2.0], 1)


def test_going_on_in_a_file_without_test_time_counts_rows():
    chunks = iter([{"n": [0, 1, 2]}, {"n": [3, 4]}])
    assert list(rows_since(chunks, Hello(4, None))) == [{"n": [4]}]


def test_going_on_where_all_is_stored_sends_the_last_row_once_more():
    rows, passed = sent_after([0.0, 1.0, 2.0], Hello(3, 2.0))
    assert ([row["test_time"] for row in rows], passed) == ([2.0], 2)


async def test_max_rows_counts_from_the_first_row_of_the_file():
    server = FakeServer()
    async with streaming_to(server) as stream:
        await stream.open()
        await stream_rows(Rows(range(10)), stream, Pace(None, max_rows=4))
        await stream_rows(Rows(range(10)), stream, Pace(None, max_rows=5), Hello(4, 3))
    assert [row["test_time"] for row in server.rows] == [0, 1, 2, 3, 4]


# --- pace ----------------------------------------------------------------------------------------------------------
async def test_a_row_measured_a_minute_later_is_sent_a_minute_over_the_speedup_later(monkeypatch):
    clock = [1000.0]
    sent = []

    async def sleep(seconds):
        clock[0] += seconds

    class Stream:
        async def send(self, record, rows=1):
            sent.append((clock[0] - 1000.0, record))

        async def acknowledged(self):
            pass

    monkeypatch.setattr(files.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(files.asyncio, "sleep", sleep)
    await stream_rows(Rows([100.0, 160.0, 160.0, 150.0, 220.0], v=[1, 2, 3, 4, 5]), Stream(), Pace(speedup=10.0))
    assert [moment for moment, _ in sent] == [0.0, 6.0, 6.0, 6.0, 12.0]
    assert sent[1][1] == {"test_time": 160.0, "v": 2}


def test_frames_of_very_many_columns_or_long_texts_stay_below_the_limit():
    wide = {f"c{i}": [1.5] * 1000 for i in range(1000)}
    long = {"test_time": [1.0] * 1000, **{f"t{i}": ["x" * 4096] * 1000 for i in range(4)}}
    for chunk in (wide, long):
        parts = list(files._parts(chunk))
        assert max(len(msgpack.packb(part)) for part in parts) < 8 * 2**20
        assert sum(len(next(iter(part.values()))) for part in parts) == 1000


# --- addresses -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://host:8000", "http://host:8000"),
        ("wss://user:p%40ss@host", "https://host"),
        ("host:9", "http://host:9"),
        ("http://[::1]:8000/db", "http://[::1]:8000"),
    ],
)
def test_an_address_is_read_from_any_of_its_forms(url, address):
    assert Service.at(url).address == address


def test_credentials_come_from_the_url_or_beside_it():
    assert Service.at("http://user:p%40ss@host").authorization == "Basic dXNlcjpwQHNz"
    assert Service.at("http://host", user="user", password="p@ss").authorization == "Basic dXNlcjpwQHNz"
    assert Service.at("http://user:x@host", token="abc").authorization == "Bearer abc"


@pytest.mark.parametrize("url", ["ftp://host", "http://", ""])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match="no address of a service"):
        Service.at(url)
