"""The buffer is bounded, keeps the order, and gives the writer batches."""

import asyncio
import threading

import msgpack

from datahub.ingest.acknowledgements import acknowledgements, hello
from datahub.ingest.buffer import REJECTIONS_HELD, Buffer, Stream
from datahub.ingest.frames import Columns
from datahub.ingest.protocol import Rejection


def stream_of(name="a"):
    return Stream(name, asyncio.new_event_loop(), wants_answers=True)


def finish(buffer, items):
    for item in items:
        buffer.release(item.weight)
        item.stream.note(item, 1, 0, None)


def test_frames_of_records_become_one_batch_until_it_is_taken():
    buffer, stream = Buffer(100, 100), stream_of()
    for second in range(3):
        buffer.put(stream, [{"test_time": second}], 10, float(second))
    (item,) = buffer.arrivals.take(100)
    buffer.put(stream, [{"test_time": 3}], 10, 3.0)
    assert [row["test_time"] for row in item.submission.frame] == [0, 1, 2]
    assert (item.submission.received, item.submission.first_index, item.frames) == ([0.0, 1.0, 2.0], 0, 3)
    (next_item,) = buffer.arrivals.take(100)
    assert next_item.submission.first_index == 3


def test_columns_between_records_keep_their_place():
    buffer, stream = Buffer(100, 100), stream_of()
    for frame in ([{"a": 1}], Columns(("a",), [[2, 3]], 2), [{"a": 4}], [{"a": 5}]):
        buffer.put(stream, frame, 10, 0.0)
    items = buffer.arrivals.take(100)
    assert [(item.submission.first_index, len(item.submission.received)) for item in items] == [(0, 1), (1, 2), (3, 2)]


def test_columns_of_the_same_names_become_one_batch_too():
    buffer, stream = Buffer(100, 100), stream_of()
    for second, names in enumerate(["ab", "ab", "ba", "ab"]):
        buffer.put(stream, Columns(tuple(names), [[second], [10 * second]], 1), 10, float(second))
    first, second, third = buffer.arrivals.take(100)
    assert (first.submission.frame, first.submission.received) == (
        Columns(("a", "b"), [[0, 1], [0, 10]], 2),
        [0.0, 1.0],
    )
    assert (first.frames, first.weight, len(first.submission.frame)) == (2, 2, 2)
    assert (second.submission.frame.names, second.submission.first_index) == (("b", "a"), 2)
    assert (third.submission.frame.columns, third.submission.first_index) == ([[3], [30]], 3)


def test_a_stream_that_holds_its_share_has_no_room_and_others_have():
    buffer, flooding, calm = Buffer(100, 10), stream_of("a"), stream_of("b")
    buffer.put(flooding, [{}] * 10, 10, 0.0)
    assert not buffer.has_room(flooding)
    assert buffer.has_room(calm)
    finish(buffer, buffer.arrivals.take(100))
    assert buffer.has_room(flooding)


def test_a_full_buffer_has_room_for_nobody_until_a_commit():
    buffer, streams = Buffer(20, 10), [stream_of(str(number)) for number in range(3)]
    for stream in streams[:2]:
        buffer.put(stream, [{}] * 10, 10, 0.0)
    assert not buffer.has_room(streams[2])
    finish(buffer, buffer.arrivals.take(10))
    assert buffer.has_room(streams[2])


def test_a_wide_frame_weighs_by_its_bytes():
    buffer, stream = Buffer(100, 100), stream_of()
    buffer.put(stream, [{}], 512 * 99, 0.0)
    assert stream.in_flight == 100
    assert not buffer.has_room(stream)


def test_a_stream_whose_refusals_nobody_reads_has_no_room():
    buffer, stream = Buffer(10**6, 10**6), stream_of()
    stream.rejections = [Rejection(0, "x", "y")] * REJECTIONS_HELD
    assert not buffer.has_room(stream)
    stream.take_news()
    assert buffer.has_room(stream)


async def test_a_stream_that_waits_for_room_goes_on_when_another_is_committed():
    loop = asyncio.get_running_loop()
    buffer = Buffer(10, 10)
    full, waiting = Stream("a", loop, True), Stream("b", loop, True)
    buffer.put(full, [{}] * 10, 10, 0.0)
    room = asyncio.ensure_future(buffer.room(waiting))
    await asyncio.sleep(0)
    assert not room.done()
    finish(buffer, buffer.arrivals.take(100))
    await asyncio.wait_for(room, 5)


def test_the_writer_takes_no_more_rows_than_a_commit_holds():
    buffer = Buffer(1000, 1000)
    for number in range(5):
        buffer.put(stream_of(str(number)), [{}] * 10, 10, 0.0)
    assert [len(buffer.arrivals.take(25)) for _ in range(3)] == [3, 2, 0]


# --- gathering -----------------------------------------------------------------------------------------------------
def gathering(buffer, monkeypatch, seconds=60.0):
    """A thread that gathers as the writer does; it would take a minute by the clock alone."""
    monkeypatch.setattr("datahub.ingest.buffer.GATHERING_SECONDS_A_SENDER", seconds)
    monkeypatch.setattr("datahub.ingest.buffer.LONGEST_GATHERING_SECONDS", seconds)
    is_ending = threading.Event()
    thread = threading.Thread(target=buffer.arrivals.gather, args=[is_ending.is_set])
    thread.start()
    return thread, is_ending


def sent_by(buffer, streams, moment):
    for stream in streams:
        buffer.put(stream, [{}], 10, moment)


def test_a_lone_sender_waits_for_nobody(monkeypatch):
    buffer, stream = Buffer(100, 100), stream_of()
    for second in range(3):
        sent_by(buffer, [stream], float(second))
        thread, _ = gathering(buffer, monkeypatch)
        thread.join(30)
        assert not thread.is_alive()
        buffer.arrivals.take(100)


def test_a_commit_waits_until_all_have_sent_who_sent_lately(monkeypatch):
    buffer, streams = Buffer(100, 100), [stream_of(str(number)) for number in range(3)]
    sent_by(buffer, streams, 100.0)
    buffer.arrivals.take(100)
    sent_by(buffer, streams[:2], 100.5)
    thread, _ = gathering(buffer, monkeypatch)
    thread.join(0.2)
    assert thread.is_alive()
    sent_by(buffer, streams[2:], 100.9)
    thread.join(30)
    assert not thread.is_alive()
    assert len(buffer.arrivals.take(100)) == 3


def test_nobody_waits_for_those_who_sent_long_ago(monkeypatch):
    buffer, streams = Buffer(100, 100), [stream_of(str(number)) for number in range(3)]
    sent_by(buffer, streams, 100.0)
    buffer.arrivals.take(100)
    sent_by(buffer, streams[:1], 200.0)
    thread, _ = gathering(buffer, monkeypatch)
    thread.join(30)
    assert not thread.is_alive()


def test_more_than_a_commit_holds_is_not_kept_waiting(monkeypatch):
    buffer, streams = Buffer(100, 100), [stream_of(str(number)) for number in range(3)]
    sent_by(buffer, streams, 100.0)
    buffer.arrivals.take(1)
    thread, _ = gathering(buffer, monkeypatch)
    thread.join(30)
    assert not thread.is_alive()


def test_the_end_of_the_process_ends_the_waiting(monkeypatch):
    buffer, streams = Buffer(100, 100), [stream_of(str(number)) for number in range(3)]
    sent_by(buffer, streams, 100.0)
    buffer.arrivals.take(100)
    sent_by(buffer, streams[:1], 100.1)
    thread, is_ending = gathering(buffer, monkeypatch)
    is_ending.set()
    while thread.is_alive():
        buffer.arrivals.wake()
        thread.join(0.05)


def test_what_can_be_told_at_once_wakes_nobody():
    buffer, stream, told = Buffer(100, 100), stream_of(), []
    stream.tell = lambda: told.append(stream.handled) or True
    sent_by(buffer, [stream], 0.0)
    finish(buffer, buffer.arrivals.take(100))
    assert told == [1]
    assert not stream.news.is_set()
    stream.tell = lambda: False
    sent_by(buffer, [stream], 1.0)
    finish(buffer, buffer.arrivals.take(100))
    assert stream.news.is_set()


# --- answers -------------------------------------------------------------------------------------------------------
def test_the_hello_tells_where_to_go_on():
    assert msgpack.unpackb(hello(7, 1.5)) == {"position": 7, "last_test_time": 1.5}
    assert msgpack.unpackb(hello(0, None)) == {"position": 0, "last_test_time": None}


def test_an_acknowledgement_counts_from_the_position():
    assert [msgpack.unpackb(message) for message in acknowledgements(100, 5, [])] == [{"ack": 105}]


def test_many_refusals_come_in_several_messages_in_order_and_none_is_acknowledged_before_it_is_listed():
    refused = [Rejection(index, "x", "y") for index in reversed(range(0, 5000, 2))]
    messages = [msgpack.unpackb(message) for message in acknowledgements(100, 5000, refused)]
    assert [message["ack"] for message in messages] == [100 + 1999, 100 + 3999, 100 + 5000]
    assert [entry["index"] for message in messages for entry in message["rejected"]] == list(range(0, 5000, 2))
    assert all(entry["index"] < message["ack"] - 100 for message in messages for entry in message["rejected"])
