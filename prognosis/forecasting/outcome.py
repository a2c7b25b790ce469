"""What a forecast says in short: when health falls below the threshold, how sure that is, and what will be scored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from energykit.prognosis.crossings import Crossing, crossing_of
from energykit.prognosis.health import LEVELS, HealthForecast
from prognosis.forecasting.quantiles import Health, health_of

NOTHING = "-"
CROSSINGS = tuple(f"crossing_q{round(100 * level):02d}" for level in LEVELS)
DAY = 86_400.0
YEAR = 365.25 * DAY


def outcome_of(
    columns: Mapping[str, np.ndarray],
    newest: float,
    reference: float | None,
    threshold: float,
    whole: HealthForecast | None = None,
) -> dict[str, Any]:
    """The fields of a run that tell it. `newest`: test_time, s, of the newest estimate; `reference`: 100 % SOH, Ah.

    `whole`: the same forecast up to the very end of the load, where it is known beyond the last step.
    """
    times = columns.get("battery_time", columns.get("test_time", np.empty(0)))
    told: dict[str, Any] = {"scored_column": NOTHING, "threshold": threshold, "reference_capacity": reference}
    if not len(times) or not np.isfinite(times).all() or (len(times) > 1 and not (np.diff(times) > 0).all()):
        return told
    ahead = times - newest if "battery_time" in columns else times
    health = health_of(columns, reference)
    if health is None or not _known(health).any():
        return told
    later = np.flatnonzero(ahead > 0)
    told |= {
        "scored_column": health.column,
        "horizon_end": float(newest + ahead[-1]),
        "next_score": float(newest + ahead[later[0]]) if len(later) else None,
    }
    crossing = crossing_of(whole or _forecast(ahead, health), threshold)
    times_told = [None if at is None else float(newest + at) for at in crossing.ahead_s]
    if whole is None and health.quantiles is None:
        times_told = [times_told[2] if level == 0.5 else None for level in LEVELS]
        return told | dict(zip(CROSSINGS, times_told, strict=True)) | {"headline": _without_band(crossing)}
    return (
        told
        | dict(zip(CROSSINGS, times_told, strict=True))
        | {"crossing_probability": crossing.chance, "headline": headline_of(crossing)}
    )


def _forecast(ahead: np.ndarray, health: Health) -> HealthForecast:
    known = _known(health)
    return HealthForecast(ahead[known], _quantiles(health)[:, known], "")


def _known(health: Health) -> np.ndarray:
    return np.isfinite(_quantiles(health)).all(axis=0)


def _quantiles(health: Health) -> np.ndarray:
    return health.quantiles if health.quantiles is not None else np.tile(health.median, (len(LEVELS), 1))


def headline_of(crossing: Crossing) -> str:
    """One or two sentences that speak of the band.

    >>> times = (2.4 * YEAR, 2.8 * YEAR, 3.1 * YEAR, 3.6 * YEAR, 4.6 * YEAR)
    >>> headline_of(Crossing(0.8, times, 5 * YEAR, 0.95))
    'Falls below 80 % in 3.1 years; 90 % sure between 2.4 and 4.6 years.'
    >>> headline_of(Crossing(0.8, (*times[:4], None), 4 * YEAR, 0.9))
    'Falls below 80 % in 3.1 years; in 2.4 years for the worst 5 %; not within the 4.0 years for the best 5 %.'
    """
    goal, horizon = f"{100 * crossing.threshold:.4g} %", spelled(crossing.horizon_s)
    early, likely, late = crossing.ahead_s[0], crossing.ahead_s[2], crossing.ahead_s[4]
    if likely is not None and likely <= 0:
        return f"Is below {goal} already."
    if early is None:
        return f"Stays above {goal} for the {horizon} ahead; 95 % sure."
    if likely is None:
        return f"Probably stays above {goal} for the {horizon} ahead; falls below it {_when(early)} for the worst 5 %."
    if late is None:
        return (
            f"Falls below {goal} in {spelled(likely)}; {_when(early)} for the worst 5 %; "
            f"not within the {horizon} for the best 5 %."
        )
    return f"Falls below {goal} in {spelled(likely)}; 90 % sure between {_between(max(early, 0.0), late)}."


def _without_band(crossing: Crossing) -> str:
    goal, likely = f"{100 * crossing.threshold:.4g} %", crossing.ahead_s[2]
    if likely is None:
        return f"Stays above {goal} for the {spelled(crossing.horizon_s)} ahead; how sure that is, is not told."
    if likely <= 0:
        return f"Is below {goal} already."
    return f"Falls below {goal} in {spelled(likely)}; how sure that is, is not told."


def _when(seconds: float) -> str:
    return "now" if seconds <= 0 else f"in {spelled(seconds)}"


def _between(first: float, last: float) -> str:
    """`2.4 and 4.6 years`, or each with its own unit.

    >>> _between(0.5 * YEAR, 3 * YEAR), _between(10 * DAY, 20 * DAY)
    ('183 days and 3.0 years', '10 and 20 days')
    """
    low, high = spelled(first), spelled(last)
    unit = high.partition(" ")[2]
    return f"{low.removesuffix(f' {unit}')} and {high}"


def spelled(seconds: float) -> str:
    """
    >>> spelled(36 * 3600), spelled(86400), spelled(45 * DAY), spelled(2.31 * YEAR)
    ('36 hours', '24 hours', '45 days', '2.3 years')
    """
    if not math.isfinite(seconds):
        return "unknown time"
    for most, unit, word, digits in (
        (5400.0, 60.0, "minute", 0), (3 * DAY, 3600.0, "hour", 0), (2 * YEAR, DAY, "day", 0)
    ):  # fmt: skip
        if seconds < most:
            number = f"{seconds / unit:.{digits}f}"
            return f"{number} {word}" + ("" if number == "1" else "s")
    return f"{seconds / YEAR:.1f} years"
