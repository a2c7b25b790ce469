"""What of a forecast's columns is health, and its quantiles: of built-in forecasts and of scripts alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
# Standard normal distribution: its 75 % and 95 % points.
NORMAL_75, NORMAL_95 = 0.6744897501960817, 1.6448536269514722
NORMAL_97_5 = 1.959963984540054
BANDS = ("_lower", "_upper", "_std")
QUANTILE = re.compile(r"q(\d{2}(?:_?\d)?)")
HEALTH = ("soh", "state_of_health", "q_t", "capacity")


@dataclass(frozen=True)
class Health:
    """SOH as shares. `quantiles`: (5, k) by LEVELS, or None where the forecast tells no band. `column`: its name."""

    column: str
    median: np.ndarray
    quantiles: np.ndarray | None


def middle_columns(columns: Mapping[str, object]) -> list[str]:
    """The columns that are no part of another one's band."""
    return [name for name in columns if not is_part_of_band(name, columns)]


def is_part_of_band(name: str, columns: Mapping[str, object]) -> bool:
    if any(name.endswith(part) and name.removesuffix(part) in columns for part in BANDS):
        return True
    return quantile_of(name, columns) is not None


def quantile_of(name: str, columns: Mapping[str, object]) -> tuple[str, float] | None:
    """(column, level) that a name such as soh_q05, or q05 beside a column of health, tells a quantile of."""
    before, _, last = name.rpartition("_")
    found = QUANTILE.fullmatch(last)
    if found is None:
        return None
    digits = found[1].replace("_", "")
    level = int(digits) / 10 ** len(digits)
    if not 0 < level < 1:
        return None
    if before:
        return (before, level) if before in columns else None
    main = health_column(columns)
    return (main, level) if main else None


def health_column(columns: Mapping[str, object]) -> str:
    """The column that tells SOH or capacity; empty where none does."""
    for word in HEALTH:
        for name in columns:
            if (
                name.split(".")[0].split("__")[0].split("[")[0] == word
                and not any(name.endswith(part) and name.removesuffix(part) in columns for part in BANDS)
                and not re.search(r"_q\d{2,3}$", name)
            ):
                return name
    return ""


def is_share(column: str) -> bool:
    """Whether a column of health tells SOH itself, not a capacity."""
    return column.split(".")[0].split("__")[0] in ("soh", "state_of_health")


def quantile_columns(column: str, columns: Mapping[str, np.ndarray]) -> dict[float, np.ndarray]:
    """By level, the quantiles that a forecast tells of one of its columns, in its unit; empty without a band.

    `_lower` and `_upper` are the ends of a 95 % band, `_std` is the deviation of a normal distribution.
    """
    told = {
        found[1]: columns[name]
        for name in columns
        if (found := quantile_of(name, columns)) is not None and found[0] == column
    }
    if told:
        return told
    middle = columns[column]
    if f"{column}_std" in columns:
        sd = columns[f"{column}_std"]
        return {level: middle + deviations * sd for level, deviations in NORMAL.items()}
    if f"{column}_lower" in columns and f"{column}_upper" in columns:
        # Either half of the band by itself, so that one that is not even stays so.
        down = (middle - columns[f"{column}_lower"]) / NORMAL_97_5
        up = (columns[f"{column}_upper"] - middle) / NORMAL_97_5
        return {level: middle + far * (down if far < 0 else up) for level, far in NORMAL.items()}
    return {}


NORMAL = dict(zip(LEVELS, (-NORMAL_95, -NORMAL_75, 0.0, NORMAL_75, NORMAL_95), strict=True))


def health_of(columns: Mapping[str, np.ndarray], reference: float | None) -> Health | None:
    """SOH and its quantiles as shares; a capacity is taken over `reference`, Ah. None where nothing tells them."""
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    column = health_column(columns)
    if not column or not (is_share(column) or reference):
        return None
    scale = 1.0 if is_share(column) else 1.0 / (reference or 1.0)
    told = quantile_columns(column, columns)
    if told:
        told.setdefault(0.5, columns[column])
    if len(told) < 2:  # a median alone is no band
        return Health(column, columns[column] * scale, None)
    known = sorted(told)
    table = np.sort(np.array([told[level] for level in known]), axis=0) * scale  # quantiles never cross
    found = np.array([_between(table, known, level) for level in LEVELS])
    return Health(column, columns[column] * scale, found)


def _between(table: np.ndarray, known: list[float], level: float) -> np.ndarray:
    """At one level, between those that are known linearly in the deviations of a normal distribution."""
    import numpy as np  # noqa: PLC0415  (as above)

    if level in known:
        exact: np.ndarray = table[known.index(level)]
        return exact
    places = [_deviations(each) for each in known]
    at = _deviations(level)
    right = int(np.clip(np.searchsorted(places, at), 1, len(places) - 1))
    share = (at - places[right - 1]) / (places[right] - places[right - 1])
    between: np.ndarray = (1 - share) * table[right - 1] + share * table[right]
    return between


def _deviations(level: float) -> float:
    from statistics import NormalDist  # noqa: PLC0415  (a fast import, needed here alone)

    return NormalDist().inv_cdf(level)
