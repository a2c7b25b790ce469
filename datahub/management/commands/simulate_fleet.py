"""Simulate cells with a known truth and stream them, or write them to files."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

REFUSED_FOR_GOOD = 77  # EX_NOPERM of sysexits.h: who starts it again would only be refused again


class Command(BaseCommand):
    help = (
        "Simulates cells whose truth is known: years of life at once, then live rows that slow down, so that no cell "
        "ever sends more than --max-rows-per-cell. Started again, it goes on where the server stands."
    )
    requires_system_checks = []  # of the service, whose client this is

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cells", type=int, default=8)
        parser.add_argument("--years", type=float, default=5.0, help="Of history; 5.")
        parser.add_argument("--speedup", type=float, default=60.0, metavar="X", help="Of live rows; 60.")
        parser.add_argument("--seed", type=int, default=1, help="Another fleet; 1.")
        parser.add_argument("--out", type=Path, metavar="FILE.h5", help="Write the history; a file a cell.")
        parser.add_argument("--stream", action="store_true", help="Stream it; so it is without --out.")
        parser.add_argument("--seconds-a-row", type=float, default=2.0, metavar="S", help="Of the wall clock, live; 2.")
        parser.add_argument("--max-rows-per-cell", type=int, default=100_000, metavar="N")
        parser.add_argument(
            "--url", default="", help="ws:// or http://user:password@host:port; default: the local one."
        )
        parser.add_argument("--token", default="")
        parser.add_argument("--user", default="")
        parser.add_argument("--password", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        for name, least in (("cells", 1), ("max_rows_per_cell", 1)):
            if options[name] < least:
                raise CommandError(f"--{name.replace('_', '-')} takes a whole number of at least {least}.")
        for name in ("years", "speedup", "seconds_a_row"):
            if not 0 < options[name] < float("inf") and not (name == "years" and options[name] == 0):
                raise CommandError(f"--{name.replace('_', '-')} takes a number above 0.")
        if options["out"]:
            self._write(options)
        if options["stream"] or not options["out"]:
            self._stream(options)

    def _write(self, options: dict[str, Any]) -> None:
        from datahub.simulating.writing import paths_for, write_history
        from energykit.simulation import simulated_fleet

        out: Path = options["out"]
        if not out.parent.is_dir():
            raise CommandError(f"There is no folder {out.parent}; make it first.")
        cells = simulated_fleet(options["cells"], options["seed"])
        for place, (cell, path) in enumerate(zip(cells, paths_for(out, len(cells)), strict=True), start=1):
            rows = write_history(cell, place, options["seed"], options["years"], path)
            self.stdout.write(f"{path}: {rows:,} rows over {options['years']:g} years.")

    def _stream(self, options: dict[str, Any]) -> None:
        from datahub.simulating.lives import LifePlan
        from datahub.simulating.streaming import Fleet
        from datahub.streaming.local import service_of
        from datahub.streaming.service import RefusedByService, ServiceError
        from energykit.simulation import simulated_fleet

        try:
            service = service_of(
                options["url"], token=options["token"], user=options["user"], password=options["password"]
            )
        except ValueError as wrong:
            raise CommandError(str(wrong)) from None
        plan = LifePlan(
            years=options["years"],
            speedup=options["speedup"],
            seconds_a_row=options["seconds_a_row"],
            most_rows=options["max_rows_per_cell"],
        )
        cells = simulated_fleet(options["cells"], options["seed"])
        self.stdout.write(f"Streaming {len(cells)} simulated cells to {service.address}. Stop it with Ctrl-C.")
        try:
            asyncio.run(_until_stopped(Fleet(service, cells, options["seed"], plan, self.stdout.write)))
        except ServiceError as failed:
            refused = isinstance(failed, RefusedByService) and failed.is_final
            raise CommandError(str(failed), returncode=REFUSED_FOR_GOOD if refused else 1) from None


async def _until_stopped(fleet: Any) -> None:
    living = asyncio.create_task(fleet.live())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, living.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await living
