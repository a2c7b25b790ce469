"""What the charts of a battery draw: rows and truth of a time range, thinned on the server, with open gaps."""

from __future__ import annotations

import math
from typing import Any

from django.db import connection
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from datahub import tables
from datahub.models import Battery, Truth
from datahub.queries import chart, column_names, read_window
from rovi_site.pages.gaps import finite, with_gaps
from rovi_site.pages.quantities import quantity_of, title_of
from rovi_site.pages.ranges import TimeRange

POINTS = 2000
MOST_NEW_ROWS = 2000  # more than that came while nobody asked: the page draws anew
TELEMETRY = (("voltage", "terminal_voltage"), ("current",), ("temperature", "temp"))
MOST_PANELS = 3


def telemetry_columns(battery: Battery) -> list[str]:
    """Voltage, current and temperature where they are; otherwise the first number columns."""
    known = [next((name for name in names if name in battery.columns), None) for names in TELEMETRY]
    chosen = [name for name in known if name is not None and battery.columns[name] != "text"]
    if chosen:
        return chosen
    numbers = [name for name in column_names(battery) if battery.columns[name] in ("integer", "float")]
    return [name for name in numbers if name not in ("test_time", "time")][:MOST_PANELS]


def rows_series(battery: Battery, shown: TimeRange) -> dict[str, Any]:
    """`lines` of the columns, each at most 2,000 points, with the count of rows that they stand for."""
    names = telemetry_columns(battery)
    if not battery.rows or not names:
        return {"lines": [], "rows": 0, "shown": 0, "after": 0}
    end = math.nextafter(shown.end, math.inf)
    newest = tables.newest_row_id(connection, battery.pk)
    found = chart(battery, names, shown.start, end, POINTS)
    lines = [_line(name, line.test_time, line.values) for name, line in found.lines.items()]
    most = max(len(line.values) for line in found.lines.values())
    return {"lines": lines, "rows": found.rows, "shown": min(most, found.rows), "after": newest}


def rows_series_after(battery: Battery, after: int) -> dict[str, Any] | None:
    """The same for rows that came after row id `after`; None where there are too many to add one by one."""
    names = telemetry_columns(battery)
    if not battery.rows or not names:
        return {"lines": [], "rows": 0, "shown": 0, "after": after}
    block = read_window(battery, columns=["test_time", *names], after=after, limit=MOST_NEW_ROWS + 1)
    if len(block) > MOST_NEW_ROWS or block.late.any():
        return None
    times = block.columns["test_time"].tolist()
    lines = [_line(name, times, block.columns[name].tolist(), gaps=False) for name in names]
    newest = int(block.ids[-1]) if len(block) else after
    return {"lines": lines, "rows": len(block), "shown": len(block), "after": newest}


def truth_series(battery: Battery, shown: TimeRange) -> dict[str, Any] | None:
    """What a simulation knows, or None where nothing is known: soc in %, q_t in Ah, r0 in mΩ, each as t and mean."""
    if not battery.is_simulated:
        return None
    there = Truth.objects.filter(battery=battery, test_time__gte=shown.start, test_time__lte=shown.end)
    step = max(1, math.ceil(there.count() / POINTS))
    numbered = there.annotate(place=Window(RowNumber(), order_by=F("test_time").asc())).order_by("test_time")
    if step > 1:
        numbered = numbered.annotate(part=F("place") % step).filter(part=0)
    rows = list(numbered.values_list("test_time", "true_soc", "true_capacity", "true_r0"))
    if not rows:
        return None
    t, soc, capacity, r0 = (list(column) for column in zip(*rows, strict=True))
    soc_t, soc_shown = with_gaps(t, [value * 100 for value in soc])
    return {
        "soc": {"t": soc_t, "mean": soc_shown},
        "q_t": {"t": t, "mean": capacity},
        "r0": {"t": t, "mean": [value * 1000 for value in r0]},
    }


def _line(name: str, times: list[float], values: list[float], gaps: bool = True) -> dict[str, Any]:
    quantity = quantity_of(name)
    scaled = [None if value is None else value * quantity.scale for value in values]
    t, y = with_gaps(times, scaled) if gaps else (times, finite(scaled))
    return {"key": name, "title": title_of(name), "name": quantity.title, "unit": quantity.unit, "t": t, "y": y}
