"""A chart's points: few rows are thinned so that the shape stays; of very many the extremes of each part stay.

A scan of ten million rows takes seconds, so these are taken from blocks (charting/tables.py), and from rows only where
a block does not fit into one part of the window: at its ends, where rows came late or seldom, and at the newest rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection

from datahub.charting import tables
from datahub.models import Battery
from datahub.tables import TEST_TIME, newest_row_id

RAW_ROWS = 20_000  # of a window; up to so many are all read


@dataclass
class Line:
    """Points of one column. Each column has its own, so that no peak of it is lost."""

    test_time: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Chart:
    """`rows` are those of the window that the lines stand for."""

    rows: int
    lines: dict[str, Line]


def chart_of(battery: Battery, names: Sequence[str], start: float | None, end: float | None, points: int) -> Chart:
    """Number columns over `start <= test_time < end`, at most about `points` of each; NULLs are left out."""
    least, greatest = tables.ends_of(connection, battery.pk, start, end) if battery.columns else (None, None)
    if least is None or greatest is None:
        return Chart(0, {name: Line() for name in names})
    rows = tables.count_up_to(connection, battery.pk, least, greatest, RAW_ROWS + 1)
    if rows > RAW_ROWS:
        return _extremes(battery, names, least, greatest, max(1, points // 2))
    return _thinned(battery, names, least, greatest, points)


def _thinned(battery: Battery, names: Sequence[str], least: float, greatest: float, points: int) -> Chart:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)
    from tsdownsample import MinMaxLTTBDownsampler  # noqa: PLC0415  (needs numpy)

    rows = tables.select_by_time(connection, battery.pk, names, least, greatest)
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 1 + len(names))
    thin = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]
    lines = {}
    for number, name in enumerate(names, start=1):
        there = ~np.isnan(table[:, number])
        times = np.ascontiguousarray(table[there, 0])
        values = np.ascontiguousarray(table[there, number])
        if len(times) > points:
            kept = thin.downsample(times, values, n_out=points)
            times, values = times[kept], values[kept]
        lines[name] = Line(times.tolist(), values.tolist())
    return Chart(len(rows), lines)


def _extremes(battery: Battery, names: Sequence[str], least: float, greatest: float, parts: int) -> Chart:
    newest = newest_row_id(connection, battery.pk)
    found = _Extremes(names, parts)
    runs = [(0, newest + 1)]
    if tables.exists(connection, battery.pk):
        blocks = range(tables.whole_from(connection, battery.pk), tables.next_block(connection, battery.pk))
        width = (greatest - least) / parts
        if blocks:
            wide = tables.wide_blocks(connection, battery.pk, blocks, least, greatest, width)
            runs = [
                (0, blocks.start * tables.ROWS_A_BLOCK),
                *_runs(wide),
                (blocks.stop * tables.ROWS_A_BLOCK, newest + 1),
            ]
            asked = [*dict.fromkeys([TEST_TIME, *names])]
            found.add_blocks(tables.extremes_of_blocks(connection, battery.pk, asked, blocks, least, greatest, parts))
    kinds = {name: battery.columns[name] for name in names}
    found.add_rows(tables.extremes_of_rows(connection, battery.pk, kinds, least, greatest, parts, runs))
    return Chart(found.rows, found.lines(least, (greatest - least) / parts))


def _runs(blocks: Iterable[int]) -> list[tables.Run]:
    """The rows of these blocks; neighbours become one run.

    >>> _runs([3, 4, 7])
    [(768, 1280), (1792, 2048)]
    """
    runs: list[tables.Run] = []
    for block in blocks:
        first, end = block * tables.ROWS_A_BLOCK, (block + 1) * tables.ROWS_A_BLOCK
        if runs and runs[-1][1] == first:
            first = runs.pop()[0]
        runs.append((first, end))
    return runs


class _Extremes:
    """Least and greatest of each part of the window, by column, gathered from wherever they are found."""

    def __init__(self, names: Sequence[str], parts: int) -> None:
        self.rows = 0
        self._parts = parts
        self._found: dict[str, dict[int, tuple[float, float]]] = {name: {} for name in names}

    def add_blocks(self, found: Iterable[tuple[str, int, int, float, float]]) -> None:
        for name, part, rows, low, high in found:
            if name == TEST_TIME:
                self.rows += int(rows)  # PostgreSQL sums to a Decimal
            if name in self._found:
                self._note(name, part, low, high)

    def add_rows(self, found: Iterable[tuple]) -> None:
        for part, rows, *extremes in found:
            self.rows += rows
            for place, name in enumerate(self._found):
                low, high = extremes[2 * place : 2 * place + 2]
                if low is not None:
                    self._note(name, part, float(low), float(high))

    def _note(self, name: str, part: int, low: float, high: float) -> None:
        part = min(part, self._parts - 1)  # the greatest time stands at the very end of the last
        known = self._found[name].get(part)
        self._found[name][part] = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))

    def lines(self, least: float, width: float) -> dict[str, Line]:
        """The least value of a part is drawn in its first half and the greatest in its second."""
        lines = {}
        for name, by_part in self._found.items():
            line = lines[name] = Line()
            for part in sorted(by_part):
                begin = least + part * width
                line.test_time += (begin + 0.25 * width, begin + 0.75 * width)
                line.values += by_part[part]
        return lines
