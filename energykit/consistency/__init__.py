"""Whether a filter's errors have the size and shape that it expects, and what is probably wrong where they have not.

Rows go into `Evidence` (`observe`), a few hundred bytes a filter; `verdict_of` reads a verdict from it.
"""

from energykit.consistency.bands import band_of_mean_nis
from energykit.consistency.causes import Cause
from energykit.consistency.columns import ROWS_OF_A_WINDOW
from energykit.consistency.evidence import Evidence
from energykit.consistency.observing import Observed, observe
from energykit.consistency.verdict import Verdict, verdict_of

__all__ = [
    "ROWS_OF_A_WINDOW",
    "Cause",
    "Evidence",
    "Observed",
    "Verdict",
    "band_of_mean_nis",
    "observe",
    "verdict_of",
]
