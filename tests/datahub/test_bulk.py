"""Very many rows of one battery at once: each stored as it was sent, each once."""

import pytest

from datahub.ingest import store_columns, tables
from datahub.queries import battery_named, records

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ROWS = tables.ROWS_TO_COPY + 100


def columns_from(first: int) -> dict[str, list]:
    places = range(first, first + ROWS)
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


def test_every_value_is_stored_as_it_was_sent():
    sent = columns_from(0)
    result = store_columns("b", sent)
    assert (result.stored, result.repeated) == (ROWS, 0)
    assert stored() == list(zip(*sent.values(), strict=True))


def test_rows_that_are_there_are_not_stored_again_and_the_others_are():
    store_columns("b", columns_from(0))
    result = store_columns("b", columns_from(ROWS - 1))
    assert (result.stored, result.repeated) == (ROWS - 1, 1)
    assert [row[0] for row in stored()] == [float(place) for place in range(2 * ROWS - 1)]


def test_a_row_that_is_sent_twice_in_one_upload_is_stored_once():
    sent = columns_from(0)
    result = store_columns("b", {name: [*values, values[17]] for name, values in sent.items()})
    assert (result.stored, result.repeated) == (ROWS, 1)
    assert stored() == list(zip(*sent.values(), strict=True))


def test_whole_numbers_of_a_column_that_became_one_of_floats_in_the_same_upload():
    store_columns("b", {"test_time": [-1.0], "n": [1]})
    numbers = [*range(ROWS - 1), 0.5]
    store_columns("b", {"test_time": [float(place) for place in range(ROWS)], "n": numbers})
    found = records(battery_named("b"), columns=["n"], after=1, limit=10_000)
    assert [row["n"] for row in found] == [float(number) for number in numbers]
