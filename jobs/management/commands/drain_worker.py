"""Let workers finish what they have, take nothing new, and end."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Asks workers to finish what they have, take nothing new, and end. A supervisor such as manage.py serve starts "
        "a fresh one in its place."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", help="Of workers, as the status page tells them.")
        parser.add_argument("--all", action="store_true", help="All that are alive.")
        parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="Until they have ended.")

    def handle(self, *args: Any, **options: Any) -> None:
        from access.errors import Refused
        from jobs.draining import drain
        from jobs.models import Worker
        from jobs.queries import alive_workers

        names = options["names"]
        if bool(names) == options["all"]:
            raise CommandError("Name workers, or say --all.")
        workers = list(alive_workers() if options["all"] else Worker.objects.filter(name__in=names))
        if missing := set(names) - {worker.name for worker in workers}:
            raise CommandError(f"There is no worker {', '.join(sorted(missing))}.")
        for worker in workers:
            try:
                drain(worker)
            except Refused as refused:
                raise CommandError(refused.message) from None
            self.stdout.write(f"{worker.name} finishes what it has and ends.")
        self._wait([worker.pk for worker in workers], options["wait"])

    def _wait(self, ids: list[int], seconds: float) -> None:
        from jobs.queries import alive_workers

        until = time.monotonic() + seconds
        while left := list(alive_workers().filter(pk__in=ids).values_list("name", flat=True)):
            if not seconds:
                return
            if time.monotonic() > until:
                raise CommandError(f"Still at work after {seconds:g} s: {', '.join(left)}.")
            time.sleep(LOOK_SECONDS)
