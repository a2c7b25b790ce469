"""Readings of many assets in one request, in each format; and what is refused of them."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fleet.models import Asset, Quarter, Reading
from tests.fleet.cases import CASES

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PATH = "/api/v1/energy/batches/"
ROWS = [(number, f"2018-08-24T{hour:02}:00:00Z", 3.5 * number + hour) for number in (7, 5) for hour in range(3)]
CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"


def columns(rows=ROWS):
    return dict(zip(("spaceship_id", "datetime", "value"), map(list, zip(*rows, strict=True)), strict=True))


def as_parquet(rows=ROWS, **types):
    given = {name: pa.array(column, types.get(name)) for name, column in columns(rows).items()}
    file = io.BytesIO()
    pq.write_table(pa.table(given), file)
    return file.getvalue()


def as_csv(rows=ROWS):
    return "\n".join(["spaceship_id,datetime,value", *(",".join(map(str, row)) for row in rows)]).encode()


@pytest.fixture
def send(client):
    def post(body, content_type="application/json", query="?units=kWh"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return client.generic("POST", PATH + (query if content_type != "application/json" else ""), body,
                              content_type=content_type)  # fmt: skip

    return post


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"units": "kWh", "data": columns()}, "application/json"),
        ({"units": "kWh", "data": [dict(zip(columns(), row, strict=True)) for row in ROWS]}, "application/json"),
        (as_csv(), CSV),
        (as_parquet(), PARQUET),
        (as_parquet([(n, t[:-1], v) for n, t, v in ROWS]), PARQUET),
        (as_csv(ROWS[::-1]), CSV),
    ],
    ids=["columns", "rows", "csv", "parquet", "parquet without zone", "csv in another order"],
)
def test_each_format_gives_what_single_requests_give(send, post, stored, body, content_type):
    answer = send(body, content_type)
    assert answer.status_code == 201, answer.content
    assert (answer.json()["assets"], answer.json()["accepted"], answer.json()["quarters"]) == (2, 6, 24)
    for number in (5, 7):
        alone = [{"datetime": time, "value": value} for n, time, value in ROWS if n == number]
        post({"spaceship_id": number + 100, "units": "kWh", "data": alone})
        assert stored(number, detail=1) == stored(number + 100, detail=1)


def test_times_of_a_parquet_file_may_be_times(send, stored):
    rows = [(1, 1_535_068_800_000 + 900_000 * n, float(n)) for n in range(4)]
    assert send(as_parquet(rows, datetime=pa.timestamp("ms", "UTC")), PARQUET).status_code == 201
    assert [each["value"] for each in stored()] == [0, 1, 2, 3]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_cases_worked_out_by_hand_hold_here_too(send, stored, case):
    for request in case["requests"]:
        data = columns([(1, row["datetime"], row["value"]) for row in request["data"]])
        body = {"units": request["units"], "data": data, "interval": request["interval_seconds"]}
        assert send(body).status_code == 201

    assert [(each["datetime"], each["value"], each["covered_seconds"]) for each in stored(detail=1)] == [
        (each["datetime"], each["value"], each["covered_seconds"]) for each in case["expected"]
    ]


@pytest.mark.parametrize(
    ("rows", "skipped"),
    [([(1, "2018-08-24T00:00:00Z", 12), (1, "2018-08-24T01:00:00Z", "abc"), (1, "2018-08-24T02:00:00Z", 18)], 1),
     ([(1, "2018-08-24T00:00:00Z", 12), (1, "2018-08-24T01:00:00Z", ""), (1, "2018-08-24T02:00:00Z", 18)], 1)],
)  # fmt: skip
def test_a_value_that_is_none_is_a_gap(send, stored, rows, skipped):
    answer = send(as_csv(rows), CSV)

    assert answer.json()["skipped"] == skipped
    assert [each["index"] for each in answer.json()["first_skipped"]] == [1]
    assert [each["value"] for each in stored()] == [3] * 4 + [4.5] * 4


BAD_ROWS = [
    [(1, "2018-08-24T00:00:00Z", -1)],
    [(1, "2018-08-34T00:00:00Z", 1)],
    [(1, "1535068800", 1)],
    [("abc", "2018-08-24T00:00:00Z", 1)],
    [(-1, "2018-08-24T00:00:00Z", 1)],
    [(1, "2018-08-24T00:00:00Z", 1), (1, "2018-08-24T02:00:00+02:00", 2)],
    [(1, "2018-08-24T00:00:00Z", "x")],
    [(1, "2018-08-24T00:00:00Z", 1e300)],
    [(2**63, "2018-08-24T00:00:00Z", 1)],
    [("", "2018-08-24T00:00:00Z", 1)],
    [(1, "", 1)],
]


@pytest.mark.parametrize("rows", BAD_ROWS)
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_one_wrong_row_and_nothing_is_stored(send, rows, kind):
    rows = [*ROWS, *rows]
    if rows[-1][2] == "x":
        rows = rows[-1:]
    answer = send(as_csv(rows), CSV) if kind == "csv" else send({"units": "kWh", "data": columns(rows)})

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == ["data"]
    assert not Asset.objects.exists()
    assert not Reading.objects.exists()
    assert not Quarter.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        ({"units": "kWh", "data": {"spaceship_id": [1], "datetime": [], "value": []}}, "application/json", 400),
        ({"units": "kWh", "data": []}, "application/json", 400),
        ({"units": "kWh", "data": [1]}, "application/json", 400),
        ({"units": "W", "data": columns()}, "application/json", 400),
        ({"data": columns()}, "application/json", 400),
        ({"units": "kWh", "interval": "x", "data": columns()}, "application/json", 400),
        ({"units": "kWh", "data": {"spaceship_id": [[]], "datetime": [{}], "value": [[]]}}, "application/json", 400),
        (b"", CSV, 400),
        (b"a,b\n1,2\n", CSV, 400),
        (b"spaceship_id,datetime,value,value\n1,2018-08-24,1,1\n", CSV, 400),
        (b"PAR1", PARQUET, 400),
        (as_parquet([([1], "2018-08-24", 1.0)]), PARQUET, 400),
        (as_parquet([(1, "2018-08-24", "1")]), PARQUET, 400),
        (b"x", "text/plain", 415),
    ],
)
def test_what_is_no_batch_is_refused(send, body, content_type, status):
    assert send(body, content_type).status_code == status
    assert not Asset.objects.exists()
