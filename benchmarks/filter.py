"""Speed of the joint filter: `python -m benchmarks.filter`. CPU time of one thread, best of three."""

import argparse
import time

import numpy as np

from energykit.ukf import FilterRows, FleetFilter, JointFilterParameters

MOIRAE_MICROSECONDS = 1278  # CPU a step of ROVI's Moirae (commit 949c3b6), joint filter with four states, measured once
OCV_SOC = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
OCV_VOLTAGE = (3.0, 3.25, 3.38, 3.5, 3.57, 3.61, 3.66, 3.74, 3.84, 3.95, 4.06, 4.12, 4.19)


def cell(battery: int, rc_pairs: int) -> JointFilterParameters:
    return JointFilterParameters(
        capacity_ah=2.5 + 0.001 * (battery % 50),
        r0_ohm=0.03,
        rc_pairs=((0.015, 2000.0), (0.01, 20000.0))[:rc_pairs],
        ocv_soc=OCV_SOC,
        ocv_voltage=OCV_VOLTAGE,
    )


def drive(rows: int) -> FilterRows:
    seconds = 10.0 * np.arange(rows)
    return FilterRows(seconds, 1.25 * np.sin(seconds / 400), 3.66 + 0.06 * np.sin(seconds / 400))


def microseconds_a_step(batteries: int, rows: int, calls: int, rc_pairs: int) -> float:
    """CPU time a battery-step when each battery's rows come in so many calls."""
    parameters = [cell(battery, rc_pairs) for battery in range(batteries)]
    whole, best = drive(rows), np.inf
    chunks = np.array_split(np.arange(rows), calls)
    for _ in range(3):
        fleet = FleetFilter(parameters)
        work = [[FilterRows(whole.time[each], whole.current[each], whole.voltage[each])] * batteries for each in chunks]
        started = time.process_time()
        for each in work:
            fleet.advance(each)
        best = min(best, time.process_time() - started)
    return best / (batteries * rows) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--battery-steps", type=int, default=300_000, help="about so many for each line")
    steps = parser.parse_args().battery_steps
    print(f"{'RC pairs':>8} {'batteries':>10} {'rows a call':>12} {'µs a battery-step':>18} {'times Moirae':>13}")
    for rc_pairs in (0, 1, 2):
        for batteries in (1, 8, 100, 1_000, 10_000):
            for rows_a_call in (1, 50):
                rows = max(min(steps // batteries, 5_000), rows_a_call)
                cost = microseconds_a_step(batteries, rows, max(rows // rows_a_call, 1), rc_pairs)
                speedup = f"{MOIRAE_MICROSECONDS / cost:13.0f}" if rc_pairs == 0 else " " * 13
                print(f"{rc_pairs:>8} {batteries:>10} {rows_a_call:>12} {cost:>18.2f} {speedup}")


if __name__ == "__main__":
    main()
