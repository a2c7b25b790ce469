"""What the clock showed at a test time: for batteries whose rows tell both."""

from __future__ import annotations

from django.db import connection

from datahub import tables
from datahub.models import Battery
from datahub.queries import read_window

CLOCK = "time"  # battery-data-toolkit's column: Unix time, s
EARLIEST = 1e8  # 1973; what is less is no Unix time
SAME_SECONDS, SAME_SHARE = 60.0, 0.001


def offset_of(battery: Battery) -> float | None:
    """Unix time less test_time, s; None where rows have no clock, or where test time did not run like it.

    The first and the newest row must agree to a minute, or to a thousandth of the time between them.
    """
    if not battery.kept_rows or battery.columns.get(CLOCK) not in ("float", "integer"):
        return None
    if battery.columns.get(tables.TEST_TIME) is None:
        return None
    names = [CLOCK, tables.TEST_TIME]
    newest_id = tables.newest_row_id(connection, battery.pk)
    first = read_window(battery, columns=names, after=battery.dropped_to, limit=1)
    newest = read_window(battery, columns=names, after=newest_id - 1, limit=1)
    if not len(first) or not len(newest):
        return None
    (began, begins), (ended, ends) = (
        (float(block.columns[CLOCK][0]), float(block.columns[tables.TEST_TIME][0])) for block in (first, newest)
    )
    drift = abs((ended - ends) - (began - begins))
    is_clock = began > EARLIEST and ended > EARLIEST
    return ended - ends if is_clock and drift <= max(SAME_SECONDS, SAME_SHARE * abs(ends - begins)) else None
