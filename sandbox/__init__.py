"""Run a stranger's Python script in another process, behind walls.

    from sandbox import Limits, private_folder, running_zygote

    folder = private_folder(base, {"script.py": script_path, "weights.csv": weights_path})
    with running_zygote(required_walls).open("twin.estimation.guest", folder, Limits(call_seconds=30)) as guest:
        guest.call("load", {"script": "script.py"})
        answer = guest.call("step", {"rows": array}, seconds=5)

A guest module is ours and Django-free; what it looks like stands in sandbox/scripts.py. Messages are plain data and
numpy arrays (sandbox/messages.py). Errors are in sandbox/errors.py: after ScriptFailed the guest can be asked again,
after any other it is dead. What each wall stops, and what is left when one is missing:
docs/explanation/threat-model.md.
"""

from sandbox.errors import (
    BadAnswer,
    GuestNotOpened,
    SandboxError,
    ScriptError,
    ScriptFailed,
    ScriptKilled,
    ScriptTimedOut,
    TooMuchOutput,
    WallsMissing,
    ZygoteLost,
)
from sandbox.folders import BadFileName, check_file_name, private_folder, remove_folder
from sandbox.guest import Guest
from sandbox.limits import Limits
from sandbox.walls import DEFAULT_WALLS, WALLS, Walls, probe_walls
from sandbox.zygote import Zygote, running_zygote, stop_running_zygote

__all__ = [
    "DEFAULT_WALLS",
    "WALLS",
    "BadAnswer",
    "BadFileName",
    "Guest",
    "GuestNotOpened",
    "Limits",
    "SandboxError",
    "ScriptError",
    "ScriptFailed",
    "ScriptKilled",
    "ScriptTimedOut",
    "TooMuchOutput",
    "Walls",
    "WallsMissing",
    "Zygote",
    "ZygoteLost",
    "check_file_name",
    "private_folder",
    "probe_walls",
    "remove_folder",
    "running_zygote",
    "stop_running_zygote",
]
