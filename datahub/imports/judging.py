"""What is odd about a file's rows, said before and after they are stored: gaps, time going backwards, signs, units.

Nothing is changed here. Rows are seen once, chunk by chunk, so that a file of any length costs the same memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

NEEDED = ("test_time", "current", "voltage")  # without these no health is estimated
GAP_STEPS = 10.0  # times the usual step
SHORTEST_GAP = 60.0  # s
LEAST_SHARE_OF_CURRENT = 0.01  # of the greatest: below it a cell rests
LEAST_MOVE = 0.01  # V in all, before the sign of the current is judged
HIGHEST_VOLTAGE = 1500.0  # V: of packs
HIGHEST_CURRENT = 2000.0  # A
COLDEST, HOTTEST = -60.0, 150.0  # °C
LATEST = 1e9  # s: 30 years; a Unix time is greater


@dataclass
class Finding:
    """`row` counts the file's rows from 0: where it is so first. `conversion` names what would mend it."""

    code: str
    sentence: str
    count: int = 0
    row: int | None = None
    column: str = ""
    conversion: str = ""

    def as_map(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass
class Judge:
    """Shown each chunk in turn; `findings` at any time. Current is meant to be positive while charging."""

    rows: int = 0
    columns: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._usual_step = 0.0
        self._last: dict[str, float] = {}
        self._backwards = Finding("time_goes_backwards", "")
        self._gaps = Finding("gaps", "")
        self._longest_gap = 0.0
        self._not_numbers = {name: Finding("not_a_number", "", column=name) for name in NEEDED}
        self._greatest: dict[str, float] = {}
        self._sums: dict[str, tuple[float, int]] = {}
        self._first_time: float | None = None
        self._last_time: float | None = None
        self._rise = {1: 0.0, -1: 0.0}  # V while the current is positive, and while it is negative

    def see(self, chunk: dict[str, list[Any]]) -> None:
        rows = len(next(iter(chunk.values()), []))
        self.columns |= set(chunk)
        known = {name: _numbers(chunk[name]) for name in (*NEEDED, "temperature") if name in chunk}
        for name in NEEDED:
            if name in known:
                _note(self._not_numbers[name], np.isnan(known[name]), self.rows)
        for name, values in known.items():
            good = np.abs(values[~np.isnan(values)])
            if len(good):
                self._greatest[name] = max(self._greatest.get(name, 0.0), float(good.max()))
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = total + float(np.nansum(values)), count + len(good)
        if "test_time" in known and rows:
            self._see_time(known, rows)
        self.rows += rows

    def _see_time(self, known: dict[str, np.ndarray], rows: int) -> None:
        time = known["test_time"]
        steps = np.diff(time, prepend=self._last.get("test_time", np.nan))
        good = steps[steps > 0]
        if not self._usual_step and len(good):
            self._usual_step = float(np.median(good))
        _note(self._backwards, steps < 0, self.rows)
        is_gap = steps > max(GAP_STEPS * self._usual_step, SHORTEST_GAP)
        _note(self._gaps, is_gap, self.rows)
        if is_gap.any():
            self._longest_gap = max(self._longest_gap, float(steps[is_gap].max()))
        if {"current", "voltage"} <= known.keys():
            self._see_signs(known, (steps > 0) & ~is_gap)
        finite = time[~np.isnan(time)]
        if len(finite):
            low, high = float(finite.min()), float(finite.max())
            self._first_time = low if self._first_time is None else min(low, self._first_time)
            self._last_time = high if self._last_time is None else max(high, self._last_time)
        self._last = {name: float(values[-1]) for name, values in known.items()}

    def _see_signs(self, known: dict[str, np.ndarray], is_step: np.ndarray) -> None:
        """Voltage rises while a cell is charged: over steps at a steady current its changes are summed, by sign."""
        current, voltage = known["current"], known["voltage"]
        before = np.concatenate([[self._last.get("current", np.nan)], current[:-1]])
        change = np.diff(voltage, prepend=self._last.get("voltage", np.nan))
        least = LEAST_SHARE_OF_CURRENT * self._greatest.get("current", 0.0)
        steady = is_step & (np.abs(current - before) <= 0.1 * np.abs(current)) & (np.abs(current) > least)
        for sign in (1, -1):
            self._rise[sign] += float(np.nansum(change[steady & (np.sign(current) == sign)]))

    # --- what was found ----------------------------------------------------------------------------------------------
    def findings(self) -> list[Finding]:
        found = [
            Finding("missing", f"There is no column {name}: without it no health is estimated.", column=name)
            for name in NEEDED
            if name not in self.columns
        ]
        for name, odd in self._not_numbers.items():
            if odd.count:
                odd.sentence = f"{name} is no number in {odd.count:,} rows, first in row {odd.row:,}."
                found.append(odd)
        if self._backwards.count:
            self._backwards.sentence = (
                f"Time goes backwards {self._backwards.count:,} times, first at row {self._backwards.row:,}: such rows "
                "are stored as late ones."
            )
            found.append(self._backwards)
        if self._gaps.count:
            self._gaps.sentence = (
                f"There are {self._gaps.count:,} gaps of more than {max(GAP_STEPS * self._usual_step, SHORTEST_GAP):g} "
                f"s, the longest {self._longest_gap:,.0f} s, the first at row {self._gaps.row:,}."
            )
            found.append(self._gaps)
        return found + self._of_sign() + self._of_units()

    def _of_sign(self) -> list[Finding]:
        falls = -self._rise[1] > LEAST_MOVE and self._rise[-1] >= 0
        rises = self._rise[-1] > LEAST_MOVE and self._rise[1] <= 0
        if not (falls or rises):
            return []
        sentence = (
            "The current looks reversed: the voltage changes by "
            f"{self._rise[1]:+.2f} V while it is positive and {self._rise[-1]:+.2f} V while it is negative. "
            "Here it is positive while charging."
        )
        return [Finding("sign_of_current", sentence, column="current", conversion="reverse")]

    def _of_units(self) -> list[Finding]:
        found = []
        mean = {name: total / count for name, (total, count) in self._sums.items()}
        if mean.get("voltage", 0.0) > HIGHEST_VOLTAGE:
            sentence = f"The mean voltage is {mean['voltage']:,.0f}; it looks like mV."
            found.append(Finding("unit_of_voltage", sentence, column="voltage", conversion="milli"))
        if self._greatest.get("current", 0.0) > HIGHEST_CURRENT:
            sentence = f"The current reaches {self._greatest['current']:,.0f}; it looks like mA."
            found.append(Finding("unit_of_current", sentence, column="current", conversion="milli"))
        warm = mean.get("temperature", 25.0)
        if not COLDEST <= warm <= HOTTEST:
            kelvin = warm > HOTTEST
            sentence = f"The mean temperature is {warm:,.0f}; it looks {'like kelvin' if kelvin else 'wrong'}."
            conversion = "kelvin" if kelvin else ""
            found.append(Finding("unit_of_temperature", sentence, column="temperature", conversion=conversion))
        if self._first_time is not None and self._first_time > LATEST:
            sentence = f"test_time begins at {self._first_time:.0f}; it looks like a date and not time since a start."
            found.append(Finding("unit_of_time", sentence, column="test_time"))
        return found

    def report(self) -> dict[str, Any]:
        """For people and programs. Times in s."""
        return {
            "rows": self.rows,
            "first_test_time": self._first_time,
            "last_test_time": self._last_time,
            "usual_step": self._usual_step or None,
            "findings": [finding.as_map() for finding in self.findings()],
        }


def _numbers(values: list[Any]) -> np.ndarray:
    """NaN where there is none, or an infinite one."""
    try:
        found = np.array([np.nan if value is None else value for value in values], dtype=float)
    except (TypeError, ValueError, OverflowError):
        found = np.array([_number(value) for value in values], dtype=float)
    return np.where(np.isfinite(found), found, np.nan)


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, int | float) else np.nan
    except OverflowError:
        return np.inf


def _note(finding: Finding, where: np.ndarray, first: int) -> None:
    places = np.flatnonzero(where)
    if len(places):
        finding.count += len(places)
        if finding.row is None:
            finding.row = first + int(places[0])
