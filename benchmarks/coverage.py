"""Do the filter's bands hold the truth? `python -m benchmarks.coverage`: simulated cells, presets as they are.

Of each cell it is known what the filter does not know: true SOC, capacity and resistance. Cells of four chemistries do
three duties, logged every 10 s to 10 min, one day a month for three years, or first so and then live every 30 s. Each
is filtered with its preset and a guessed SOC; the last three quarters of its rows count. A share near 95 % is right;
NIS near 1 says that voltages scatter as the filter expects.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product

import numpy as np

from benchmarks.bench import Figure, alone
from energykit.presets import PRESETS
from energykit.simulation import DUTIES, SimulatedCell
from energykit.ukf import FilterResult, FilterRows, FleetFilter
from energykit.ukf.covariance import variance_places

DAY = 86_400.0
TRUTHS = {"soc": "true_soc", "q_t.base_values": "true_capacity", "r0.base_values": "true_r0"}
TITLES = ("SOC", "capacity", "R0")
LOGGED = ("10 s", "30 s", "60 s", "300 s", "600 s", "a day a month", "months, then 30 s")
MOST_ROWS = 12_000  # about, of a cell


@dataclass(frozen=True)
class Covered:
    """Of one cell: share of rows whose 95 % band held the truth, and error (RMS), both by quantity."""

    chemistry: str
    duty: str
    logged: str
    inside: list[float]
    error: list[float]  # SOC: as a fraction; the others: share of the truth
    nis: float


def life_of(cell: SimulatedCell, logged: str) -> dict[str, np.ndarray]:
    if logged == "a day a month":
        return cell.compress(3.0)
    if logged == "months, then 30 s":
        before, after = cell.compress(1.0), cell.advance(2 * DAY, 30.0)
        return {name: np.concatenate((before[name], after[name])) for name in before}
    seconds = float(logged.split()[0])
    days = min(max(seconds * MOST_ROWS // DAY, 2), 30)
    return cell.advance(days * DAY, seconds)


def fleet_of(cells: int, seed: int = 0) -> list[tuple[SimulatedCell, str]]:
    """Chemistries and duties in turn, and each of them with each way of logging in turn."""
    kinds = list(product(PRESETS, DUTIES))
    fleet = []
    for place in range(cells):
        turn, kind = divmod(place, len(kinds))
        cell = SimulatedCell(10_000 * seed + place, *kinds[kind])
        fleet.append((cell, LOGGED[(turn + kind) % len(LOGGED)]))
    return fleet


def measure(fleet: list[tuple[SimulatedCell, str]]) -> list[Covered]:
    lives = [life_of(cell, logged) for cell, logged in fleet]
    rows = [FilterRows(life["test_time"], life["current"], life["voltage"]) for life in lives]
    parameters = [cell.filter_parameters() for cell, _ in fleet]
    results = FleetFilter(parameters).advance(rows)
    return [
        Covered(cell.preset.key, cell.duty.key, logged, *_held_against(life, result, each.state_names))
        for (cell, logged), life, result, each in zip(fleet, lives, results, parameters, strict=True)
    ]


def _held_against(
    life: dict[str, np.ndarray], result: FilterResult, names: tuple[str, ...]
) -> tuple[list[float], list[float], float]:
    converged = slice(len(life["test_time"]) // 4, None)
    inside, error = [], []
    for name, truth in TRUTHS.items():
        state, true = names.index(name), life[truth][converged]
        deviation = np.sqrt(result.covariances[converged, variance_places(len(names))[state]])
        away = result.means[converged, state] - true
        inside.append(float(np.mean(np.abs(away) < 1.96 * deviation)))
        error.append(float(np.sqrt(np.mean((away if name == "soc" else away / true) ** 2))))
    return inside, error, float(np.nanmean(result.nis[converged]))


def lines(covered: list[Covered]) -> list[str]:
    head = f"{'':>22} {'cells':>5} " + " ".join(f"{title + ' in band':>17} {'RMS':>6}" for title in TITLES)
    table = [f"{head} {'NIS':>5} {'least':>5} {'most':>5}"]
    by: tuple[Callable[[Covered], str], ...] = (
        lambda each: "all",
        lambda each: each.chemistry,
        lambda each: each.duty,
        lambda each: each.logged,
    )
    for key in by:
        for value in dict.fromkeys(map(key, covered)):
            chosen = [each for each in covered if key(each) == value]
            inside = np.mean([each.inside for each in chosen], axis=0)
            error = np.sqrt(np.mean(np.square([each.error for each in chosen]), axis=0))
            nis = [each.nis for each in chosen]
            shares = " ".join(f"{share:>17.1%} {wrong:>6.2%}" for share, wrong in zip(inside, error, strict=True))
            table.append(
                f"{value:>22} {len(chosen):>5} {shares} {np.mean(nis):>5.2f} {min(nis):>5.2f} {max(nis):>5.2f}"
            )
        table.append("")
    return table


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    covered: list[Covered] = []
    fleet = iter(fleet_of(24 if asked.quick else asked.cells, asked.seed))
    while some := list(islice(fleet, 50)):  # so that memory stays small
        covered += measure(some)
    print("\n".join(lines(covered)))
    for title, share in zip(TITLES, np.mean([each.inside for each in covered], axis=0).tolist(), strict=True):
        yield Figure(f"rows whose 95 % band holds the true {title}, {len(covered)} cells", 100 * share, "%")


if __name__ == "__main__":
    alone(__doc__, figures, options)
