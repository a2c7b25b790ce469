"""From readings of any rhythm to energy by quarter hour: the rules, exactly and on arrays, and a forecast of quarters.

`arrays` and `linear` need numpy and are imported where they are used, so that a web process boots without it.
"""

from energykit.quarters.instants import BadDuration, BadInstant, Instant, labelled, read_duration, read_instant
from energykit.quarters.rules import (
    DEFAULT_MAX_GAP,
    MICROSECONDS,
    QUARTER,
    QUARTER_SECONDS,
    QuarterSum,
    Reading,
    ends,
    quarters_of,
    typical_step,
)
from energykit.quarters.zones import BadZone, DayTable, day_after, day_begin, day_table, zone_named

__all__ = [
    "DEFAULT_MAX_GAP",
    "MICROSECONDS",
    "QUARTER",
    "QUARTER_SECONDS",
    "BadDuration",
    "BadInstant",
    "BadZone",
    "DayTable",
    "Instant",
    "QuarterSum",
    "Reading",
    "day_after",
    "day_begin",
    "day_table",
    "ends",
    "labelled",
    "quarters_of",
    "read_duration",
    "read_instant",
    "typical_step",
    "zone_named",
]
