"""The few calls into the kernel that Python's standard library does not offer, by ctypes.

Numbers are from the Linux headers asm/unistd_64.h (x86_64), asm-generic/unistd.h (aarch64), linux/prctl.h,
linux/capability.h.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

MACHINE = platform.machine()
IS_KNOWN = sys.platform == "linux" and MACHINE in ("x86_64", "aarch64") and sys.maxsize > 2**32

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38

CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_READ_SEARCH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def system_call(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | ctypes.Structure | None) -> int:
    """Like syscall(2): raises OSError instead of returning -1."""
    _libc.syscall.restype = ctypes.c_long
    passed = [
        ctypes.c_long(argument) if isinstance(argument, int) else None if argument is None else ctypes.byref(argument)
        for argument in arguments
    ]
    result = int(_libc.syscall(ctypes.c_long(number), *passed))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def prctl(option: int, value: int = 0, third: ctypes.Structure | int = 0) -> None:
    last = ctypes.c_ulong(third) if isinstance(third, int) else ctypes.byref(third)
    if _libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), last, ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySets(ctypes.Structure):
    """Two words each of effective, permitted, inheritable; the second three hold capabilities 32 and up."""

    _fields_ = (("words", ctypes.c_uint32 * 6),)


def keep_only_capabilities(mask: int) -> None:
    """Effective and permitted become `mask` (a bit for each capability below 32), inheritable becomes nothing."""
    header = _CapabilityHeader(CAPABILITY_VERSION_3, 0)
    sets = _CapabilitySets((ctypes.c_uint32 * 6)(mask, mask, 0, 0, 0, 0))
    if _libc.capset(ctypes.byref(header), ctypes.byref(sets)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
