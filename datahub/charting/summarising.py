"""The worker's part: blocks of rows that have come are summed up, so that charts need not read the rows.

Nothing depends on it but speed. Workers may do the same battery at once; they write the same lines.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from django.db import connection, transaction

from datahub.charting import tables
from datahub.models import Battery
from datahub.tables import TEST_TIME, newest_row_id

ROWS_WORTH_BLOCKS = 50_000  # a battery with fewer is drawn from its rows soon enough
ROWS_BEHIND = 10_000  # so many new rows are worth a turn
LOOK_SECONDS = 10.0
BLOCKS_A_TURN = 400  # about 100,000 rows


class Summarising:
    """What one worker knows of how far each battery has come; after a start it asks the tables."""

    def __init__(self) -> None:
        self._done: dict[int, int] = {}  # rows of the battery when its last full block was summed up
        self._waiting: dict[int, int] = {}
        self._looked = float("-inf")

    def step(self) -> bool:
        """One turn of one battery; False where none has enough new rows."""
        if not self._waiting:
            if time.monotonic() - self._looked < LOOK_SECONDS:
                return False
            self._look()
            if not self._waiting:
                return False
        battery_id = next(iter(self._waiting))
        if not summarise_more(battery_id):
            self._done[battery_id] = self._waiting.pop(battery_id)
        return True

    def _look(self) -> None:
        self._looked = time.monotonic()
        long = Battery.objects.filter(rows__gte=ROWS_WORTH_BLOCKS).order_by("pk").values_list("pk", "rows")
        self._waiting = {pk: rows for pk, rows in long if rows >= self._done.get(pk, 0) + ROWS_BEHIND}


def summarise_more(battery_id: int) -> bool:
    """The next blocks of a battery that are full; False where all are there, or the battery is not."""
    if not tables.exists(connection, battery_id):
        with transaction.atomic():
            if not Battery.objects.select_for_update().filter(pk=battery_id, rows__gt=0).exists():
                return False
            tables.create(connection, battery_id)
    # In this order: rows that came with a new column came with its name in the battery's columns.
    full = (newest_row_id(connection, battery_id) + 1) // tables.ROWS_A_BLOCK
    columns, dropped_to = Battery.objects.values_list("columns", "dropped_to").get(pk=battery_id)
    first = tables.next_block(connection, battery_id)
    end = min(full, first + BLOCKS_A_TURN)
    if end <= first:
        return False
    kinds = kinds_on_charts(columns)
    lines = tables.summarise(connection, battery_id, kinds, first, end)
    with transaction.atomic():
        locked = Battery.objects.select_for_update().filter(pk=battery_id, dropped_to=dropped_to)
        if not locked.exists():  # rows that were just read may be deleted by now
            return True
        tables.insert(connection, battery_id, lines, end)
        tables.forget_before(connection, battery_id, kinds, tables.whole_from(connection, battery_id))
    return end < full


def forget_dropped(battery: Battery) -> None:
    """In the transaction that deletes its oldest rows."""
    if tables.exists(connection, battery.pk):
        tables.forget_up_to(connection, battery.pk, kinds_on_charts(battery.columns), battery.dropped_to)


def kinds_on_charts(columns: Mapping[str, str]) -> dict[str, str]:
    return {TEST_TIME: "float", **{name: kind for name, kind in columns.items() if kind != "text"}}
