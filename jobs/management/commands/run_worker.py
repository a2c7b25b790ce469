"""Run jobs and duties (estimation among them) until told to stop."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Runs jobs and estimates health until it gets SIGINT or SIGTERM. Any number of workers may run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--job-threads", type=int, default=2, help="How many jobs run at the same time.")
        parser.add_argument("--no-duties", action="store_true", help="Only jobs, no estimation.")

    def handle(self, *args: Any, **options: Any) -> None:
        from jobs.running.worker import WorkerProcess

        process = WorkerProcess(options["job_threads"], with_duties=not options["no_duties"])
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: process.stop())
        self.stdout.write(f"Worker {process.worker.name} is running. Stop it with Ctrl-C.")
        process.run()
        self.stdout.write("Worker stopped.")
