"""Stream a data file into a service over its WebSocket, row by row at its own pace or as fast as rows are stored."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.core.management.base import BaseCommand, CommandError

from access.errors import Refused
from datahub.readers import FileOfRows
from datahub.streaming.client import Hello, RowStream
from datahub.streaming.service import RefusedByService, Service, ServiceError

FIRST_PATIENCE_SECONDS = 10.0
BAR_SECONDS = 0.2
SHOWN_REFUSALS = 5
INTERRUPTED = 130  # as a shell counts SIGINT


class Command(BaseCommand):
    help = "Streams an HDF5 file of battery-data-toolkit (also Parquet, CSV, BDF) over the WebSocket, acknowledged."
    requires_system_checks = []  # of the service, whose client this is

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--name", default="", help="Battery; default: the file's metadata, or its own name.")
        parser.add_argument(
            "--url", default="", help="ws:// or http://user:password@host:port; default: the local one."
        )
        pace = parser.add_mutually_exclusive_group()
        pace.add_argument("--speedup", type=float, default=1.0, metavar="X", help="So many times the measured pace; 1.")
        pace.add_argument("--as-fast-as-possible", action="store_true", help="No pauses, many rows a frame.")
        parser.add_argument("--max-rows", type=int, metavar="N", help="Only the first N rows of the file.")
        parser.add_argument("--resume", action="store_true", help="Go on where the server stands.")
        parser.add_argument("--finish", action="store_true", help="The test ends with the file: no alarm after it.")
        parser.add_argument("--token", default="", help="A bearer token, such as a device's.")
        parser.add_argument("--user", default="")
        parser.add_argument("--password", default="")
        parser.add_argument("--report-every", type=float, default=10.0, metavar="S", help="Print health; 0: never.")
        parser.add_argument("--patience", type=float, default=300.0, metavar="S", help="How long to re-dial; 300 s.")

    def handle(self, *args: Any, **options: Any) -> None:
        from datahub.readers import open_rows
        from datahub.streaming.local import service_of

        if options["speedup"] <= 0:
            raise CommandError("--speedup takes a number above 0; --as-fast-as-possible has no pauses at all.")
        try:
            service = service_of(
                options["url"], token=options["token"], user=options["user"], password=options["password"]
            )
            rows = open_rows(options["file"])
        except (ValueError, Refused) as wrong:
            raise CommandError(str(wrong)) from None
        try:
            status = asyncio.run(Run(service, rows, options).stream())
        except (ServiceError, Refused) as failed:
            raise CommandError(str(failed)) from None
        finally:
            rows.close()
        if status:
            sys.exit(status)


class Run:
    """One call of the command."""

    def __init__(self, service: Service, rows: FileOfRows, options: dict[str, Any]) -> None:
        from tqdm import tqdm

        self.service, self.rows, self.options = service, rows, options
        named = (rows.metadata or {}).get("name")
        self.name: str = options["name"] or named or options["file"].name.split(".", 1)[0]
        self.total = min(rows.rows, options["max_rows"] if options["max_rows"] is not None else rows.rows)
        self.say = tqdm.write
        self.stream_of_rows = RowStream(service, self.name, patience_seconds=options["patience"], tell=self.say)
        self.passed = 0

    async def stream(self) -> int:
        await self._register()
        hello = await self.stream_of_rows.open(min(FIRST_PATIENCE_SECONDS, self.options["patience"]))
        if hello.position and not self.options["resume"]:
            self.say(f"{self.name!r} holds {hello.position:,} rows; those of this file that are among them repeat.")
        began = time.monotonic()
        sending = asyncio.create_task(self._send(hello))
        beside = [asyncio.create_task(self._draw()), asyncio.create_task(self._report_health())]
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, sending.cancel)
        interrupted = False
        try:
            await sending
        except asyncio.CancelledError:
            interrupted = True
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self.stream_of_rows.close()
        return await self._sum_up(hello, time.monotonic() - began, interrupted)

    async def _register(self) -> None:
        """A device token may not, and need not: the first row makes the battery."""
        if self.rows.metadata is None:
            return
        try:
            await asyncio.to_thread(self.service.post, "/db/register", {**self.rows.metadata, "name": self.name})
            self.say(f"Registered {self.name!r}.")
        except RefusedByService as refused:
            if refused.status == 401:
                raise
            self.say(f"The metadata was not registered: {refused}.")

    async def _send(self, hello: Hello) -> None:
        from datahub.streaming.files import Pace, stream_rows

        pace = Pace(None if self.options["as_fast_as_possible"] else self.options["speedup"], self.options["max_rows"])
        since = hello if self.options["resume"] else None
        await stream_rows(self.rows, self.stream_of_rows, pace, since, self._note_passed)

    def _note_passed(self, rows: int) -> None:
        self.passed = rows

    async def _draw(self) -> None:
        from tqdm import tqdm

        with tqdm(total=self.total, unit=" rows", unit_scale=True, smoothing=0.05, file=sys.stderr) as bar:
            try:
                while True:
                    bar.update(self.passed + self.stream_of_rows.handled - bar.n)
                    await asyncio.sleep(BAR_SECONDS)
            finally:
                bar.update(self.passed + self.stream_of_rows.handled - bar.n)

    async def _report_health(self) -> None:
        if self.options["report_every"] <= 0:
            return
        while True:
            await asyncio.sleep(self.options["report_every"])
            await self._say_health()

    async def _say_health(self) -> None:
        from datahub.streaming.health import health_line

        with contextlib.suppress(ServiceError):  # a restart, or a device token that may only send
            status = await asyncio.to_thread(self.service.get, "/online/status")
            self.say(health_line(status.get(self.name)))

    async def _finish(self) -> None:
        try:
            battery = await asyncio.to_thread(self.service.battery_named, self.name)
            await asyncio.to_thread(self.service.patch, f"/api/v1/batteries/{battery['id']}/", {"finished": True})
            self.say(f"{self.name!r} is marked as finished.")
        except ServiceError as failed:
            self.say(f"{self.name!r} could not be marked as finished: {failed}")

    async def _sum_up(self, before: Hello, seconds: float, interrupted: bool) -> int:
        from datahub.streaming.client import position_of

        stream = self.stream_of_rows
        refused = len(stream.rejected)
        after = await position_of(self.service, self.name)
        stored = after.position - before.position
        self.say(
            f"{stream.sent:,} rows sent, {stored:,} stored, {max(stream.handled - stored - refused, 0):,} repeated, "
            f"{refused:,} refused, {self.passed:,} passed over; {seconds:.1f} s, "
            f"{stream.handled / max(seconds, 1e-9):,.0f} rows/s; {self.name!r} holds {after.position:,} rows."
        )
        if self.options["report_every"] > 0:
            await self._say_health()
        for row, rejection in sorted(stream.rejected.items())[:SHOWN_REFUSALS]:
            self.say(f"  row {self.passed + row:,} refused: {rejection['message']}")
        if self.options["finish"] and not interrupted:
            await self._finish()
        elif not interrupted and after.position:
            page = f"{self.service.address}/dashboard/{quote(self.name, safe='')}?tab=about"
            self.say(f"Was this the whole test? --finish, or Finish at {page}, says that its silence is no alarm.")
        if interrupted:
            self.say(
                f"Interrupted with {stream.sent - stream.handled:,} rows unacknowledged; --resume goes on from there."
            )
            return INTERRUPTED
        return 1 if refused else 0
