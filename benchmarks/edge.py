"""Steps at the edge of floats: `python -m benchmarks.edge`, ten million. Is every covariance positive definite?

Cells of all layouts with flat, steep, straight and smooth OCV tables, full and empty, with sensors that are nearly
exact or say nothing, with and without noise, gate and dependence on temperature; rows a nanosecond, a second, an hour
or a year apart, with currents from 1 nA to 10 kA and voltages from nothing to a thousand volts.
"""

import argparse
import time
from collections.abc import Iterator
from itertools import product

import numpy as np

from benchmarks.bench import Figure, alone
from energykit.ukf import FilterResult, FilterRows, FleetFilter, JointFilterParameters, Outcome

TABLES = (
    ((0.0, 1.0), (3.0, 4.2)),
    ((0.0, 0.1, 0.9, 1.0), (2.5, 3.3, 3.3, 3.6)),  # flat
    ((0.0, 0.001, 0.999, 1.0), (0.0, 3.2, 3.4, 6.5)),  # steep at both ends
    ((0.0, 0.2, 0.4, 0.7, 1.0), (3.0, 3.6, 3.5, 3.9, 4.2)),  # falls for a while
)
PAIRS = ((0.015, 2000.0), (0.01, 20000.0))


def cell(chance: np.random.Generator, pairs: int, has_hysteresis: bool) -> JointFilterParameters:
    states = 3 + pairs + has_hysteresis
    soc, voltage = TABLES[chance.integers(len(TABLES))]
    variances = 10.0 ** chance.uniform(-16, -2, states)
    return JointFilterParameters.from_mapping(
        {
            "capacity_ah": 2.5,
            "r0_ohm": 0.03,
            "rc_pairs": PAIRS[:pairs],
            "ocv_soc": soc,
            "ocv_voltage": voltage,
            "ocv_interpolation": str(chance.choice(["linear", "cubic"])),
            "has_hysteresis": has_hysteresis,
            "hysteresis_seconds": float(chance.choice([0.0, 1e-3, 60.0, 1e9])) if has_hysteresis else 0.0,
            "initial_soc": float(chance.choice([0.0, 0.5, 1.0])),
            "initial_covariance": variances.tolist(),
            "process_noise": chance.choice([0.0, 1e-20, 1e-9], states).tolist(),
            "process_noise_per_second": chance.choice([0.0, 1e-20, 1e-12], states).tolist(),
            "sensor_variance": float(chance.choice([1e-20, 1e-4, 1e4])),
            "gate_sigmas": float(chance.choice([0.0, 3.0])),
            "r0_activation_energy_j_mol": float(chance.choice([0.0, 30_000.0])),
            "capacity_per_kelvin": float(chance.choice([0.0, 0.02])),
        }
    )


def rows(chance: np.random.Generator, count: int, start: float) -> FilterRows:
    """Mostly such as a cell lives through, so that the filter stays alive; each hundredth as no cell does."""
    seconds = chance.choice([0.0, 1e-9, 1.0, 60.0, 3600.0, 3e7], count, p=[0.2, 0.1, 0.4, 0.289, 0.01, 0.001])
    current = chance.choice([0.0, 1e-9, 2.5, -2.5, 1e4, -1e4], count, p=[0.4, 0.1, 0.245, 0.245, 0.005, 0.005])
    voltage = np.where(
        chance.random(count) < 0.01, chance.choice([0.0, 1e-9, 1e3], count), chance.uniform(3, 4.2, count)
    )
    return FilterRows(start + np.cumsum(seconds), current, voltage, chance.choice([-40.0, 25.0, 80.0, np.nan], count))


def live(steps: int, batteries: int, seed: int = 0) -> Iterator[tuple[FleetFilter, list[FilterResult]]]:
    """Results of fleets of each layout in turn, until there are so many steps."""
    done, turn = 0, 0
    while done < steps:
        for pairs, has_hysteresis in product(range(3), (True, False)):
            chance = np.random.default_rng([seed, turn, pairs, has_hysteresis])
            fleet = FleetFilter([cell(chance, pairs, has_hysteresis) for _ in range(batteries)])
            for call in range(4):
                results = list(fleet.advance([rows(chance, 250, 1e8 * call) for _ in range(batteries)]))
                done += 250 * batteries
                yield fleet, results
        turn += 1


def check(results: list[FilterResult], states: int) -> None:
    """Every state is finite and every covariance has a Cholesky factor, LAPACK says; else LinAlgError."""
    packed = np.concatenate([each.covariances for each in results])
    assert np.isfinite(packed).all()
    assert all(np.isfinite(each.means).all() for each in results)
    matrices = np.empty((len(packed), states, states))  # the packed half makes both halves: symmetric to the bit
    for place, (row, column) in enumerate(zip(*np.triu_indices(states), strict=True)):
        matrices[:, row, column] = matrices[:, column, row] = packed[:, place]
    np.linalg.cholesky(matrices)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--batteries", type=int, default=500)


def figures(chosen: argparse.Namespace) -> Iterator[Figure]:
    begun, steps = time.process_time(), 100_000 if chosen.quick else chosen.steps
    taken = np.zeros(len(Outcome), dtype=np.int64)
    repaired = 0
    for fleet, results in live(steps, chosen.batteries):
        check(results, results[0].means.shape[1])
        taken += np.bincount(np.concatenate([each.skipped for each in results]), minlength=len(Outcome))
        if taken.sum() % (1000 * chosen.batteries) == 0:  # the counts of a fleet are those of its whole life
            repaired += sum(fleet.counts(battery).repaired for battery in range(chosen.batteries))
    outcomes = ", ".join(f"{count:,} {outcome.name.lower()}" for outcome, count in zip(Outcome, taken, strict=True))
    print(f"{outcomes}; {repaired:,} repaired. Every covariance positive definite, every state finite.")
    spent = time.process_time() - begun
    yield Figure(
        f"{taken.sum():,} steps at the edge of floats, each covariance positive definite", 1e6 * spent / taken.sum(),
        "µs a step", note="CPU, with the check",
    )  # fmt: skip


if __name__ == "__main__":
    alone(__doc__, figures, options)
