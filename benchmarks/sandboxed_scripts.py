"""How long a zygote, a guest and a call take: `python -m benchmarks.sandboxed_scripts`. Trust the ratios."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import sandbox

SCRIPT = b"""
def run(**columns):
    return columns
"""
GUEST = "benchmarks.sandboxed_guest"


def main() -> None:
    with tempfile.TemporaryDirectory() as base:
        report("an interpreter that imports pandas, from nothing", [timed(import_pandas) for _ in range(3)])
        report("probe of the walls", [timed(sandbox.probe_walls.__wrapped__) for _ in range(3)])
        report("zygote start, libraries loaded", [timed(lambda: sandbox.Zygote.start().stop()) for _ in range(3)])
        with sandbox.Zygote.start() as zygote:

            def open_one() -> None:
                opened = zygote.open(GUEST, sandbox.private_folder(Path(base), {"script.py": SCRIPT}))
                opened.call("load", {})
                guests.append(opened)

            guests: list[sandbox.Guest] = []
            report("guest opened, its script loaded", [timed(open_one) for _ in range(20)])
            print(f"  walls: {', '.join(guests[0].walls)}")
            report("guest closed, its folder removed", [timed(guest.close) for guest in guests[1:]])
            guest = guests[0]
            report("call with a small dict", [timed(lambda: guest.call("run", {"time": 1.0})) for _ in range(5_000)])
            block = {f"column{number}": np.random.default_rng(number).normal(size=10_000) for number in range(9)}
            report(
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


def report(what: str, seconds: list[float]) -> None:
    middle = statistics.median(seconds)
    shown = f"{middle * 1e6:,.0f} µs" if middle < 1e-3 else f"{middle * 1e3:,.1f} ms"
    best, worst = min(seconds) / middle, max(seconds) / middle
    print(f"{what}: {shown} (best {best:.0%}, worst {worst:.0%} of it, n = {len(seconds)})")


if __name__ == "__main__":
    main()
