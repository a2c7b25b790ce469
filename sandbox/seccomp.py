"""The wall around system calls: a seccomp filter that knows what a computation needs and refuses the rest.

A refused call fails with EPERM, so that Python raises PermissionError at the line that tried; calls that serve only to
break out end the process. See https://docs.kernel.org/userspace-api/seccomp_filter.html and linux/filter.h for the
instructions.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from sandbox import kernel
from sandbox.syscalls import ALLOWED, CHECKED, FIRST_RECENT, KILLED, NOT_THERE, PRETENDED, Table

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_FAIL = 0x00050000

_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN = {"x86_64": 0, "aarch64": 1}
_X32_BIT = 0x40000000

_LOAD, _RETURN = 0x20, 0x06
_IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT = 0x15, 0x35, 0x45

_MODE_FILTER = 2

_CLONE_THREAD = 0x00010000
_CLONE_NEW_NAMESPACES = 0x7E020000 | 0x00000080
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)  # all but a file's owner, signal, lease, pipe size
# Is it a terminal, how wide, how many bytes wait, blocking or not, close on exec or not.
_IOCTL_REQUESTS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PRCTL_OPTIONS = (3, 15, 16, 0x53564D41)  # dumpable?, name of the thread, name of a memory area

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def close_system_calls() -> None:
    """Needs no_new_privs. Knows the process by its id, so it is called in the process that it binds."""
    program = _Program.of(filter_program(kernel.MACHINE, os.getpid()))
    kernel.prctl(kernel.PR_SET_SECCOMP, _MODE_FILTER, program)


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    @classmethod
    def of(cls, instructions: list[Instruction]) -> _Program:
        return cls(len(instructions), b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions))


def filter_program(machine: str, own_process: int) -> list[Instruction]:
    refuse = _FAIL | errno.EPERM
    column = _COLUMN[machine]
    first_argument, second_argument = _low_word(0), _low_word(1)
    program: list[Instruction] = [
        (_LOAD, 0, 0, 4),  # the architecture: numbers mean other calls elsewhere
        (_IF_EQUAL, 1, 0, _AUDIT_ARCHITECTURE[machine]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, 0),  # the number of the call
    ]
    if machine == "x86_64":
        program += [(_IF_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL_PROCESS)]
    for number in _numbers(ALLOWED, column):
        program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number in _numbers(KILLED, column):
        program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _KILL_PROCESS)]
    for number in _numbers(PRETENDED, column):
        program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _FAIL | 0)]
    for number in _numbers(NOT_THERE, column):
        program += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _FAIL | errno.ENOSYS)]

    checks = {
        "open": _open_with(second_argument),
        "openat": _open_with(_low_word(2)),
        "clone": [
            (_LOAD, 0, 0, first_argument),
            (_IF_ANY_BIT, 0, 1, _CLONE_NEW_NAMESPACES),
            (_RETURN, 0, 0, refuse),
            (_IF_ANY_BIT, 0, 1, _CLONE_THREAD),
            (_RETURN, 0, 0, _ALLOW),
        ],
        "kill": _one_of(first_argument, (own_process,)),
        "tgkill": _one_of(first_argument, (own_process,)),
        "prctl": _one_of(first_argument, _PRCTL_OPTIONS),
        "prlimit64": _one_of(first_argument, (0, own_process)),
        "fcntl": _one_of(second_argument, _FCNTL_COMMANDS),
        "ioctl": _one_of(second_argument, _IOCTL_REQUESTS),
    }
    for name, check in checks.items():
        body = [*check, (_RETURN, 0, 0, refuse)]
        if (checked := CHECKED[name][column]) is not None:
            program += [(_IF_EQUAL, 0, len(body), checked), *body]
    return [
        *program,
        (_IF_AT_LEAST, 0, 1, FIRST_RECENT),
        (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
        (_RETURN, 0, 0, refuse),
    ]


def _one_of(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    check: list[Instruction] = [(_LOAD, 0, 0, argument)]
    for value in values:
        check += [(_IF_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return check


def _open_with(flags: int) -> list[Instruction]:
    """Opening to read and cutting to nothing at once: Landlock before ABI 3 takes it for reading."""
    return [
        (_LOAD, 0, 0, flags),
        (_IF_ANY_BIT, 2, 0, os.O_WRONLY | os.O_RDWR),
        (_IF_ANY_BIT, 0, 1, os.O_TRUNC),
        (_RETURN, 0, 0, _FAIL | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _low_word(argument: int) -> int:
    """Both architectures are little-endian, and the kernel reads only these 32 bits of the arguments checked here."""
    return 16 + 8 * argument


def _numbers(table: Table, column: int) -> list[int]:
    return [number for row in table.values() if (number := row[column]) is not None]
