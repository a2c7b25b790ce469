"""Puts the walls up around itself and then pushes at each: `python -m sandbox.probe_process <folder>`, run by
sandbox/walls.py.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from sandbox.doors import can_become, close_doors, unprivileged_uids
from sandbox.landlock import landlock_abi
from sandbox.limits import Limits


def try_walls(folder: Path) -> dict[str, int | bool]:
    """Closes the doors around the calling process, for good."""
    abi = landlock_abi()
    user = unprivileged_uids()[0]
    closed = close_doors(folder, Limits(), user if can_become(user) else None)
    return {
        "landlock_abi": abi if closed.landlock and _is_refused(lambda: Path("/etc/passwd").read_bytes()) else 0,
        "seccomp": closed.seccomp and _is_refused(socket.socket),
        "rlimits": closed.rlimits and resource.getrlimit(resource.RLIMIT_AS)[1] != resource.RLIM_INFINITY,
        "uid": closed.uid,
    }


def _is_refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    return False


if __name__ == "__main__":
    sys.stdout.write(json.dumps(try_walls(Path(sys.argv[1]))))
