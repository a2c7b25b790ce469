"""Run jobs and duties (estimation among them) until told to stop."""

from __future__ import annotations

import signal
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Runs jobs and estimates health until it gets SIGINT or SIGTERM. Any number of workers may run. With REDIS_URL "
        "it is a Celery worker, as `celery -A rovi_site worker` is."
    )
    requires_system_checks = []  # as `serve`: they would load all pages first

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--job-threads", type=int, default=2, help="How many jobs run at the same time.")
        parser.add_argument("--no-duties", action="store_true", help="Only jobs, no estimation.")
        parser.add_argument(
            "--shards", type=numbers, help="Parts of the fleet to take, such as 0-7,12; else its share of all."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from django.conf import settings

        shards: list[int] | None = [] if options["no_duties"] else options["shards"]
        if shards and max(shards) >= settings.SHARDS:
            raise CommandError(f"--shards goes to {settings.SHARDS - 1}; ROVI_SHARDS={settings.SHARDS} says how many.")
        if settings.REDIS_URL:
            from jobs.running.celery_worker import serve

            serve(options["job_threads"], shards)
            return
        from jobs.running.worker import WorkerProcess

        process = WorkerProcess(options["job_threads"], with_duties=shards != [], shards=shards)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: process.stop())
        self.stdout.write(f"Worker {process.worker.name} is running. Stop it with Ctrl-C.")
        process.run()
        self.stdout.write("Worker stopped.")


def numbers(text: str) -> list[int]:
    """`0-3,8` as [0, 1, 2, 3, 8]."""
    found: set[int] = set()
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    except ValueError:
        raise ArgumentTypeError("takes numbers and ranges of them, such as 0-7,12") from None
    return sorted(found)
