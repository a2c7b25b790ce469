"""The newest health estimate of a battery in one line, from what /online/status answers. No Django here."""

from __future__ import annotations

import math
from typing import Any

# By the first part of a state's name: how to call it, what to multiply with, its unit.
SHOWN = {
    "soc": ("SOC", 100.0, "%"),
    "q_t": ("capacity", 1.0, "Ah"),
    "r0": ("R0", 1000.0, "mΩ"),
}


def health_line(status: dict[str, Any] | None) -> str:
    """`SOC 63.4 ± 1.1 %, capacity …`; a sentence where there is no estimate (yet).

    >>> health_line({"is_ready": True, "state_names": ["soc"], "latest_time": 60.0, "mean": [0.634],
    ...              "covariance": [[0.000121]], "rows_behind": 7})
    'health at 60 s: SOC 63.4 ± 1.1 %; 7 rows behind'
    """
    if status is None:
        return "no estimator is registered"
    if status.get("last_error"):
        return f"the estimator failed: {status['last_error']}"
    mean, covariance = status.get("mean"), status.get("covariance")
    if not status.get("is_ready") or not mean or not covariance:
        return "no health estimate yet"
    shown = []
    for place, name in enumerate(status["state_names"]):
        first = name.split(".")[0].split("__")[0]
        if first in SHOWN:
            title, factor, unit = SHOWN[first]
            spread = math.sqrt(max(covariance[place][place], 0.0)) * factor
            shown.append(f"{title} {_with_spread(mean[place] * factor, spread)} {unit}")
    line = f"health at {status['latest_time']:,.0f} s: " + ", ".join(shown or ["no state that has a common name"])
    behind = status.get("rows_behind")
    return f"{line}; {behind:,} rows behind" if behind else line


def _with_spread(value: float, spread: float) -> str:
    """As many digits as the second one of the spread."""
    digits = min(max(1 - math.floor(math.log10(spread)), 0), 6) if spread > 0 else 3
    return f"{value:.{digits}f} ± {spread:.{digits}f}"
