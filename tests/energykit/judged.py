"""Filters run over rows and judged, as the tests of consistency share it."""

import numpy as np

from energykit.consistency import ROWS_OF_A_WINDOW, Evidence, Observed, observe, verdict_of
from energykit.ukf import FilterRows, FleetFilter


def observed(parameters, rows, result, part=slice(None)):
    names = [name.split(".")[0] for name in parameters.state_names]
    return Observed(
        time=rows.time[part],
        current=rows.current[part],
        innovation=result.innovation[part],
        innovation_variance=result.innovation_variance[part],
        predicted_voltage=result.predicted_voltage[part],
        soc=result.means[part, names.index("soc")],
        capacity=result.means[part, names.index("q_t")],
    )


def verdicts(parameters, rows):
    """For each filter the verdict after each of its windows."""
    with np.errstate(all="ignore"):
        results = FleetFilter(parameters).advance(rows)
    evidence, found = Evidence.none(len(rows)), [[] for _ in rows]
    for first in range(0, max(map(len, rows)), ROWS_OF_A_WINDOW):
        part = slice(first, first + ROWS_OF_A_WINDOW)
        seen = [observed(*each, part) for each in zip(parameters, rows, results, strict=True)]
        for place in np.flatnonzero(observe(evidence, seen)):
            found[place].append(verdict_of(evidence, place))
    return found


def rows_of(life, rows=None, sign=1.0):
    columns = (life[name][:rows] for name in ("test_time", "current", "voltage"))
    time, current, voltage = columns
    return FilterRows(time, sign * current, voltage)
