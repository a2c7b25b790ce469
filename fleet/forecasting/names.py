"""What models of energy are called; free of numpy, for the web process."""

from __future__ import annotations

LINEAR = "linear"
SEASONAL = "seasonal"
WEEK = "week"
AUTO = "auto"

WORDS = {
    LINEAR: "Linear: a trend and a term for each quarter of the day and day of the week",
    SEASONAL: "Seasonal: waves of the day and the week, the rest fading",
    WEEK: "As a week ago",
    AUTO: "The best in a back-test of each asset",
}
BUILT_IN = tuple(WORDS)
