"""The quick ways to read a body give exactly what the patient ones give, or leave it to them."""

import json
import math
import time
from io import BytesIO

import msgpack
import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from datahub.bodies import json_of
from datahub.errors import BodyUnreadable, FileUnreadable
from datahub.ingest.alike_records import columns_of_json, columns_of_msgpack
from datahub.ingest.frames import _patiently_unpacked, _unpacked, decode
from datahub.ingest.protocol import FrameRefused, Limits
from datahub.readers.csv import CsvRows
from datahub.readers.plain_csv import columns_of_plain

NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.sampled_from([-0.0, 0, 2**63, 2**64, 5e-324, 1.7976931348623157e308])
)
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, st.text())
DOCUMENTS = st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def same(one, other) -> bool:
    """Equal with their types, to the bit: 1 is not 1.0, 0.0 not -0.0, and NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one.hex() == other.hex() or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def posted(body: bytes):
    return RequestFactory().post("/", body, content_type="application/json")


# --- JSON ----------------------------------------------------------------------------------------------------------
@given(DOCUMENTS, st.booleans())
def test_json_is_read_as_the_standard_library_reads_it(document, ascii_only):
    text = json.dumps(document, ensure_ascii=ascii_only)
    assert same(
        json_of(posted(text.encode("utf-8", "surrogatepass") if ascii_only else text.encode())), json.loads(text)
    )


@pytest.mark.parametrize(
    "text",
    [
        "[1e400, -1e400]", "[NaN, Infinity]", '{"a": 1, "a": 2}', "18446744073709551616", "-9223372036854775809",
        "123456789012345678901234567890", "[-0, -0.0, 0.1e1, 1E5, 1e-400]", '"\\ud800"', '"\\u0000"', " [1]\n",
        "[0.1000000000000000055511151231257827021181583404541015625, 2.2250738585072011e-308]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_odd_json_is_read_as_the_standard_library_reads_it(text, encoding):
    assert same(json_of(posted(text.encode(encoding))), json.loads(text))


def test_brackets_in_texts_are_no_lists():
    rows = [{"note": "[{" * 50 + '"\\' * k} for k in range(40)]
    assert json_of(posted(json.dumps(rows).encode())) == rows


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * 10_000 + b"1]",
        b'["a\\"",' + b"{}," * 10_000 + b"1]",
        b'["\\\\",' + b"[]," * 10_000 + b'"]"]',
        ("[" + "[]," * 10_000 + "1]").encode("utf-16"),
        ('["\u2200",' + "[]," * 10_000 + '"\u2200"]').encode("utf-16"),  # its bytes hold a quote
    ],
)
def test_more_lists_than_values_are_refused_before_they_are_read(body):
    with pytest.raises(BodyUnreadable, match="more lists and maps than values"):
        json_of(posted(body))


def test_texts_without_an_end_are_looked_at_once():
    body = b"[" * 200_000 + b'"\\' * 400_000
    begun = time.process_time()
    with pytest.raises(BodyUnreadable):
        json_of(posted(body))
    assert time.process_time() - begun < 5.0  # each quote by itself to the end would take hours


@pytest.mark.parametrize(
    ("body", "sentence"),
    [(b"[1,]", "The body is not JSON: "), (b"\xff", "not UTF-8"), (b"[" * 1_100, "nested too deeply"),
     (b'["a\nb"]', "Invalid control character"), (b"", "not JSON"), (b"[1] x", "Extra data")],
)  # fmt: skip
def test_what_is_no_json_is_refused_with_the_place(body, sentence):
    with pytest.raises(BodyUnreadable, match=sentence):
        json_of(posted(body))


# --- msgpack -------------------------------------------------------------------------------------------------------
PACKED_NUMBERS = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(), st.floats(width=32))
PACKED = st.recursive(
    st.one_of(st.none(), st.booleans(), PACKED_NUMBERS, st.text(), st.binary()),
    lambda inner: st.lists(inner) | st.dictionaries(st.one_of(st.text(), st.integers(0, 9), st.binary()), inner),
    max_leaves=20,
)


@given(PACKED)
def test_msgpack_is_read_as_the_patient_reader_reads_it(value):
    payload = msgpack.packb(value)
    assert same(_unpacked(payload), _patiently_unpacked(payload))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_alike_or_refused_by_both(payload):
    def outcome(read):
        try:
            return read(payload)
        except FrameRefused as refused:
            return refused.reason

    quick, patient = outcome(_unpacked), outcome(_patiently_unpacked)
    assert same(quick, patient) or _has_time_or_extension(patient) or _has_odd_key(patient)


def _has_time_or_extension(value) -> bool:
    """Kinds that no column holds have other classes in the two libraries; both are refused."""
    if isinstance(value, dict):
        return any(map(_has_time_or_extension, [*value, *value.values()]))
    if isinstance(value, list | tuple) and type(value) is not msgpack.ExtType:
        return any(map(_has_time_or_extension, value))
    return isinstance(value, msgpack.ExtType | msgpack.Timestamp)


def _has_odd_key(value) -> bool:
    """A key that is a list or a map: no column's name, whichever way it is read."""
    if isinstance(value, dict):
        return type(value) is not dict or any(map(_has_odd_key, value.values()))
    return isinstance(value, list) and any(map(_has_odd_key, value))


# --- CSV -----------------------------------------------------------------------------------------------------------
CELLS = st.one_of(
    st.integers(-(2**70), 2**70).map(str), st.floats().map(repr), st.floats(-1e3, 1e3).map("{:.3f}".format),
    st.sampled_from(["", " ", "true", "False", "0x1F", "1_000", "+5", " 7", "7 ", "1e5", "1.", ".5", "-0", "nan(1)",
                     "inf", "Infinity", "1,5", "007", "9007199254740993", "x", "1e400", "١٢"]),
    st.text(st.characters(blacklist_characters='"\0\r\n', blacklist_categories=("Cs",)), max_size=5),
)  # fmt: skip
KINDS = st.sampled_from(["ints", "floats", "mixed"])
COLUMNS = {
    "ints": st.integers(-(2**63), 2**63 - 1).map(str), "floats": st.floats(allow_nan=False).map(repr), "mixed": CELLS,
}  # fmt: skip


def patiently(body: bytes, kinds) -> dict:
    rows = CsvRows(BytesIO(body), kinds)
    columns = {name: [] for name in rows.names.values()}
    for chunk in rows.chunks():
        for name, values in chunk.items():
            columns[name] += values
    return columns


@given(st.data())
def test_plain_csv_is_read_as_the_patient_reader_reads_it(data):
    kinds = data.draw(st.lists(KINDS, min_size=1, max_size=3))
    rows = data.draw(st.integers(0, 5))
    cells = [data.draw(st.lists(COLUMNS[kind], min_size=rows, max_size=rows)) for kind in kinds]
    delimiter, end = data.draw(st.sampled_from([";", "\t"])), data.draw(st.sampled_from(["\n", "\r\n"]))
    labels = data.draw(st.sampled_from([["Voltage / mV", "note", "Test_Time (h)"], ["a", "", "c"]]))[: len(kinds)]
    lines = [delimiter.join(labels), *(delimiter.join(row) for row in zip(*cells, strict=True))]
    body = (end.join(lines) + data.draw(st.sampled_from(["", end]))).encode()
    known = data.draw(st.sampled_from([{}, {"note": "text", "a": "text"}]))
    try:
        quick = columns_of_plain(body, known, 10**6)
        wanted = patiently(body, known)
    except FileUnreadable:
        with pytest.raises(FileUnreadable):
            patiently(body, known)
        return
    assert quick is None or same(quick, wanted)


def test_a_loggers_csv_is_read_the_quick_way():
    body = b"test_time,voltage,cycle\n" + b"".join(b"%d,%f,%d\n" % (t, 3.7 + t / 1e4, t // 9) for t in range(1000))
    assert same(columns_of_plain(body, {}, 10**6), patiently(body, {}))
    assert columns_of_plain(body, {}, 10**6)["voltage"][3] == 3.7003


@pytest.mark.parametrize(
    "body", [b'a,b\n"1",2\n', b"a,b\n1,2\n3\n", b"\na,b\n1,2\n", b"a,b", b"a,b\r1,2\r", b"a,b\n1,\xff\n"]
)
def test_csv_out_of_the_ordinary_is_left_to_the_patient_reader(body):
    assert columns_of_plain(body, {}, 10**6) is None


# --- records with the same keys ------------------------------------------------------------------------------------
KEYS = st.lists(st.text(min_size=1) | st.sampled_from(["a", "test_time", 'a"b', "a\\", "ä"]), min_size=1, unique=True)


@st.composite
def alike_records(draw, values):
    """Nearly always flat and alike, in whatever order of keys."""
    keys = draw(KEYS)
    rows = draw(st.lists(st.lists(values, min_size=len(keys), max_size=len(keys)), min_size=1, max_size=5))
    records = [dict(zip(draw(st.permutations(keys)), row, strict=True)) for row in rows]
    odd = draw(st.sampled_from([None, None, None, {}, 7, [], {**records[0], "more": 1}, {"a": [1]}]))
    return records if odd is None else [*records, odd]


def columns_by_way_of_records(records) -> tuple | None:
    keys = tuple(records[0])
    return keys, [[record[key] for record in records] for key in keys]


@given(alike_records(VALUES))
def test_json_columns_are_those_of_the_records(records):
    text = json.dumps(records)
    found = columns_of_json(text.encode())
    assert found is None or same(list(found), list(columns_by_way_of_records(json.loads(text))))


@given(alike_records(st.one_of(st.none(), st.booleans(), PACKED_NUMBERS, st.text(), st.binary())))
def test_msgpack_columns_are_those_of_the_records(records):
    payload = msgpack.packb(records)
    found = columns_of_msgpack(payload)
    assert found is None or same(list(found), list(columns_by_way_of_records(_patiently_unpacked(payload))))


def test_records_that_are_alike_are_read_so():
    records = [{"test_time": float(n), "count": n, "on": True, "note": "x", "none": None} for n in range(40)]
    expected = columns_by_way_of_records(records)
    assert columns_of_json(b" [\n" + json.dumps(records).encode()[1:]) == expected
    assert columns_of_msgpack(msgpack.packb(records)) == expected
    frame = decode(msgpack.packb(records), Limits())
    assert (frame.names, frame.columns, len(frame)) == (*expected, 40)


@pytest.mark.parametrize(
    "records",
    [[], [{}] * 20, [1, {"a": 1}], [{"a": 1}, {"b": 1}], [{"a": 1}, {"a": 1, "b": 1}], [{"a": 1}, {}], [{"a": [1]}],
     [{"a": 1}, {"a": {}}], [{"}": 1}], {"a": [1]}, [[{"a": 1}]], "text"],
)  # fmt: skip
def test_other_lists_are_left_to_the_usual_way(records):
    assert columns_of_json(json.dumps(records).encode()) is None
    if records != [{"}": 1}]:
        assert columns_of_msgpack(msgpack.packb(records)) is None


def test_a_key_that_comes_twice_counts_as_its_last_value():
    twice = b"\x82\xa1a\x01\xa1a\x02"
    assert columns_of_msgpack(b"\x92" + twice * 2) == (("a",), [[2, 2]])
    assert columns_of_json(b'[{"a": 1, "a": 2}, {"a": 3, "a": 4}]') == (("a",), [[2, 4]])


@pytest.mark.parametrize(
    "payload", [b"", b"\x91", b"\xdd\xff\xff\xff\xff", b"\x91\xdd\x7f\xff\xff\xff", b"\x91" * 2000]
)
def test_what_lies_about_its_length_is_left_too(payload):
    assert columns_of_msgpack(payload) is None


def test_no_more_rows_come_in_a_frame_than_may():
    with pytest.raises(FrameRefused, match="at most 20 rows"):
        decode(msgpack.packb([{"a": 1}] * 21), Limits(rows_a_frame=20))
