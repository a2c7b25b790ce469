"""Whatever is posted or asked: it is answered in words, and of what is refused nothing is stored."""

import io
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db.models import Sum
from hypothesis import strategies as st

from fleet.models import Asset, Quarter, Reading
from tests.generated import any_text, for_each, numbers, numbers_of_examples

pytestmark = pytest.mark.django_db

BATCHES = "/api/v1/energy/batches/?units=kWh"
TAKEN, REFUSED = {201}, {400, 409, 413, 415}

leaves = st.one_of(st.none(), st.booleans(), numbers, any_text, st.just([]), st.just({}), st.just("12.5"))
times = st.one_of(
    st.integers(0, 5000).map(lambda minute: f"2018-08-24T{minute // 60 % 30:02}:{minute % 60:02}:00Z"),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.sampled_from(["2018-08-24", "2018-08-24T00-00-00Z", "2018-08-24T00:00:00ZZ", "1900-01-01", "2999-12-31"]),
    leaves,
)
lengths = st.one_of(st.sampled_from([None, 1, 900, "PT15M", 1e-7, 2_678_400, "P31D"]), leaves)
some_units = st.one_of(st.sampled_from(["kW", "kWh", "KWH"]), leaves)
some_numbers = st.one_of(st.sampled_from([1, 2, "3", 0]), leaves)
values = st.one_of(st.integers(0, 100), st.floats(0, 1e300), leaves)


@st.composite
def objects(draw, **fields):
    """Now and then without a field, or with one more."""
    found = {name: draw(strategy) for name, strategy in fields.items()}
    for name in list(found):
        if draw(st.integers(0, 15)) == 0:
            del found[name]
    if draw(st.integers(0, 15)) == 0:
        found[draw(any_text)] = draw(leaves)
    return found


rows = st.one_of(
    st.lists(objects(datetime=times, value=values), max_size=6),
    st.lists(objects(datetime=times, value=st.integers(0, 9)), min_size=1, max_size=6),
    leaves,
)
good_rows = st.lists(st.integers(0, 1439), min_size=1, max_size=6, unique=True).map(
    lambda minutes: [
        {"datetime": f"2018-08-24T{minute // 60:02}:{minute % 60:02}:00Z", "value": minute} for minute in minutes
    ]
)
nearly_good = st.builds(
    lambda rows, place, odd: [*rows, odd] if place else rows,
    good_rows,
    st.booleans(),
    objects(datetime=times, value=values),
)
sendable = st.fixed_dictionaries(
    {"spaceship_id": st.integers(1, 3), "units": st.sampled_from(["kW", "kWh"]), "data": nearly_good},
    optional={"interval": lengths},
)
posts = st.one_of(
    sendable, sendable, objects(spaceship_id=some_numbers, units=some_units, interval=lengths, data=rows), leaves, rows
)
columns = objects(
    spaceship_id=st.lists(some_numbers, max_size=4), datetime=st.lists(times, max_size=4),
    value=st.lists(values, max_size=4),
)  # fmt: skip
rows_of_many = st.lists(objects(spaceship_id=some_numbers, datetime=times, value=values), max_size=6)
batches = objects(units=some_units, interval=lengths, data=st.one_of(columns, rows_of_many, leaves))


def written(body):
    text = json.dumps(body)
    return text.encode()


bodies = st.one_of(
    posts.map(written), posts.map(written), posts.map(written), batches.map(written),
    st.builds(lambda body, end: written(body)[:end], posts, st.integers(0, 300)),
    st.binary(max_size=100),
    st.integers(1, 5000).map(lambda depth: b'{"data":' + b"[" * depth),
)  # fmt: skip
cells = st.one_of(numbers.map(str), any_text, times.map(str), st.sampled_from(["", '"', "1_0", "0x1", "true", "\0"]))
csv_bodies = st.one_of(
    st.lists(st.lists(cells, min_size=3, max_size=3), max_size=5).map(
        lambda rows: "\n".join(["spaceship_id,datetime,value", *map(",".join, rows)]).encode("utf-8", "replace")
    ),
    st.binary(max_size=100),
)
kinds = st.sampled_from([
    pa.int8(), pa.uint64(), pa.float32(), pa.float16(), pa.bool_(), pa.string(), pa.binary(), pa.null(), pa.date32(),
    pa.timestamp("ns"), pa.timestamp("s", "UTC"), pa.time32("s"), pa.decimal128(10, 2), pa.list_(pa.float64()),
    pa.dictionary(pa.int32(), pa.string()), pa.large_string(), pa.duration("s"), pa.float64(),
])  # fmt: skip


@st.composite
def parquet_bodies(draw):
    columns = {}
    for name in ("spaceship_id", "datetime", "value"):
        try:
            columns[name] = pa.array(draw(st.lists(leaves, min_size=2, max_size=2)), draw(kinds))
        except (pa.ArrowException, OverflowError, TypeError, ValueError, UnicodeError):
            columns[name] = pa.array([1, 2])
    file = io.BytesIO()
    try:
        pq.write_table(pa.table(columns), file)
    except pa.ArrowException:
        return b""
    body = bytearray(file.getvalue())
    if draw(st.booleans()) and body:
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body)


def stored():
    """How many there are of each, and how often any was written."""
    written = Asset.objects.aggregate(Sum("changes"))["changes__sum"]
    return Asset.objects.count(), Reading.objects.count(), Quarter.objects.count(), written


def check_post(client, path, body, content_type="application/json"):
    before = stored()
    answer = client.generic("POST", path, body, content_type=content_type)
    assert answer.status_code in TAKEN | REFUSED, (answer.status_code, body[:500])
    told = answer.json()
    if answer.status_code in REFUSED:
        assert told
        assert stored() == before
    return answer.status_code


@numbers_of_examples(short=200, long=10_000)
def test_any_post_is_taken_or_refused_in_words(client, examples):
    taken = []
    for_each(examples, bodies, lambda body: taken.append(check_post(client, "/fleet/data", body)))
    assert {201, 400} <= set(taken)  # it does not only see what is refused


@numbers_of_examples(short=100, long=10_000)
def test_any_batch_is_taken_or_refused_in_words(client, examples):
    given = st.one_of(
        st.tuples(batches.map(written), st.just("application/json")),
        st.tuples(bodies, st.just("application/json")),
        st.tuples(csv_bodies, st.just("text/csv")),
        st.tuples(parquet_bodies(), st.just("application/vnd.apache.parquet")),
    )
    answers = []
    for_each(examples, given, lambda it: answers.append(check_post(client, BATCHES, *it)))
    assert 400 in answers


QUERIES = ("/fleet/data", "/fleet/topusers", "/fleet/forecast", "/api/v1/energy/fleet/", "/api/v1/energy/top/")


@numbers_of_examples(short=100, long=10_000)
def test_any_query_is_answered_or_refused_in_words(client, post, examples):
    hours = [{"datetime": f"2018-08-{24 + hour // 24}T{hour % 24:02}:00:00Z", "value": hour} for hour in range(40)]
    post({"spaceship_id": 1, "units": "kWh", "data": hours})
    known = st.sampled_from(["1", "3", "keep", "scale", "zero", "day", "linear", "ship"])
    words = st.one_of(times.map(str), any_text, known).map(lambda text: text.encode("utf-8", "replace").decode())
    names = ("spaceship_id", "start", "end", "count", "partial", "fill", "detail", "model", "kind", "resolution")
    query = st.dictionaries(st.sampled_from(names), words, max_size=6)
    whole = query.map(lambda given: {"spaceship_id": "1", "start": "2018-08-24", "end": "2018-08-26"} | given)

    def check(asked):
        path, parameters = asked
        answer = client.get(path, parameters)
        assert answer.status_code in {200, 400, 404, 422}, (path, parameters)
        assert answer.json() is not None

    for_each(examples, st.tuples(st.sampled_from(QUERIES), st.one_of(query, whole)), check)


def test_a_body_that_claims_to_be_larger_than_any_is_refused(client):
    answer = client.generic("POST", "/fleet/data", b"{}", content_type="application/json", CONTENT_LENGTH=str(2**40))
    assert answer.status_code in (400, 413)


def test_ten_thousand_rows_are_taken_and_one_more_is_not(post):
    minutes = random.Random(1).sample(range(200_000), 10_001)
    rows = [{"datetime": _minute(minute), "value": 1} for minute in minutes]
    body = {"spaceship_id": 1, "units": "kW"}
    assert post(body | {"data": rows}).status_code == 400
    assert post(body | {"data": rows[:-1]}).status_code == 201


def _minute(minute):
    return f"2018-{1 + minute // 40_320 % 12:02}-{1 + minute // 1440 % 28:02}T{minute // 60 % 24:02}:{minute % 60:02}Z"
