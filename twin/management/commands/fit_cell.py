"""Fit a cell model to a file's rows or a battery's, print what was found, and keep it where a name is given."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from access.errors import Refused

if TYPE_CHECKING:
    from datahub.models import Battery
    from energykit.fitting import CellFit
    from twin.fitting.gathering import Gathered
    from twin.fitting.records import ParameterSet
    from twin.fitting.wishes import FitRequest


class Command(BaseCommand):
    help = "Fits a cell model (capacity, OCV, resistances, noises) to the rows of a file or of a battery."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", metavar="FILE|BATTERY", help="A data file, or the name of a battery.")
        parser.add_argument("--rows", default="", metavar="A:B", help="Rows A up to before B, counted from 0.")
        parser.add_argument("--start", type=float, metavar="S", help="Least test_time, s.")
        parser.add_argument("--end", type=float, metavar="S", help="test_time before which rows end, s.")
        parser.add_argument(
            "--preset", default="", help="For the OCV curve where no whole cycle shows it, such as nmc."
        )
        parser.add_argument("--capacity", type=float, metavar="AH", help="Ah; used where no whole cycle shows it.")
        parser.add_argument(
            "--spans-all", action="store_true", help="The lowest and highest point of the rows are empty and full."
        )
        parser.add_argument("--save", default="", metavar="NAME", help="Keep it as a parameter set of this name.")
        parser.add_argument("--battery", default="", metavar="NAME", help="With --save: the battery that a file is of.")

    def handle(self, *args: Any, **options: Any) -> None:
        from twin.fitting.running import fitted
        from twin.fitting.wishes import fit_request

        try:
            asked = fit_request(self._wishes(options))
            gathered, battery = self._gathered(options["what"], asked)
            if options["battery"]:
                battery = _battery(options["battery"])
            fit = fitted(gathered, asked, self._tell)
        except Refused as refused:
            self._end_of_progress()
            raise CommandError(f"{refused.message} {refused.hint}".strip()) from None
        self._end_of_progress()
        self._print(fit, gathered)
        if options["save"]:
            self._save(fit, gathered, asked, options["save"], battery)
        else:
            self.stdout.write("\nNot kept; --save NAME keeps it, for the page and for estimators.")

    def _wishes(self, options: dict[str, Any]) -> dict[str, Any]:
        first, end = _rows(options["rows"])
        return {
            "preset": options["preset"], "capacity_ah": options["capacity"], "spans_all": options["spans_all"],
            "start": options["start"], "end": options["end"], "first_row": first, "end_row": end,
        }  # fmt: skip

    def _gathered(self, what: str, asked: FitRequest) -> tuple[Gathered, Battery | None]:
        from twin.fitting.gathering import rows_of_battery, rows_of_file

        path = Path(what)
        if path.is_file():
            return rows_of_file(path, asked), None
        battery = _battery(what)
        return rows_of_battery(battery, asked), battery

    def _tell(self, fraction: float, message: str) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{100 * fraction:3.0f} %  {message:<50}", ending="")

    def _end_of_progress(self) -> None:
        if sys.stderr.isatty():
            self.stderr.write("\r" + " " * 60 + "\r", ending="")

    def _print(self, fit: CellFit, gathered: Gathered) -> None:
        write = self.stdout.write
        write(f"{gathered.source}: {fit.rows:,} rows, test_time {fit.first_time:,.0f} to {fit.last_time:,.0f} s\n")
        width = max(len(each.title) for each in fit.findings)
        for each in fit.findings:
            value = f"{each.value:.5g} ±{each.band:.2g} {each.unit}".strip()
            write(f"  {each.title:<{width}}  {value:<24} {each.rows:>7,} rows  {each.how}")
        rows, error = fit.finding("soc_a_day").rows, 1e3 * fit.voltage_rmse
        write(f"\nThe filter over the first {rows:,} rows: mean NIS {fit.mean_nis:.2f}, voltage within {error:.1f} mV.")
        for warning in fit.warnings:
            write(self.style.WARNING(f"! {warning}"))

    def _save(self, fit: CellFit, gathered: Gathered, asked: FitRequest, title: str, battery: Battery | None) -> None:
        from django.urls import reverse

        from twin.fitting.running import keep

        kept: ParameterSet = keep(fit, gathered, asked, title=title[:200], battery=battery, fitted_by=None)
        address = reverse("parameter-set", args=[kept.pk])
        self.stdout.write(f"\nKept as parameter set {kept.pk}, {title!r}; its plots are at {address} of the service.")


def _rows(text: str) -> tuple[int, int | None]:
    if not text:
        return 0, None
    first, colon, end = text.partition(":")
    if not colon or not all(part == "" or part.isdigit() for part in (first, end)):
        raise CommandError(f"--rows takes two numbers such as 0:5000, not {text!r}.")
    return int(first or 0), int(end) if end else None


def _battery(name: str) -> Battery:
    from datahub.queries import battery_named

    return battery_named(name)
