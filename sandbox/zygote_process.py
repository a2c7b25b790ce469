"""The process that guests are forked from: `python -m sandbox.zygote_process <fd> <module>…`, started by
sandbox/zygote.py only.

It imports the heavy libraries once, runs no stranger's code itself, keeps one thread, and forks a guest on each order
that comes over the control socket. It ends, and its guests with it, when that socket does.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

from sandbox.doors import can_become, unprivileged_uids
from sandbox.limits import STATUS_OUT_OF_MEMORY
from sandbox.serving import live

MOST_ORDER_BYTES = 1 << 16


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in sys.argv[2:]:
        with contextlib.suppress(ImportError):  # what is not installed cannot be asked for by a script either
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or the collector would touch, and so copy, each page in each guest
    _say(control, {"ready": True})
    Nursery(control).run()


class Nursery:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        # Number → process id. A guest is waited for only when the host asks, so that no id is another's meanwhile.
        self.guests: dict[int, int] = {}
        self.uids = self._uids()

    def run(self) -> None:
        while True:
            text, fds, _, _ = socket.recv_fds(self.control, MOST_ORDER_BYTES, 2)
            if not text:
                break
            order = json.loads(text)
            if order["do"] == "open":
                self._open(order, *fds)
            else:
                _say(self.control, self._end(order["number"]))
        for number in list(self.guests):
            self._end(number)

    def _open(self, order: dict[str, Any], channel: int, log: int) -> None:
        order["uid"] = next(self.uids)
        zygote = os.getpid()
        guest = os.fork()
        if guest == 0:
            try:
                os.setsid()
                if os.getppid() == zygote:
                    live(channel, log, order)
            except MemoryError:
                os._exit(STATUS_OUT_OF_MEMORY)
            finally:
                os._exit(0)
        os.close(channel)
        os.close(log)
        self.guests[order["number"]] = guest
        handle = os.pidfd_open(guest)
        socket.send_fds(self.control, [json.dumps({"process": guest}).encode()], [handle])
        os.close(handle)

    def _end(self, number: int) -> dict[str, Any]:
        """Kills the guest's whole group, where it still lives, and tells how it had ended."""
        guest = self.guests.pop(number, None)
        if guest is None:  # a guest of an earlier zygote
            return {}
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(guest, signal.SIGKILL)
        _, status, usage = os.wait4(guest, 0)
        return {"status": status, "peak_bytes": usage.ru_maxrss * 1024, "cpu_seconds": usage.ru_utime + usage.ru_stime}

    def _uids(self) -> Iterator[int | None]:
        users = unprivileged_uids()
        at = random.SystemRandom().randrange(len(users))  # two zygotes on a machine begin at different places
        while True:
            at = (at + 1) % len(users)
            yield users[at] if can_become(users[at]) else None


def _say(control: socket.socket, answer: dict[str, Any]) -> None:
    control.send(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
