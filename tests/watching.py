"""What the kernel tells of processes: their children, memory, open files. Linux only, like the tests that ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def children_of(number: int) -> list[int]:
    """Process ids of those that it has started and that live."""
    return [child for child in _processes() if _parent_of(child) == number]


def descendants_of(number: int) -> list[int]:
    found = []
    for child in children_of(number):
        found += [child, *descendants_of(child)]
    return found


def command_of(number: int) -> str:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def resident_bytes(number: int) -> int:
    """0 where there is no such process any more."""
    try:
        return int(Path(f"/proc/{number}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def forget_peak() -> None:
    """Of this process's memory: the next `peak_bytes` is of what comes from here on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """The most that this process has held."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) * 1024


def open_files(number: int) -> int:
    try:
        return len(os.listdir(f"/proc/{number}/fd"))  # noqa: PTH208  (only their number is wanted)
    except OSError:
        return 0


def threads_of(number: int) -> int:
    try:
        return len(os.listdir(f"/proc/{number}/task"))  # noqa: PTH208  (as above)
    except OSError:
        return 0


def _processes() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _parent_of(number: int) -> int:
    try:
        return int(Path(f"/proc/{number}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0
