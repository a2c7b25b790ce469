"""The wall around files: Landlock, see https://docs.kernel.org/userspace-api/landlock.html.

Once closed, only what lies beneath the given folders can be opened, by this process and all it ever starts. Its system
calls have the same numbers on every architecture.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from sandbox.kernel import IS_KNOWN, system_call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_FOR_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REG = 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14

_READ = _READ_FILE | _READ_DIR
# Neither sockets, pipes, devices nor symbolic links may be made: nothing a reader of the folder could trip over.
_OWN = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
_RIGHTS_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def landlock_abi() -> int:
    """Version of Landlock in this kernel; 0 where it is missing or switched off."""
    if not IS_KNOWN:
        return 0
    try:
        return system_call(_CREATE_RULESET, None, 0, _ASK_FOR_VERSION)
    except OSError:
        return 0


def close_files(readable: Iterable[Path], own: Iterable[Path], writable_devices: Iterable[Path] = ()) -> None:
    """Needs no_new_privs. Paths that do not exist are left out; also closes TCP (ABI 4), signals and abstract sockets
    (ABI 6).
    """
    abi = landlock_abi()
    handled = (1 << 13) - 1
    if abi >= 2:
        handled |= _REFER
    if abi >= 3:
        handled |= _TRUNCATE
    if abi >= 5:
        handled |= 1 << 15  # ioctl on devices
    rules = _Ruleset(handled, 0b11 if abi >= 4 else 0, 0b11 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = system_call(_CREATE_RULESET, rules, size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READ & handled)
        for path in own:
            _allow(ruleset, path, _OWN & handled)
        for path in writable_devices:
            _allow(ruleset, path, (_READ_FILE | _WRITE_FILE | _TRUNCATE) & handled)
        system_call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= _RIGHTS_OF_A_FILE
        system_call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, _PathBeneath(rights, parent), 0)
    finally:
        os.close(parent)
