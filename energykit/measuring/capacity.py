"""A measured capacity, from the largest discharge of a cycle.

Of a cycle that went from (nearly) full to (nearly) empty it is the charge itself. "Full" is told by the voltage at the
top, at rest or nearly so, and "empty" by the voltage under load at the bottom, as a cycler's cut-off does: so it is
the capacity at that rate. Of any other cycle it is the charge over the share of SOC that it spans, by an estimator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

FULL_SOC = 0.95
EMPTY_SOC = 0.01
REST_AT_TOP_C_RATE = 0.1  # with a larger current the voltage at the top does not tell the SOC
FEWEST_SOC_SPAN = 0.5  # below it the error of the SOC is too large a share of the span
# The charge lacks up to 5 % at the top, anywhere in that: the root of the mean square of a uniform distribution.
FULL_SD_SHARE = (1.0 - FULL_SOC) / math.sqrt(3.0)


class CapacityKind(StrEnum):
    FULL = "full"  # measured from full to empty
    SCALED = "scaled"  # charge over the span of SOC by an estimator


@dataclass(frozen=True)
class MeasuredCapacity:
    capacity_ah: float
    sd_ah: float
    kind: CapacityKind


def measured_capacity(
    swing_ah: float,
    *,
    soc_of_top_voltage: float | None,
    soc_of_bottom_voltage: float | None,
    top_c_rate: float,
    soc_at_top: float | None = None,
    soc_sd_at_top: float | None = None,
    soc_at_bottom: float | None = None,
    soc_sd_at_bottom: float | None = None,
    estimated_sd_ah: float | None = None,
) -> MeasuredCapacity | None:
    """None where this cycle cannot tell. SOCs are 0 to 1; the first two are those of which the voltage is the OCV.

    The deviation of a scaled one takes the errors of both SOCs as independent, and adds that of the capacity by the
    same estimator: between the ends it has counted charge by that, so its SOCs lean on it.
    """
    if not swing_ah > 0.0:
        return None
    was_full = abs(top_c_rate) <= REST_AT_TOP_C_RATE and (soc_of_top_voltage or 0.0) >= FULL_SOC
    if was_full and soc_of_bottom_voltage is not None and soc_of_bottom_voltage <= EMPTY_SOC:
        return MeasuredCapacity(swing_ah, FULL_SD_SHARE * swing_ah, CapacityKind.FULL)
    if soc_at_top is None or soc_at_bottom is None or not soc_at_top - soc_at_bottom >= FEWEST_SOC_SPAN:
        return None
    span = soc_at_top - soc_at_bottom
    capacity = swing_ah / span
    of_ends = capacity / span * math.hypot(soc_sd_at_top or 0.0, soc_sd_at_bottom or 0.0)
    return MeasuredCapacity(capacity, math.hypot(of_ends, estimated_sd_ah or 0.0), CapacityKind.SCALED)
