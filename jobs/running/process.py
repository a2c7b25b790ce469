"""What a process is called, so that others can tell whether it still lives."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

ZOMBIE = "Z"


def this_process() -> str:
    """Names this process so that no later one, on this machine or another, has the same name."""
    return _of_process(os.getpid())


def is_dead(name: str) -> bool:
    """Whether that process of this machine has ended; of another machine's only its lease can tell."""
    machine, namespace, process, start = (name.split("|") + [""] * 4)[:4]
    if machine != _machine() or namespace != _namespace() or not process.isdigit():
        return False
    return start_of(int(process)) != start


@cache
def _of_process(process: int) -> str:
    return f"{_machine()}|{_namespace()}|{process}|{start_of(process)}"


@cache
def _machine() -> str:
    """Two machines may have one name, and copies of one have; no two starts of a kernel have the same number."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()} {boot}"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def start_of(process: int) -> str:
    """When it started, in the kernel's ticks; empty where there is none, or only what nobody has waited for."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = status.rpartition(")")[2].split()  # the name in brackets may hold anything
    return "" if fields[0] == ZOMBIE else fields[19]  # fields 3 and 22 of proc(5)
