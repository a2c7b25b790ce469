"""Many clients of the upload socket, all in one event loop."""

from __future__ import annotations

import asyncio
import random
import time
from urllib.parse import quote

import msgpack
import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.disturbed import Stand
from tests.sending import row


def dialled(stand: Stand, name: str) -> connect:
    """A socket with acknowledgements; patient, as a crowd waits."""
    address = f"ws://127.0.0.1:{stand.port}/db/upload/{quote(name, safe='')}?ack=1"
    headers = {"Authorization": f"Bearer {stand.token}"}
    return connect(address, additional_headers=headers, compression=None, proxy=None, open_timeout=300, ping_timeout=60)


async def all_at_once(stand: Stand, sockets: int, rows: int) -> list[float]:
    """That many open at the same moment and send rows; seconds of each from dialling to its last acknowledgement."""
    return list(await asyncio.gather(*(_one(stand, f"crowd-{number}", rows) for number in range(sockets))))


async def _one(stand: Stand, name: str, rows: int) -> float:
    begun = time.monotonic()
    async with dialled(stand, name) as wire:
        await wire.recv()
        for number in range(rows):
            await wire.send(msgpack.packb({"test_time": float(number), "current": 1.0, "voltage": 3.5}))
        while msgpack.unpackb(await wire.recv())["ack"] < rows:
            pass
    return time.monotonic() - begun


class Crowd:
    """Sockets that send a row every `seconds_a_row` for ever; they open within `seconds_to_open`, one by one."""

    def __init__(self, stand: Stand, sockets: int, seconds_a_row: float, seconds_to_open: float) -> None:
        self.stand = stand
        self.seconds_to_open = seconds_to_open
        self.names = [*stand.names, *(f"soaked-{number}" for number in range(sockets - len(stand.names)))]
        self.seconds_a_row = seconds_a_row
        self.sent = self.acknowledged = self.breaks = 0
        self.waits: list[float] = []

    async def live(self) -> None:
        await asyncio.gather(*(self._one(name, place / len(self.names)) for place, name in enumerate(self.names)))

    async def _one(self, name: str, shift: float) -> None:
        await asyncio.sleep(shift * self.seconds_to_open)
        while True:
            try:
                async with dialled(self.stand, name) as wire:
                    position = msgpack.unpackb(await wire.recv())["position"]
                    number = position
                    while True:
                        begun = time.monotonic()
                        await wire.send(msgpack.packb(row(number)))
                        self.sent += 1
                        number += 1
                        while msgpack.unpackb(await wire.recv())["ack"] < number:
                            pass
                        self.acknowledged += 1
                        self.waits.append(time.monotonic() - begun)
                        pause = self.seconds_a_row * random.uniform(0.8, 1.2)
                        await asyncio.sleep(max(0.0, begun + pause - time.monotonic()))
            except (OSError, WebSocketException) as broken:
                self.breaks += 1
                print(f"{name}: {broken!r}", flush=True)
                await asyncio.sleep(1)

    def take_waits(self) -> np.ndarray:
        """Those since the last time, ms."""
        taken, self.waits = self.waits, []
        return np.array(taken or [np.nan]) * 1000
