"""Pages that people look at, as far as the server can tell.

Each has the socket of pages open, and fetches the chart of a battery each time that it is told of a change of it.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


@contextmanager
def watching(port: int, authorization: str, pages: int) -> Iterator[None]:
    context = get_context("spawn")
    are_there = context.Event()
    process = context.Process(target=_watch, args=(port, authorization, pages, are_there), daemon=True)
    process.start()
    try:
        if not are_there.wait(60):
            raise SystemExit("The pages did not open.")
        yield
    finally:
        process.terminate()
        process.join()


def _watch(port: int, authorization: str, pages: int, are_there: Any) -> None:
    opened = threading.Barrier(pages + 1)
    for number in range(pages):
        threading.Thread(target=_page, args=(port, authorization, number, opened), daemon=True).start()
    opened.wait()
    are_there.set()
    threading.Event().wait()


def _page(port: int, authorization: str, number: int, opened: threading.Barrier) -> None:
    headers = {"Authorization": authorization}
    with connect(f"ws://127.0.0.1:{port}/ws/updates/", additional_headers=headers) as socket:
        opened.wait()
        watched = None
        try:
            while True:
                changed = json.loads(socket.recv())["changed"].get("battery", [])
                if changed and watched is None:
                    watched = changed[number % len(changed)]
                if watched in changed:
                    address = f"http://127.0.0.1:{port}/charts/batteries/{watched}"
                    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
                        answer.read()
        except (ConnectionClosed, OSError):
            return
