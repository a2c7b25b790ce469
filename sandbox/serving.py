"""The life of a guest after the fork: close the doors, then answer calls until the socket ends. Runs in the child only.

Reads and writes the socket with readv and write alone: the filter lets no socket call through.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.doors import close_doors
from sandbox.limits import Limits
from sandbox.messages import HEAD, NotPlainData, pack, unpack
from sandbox.scripts import script_line, script_traceback

Verbs = Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]

_RESERVE_BYTES = 4 * 2**20
_reserve: list[bytes] = []  # given up when memory has run out, so that there is some left to say so with


def live(channel: int, log: int, order: Mapping[str, Any]) -> None:
    """Serves the guest named in `order`; returns when the host closes the channel. `log` takes what is printed."""
    _redirect_standard_streams(log)
    limits = Limits(**order["limits"])
    os.closerange(3, channel)
    os.closerange(channel + 1, 1 << 16)
    try:
        guest = importlib.import_module(order["guest"])  # ours: imported while its files can be read
        verbs: Verbs = guest.verbs
        _forget_the_zygote()
        folder = Path(order["folder"])
        closed = close_doors(folder, limits, order["uid"])
        sys.path.insert(0, str(folder))
        missing = [wall for wall in order["required"] if wall not in closed.names()]
    except BaseException as error:  # noqa: BLE001  (whatever it is, the host has to hear of it)
        told = {"opened": False, "message": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        _send(channel, pack({"call": 0, "result": told}))
        return
    _send(channel, pack({"call": 0, "result": {"opened": not missing, "missing": missing, "walls": closed.names()}}))
    if missing:
        return
    while (request := _receive(channel)) is not None:
        if not _reserve:
            _reserve.append(bytes(_RESERVE_BYTES))
        _send(channel, _answer(verbs, request, limits.answer_bytes))


def _answer(verbs: Verbs, request: bytearray, most_bytes: int) -> bytes:
    asked = unpack(request)
    try:
        result = verbs[asked["verb"]](asked["arguments"])
        if not isinstance(result, dict):
            raise NotPlainData(f"{type(result).__name__} where a dict was expected")
        answer = pack({"call": asked["call"], "result": result})
    except NotPlainData as wrong:
        return pack({"call": asked["call"], "not_plain": str(wrong)})
    except BaseException as error:  # noqa: BLE001  (a stranger's script may raise anything, SystemExit too)
        if isinstance(error, MemoryError):
            _reserve.clear()
        return pack({"call": asked["call"], "error": _described(error)})
    finally:
        _flush()
    if len(answer) > most_bytes:
        return pack({"call": asked["call"], "too_long": len(answer)})
    return answer


def _described(error: BaseException) -> dict[str, Any]:
    line = None
    try:
        line = script_line(error)
        if isinstance(error, MemoryError | RecursionError):
            traceback.clear_frames(error.__traceback__)  # its variables are what fills the memory
        return {
            "kind": type(error).__name__,
            "message": str(error)[:4_000],
            "traceback": script_traceback(error),
            "line": line,
        }
    except BaseException as worse:  # noqa: BLE001  (an exception may bite when it is looked at)
        return {
            "kind": type(error).__name__,
            "message": f"(its message cannot be shown: {type(worse).__name__})",
            "traceback": "",
            "line": line,
        }


def _receive(channel: int) -> bytearray | None:
    head = _read(channel, HEAD.size)
    return None if head is None else _read(channel, HEAD.unpack(head)[0])


def _read(channel: int, size: int) -> bytearray | None:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        got = os.readv(channel, [rest])
        if got == 0:
            return None
        rest = rest[got:]
    return data


def _send(channel: int, message: bytes) -> None:
    rest = memoryview(HEAD.pack(len(message)) + message)
    while rest:
        rest = rest[os.write(channel, rest) :]


def _redirect_standard_streams(log: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (for the life of the process)
    sys.stdout = open(1, "w", 1, "utf-8", "replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, "utf-8", "replace", closefd=False)  # noqa: SIM115


def _forget_the_zygote() -> None:
    """What a fork would else share with its siblings: random numbers, a temporary folder, and files of bytecode."""
    np.random.seed()
    tempfile.tempdir = None
    sys.dont_write_bytecode = True


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S112  (the script may have put anything in their place)
            continue
