"""Ranges of how far ahead a forecast looked. The places in this list are stored, so it only ever grows at its end."""

from __future__ import annotations

import math

DAY = 86_400.0
# As energykit.prognosis.scoring has them; written here too, because a web process boots without numpy.
EDGES_S = (0.0, 30 * DAY, 90 * DAY, 180 * DAY, 365 * DAY, 730 * DAY, math.inf)
WORDS = ("up to 30 days", "30 to 90 days", "90 to 180 days", "180 days to 1 year", "1 to 2 years", "over 2 years")
