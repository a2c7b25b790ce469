"""`make soak`: many sockets for a long while, estimators at work. Is anything growing?

A device a socket sends a row a second; each row's way to its acknowledgement is timed. Memory, open files, threads,
rows waiting for estimates and jobs waiting for a worker are sampled into a CSV file, drawn, and judged: a straight line
is fitted through what came after the beginning, and what it would have grown by is held against a tolerance.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.clusters import Cluster
from tests.crowds import Crowd
from tests.disturbed import Stand, batteries
from tests.watching import descendants_of, open_files, resident_bytes, threads_of

MIB = 2**20
SECONDS_A_SAMPLE = 5.0
SECONDS_TO_OPEN = 60.0  # over which the sockets open, so that a thousand logins are not what is measured
SHARE_OF_BEGINNING = 0.25  # caches fill; not judged


@dataclass(frozen=True)
class Curve:
    """What is sampled, and by how much a fitted line may rise: `share` of the mean, or `least` if that is more."""

    name: str
    share: float
    least: float


CURVES = (
    Curve("web_mib", 0.03, 6.0),
    Curve("worker_mib", 0.03, 12.0),
    Curve("web_files", 0.0, 5.0),
    Curve("worker_files", 0.0, 5.0),
    Curve("web_threads", 0.0, 2.0),
    Curve("worker_threads", 0.0, 2.0),
    Curve("rows_waiting_for_acknowledgement", 0.25, 100.0),
    Curve("rows_waiting_for_estimates", 0.25, 1000.0),
    Curve("jobs_waiting", 0.0, 2.0),
    Curve("latency_p50_ms", 0.25, 10.0),
)
ONLY_SHOWN = ("seconds", "rows", "latency_p99_ms", "load")


def sample(stand: Stand, crowd: Crowd, begun: float) -> dict[str, float]:
    web, worker = stand.processes["web"].pid, stand.processes["worker-0"].pid
    of_worker = [worker, *descendants_of(worker)]
    waits = crowd.take_waits()
    joined = "twin_estimatorprogress p JOIN twin_estimator e ON e.id = p.estimator_id"
    behind = stand.ask(f"SELECT SUM(b.rows - p.rows_seen) FROM {joined} JOIN datahub_battery b ON b.id = e.battery_id")
    return {
        "seconds": round(time.monotonic() - begun, 1),
        "rows": crowd.acknowledged,
        "web_mib": round(resident_bytes(web) / MIB, 2),
        "worker_mib": round(sum(map(resident_bytes, of_worker)) / MIB, 2),
        "web_files": open_files(web),
        "worker_files": sum(map(open_files, of_worker)),
        "web_threads": threads_of(web),
        "worker_threads": sum(map(threads_of, of_worker)),
        "rows_waiting_for_acknowledgement": crowd.sent - crowd.acknowledged,
        "rows_waiting_for_estimates": int(behind[0][0] or 0),
        "jobs_waiting": stand.ask("SELECT COUNT(*) FROM jobs_job WHERE state = 'queued'")[0][0],
        "latency_p50_ms": round(float(np.nanmedian(waits)), 2),
        "latency_p99_ms": round(float(np.nanpercentile(waits, 99)), 2),
        "load": os.getloadavg()[0],
    }


async def soak(stand: Stand, options: argparse.Namespace, out: Path) -> tuple[list[dict[str, float]], Crowd]:
    crowd = Crowd(stand, options.sockets, options.seconds_a_row, SECONDS_TO_OPEN)
    living = asyncio.create_task(crowd.live())
    await asyncio.sleep(SECONDS_TO_OPEN + 2 * SECONDS_A_SAMPLE)
    crowd.take_waits()
    begun = time.monotonic()
    samples: list[dict[str, float]] = []
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*ONLY_SHOWN[:2], *(curve.name for curve in CURVES), *ONLY_SHOWN[2:]])
        writer.writeheader()
        while time.monotonic() - begun < 60 * options.minutes and not living.done():
            await asyncio.sleep(max(0.0, begun + (len(samples) + 1) * SECONDS_A_SAMPLE - time.monotonic()))
            samples.append(await asyncio.to_thread(sample, stand, crowd, begun))
            writer.writerow(samples[-1])
            file.flush()
    if living.done():
        living.result()
    living.cancel()
    return samples, crowd


@dataclass(frozen=True)
class Verdict:
    curve: Curve
    mean: float
    least: float
    most: float
    rise: float  # of the fitted line, from its first sample to its last
    error: float  # one standard error of that
    tolerance: float

    @property
    def is_flat(self) -> bool:
        return self.rise <= self.tolerance

    def __str__(self) -> str:
        return (
            f"{self.curve.name:34} mean {self.mean:9.1f}  least {self.least:9.1f}  most {self.most:9.1f}  "
            f"line rises {self.rise:+9.2f} ± {self.error:.2f} (may {self.tolerance:.1f}): "
            f"{'flat' if self.is_flat else 'NOT FLAT'}"
        )


def judged(samples: list[dict[str, float]], curve: Curve) -> Verdict:
    """A straight line by least squares through all samples but those of the beginning."""
    kept = samples[int(len(samples) * SHARE_OF_BEGINNING) :]
    seconds = np.array([each["seconds"] for each in kept])
    values = np.array([each[curve.name] for each in kept], float)
    known = np.isfinite(values)
    seconds, values = seconds[known], values[known]
    (slope, _), spread = np.polyfit(seconds, values, 1, cov=True)
    window = seconds[-1] - seconds[0]
    mean = float(values.mean())
    return Verdict(
        curve, mean, float(values.min()), float(values.max()), float(slope * window),
        float(np.sqrt(spread[0, 0]) * window), max(curve.share * mean, curve.least),
    )  # fmt: skip


def drawn(samples: list[dict[str, float]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    names = [*(curve.name for curve in CURVES), "latency_p99_ms", "load"]
    figure, axes = pyplot.subplots(len(names) // 2, 2, figsize=(11, 1.6 * len(names) / 2 + 1), sharex=True)
    minutes = [each["seconds"] / 60 for each in samples]
    for name, axis in zip(names, axes.flat, strict=True):
        values = [each[name] for each in samples]
        axis.plot(minutes, values, linewidth=1)
        axis.set_title(name.replace("_", " "), fontsize=9)
        axis.set_ylim(0, 1.1 * max(values) or 1)
        axis.grid(alpha=0.3)
    for axis in axes[-1]:
        axis.set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--seconds-a-row", type=float, default=1.0, help="Of each socket; 1.")
    parser.add_argument("--estimators", type=int, default=100, help="Batteries with the built-in filter; 100.")
    parser.add_argument("--scripts", type=int, default=2, help="Batteries with a script; 2.")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--server", choices=("daphne", "uvicorn"), default="daphne")
    parser.add_argument("--out", type=Path, default=Path("var"), help="Folder of soak-….csv and soak-….png; var.")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    csv_file = options.out / f"soak-{options.database}-{options.server}.csv"
    fleet = batteries(options.estimators, options.scripts)
    with (
        tempfile.TemporaryDirectory(prefix="rovi-soak-") as folder,
        Cluster() if options.database == "postgresql" else nullcontext() as cluster,
        Stand(Path(folder) / "data", cluster, fleet=fleet, rows=0, ROVI_SERVER=options.server) as stand,
    ):
        stand.launch("web")
        stand.launch("worker-0")
        stand.wait_until(stand.answers)
        samples, crowd = asyncio.run(soak(stand, options, csv_file))
        ended = [name for name, process in stand.processes.items() if process.poll() is not None]
    drawn(samples, csv_file.with_suffix(".png"))
    verdicts = [judged(samples, curve) for curve in CURVES]
    print(
        f"{options.minutes:g} min, {options.sockets} sockets with a row every {options.seconds_a_row:g} s, "
        f"{len(fleet)} estimators, {options.database}, {options.server}; {crowd.acknowledged} rows acknowledged, "
        f"{crowd.breaks} connections broke, processes that ended: {', '.join(ended) or 'none'}; "
        f"load average {np.mean([each['load'] for each in samples]):.1f}"
    )
    print(*verdicts, f"{csv_file}, {csv_file.with_suffix('.png')}", sep="\n")
    return 0 if all(verdict.is_flat for verdict in verdicts) and not ended and not crowd.breaks else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
