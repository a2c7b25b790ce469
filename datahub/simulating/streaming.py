"""Send the lives of a fleet to a service: register, history at once, then live; go on where the server stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from datahub.simulating.describing import description_of, metadata_of, name_of
from datahub.simulating.lives import ROW_COLUMNS, TRUTH_COLUMNS, LifePlan, Part, life_of, part_since
from datahub.streaming.client import RowStream
from datahub.streaming.service import RefusedByService, Service, ServiceError, Unreachable
from energykit.simulation import SimulatedCell

TRUTHS_A_POST = 2_000
LIVE_TRUTHS_A_POST = 15
PATIENCE_SECONDS = 3_600.0
REDIAL_SECONDS = 2.0

FORECASTER = "capacity trend"
FORECASTER_SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "examples" / "capacity_trend.py"
FORECASTER_QUERY = "SELECT test_time, q_t__base_values FROM $TABLE_NAME$ ORDER BY test_time DESC LIMIT 20000"


@dataclass(frozen=True)
class Fleet:
    """`say` takes one line for people at a time."""

    service: Service
    cells: list[SimulatedCell]
    seed: int
    plan: LifePlan
    say: Callable[[str], None]

    async def live(self) -> None:
        """Until cancelled, or until all have sent the rows they may. Raises ServiceError when none could go on."""
        lives = [self._live(cell, place) for place, cell in enumerate(self.cells, start=1)]
        ends = await asyncio.gather(*lives, self._offer_a_forecaster(), return_exceptions=True)
        failed = [end for end in ends if isinstance(end, BaseException)]
        if failed and len(failed) >= len(self.cells):
            raise failed[0]

    async def _offer_a_forecaster(self) -> None:
        """One forecaster for the whole fleet, where there is none of its name yet."""
        path = "/api/v1/forecasters/"
        try:
            found = await patiently(self.service, "GET", path + "?" + urlencode({"name": FORECASTER}))
            if found["results"]:
                return
            names = [name_of(cell, place, self.seed) for place, cell in enumerate(self.cells, start=1)]
            script = await asyncio.to_thread(FORECASTER_SCRIPT.read_text, encoding="utf-8")
            wish = {"name": FORECASTER, "definition": script, "sql_query": FORECASTER_QUERY, "batteries": names}
            await patiently(self.service, "POST", path, wish)
        except ServiceError as failed:
            self.say(f"The forecaster {FORECASTER!r} was not registered: {failed}")

    async def _live(self, cell: SimulatedCell, place: int) -> None:
        name = name_of(cell, place, self.seed)
        try:
            # Cells take turns, so that rows of the fleet come evenly and not all in the same moment.
            await CellStream(self, cell, name, shift=(place - 1) / len(self.cells)).run()
        except ServiceError as failed:
            self.say(f"{name}: {failed}")
            raise


class CellStream:
    """One cell and its socket."""

    def __init__(self, fleet: Fleet, cell: SimulatedCell, name: str, shift: float) -> None:
        self.service, self.plan, self.say = fleet.service, fleet.plan, fleet.say
        self.cell, self.name, self.shift = cell, name, shift
        self.stream = RowStream(self.service, name, patience_seconds=PATIENCE_SECONDS)
        self.truths: list[dict[str, float]] = []
        self.truth_path = ""
        self.is_live = False
        self.due = 0.0

    async def run(self) -> None:
        await self._register()
        newest = (await self.stream.open()).last_test_time
        try:
            for part in life_of(self.cell, self.plan):
                await asyncio.sleep(0)  # simulating takes the processor: let the others have a turn
                fresh = part_since(part, newest)
                if len(fresh) < len(part):  # stored before; the truth of the last of them may not be
                    self._remember_truth(part)
                    self.truths = self.truths[-2 * LIVE_TRUTHS_A_POST :]
                if len(fresh):
                    await (self._send_live(fresh) if part.pause is not None else self._send_history(fresh))
            await self.stream.acknowledged()
            await self._post_truths()
            self.say(f"{self.name}: has sent all the rows it may.")
        finally:
            await self.stream.close()

    # --- before the first row --------------------------------------------------------------------------------------
    async def _register(self) -> None:
        """The battery, and the built-in filter with this cell's datasheet, where it has none yet."""
        await self._ask("POST", "/db/register", metadata_of(self.cell, self.name))
        found = await self._ask("GET", "/api/v1/batteries/?" + urlencode({"name": self.name}))
        path = f"/api/v1/batteries/{found['results'][0]['id']}/"
        self.truth_path = path + "truth/"
        if not found["results"][0]["is_simulated"]:
            await self._ask("PATCH", path, {"is_simulated": True, "description": description_of(self.cell)})
        estimators = await self._ask("GET", "/api/v1/estimators/?" + urlencode({"battery__name": self.name}))
        if not estimators["results"]:
            parameters = self.cell.filter_parameters().to_mapping()
            wish = {"battery": self.name, "kind": "joint_ukf", "parameters": parameters}
            await self._ask("POST", "/api/v1/estimators/", wish)

    async def _ask(self, method: str, path: str, document: Any = None) -> Any:
        return await patiently(self.service, method, path, document)

    # --- rows and their truth --------------------------------------------------------------------------------------
    async def _send_history(self, part: Part) -> None:
        """The truth goes first: when the rows are there, so is what they are held against."""
        self._remember_truth(part)
        await self._post_truths()
        await self.stream.send(part.of(ROW_COLUMNS), len(part))

    async def _send_live(self, part: Part) -> None:
        assert part.pause is not None
        if not self.is_live:
            await self.stream.acknowledged()
            self.is_live = True
            self.due = time.monotonic() + self.shift * part.pause
            self.say(f"{self.name}: history is stored; live with a row every {part.pause:g} s.")
        await asyncio.sleep(max(self.due - time.monotonic(), 0.0))
        # A sleep of this machine, or of the server, is not made up for: the cell simply lives on.
        self.due = max(self.due + part.pause, time.monotonic())
        columns = part.of(ROW_COLUMNS)
        for values in zip(*columns.values(), strict=True):
            await self.stream.send(dict(zip(columns, values, strict=True)))
        self._remember_truth(part)
        if len(self.truths) >= LIVE_TRUTHS_A_POST:
            await self._post_truths()

    def _remember_truth(self, part: Part) -> None:
        truth = part.of(TRUTH_COLUMNS)
        self.truths += [dict(zip(truth, values, strict=True)) for values in zip(*truth.values(), strict=True)]

    async def _post_truths(self) -> None:
        for first in range(0, len(self.truths), TRUTHS_A_POST):
            await self._ask("POST", self.truth_path, self.truths[first : first + TRUTHS_A_POST])
        self.truths = []


async def patiently(service: Service, method: str, path: str, document: Any = None) -> Any:
    """What the service answers: its restart, or a lock that was waited for too long, is no reason to give up."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await asyncio.to_thread(service.ask, method, path, document)
        except (Unreachable, RefusedByService) as failed:
            for_good = isinstance(failed, RefusedByService) and failed.is_final
            if for_good or time.monotonic() > until:
                raise
        await asyncio.sleep(REDIAL_SECONDS)
