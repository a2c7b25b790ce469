"""A load profile as people write it: a CSV with test_time and what is asked from each of its times on."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

MAX_POINTS = 1_000_000
MAX_CSV_BYTES = 64 * 2**20
UNITS = {"current": "A", "power": "W", "temperature": "°C"}


@dataclass(frozen=True, eq=False)
class Profile:
    """Times, s, strictly rising, and the value of each column from there to the next time."""

    times: np.ndarray
    columns: dict[str, np.ndarray]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Profile) and self.as_lists() == other.as_lists()

    def __hash__(self) -> int:
        return hash((len(self.times), *self.columns))

    @property
    def end(self) -> float:
        """Where the last row stops to hold: it lasts as long as the one before it; a single row holds for ever."""
        if len(self.times) == 1:
            return math.inf
        return float(2 * self.times[-1] - self.times[-2])

    def as_lists(self) -> dict[str, list[float]]:
        return {"test_time": self.times.tolist(), **{name: values.tolist() for name, values in self.columns.items()}}

    def means(self, name: str, edges: np.ndarray, period: float | None = None) -> np.ndarray:
        """The mean of a column between each edge and the next; with `period`, s, it begins anew after so long."""
        import numpy as np  # noqa: PLC0415  (a web process boots without it)

        values = self.columns[name]
        if len(values) == 1:
            return np.full(len(edges) - 1, values[0])
        corners = np.append(self.times, self.end if period is None else period)
        integral = np.concatenate([[0.0], np.cumsum(values * np.diff(corners))])
        if period is None:
            return np.diff(np.interp(edges, corners, integral)) / np.diff(edges)
        rounds = np.floor(edges / period)
        within = np.interp(edges - rounds * period, corners, integral)
        origin = np.interp(0.0, corners, integral)  # a profile may begin before 0
        return np.diff(rounds * (integral[-1] - origin) + within) / np.diff(edges)


class ProfileRefused(ValueError):
    """What was given is no load profile; the sentence says where."""


def read_profile(text: str) -> Profile:
    """The rows of a CSV with `test_time` and at least one of current, power, temperature; raises ProfileRefused."""
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
    return _profile(header, rows, "CSV")


def profile_of_columns(columns: Mapping[str, list[Any]]) -> Profile:
    """The same from columns by name; raises ProfileRefused."""
    header = list(columns)
    _check_header(header, "The columns must be")
    if len({len(values) for values in columns.values()}) > 1:
        raise ProfileRefused("The columns differ in length.")
    rows = [_numbers(row, header, f"Row {place}") for place, row in enumerate(zip(*columns.values(), strict=True))]
    if not rows:
        raise ProfileRefused("The columns are empty.")
    if len(rows) > MAX_POINTS:
        raise ProfileRefused(f"The columns have more than {MAX_POINTS:,} rows.")
    return _profile(header, rows, "profile")


def _profile(header: list[str], rows: list[list[float]], what: str) -> Profile:
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    table = np.array(rows)
    times = table[:, header.index("test_time")]
    if times[0] > 0:
        raise ProfileRefused(
            f"The {what} begins at {times[0]:g} s; its first row must hold at 0 s, the newest estimate."
        )
    if len(times) > 1 and not (np.diff(times) > 0).all():
        at = int(np.argmin(np.diff(times) > 0)) + 1
        raise ProfileRefused(f"test_time must rise from row to row; {times[at]:g} s follows {times[at - 1]:g} s.")
    return Profile(times, {name: table[:, place] for place, name in enumerate(header) if name != "test_time"})


def _check_header(header: list[str], beginning: str = "The first line must name") -> None:
    known = ["test_time", *UNITS]
    strange = [name for name in header if name not in known]
    if "test_time" not in header or len(header) < 2 or strange:
        named = f"; it has {', '.join(repr(name) for name in header)[:200]}" if header else ""
        raise ProfileRefused(f"{beginning} test_time and at least one of {', '.join(UNITS)}, and nothing else{named}.")
    if len(set(header)) < len(header):
        raise ProfileRefused("Two columns have the same name.")


def _row_checked(row: list[str], header: list[str], line: int) -> list[float]:
    if len(row) != len(header):
        raise ProfileRefused(f"Line {line} has {len(row)} values; the header names {len(header)} columns.")
    return _numbers(row, header, f"Line {line}")


def _numbers(row: Any, header: list[str], place: str) -> list[float]:
    values = []
    for name, cell in zip(header, row, strict=True):
        try:
            value = float(cell)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if isinstance(cell, bool) or not math.isfinite(value):
            raise ProfileRefused(f"{place}: {str(cell)[:40]!r} is no finite number for {name}.")
        values.append(value)
    return values
