"""What the data cannot tell, in a sentence each with the way out."""

import numpy as np

from energykit.fitting.noises import Noises
from energykit.fitting.rows import SECONDS_PER_HOUR, CellRows
from energykit.fitting.shape import Shape
from energykit.fitting.steps import QUICK_SECONDS, Resistances, Steps

WRONG_SIGN = (
    "The current's sign looks wrong: the voltage falls when the current rises. These rows count discharge as positive; "
    "the fit has reversed them, but a filter fed with them needs current positive while charging."
)
LARGEST_GAP_SHARE = 0.05  # of the capacity, moved between two rows unseen
SHORTEST_GAP_SECONDS = 900.0
LONG_REST_SECONDS = 600.0
LARGEST_SENSOR_STD_V = 0.03


def about_rows(rows: CellRows, shape: Shape) -> list[str]:
    found = []
    if rows.left_out:
        found.append(f"{rows.left_out} rows without time, current or voltage were left out.")
    gaps = np.abs(np.diff(rows.moved_ah)) > LARGEST_GAP_SHARE * shape.capacity_ah
    gaps &= np.diff(rows.time) > SHORTEST_GAP_SECONDS
    if gaps.any():
        hours = float(np.diff(rows.time)[gaps].max()) / SECONDS_PER_HOUR
        found.append(
            f"There are {int(gaps.sum())} gaps of up to {hours:.1f} h while current flowed; the charge in them is a "
            "guess. Choose rows without gaps, or log more often."
        )
    if _longest_rest(rows) < LONG_REST_SECONDS:
        found.append(
            "No rest of ten minutes or more: resting voltages, which show SOC and the slow RC pair best, are missing."
        )
    return found


def about_steps(steps: Steps | None, found: Resistances | None, rows: CellRows) -> list[str]:
    if steps is None:
        return [
            "No current steps, so R0 and RC pairs cannot be told apart: R0 is the whole resistance between charge and "
            "discharge. Add a pulse, or the beginning and end of a rest."
        ]
    if steps.quick_seconds > QUICK_SECONDS:
        return [
            f"Rows at current steps lie {steps.quick_seconds:.0f} s apart: too slow for an RC pair that is quicker. "
            "R0 includes all that happens in that time; log a few steps every second."
        ]
    if found is None:
        return [
            "The current steps show no resistance above 0: current and voltage may not belong to the same moments. "
            "R0 is the whole resistance between charge and discharge."
        ]
    if not found.pairs:
        return ["The rows after current steps show no RC pair; after a step, log every second for some minutes."]
    slowest = max(seconds for _, seconds in found.pairs)
    longest = max(float(rows.time[end - 1] - rows.time[first]) for first, end in found.windows)
    if slowest > longest:
        return [
            f"The slower RC pair takes {slowest:.0f} s, longer than the rows after any current step ({longest:.0f} s): "
            "its resistance stands for whatever is slow. A rest of some hours would show it."
        ]
    return []


def about_noises(noises: Noises, rows: CellRows) -> list[str]:
    found = []
    if noises.rows < len(rows):
        found.append(
            f"The filter's noises, mean NIS and voltage error are of the first {noises.rows:,} of {len(rows):,} rows. "
            "Choose fewer rows to have them of all."
        )
    fades = noises.wander.fading_seconds > 0
    missed = noises.wander.offset_v if fades else noises.sensor_std
    if missed > LARGEST_SENSOR_STD_V:
        found.append(
            f"The model misses the voltage by {1e3 * missed:.0f} mV beyond what it can explain, mostly near "
            "empty or at high currents. Bands are honest but wide; fit to rows like those that will come."
        )
    if fades:
        found.append(
            "Its errors last from row to row, so the filter has an offset of the voltage that comes and fades and "
            "trusts the voltage less. A better OCV table (a cycle at C/20) or an RC pair may make it needless."
        )
    return found


def _longest_rest(rows: CellRows) -> float:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], rows.is_rest.astype(np.int8), [0]))))
    lengths = [
        float(rows.time[last - 1] - rows.time[first]) for first, last in zip(edges[::2], edges[1::2], strict=True)
    ]
    return max(lengths, default=0.0)
