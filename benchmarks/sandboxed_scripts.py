"""How long a zygote, a guest and a call take: `python -m benchmarks.sandboxed_scripts`. Trust the ratios."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import sandbox
from benchmarks.bench import Figure, alone

SCRIPT = b"""
def run(**columns):
    return columns
"""
GUEST = "benchmarks.sandboxed_guest"


def figures(asked: argparse.Namespace) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as base:
        yield figure("an interpreter that imports pandas, from nothing", [timed(import_pandas) for _ in range(3)])
        yield figure("probe of the walls", [timed(sandbox.probe_walls.__wrapped__) for _ in range(3)])
        yield figure("zygote start, libraries loaded", [timed(lambda: sandbox.Zygote.start().stop()) for _ in range(3)])
        with sandbox.Zygote.start() as zygote:

            def open_one() -> None:
                opened = zygote.open(GUEST, sandbox.private_folder(Path(base), {"script.py": SCRIPT}))
                opened.call("load", {})
                guests.append(opened)

            guests: list[sandbox.Guest] = []
            yield figure("guest opened, its script loaded", [timed(open_one) for _ in range(20)])
            print(f"  walls: {', '.join(guests[0].walls)}")
            yield figure("guest closed, its folder removed", [timed(guest.close) for guest in guests[1:]])
            guest = guests[0]
            yield figure(
                "call with a small dict", [timed(lambda: guest.call("run", {"time": 1.0})) for _ in range(5_000)]
            )
            block = {f"column{number}": np.random.default_rng(number).normal(size=10_000) for number in range(9)}
            yield figure(
                "call with 10,000 rows × 9 columns, there and back",
                [timed(lambda: guest.call("run", block)) for _ in range(200)],
            )
            guest.close()


def import_pandas() -> None:
    subprocess.run([sys.executable, "-c", "import pandas"], check=True)


def timed(deed: Callable[[], object]) -> float:
    start = time.perf_counter()
    deed()
    return time.perf_counter() - start


def figure(what: str, seconds: list[float]) -> Figure:
    middle = statistics.median(seconds)
    note = f"best {min(seconds) / middle:.0%}, worst {max(seconds) / middle:.0%} of it, n = {len(seconds)}"
    return Figure(what, middle * 1e3, "ms", note=note)


if __name__ == "__main__":
    alone(__doc__, figures)
