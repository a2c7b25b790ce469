"""Whatever a bulk upload holds, in each of its four types: it is answered in words, and costs no good row."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from datahub.ingest.storing import store_records
from datahub.queries import battery_named, records
from tests.generated import Pairs, any_text, anything, for_each, frames, names, numbers, numbers_of_examples, values
from tests.watching import forget_peak, peak_bytes

pytestmark = pytest.mark.django_db

ANSWERS = {200, 413, 422}
MORE_MEMORY = 100 * 2**20  # that the process may hold for bodies of at most some 60 kB, and hypothesis for its examples


# --- bodies ----------------------------------------------------------------------------------------------------------
def as_json(value):
    """As no library writes it: keys twice, NaN, what is no JSON at all."""
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(str(key))}:{as_json(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_json, value)) + "]"
    return json.dumps(value, default=repr)


json_bodies = st.one_of(
    values.map(as_json).map(str.encode),
    anything.map(as_json).map(str.encode),
    st.builds(lambda value, end: as_json(value).encode()[:end], values, st.integers(0, 200)),
    st.binary(max_size=100),
    st.integers(1, 5000).map(lambda depth: b"[" * depth),
    st.integers(1, 5000).map(lambda digits: b'[{"voltage":' + b"9" * digits + b"}]"),
)
cells = st.one_of(
    numbers.map(str), any_text, st.sampled_from(["", " ", "1_000", "0x1", "1e400", '"', "true", "=1+1", "\0"])
)
csv_bodies = st.one_of(
    st.builds(
        lambda head, rows, delimiter, end: end.join(delimiter.join(row) for row in [head, *rows]).encode(
            "utf-8", "surrogatepass"
        ),
        st.lists(names, min_size=1, max_size=4),
        st.lists(st.lists(cells, min_size=1, max_size=4), max_size=4),
        st.sampled_from(",;\t|"),
        st.sampled_from(["\n", "\r\n", "\r"]),
    ),
    st.binary(max_size=200),
    st.sampled_from([b'a,"' + b"\n" * 5_000, b"a," * 30_000, b"x" * 60_000, b"test_time\n" + b"9" * 5000]),
)
kinds = st.sampled_from([
    pa.int8(), pa.uint64(), pa.float32(), pa.float64(), pa.float16(), pa.bool_(), pa.string(), pa.binary(), pa.null(),
    pa.timestamp("ns"), pa.timestamp("s", "UTC"), pa.date32(), pa.time32("s"), pa.duration("s"), pa.decimal128(10, 2),
    pa.list_(pa.float64()), pa.dictionary(pa.int32(), pa.string()), pa.binary(4), pa.large_string(),
])  # fmt: skip


SAMPLES = (
    [0, None, 1], [0.5, None, -0.0], ["a", None, "b"], [b"\xff\xff\xff\xff", None, b"abcd"], [True, None, False],
    [[1.0], None, []], [None] * 3,
)  # fmt: skip


def table_of(columns):
    arrays, labels = [], []
    for label, kind in columns:
        for sample in SAMPLES:
            try:
                arrays.append(pa.array(sample, kind))
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                continue
            labels.append(label.encode(errors="replace").decode())
            break
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, labels), sink)
    return sink.getvalue()


@st.composite
def parquet_bodies(draw):
    """A file of any columns, whole or with some bytes changed."""
    whole = bytearray(table_of(draw(st.lists(st.tuples(names, kinds), max_size=4))))
    if draw(st.booleans()):
        for _ in range(draw(st.integers(1, 3))):
            whole[draw(st.integers(4, len(whole) - 1))] = draw(st.integers(0, 255))
    return bytes(whole)


BODIES = {
    "application/json": json_bodies,
    "application/msgpack": frames,
    "text/csv": csv_bodies,
    "application/vnd.apache.parquet": parquet_bodies(),
}


@numbers_of_examples(short=40, long=2500)
@pytest.mark.parametrize("content_type", BODIES)
def test_any_body_is_answered_in_words_and_costs_no_good_row(content_type, examples, client_as):
    client = client_as("operator")
    store_records("any bodies", [{"test_time": -1.0, "voltage": 3.7, "good": 0}])
    paths = ["/db/upload/any bodies", f"/api/v1/batteries/{battery_named('any bodies').pk}/rows/"]
    counted = {"sent": 0}

    def check(body):
        for path in paths:
            answer = client.post(f"{path}?partial=1", body, content_type=content_type)
            assert answer.status_code in ANSWERS, (path, answer.status_code, answer.content[:500])
            told = answer.json()
            if answer.status_code == 200:
                assert all(rejection["message"] for rejection in told["rejected"])
            else:
                assert told.get("detail") or told["error"]["message"]
        counted["sent"] += 1
        row = json.dumps([{"test_time": float(counted["sent"]), "voltage": 3.7, "good": counted["sent"]}])
        assert client.post(paths[0], row, content_type="application/json").json() == 1

    check(b"")  # imports what reads that type
    forget_peak()
    before = peak_bytes()
    for_each(examples, BODIES[content_type], check)
    assert peak_bytes() - before < MORE_MEMORY
    assert counted["sent"] >= examples // 2
    stored = {row["good"] for row in records(battery_named("any bodies"), columns=["good"], limit=1_000_000)}
    assert set(range(counted["sent"] + 1)) <= stored
