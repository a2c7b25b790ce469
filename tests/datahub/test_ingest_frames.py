"""The form of a frame is recognised by its shape; only what is no msgpack, or too much, costs the whole frame."""

import contextlib
import struct

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datahub.ingest.frames import Columns, MapWithBadKeys, Unreadable, decode
from datahub.ingest.protocol import FrameRefused, Limits

LIMITS = Limits(frame_bytes=10_000, rows_a_frame=50)


def shape(value):
    return decode(msgpack.packb(value), LIMITS)


def doubles(*values):
    return struct.pack(f"<{len(values)}d", *values)


def test_a_map_is_one_record():
    assert shape({"test_time": 1.0, "voltage": 3.7}) == [{"test_time": 1.0, "voltage": 3.7}]


def test_a_list_of_maps_is_its_records():
    assert shape([{"a": 1}, {"b": 2}]) == [{"a": 1}, {"b": 2}]


def test_a_map_of_lists_only_is_columns():
    assert shape({"test_time": [0.0, 1.0], "state": ["a", None]}) == Columns(
        ("test_time", "state"), [[0.0, 1.0], ["a", None]], 2
    )


def test_a_map_with_a_list_beside_a_number_is_a_record_with_a_nested_value():
    assert shape({"test_time": 0.0, "voltage": [3.7, 3.8]}) == [{"test_time": 0.0, "voltage": [3.7, 3.8]}]


def test_a_map_whose_test_time_is_binary_is_columns_of_little_endian_doubles():
    frame = shape({"test_time": doubles(0.0, 1.5), "voltage": doubles(3.7, -0.25), "state": ["a", "b"]})
    assert frame == Columns(("test_time", "voltage", "state"), [[0.0, 1.5], [3.7, -0.25], ["a", "b"]], 2)


def test_binary_elsewhere_is_a_records_text():
    assert shape({"test_time": 0.0, "state": b"charging"}) == [{"test_time": 0.0, "state": b"charging"}]


@pytest.mark.parametrize(
    ("frame", "rows"),
    [
        ({"test_time": [0.0, 1.0, 2.0], "voltage": [3.7]}, 3),
        ({"test_time": doubles(0.0), "voltage": doubles(1.0, 2.0)}, 2),
        ({"test_time": doubles(0.0, 1.0), "voltage": 3.7}, 2),
        ({"test_time": doubles(0.0) + b"123", "voltage": doubles(1.0, 2.0)}, 2),
    ],
)
def test_columns_of_unequal_length_count_as_many_records_as_the_longest(frame, rows):
    found = shape(frame)
    assert isinstance(found, Unreadable)
    assert (found.rows, found.code) == (rows, "unequal_columns")


def test_empty_lists_are_no_records():
    assert shape([]) == []
    assert len(shape({"voltage": []})) == 0


@pytest.mark.parametrize("value", [None, 7, "text", b"bytes", True, 1.5, msgpack.ExtType(5, b"x")])
def test_what_is_no_map_is_one_record_to_be_refused(value):
    assert len(shape(value)) == 1


def test_a_key_that_is_a_map_costs_its_record_and_not_the_frame():
    packer = msgpack.Packer()
    bad = packer.pack_map_header(1) + packer.pack({"a": 1}) + packer.pack(2)
    payload = packer.pack_array_header(2) + bad + packer.pack({"voltage": 3.7})
    first, second = decode(payload, LIMITS)
    assert isinstance(first, MapWithBadKeys)
    assert second == {"voltage": 3.7}


def test_text_that_is_not_utf8_leaves_the_frame_readable():
    assert len(decode(b"\x92\x81\xa1a\xa1\xff\x81\xa1a\xa1b", LIMITS)) == 2


@pytest.mark.parametrize(
    "payload", [b"", b"\xc1", b"\x81", b"\x81\xa1a\x01\x01", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff\x01"]
)
def test_what_is_not_one_msgpack_value_closes_with_1007(payload):
    with pytest.raises(FrameRefused) as refused:
        decode(payload, LIMITS)
    assert refused.value.close_code == 1007


def test_nesting_deeper_than_msgpack_reads_closes_with_1007():
    with pytest.raises(FrameRefused) as refused:
        decode(b"\x91" * 5000 + b"\x01", LIMITS)
    assert refused.value.close_code == 1007


@pytest.mark.parametrize(
    "payload",
    [
        b"\xc4" * 10_001,
        msgpack.packb([{}] * 51),
        msgpack.packb({"a": [1] * 51}),
        msgpack.packb({"test_time": bytes(408)}),
    ],
)
def test_too_many_bytes_or_rows_closes_with_1009(payload):
    with pytest.raises(FrameRefused) as refused:
        decode(payload, LIMITS)
    assert refused.value.close_code == 1009


@given(st.binary(max_size=300))
def test_any_bytes_are_a_frame_or_refused(payload):
    with contextlib.suppress(FrameRefused):
        decode(payload, LIMITS)
