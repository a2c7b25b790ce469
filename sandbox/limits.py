"""How much of the machine one script may use."""

from __future__ import annotations

from dataclasses import asdict, dataclass

STATUS_OUT_OF_MEMORY = 71  # exit status of a guest that had no memory left to tell of it


@dataclass(frozen=True)
class Limits:
    """Limits of one guest. Between calls a guest is frozen, so the wall-clock limit of calls also bounds its processor
    time.
    """

    memory_bytes: int = 2 * 2**30  # address space beyond what the libraries already take
    cpu_seconds: int = 86_400  # processor time over the guest's whole life
    call_seconds: float = 30.0  # wall clock of one call, unless the call says otherwise
    answer_bytes: int = 64 * 2**20  # one answer on the wire
    log_bytes: int = 64 * 2**10  # newest part of what it prints
    open_files: int = 64
    threads: int = 16  # beside the first; the libraries' own pools are set to one thread
    disk_bytes: int = 256 * 2**20  # one file, and its whole folder
    disk_entries: int = 10_000  # files and folders in its folder

    def to_mapping(self) -> dict[str, int | float]:
        return asdict(self)
