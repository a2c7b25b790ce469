"""A load profile as people write it: a CSV with test_time and what is asked from each of its times on."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MAX_POINTS = 1_000_000
MAX_CSV_BYTES = 64 * 2**20
UNITS = {"current": "A", "power": "W", "temperature": "°C"}


@dataclass(frozen=True)
class Profile:
    """Times, s, strictly rising, and the value of each column from there to the next time."""

    times: np.ndarray
    columns: dict[str, np.ndarray]

    @property
    def end(self) -> float:
        """Where the last row stops to hold: it lasts as long as the one before it; a single row holds for ever."""
        if len(self.times) == 1:
            return math.inf
        return float(2 * self.times[-1] - self.times[-2])

    def means(self, name: str, edges: np.ndarray) -> np.ndarray:
        """The mean of a column between each edge and the next."""
        import numpy as np  # noqa: PLC0415  (a web process boots without it)

        values = self.columns[name]
        if len(values) == 1:
            return np.full(len(edges) - 1, values[0])
        corners = np.append(self.times, self.end)
        integral = np.concatenate([[0.0], np.cumsum(values * np.diff(corners))])
        return np.diff(np.interp(edges, corners, integral)) / np.diff(edges)


class ProfileRefused(ValueError):
    """A CSV is no load profile; the sentence says where."""


def read_profile(text: str) -> Profile:
    """The rows of a CSV with `test_time` and at least one of current, power, temperature; raises ProfileRefused."""
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    if len(text) > MAX_CSV_BYTES:
        raise ProfileRefused(f"The CSV is larger than {MAX_CSV_BYTES // 2**20} MiB.")
    lines = csv.reader(io.StringIO(text.lstrip("\ufeff")), skipinitialspace=True)
    header = [name.strip() for name in next(lines, [])]
    _check_header(header)
    rows: list[list[float]] = []
    for row in lines:
        if not any(cell.strip() for cell in row):
            continue
        if len(rows) == MAX_POINTS:
            raise ProfileRefused(f"The CSV has more than {MAX_POINTS:,} rows.")
        rows.append(_row_checked(row, header, lines.line_num))
    if not rows:
        raise ProfileRefused("The CSV has a header and no rows.")
    table = np.array(rows)
    times = table[:, header.index("test_time")]
    if times[0] > 0:
        raise ProfileRefused(f"The CSV begins at {times[0]:g} s; its first row must hold at 0 s, the newest estimate.")
    if len(times) > 1 and not (np.diff(times) > 0).all():
        at = int(np.argmin(np.diff(times) > 0)) + 1
        raise ProfileRefused(f"test_time must rise from row to row; {times[at]:g} s follows {times[at - 1]:g} s.")
    return Profile(times, {name: table[:, place] for place, name in enumerate(header) if name != "test_time"})


def _check_header(header: list[str]) -> None:
    known = ["test_time", *UNITS]
    strange = [name for name in header if name not in known]
    if "test_time" not in header or len(header) < 2 or strange:
        named = f"; it has {', '.join(repr(name) for name in header)[:200]}" if header else ""
        raise ProfileRefused(
            f"The first line must name test_time and at least one of {', '.join(UNITS)}, and nothing else{named}."
        )
    if len(set(header)) < len(header):
        raise ProfileRefused("Two columns have the same name.")


def _row_checked(row: list[str], header: list[str], line: int) -> list[float]:
    if len(row) != len(header):
        raise ProfileRefused(f"Line {line} has {len(row)} values; the header names {len(header)} columns.")
    values = []
    for name, cell in zip(header, row, strict=True):
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ProfileRefused(f"Line {line}: {cell[:40]!r} is no finite number for {name}.")
        values.append(value)
    return values
