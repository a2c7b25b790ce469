"""A verdict on a filter, in numbers and in a sentence that says what to do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from energykit.consistency.bands import band_of_mean_nis
from energykit.consistency.causes import LARGEST_GROWTH, LASTING, Cause, Signs, cause_of, signs_of
from energykit.consistency.columns import ROWS_OF_A_WINDOW
from energykit.consistency.evidence import Evidence
from energykit.consistency.windows import WINDOWS_LOOKED_AT, WINDOWS_TO_MARK, windows_set

# What the sentences name: a field of the built-in filter's form, or the part of a script that does the same.
FIELDS = {
    "sensor": "`sensor_variance`",
    "process": "`process_noise_per_second`",
    "table": "`ocv_voltage`",
    "capacity": "`capacity_ah`",
    "pairs": "`rc_pairs`",
}
PARTS_OF_A_SCRIPT = {
    "sensor": "the variance of its voltage measurement",
    "process": "its process noise",
    "table": "its OCV table",
    "capacity": "the capacity it starts from",
    "pairs": "the states of its model",
}
MILD = (Cause.NOISE_TOO_LARGE, Cause.MODEL_TOO_SIMPLE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`consistent` is None while there are too few rows; `low` and `high` are the band of the newest window's mean."""

    consistent: bool | None
    cause: Cause | None
    sentence: str
    mean_nis: float | None  # over the windows on record, older ones ever less
    newest_nis: float | None  # of the newest whole window
    low: float | None
    high: float | None
    windows_above: int  # of the newest 12
    windows_below: int
    windows: int  # in all

    @property
    def is_alarm(self) -> bool:
        """Whether somebody has to come.

        Not for bands that are too wide: they hold the truth all the same. Nor for errors of the right size that last
        from row to row, which nearly every cell shows under a simple model: the estimate follows the cell, and by how
        much its bands are too narrow is told. An alarm that is always on would hide those that count.
        """
        return self.consistent is False and self.cause not in MILD

    def to_mapping(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: getattr(self, name) for name in self.__slots__} | {"cause": self.cause and str(self.cause)}


def verdict_of(evidence: Evidence, place: int = 0, *, is_script: bool = False) -> Verdict:
    """Of one filter; `is_script` where it has no form with fields to name."""
    windows = int(evidence["windows"][place])
    if not windows:
        return Verdict(None, None, _too_few(int(evidence["rows"][place])), None, None, None, None, 0, 0, 0)
    signs = signs_of(evidence, place)
    cause = cause_of(signs)
    low, high = band_of_mean_nis(evidence["window_rows"][place])
    consistent = False if cause else True if windows >= WINDOWS_TO_MARK else None
    rows = windows * ROWS_OF_A_WINDOW
    return Verdict(
        consistent=consistent,
        cause=cause,
        sentence=_sentence(cause, signs, is_script) if consistent is not None else _too_few(rows),
        mean_nis=signs.mean_nis,
        newest_nis=float(evidence["window_nis"][place]),
        low=float(low),
        high=float(high),
        windows_above=int(windows_set(evidence["newest"])[place]),
        windows_below=int(windows_set(evidence["newest_low"])[place]),
        windows=windows,
    )


def _too_few(rows: int) -> str:
    return f"Too few rows for a verdict: {rows} of {WINDOWS_TO_MARK * ROWS_OF_A_WINDOW}."


def _sentence(cause: Cause | None, signs: Signs, is_script: bool) -> str:
    field = PARTS_OF_A_SCRIPT if is_script else FIELDS
    if cause is None and signs.error > 1.5 * signs.expected:
        return f"Some of its errors are larger than it expects: {_volts(signs)}. Too few to call it wrong."
    if cause is None and signs.autocorrelation > LASTING and signs.expected > 1.5 * signs.error:
        return (
            f"Its errors last from row to row (correlation {signs.autocorrelation:.2f}), and its bands are wide enough "
            f"for that: {_volts(signs)}."
        )
    if cause is None:
        return f"Its errors are as large as it expects: {_volts(signs)}."
    if cause == Cause.WRONG_SIGN_OF_CURRENT:
        return (
            "The sign of the current looks wrong: voltage falls when the current rises. Positive means charging here; "
            "multiply `current` by −1 where it is sent."
        )
    if cause == Cause.WRONG_CAPACITY:
        return _on_capacity(signs, field)
    variance = f"{signs.error**2:.2g} V²"
    if cause == Cause.NOISE_TOO_LARGE:
        return (
            f"The bands are wider than needed: {_volts(signs)}. They hold the truth all the same; to narrow them, "
            f"lower {field['sensor']} to about {variance}."
        )
    if cause == Cause.MODEL_TOO_SIMPLE:
        honest = signs.error**2 * signs.narrow_by**2 / signs.mean_nis
        return (
            f"Its NIS is consistent: errors are as large as it expects ({_milli(signs.error)}), and of the newest "
            f"{min(signs.windows, WINDOWS_LOOKED_AT)} windows {signs.high_windows} lie above their 99 % band. But "
            f"errors last from row to row (correlation {signs.autocorrelation:.2f}, where noise has 0), largest near "
            f"{100 * signs.worst_soc:.0f} % SOC: the cell does something slow that the model lacks, and the bands are "
            f"too narrow by a factor of about {signs.narrow_by:.1f}. Add an RC pair ({field['pairs']}) or correct "
            f"{field['table']}; or raise {field['sensor']} to about {honest:.2g} V²."
        )
    lost = _on_what_no_cell_does(signs)
    if cause == Cause.WRONG_OCV_TABLE:
        return (
            f"The filter is too sure: {_volts(signs)}, most at a SOC near {100 * signs.worst_soc:.0f} %, and its "
            f"errors last from row to row: the OCV table looks wrong.{lost} Correct {field['table']} or fit it to this "
            f"cell; until then raise {field['sensor']} to about {variance}."
        )
    if signs.autocorrelation > 0.3:
        return (
            f"The filter is too sure and follows the cell too slowly: {_volts(signs)}, and its errors last from row to "
            f"row.{lost} Raise {field['process']} tenfold, or {field['sensor']} to about {variance}."
        )
    return f"The filter is too sure: {_volts(signs)}.{lost} Raise {field['sensor']} to about {variance}."


def _on_capacity(signs: Signs, field: dict[str, str]) -> str:
    if signs.capacity <= 0 or signs.growth > 100 or signs.growth < 0.01:
        return (
            f"The capacity looks wrong by a large factor: the estimate went from {signs.first_capacity:.3g} "
            f"Ah to {signs.capacity:.3g} Ah. Set {field['capacity']} to what one discharge from full to empty gives, "
            "in Ah."
        )
    factor = max(signs.growth, 1.0 / signs.growth)
    after = f" within {signs.cycles:.1f} full cycles" if signs.cycles < 100 else ""
    start = f"The capacity looks wrong by a factor of {factor:.2g}"
    went = f"the estimate went from {signs.first_capacity:.3g} Ah to {signs.capacity:.3g} Ah{after}"
    if signs.is_marked and not signs.is_calm:
        return (
            f"{start} at least: {went}, and {_volts(signs)}. {'Raise' if signs.growth > 1 else 'Lower'} "
            f"{field['capacity']} to what one discharge from full to empty gives; if it is right, the OCV table is "
            "another cell's."
        )
    return f"{start}: {went}, which no cell does. Set {field['capacity']} to about {signs.capacity:.3g} Ah."


def _on_what_no_cell_does(signs: Signs) -> str:
    if math.isnan(signs.growth) or 0 < signs.growth < LARGEST_GROWTH:
        return ""
    went = f"from {signs.first_capacity:.3g} Ah to {signs.capacity:.3g} Ah"
    return f" It has lost the cell: its capacity went {went}, as no cell's does."


def _volts(signs: Signs) -> str:
    return f"voltage is off by {_milli(signs.error)} where it expects {_milli(signs.expected)}"


def _milli(volts: float) -> str:
    return f"{1000 * volts:.2g} mV" if volts < 0.0995 else f"{1000 * volts:.0f} mV" if volts < 1 else f"{volts:.2g} V"
