"""Speed of estimation: `python -m benchmarks.estimation`. The filter alone, then stored rows to committed estimates.

The filter's figures are CPU time of one thread, best of three.

Rows come as the worker hands them over: in columns of the whole fleet, each battery with time steps of its own. Beside
it stands what it costs to hand over an object for each battery, which have to be taken apart.

Numba was tried (0.68, on straight-line code written from `energykit.ukf.step`, the same bits; rows as objects): with
one RC pair 0.5 µs instead of 1.2 with 1,000 batteries and one row a call, 0.14 instead of 2.3 with 100 and 50 rows, 1.5
instead of 41 alone. It was not taken. It needs 208 MB, a second of each start, some three seconds of compiling for each
of the six layouts, and a third source of the step; while to read a row and to commit its estimate costs many times what
is saved, and numpy's calls are fewer since then.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.bench import Figure, alone, apart, databases
from benchmarks.end_to_end import end_to_end
from energykit.ukf import FilterRows, FleetFilter, FleetRows, JointFilterParameters

MOIRAE_MICROSECONDS = 1278  # CPU a step of ROVI's Moirae (commit 949c3b6), joint filter with four states, measured once
MOST_MICROSECONDS = {1_000: 1.0, 100: 5.0}  # the goals, by least number of batteries
MOIRAE_STEPS = 300
FLEETS = (1, 8, 100, 1_000, 10_000)
ROWS_A_CALL = (1, 50)
OCV_SOC = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
OCV_VOLTAGE = (3.0, 3.25, 3.38, 3.5, 3.57, 3.61, 3.66, 3.74, 3.84, 3.95, 4.06, 4.12, 4.19)

# What a cell has beyond capacity, resistance and a straight table; the last has all that the filter can do.
CELLS: dict[str, dict] = {
    "no RC pair": {},
    "one RC pair": {"rc_pairs": ((0.015, 2000.0),)},
    "two RC pairs": {"rc_pairs": ((0.015, 2000.0), (0.01, 20000.0))},
    "everything": {
        "rc_pairs": ((0.015, 2000.0), (0.01, 20000.0)),
        "ocv_interpolation": "cubic",
        "r0_activation_energy_j_mol": 20_000.0,
        "capacity_per_kelvin": 0.005,
        "gate_sigmas": 4.0,
    },
}


# --- the filter alone: rows in memory to estimates in memory -------------------------------------------------------
def fleet_of(batteries: int, kind: str) -> FleetFilter:
    return FleetFilter(
        [
            JointFilterParameters(
                capacity_ah=2.5 + 0.001 * (battery % 50),
                r0_ohm=0.03,
                ocv_soc=OCV_SOC,
                ocv_voltage=OCV_VOLTAGE,
                **CELLS[kind],
            )
            for battery in range(batteries)
        ]
    )


def drive(rows: int, battery: int) -> FilterRows:
    """Ragged: a second, ten or a minute between rows, in another order for each battery."""
    seconds = np.cumsum(np.random.default_rng(battery).choice([1.0, 10.0, 60.0], rows))
    swing = np.sin(seconds / 400)
    return FilterRows(seconds, 1.25 * swing, 3.66 + 0.06 * swing, 20.0 + 5.0 * swing)


def calls_of(batteries: int, rows: int, rows_a_call: int) -> list[list[FilterRows]]:
    drives = [drive(rows, battery) for battery in range(min(batteries, 100))]
    cuts = [slice(begin, begin + rows_a_call) for begin in range(0, rows, rows_a_call)]
    return [
        [
            FilterRows(whole.time[cut], whole.current[cut], whole.voltage[cut], whole.temperature[cut])
            for battery in range(batteries)
            for whole in (drives[battery % len(drives)],)
        ]
        for cut in cuts
    ]


def microseconds_a_step(batteries: int, rows_a_call: int, kind: str, steps: int, as_objects: bool = False) -> float:
    """CPU time a battery-step, over about so many of them."""
    rows = rows_a_call * max(min(steps // batteries, 2_000) // rows_a_call, 2)
    calls: list = calls_of(batteries, rows, rows_a_call)
    if not as_objects:
        calls = [FleetRows.joined(call) for call in calls]
    best = np.inf
    for _ in range(3):
        fleet = fleet_of(batteries, kind)
        fleet.advance(calls[0])
        best = min(best, cpu_seconds(lambda fleet=fleet: [fleet.advance(call) for call in calls[1:]]))
    return best / (batteries * (rows - rows_a_call)) * 1e6


def cpu_seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def moirae_microseconds() -> tuple[float, str]:
    """Of Moirae itself where it is installed, on the same cell without RC pairs; otherwise what was measured once."""
    try:
        from moirae.models import ecm  # noqa: F401  (an unrelated package of that name has none)
    except ImportError:
        return MOIRAE_MICROSECONDS, "measured once; it is not installed here"
    from benchmarks.moirae_step import microseconds

    return microseconds(drive(MOIRAE_STEPS, 0), OCV_SOC, OCV_VOLTAGE), "measured now"


def filter_alone(steps: int, fleets: tuple[int, ...]) -> Iterator[Figure]:
    moirae, how = moirae_microseconds()
    print(f"The filter alone. Moirae's joint filter: {moirae:.0f} µs CPU a step, {how}.")
    head = ("batteries", "rows a call", "µs a step", "as objects", "steps/s", "times Moirae")
    print(f"{'cell':>13} " + " ".join(f"{title:>12}" for title in head))
    for kind in CELLS:
        for batteries in fleets:
            for rows_a_call in ROWS_A_CALL:
                cost = microseconds_a_step(batteries, rows_a_call, kind, steps)
                objects = microseconds_a_step(batteries, rows_a_call, kind, steps, as_objects=True)
                numbers = f"{batteries:>12,} {rows_a_call:>12} {cost:>12.2f} {objects:>12.2f} {1e6 / cost:>12,.0f}"
                print(f"{kind:>13} {numbers} " + (f"{moirae / cost:>12,.0f}" if kind == "no RC pair" else ""))
                if kind == "no RC pair":
                    what = f"filter, {batteries:,} batteries, {rows_a_call} rows a call"
                    yield Figure(what, 1e6 / cost, "steps/s", 1e6 / moirae, f"Moirae, {how}", note="CPU of one thread")
                most = next((most for least, most in MOST_MICROSECONDS.items() if batteries >= least), None)
                if most is not None:
                    what = f"filter, {kind}, {batteries:,} batteries, {rows_a_call} rows a call"
                    yield Figure(what, cost, "µs CPU a step", most=most)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--battery-steps", type=int, default=200_000, help="about so many for each line of the filter")
    parser.add_argument("--only", choices=["filter", "end-to-end"], help="one of the two tables")


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    if asked.only != "end-to-end":
        yield from filter_alone(20_000 if asked.quick else asked.battery_steps, FLEETS[:3] if asked.quick else FLEETS)
    if asked.only != "filter":
        for _, database in databases(asked):
            yield from apart(end_to_end, database, asked.quick)


if __name__ == "__main__":
    alone(__doc__, figures, options)
