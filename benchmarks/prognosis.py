"""How fast the built-in forecasters are, and whether their bands hold: `python -m benchmarks.prognosis`.

Simulated cells live with an ageing law of their own (energykit.simulation.ageing). A filter estimates their capacity; a
forecaster sees the estimates of the first part of life and is scored on the true capacity of the rest. The same on the
measured cycle capacities of a battery-data-toolkit HDF5 file, where there is one: its first half is known, its second
half scored.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import tables

from benchmarks.bench import Figure, alone
from energykit.prognosis.ageing import forecast_ageing
from energykit.prognosis.backtest import choose_best
from energykit.prognosis.duty import Duty, soc_from_load
from energykit.prognosis.health import HealthForecast, HealthHistory
from energykit.prognosis.scoring import quantiles_at, score, score_of
from energykit.prognosis.trend import forecast_trend
from energykit.simulation import simulated_fleet
from energykit.ukf import FilterRows, FleetFilter
from energykit.ukf.covariance import packed_index

MEASURED = Path(__file__).parents[2] / "shared" / "data" / "batch_B10A_cell_3.h5"
DAY = 86_400.0
YEAR = 365.25 * DAY
CAPACITY = 3  # place in the filter's state
SAMPLE_SECONDS = 900.0
DAYS_A_RECORDED_DAY = 15
TRAINED_YEARS = (0.25, 0.5, 1.0, 2.0)
HORIZON_YEARS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
LIFE_YEARS = 5.0
FEWEST_ROWS_A_DAY = 10  # of a recorded day; a day that was slept through has its midnight alone
SMALLEST_MEASURED_SHARE = 0.5  # of the first cycle's capacity: less is a cycle that was broken off


def milliseconds(make: Callable[[], HealthForecast], rounds: int = 20) -> float:
    """CPU time a forecast."""
    make()
    started = time.process_time()
    for _ in range(rounds):
        make()
    return (time.process_time() - started) / rounds * 1e3


def speed() -> Iterator[Figure]:
    hours = np.arange(365 * 24) * 3600.0
    wander = np.cumsum(np.random.default_rng(0).normal(0.0, 1e-5, len(hours)))
    history = HealthHistory.of(hours, 1.0 - 0.03 * np.sqrt(hours / YEAR) + wander, np.full(len(hours), 0.004))
    ahead = np.arange(61) * YEAR / 12
    year, week, five_years = (worked(days) for days in (365, 7, 5 * 365))
    # A duty that was seen before is not counted again, so each time it is a new one.
    makers: dict[str, Callable[[], HealthForecast]] = {
        "trend": lambda: forecast_trend(history, ahead),
        "ageing, past like the week ahead": lambda: forecast_ageing(history, None, replace(week), ahead, "nmc"),
        "ageing, a week before and a week ahead": lambda: forecast_ageing(
            history, replace(week), replace(week), ahead, "nmc"
        ),
        "ageing, a year of hours and a week ahead": lambda: forecast_ageing(
            history, replace(year), replace(week), ahead, "nmc"
        ),
        "ageing, a year of hours and five years of them": lambda: forecast_ageing(
            history, replace(year), replace(five_years), ahead, "nmc"
        ),
        "choice of the two by back-test": lambda: chosen(history, replace(week), ahead),
    }
    print("A year of hourly estimates, five years ahead in months")
    for name, make in makers.items():
        yield Figure(f"a forecast, {name}", milliseconds(make), "ms CPU")


def chosen(history: HealthHistory, week: Duty, ahead: np.ndarray) -> HealthForecast:
    """The back-test of both, then the better one."""
    makers = {"trend": forecast_trend, "ageing": lambda known, at: forecast_ageing(known, week, week, at, "nmc")}
    return makers[choose_best(history, makers).name](history, ahead)


def worked(days: int) -> Duty:
    """A commuter's days in hours, with the small noise of an estimated SOC."""
    seconds = np.arange(0.0, days * DAY + 1.0, 3600.0)
    soc = np.interp(seconds % DAY / 3600, (0, 6, 8, 9, 17, 18, 20, 24), (0.9, 0.9, 0.75, 0.7, 0.7, 0.5, 0.5, 0.9))
    noisy = soc + np.random.default_rng(1).normal(0.0, 0.001, len(soc))
    return Duty(seconds, noisy, np.gradient(soc) * 2.5, np.full(len(soc), 25.0), 2.5)


def show_simulated(cells: int) -> None:
    fleet = simulated_fleet(cells, seed=33)
    lives = [cell.compress(LIFE_YEARS, SAMPLE_SECONDS, DAYS_A_RECORDED_DAY) for cell in fleet]
    rows = [FilterRows(life["test_time"], life["current"], life["voltage"]) for life in lives]
    filters = FleetFilter([cell.filter_parameters() for cell in fleet])
    made: dict[tuple[str, float], list[tuple[HealthForecast, np.ndarray, np.ndarray]]] = {}
    for cell, life, result in zip(fleet, lives, filters.advance(rows), strict=True):
        nominal = cell.nominal_capacity_ah
        deviation = np.sqrt(result.covariances[:, packed_index(len(result.means[0]))[CAPACITY][CAPACITY]]) / nominal
        daily = np.append(np.flatnonzero(np.diff(life["test_time"] // DAY)), len(life["test_time"]) - 1)
        estimates = HealthHistory.of(
            life["test_time"][daily], result.means[daily, CAPACITY] / nominal, deviation[daily]
        )
        lived = whole_duty(life, result.means[:, 0], nominal)
        for trained in TRAINED_YEARS:
            known = estimates.until(trained * YEAR)
            ahead = np.array([each for each in HORIZON_YEARS if trained + each < LIFE_YEARS - 0.1]) * YEAR
            truth = np.interp(known.time_s[-1] + ahead, life["test_time"], life["true_capacity"] / nominal)
            for name, forecast in forecasts(known, lived, ahead, cell.preset.key):
                made.setdefault((name, trained), []).append((forecast, ahead, truth))
    print(f"\n{cells} simulated cells, trained on the filter's estimates, scored on the true capacity")
    for (name, trained), each in sorted(made.items()):
        show_scores(f"{name}, {trained:g} years", each)


def forecasts(known: HealthHistory, lived: Duty, ahead: np.ndarray, preset: str) -> list[tuple[str, HealthForecast]]:
    """Each of the trade: ageing with the duty that really followed, and with one like the past."""
    now = int(np.searchsorted(lived.time_s, known.time_s[-1]))
    past = part_of(lived, slice(0, now), 0.0)
    after = part_of(lived, slice(now, None), float(lived.time_s[now]))
    return [
        ("trend", forecast_trend(known, ahead)),
        ("ageing, load as it came", forecast_ageing(known, past, after, ahead, preset)),
        ("ageing, load as before", forecast_ageing(known, past, past, ahead, preset)),
    ]


def part_of(duty: Duty, rows: slice, zero: float) -> Duty:
    columns = (duty.soc[rows], duty.current_a[rows], duty.temperature_c[rows])
    return Duty(duty.time_s[rows] - zero, *columns, duty.capacity_ah)


def whole_duty(life: dict[str, np.ndarray], soc: np.ndarray, capacity_ah: float) -> Duty:
    """All days of a life of which one in fifteen was recorded: each stands for those slept through after it."""
    day = (life["test_time"] // DAY).astype(int)
    recorded = [
        each for each, rows in zip(*np.unique(day, return_counts=True), strict=True) if rows > FEWEST_ROWS_A_DAY
    ]
    parts = []
    for this, following in zip(recorded, [*recorded[1:], recorded[-1] + 1], strict=True):
        rows = np.flatnonzero(day == this)
        parts += [(rows, float(repeat) * DAY) for repeat in range(following - this)]
    rows = np.concatenate([each for each, _ in parts])
    seconds = np.concatenate([life["test_time"][each] + shift for each, shift in parts])
    order = np.append(np.diff(seconds) > 0, True)
    columns = (np.clip(soc[rows], 0.0, 1.0), life["current"][rows], life["temperature"][rows])
    return Duty(seconds[order], *(column[order] for column in columns), capacity_ah)


def show_scores(name: str, made: list[tuple[HealthForecast, np.ndarray, np.ndarray]]) -> None:
    """By horizon over all cells."""
    print(f"  {name}\n    {'years ahead':>12} {'error':>8} {'size':>8} {'in 50 %':>8} {'in 90 %':>8} {'pinball':>8}")
    for place, horizon in enumerate(made[0][1]):
        quantiles = np.concatenate([quantiles_at(each, ahead[place : place + 1]) for each, ahead, _ in made], axis=1)
        truth = np.array([true[place] for _, _, true in made])
        found = score_of(quantiles, truth, 0.0, horizon)
        print(
            f"    {horizon / YEAR:>12.2f} {found.error:>8.4f} {found.absolute_error:>8.4f} {found.inside_50:>8.0%} "
            f"{found.inside_90:>8.0%} {found.pinball:>8.5f}"
        )


def show_measured(path: Path) -> None:
    """The file's cycles: discharge capacity over that of the first one, in the first half known."""
    with tables.open_file(str(path)) as file:
        cycle, rows = file.root.cycle_stats[:], file.root.raw_data
        raw = {name: rows.col(name).astype(float) for name in ("test_time", "current")}
    ended, capacity = cycle["cycle_start"] + cycle["cycle_duration"], cycle["capacity_discharge"]
    first = float(np.median(capacity[1:6]))
    whole = capacity > SMALLEST_MEASURED_SHARE * first
    moved = np.cumsum(cycle["capacity_charge"] + cycle["capacity_discharge"])[whole]
    history = HealthHistory.of(ended[whole], capacity[whole] / first, throughput_ah=moved)
    half = len(history) // 2
    known, ahead = history.part(slice(0, half)), history.time_s[half:] - history.time_s[half - 1]
    duty = measured_duty(raw, first, until=float(known.time_s[-1]))
    healths = f"SOH {known.soh[-1]:.3f} then, {history.soh[-1]:.3f} at the end"
    print(f"\n{path.name}: {len(history)} cycles, {half} known, {healths}")
    made = {
        "trend": forecast_trend(known, ahead),
        "trend with throughput": forecast_trend(known, ahead, moved[half:] - moved[half - 1]),
        **{f"ageing, {key}": forecast_ageing(known, duty, duty, ahead, key) for key in ("lfp", "nmc", "nca")},
    }
    for name, forecast in made.items():
        print(f"  {name}: {forecast.model}")
        for found in score(forecast, ahead, history.soh[half:], tuple(np.arange(5) * 20 * DAY)):
            print(
                f"    {found.from_s / DAY:>4.0f} to {found.to_s / DAY:.0f} days: size of error "
                f"{found.absolute_error:.4f}, in 50 % {found.inside_50:.0%}, in 90 % {found.inside_90:.0%}, "
                f"pinball {found.pinball:.5f}"
            )


def measured_duty(raw: dict[str, np.ndarray], capacity_ah: float, until: float) -> Duty:
    """SOC by counting charge, held within 0..1; temperature is not in the file: 25 °C."""
    seconds = raw["test_time"]
    rows = np.flatnonzero(np.append(np.diff(seconds) > 0, True) & (seconds <= until))
    seconds, current = seconds[rows], raw["current"][rows]
    soc = soc_from_load(seconds, 0.0, capacity_ah, current_a=current).soc
    return Duty(seconds, soc, current, np.full(len(seconds), 25.0), capacity_ah)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cells", type=int, default=24, help="simulated cells; 0 leaves them out")
    parser.add_argument("--file", type=Path, default=MEASURED, help="HDF5 with cycle_stats (default: %(default)s)")


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    yield from speed()
    if asked.cells:
        show_simulated(2 if asked.quick else asked.cells)
    if asked.file.exists():
        show_measured(asked.file)
    else:
        print(f"\nThere is no {asked.file}: left out.")


if __name__ == "__main__":
    alone(__doc__, figures, options)
