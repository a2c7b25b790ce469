"""Which walls stand on this machine, found by putting them up in a process made for it, never in the caller's own."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.doors import SINGLE_THREADED

DEFAULT_WALLS = ("landlock", "seccomp", "rlimits")
WALLS = ("landlock", "seccomp", "rlimits", "uid")

_PROJECT = Path(__file__).resolve().parent.parent
_SECONDS_TO_PROBE = 30.0

_STANDING = {
    "landlock": "Files: a script reads Python's libraries and its own folder, and writes only its own folder "
    "(Landlock).",
    "seccomp": "System calls: no network, no other programs, no new processes, no signals to others (seccomp).",
    "rlimits": "Resources: memory, processor time, open files and sizes of files are bounded (rlimits).",
    "uid": "User: each script runs as an unprivileged user of its own (uid).",
}
_ABSENT = {
    "landlock": "Landlock is missing: scripts could read the worker's files. It needs Linux 5.13 or newer with "
    "'landlock' among the kernel's security modules (boot parameter lsm=), and a container runtime that lets its calls "
    "through.",
    "seccomp": "seccomp is missing: scripts could open sockets and start programs. It needs Linux on x86_64 or "
    "aarch64, and a container runtime that lets processes filter themselves.",
    "rlimits": "rlimits are missing: scripts could take all memory. They need Linux.",
    "uid": "The worker does not run as root, or its container maps too few users: scripts run as the worker's own "
    "user, behind the other walls. Run the worker as root in a container to have this one too.",
}


@dataclass(frozen=True)
class Walls:
    """`landlock_abi` is 0 where it is missing. `bubblewrap` tells only whether the program is installed; nothing uses
    it.
    """

    landlock_abi: int = 0
    seccomp: bool = False
    rlimits: bool = False
    uid: bool = False
    bubblewrap: bool = False

    def stands(self, wall: str) -> bool:
        return self.landlock_abi > 0 if wall == "landlock" else wall in WALLS and bool(getattr(self, wall))

    def missing(self, required: Iterable[str]) -> list[str]:
        """Those of `required` that do not stand; a name that no wall has never stands."""
        return [wall for wall in required if not self.stands(wall)]

    def sentences(self) -> list[str]:
        """One for each wall, standing or not, for people."""
        return [_STANDING[wall] if self.stands(wall) else _ABSENT[wall] for wall in WALLS]

    def sentences_about(self, missing: Iterable[str]) -> list[str]:
        known = ", ".join(WALLS)
        return [_ABSENT.get(wall, f"There is no wall called {wall!r}; there are {known}.") for wall in missing]


@functools.cache
def probe_walls() -> Walls:
    """Takes about 0.2 s the first time; the walls of a machine do not change while a process lives."""
    bubblewrap = shutil.which("bwrap") is not None
    if sys.platform != "linux":
        return Walls(bubblewrap=bubblewrap)
    with tempfile.TemporaryDirectory(prefix="rovi-walls-") as folder:
        try:
            result = subprocess.run(  # noqa: S603  (our own interpreter and module)
                [sys.executable, "-m", "sandbox.probe_process", folder],
                cwd=_PROJECT,
                env={"LANG": "C.UTF-8", **SINGLE_THREADED},
                capture_output=True,
                check=True,
                timeout=_SECONDS_TO_PROBE,
            )
        except (OSError, subprocess.SubprocessError):
            return Walls(bubblewrap=bubblewrap)
    return Walls(**json.loads(result.stdout), bubblewrap=bubblewrap)
