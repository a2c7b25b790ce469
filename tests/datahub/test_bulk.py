"""Very many rows of one battery at once: each stored as it was sent, each once."""

import pytest

from datahub.ingest import store_columns, tables
from datahub.ingest.commit import commit_group
from datahub.ingest.frames import Columns
from datahub.ingest.isolation import commit_singly
from datahub.ingest.sieve import Submission
from datahub.models import Battery
from datahub.queries import battery_named, records

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(params=[tables.ROWS_TO_COPY, tables.ROWS_TO_TRY_TO_COPY + 100])
def rows(request) -> int:
    return request.param


def columns_from(first: int, rows: int) -> dict[str, list]:
    places = range(first, first + rows)
    return {
        "test_time": [float(place) for place in places],
        "voltage": [None if place % 7 == 0 else place / 3 for place in places],
        "serial": [2**62 + place if place % 2 else -place for place in places],
        "on": [None if place % 5 == 0 else place % 2 == 0 for place in places],
        "state": [None if place % 3 == 0 else f"läuft\t{place}\\N" for place in places],
    }


def stored() -> list[tuple]:
    names = ["test_time", "voltage", "serial", "on", "state"]
    return [tuple(row[name] for name in names) for row in records(battery_named("b"), columns=names, limit=10_000)]


def test_every_value_is_stored_as_it_was_sent(rows):
    sent = columns_from(0, rows)
    result = store_columns("b", sent)
    assert (result.stored, result.repeated) == (rows, 0)
    assert stored() == list(zip(*sent.values(), strict=True))


def test_rows_that_are_there_are_not_stored_again_and_the_others_are(rows):
    store_columns("b", columns_from(0, rows))
    result = store_columns("b", columns_from(rows - 1, rows))
    assert (result.stored, result.repeated) == (rows - 1, 1)
    assert [row[0] for row in stored()] == [float(place) for place in range(2 * rows - 1)]


def test_a_row_that_is_sent_twice_in_one_upload_is_stored_once(rows):
    sent = columns_from(0, rows)
    result = store_columns("b", {name: [*values, values[rows // 2]] for name, values in sent.items()})
    assert (result.stored, result.repeated) == (rows, 1)
    assert stored() == list(zip(*sent.values(), strict=True))


def test_whole_numbers_of_a_column_that_became_one_of_floats_in_the_same_upload(rows):
    store_columns("b", {"test_time": [-1.0], "n": [1]})
    numbers = [*range(rows - 1), 0.5]
    store_columns("b", {"test_time": [float(place) for place in range(rows)], "n": numbers})
    found = records(battery_named("b"), columns=["n"], after=1, limit=10_000)
    assert [row["n"] for row in found] == [float(number) for number in numbers]


def test_rows_of_which_the_account_knows_nothing_are_stored_once_and_none_is_refused(rows):
    sent = columns_from(0, rows)
    store_columns("b", sent)
    Battery.objects.update(last_test_time=-1.0)
    again = Submission(Columns(tuple(sent), list(sent.values()), rows), [1.0] * rows)
    found = commit_singly({"b": [again]}, commit_group)["b"]
    assert (found.stored, found.repeated, again.rejections) == (0, rows, [])
    assert stored() == list(zip(*sent.values(), strict=True))
