"""The floor that ingest is measured against: a bare `websockets` server that unpacks each frame and answers it.

It checks nothing and stores nothing. Called with a port.
"""

from __future__ import annotations

import asyncio
import sys

import msgpack
from websockets.asyncio.server import ServerConnection, serve


async def answer_each_frame(socket: ServerConnection) -> None:
    rows = 0
    await socket.send(msgpack.packb({"position": 0, "last_test_time": None}))
    async for frame in socket:
        records = msgpack.unpackb(frame)
        rows += len(records) if isinstance(records, list) else 1
        await socket.send(msgpack.packb({"ack": rows}))


async def main(port: int) -> None:
    async with serve(answer_each_frame, "127.0.0.1", port, max_size=None):
        await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
